"""Every call first settles the time that has passed: it charges each run for it, and ends those whose grace is over. So all accounts are up to date whenever anything is decided.

Tasks that wait stand in sorted lists, from which they are really removed; what may be stopped is searched with a bound on the cost.
"""

import heapq
import threading
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from operator import attrgetter

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
    """Stage 1: a sorted list of keys, and the key of each name."""

    def __init__(self) -> None:
        self._keys: list[tuple[int, int, str]] = []  # the next one is last: priority, minus the number of the put
        self._key_of: dict[str, tuple[int, int, str]] = {}
        self._puts = 0

    def put(self, task: str, priority: int) -> None:
        if task in self._key_of:
            raise DuplicateTask(task)
        self._puts += 1
        self._key_of[task] = key = (priority, -self._puts, task)
        insort(self._keys, key)

    def take(self) -> str | None:
        if not self._keys:
            return None
        _, _, task = self._keys.pop()
        del self._key_of[task]
        return task

    def cancel(self, task: str) -> bool:
        key = self._key_of.pop(task, None)
        if key is None:
            return False
        del self._keys[bisect_left(self._keys, key)]
        return True

    def waiting(self) -> int:
        return len(self._key_of)


_by_age = attrgetter("age")


@dataclass(eq=False)
class _Task:
    age: int
    name: str
    tenant: str
    priority: int
    gpus: int
    submitted: int
    starts: int = 0
    stops: int = 0
    saved: int = 0
    deadline: int | None = None  # while it is stopping


@dataclass(eq=False)
class _Queue:
    """The tasks of one tenant and priority that wait, by age, and the weighted service that they and those before them have had."""

    tenant: str
    weight: int
    served: Fraction = Fraction(0)
    tasks: list[_Task] = field(default_factory=list)


@dataclass(eq=False)
class _Class:
    """All queues of one priority."""

    queues: dict[str, _Queue] = field(default_factory=dict)
    order: list[tuple[Fraction, str]] = field(default_factory=list)  # a heap; entries of another service are dead
    level: Fraction = Fraction(0)  # the most that a queue had when a task of it was picked

    def place(self, queue: _Queue) -> None:
        if queue.tasks:
            heapq.heappush(self.order, (queue.served, queue.tenant))

    def head(self) -> _Task | None:
        """The first task of the queue that has had least."""
        while self.order:
            served, tenant = self.order[0]
            queue = self.queues[tenant]
            if queue.tasks and queue.served == served:
                return queue.tasks[0]
            heapq.heappop(self.order)
        return None


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
        self._lock = threading.RLock()
        self._now = 0
        self._submitted = 0
        self._waiting: dict[str, _Task] = {}
        self._running: dict[Run, _Task] = {}
        self._used: defaultdict[str, int] = defaultdict(int)  # GPUs by tenant
        self._free = gpus
        self._classes: dict[int, _Class] = {}
        self._claimant: _Task | None = None

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            self._settle(now)
            if gpus > self._gpus or gpus > self._caps.get(tenant, self._gpus):
                raise Impossible(f"{task} takes {gpus} GPUs, more than it can ever have")
            self._submitted += 1
            self._enqueue(_Task(self._submitted, task, tenant, priority, gpus, self._now))

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            self._settle(now)
            waiting = self._waiting.get(task)
            if waiting is not None:
                self._dequeue(waiting)
            return waiting is not None

    def schedule(self, now: int) -> Plan:
        with self._lock:
            self._settle(now)
            started = []
            while (task := self._choose({})) is not None:
                started.append(self._start(task))
            stops: tuple[Run, ...] = ()
            if self._max_stops and all(task.deadline is None for task in self._running.values()):
                task = self._choose(self._gains())
                if task is not None:
                    stops = self._stop_for(task)
                    self._claimant = task
            return Plan(tuple(started), stops, task.name if task is not None else None)

    def finish(self, run: Run, now: int) -> bool:
        with self._lock:
            self._settle(now)
            return self._release(run) is not None

    def saved(self, run: Run, now: int) -> bool:
        with self._lock:
            self._settle(now)
            task = self._running.get(run)
            if task is not None:
                task.saved = self._now
            return task is not None

    def stopped(self, run: Run, now: int) -> bool:
        with self._lock:
            self._settle(now)
            task = self._running.get(run)
            return task is not None and task.deadline is not None and self._put_back(run)

    def crashed(self, run: Run, now: int) -> bool:
        with self._lock:
            self._settle(now)
            return self._put_back(run)

    # ---- time

    def _settle(self, now: int) -> None:
        """Go on to `now`, by way of each deadline before it."""
        now = max(self._now, now)
        ending = [(task.deadline, run) for run, task in self._running.items() if task.deadline is not None]
        for deadline, run in sorted(ending, key=lambda one: one[0]):
            if deadline <= now:
                self._charge(deadline)
                self._put_back(run)
        self._charge(now)

    def _charge(self, until: int) -> None:
        passed, self._now = until - self._now, until
        if passed:
            for task in self._running.values():
                queue = self._classes[task.priority].queues[task.tenant]
                queue.served += Fraction(task.gpus * passed, queue.weight)
                self._classes[task.priority].place(queue)

    # ---- choice

    def _choose(self, gains: dict[int, int]) -> _Task | None:
        """The first task in the order that could start if as many more GPUs were free as `gains` has for its priority."""
        barred: set[str] = set()
        for task in self._overdue():
            if task.tenant in barred:
                continue
            if self._capped(task):
                barred.add(task.tenant)
                continue
            return task if task.gpus <= self._free + gains.get(task.priority, 0) else None
        for priority in sorted(self._classes, reverse=True):
            room = self._free + gains.get(priority, 0)
            claimant = self._claimant
            if claimant is not None and priority <= claimant.priority:
                held_back = claimant.tenant in barred or self._capped(claimant) or claimant.gpus > room
                return None if held_back else claimant
            first = self._choose_in(self._classes[priority], room, barred)
            if first is not None:
                return first
        return None

    def _choose_in(self, one: _Class, room: int, barred: set[str]) -> _Task | None:
        def possible(task: _Task) -> bool:
            return task.gpus <= room and task.tenant not in barred and not self._capped(task)

        head = one.head() if room else None
        if head is None or possible(head):  # as mostly
            return head
        return next((task for queue in _ranked(one) for task in queue.tasks if possible(task)), None)

    def _overdue(self) -> list[_Task]:
        if self._patience is None:
            return []
        overdue = [task for task in self._waiting.values() if task.submitted + self._patience <= self._now]
        return sorted(overdue, key=_by_age)

    def _capped(self, task: _Task) -> bool:
        return task.tenant in self._caps and self._used[task.tenant] + task.gpus > self._caps[task.tenant]

    # ---- room

    def _stoppable(self, priority: int) -> list[Run]:
        return [run for run, task in self._running.items() if task.priority < priority and task.stops < self._max_stops]

    def _gains(self) -> dict[int, int]:
        """How many GPUs could be freed for a task, by its priority."""
        return {
            priority: sum(self._running[run].gpus for run in self._stoppable(priority)) for priority in self._classes
        }

    def _stop_for(self, task: _Task) -> tuple[Run, ...]:
        """Tell the cheapest runs to stop whose GPUs are enough."""
        runs = self._stoppable(task.priority)
        best: tuple[tuple[int, int], tuple[Run, ...]] | None = None

        def search(index: int, missing: int, cost: tuple[int, int], chosen: tuple[Run, ...]) -> None:
            nonlocal best
            if best is not None and cost >= best[0]:
                return
            if missing <= 0:
                best = cost, chosen
            elif index < len(runs):
                victim = self._running[runs[index]]
                stake = victim.gpus * (self._now - victim.saved)
                search(index + 1, missing - victim.gpus, (cost[0] + stake, cost[1] + 1), (*chosen, runs[index]))
                search(index + 1, missing, cost, chosen)

        search(0, task.gpus - self._free, (0, 0), ())
        assert best is not None
        for run in best[1]:
            self._running[run].deadline = self._now + self._grace
            self._running[run].stops += 1
        return best[1]

    # ---- from line to run and back

    def _enqueue(self, task: _Task) -> None:
        self._waiting[task.name] = task
        one = self._classes.setdefault(task.priority, _Class())
        if task.tenant not in one.queues:
            one.queues[task.tenant] = _Queue(task.tenant, self._weights.get(task.tenant, 1))
        queue = one.queues[task.tenant]
        if not queue.tasks:
            queue.served = max(queue.served, one.level)
        insort(queue.tasks, task, key=_by_age)
        one.place(queue)

    def _dequeue(self, task: _Task) -> None:
        del self._waiting[task.name]
        tasks = self._classes[task.priority].queues[task.tenant].tasks
        del tasks[bisect_left(tasks, task.age, key=_by_age)]
        if self._claimant is task:
            self._claimant = None

    def _start(self, task: _Task) -> Run:
        self._dequeue(task)
        one = self._classes[task.priority]
        one.level = max(one.level, one.queues[task.tenant].served)
        task.starts += 1
        task.saved = self._now
        run = Run(task.name, task.starts)
        self._running[run] = task
        self._free -= task.gpus
        self._used[task.tenant] += task.gpus
        return run

    def _release(self, run: Run) -> _Task | None:
        task = self._running.pop(run, None)
        if task is not None:
            task.deadline = None
            self._free += task.gpus
            self._used[task.tenant] -= task.gpus
        return task

    def _put_back(self, run: Run) -> bool:
        task = self._release(run)
        if task is not None:
            self._enqueue(task)
        return task is not None


def _ranked(one: _Class) -> list[_Queue]:
    return sorted(one.queues.values(), key=lambda queue: (queue.served, queue.tenant))
