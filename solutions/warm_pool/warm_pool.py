"""Warm pool: keep the right models loaded on one GPU. The statement is README.md beside this file."""

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NewType, Protocol, Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

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
    """The right to use a loaded model until `release`."""

    def __init__(self, model: str, handle: Handle, give_back: Callable[[], None]) -> None:
        self.model = model
        self.handle = handle
        self._give_back = give_back
        self._ended = threading.Lock()

    def release(self) -> None:
        # "if ended: raise; ended = True" would let two threads through. Of all who try a lock that is never given
        # back, exactly one gets it.
        if not self._ended.acquire(blocking=False):
            raise LeaseError(f"the lease on {self.model} has been released before")
        self._give_back()


@dataclass(eq=False)
class _Loaded:
    """A model in GPU memory. Both pools keep theirs in a dict that is ordered by use, least recent first."""

    model: str
    handle: Handle
    size: int
    leases: int = 0
    last_used: float = 0.0


def _first_enough(models: Iterable[_Loaded | Candidate], needed: int) -> list[str]:
    """The first of these models, and no more of them than it takes to free `needed` bytes."""
    names = []
    for it in models:
        if needed <= 0:
            break
        names.append(it.model)
        needed -= it.size
    return names


class WarmPool:
    """Stages 1 and 2. One lock, held while the host loads: simple, and a second load of a model is impossible."""

    def __init__(self, host: Host, budget: int) -> None:
        self._host = host
        self._budget = budget
        self._free = budget
        self._loaded: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    def get(self, model: str) -> Handle:
        lease = self.acquire(model)
        lease.release()
        return lease.handle

    def acquire(self, model: str) -> Lease:
        with self._lock:  # from the look-up to the lease, or another thread could unload the model in between
            loaded = self._loaded.get(model) or self._load(model)
            loaded.leases += 1
            self._use(loaded)
        return Lease(model, loaded.handle, lambda: self._give_back(loaded))

    def _load(self, model: str) -> _Loaded:
        size = self._host.size(model)
        if size > self._budget:
            raise ModelTooLarge(f"{model} needs {size} bytes of {self._budget}")
        idle = [it for it in self._loaded.values() if not it.leases]
        needed = size - self._free
        if sum(it.size for it in idle) < needed:  # known before the first unload, or it would be in vain
            raise PoolBusy(f"{model} needs {needed} bytes more than can be freed")
        for name in _first_enough(idle, needed):
            victim = self._loaded.pop(name)
            self._free += victim.size
            self._host.unload(victim.handle)
        handle = self._host.load(model)
        self._free -= size  # after the load: one that fails takes nothing
        loaded = self._loaded[model] = _Loaded(model, handle, size)
        return loaded

    def _use(self, loaded: _Loaded) -> None:
        self._loaded[loaded.model] = self._loaded.pop(loaded.model)

    def _give_back(self, loaded: _Loaded) -> None:
        with self._lock:
            loaded.leases -= 1
            self._use(loaded)


@dataclass(eq=False)
class _Load:
    """One load that callers share: in line, then in flight, then done. It is a task of the pool's, so that no caller's
    cancellation can reach it; the shield keeps out the cancellation of whoever opened the pool, until `__aexit__`."""

    model: str
    size: int
    waiters: int = 0
    begun: bool = False
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))
    done: anyio.Event = field(default_factory=anyio.Event)
    loaded: _Loaded | None = None  # set by a success,
    error: Exception | None = None  # by a failure; neither: the pool was closed


class AsyncWarmPool:
    """Stages 3 and 4. Every change of state is plain code without an `await`, so no other task sees half of it."""

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
        self._free = budget
        self._pinned = list(dict.fromkeys(pinned))
        if sum(map(host.size, self._pinned)) > budget:
            raise ModelTooLarge(f"the pinned models need more than {budget} bytes together")
        self._idle_ttl = idle_ttl
        self._policy = policy
        self._open = False
        self._loaded: dict[str, _Loaded] = {}
        self._loads: dict[str, _Load] = {}  # those that a caller can join, in the order of their first callers
        self._in_flight: set[str] = set()  # their bytes are in use; a cancelled one stays until `host.load` has ended
        self._starting = False
        self._tasks: TaskGroup
        self._alarm: anyio.CancelScope

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._open = True
        try:
            if self._idle_ttl is not None:
                self._alarm = anyio.CancelScope(shield=True)
                self._tasks.start_soon(self._unload_idle, self._idle_ttl)
            await self._load_pinned()
        except BaseException:  # a failed load or a cancellation; no `__aexit__` follows a failed `__aenter__`
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        for load in self._loads.values():
            load.scope.cancel()
            load.done.set()
        self._loads.clear()
        for loaded in list(self._loaded.values()):
            self._unload(loaded)
        if self._idle_ttl is not None:
            self._alarm.cancel()
        # The task group gets neither the block's exception, which it would wrap in an exception group, nor a cancellation
        # of its own, which would take that exception's place. All its tasks are ending: the wait is short.
        self._tasks.cancel_scope.shield = True
        await self._tasks.__aexit__(None, None, None)

    async def acquire(self, model: str) -> Lease:
        if self._policy is not None:
            self._policy.requested(model, anyio.current_time())
        # Nothing is unloaded for a caller that is cancelled already. Gives way to other tasks in that case only: the
        # callers of one instant keep their order.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if not self._open:
            raise PoolClosed(f"{model} was asked for while the pool is not open")
        # From this look-up to the lease, or to the place in line, there is no `await`.
        loaded = self._loaded.get(model)
        if loaded is not None:
            loaded.leases += 1
            self._use(loaded)
        else:
            loaded = await self._wait(self._join(model))
        return Lease(model, loaded.handle, lambda: self._give_back(loaded))

    def _join(self, model: str) -> _Load:
        """One more waiter for the load of a cold model."""
        load = self._loads.get(model)
        if load is None:
            size = self._host.size(model)
            room = self._budget - sum(self._host.size(pin) for pin in self._pinned if pin != model)
            if size > room:  # it would wait for ever, and everybody behind it
                raise ModelTooLarge(f"{model} needs {size} bytes, and at most {room} can ever be free")
            load = self._loads[model] = _Load(model, size)
        load.waiters += 1
        self._settle()
        return load

    async def _wait(self, load: _Load) -> _Loaded:
        """The loaded model, leased. `_run` takes the leases: a waiter might wake up too late to find the model."""
        try:
            await load.done.wait()
        except BaseException:  # cancelled
            load.waiters -= 1
            if load.loaded is not None:  # after the load's end and before this wake-up: there is a lease by now
                self._give_back(load.loaded)
            elif not load.waiters:
                self._give_up(load)
            raise
        if not self._open:
            raise PoolClosed(f"the pool was closed before {load.model} was leased")
        if load.error is not None:
            raise load.error
        assert load.loaded is not None
        return load.loaded

    def _give_up(self, load: _Load) -> None:
        if self._loads.get(load.model) is load:  # it may have failed, and a later load have its place
            del self._loads[load.model]
        load.scope.cancel()
        self._settle()

    def _give_back(self, loaded: _Loaded) -> None:
        if self._open:
            loaded.leases -= 1
            self._use(loaded)
            self._settle()

    def _use(self, loaded: _Loaded) -> None:
        loaded.last_used = anyio.current_time()
        self._loaded[loaded.model] = self._loaded.pop(loaded.model)

    def _unload(self, loaded: _Loaded) -> None:
        del self._loaded[loaded.model]
        self._free += loaded.size
        self._host.unload(loaded.handle)

    def _idle(self) -> list[_Loaded]:
        """What may be unloaded, least recently used first."""
        return [it for it in self._loaded.values() if not it.leases and it.model not in self._pinned]

    def _settle(self) -> None:
        """To be called after every change that may let a load begin or a model become idle."""
        if not self._open:
            return
        first = next((load for load in self._loads.values() if not load.begun), None)
        # One at a time: tasks that are started at the same instant may run in any order (trio shuffles them), so the
        # next load is let in by `_run`, when this one is about to call the host.
        # A model in flight whose load is not joinable: a cancelled load of it has not ended yet.
        if first and not self._starting and first.model not in self._in_flight and self._make_room(first.size):
            first.begun = self._starting = True
            self._free -= first.size
            self._in_flight.add(first.model)
            self._tasks.start_soon(self._run, first)
        if self._idle_ttl is not None:
            self._alarm.deadline = min((it.last_used + self._idle_ttl for it in self._idle()), default=math.inf)

    def _make_room(self, size: int) -> bool:
        """Unloads what it takes if that will do, else nothing."""
        idle, needed = self._idle(), size - self._free
        if sum(it.size for it in idle) < needed:
            return False
        if needed > 0:
            for name in self._victims(idle, needed):
                self._unload(self._loaded[name])
        return self._free >= size  # asked again, since a policy may name too few

    def _victims(self, idle: list[_Loaded], needed: int) -> list[str]:
        if self._policy is None:
            return _first_enough(idle, needed)
        candidates = [Candidate(it.model, it.size, self._host.load_seconds(it.model), it.last_used) for it in idle]
        return self._policy.victims(candidates, needed, anyio.current_time())

    async def _run(self, load: _Load) -> None:
        self._starting = False
        self._settle()
        try:
            with load.scope:
                handle = await self._host.load(load.model)
                if self._loads.get(load.model) is load:
                    now = anyio.current_time()
                    load.loaded = self._loaded[load.model] = _Loaded(load.model, handle, load.size, load.waiters, now)
                else:  # given up at the instant at which it ended, too late for the cancellation
                    self._host.unload(handle)
        except Exception as error:  # LoadFailed, or a bug in the host, which its callers must see too
            load.error = error
        finally:
            # Also when cancelled: the bytes were in use until here, wherever `_give_up` was called.
            self._in_flight.remove(load.model)
            if load.loaded is None:
                self._free += load.size
            if self._loads.get(load.model) is load:
                del self._loads[load.model]
            load.done.set()
            self._settle()

    async def _unload_idle(self, idle_ttl: float) -> None:
        while self._open:
            now = anyio.current_time()
            for loaded in self._idle():
                # The same sum as the alarm's. `now - last_used >= idle_ttl` can be false at the alarm: floats.
                if loaded.last_used + idle_ttl <= now:
                    self._unload(loaded)
            # `_settle` moves the deadline, which is kept exactly; `sleep(due - now)` rounds: late, or early.
            with anyio.CancelScope(shield=True) as self._alarm:
                self._settle()
                await anyio.sleep_forever()

    async def _load_pinned(self) -> None:
        failures: list[Exception] = []

        async def wait(load: _Load) -> None:
            try:
                self._give_back(await self._wait(load))
            except Exception as error:  # it would leave the task group in an exception group
                failures.append(error)
                group.cancel_scope.cancel()

        loads = [self._join(model) for model in self._pinned]
        async with anyio.create_task_group() as group:
            for load in loads:
                group.start_soon(wait, load)
        if failures:
            raise failures[0]


class KeepWarmPolicy:
    """Unloads first what saves the fewest load seconds per byte and second: load seconds / (size x expected wait).

    The wait for a model's next request is its mean gap so far, or half its silence if that is longer: a burst that is
    over stops counting, and a slow model with a steady trickle stays. Nothing depends on a scale of time."""

    def __init__(self) -> None:
        self._since = math.inf
        self._asked: Counter[str] = Counter()

    def requested(self, model: str, now: float) -> None:
        self._since = min(self._since, now)
        self._asked[model] += 1

    def victims(self, candidates: Sequence[Candidate], needed: int, now: float) -> list[str]:
        def worth(it: Candidate) -> float:
            times = self._asked[it.model] + 1  # one request says little, and there may be none
            gap = (now - self._since) / times
            wait = max(gap, (now - it.last_used) / 2, 1e-9)
            return it.load_seconds / (it.size * wait)

        least_worth_first = sorted(candidates, key=worth)
        return _first_enough(least_worth_first, needed)
