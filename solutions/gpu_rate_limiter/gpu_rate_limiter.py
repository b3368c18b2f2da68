"""The reference solution: one lock, exact integers, and work that is put off until a call comes by."""

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
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

UNIT = 1000
"""Buckets count in thousandths of a credit, because a rate per second is that many thousandths per millisecond."""


class _Bucket:
    """One tenant's credits as they were at an instant."""

    __slots__ = ("at", "known", "level", "quota")

    def __init__(self, quota: Quota, now: int) -> None:
        self.quota = quota
        self.level = quota.burst * UNIT
        self.at = now
        self.known = 0  # requests of the tenant that are known

    def refill(self, now: int) -> None:
        self.add(self.quota.rate * (now - self.at))
        self.at = now

    def add(self, amount: int) -> None:
        """Thousandths of a credit, perhaps fewer than none; what does not fit is lost."""
        self.level = min(self.level + amount, self.quota.burst * UNIT)

    def wait(self, cost: int) -> int:
        """Milliseconds until the bucket holds the cost."""
        missing = cost * UNIT - self.level
        return max(0, -(-missing // self.quota.rate))

    @property
    def idle(self) -> bool:
        return self.known == 0 and self.level == self.quota.burst * UNIT


class RateLimiter:
    """Stage 1."""

    def __init__(self, clock: Clock, default: Quota, quotas: Mapping[str, Quota] | None = None) -> None:
        self._clock = clock
        self._default = default
        self._quotas = quotas or {}
        self._buckets: dict[str, _Bucket] = {}

    def acquire(self, tenant: str, cost: int) -> Decision:
        quota = self._quotas.get(tenant, self._default)
        if cost > quota.burst:
            raise Impossible(f"{cost} credits, and {tenant} never has more than {quota.burst}")
        now = self._clock.read()
        bucket = self._buckets.setdefault(tenant, _Bucket(quota, now))
        bucket.refill(now)
        wait = bucket.wait(cost)
        if wait:
            return Decision(admitted=False, retry_after=wait)
        bucket.add(-cost * UNIT)
        return Decision(admitted=True)


@dataclass
class _Request:
    """An admitted request, for as long as it is known."""

    name: str
    tenant: str
    gpu: str
    cost: int
    expires: int
    decision: Decision
    settled: bool = False


class _Pool:
    """The slots of one class. Since all requests live equally long, they expire in the order in which they came."""

    def __init__(self, slots: int | None, shares: Mapping[str, int]) -> None:
        self._slots = slots
        self._shares = shares
        self._held: OrderedDict[str, _Request] = (
            OrderedDict()
        )  # a dict would look for its first key among the dead ones
        self._by_tenant: dict[str, dict[str, None]] = {}  # names of the requests that hold a slot
        self._above: dict[str, None] = {}  # tenants above their share

    def free_at(self, tenant: str, now: int) -> int:
        """The first instant at which the tenant can have a slot."""
        if not self._full() or self._count(tenant) < self._shares.get(tenant, 0):
            return now
        return next(iter(self._held.values())).expires

    def take(self, request: _Request) -> None:
        self._held[request.name] = request
        self._by_tenant.setdefault(request.tenant, {})[request.name] = None
        self._weigh(request.tenant)

    def revoke(self) -> str | None:
        """Take a slot from a tenant above its share, if none is free."""
        if not self._full():
            return None
        name = next(reversed(self._by_tenant[next(iter(self._above))]))
        self.give_back(name)
        return name

    def give_back(self, name: str) -> None:
        """Whatever the request holds."""
        request = self._held.pop(name, None)
        if request is not None:
            names = self._by_tenant[request.tenant]
            del names[name]
            if not names:
                del self._by_tenant[request.tenant]
            self._weigh(request.tenant)

    def _full(self) -> bool:
        return self._slots is not None and len(self._held) >= self._slots

    def _count(self, tenant: str) -> int:
        return len(self._by_tenant.get(tenant, ()))

    def _weigh(self, tenant: str) -> None:
        if self._count(tenant) > self._shares.get(tenant, 0):
            self._above[tenant] = None
        else:
            self._above.pop(tenant, None)


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
        self._default = default
        self._quotas = quotas
        self._gpus = gpus
        self._expiry = expiry
        self._pools = {name: _Pool(gpu.slots, (shares or {}).get(name, {})) for name, gpu in gpus.items()}
        self._time: int | None = None
        self._buckets: dict[str, _Bucket] = {}
        self._rota: deque[str] = deque()  # every tenant that has a bucket, for `_forget_idle`
        self._requests: dict[str, _Request] = {}
        self._by_age: deque[_Request] = deque()  # every known request, the oldest first
        self._lock = threading.Lock()

    def reserve(self, request: str, tenant: str, gpu: str, vram: int, millis: int) -> Decision:
        with self._lock:
            reading = self._clock.read()
            now = self._advance(reading)
            self._forget_idle(now)
            if request in self._requests:
                return self._requests[request].decision
            cost = self._cost(tenant, gpu, vram, millis)
            pool, bucket = self._pools[gpu], self._bucket(tenant, now)
            possible_at = max(now + bucket.wait(cost), pool.free_at(tenant, now))
            if possible_at > now:
                return Decision(admitted=False, retry_after=possible_at - reading)
            decision = Decision(admitted=True, revoked=pool.revoke())
            self._admit(_Request(request, tenant, gpu, cost, now + self._expiry, decision), bucket)
            return decision

    def settle(self, request: str, millis: int) -> None:
        with self._lock:
            now = self._advance(self._clock.read())
            known = self._requests.get(request)
            if known is None:
                raise UnknownRequest(request)
            if known.settled:
                return
            known.settled = True
            used = millis * self._gpus[known.gpu].price
            self._bucket(known.tenant, now).add((known.cost - used) * UNIT)
            self._pools[known.gpu].give_back(request)

    def balance(self, tenant: str) -> int:
        with self._lock:
            return self._bucket(tenant, self._advance(self._clock.read())).level // UNIT

    def tracked(self) -> int:
        with self._lock:
            return len(self._buckets)

    def _advance(self, reading: int) -> int:
        """The limiter's time, after everything that was due by then."""
        now = reading if self._time is None else max(self._time, reading)
        self._time = now
        while self._by_age and self._by_age[0].expires <= now:
            request = self._by_age.popleft()
            del self._requests[request.name]
            self._pools[request.gpu].give_back(request.name)
            self._buckets[request.tenant].known -= 1
        return now

    def _cost(self, tenant: str, gpu: str, vram: int, millis: int) -> int:
        card = self._gpus.get(gpu)
        if card is None or vram > card.vram:
            raise Impossible(f"no card of class {gpu} has {vram} GB")
        cost = card.price * millis
        burst = self._quotas.get(tenant, self._default).burst
        if cost > burst:
            raise Impossible(f"{cost} credits, and {tenant} never has more than {burst}")
        return cost

    def _bucket(self, tenant: str, now: int) -> _Bucket:
        """The tenant's bucket as it is now; not kept if it was not, as a new one is as good."""
        bucket = self._buckets.get(tenant)
        if bucket is None:
            return _Bucket(self._quotas.get(tenant, self._default), now)
        bucket.refill(now)
        return bucket

    def _admit(self, request: _Request, bucket: _Bucket) -> None:
        if request.tenant not in self._buckets:
            self._buckets[request.tenant] = bucket
            self._rota.append(request.tenant)
        bucket.add(-request.cost * UNIT)
        bucket.known += 1
        self._pools[request.gpu].take(request)
        self._requests[request.name] = request
        self._by_age.append(request)

    def _forget_idle(self, now: int) -> None:
        """Look at two tenants, one more than a call can add, so that all get their turn."""
        for _ in range(min(2, len(self._rota))):
            tenant = self._rota.popleft()
            if self._bucket(tenant, now).idle:
                del self._buckets[tenant]
            else:
                self._rota.append(tenant)
