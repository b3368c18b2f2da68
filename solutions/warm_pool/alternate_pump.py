"""The pump: one plain state, and a function that starts whatever can start, called after each change."""

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from types import TracebackType
from typing import NewType, Protocol, Self

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

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
    """The right to use a loaded model until `release`. Returned by `acquire`; how it is made is up to you."""

    model: str
    handle: Handle

    def __init__(self, model: str, handle: Handle, give_back: "Callable[[Lease], None]") -> None:
        self.model = model
        self.handle = handle
        self._give_back = give_back
        self._ended = False

    def release(self) -> None:
        self._give_back(self)

    def _end(self) -> None:
        """End the lease, or raise. The pool calls this, under its lock if it has one."""
        if self._ended:
            raise LeaseError(f"the lease on {self.model!r} has been released before")
        self._ended = True


@dataclass(eq=False)
class _Loaded:
    """A model in memory."""

    handle: Handle
    size: int
    leases: int = 0
    last_used: float = 0.0


class WarmPool:
    """Stages 1 and 2. One lock guards everything and is held while the host loads."""

    def __init__(self, host: Host, budget: int) -> None:
        self._host = host
        self._budget = budget
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()  # the least recently used first
        self._used = 0

    def get(self, model: str) -> Handle:
        lease = self.acquire(model)
        lease.release()
        return lease.handle

    def acquire(self, model: str) -> Lease:
        with self._lock:
            loaded = self._loaded.get(model)
            if loaded is None:
                size = self._host.size(model)
                self._make_room(model, size)
                loaded = _Loaded(self._host.load(model), size)
                self._loaded[model] = loaded
                self._used += size
            loaded.leases += 1
            self._loaded.move_to_end(model)
            return Lease(model, loaded.handle, self._release)

    def _make_room(self, model: str, size: int) -> None:
        if size > self._budget:
            raise ModelTooLarge(f"{model!r} needs {size} bytes, the budget is {self._budget}")
        needed = size - (self._budget - self._used)
        victims: list[str] = []
        for name, loaded in self._loaded.items():
            if needed <= 0:
                break
            if not loaded.leases:
                victims.append(name)
                needed -= loaded.size
        if needed > 0:
            raise PoolBusy(f"no room for {model!r}: too many models are leased")
        for name in victims:
            victim = self._loaded.pop(name)
            self._host.unload(victim.handle)
            self._used -= victim.size

    def _release(self, lease: Lease) -> None:
        with self._lock:
            lease._end()
            self._loaded[lease.model].leases -= 1
            self._loaded.move_to_end(lease.model)


@dataclass(eq=False)
class _Waiter:
    """A caller that waits for `pending` loads: for one in `acquire`, for all pinned models when the pool is entered."""

    pending: int = 1
    loads: "list[_Load]" = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)
    error: Exception | None = None
    done: anyio.Event = field(default_factory=anyio.Event)

    def grant(self, lease: Lease) -> None:
        self.leases.append(lease)
        self.pending -= 1
        if not self.pending:
            self.done.set()

    def fail(self, error: Exception) -> None:
        if self.error is None:
            self.error = error
        self.done.set()


@dataclass(eq=False)
class _Load:
    """A load, from when it is first asked for until the host is done with it.

    It is in line (`AsyncWarmPool._line`), then starting (it has its room, its task has not run yet), then begun
    (`host.load` has been called). The latter two are in flight (`AsyncWarmPool._flights`). An abandoned load that
    had begun stays in flight until the host has let go.
    """

    model: str
    size: int
    waiters: list[_Waiter] = field(default_factory=list)
    begun: bool = False
    abandoned: bool = False
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))


class AsyncWarmPool:
    """Stages 3 and 4.

    All state changes are plain calls, so each is atomic; every one of them ends with `_pump`, which starts what can
    start. Awaits are only in the tasks that load, in the idle timer, and where callers wait for their event. A lease
    is counted at the moment it is granted, not when the caller wakes up.
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
        self._pinned = tuple(dict.fromkeys(pinned))
        self._idle_ttl = idle_ttl
        self._policy = policy
        self._for_pinned = sum(host.size(model) for model in self._pinned)
        if self._for_pinned > budget:
            raise ModelTooLarge(f"the pinned models need {self._for_pinned} bytes, the budget is {budget}")

        self._used = 0  # bytes of all that is loaded or in flight
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()  # the least recently used first
        self._line: OrderedDict[str, _Load] = OrderedDict()  # first asked for first
        self._flights: dict[str, _Load] = {}
        self._starting: deque[_Load] = deque()  # those in flight that have not begun, in order
        self._tasks: TaskGroup | None = None
        self._timer: anyio.CancelScope | None = None
        self._closed = False

    # -- entering and leaving

    async def __aenter__(self) -> Self:
        if self._closed:
            raise PoolClosed("the pool has been closed")
        if self._tasks is not None:
            raise RuntimeError("the pool has been entered before")
        self._tasks = await anyio.create_task_group().__aenter__()
        try:
            if self._idle_ttl is not None:
                self._tasks.start_soon(self._unload_idle)
            if self._pinned:
                waiter = _Waiter(len(self._pinned))
                for lease in await self._wait(waiter, self._pinned):
                    lease.release()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        self._closed = True
        for load in [*self._line.values(), *self._flights.values()]:
            for waiter in load.waiters:
                waiter.fail(PoolClosed("the pool has been closed"))
            load.waiters.clear()
            if not load.abandoned:
                self._abandon(load)
        while self._loaded:
            self._unload(next(iter(self._loaded)))
        if self._timer is not None:
            self._timer.cancel()
        # Only tasks that have just been cancelled are left. The error with which the block ends, if any, is not the
        # group's: it would come out wrapped. The wait is shielded so that a cancellation does not replace that error.
        assert self._tasks is not None
        self._tasks.cancel_scope.shield = True
        await self._tasks.__aexit__(None, None, None)

    # -- callers

    async def acquire(self, model: str) -> Lease:
        if self._policy is not None:
            self._policy.requested(model, anyio.current_time())
        await checkpoint_if_cancelled()
        if self._closed:
            raise PoolClosed("the pool has been closed")
        if self._tasks is None:
            raise RuntimeError("the pool has not been entered")
        if model not in self._loaded and model not in self._pinned:
            size, most = self._host.size(model), self._budget - self._for_pinned
            if size > most:  # it could never begin, and everybody behind it would wait forever
                raise ModelTooLarge(f"{model!r} needs {size} bytes, it can have {most} at most")
        (lease,) = await self._wait(_Waiter(), (model,))
        return lease

    async def _wait(self, waiter: _Waiter, models: Sequence[str]) -> list[Lease]:
        """Wait until the waiter has a lease on each model. However this ends, but for returning them, it has none."""
        try:
            for model in models:
                self._ask(model, waiter)
            self._pump()
            if waiter.done.is_set():  # warm: let others run, but nobody cancels it now
                await cancel_shielded_checkpoint()
            else:
                await waiter.done.wait()
                await checkpoint_if_cancelled()  # a cancellation goes before an error that came at the same instant
            if waiter.error is not None:
                raise waiter.error
            if self._closed:  # since the lease was granted
                raise PoolClosed("the pool has been closed")
        except BaseException:
            self._leave(waiter)
            raise
        return waiter.leases

    def _ask(self, model: str, waiter: _Waiter) -> None:
        loaded = self._loaded.get(model)
        if loaded is not None:
            waiter.grant(self._lease(model, loaded))
            return
        load = self._flights.get(model)
        if load is None or load.abandoned:
            load = self._line.get(model)
            if load is None:
                load = self._line[model] = _Load(model, self._host.size(model))
        load.waiters.append(waiter)
        waiter.loads.append(load)

    def _leave(self, waiter: _Waiter) -> None:
        for load in waiter.loads:
            if waiter in load.waiters:
                load.waiters.remove(waiter)
                if not load.waiters:
                    self._abandon(load)
        for lease in waiter.leases:
            lease.release()
        self._pump()

    # -- leases

    def _lease(self, model: str, loaded: _Loaded) -> Lease:
        loaded.leases += 1
        self._use(model, loaded)
        return Lease(model, loaded.handle, self._release)

    def _release(self, lease: Lease) -> None:
        lease._end()
        if self._closed:
            return
        loaded = self._loaded[lease.model]
        loaded.leases -= 1
        self._use(lease.model, loaded)
        self._pump()

    def _use(self, model: str, loaded: _Loaded) -> None:
        loaded.last_used = anyio.current_time()
        self._loaded.move_to_end(model)

    # -- room

    def _pump(self) -> None:
        """Start what can start, in order. Called after each change."""
        if self._closed:
            return
        assert self._tasks is not None
        while self._line:
            load = next(iter(self._line.values()))
            if load.model in self._flights:  # an abandoned load of it that the host has not let go of yet
                break
            if not self._make_room(load):
                break
            del self._line[load.model]
            self._used += load.size
            self._flights[load.model] = load
            self._starting.append(load)
            self._tasks.start_soon(self._run_load)
        if self._timer is not None:
            self._timer.deadline = self._next_idle()

    def _make_room(self, load: _Load) -> bool:
        while (needed := load.size - (self._budget - self._used)) > 0:
            if any(flight.abandoned for flight in self._flights.values()):
                return False  # its bytes come free at this very instant; nothing has to go in their stead
            idle = self._idle()
            if sum(loaded.size for _, loaded in idle) < needed:
                return False
            if self._policy is None:
                self._unload(idle[0][0])
                continue
            candidates = [
                Candidate(model, loaded.size, self._host.load_seconds(model), loaded.last_used)
                for model, loaded in idle
            ]
            named = set(self._policy.victims(candidates, needed, anyio.current_time()))
            victims = [model for model, _ in idle if model in named]
            if not victims:
                return False  # the policy broke its word; it is asked again after the next change
            for model in victims:
                self._unload(model)
        return True

    def _idle(self) -> list[tuple[str, _Loaded]]:
        """What may be unloaded, the least recently used first."""
        return [
            (model, loaded) for model, loaded in self._loaded.items() if not loaded.leases and model not in self._pinned
        ]

    def _unload(self, model: str) -> None:
        loaded = self._loaded.pop(model)
        self._host.unload(loaded.handle)
        self._used -= loaded.size

    # -- loads

    async def _run_load(self) -> None:
        # Tasks may start in any order (trio shuffles them), so each takes the load whose turn it is.
        if not self._starting:
            return
        load = self._starting.popleft()
        load.begun = True
        handles: list[Handle] = []
        error: Exception = PoolClosed("the load was cancelled")  # if it was by the pool, nobody waits to get this
        try:
            with load.scope:
                handles.append(await self._host.load(load.model))
        except Exception as caught:
            error = caught
        finally:
            if handles:
                self._landed(load, handles[0])
            else:
                self._failed(load, error)

    def _landed(self, load: _Load, handle: Handle) -> None:
        del self._flights[load.model]
        if load.abandoned:
            self._host.unload(handle)
            self._used -= load.size
        else:
            loaded = self._loaded[load.model] = _Loaded(handle, load.size)
            for waiter in load.waiters:
                waiter.grant(self._lease(load.model, loaded))
            load.waiters.clear()
        self._pump()

    def _failed(self, load: _Load, error: Exception) -> None:
        del self._flights[load.model]
        self._used -= load.size
        for waiter in load.waiters:
            waiter.fail(error)
        load.waiters.clear()
        self._pump()

    def _abandon(self, load: _Load) -> None:
        load.abandoned = True
        if load.begun:
            load.scope.cancel()
        elif self._flights.get(load.model) is load:
            self._starting.remove(load)
            del self._flights[load.model]
            self._used -= load.size
        else:
            del self._line[load.model]

    # -- idle models

    def _next_idle(self) -> float:
        if self._idle_ttl is None:
            return math.inf
        return min((loaded.last_used + self._idle_ttl for _, loaded in self._idle()), default=math.inf)

    async def _unload_idle(self) -> None:
        assert self._idle_ttl is not None
        while not self._closed:
            with anyio.CancelScope(deadline=self._next_idle(), shield=True) as self._timer:
                await anyio.sleep_forever()
            if self._closed:
                return
            now = anyio.current_time()
            for model, loaded in self._idle():
                if loaded.last_used + self._idle_ttl <= now:
                    self._unload(model)
            self._pump()


class KeepWarmPolicy:
    """Stage 4: weighs reload cost and recent request rate.

    Unloading a model costs its load again if it is asked for soon. "How likely" comes from the rates of its last
    request and its last two (short memories, so that a model which falls out of use is soon let go); "soon" is measured in mean gaps between requests, so that the policy does not depend on how busy the server is. Of all sets of
    candidates that free enough, the one with the least expected cost goes: the bytes count through that choice.
    """

    MEMORIES = (1, 2)
    PRIOR = 5.0  # gaps added to the time that a memory spans, so that a single fresh request is no certainty
    HORIZON = 20.0  # gaps that are looked ahead
    EXACT = 12  # candidates up to which all sets are tried

    def __init__(self) -> None:
        self._all: deque[float] = deque(maxlen=500)
        self._of: dict[str, deque[float]] = {}

    def requested(self, model: str, now: float) -> None:
        self._all.append(now)
        self._of.setdefault(model, deque(maxlen=max(self.MEMORIES))).append(now)

    def victims(self, candidates: Sequence[Candidate], needed: int, now: float) -> list[str]:
        gap = max((now - self._all[0]) / len(self._all), 1e-9) if self._all else 1.0
        cost = {candidate.model: candidate.load_seconds * self._chance(candidate, gap, now) for candidate in candidates}
        if len(candidates) <= self.EXACT:
            chosen = self._cheapest(candidates, needed, cost)
        else:
            chosen = self._cheap(candidates, needed, cost)
        return [candidate.model for candidate in chosen]

    def _chance(self, candidate: Candidate, gap: float, now: float) -> float:
        times = list(self._of.get(candidate.model, ())) or [candidate.last_used]
        total = 0.0
        for memory in self.MEMORIES:
            recent = times[-memory:]
            rate = len(recent) / (max(now - recent[0], 0.0) + self.PRIOR * gap)
            total += 1 - math.exp(-rate * self.HORIZON * gap)
        return total / len(self.MEMORIES)

    @staticmethod
    def _cheapest(candidates: Sequence[Candidate], needed: int, cost: dict[str, float]) -> Sequence[Candidate]:
        enough = (
            chosen
            for count in range(1, len(candidates) + 1)
            for chosen in combinations(candidates, count)
            if sum(candidate.size for candidate in chosen) >= needed
        )
        return min(
            enough,
            key=lambda chosen: (
                sum(cost[candidate.model] for candidate in chosen),
                len(chosen),
                max(candidate.last_used for candidate in chosen),
            ),
            default=candidates,
        )

    @staticmethod
    def _cheap(candidates: Sequence[Candidate], needed: int, cost: dict[str, float]) -> Sequence[Candidate]:
        chosen: list[Candidate] = []
        freed = 0
        for candidate in sorted(candidates, key=lambda c: (cost[c.model] / c.size, c.last_used)):
            if freed < needed:
                chosen.append(candidate)
                freed += candidate.size
        for candidate in sorted(chosen, key=lambda c: -cost[c.model]):  # keep what turned out not to be needed
            if freed - candidate.size >= needed:
                chosen.remove(candidate)
                freed -= candidate.size
        return chosen
