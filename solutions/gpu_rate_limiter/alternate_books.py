"""GPU rate limiter: decide which tenant may use which GPU now.

A bucket is kept as the exact time at which it is full again (as in GCRA), so that spending, refunds and debts all just move one `Fraction`, and "when?" is a
subtraction. `GpuRateLimiter` is one lock and one clock reading around small books (requests, accounts, cards), each of which answers "from when on could this be admitted?".
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
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


class _Bucket:
    """A tenant's credits."""

    def __init__(self, quota: Quota, now: int) -> None:
        self.burst = quota.burst
        self._millis_per_credit = Fraction(1000, quota.rate)
        self._full_at = Fraction(now)  # at this time and ever after, if nothing is taken, the bucket is full

    def level(self, now: int) -> Fraction:
        """The credits that it holds."""
        return self.burst - max(self._full_at - now, Fraction(0)) / self._millis_per_credit

    def is_full(self, now: int) -> bool:
        return self._full_at <= now

    def affordable_at(self, cost: int, now: int) -> int:
        """The first millisecond, from now on, at which it holds `cost` credits (at most `burst`)."""
        return max(now, math.ceil(self._full_at - (self.burst - cost) * self._millis_per_credit))

    def take(self, credits: int, now: int) -> None:
        """Take credits out, even into debt; or, if `credits` is negative, put them in, up to `burst`."""
        self._full_at = max(self._full_at, Fraction(now)) + credits * self._millis_per_credit


@dataclass(frozen=True)
class _Quotas:
    """Which tenant has which quota."""

    default: Quota
    special: Mapping[str, Quota]

    def new_bucket(self, tenant: str, now: int) -> _Bucket:
        return _Bucket(self.special.get(tenant, self.default), now)


class RateLimiter:
    """Stage 1."""

    def __init__(self, clock: Clock, default: Quota, quotas: Mapping[str, Quota] | None = None) -> None:
        self._clock = clock
        self._quotas = _Quotas(default, dict(quotas or {}))
        self._buckets: dict[str, _Bucket] = {}

    def acquire(self, tenant: str, cost: int) -> Decision:
        now = self._clock.read()
        bucket = self._buckets.get(tenant) or self._quotas.new_bucket(tenant, now)
        if cost > bucket.burst:
            raise Impossible(f"{cost} credits are more than the burst of {bucket.burst}")
        start = bucket.affordable_at(cost, now)
        if start > now:
            return Decision(admitted=False, retry_after=start - now)
        bucket.take(cost, now)
        self._buckets[tenant] = bucket
        return Decision(admitted=True)


@dataclass
class _Account:
    """What is remembered of a tenant."""

    bucket: _Bucket
    known_requests: int = 0

    def is_idle(self, now: int) -> bool:
        return self.known_requests == 0 and self.bucket.is_full(now)


class _Accounts:
    """The tenants that are not known to be idle, in the order in which the sweep looks at them next."""

    # One per call would visit all in time; two let the number fall even while every call brings a new tenant.
    SWEPT_PER_CALL = 2

    def __init__(self, quotas: _Quotas) -> None:
        self._quotas = quotas
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def __len__(self) -> int:
        return len(self._accounts)

    def look_up(self, tenant: str, now: int) -> _Account:
        """The tenant's account. That of a tenant that is not remembered is a new one, and still is not remembered."""
        return self._accounts.get(tenant) or _Account(self._quotas.new_bucket(tenant, now))

    def remember(self, tenant: str, account: _Account) -> None:
        self._accounts[tenant] = account

    def sweep(self, now: int) -> None:
        """Look at the next few tenants, and forget those that are idle."""
        for _ in range(min(self.SWEPT_PER_CALL, len(self._accounts))):
            tenant, account = self._accounts.popitem(last=False)
            if not account.is_idle(now):
                self._accounts[tenant] = account


@dataclass
class _Request:
    """A request that was admitted."""

    name: str
    tenant: str
    gpu: str
    millis: int
    over_at: int  # the first instant at which it is no longer known
    decision: Decision
    settled: bool = False


class _Requests:
    """The known requests. All are known equally long, so the order of admission is that in which they are over."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Request] = OrderedDict()

    def get(self, name: str) -> _Request | None:
        return self._known.get(name)

    def add(self, request: _Request) -> None:
        self._known[request.name] = request

    def expire(self, now: int) -> Iterator[_Request]:
        """Remove and give out those that are over."""
        while self._known and next(iter(self._known.values())).over_at <= now:
            yield self._known.popitem(last=False)[1]


class _Cards:
    """The cards of one class, and the requests that hold them."""

    def __init__(self, slots: int | None, shares: Mapping[str, int]) -> None:
        self._slots = slots
        self._shares = shares
        self._holders: OrderedDict[str, _Request] = OrderedDict()  # in order of admission
        self._by_tenant: dict[str, OrderedDict[str, _Request]] = {}  # the same
        self._above: OrderedDict[str, None] = OrderedDict()  # the tenants that hold more than their share

    def available_at(self, tenant: str, now: int) -> int:
        """The first millisecond, from now on, at which the tenant would get a slot."""
        if self._has_free_slot() or self._held(tenant) < self._share(tenant):
            return now
        # Any holder's slot will do: its end either frees a slot for all, or is taken as such by the tenant itself.
        return next(iter(self._holders.values())).over_at

    def victim(self) -> _Request | None:
        """The request that must lose its slot to one that is admitted now: the youngest, so that the least work is lost, of some tenant above its share."""
        if self._has_free_slot():
            return None
        # Below its share, the new one's tenant leaves more to the others than their shares.
        tenant = next(iter(self._above))
        return next(reversed(self._by_tenant[tenant].values()))

    def give(self, request: _Request) -> None:
        self._holders[request.name] = request
        self._by_tenant.setdefault(request.tenant, OrderedDict())[request.name] = request
        if self._held(request.tenant) > self._share(request.tenant):
            self._above[request.tenant] = None

    def take_back(self, request: _Request) -> None:
        """Free the slot of the request, if it holds one."""
        if self._holders.pop(request.name, None) is None:
            return
        held = self._by_tenant[request.tenant]
        del held[request.name]
        if not held:
            del self._by_tenant[request.tenant]
        if len(held) <= self._share(request.tenant):
            self._above.pop(request.tenant, None)

    def _has_free_slot(self) -> bool:
        return self._slots is None or len(self._holders) < self._slots

    def _held(self, tenant: str) -> int:
        return len(self._by_tenant.get(tenant, ()))

    def _share(self, tenant: str) -> int:
        return self._shares.get(tenant, 0)


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
        shares = shares or {}
        self._clock = clock
        self._now: int | None = None  # the highest reading so far
        self._expiry = expiry
        self._gpus = dict(gpus)
        self._cards = {name: _Cards(gpu.slots, dict(shares.get(name, {}))) for name, gpu in gpus.items()}
        self._accounts = _Accounts(_Quotas(default, dict(quotas)))
        self._requests = _Requests()
        self._lock = threading.Lock()

    def reserve(self, request: str, tenant: str, gpu: str, vram: int, millis: int) -> Decision:
        with self._lock:
            reading, now = self._advance()
            self._accounts.sweep(now)
            if known := self._requests.get(request):
                return known.decision

            account = self._accounts.look_up(tenant, now)
            cost = self._cost(account, gpu, vram, millis)
            cards = self._cards[gpu]
            start = max(account.bucket.affordable_at(cost, now), cards.available_at(tenant, now))
            if start > now:
                return Decision(admitted=False, retry_after=start - reading)

            account.bucket.take(cost, now)
            account.known_requests += 1
            self._accounts.remember(tenant, account)
            if victim := cards.victim():
                cards.take_back(victim)
            decision = Decision(admitted=True, revoked=victim.name if victim else None)
            admitted = _Request(request, tenant, gpu, millis, now + self._expiry, decision)
            cards.give(admitted)
            self._requests.add(admitted)
            return decision

    def settle(self, request: str, millis: int) -> None:
        with self._lock:
            _, now = self._advance()
            known = self._requests.get(request)
            if known is None:
                raise UnknownRequest(request)
            if known.settled:
                return
            known.settled = True
            bucket = self._accounts.look_up(known.tenant, now).bucket
            bucket.take((millis - known.millis) * self._gpus[known.gpu].price, now)
            self._cards[known.gpu].take_back(known)

    def balance(self, tenant: str) -> int:
        with self._lock:
            _, now = self._advance()
            return math.floor(self._accounts.look_up(tenant, now).bucket.level(now))

    def tracked(self) -> int:
        with self._lock:
            return len(self._accounts)

    def _advance(self) -> tuple[int, int]:
        """Read the clock, and end the requests that are over: (the reading, the limiter's time)."""
        reading = self._clock.read()
        now = self._now = reading if self._now is None else max(self._now, reading)
        for request in self._requests.expire(now):
            self._cards[request.gpu].take_back(request)
            self._accounts.look_up(request.tenant, now).known_requests -= 1
        return reading, now

    def _cost(self, account: _Account, gpu: str, vram: int, millis: int) -> int:
        """What a request costs, if it is possible at all."""
        card = self._gpus.get(gpu)
        if card is None:
            raise Impossible(f"there is no class {gpu!r}")
        if vram > card.vram:
            raise Impossible(f"a card of class {gpu!r} has {card.vram} GB, not {vram}")
        cost = card.price * millis
        if cost > account.bucket.burst:
            raise Impossible(f"{cost} credits are more than the burst of {account.bucket.burst}")
        return cost
