"""A tenant that comes back is placed between the least virtual time of those that wait and the most that one that had stayed could owe.

Tasks wait in heaps by submission, one per priority, tenant and number of GPUs, from which those that wait no more are dropped when they come up;
at each priority a heap orders the tenants by virtual time (service by weight), except the few that hold GPUs, whose virtual time runs on.
Picking a task and making room for one are the same search for the first task in the order, with different numbers of GPUs to be had.
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

# ---- given: leave this part as it is


class DuplicateTask(Exception):
    """A task of this name waits already."""


class Impossible(Exception):
    """The task can never run."""


@dataclass(frozen=True)
class Run:
    """One start of a task: 1 is its first."""

    task: str
    number: int


@dataclass(frozen=True)
class Plan:
    """What is to be done now; from stage 3 on also which runs are told to stop, and for which task."""

    start: tuple[Run, ...] = ()
    stop: tuple[Run, ...] = ()
    room_for: str | None = None


# ---- yours


class TaskQueue:
    """Stage 1: a heap with lazy deletion."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int]] = []  # (-priority, number of the put)
        self._tasks: dict[tuple[int, int], str] = {}  # the entries that still count
        self._entries: dict[str, tuple[int, int]] = {}
        self._puts = 0

    def put(self, task: str, priority: int) -> None:
        if task in self._entries:
            raise DuplicateTask(task)
        self._puts += 1
        entry = (-priority, self._puts)
        self._tasks[entry] = task
        self._entries[task] = entry
        heappush(self._heap, entry)

    def take(self) -> str | None:
        while self._heap:
            task = self._tasks.pop(heappop(self._heap), None)
            if task is not None:
                del self._entries[task]
                return task
        return None

    def cancel(self, task: str) -> bool:
        entry = self._entries.pop(task, None)
        if entry is None:
            return False
        del self._tasks[entry]
        if len(self._heap) > 2 * len(self._tasks) + 16:
            self._heap = list(self._tasks)
            heapify(self._heap)
        return True

    def waiting(self) -> int:
        return len(self._entries)


@dataclass(eq=False)
class _Tenant:
    unit: int  # what a GPU-millisecond adds to its virtual times
    cap: int
    held: int = 0


@dataclass(eq=False)
class _Flow:
    """A tenant at a priority. `virtual` is its virtual time at the instant `at`; it grows while GPUs are held."""

    number: int
    tenant: _Tenant
    virtual: int = 0
    at: int = 0
    held: int = 0
    waiting: int = 0
    stamp: int = 0  # the entry of this stamp in the heap of the level counts, others do not
    heaps: dict[int, list[int]] = field(default_factory=dict)  # by GPUs, the numbers of the tasks

    def virtual_at(self, now: int) -> int:
        return self.virtual + self.held * (now - self.at) * self.tenant.unit

    def hold(self, gpus: int, now: int) -> None:
        """Hold so many GPUs more, or fewer, from now on."""
        self.virtual, self.at = self.virtual_at(now), now
        self.held += gpus
        self.tenant.held += gpus


@dataclass(eq=False)
class _Level:
    """The tenants at a priority. Those in `active` hold GPUs; the heap has those that wait and hold none."""

    priority: int
    flows: dict[str, _Flow] = field(default_factory=dict)
    active: dict[int, _Flow] = field(default_factory=dict)
    heap: list[tuple[int, int, int, _Flow]] = field(default_factory=list)
    stamps: int = 0
    floor: int = 0  # the least virtual time of those that wait, or that it was when some did last
    waiting: int = 0

    def push(self, flow: _Flow) -> None:
        if flow.waiting and not flow.held:
            self.stamps += 1
            flow.stamp = self.stamps
            heappush(self.heap, (flow.virtual, flow.number, flow.stamp, flow))

    def top(self) -> _Flow | None:
        while self.heap:
            _, _, stamp, flow = self.heap[0]
            if stamp == flow.stamp and flow.waiting and not flow.held:
                return flow
            heappop(self.heap)
        return None

    def raise_floor(self, now: int) -> None:
        virtuals = [flow.virtual_at(now) for flow in self.active.values() if flow.waiting]
        top = self.top()
        if top is not None:
            virtuals.append(top.virtual)
        if virtuals:
            self.floor = max(self.floor, min(virtuals))


@dataclass(eq=False)
class _Task:
    name: str
    number: int  # in the order of submission
    submitted: int
    level: _Level
    flow: _Flow
    gpus: int
    runs: int = 0
    stops: int = 0


@dataclass(eq=False)
class _Running:
    run: Run
    task: _Task
    started: int
    safe: int  # when it was started or saved last
    told: int | None = None  # when it was told to stop


class Scheduler:
    """Stages 2 to 4. One lock makes calls come one after the other."""

    def __init__(
        self,
        gpus: int,
        weights: Mapping[str, int],
        *,
        grace: int = 1,
        max_stops: int = 0,
        patience: int | None = None,
        caps: Mapping[str, int] | None = None,
    ) -> None:
        self._gpus = self._free = gpus
        self._weights = dict(weights)
        self._scale = math.lcm(*self._weights.values())  # keeps virtual times integers
        self._grace = grace
        self._max_stops = max_stops
        self._patience = patience
        self._caps = dict(caps or {})
        self._lock = threading.Lock()
        self._now = 0
        self._tenants: dict[str, _Tenant] = {}
        self._levels: dict[int, _Level] = {}
        self._tasks: dict[str, _Task] = {}  # those that are not done
        self._waiting: dict[int, _Task] = {}  # by number
        self._by_age: list[int] = []  # a heap of the numbers of tasks that wait, if there is patience
        self._running: dict[Run, _Running] = {}
        self._submissions = 0
        self._longest = 0  # for which a run has held a GPU
        self._claim: _Task | None = None

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            now = self._advance(now)
            if task in self._tasks:
                raise DuplicateTask(task)
            if gpus > min(self._gpus, self._caps.get(tenant, self._gpus)):
                raise Impossible(task)
            level = self._levels.get(priority)
            if level is None:
                level = self._levels[priority] = _Level(priority)
                self._levels = dict(sorted(self._levels.items(), reverse=True))
            flow = level.flows.get(tenant)
            if flow is None:
                flow = level.flows[tenant] = _Flow(len(level.flows), self._tenant(tenant), at=now)
            self._submissions += 1
            submitted = _Task(task, self._submissions, now, level, flow, gpus)
            self._tasks[task] = submitted
            self._enqueue(submitted, now)

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            now = self._advance(now)
            found = self._tasks.get(task)
            if found is None or found.number not in self._waiting:
                return False
            self._dequeue(found, now)
            del self._tasks[task]
            return True

    def schedule(self, now: int) -> Plan:
        with self._lock:
            now = self._advance(now)
            start: list[Run] = []
            while self._free:
                task = self._first(now, lambda priority: self._free)
                if task is None:
                    break
                start.append(self._start(task, now))
            stop: list[Run] = []
            room_for = None
            if self._max_stops and self._waiting and not any(held.told is not None for held in self._running.values()):
                task = self._first(
                    now, lambda priority: self._free + sum(it.task.gpus for it in self._stoppable(priority))
                )
                if task is not None:
                    for held in self._cheapest(task, now):
                        held.told = now
                        held.task.stops += 1
                        stop.append(held.run)
                    self._claim = task
                    room_for = task.name
            return Plan(tuple(start), tuple(stop), room_for)

    def finish(self, run: Run, now: int) -> bool:
        with self._lock:
            return self._over(run, self._advance(now), done=True)

    def saved(self, run: Run, now: int) -> bool:
        with self._lock:
            now = self._advance(now)
            held = self._running.get(run)
            if held is None:
                return False
            held.safe = now
            return True

    def stopped(self, run: Run, now: int) -> bool:
        with self._lock:
            now = self._advance(now)
            held = self._running.get(run)
            if held is None or held.told is None:
                return False
            return self._over(run, now, done=False)

    def crashed(self, run: Run, now: int) -> bool:
        with self._lock:
            return self._over(run, self._advance(now), done=False)

    # ---- time and queues

    def _advance(self, now: int) -> int:
        """The time of this call. The runs whose grace has ended are over since then."""
        self._now = max(self._now, now)
        for held in list(self._running.values()):
            if held.told is not None and held.told + self._grace <= self._now:
                self._over(held.run, held.told + self._grace, done=False)
        return self._now

    def _tenant(self, name: str) -> _Tenant:
        tenant = self._tenants.get(name)
        if tenant is None:
            unit = self._scale // self._weights.get(name, 1)
            no_cap = 2 * self._gpus  # no more are ever held, nor taken by one task
            tenant = self._tenants[name] = _Tenant(unit, self._caps.get(name, no_cap))
        return tenant

    def _enqueue(self, task: _Task, now: int) -> None:
        level, flow = task.level, task.flow
        if not flow.waiting:
            self._join(level, flow, now)
        flow.waiting += 1
        level.waiting += 1
        self._waiting[task.number] = task
        heappush(flow.heaps.setdefault(task.gpus, []), task.number)
        if self._patience is not None:
            heappush(self._by_age, task.number)
        if flow.waiting == 1:
            level.push(flow)

    def _join(self, level: _Level, flow: _Flow, now: int) -> None:
        """A tenant comes (back). It has no credit, and of what it owes only as much counts as one that stayed could owe."""
        level.raise_floor(now)
        virtual = max(flow.virtual_at(now), level.floor)
        if level.waiting:
            virtual = min(virtual, level.floor + (self._gpus - flow.held) * self._longest * flow.tenant.unit)
        flow.virtual, flow.at = virtual, now

    def _dequeue(self, task: _Task, now: int) -> None:
        task.level.raise_floor(now)
        task.flow.waiting -= 1
        task.level.waiting -= 1
        del self._waiting[task.number]
        if self._claim is task:
            self._claim = None

    # ---- runs

    def _start(self, task: _Task, now: int) -> Run:
        self._dequeue(task, now)
        task.runs += 1
        run = Run(task.name, task.runs)
        self._running[run] = _Running(run, task, now, now)
        self._free -= task.gpus
        task.flow.hold(task.gpus, now)
        task.level.active[task.flow.number] = task.flow
        return run

    def _over(self, run: Run, now: int, done: bool) -> bool:
        held = self._running.pop(run, None)
        if held is None:
            return False
        task = held.task
        level, flow = task.level, task.flow
        self._longest = max(self._longest, now - held.started)
        self._free += task.gpus
        flow.hold(-task.gpus, now)
        if not flow.held:
            del level.active[flow.number]
            level.push(flow)
        if done:
            del self._tasks[task.name]
        else:
            self._enqueue(task, now)
        return True

    def _stoppable(self, priority: int) -> list[_Running]:
        """The runs that may be told to stop for a task of this priority."""
        return [
            held
            for held in self._running.values()
            if held.told is None and held.task.level.priority < priority and held.task.stops < self._max_stops
        ]

    def _cheapest(self, task: _Task, now: int) -> list[_Running]:
        """The runs to stop for a task: the least at stake, and among equals the fewest, so that none can be left out."""
        needed = task.gpus - self._free
        best: dict[int, tuple[int, int, list[_Running]]] = {0: (0, 0, [])}  # by GPUs, those beyond `needed` not counted
        for held in self._stoppable(task.level.priority):
            at_stake = held.task.gpus * (now - held.safe)
            for gpus, (stake, count, runs) in list(best.items()):
                total = min(needed, gpus + held.task.gpus)
                found = (stake + at_stake, count + 1)
                if total not in best or found < best[total][:2]:
                    best[total] = (*found, [*runs, held])
        return best[needed][2]

    # ---- the order

    def _first(self, now: int, to_be_had: Callable[[int], int]) -> _Task | None:
        """The first task in the order that may be served, if one of a priority can have `to_be_had(priority)` GPUs."""
        held_up: set[_Tenant] = set()
        put_back: list[int] = []
        try:
            while self._patience is not None and self._by_age:
                task = self._waiting.get(self._by_age[0])
                if task is None:
                    heappop(self._by_age)
                    continue
                if task.submitted + self._patience > now:
                    break
                tenant = task.flow.tenant
                if tenant not in held_up:
                    if tenant.held + task.gpus <= tenant.cap:
                        return task if task.gpus <= to_be_had(task.level.priority) else None
                    held_up.add(tenant)
                put_back.append(heappop(self._by_age))
        finally:
            for number in put_back:
                heappush(self._by_age, number)
        claim = self._claim
        for level in self._levels.values():
            if not level.waiting:
                continue
            if claim is not None and level.priority <= claim.level.priority:
                return claim if self._fits(claim, to_be_had(claim.level.priority), held_up) else None
            task = self._first_at(level, now, to_be_had(level.priority), held_up)
            if task is not None:
                return task
        return None

    def _fits(self, task: _Task, gpus: int, held_up: set[_Tenant]) -> bool:
        tenant = task.flow.tenant
        return tenant not in held_up and task.gpus <= min(gpus, tenant.cap - tenant.held)

    def _first_at(self, level: _Level, now: int, gpus: int, held_up: set[_Tenant]) -> _Task | None:
        if not gpus:
            return None
        best: tuple[int, int, int, _Task] | None = None
        for flow in level.active.values():
            task = self._first_of(flow, gpus, held_up)
            if task is not None:
                found = (flow.virtual_at(now), flow.held * flow.tenant.unit, flow.number, task)
                if best is None or found[:3] < best[:3]:
                    best = found
        put_back = []
        while (top := level.top()) is not None:
            task = self._first_of(top, gpus, held_up)
            if task is not None:
                found = (top.virtual, 0, top.number, task)
                if best is None or found[:3] < best[:3]:
                    best = found
                break
            put_back.append(heappop(level.heap))
        for entry in put_back:
            heappush(level.heap, entry)
        return None if best is None else best[3]

    def _first_of(self, flow: _Flow, gpus: int, held_up: set[_Tenant]) -> _Task | None:
        """The task of a tenant at a priority that was submitted first, of those that fit."""
        if not flow.waiting or flow.tenant in held_up:
            return None
        gpus = min(gpus, flow.tenant.cap - flow.tenant.held)
        best: _Task | None = None
        for size, heap in flow.heaps.items():
            if size > gpus:
                continue
            while heap and heap[0] not in self._waiting:
                heappop(heap)
            if heap and (best is None or heap[0] < best.number):
                best = self._waiting[heap[0]]
        return best
