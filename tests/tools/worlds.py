"""Worlds, scripts and workers that the tests of the core share."""

from __future__ import annotations

import contextlib
import textwrap
from collections.abc import Generator, Iterator
from typing import Any, Self

from burnin.history import History
from burnin.judge.player import WorkerPlayer
from burnin.judge.processes import Template
from burnin.judge.verdict import Verdict
from burnin.script import Pause, Script, Step, WorldRef, WorldSpec
from burnin.suite import Call, Cancelled, Fails, Handle, World, call

__all__ = ["DESK", "GAUGE", "Asker", "Desk", "Worker", "Workers", "calls", "shown", "tasks", "threads"]


class Desk(World):
    """Gives out handles after a while, and takes them back."""

    def __init__(self, seconds: float = 1.0, ticks: int = 0, failing: tuple[str, ...] = ()) -> None:
        self.pause: Pause = (seconds, ticks)
        self.failing = failing
        self.log: list[tuple[float, str, Any]] = []

    @call
    def fetch(self, key: str) -> Generator[Pause, None, Handle]:
        self.log.append((self.now, "fetch", key))
        try:
            yield self.pause
        except Cancelled:
            self.log.append((self.now, "cancelled", key))
            raise
        if key in self.failing:
            raise Fails("LookupError", key)
        self.log.append((self.now, "fetched", key))
        return self.issue(key)

    @call
    def put(self, handle: Handle) -> int:
        self.log.append((self.now, "put", handle.about))
        return handle.number

    @call
    def total(self, numbers: list[int]) -> int:
        return sum(numbers)

    @call(constant=True)
    def price(self, key: str) -> int:
        self.log.append((self.now, "price", key))
        return len(key)

    @call
    def stubborn(self) -> Generator[float, None, None]:
        """A mistake of a suite: it takes time after it was cancelled."""
        try:
            yield 1.0
        except Cancelled:
            yield 1.0

    def secret(self) -> str:
        """Not marked, so no submission may call it."""
        return "secret"


class Gauge(World):
    """Is known in part before it is asked."""

    def __init__(self) -> None:
        self.colours = {"a": "amber"}
        self.notes: list[Any] = []

    @call(constant="colours")
    def colour(self, key: str) -> str:
        return self.colours[key]

    @call(reading=True)
    def hour(self) -> float:
        return self.now / 3600

    @call(silent=True)
    def note(self, text: str, number: int) -> None:
        self.notes.append((text, number))

    @call(silent=True)
    def loud(self, text: str) -> int:
        """A mistake of a suite: it is to answer nothing, and does."""
        return len(text)

    @call
    def count(self) -> int:
        return len(self.notes)


class Asker(World):
    """Drives an actor: calls `double` with what it got last, so many times."""

    def __init__(self, start: int, times: int) -> None:
        self.start, self.times = start, times
        self.got: list[Any] = []

    def drive(self) -> Generator[Step, Call, None]:
        value = self.start
        for _ in range(self.times):
            made = yield Step("double", args=(value,), after=(0.5, 0))
            self.got.append(made.value)
            if not isinstance(made.value, int):
                return
            value = made.value

    @call
    def peek(self) -> list[Any]:
        return self.got


DESK, GAUGE = WorldSpec("Desk", {}), WorldSpec("Gauge", {})
POOL = Step("Pool", args=(WorldRef("desk"),), save="pool")


def _script(mode: Any, setup: tuple[Step, ...], actors: dict[str, tuple[Step, ...]], more: dict[str, Any]) -> Script:
    return Script(setup=setup, actors=actors, mode=mode, **{"worlds": {"desk": DESK}, **more})


def calls(*steps: Step, setup: tuple[Step, ...] = (), **more: Any) -> Script:
    """One actor named A."""
    return _script("calls", setup, {"A": steps}, more)


def tasks(setup: tuple[Step, ...] = (), more: dict[str, Any] | None = None, **actors: tuple[Step, ...]) -> Script:
    """Actors by name, each a task."""
    return _script("tasks", setup, actors, more or {})


def threads(setup: tuple[Step, ...] = (), more: dict[str, Any] | None = None, **actors: tuple[Step, ...]) -> Script:
    """Actors by name, each a thread."""
    return _script("threads", setup, actors, more or {})


def shown(history: History) -> list[tuple[Any, ...]]:
    """The events, with values as text: handles of two plays are never equal."""
    return [(e.seq, e.t, e.kind, e.actor, e.call, e.what, repr(e.value)) for e in history.events]


class Worker(WorkerPlayer):
    """A player that also takes the verdict for an answer."""

    def verdict(self, script: Script) -> Verdict:
        """The verdict that the play itself gives."""
        try:
            self(script)
        except Verdict as verdict:
            return verdict
        raise AssertionError("the play gave no verdict")

    def hurry(self, seconds: float) -> None:
        """From now on the judge waits no longer than this for a message; only once it has played."""
        assert self._worker is not None
        self._worker._connection.be_patient(seconds)

    @property
    def history(self) -> History:
        """Of the last play, whatever became of it."""
        assert self.last is not None
        return self.last.history


class Workers:
    """Makes workers; remembers the template of each submission."""

    def __init__(self) -> None:
        self._templates: dict[str, Template] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def of(self, text: str) -> Iterator[Worker]:
        """A worker for this submission."""
        if text not in self._templates:
            template = Template("submission", textwrap.dedent(text).encode())
            self._templates[text] = self._stack.enter_context(template)
        worker = Worker(self._templates[text])
        try:
            yield worker
        finally:
            worker.close()
