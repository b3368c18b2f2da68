"""What the limiter talks to, and who calls it: a clock, a client that probes what it is told, and a meter of work."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from burnin.script import Step
from burnin.suite import Call, Opaque, World, call

FAR = 10**12
"""Milliseconds beyond which a client does not wait: no bucket of a script takes that long."""


class Clock(World):
    """Reads `start` at the beginning, and from then on the milliseconds that have passed; each of `jumps` is a time (in milliseconds) and how
    far the clock is moved then."""

    def __init__(self, start: int = 0, jumps: list[tuple[int, int]] | None = None) -> None:
        self._start, self._jumps = start, jumps or []

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        jumps = "".join(f", moved by {by:+} ms at {at / 1000:g} s" for at, by in kwargs.get("jumps") or [])
        return f"reads {kwargs.get('start', 0)} at 0 s{jumps}"

    def reads(self, seconds: float) -> int:
        """What it reads at this virtual time."""
        passed = round(seconds * 1000)
        return self._start + passed + sum(by for at, by in self._jumps if at <= passed)

    @call(shown=False, reading=True)
    def read(self) -> int:
        return self.reads(self.now)


@dataclass(frozen=True)
class Said:
    """A decision as the limiter gave it."""

    admitted: bool
    retry_after: int
    revoked: str | None = None

    def __str__(self) -> str:
        if self.admitted:
            return "admitted" + (f", {self.revoked} revoked" if self.revoked is not None else "")
        return f"denied, retry_after={self.retry_after}" + (
            f", {self.revoked} revoked" if self.revoked is not None else ""
        )


def said(call: Call) -> Said | None:
    """The decision that the call returned, if that is what it did."""
    value = call.value
    if call.outcome == "returned" and isinstance(value, Opaque) and value.type == "Decision":
        admitted, wait, revoked = (value.fields.get(name) for name in ("admitted", "retry_after", "revoked"))
        if type(admitted) is bool and type(wait) is int and (revoked is None or type(revoked) is str):
            return Said(admitted, wait, revoked)
    return None


@dataclass
class Probe:
    """A denied call, the same call one millisecond before the instant that it was told, and at that instant."""

    denied: Call
    early: Call
    due: Call


class Client(World):
    """Makes its moves, each a method, its arguments and the milliseconds before it, and probes every `retry_after`."""

    def __init__(self, moves: list[tuple[str, list[Any], int]]) -> None:
        self._moves = moves
        self.probes: list[Probe] = []

    def drive(self) -> Generator[Step, Call, None]:
        for do, args, millis in self._moves:
            first = yield _step(do, args, millis)
            decision = said(first)
            if decision is not None and not decision.admitted and 1 <= decision.retry_after < FAR:
                early = yield _step(do, args, decision.retry_after - 1)
                due = yield _step(do, args, 1)
                self.probes.append(Probe(first, early, due))


def _step(do: str, args: list[Any], millis: int) -> Step:
    return Step(do, on="limiter", args=tuple(args), after=(millis / 1000, 0))
