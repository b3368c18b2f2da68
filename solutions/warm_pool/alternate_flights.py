"""Flights: one task per load, standing in line for room; a condition instead of a lock held over loads."""

import enum
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, count
from types import TracebackType
from typing import NewType, Protocol, Self, TypeVarTuple

import anyio
import anyio.abc
import anyio.lowlevel

# ---- given: leave this part as it is

Handle = NewType("Handle", object)
"""What the host returns for a loaded model. Opaque."""


class LoadFailed(Exception):
    """`host.load` could not load the model."""


class ModelTooLarge(Exception):
    """The model can never fit the budget."""


class PoolBusy(Exception):
    """The model does not fit now, because of models that are leased."""


class PoolClosed(Exception):
    """The pool has been closed."""


class LeaseError(Exception):
    """The lease has been released before."""


class Host(Protocol):
    """Loads and unloads models (stages 1 and 2)."""

    def size(self, model: str) -> int: ...
    def load_seconds(self, model: str) -> float: ...
    def load(self, model: str) -> Handle: ...
    def unload(self, handle: Handle) -> None: ...


class AsyncHost(Protocol):
    """Loads and unloads models (stages 3 and 4)."""

    def size(self, model: str) -> int: ...
    def load_seconds(self, model: str) -> float: ...
    async def load(self, model: str) -> Handle: ...
    def unload(self, handle: Handle) -> None: ...


@dataclass(frozen=True)
class Candidate:
    """A loaded model that could be unloaded: size in bytes, seconds to load it again, and when it was last used."""

    model: str
    size: int
    load_seconds: float
    last_used: float


class Policy(Protocol):
    """Chooses what to unload (stage 4)."""

    def requested(self, model: str, now: float) -> None: ...
    def victims(self, candidates: Sequence[Candidate], needed: int, now: float) -> list[str]: ...


# ---- yours


class Lease:
    """The right to use a loaded model until `release`. Returned by `acquire`."""

    model: str
    handle: Handle

    def __init__(self, model: str, handle: Handle, end: Callable[["Lease"], None]) -> None:
        self.model = model
        self.handle = handle
        self.ended = False  # written by the pool only, under the pool's lock where it has one
        self._end = end

    def release(self) -> None:
        self._end(self)


# ---- stages 1 and 2


@dataclass(eq=False)
class _Loaded:
    """A loaded model. `stamp` orders the uses, `last_used` times them (async pool only)."""

    model: str
    handle: Handle
    size: int
    stamp: int = 0
    leases: int = 0
    pinned: bool = False
    last_used: float = 0.0
    timer: "anyio.CancelScope | None" = None


def _oldest_first(entries: Iterable[_Loaded]) -> list[_Loaded]:
    return sorted(entries, key=lambda entry: entry.stamp)


class WarmPool:
    """Stages 1 and 2. The condition guards all fields; it is not held while the host loads."""

    def __init__(self, host: Host, budget: int) -> None:
        self._host = host
        self._budget = budget
        self._used = 0  # bytes loaded and bytes of the loads in flight
        self._loaded: dict[str, _Loaded] = {}
        self._loading: set[str] = set()
        self._stamps = count(1)
        self._changed = threading.Condition()

    def get(self, model: str) -> Handle:
        lease = self._take(model, keep=False)
        return lease.handle

    def acquire(self, model: str) -> Lease:
        return self._take(model, keep=True)

    def _take(self, model: str, *, keep: bool) -> Lease:
        size = self._host.size(model)
        if size > self._budget:
            raise ModelTooLarge(model)
        with self._changed:
            while True:
                entry = self._loaded.get(model)
                if entry is not None:
                    return self._lease(entry, keep)
                if model not in self._loading and self._make_room(size):
                    break
                self._changed.wait()  # for a load in flight: it always ends
            self._used += size
            self._loading.add(model)
        try:
            handle = self._host.load(model)
        except BaseException:
            with self._changed:
                self._used -= size
                self._loading.discard(model)
                self._changed.notify_all()
            raise
        with self._changed:
            self._loading.discard(model)
            entry = self._loaded[model] = _Loaded(model, handle, size)
            self._changed.notify_all()
            return self._lease(entry, keep)

    def _make_room(self, size: int) -> bool:
        """True when there is room now, False when loads in flight are in the way; `PoolBusy` when leases are."""
        idle = [entry for entry in self._loaded.values() if not entry.leases]
        if self._used + size - sum(entry.size for entry in idle) > self._budget:
            leased = sum(entry.size for entry in self._loaded.values() if entry.leases)
            if leased + size > self._budget:
                raise PoolBusy
            return False
        for entry in _oldest_first(idle):
            if self._used + size <= self._budget:
                break
            del self._loaded[entry.model]
            self._used -= entry.size
            self._host.unload(entry.handle)
        return True

    def _lease(self, entry: _Loaded, keep: bool) -> Lease:
        entry.stamp = next(self._stamps)
        lease = Lease(entry.model, entry.handle, self._release)
        if keep:
            entry.leases += 1
        else:
            lease.ended = True
        return lease

    def _release(self, lease: Lease) -> None:
        with self._changed:
            if lease.ended:
                raise LeaseError(lease.model)
            lease.ended = True
            entry = self._loaded[lease.model]  # still there: it was leased
            entry.leases -= 1
            entry.stamp = next(self._stamps)
            self._changed.notify_all()


# ---- stages 3 and 4

_Args = TypeVarTuple("_Args")


class _State(enum.Enum):
    IN_LINE = enum.auto()  # no room yet
    CLEARED = enum.auto()  # its bytes are set aside; its task is about to call host.load
    LOADING = enum.auto()  # inside host.load
    OVER = enum.auto()  # landed, failed, abandoned or closed


@dataclass(eq=False)
class _Waiter:
    """One `acquire` that waits for a flight."""

    lease: Lease | None = None


@dataclass(eq=False)
class _Flight:
    """One load, from the first `acquire` that wants it to its end. Runs in a task of its own.

    Its scope is shielded so that only the pool can cancel it: cancelling whoever entered the pool must not
    take the load from the others.
    """

    model: str
    size: int
    pinned: bool
    state: _State = _State.IN_LINE
    waiters: set[_Waiter] = field(default_factory=set)
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))
    go: anyio.Event = field(default_factory=anyio.Event)
    done: anyio.Event = field(default_factory=anyio.Event)
    error: BaseException | None = None


class AsyncWarmPool:
    """Stages 3 and 4.

    All state changes happen in plain (not async) methods, so each is one step for every other task. `_pump` is called
    after each change that can make room; it clears the flights at the head of the line. A cleared flight's task then
    calls `host.load` at the same instant; cleared flights wake one another in order, because the order in which
    woken tasks run is not defined (trio shuffles it).
    """

    def __init__(
        self,
        host: AsyncHost,
        budget: int,
        *,
        pinned: Sequence[str] = (),
        idle_ttl: float | None = None,
        policy: Policy | None = None,
    ) -> None:
        self._host = host
        self._budget = budget
        self._pinned = list(dict.fromkeys(pinned))
        self._idle_ttl = idle_ttl
        self._policy = policy
        self._most = budget - sum(host.size(model) for model in self._pinned)  # what a model that is not pinned can get
        if self._most < 0:
            raise ModelTooLarge(", ".join(self._pinned))

        self._used = 0  # bytes loaded, set aside, being loaded, or of cancelled loads that have not ended yet
        self._stamps = count(1)
        self._loaded: dict[str, _Loaded] = {}
        self._flights: dict[str, _Flight] = {}  # those that an acquire can join
        self._line: deque[_Flight] = deque()  # IN_LINE
        self._cleared: deque[_Flight] = deque()  # CLEARED; the first has its go
        self._dying: dict[str, int] = {}  # cancelled loads that have not ended yet: model and size
        self._pins_missing = len(self._pinned)
        self._pin_error: BaseException | None = None
        self._pins_settled: anyio.Event | None = None
        self._tasks: anyio.abc.TaskGroup | None = None
        self._running = 0
        self._quiet: anyio.Event | None = None
        self._closed = False

    # -- entering and leaving

    async def __aenter__(self) -> Self:
        if self._tasks is not None:
            raise RuntimeError("a pool can be entered once only")
        self._tasks = await anyio.create_task_group().__aenter__()
        try:
            if self._pinned:
                self._pins_settled = anyio.Event()
                for model in self._pinned:
                    if model not in self._flights:
                        self._launch(model, self._host.size(model))
                self._pump()
                await self._pins_settled.wait()
            if self._pin_error is not None:
                raise self._pin_error
        except BaseException:
            await self._shut()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._shut()

    async def _shut(self) -> None:
        self._close()
        assert self._tasks is not None
        try:
            if self._running:
                self._quiet = anyio.Event()
                with anyio.CancelScope(shield=True):
                    await self._quiet.wait()
                    await anyio.lowlevel.checkpoint()  # lets the task group see that its last task is done
        finally:
            # The block's exception is not passed on: the group would wrap it.
            await self._tasks.__aexit__(None, None, None)

    def _close(self) -> None:
        self._closed = True
        for flight in list(self._flights.values()):
            self._take_down(flight)
            flight.error = PoolClosed(flight.model)
            flight.done.set()
        for entry in list(self._loaded.values()):
            self._unload(entry)

    # -- acquiring

    async def acquire(self, model: str) -> Lease:
        if self._policy is not None:
            self._policy.requested(model, anyio.current_time())
        await anyio.lowlevel.checkpoint_if_cancelled()
        if self._closed or self._tasks is None:
            raise PoolClosed(model)
        entry = self._loaded.get(model)
        if entry is not None:
            return await self._acquire_warm(entry)

        flight = self._flights.get(model)
        waiter = _Waiter()
        if flight is not None:
            flight.waiters.add(waiter)
        else:
            size = self._host.size(model)
            if size > self._budget or (model not in self._pinned and size > self._most):
                raise ModelTooLarge(model)
            flight = self._launch(model, size)
            flight.waiters.add(waiter)
            self._pump()
        try:
            await flight.done.wait()
        except BaseException:
            flight.waiters.discard(waiter)
            if waiter.lease is not None:
                self._give_up(waiter.lease)
            elif not flight.waiters and not flight.pinned and self._flights.get(model) is flight:
                self._take_down(flight)
                self._pump()
            raise
        if flight.error is not None:
            raise flight.error
        assert waiter.lease is not None
        return self._checked(waiter.lease)

    async def _acquire_warm(self, entry: _Loaded) -> Lease:
        lease = self._lease(entry)
        try:
            await anyio.lowlevel.cancel_shielded_checkpoint()
        except BaseException:
            self._give_up(lease)
            raise
        return self._checked(lease)

    def _checked(self, lease: Lease) -> Lease:
        """The pool can close between the moment a lease is made and the moment its task runs again."""
        if self._closed:
            lease.ended = True
            raise PoolClosed(lease.model)
        return lease

    # -- leases

    def _lease(self, entry: _Loaded) -> Lease:
        entry.leases += 1
        self._use(entry)
        return Lease(entry.model, entry.handle, self._release)

    def _use(self, entry: _Loaded) -> None:
        entry.stamp = next(self._stamps)
        entry.last_used = anyio.current_time()

    def _release(self, lease: Lease) -> None:
        if lease.ended:
            raise LeaseError(lease.model)
        lease.ended = True
        if not self._closed:
            entry = self._loaded[lease.model]
            self._use(entry)
            self._unlease(entry)

    def _give_up(self, lease: Lease) -> None:
        """Ends a lease that its caller never saw."""
        lease.ended = True
        if not self._closed:
            self._unlease(self._loaded[lease.model])

    def _unlease(self, entry: _Loaded) -> None:
        entry.leases -= 1
        if entry.leases:
            return
        self._pump()
        if self._loaded.get(entry.model) is not entry or entry.pinned or self._idle_ttl is None:
            return
        if entry.timer is None:  # a timer that is still asleep looks at last_used when it wakes
            entry.timer = anyio.CancelScope(shield=True)
            self._start(self._expire, entry, entry.timer, self._idle_ttl)

    async def _expire(self, entry: _Loaded, scope: anyio.CancelScope, ttl: float) -> None:
        try:
            with scope:
                expired = False
                while not entry.leases and not expired:
                    deadline = entry.last_used + ttl
                    with anyio.CancelScope(deadline=deadline):  # exact, where a delay would be rounded
                        await anyio.sleep_forever()
                    expired = not entry.leases and entry.last_used + ttl <= deadline
            if entry.timer is not scope:
                return  # unloaded meanwhile
            entry.timer = None
            if not entry.leases:
                self._unload(entry)
                self._pump()
        finally:
            self._stopped()

    def _unload(self, entry: _Loaded) -> None:
        del self._loaded[entry.model]
        self._used -= entry.size
        if entry.timer is not None:
            timer, entry.timer = entry.timer, None
            timer.cancel()
        self._host.unload(entry.handle)

    # -- flights

    def _launch(self, model: str, size: int) -> _Flight:
        flight = _Flight(model, size, model in self._pinned)
        self._flights[model] = flight
        self._line.append(flight)
        self._start(self._fly, flight)
        return flight

    async def _fly(self, flight: _Flight) -> None:
        handle: Handle | None = None
        error: BaseException | None = None
        try:
            with flight.scope:
                await flight.go.wait()
                if flight.state is _State.CLEARED:
                    flight.state = _State.LOADING
                    self._cleared.remove(flight)
                    self._next_cleared()  # it runs after this task's next step, which calls host.load
                    handle = await self._host.load(flight.model)
        except Exception as caught:
            error = caught
        except BaseException as caught:
            error = LoadFailed(f"{flight.model}: the load was killed")
            error.__cause__ = caught
            raise
        finally:
            self._land(flight, handle, error)
            self._stopped()

    def _land(self, flight: _Flight, handle: Handle | None, error: BaseException | None) -> None:
        """The end of a flight's task, however it ended."""
        if self._flights.get(flight.model) is not flight:  # abandoned or closed
            if flight.state is _State.LOADING:
                del self._dying[flight.model]
                self._used -= flight.size
                if handle is not None:  # the load ended well before the cancellation could reach it
                    self._host.unload(handle)
                self._pump()
        elif handle is not None:
            flight.state = _State.OVER
            del self._flights[flight.model]
            entry = _Loaded(flight.model, handle, flight.size, pinned=flight.pinned)
            self._loaded[flight.model] = entry
            self._use(entry)
            for waiter in flight.waiters:
                waiter.lease = self._lease(entry)
            flight.done.set()
            if flight.pinned:
                self._pins_missing -= 1
                if not self._pins_missing and self._pins_settled is not None:
                    self._pins_settled.set()
        else:
            self._fail(flight, error or LoadFailed(flight.model))
            self._pump()

    def _fail(self, flight: _Flight, error: BaseException) -> None:
        loading = flight.state is _State.LOADING
        self._take_down(flight)
        if loading:  # its host.load has ended
            del self._dying[flight.model]
            self._used -= flight.size
            flight.state = _State.OVER
        flight.error = error
        flight.done.set()
        if flight.pinned and self._pins_settled is not None:
            self._pin_error = self._pin_error or error
            self._pins_settled.set()

    def _take_down(self, flight: _Flight) -> None:
        """Nobody can join this flight any more; cancels it, wherever it is."""
        del self._flights[flight.model]
        if flight.state is _State.IN_LINE:
            self._line.remove(flight)
            flight.state = _State.OVER
        elif flight.state is _State.CLEARED:
            self._cleared.remove(flight)
            self._next_cleared()
            self._used -= flight.size
            flight.state = _State.OVER
        elif flight.state is _State.LOADING:
            self._dying[flight.model] = flight.size  # in use until host.load has ended; _land sees to it
        flight.scope.cancel()

    def _pump(self) -> None:
        """Clears the flights at the head of the line, as far as there is room."""
        while self._line and not self._closed:
            flight = self._line[0]
            if flight.model in self._dying:
                return
            try:
                if not self._make_room(flight.size):
                    return
            except Exception as error:  # the policy's fault; it must not hit whoever happened to release a lease
                self._fail(flight, error)
                continue
            self._line.popleft()
            self._used += flight.size
            flight.state = _State.CLEARED
            self._cleared.append(flight)
            self._next_cleared()

    def _next_cleared(self) -> None:
        if self._cleared:
            self._cleared[0].go.set()

    def _make_room(self, size: int) -> bool:
        needed = self._used + size - self._budget
        if needed <= 0:
            return True
        idle = _oldest_first(e for e in self._loaded.values() if not e.leases and not e.pinned)
        if sum(entry.size for entry in idle) < needed:
            return False
        if self._dying:
            return False  # their bytes come free at this very instant, so unloading now could be more than needed
        for entry in self._chosen(idle, needed):
            self._unload(entry)
        return True

    def _chosen(self, idle: list[_Loaded], needed: int) -> list[_Loaded]:
        if self._policy is None:
            names = []
            for entry in idle:
                if needed <= 0:
                    break
                names.append(entry.model)
                needed -= entry.size
            return [self._loaded[name] for name in names]
        candidates = [Candidate(e.model, e.size, self._host.load_seconds(e.model), e.last_used) for e in idle]
        named = list(dict.fromkeys(self._policy.victims(candidates, needed, anyio.current_time())))
        by_name = {entry.model: entry for entry in idle}
        chosen = [by_name[name] for name in named if name in by_name]
        if len(chosen) != len(named) or sum(entry.size for entry in chosen) < needed:
            raise ValueError(f"the policy named {named}, which does not make {needed} bytes of room")
        return chosen

    # -- tasks

    def _start(self, function: Callable[[*_Args], Coroutine[None, None, None]], *args: *_Args) -> None:
        assert self._tasks is not None
        self._running += 1
        self._tasks.start_soon(function, *args)

    def _stopped(self) -> None:
        self._running -= 1
        if not self._running and self._quiet is not None:
            self._quiet.set()


class KeepWarmPolicy:
    """Stage 4: weighs reload cost and recent request rate.

    A loaded model is worth `load_seconds` times the chance that it is asked for again within the next `HORIZON`
    requests: what losing it is expected to cost. A chance, not a rate, because a model that is asked for ten times
    in that time is still reloaded only once. The chance comes from a rate, the mean of a slow estimate (requests that
    fade with age) and a quick one (the last `LAST` requests). Ages are counted in mean gaps between requests, so
    that the policy works for busy and for quiet servers alike. The victims are the set with the least worth, less
    a credit for the bytes that it frees beyond those that are needed.
    """

    HORIZON = 10.0
    FADE = 60.0
    LAST = 3
    CREDIT = 0.5
    EXACT = 10  # up to so many candidates all sets are tried

    def __init__(self) -> None:
        self._faded: dict[str, tuple[float, float]] = {}  # faded number of requests, and when it was that
        self._recent: dict[str, deque[float]] = {}
        self._first: float | None = None
        self._requests = 0

    def requested(self, model: str, now: float) -> None:
        if self._first is None:
            self._first = now
        self._requests += 1
        self._faded[model] = (self._count(model, now) + 1.0, now)
        self._recent.setdefault(model, deque(maxlen=self.LAST)).append(now)

    def victims(self, candidates: Sequence[Candidate], needed: int, now: float) -> list[str]:
        if needed <= 0:
            return []
        worth = {c.model: c.load_seconds * self._chance(c.model, now) for c in candidates}
        per_byte = sum(worth.values()) / max(1, sum(c.size for c in candidates))
        if len(candidates) > self.EXACT:
            return self._greedy(candidates, needed, worth)
        best: tuple[Candidate, ...] = tuple(candidates)
        best_key = (float("inf"), 0.0)
        for number in range(1, len(candidates) + 1):
            for some in combinations(candidates, number):
                surplus = sum(c.size for c in some) - needed
                if surplus >= 0:
                    lost = sum(worth[c.model] for c in some) - self.CREDIT * per_byte * surplus
                    key = (lost, sum(c.last_used for c in some) / number)
                    if key < best_key:
                        best, best_key = some, key
        return [c.model for c in best]

    def _greedy(self, candidates: Sequence[Candidate], needed: int, worth: dict[str, float]) -> list[str]:
        chosen: list[Candidate] = []
        for candidate in sorted(candidates, key=lambda c: (worth[c.model] / c.size, c.last_used)):
            if needed <= 0:
                break
            chosen.append(candidate)
            needed -= candidate.size
        for candidate in sorted(chosen, key=lambda c: -worth[c.model]):
            if needed + candidate.size <= 0:
                chosen.remove(candidate)
                needed += candidate.size
        return [c.model for c in chosen]

    def _gap(self, now: float) -> float:
        """Mean time between requests."""
        if self._first is None or now <= self._first:
            return 1.0
        return (now - self._first) / max(1, self._requests - 1)

    def _count(self, model: str, now: float) -> float:
        number, at = self._faded.get(model, (0.0, now))
        return float(number * 2.0 ** (-max(0.0, now - at) / (self.FADE * self._gap(now))))

    def _chance(self, model: str, now: float) -> float:
        recent = self._recent.get(model)
        if not recent:
            return 0.0
        slow = self._count(model, now) / self.FADE
        quick = len(recent) / (max(0.0, now - recent[0]) / self._gap(now) + 1.0)
        return 1.0 - float(2.0 ** (-(slow + quick) / 2 * self.HORIZON))
