"""The statement as a program: plain, exact and slow. It follows what the limiter said, and tells what each next call must do."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from burnin.suite import Call

from .world import Said, said

Numbers = dict[str, int]


@dataclass
class Known:
    """An admitted request that is known."""

    tenant: str
    gpu: str
    cost: int
    ends: int
    said: Said
    holds: bool = True
    settled: bool = False


@dataclass(frozen=True)
class Must:
    """What a call must do.

    `kind`: admitted, denied, impossible, same (of a known request), settled, again (settled before), unknown, balance.
    """

    kind: str
    said: Said | None = None
    value: int | None = None
    victims: frozenset[str] = frozenset()
    """A request that it may revoke; it must revoke one if there is any."""
    slot: str = ""
    """free, guaranteed, none: how the tenant stands for a slot."""
    credits: bool = True
    """Whether the bucket holds the cost."""

    @property
    def error(self) -> str | None:
        return {"impossible": "Impossible", "unknown": "UnknownRequest"}.get(self.kind)

    def allows(self, call: Call) -> bool:
        """Whether the call did just that."""
        got = said(call)
        if self.error is not None:
            return call.raised(self.error)
        if self.said is None:
            return call.outcome == "returned" and (
                self.value is None or (type(call.value) is int and call.value == self.value)
            )
        if got is None or not self.victims:
            return got == self.said
        return got.admitted and got.retry_after == 0 and got.revoked in self.victims

    def __str__(self) -> str:
        if self.error is not None:
            return f"to raise {self.error}"
        if self.victims:
            return f"to be admitted and to revoke {' or '.join(sorted(self.victims))}"
        if self.said is not None:
            return f"to be {self.said}"
        return f"to return {self.value}"


@dataclass
class Model:
    """One limiter. `gpus` has price, vram and slots (None: no limit) of each class. Amounts are thousandths of a credit."""

    quotas: dict[str, tuple[int, int]]  # rate, burst; "" is the default
    gpus: dict[str, tuple[int, int, int | None]]
    shares: dict[str, Numbers]
    expiry: int
    time: int | None = None
    levels: dict[str, tuple[int, int]] = field(default_factory=dict)  # tenant to its level at an instant
    known: dict[str, Known] = field(default_factory=dict)

    def copy(self) -> Model:
        """One that can go its own way."""
        known = {name: copy.copy(one) for name, one in self.known.items()}
        return Model(self.quotas, self.gpus, self.shares, self.expiry, self.time, dict(self.levels), known)

    def state(self) -> Any:
        """What two models have in common that can only do the same."""
        known = tuple(sorted((name, one.holds, one.settled) for name, one in self.known.items()))
        return known, tuple(sorted(self.levels.items()))

    def read(self, reading: int) -> list[str]:
        """The clock is read. Returns the requests that are not known any more."""
        self.time = reading if self.time is None else max(self.time, reading)
        gone = [name for name, one in self.known.items() if one.ends <= self.time]
        for name in gone:
            del self.known[name]
        return gone

    # ---- what a call must do; `read` comes first

    def must_acquire(self, tenant: str, cost: int, reading: int) -> Must:
        if cost > self._quota(tenant)[1]:
            return Must("impossible")
        return self._must(tenant, cost, reading, "free", None)

    def must_reserve(self, request: str, tenant: str, gpu: str, vram: int, millis: int, reading: int) -> Must:
        if request in self.known:
            return Must("same", self.known[request].said)
        if gpu not in self.gpus or vram > self.gpus[gpu][1] or self.cost(gpu, millis) > self._quota(tenant)[1]:
            return Must("impossible")
        slot = self.slot(tenant, gpu)
        until = min(self.known[name].ends for name in self.holders(gpu)) if slot == "none" else None
        return self._must(tenant, self.cost(gpu, millis), reading, slot, until, gpu)

    def must_settle(self, request: str) -> Must:
        if request not in self.known:
            return Must("unknown")
        return Must("again" if self.known[request].settled else "settled")

    def must_balance(self, tenant: str) -> Must:
        return Must("balance", value=self.level(tenant) // 1000)

    # ---- what it has done

    def charge(self, tenant: str, credits: int) -> None:
        """Take credits out, or put some in if they are fewer than none."""
        assert self.time is not None
        full = self._quota(tenant)[1] * 1000
        self.levels[tenant] = (min(full, self.level(tenant) - credits * 1000), self.time)

    def admit(self, request: str, tenant: str, gpu: str, millis: int, decision: Said) -> None:
        assert self.time is not None
        if decision.revoked in self.known:
            self.known[decision.revoked].holds = False
        self.charge(tenant, self.cost(gpu, millis))
        self.known[request] = Known(tenant, gpu, self.cost(gpu, millis), self.time + self.expiry, decision)

    def settle(self, request: str, millis: int) -> None:
        one = self.known.get(request)
        if one is not None and not one.settled:
            self.charge(one.tenant, self.cost(one.gpu, millis) - one.cost)
            one.settled, one.holds = True, False

    # ---- how things stand

    def cost(self, gpu: str, millis: int) -> int:
        return self.gpus[gpu][0] * millis

    def level(self, tenant: str) -> int:
        """What the bucket holds, in thousandths of a credit."""
        rate, burst = self._quota(tenant)
        if tenant not in self.levels:
            return burst * 1000
        level, at = self.levels[tenant]
        assert self.time is not None
        return min(burst * 1000, level + rate * (self.time - at))

    def full(self, tenant: str) -> bool:
        return self.level(tenant) == self._quota(tenant)[1] * 1000

    def idle(self, tenant: str) -> bool:
        """Whether the bucket is full and no request of the tenant known."""
        return self.full(tenant) and all(one.tenant != tenant for one in self.known.values())

    def holders(self, gpu: str, tenant: str | None = None) -> list[str]:
        """The requests that hold a slot of the class."""
        return [n for n, k in self.known.items() if k.holds and k.gpu == gpu and tenant in (None, k.tenant)]

    def slot(self, tenant: str, gpu: str) -> str:
        """free, guaranteed or none."""
        slots = self.gpus[gpu][2]
        if slots is None or len(self.holders(gpu)) < slots:
            return "free"
        return "guaranteed" if len(self.holders(gpu, tenant)) < self._share(tenant, gpu) else "none"

    def _must(self, tenant: str, cost: int, reading: int, slot: str, until: int | None, gpu: str = "") -> Must:
        assert self.time is not None
        missing = cost * 1000 - self.level(tenant)
        wait = -(-missing // self._quota(tenant)[0]) if missing > 0 else 0
        at = max(self.time + wait, self.time if until is None else until)
        if at > self.time:
            return Must("denied", Said(False, at - reading), slot=slot, credits=missing <= 0)
        victims = (
            [n for n in self.holders(gpu) if self._above(self.known[n].tenant, gpu)] if slot == "guaranteed" else []
        )
        return Must("admitted", Said(True, 0), victims=frozenset(victims), slot=slot)

    def _above(self, tenant: str, gpu: str) -> bool:
        return len(self.holders(gpu, tenant)) > self._share(tenant, gpu)

    def _share(self, tenant: str, gpu: str) -> int:
        return self.shares.get(gpu, {}).get(tenant, 0)

    def _quota(self, tenant: str) -> tuple[int, int]:
        return self.quotas.get(tenant, self.quotas[""])
