"""The line as a generator: it yields the tasks that nothing but a want of GPUs holds back, in order, and both starting and making room take the first that will do.

Tenants are charged when a run is over; until then their turn, which moves with every start, keeps them behind their equals.
"""

import functools
import heapq
import itertools
import math
import threading
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Concatenate, ParamSpec, TypeVar

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
    """Stage 1: a line for each priority, in a dict, which keeps the order and forgets from anywhere."""

    def __init__(self) -> None:
        self._lines: dict[int, dict[str, None]] = {}
        self._priorities: list[int] = []  # a heap of those that have a line, negated
        self._priority_of: dict[str, int] = {}

    def put(self, task: str, priority: int) -> None:
        if task in self._priority_of:
            raise DuplicateTask(task)
        if priority not in self._lines:
            self._lines[priority] = {}
            heapq.heappush(self._priorities, -priority)
        self._lines[priority][task] = None
        self._priority_of[task] = priority

    def take(self) -> str | None:
        while self._priorities:
            line = self._lines[-self._priorities[0]]
            if line:
                task = next(iter(line))
                self.cancel(task)
                return task
            del self._lines[-heapq.heappop(self._priorities)]
        return None

    def cancel(self, task: str) -> bool:
        if task not in self._priority_of:
            return False
        del self._lines[self._priority_of.pop(task)][task]
        return True

    def waiting(self) -> int:
        return len(self._priority_of)


@dataclass(eq=False)
class _Task:
    name: str
    tenant: str
    priority: int
    gpus: int
    submitted: int
    age: int
    runs: int = 0
    stops: int = 0


@dataclass(eq=False)
class _Held:
    """A run that holds its GPUs."""

    task: _Task
    since: int
    saved: int
    until: int | None = None  # the end of its grace, once it was told to stop


@dataclass(eq=False)
class _Tenant:
    """A tenant at one priority."""

    name: str
    scale: int
    charged: int = 0  # service of the runs that are over, by weight
    turn: int = 0
    tasks: list[_Task] = field(default_factory=list)  # those that wait, by age

    def rank(self) -> tuple[int, int, str]:
        return self.charged, self.turn, self.name


class _Band:
    """The tenants that have tasks of one priority."""

    def __init__(self) -> None:
        self._tenants: dict[str, _Tenant] = {}
        self._ranks: list[tuple[int, int, str]] = []  # a heap; ranks that are not a tenant's any more are dead
        self._turns = itertools.count(1)
        self._time = 0  # what had been charged to the tenant that was picked last, at the most

    def add(self, task: _Task, scale: int) -> None:
        tenant = self._tenants.setdefault(task.tenant, _Tenant(task.tenant, scale))
        if not tenant.tasks:
            tenant.charged = max(tenant.charged, self._time)
        insort(tenant.tasks, task, key=_age)
        self._rank(tenant)

    def remove(self, task: _Task) -> None:
        tasks = self._tenants[task.tenant].tasks
        del tasks[bisect_left(tasks, task.age, key=_age)]

    def picked(self, task: _Task) -> None:
        tenant = self._tenants[task.tenant]
        self._time = max(self._time, tenant.charged)
        tenant.turn = next(self._turns)
        self._rank(tenant)

    def charge(self, task: _Task, service: int) -> None:
        tenant = self._tenants[task.tenant]
        tenant.charged += service * tenant.scale
        self._rank(tenant)

    def in_order(self) -> Iterator[_Task]:
        """All that wait. The first costs a logarithm, and is mostly the only one that is asked for."""
        while self._ranks:
            first = self._tenants[self._ranks[0][-1]]
            if first.tasks and first.rank() == self._ranks[0]:
                yield first.tasks[0]
                break
            heapq.heappop(self._ranks)
        for tenant in sorted(self._tenants.values(), key=_Tenant.rank):
            yield from tenant.tasks

    def _rank(self, tenant: _Tenant) -> None:
        heapq.heappush(self._ranks, tenant.rank())


def _age(task: _Task) -> int:
    return task.age


P = ParamSpec("P")
R = TypeVar("R")


def _call(method: Callable[Concatenate["Scheduler", P], R]) -> Callable[Concatenate["Scheduler", P], R]:
    """One call at a time."""

    @functools.wraps(method)
    def locked(self: "Scheduler", /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self._lock:
            return method(self, *args, **kwargs)

    return locked


class Scheduler:
    """Stages 2 to 4."""

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
        self._gpus, self._weights, self._caps = gpus, dict(weights), dict(caps or {})
        self._grace, self._max_stops, self._patience = grace, max_stops, patience
        self._scale = math.lcm(*self._weights.values())
        self._lock = threading.Lock()
        self._now = 0
        self._ages = itertools.count()
        self._waiting: dict[str, _Task] = {}
        self._bands: dict[int, _Band] = {}
        self._held: dict[Run, _Held] = {}
        self._claim: _Task | None = None

    @_call
    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        self._go_on(now)
        if gpus > self._gpus or gpus > self._caps.get(tenant, gpus):
            raise Impossible(task)
        self._join(_Task(task, tenant, priority, gpus, self._now, next(self._ages)))

    @_call
    def cancel(self, task: str, now: int) -> bool:
        self._go_on(now)
        if task not in self._waiting:
            return False
        self._leave(self._waiting[task])
        return True

    @_call
    def schedule(self, now: int) -> Plan:
        self._go_on(now)
        start = []
        while free := self._free():
            task = next((task for task in self._line() if task.gpus <= free), None)
            if task is None:
                break
            start.append(self._start(task))
        if self._max_stops and not any(held.until is not None for held in self._held.values()):
            for task in self._line():
                if victims := self._victims(task):
                    return self._stop(tuple(start), victims, task)
        return Plan(tuple(start))

    @_call
    def finish(self, run: Run, now: int) -> bool:
        self._go_on(now)
        return self._release(run, self._now) is not None

    @_call
    def saved(self, run: Run, now: int) -> bool:
        self._go_on(now)
        if run in self._held:
            self._held[run].saved = self._now
        return run in self._held

    @_call
    def stopped(self, run: Run, now: int) -> bool:
        self._go_on(now)
        told = run in self._held and self._held[run].until is not None
        return told and self._give_up(run, self._now)

    @_call
    def crashed(self, run: Run, now: int) -> bool:
        self._go_on(now)
        return self._give_up(run, self._now)

    # ---- who is next

    def _line(self) -> Iterator[_Task]:
        """The tasks that can be picked if they fit, in order."""
        barred = set()
        for task in self._overdue():
            if task.tenant not in barred:
                if self._within_cap(task):
                    yield task
                    return  # nothing gets past it
                barred.add(task.tenant)
        for priority in sorted(self._bands, reverse=True):
            claim = self._claim
            if claim is not None and priority <= claim.priority:
                if claim.tenant not in barred and self._within_cap(claim):
                    yield claim
                return
            for task in self._bands[priority].in_order():
                if task.tenant not in barred and self._within_cap(task):
                    yield task

    def _overdue(self) -> list[_Task]:
        if self._patience is None:
            return []
        since = self._now - self._patience
        return sorted((task for task in self._waiting.values() if task.submitted <= since), key=_age)

    def _within_cap(self, task: _Task) -> bool:
        if task.tenant not in self._caps:
            return True
        held = sum(held.task.gpus for held in self._held.values() if held.task.tenant == task.tenant)
        return held + task.gpus <= self._caps[task.tenant]

    def _free(self) -> int:
        return self._gpus - sum(held.task.gpus for held in self._held.values())

    # ---- room

    def _victims(self, task: _Task) -> list[Run]:
        """The cheapest runs whose GPUs are enough for the task with those that are free; none if there are no such runs, or if it fits."""
        missing = task.gpus - self._free()
        runs = [
            run
            for run, held in self._held.items()
            if held.task.priority < task.priority and held.task.stops < self._max_stops
        ]
        if missing <= 0 or sum(self._held[run].task.gpus for run in runs) < missing:
            return []
        best: list[tuple[int, int, list[Run]]] = [(0, 0, [])]  # of the runs so far: at stake, GPUs, which
        for run in runs:
            held = self._held[run]
            at_stake = held.task.gpus * (self._now - held.saved)
            more = [
                (cost + at_stake, gpus + held.task.gpus, [*some, run]) for cost, gpus, some in best if gpus < missing
            ]
            best = _undominated(best + more, missing)
        return min((one for one in best if one[1] >= missing), key=lambda one: (one[0], len(one[2])))[2]

    def _stop(self, start: tuple[Run, ...], victims: list[Run], task: _Task) -> Plan:
        for run in victims:
            self._held[run].until = self._now + self._grace
            self._held[run].task.stops += 1
        self._claim = task
        return Plan(start, tuple(victims), task.name)

    # ---- what becomes of tasks

    def _join(self, task: _Task) -> None:
        self._waiting[task.name] = task
        scale = self._scale // self._weights.get(task.tenant, 1)
        self._bands.setdefault(task.priority, _Band()).add(task, scale)

    def _leave(self, task: _Task) -> None:
        del self._waiting[task.name]
        self._bands[task.priority].remove(task)
        if self._claim is task:
            self._claim = None

    def _start(self, task: _Task) -> Run:
        self._leave(task)
        self._bands[task.priority].picked(task)
        task.runs += 1
        run = Run(task.name, task.runs)
        self._held[run] = _Held(task, self._now, self._now)
        return run

    def _release(self, run: Run, at: int) -> _Task | None:
        held = self._held.pop(run, None)
        if held is None:
            return None
        self._bands[held.task.priority].charge(held.task, held.task.gpus * (at - held.since))
        return held.task

    def _give_up(self, run: Run, at: int) -> bool:
        """The run is over and its task waits again. Returns whether the run held its GPUs."""
        task = self._release(run, at)
        if task is not None:
            self._join(task)
        return task is not None

    def _go_on(self, now: int) -> None:
        self._now = max(self._now, now)
        for run, held in list(self._held.items()):
            if held.until is not None and held.until <= self._now:
                self._give_up(run, held.until)


def _undominated(sets: list[tuple[int, int, list[Run]]], missing: int) -> list[tuple[int, int, list[Run]]]:
    """For each number of GPUs, up to those that are missing, the cheapest set and of those the smallest."""
    best: dict[int, tuple[int, int, list[Run]]] = {}
    for one in sorted(sets, key=lambda one: (one[0], len(one[2]))):
        best.setdefault(min(one[1], missing), one)
    return list(best.values())
