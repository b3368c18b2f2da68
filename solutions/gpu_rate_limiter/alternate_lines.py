"""Another design: buckets as lines in time (as in the generic cell rate algorithm), heaps of what is due, plain counts of slots."""

import heapq
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

# ---- given: leave this part as it is


class Impossible(Exception):
    """The request can never be admitted."""


class UnknownRequest(Exception):
    """There is no such request, or not any more."""


class Clock(Protocol):
    """Tells the time."""

    def read(self) -> int:
        """Milliseconds."""
        ...


@dataclass(frozen=True)
class Quota:
    """A tenant's bucket: at most `burst` credits, gaining `rate` credits per second."""

    rate: int
    burst: int


@dataclass(frozen=True)
class Gpu:
    """A class of cards: credits per millisecond, GB of memory of a card, and how many cards there are (None: no limit)."""

    price: int
    vram: int
    slots: int | None = None


@dataclass(frozen=True)
class Decision:
    """Whether a request may run now; if not, in how many milliseconds; and whose slot it took (stage 3)."""

    admitted: bool
    retry_after: int = 0
    revoked: str | None = None


# ---- yours


class RateLimiter:
    """Stage 1. `_full_at[tenant]` is when the bucket would be full, in units of 1 / rate ms: `rate * millisecond` is now."""

    def __init__(self, clock: Clock, default: Quota, quotas: Mapping[str, Quota] | None = None) -> None:
        self._clock = clock
        self._default = default
        self._quotas = dict(quotas or {})
        self._full_at: dict[str, int] = {}

    def acquire(self, tenant: str, cost: int) -> Decision:
        quota = self._quotas.get(tenant, self._default)
        if cost > quota.burst:
            raise Impossible(tenant)
        now = self._clock.read()
        then = _charged(self._full_at.get(tenant), quota, now, cost)
        late = _lateness(then, quota, now)
        if late:
            return Decision(False, late)
        self._full_at[tenant] = then
        return Decision(True)


def _charged(full_at: int | None, quota: Quota, now: int, cost: int) -> int:
    """When the bucket would be full after paying the cost."""
    present = quota.rate * now
    return (present if full_at is None else max(full_at, present)) + 1000 * cost


def _lateness(full_at: int, quota: Quota, now: int) -> int:
    """How many milliseconds too early it is for the bucket to be that far from full."""
    excess = full_at - 1000 * quota.burst - quota.rate * now
    return max(0, (excess + quota.rate - 1) // quota.rate)


@dataclass
class _Run:
    tenant: str
    gpu: str
    number: int
    cost: int
    until: int
    decision: Decision
    holds: bool = True
    settled: bool = False


@dataclass
class _Cards:
    slots: float
    shares: Mapping[str, int]
    held: int = 0
    by_tenant: dict[str, set[str]] = field(default_factory=dict)
    above: set[str] = field(default_factory=set)
    ends: list[tuple[int, int, str]] = field(
        default_factory=list
    )  # a heap, in which those that have lost their slot may linger

    def count(self, tenant: str) -> int:
        return len(self.by_tenant.get(tenant, ()))

    def change(self, name: str, run: _Run, holds: bool) -> None:
        run.holds = holds
        names = self.by_tenant.setdefault(run.tenant, set())
        if holds:
            self.held += 1
            names.add(name)
            heapq.heappush(self.ends, (run.until, run.number, name))
        else:
            self.held -= 1
            names.remove(name)
        if len(names) > self.shares.get(run.tenant, 0):
            self.above.add(run.tenant)
        else:
            self.above.discard(run.tenant)
        if not names:
            del self.by_tenant[run.tenant]


class GpuRateLimiter:
    """Stages 2 to 4."""

    def __init__(
        self,
        clock: Clock,
        default: Quota,
        quotas: Mapping[str, Quota],
        gpus: Mapping[str, Gpu],
        expiry: int,
        shares: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self._clock = clock
        self._default, self._quotas = default, dict(quotas)
        self._gpus = dict(gpus)
        self._expiry = expiry
        given = shares or {}
        self._cards = {
            name: _Cards(float("inf") if gpu.slots is None else gpu.slots, given.get(name, {}))
            for name, gpu in gpus.items()
        }
        self._mutex = threading.RLock()
        self._highest: list[int] = []
        self._full_at: dict[str, int] = {}
        self._live: dict[str, int] = {}  # tenant to its known runs
        self._runs: dict[str, _Run] = {}
        self._numbers = 0
        self._due: list[tuple[int, int, str]] = []  # runs to end
        self._idle: list[
            tuple[int, str]
        ] = []  # when to look whether a tenant is idle; each remembered tenant is in it once

    def reserve(self, request: str, tenant: str, gpu: str, vram: int, millis: int) -> Decision:
        with self._mutex:
            quota = self._quotas.get(tenant, self._default)
            if gpu not in self._gpus or self._gpus[gpu].vram < vram or self._gpus[gpu].price * millis > quota.burst:
                raise Impossible(request)
            reading = self._clock.read()
            now = self._pass(reading)
            if request in self._runs:
                return self._runs[request].decision
            cost, cards = self._gpus[gpu].price * millis, self._cards[gpu]
            full_at = _charged(self._full_at.get(tenant), quota, now, cost)
            start = now + _lateness(full_at, quota, now)
            needs_one = cards.held >= cards.slots
            if needs_one and cards.count(tenant) >= cards.shares.get(tenant, 0):
                start = max(start, self._first_end(cards))
            if start > now:
                return Decision(False, start - reading)
            revoked = self._revoke(cards) if needs_one else None
            self._numbers += 1
            run = self._runs[request] = _Run(
                tenant, gpu, self._numbers, cost, now + self._expiry, Decision(True, 0, revoked)
            )
            cards.change(request, run, True)
            heapq.heappush(self._due, (run.until, run.number, request))
            self._full_at[tenant] = full_at
            self._live[tenant] = self._live.get(tenant, 0) + 1
            return run.decision

    def settle(self, request: str, millis: int) -> None:
        with self._mutex:
            now = self._pass(self._clock.read())
            if request not in self._runs:
                raise UnknownRequest(request)
            run = self._runs[request]
            if not run.settled:
                run.settled = True
                quota = self._quotas.get(run.tenant, self._default)
                used = millis * self._gpus[run.gpu].price
                self._full_at[run.tenant] = _charged(self._full_at[run.tenant], quota, now, used - run.cost)
                if run.holds:
                    self._cards[run.gpu].change(request, run, False)

    def balance(self, tenant: str) -> int:
        with self._mutex:
            now = self._pass(self._clock.read())
            quota = self._quotas.get(tenant, self._default)
            lacking = max(0, self._full_at.get(tenant, quota.rate * now) - quota.rate * now)
            return (quota.burst * 1000 - lacking) // 1000

    def tracked(self) -> int:
        return len(self._full_at)

    def _pass(self, reading: int) -> int:
        now = max([reading, *self._highest])
        self._highest = [now]
        while self._due and self._due[0][0] <= now:
            name = heapq.heappop(self._due)[2]
            run = self._runs.pop(name)
            if run.holds:
                self._cards[run.gpu].change(name, run, False)
            self._live[run.tenant] -= 1
            if not self._live[run.tenant]:
                del self._live[run.tenant]
                heapq.heappush(self._idle, (self._full_from(run.tenant), run.tenant))
        while self._idle and self._idle[0][0] <= now:
            tenant = self._idle[0][1]
            if tenant in self._live or tenant not in self._full_at:
                heapq.heappop(self._idle)
            elif self._full_from(tenant) > now:
                heapq.heapreplace(self._idle, (self._full_from(tenant), tenant))
            else:
                heapq.heappop(self._idle)
                del self._full_at[tenant]
        return now

    def _full_from(self, tenant: str) -> int:
        """The millisecond from which on the bucket is full."""
        return -(-self._full_at[tenant] // self._quotas.get(tenant, self._default).rate)

    def _first_end(self, cards: _Cards) -> int:
        while True:
            until, number, name = cards.ends[0]
            run = self._runs.get(name)
            if run is not None and run.number == number and run.holds:
                return until
            heapq.heappop(cards.ends)

    def _revoke(self, cards: _Cards) -> str:
        name = next(iter(cards.by_tenant[next(iter(cards.above))]))
        cards.change(name, self._runs[name], False)
        return name
