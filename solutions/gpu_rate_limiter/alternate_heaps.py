"""GPU rate limiter: decide which tenant may use which GPU now.

Everything is under one lock and in integers, with the buckets in thousandths of a credit. What expires waits in heaps and is cleaned up lazily:
a few entries in each `reserve`, and the slots of a class when it has no other slot left.
"""

import heapq
import itertools
import threading
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

_MILLI = 1000  # thousandths in a credit; a rate per second is a rate in thousandths per millisecond


class _Bucket:
    """What a tenant has at `at`, in thousandths of a credit. Begins full."""

    def __init__(self, quota: Quota, now: int) -> None:
        self.quota = quota
        self.level = quota.burst * _MILLI
        self.at = now

    def held(self, now: int) -> int:
        """Thousandths of a credit in the bucket now."""
        return min(self.quota.burst * _MILLI, self.level + self.quota.rate * (now - self.at))

    def add(self, credits: int, now: int) -> None:
        """Put credits in or, if negative, take them out. What is over the brim is lost."""
        self.level = min(self.quota.burst * _MILLI, self.held(now) + credits * _MILLI)
        self.at = now

    def affords_at(self, cost: int, now: int) -> int:
        """The first millisecond, now or later, at which `cost` credits are in the bucket."""
        missing = cost * _MILLI - self.held(now)
        return now if missing <= 0 else now - (-missing // self.quota.rate)


class RateLimiter:
    """Stage 1."""

    def __init__(self, clock: Clock, default: Quota, quotas: Mapping[str, Quota] | None = None) -> None:
        self._clock = clock
        self._default = default
        self._quotas = dict(quotas or {})
        self._buckets: dict[str, _Bucket] = {}

    def acquire(self, tenant: str, cost: int) -> Decision:
        now = self._clock.read()
        bucket = self._buckets.get(tenant) or _Bucket(self._quotas.get(tenant, self._default), now)
        if cost > bucket.quota.burst:
            raise Impossible(f"{cost} credits are more than the burst of {bucket.quota.burst}")
        due = bucket.affords_at(cost, now)
        if due > now:
            return Decision(admitted=False, retry_after=due - now)
        bucket.add(-cost, now)
        self._buckets[tenant] = bucket
        return Decision(admitted=True)


class _Tenant:
    """A tenant that is not idle, or has not been forgotten yet."""

    def __init__(self, bucket: _Bucket) -> None:
        self.bucket = bucket
        self.known_until = bucket.at  # by then none of the requests is known
        self.requests: set[str] = set()  # all that are remembered, known or not

    def busy_until(self, now: int) -> int:
        """A time until which the tenant is not idle, whatever it does; `now` if it is idle."""
        if self.known_until > now:  # the bucket is left out: a request that is known may yet be settled, and fill it
            return self.known_until
        return self.bucket.affords_at(self.bucket.quota.burst, now)


@dataclass(eq=False)
class _Request:
    """An admitted request."""

    name: str
    tenant: str
    pool: "_Pool"
    millis: int
    expires: int  # the first millisecond at which it is not known
    decision: Decision
    settled: bool = False
    holds_slot: bool = False


class _Pool:
    """The cards of one class and who holds them.

    Slots of requests that have expired are taken back only when no other slot is free. So `free` may be too low, but when it is 0 after
    `_reclaim`, no holder has expired, and all counts are exact.
    """

    def __init__(self, gpu: Gpu, shares: Mapping[str, int]) -> None:
        self.gpu = gpu
        self._shares = dict(shares)
        self._free = gpu.slots
        self._holders: dict[str, dict[str, _Request]] = {}  # by tenant and name, oldest first
        self._above: dict[str, None] = {}  # the tenants that are above their share
        # A heap: expiry, a number that breaks ties, and a holder or former holder. A former holder is never at the head.
        self._expiries: list[tuple[int, int, _Request]] = []
        self._serial = itertools.count()

    def opens_at(self, tenant: str, now: int) -> int:
        """The first millisecond, now or later, at which the tenant can have a slot."""
        if self._free == 0:
            self._reclaim(now)
        if self._free != 0 or len(self._holders.get(tenant, ())) < self._shares.get(tenant, 0):
            return now
        return self._expiries[0][0]

    def revoke(self) -> str | None:
        """Take the youngest slot of a tenant that is above its share, if no slot is free. Only after `opens_at` said "now"."""
        if self._free != 0:
            return None
        tenant, _ = self._above.popitem()
        victim = next(reversed(self._holders[tenant].values()))
        self.release(victim)
        return victim.name

    def give(self, request: _Request) -> None:
        """Let the request hold a slot, which must be free."""
        if self._free is None:
            return
        self._free -= 1
        request.holds_slot = True
        self._holders.setdefault(request.tenant, {})[request.name] = request
        self._weigh(request.tenant)
        heapq.heappush(self._expiries, (request.expires, next(self._serial), request))

    def release(self, request: _Request) -> None:
        """Take back the request's slot, if it holds one."""
        if self._free is None or not request.holds_slot:
            return
        self._free += 1
        request.holds_slot = False
        del self._holders[request.tenant][request.name]
        self._weigh(request.tenant)
        while self._expiries and not self._expiries[0][2].holds_slot:
            heapq.heappop(self._expiries)

    def _reclaim(self, now: int) -> None:
        """Take back the slot that expired first, if any did."""
        if self._expiries[0][0] <= now:
            self.release(self._expiries[0][2])

    def _weigh(self, tenant: str) -> None:
        """Note whether the tenant is above its share, and forget it if it holds nothing."""
        held = len(self._holders[tenant])
        if held > self._shares.get(tenant, 0):
            self._above[tenant] = None
        else:
            self._above.pop(tenant, None)
        if not held:
            del self._holders[tenant]


class GpuRateLimiter:
    """Stages 2 to 4.

    A request that has expired and a tenant that is idle are remembered until a `reserve` sweeps them up, but it does not show.
    """

    _SWEEP = 2  # of each heap per call of `reserve`, which adds at most one entry to each

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
        self._quotas = dict(quotas)
        self._pools = {name: _Pool(gpu, (shares or {}).get(name, {})) for name, gpu in gpus.items()}
        self._expiry = expiry
        self._lock = threading.Lock()
        self._time: int | None = None  # the highest reading
        self._requests: dict[str, _Request] = {}
        self._tenants: dict[str, _Tenant] = {}
        self._serial = itertools.count()
        self._expiries: list[tuple[int, int, _Request]] = []
        self._idlers: list[tuple[int, str]] = []  # one entry for each tenant, with a time until which it is not idle

    def reserve(self, request: str, tenant: str, gpu: str, vram: int, millis: int) -> Decision:
        with self._lock:
            now, reading = self._read()
            self._sweep(now)
            known = self._known(request, now)
            if known is not None:
                return known.decision
            quota = self._quota(tenant)
            pool = self._pools.get(gpu)
            if pool is None or vram > pool.gpu.vram or pool.gpu.price * millis > quota.burst:
                raise Impossible(f"{millis} ms with {vram} GB on {gpu!r} for {tenant!r}")
            cost = pool.gpu.price * millis
            account = self._tenants.get(tenant)
            bucket = _Bucket(quota, now) if account is None else account.bucket
            due = max(bucket.affords_at(cost, now), pool.opens_at(tenant, now))
            if due > now:
                return Decision(admitted=False, retry_after=due - reading)
            if account is None:
                account = self._tenants[tenant] = _Tenant(bucket)
                heapq.heappush(self._idlers, (now + self._expiry, tenant))
            bucket.add(-cost, now)
            decision = Decision(admitted=True, revoked=pool.revoke())
            self._admit(account, _Request(request, tenant, pool, millis, now + self._expiry, decision))
            return decision

    def settle(self, request: str, millis: int) -> None:
        with self._lock:
            now, _ = self._read()
            known = self._known(request, now)
            if known is None:
                raise UnknownRequest(request)
            if not known.settled:
                known.settled = True
                self._tenants[known.tenant].bucket.add(known.pool.gpu.price * (known.millis - millis), now)
                known.pool.release(known)

    def balance(self, tenant: str) -> int:
        with self._lock:
            now, _ = self._read()
            account = self._tenants.get(tenant)
            return self._quota(tenant).burst if account is None else account.bucket.held(now) // _MILLI

    def tracked(self) -> int:
        with self._lock:
            return len(self._tenants)

    def _quota(self, tenant: str) -> Quota:
        return self._quotas.get(tenant, self._default)

    def _read(self) -> tuple[int, int]:
        """The limiter's time, and what the clock reads."""
        reading = self._clock.read()
        self._time = reading if self._time is None else max(self._time, reading)
        return self._time, reading

    def _known(self, name: str, now: int) -> _Request | None:
        request = self._requests.get(name)
        if request is None or now < request.expires:
            return request
        return None

    def _admit(self, account: _Tenant, request: _Request) -> None:
        expired = self._requests.get(request.name)
        if expired is not None:
            self._forget(expired)
        request.pool.give(request)
        self._requests[request.name] = request
        account.requests.add(request.name)
        account.known_until = request.expires
        heapq.heappush(self._expiries, (request.expires, next(self._serial), request))

    def _forget(self, request: _Request) -> None:
        request.pool.release(request)
        del self._requests[request.name]
        self._tenants[request.tenant].requests.remove(request.name)

    def _sweep(self, now: int) -> None:
        """Forget some of the requests and tenants whose time is over."""
        for _ in range(self._SWEEP):
            if self._expiries and self._expiries[0][0] <= now:
                request = heapq.heappop(self._expiries)[2]
                if self._requests.get(request.name) is request:
                    self._forget(request)
            if self._idlers and self._idlers[0][0] <= now:
                name = self._idlers[0][1]
                tenant = self._tenants[name]
                busy_until = tenant.busy_until(now)
                if busy_until > now:
                    heapq.heapreplace(self._idlers, (busy_until, name))
                else:
                    heapq.heappop(self._idlers)
                    for request_name in list(tenant.requests):
                        self._forget(self._requests[request_name])
                    del self._tenants[name]
