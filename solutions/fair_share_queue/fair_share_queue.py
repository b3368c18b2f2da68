"""The reference solution: heaps with lazy deletion, one account of virtual time for each tenant and priority, and a plan that is worked out afresh in every call."""

import heapq
import math
import threading
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

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
    """Stage 1."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        self._entries: dict[str, int] = {}  # the number of the entry that counts; every other one of that name is dead
        self._puts = 0

    def put(self, task: str, priority: int) -> None:
        if task in self._entries:
            raise DuplicateTask(task)
        self._puts += 1
        self._entries[task] = self._puts
        heapq.heappush(self._heap, (-priority, self._puts, task))

    def take(self) -> str | None:
        while self._heap:
            _, number, task = heapq.heappop(self._heap)
            if self._entries.get(task) == number:
                del self._entries[task]
                return task
        return None

    def cancel(self, task: str) -> bool:
        return self._entries.pop(task, None) is not None

    def waiting(self) -> int:
        return len(self._entries)


@dataclass(order=True)
class _Task:
    """A task that is not done. Tasks compare by age."""

    number: int
    name: str = field(compare=False)
    tenant: str = field(compare=False)
    priority: int = field(compare=False)
    gpus: int = field(compare=False)
    submitted: int = field(compare=False)
    waits: bool = field(default=True, compare=False)
    runs: int = field(default=0, compare=False)
    stops: int = field(default=0, compare=False)


@dataclass(eq=False)
class _Running:
    """A run that holds its GPUs."""

    task: _Task
    name: Run
    started: int
    saved: int
    ends: int | None = None  # when it was told to stop: the instant at which its grace is over

    def at_stake(self, now: int) -> int:
        return self.task.gpus * (now - self.saved)


_Rank = tuple[int, int, str]


class _Account:
    """What one tenant has got at one priority, and its tasks that wait there.

    Virtual time is service divided by weight, times a constant that keeps it an integer.
    """

    def __init__(self, tenant: str, scale: int) -> None:
        self.tenant = tenant
        self.lanes: dict[int, list[_Task]] = {}  # heaps by the number of GPUs; tasks that do not wait any more are dead
        self.holding = 0  # GPUs
        self._scale = scale
        self._base = 0  # virtual time, but for what the runs that go on have got

    def time(self, now: int) -> int:
        """Virtual time."""
        return self._base + self.holding * now * self._scale

    def rank(self, now: int) -> _Rank:
        """Who is next: the least time, at equal times the slowest."""
        return self.time(now), self.holding * self._scale, self.tenant

    def lift(self, time: int, now: int) -> None:
        """Move virtual time forward."""
        self._base += max(0, time - self.time(now))

    def hold(self, gpus: int, since: int) -> None:
        self._base -= gpus * since * self._scale
        self.holding += gpus

    def let_go(self, gpus: int, at: int) -> None:
        self._base += gpus * at * self._scale
        self.holding -= gpus

    def head(self, gpus: int) -> _Task | None:
        """The first task that takes so many GPUs."""
        lane = self.lanes.get(gpus, [])
        while lane and not lane[0].waits:
            heapq.heappop(lane)
        return lane[0] if lane else None

    def idle(self) -> bool:
        """Whether no task waits."""
        return all(self.head(gpus) is None for gpus in self.lanes)


class _Level:
    """The tasks of one priority: start-time fair queueing over the tenants' accounts.

    The time of an account that holds GPUs moves by itself; there are never more of those than GPUs, so they are looked at one by one. The others stand
    in heaps, one for each number of GPUs that tasks take.
    """

    def __init__(self, scale: Callable[[str], int]) -> None:
        self._scale = scale
        self._time = 0  # the highest virtual time at which a task was picked: nobody comes back with less
        self._accounts: dict[str, _Account] = {}
        self._moving: dict[str, _Account] = {}
        self._still: dict[int, list[_Rank]] = {}  # entries of another time are dead

    def add(self, task: _Task, now: int) -> None:
        account = self._accounts.setdefault(task.tenant, _Account(task.tenant, self._scale(task.tenant)))
        if account.idle():
            account.lift(self._time, now)
        lane = account.lanes.setdefault(task.gpus, [])
        heapq.heappush(lane, task)
        self._stand(account, now)

    def first(self, limit: int, allowed: Callable[[str, int], bool], now: int) -> _Task | None:
        """The task that is next, of those that take at most `limit` GPUs."""
        moving = [account.rank(now) for account in self._moving.values()]
        found: list[tuple[_Rank, _Task]] = []
        for gpus in range(1, limit + 1):
            for rank in [*moving, *self._first_still(gpus, allowed, now)]:
                task = self._accounts[rank[-1]].head(gpus)
                if task is not None and allowed(task.tenant, gpus):
                    found.append((rank, task))
        return min(found)[1] if found else None

    def hold(self, task: _Task, now: int) -> None:
        account = self._accounts[task.tenant]
        self._time = max(self._time, account.time(now))
        account.hold(task.gpus, now)
        self._moving[task.tenant] = account

    def let_go(self, task: _Task, at: int) -> None:
        account = self._accounts[task.tenant]
        account.let_go(task.gpus, at)
        if not account.holding:
            del self._moving[task.tenant]
            self._stand(account, at)

    def _stand(self, account: _Account, now: int) -> None:
        """Let an account that holds nothing stand in line with its time as it is."""
        if not account.holding:
            for gpus in account.lanes:
                heapq.heappush(self._still.setdefault(gpus, []), account.rank(now))

    def _first_still(self, gpus: int, allowed: Callable[[str, int], bool], now: int) -> Iterable[_Rank]:
        """The first account in line that may have a task of so many GPUs, if there is one."""
        line = self._still.get(gpus, [])
        aside = []
        while line:
            time, _, tenant = line[0]
            account = self._accounts[tenant]
            if account.holding or account.time(now) != time or account.head(gpus) is None:
                heapq.heappop(line)
            elif not allowed(tenant, gpus):
                aside.append(heapq.heappop(line))
            else:
                break
        found = line[:1]
        for entry in aside:
            heapq.heappush(line, entry)
        return found


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
        self._gpus = self._free = gpus
        self._weights = dict(weights)
        self._unit = math.lcm(*self._weights.values())
        self._grace, self._max_stops, self._patience = grace, max_stops, patience
        self._caps = dict(caps or {})
        self._now = 0
        self._submitted = 0
        self._waiting: dict[str, _Task] = {}
        self._runs: dict[Run, _Running] = {}
        self._levels: dict[int, _Level] = {}
        self._held: dict[str, int] = {}  # GPUs by tenant
        self._ages: list[_Task] = []  # a heap of tasks that are not overdue; those that do not wait are dead
        self._overdue: list[_Task] = []  # by age; those that do not wait are dead
        self._claim: _Task | None = None
        self._lock = threading.Lock()

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            self._advance(now)
            if gpus > min(self._gpus, self._caps.get(tenant, gpus)):
                raise Impossible(f"{task} takes {gpus} GPUs")
            self._submitted += 1
            self._wait(_Task(self._submitted, task, tenant, priority, gpus, self._now))

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            self._advance(now)
            if task not in self._waiting:
                return False
            self._leave(self._waiting[task])
            return True

    def schedule(self, now: int) -> Plan:
        with self._lock:
            self._advance(now)
            start = []
            while task := self._next(lambda _: self._free):
                start.append(self._start(task))
            return self._make_room(tuple(start))

    def finish(self, run: Run, now: int) -> bool:
        with self._lock:
            self._advance(now)
            return self._end(run, self._now) is not None

    def saved(self, run: Run, now: int) -> bool:
        with self._lock:
            self._advance(now)
            running = self._runs.get(run)
            if running is None:
                return False
            running.saved = self._now
            return True

    def stopped(self, run: Run, now: int) -> bool:
        with self._lock:
            self._advance(now)
            if run not in self._runs or self._runs[run].ends is None:
                return False
            self._return(run, self._now)
            return True

    def crashed(self, run: Run, now: int) -> bool:
        with self._lock:
            self._advance(now)
            if run not in self._runs:
                return False
            self._return(run, self._now)
            return True

    # ---- what is next

    def _next(self, reach: Callable[[int], int]) -> _Task | None:
        """The first task in the order that takes no more GPUs than are within reach for its priority."""
        barred: set[str] = set()
        for task in self._late():
            if task.tenant not in barred:
                if self._within_cap(task.tenant, task.gpus):
                    return task if task.gpus <= reach(task.priority) else None
                barred.add(task.tenant)

        def allowed(tenant: str, gpus: int) -> bool:
            return tenant not in barred and self._within_cap(tenant, gpus)

        for priority in sorted(self._levels, reverse=True):
            claim = self._claim
            if claim is not None and priority <= claim.priority:
                fits = claim.gpus <= reach(claim.priority) and allowed(claim.tenant, claim.gpus)
                return claim if fits else None
            first = self._levels[priority].first(reach(priority), allowed, self._now)
            if first is not None:
                return first
        return None

    def _late(self) -> Iterator[_Task]:
        """The overdue tasks, by age."""
        if self._patience is None:
            return
        while self._ages and (not self._ages[0].waits or self._ages[0].submitted + self._patience <= self._now):
            task = heapq.heappop(self._ages)
            if task.waits:
                insort(self._overdue, task)
        self._overdue = [task for task in self._overdue if task.waits]
        yield from self._overdue

    def _within_cap(self, tenant: str, gpus: int) -> bool:
        return tenant not in self._caps or self._held.get(tenant, 0) + gpus <= self._caps[tenant]

    def _make_room(self, start: tuple[Run, ...]) -> Plan:
        """The plan, with those runs that have to stop."""
        if self._max_stops == 0 or any(running.ends is not None for running in self._runs.values()):
            return Plan(start)

        def victims(priority: int) -> list[_Running]:
            return [
                running
                for running in self._runs.values()
                if running.task.priority < priority and running.task.stops < self._max_stops
            ]

        task = self._next(lambda priority: self._free + sum(running.task.gpus for running in victims(priority)))
        if task is None:
            return Plan(start)
        self._claim = task
        stop = _cheapest(victims(task.priority), task.gpus - self._free, self._now)
        for running in stop:
            running.ends = self._now + self._grace
            running.task.stops += 1
        return Plan(start, tuple(running.name for running in stop), task.name)

    # ---- what happens to a task

    def _wait(self, task: _Task) -> None:
        task.waits = True
        self._waiting[task.name] = task
        self._levels.setdefault(task.priority, _Level(self._scale)).add(task, self._now)
        if self._patience is not None:
            heapq.heappush(self._ages, task)

    def _leave(self, task: _Task) -> None:
        """It does not wait any more; the heaps find out when they come across it."""
        task.waits = False
        del self._waiting[task.name]
        if self._claim is task:
            self._claim = None

    def _start(self, task: _Task) -> Run:
        self._levels[task.priority].hold(task, self._now)
        self._leave(task)
        task.runs += 1
        run = Run(task.name, task.runs)
        self._runs[run] = _Running(task, run, self._now, self._now)
        self._free -= task.gpus
        self._held[task.tenant] = self._held.get(task.tenant, 0) + task.gpus
        return run

    def _end(self, run: Run, at: int) -> _Task | None:
        """The run gives its GPUs back. Returns its task, or None if it holds none."""
        running = self._runs.pop(run, None)
        if running is None:
            return None
        task = running.task
        self._free += task.gpus
        self._held[task.tenant] -= task.gpus
        self._levels[task.priority].let_go(task, at)
        return task

    def _return(self, run: Run, at: int) -> None:
        """The run is over and its task is not done."""
        task = self._end(run, at)
        if task is not None:
            self._wait(task)

    def _advance(self, now: int) -> None:
        self._now = max(self._now, now)
        over = [one for one in self._runs.values() if one.ends is not None and one.ends <= self._now]
        for running in over:
            assert running.ends is not None
            self._return(running.name, running.ends)

    def _scale(self, tenant: str) -> int:
        return self._unit // self._weights.get(tenant, 1)


def _cheapest(runs: Iterable[_Running], gpus: int, now: int) -> tuple[_Running, ...]:
    """A set of runs that hold so many GPUs with the least at stake; of those the smallest, so that none could be left out."""
    best: dict[int, tuple[int, int, tuple[_Running, ...]]] = {0: (0, 0, ())}  # by GPUs, up to those that are needed
    for running in runs:
        for got, (stake, count, chosen) in list(best.items()):
            more = min(gpus, got + running.task.gpus)
            with_it = (stake + running.at_stake(now), count + 1, (*chosen, running))
            if more > got and (more not in best or with_it[:2] < best[more][:2]):
                best[more] = with_it
    return best[gpus][2]
