"""A `Scheduler` composed of a `Ready` queue, a `Cluster` of GPUs and a `Preemptor`.

Each tenant has one bill per priority, its service over its weight, kept in whole numbers; who has the lowest bill is next, and a tenant that comes back is billed at least as much as the last one
that was picked, so all tenants that wait stay within G L / weight of each other. Whether tasks are picked or room is made, the same walk of the order finds the first that is allowed and small enough.
"""

import heapq
import math
import threading
from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

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


class Sortable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...

    def __hash__(self) -> int: ...


K = TypeVar("K", bound=Sortable)


class Ordered(Generic[K]):
    """A set that knows its least member. Members that were discarded are dropped from the heap when they come to its top, or when they are the most of it."""

    def __init__(self) -> None:
        self._members: set[K] = set()
        self._heap: list[K] = []

    def __len__(self) -> int:
        return len(self._members)

    def add(self, member: K) -> None:
        self._members.add(member)
        heapq.heappush(self._heap, member)

    def discard(self, member: K) -> None:
        self._members.discard(member)
        if len(self._heap) > 2 * len(self._members) + 16:
            self._heap = sorted(self._members)

    def first(self) -> K | None:
        while self._heap and self._heap[0] not in self._members:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def __iter__(self) -> Iterator[K]:
        """From the least to the greatest. Whoever wants only the first does not pay for the sorting of the others."""
        first = self.first()
        if first is not None:
            yield first
            yield from sorted(self._members)[1:]


class TaskQueue:
    """Stage 1."""

    def __init__(self) -> None:
        self._line: Ordered[tuple[int, int, str]] = Ordered()
        self._places: dict[str, tuple[int, int, str]] = {}
        self._puts = 0

    def put(self, task: str, priority: int) -> None:
        if task in self._places:
            raise DuplicateTask(task)
        self._puts += 1
        self._places[task] = (-priority, self._puts, task)
        self._line.add(self._places[task])

    def take(self) -> str | None:
        first = self._line.first()
        if first is None:
            return None
        self.cancel(first[-1])
        return first[-1]

    def cancel(self, task: str) -> bool:
        if task not in self._places:
            return False
        self._line.discard(self._places.pop(task))
        return True

    def waiting(self) -> int:
        return len(self._places)


@dataclass(eq=False)
class Tenant:
    """A tenant's part of the cluster: the price of a GPU-millisecond (the heavier the cheaper), and the GPUs that its runs hold."""

    name: str
    price: int
    cap: int
    held: int = 0

    @property
    def allowance(self) -> int:
        """How many more GPUs it may hold."""
        return self.cap - self.held


@dataclass(eq=False)
class Task:
    name: str
    tenant: Tenant
    priority: int
    gpus: int
    submitted: int
    place: int  # in the order of submission
    starts: int = 0
    stops: int = 0

    def __lt__(self, other: "Task") -> bool:
        return self.place < other.place


@dataclass(eq=False)
class Line:
    """What one tenant has at one priority: its tasks that wait, and its ledger, the bill for all GPUs held up to `settled`."""

    tenant: Tenant
    waiting: Ordered[Task] = field(default_factory=Ordered)
    bill: int = 0
    held: int = 0
    settled: int = 0

    def settle(self, now: int) -> None:
        self.bill += self.tenant.price * self.held * (now - self.settled)
        self.settled = now

    @property
    def key(self) -> tuple[int, int, str]:
        """The least is next; of equal bills, the one that grows slowest."""
        return self.bill, self.tenant.price * self.held, self.tenant.name


class Level:
    """The lines of one priority. The bills of lines that hold GPUs grow, but they are few; the others are kept sorted."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._busy: set[Line] = set()
        self._idle: Ordered[tuple[int, int, str]] = Ordered()
        self._floor = 0  # the highest bill at which a task was ever picked: nobody comes back with less

    def add(self, task: Task, now: int) -> None:
        line = self._lines.get(task.tenant.name)
        if line is None:
            line = self._lines[task.tenant.name] = Line(task.tenant)
        self._idle.discard(line.key)
        line.settle(now)
        if not line.waiting:
            line.bill = max(line.bill, self._floor)
        line.waiting.add(task)
        self._file(line)

    def remove(self, task: Task) -> None:
        line = self._lines[task.tenant.name]
        self._idle.discard(line.key)
        line.waiting.discard(task)
        self._file(line)

    def pick(self, task: Task, now: int) -> None:
        self.remove(task)
        self.hold(task, task.gpus, now)
        self._floor = max(self._floor, self._lines[task.tenant.name].bill)

    def hold(self, task: Task, gpus: int, now: int) -> None:
        """The line of the task holds so many GPUs more, or less."""
        line = self._lines[task.tenant.name]
        self._idle.discard(line.key)
        line.settle(now)
        line.held += gpus
        self._file(line)

    def first(self, limit: int, held_up: set[Tenant], now: int) -> Task | None:
        """The first task in the order that takes at most so many GPUs and is not held up."""
        if limit < 1:
            return None
        for line in self._in_order(now):
            most = min(limit, line.tenant.allowance)
            if most < 1 or line.tenant in held_up:
                continue
            for task in line.waiting:
                if task.gpus <= most:
                    return task
        return None

    def _in_order(self, now: int) -> Iterator[Line]:
        for line in self._busy:
            line.settle(now)
        busy = sorted(line.key for line in self._busy if line.waiting)
        for _, _, tenant in heapq.merge(busy, self._idle):
            yield self._lines[tenant]

    def _file(self, line: Line) -> None:
        if line.held:
            self._busy.add(line)
            return
        self._busy.discard(line)
        if line.waiting:
            self._idle.add(line.key)


class Ready:
    """The tasks that wait, in their order."""

    def __init__(self, patience: int | None) -> None:
        self._patience = patience
        self._levels: dict[int, Level] = {}
        self._priorities: list[int] = []  # negated, so that the most urgent is the first
        self._by_age: Ordered[Task] = Ordered()  # kept only if tasks can be overdue
        self._waiting: dict[str, Task] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def find(self, name: str) -> Task | None:
        return self._waiting.get(name)

    def add(self, task: Task, now: int) -> None:
        if task.priority not in self._levels:
            self._levels[task.priority] = Level()
            insort(self._priorities, -task.priority)
        self._waiting[task.name] = task
        self._levels[task.priority].add(task, now)
        if self._patience is not None:
            self._by_age.add(task)

    def remove(self, task: Task) -> None:
        self._forget(task)
        self._levels[task.priority].remove(task)

    def pick(self, task: Task, now: int) -> None:
        self._forget(task)
        self._levels[task.priority].pick(task, now)

    def release(self, task: Task, now: int) -> None:
        """A run of the task is over."""
        self._levels[task.priority].hold(task, -task.gpus, now)

    def first(self, limit: Callable[[int], int], claim: Task | None, now: int) -> Task | None:
        """The first task in the order that nothing holds up, and that takes at most as many GPUs as `limit` gives for its priority."""
        held_up: set[Tenant] = set()
        for task in self._overdue(now):
            if task.tenant in held_up:
                continue
            if task.gpus <= task.tenant.allowance:
                return task if task.gpus <= limit(task.priority) else None
            held_up.add(task.tenant)
        for negated in self._priorities:
            priority = -negated
            if claim is None or priority > claim.priority:
                found = self._levels[priority].first(limit(priority), held_up, now)
                if found is not None:
                    return found
            elif claim.tenant not in held_up and claim.gpus <= min(limit(claim.priority), claim.tenant.allowance):
                return claim
            else:
                return None
        return None

    def _overdue(self, now: int) -> Iterator[Task]:
        if self._patience is not None:
            for task in self._by_age:
                if task.submitted + self._patience > now:
                    return
                yield task

    def _forget(self, task: Task) -> None:
        del self._waiting[task.name]
        self._by_age.discard(task)


@dataclass(eq=False)
class Holding:
    """A run that holds its GPUs."""

    run: Run
    task: Task
    saved: int  # when it was started or last saved
    deadline: int | None = None  # when it is over at the latest, once it was told to stop

    def at_stake(self, now: int) -> int:
        return self.task.gpus * (now - self.saved)


class Cluster:
    """The GPUs, and the runs that hold them."""

    def __init__(self, gpus: int) -> None:
        self.gpus = gpus
        self.free = gpus
        self._holdings: dict[Run, Holding] = {}

    def find(self, run: Run) -> Holding | None:
        return self._holdings.get(run)

    def start(self, task: Task, now: int) -> Run:
        task.starts += 1
        run = Run(task.name, task.starts)
        self._holdings[run] = Holding(run, task, now)
        self._take(task, task.gpus)
        return run

    def end(self, holding: Holding) -> None:
        del self._holdings[holding.run]
        self._take(holding.task, -holding.task.gpus)

    def running(self) -> list[Holding]:
        return [holding for holding in self._holdings.values() if holding.deadline is None]

    def stopping(self) -> list[Holding]:
        return [holding for holding in self._holdings.values() if holding.deadline is not None]

    def _take(self, task: Task, gpus: int) -> None:
        self.free -= gpus
        task.tenant.held += gpus


class Preemptor:
    """Says which runs may be told to stop, and which are the cheapest; remembers for whom room was made."""

    def __init__(self, cluster: Cluster, grace: int, max_stops: int) -> None:
        self._cluster = cluster
        self._grace = grace
        self._max_stops = max_stops
        self.claim: Task | None = None

    def drop_claim(self, task: Task) -> None:
        if self.claim is task:
            self.claim = None

    def within_reach(self, priority: int) -> int:
        """The GPUs that are free or could be made free for a task of this priority."""
        return self._cluster.free + sum(holding.task.gpus for holding in self._stoppable(priority))

    def make_room(self, task: Task, now: int) -> tuple[Run, ...]:
        """Tell the cheapest runs that will do to stop."""
        chosen = self._cheapest(self._stoppable(task.priority), task.gpus - self._cluster.free, now)
        for holding in chosen:
            holding.deadline = now + self._grace
            holding.task.stops += 1
        self.claim = task
        return tuple(holding.run for holding in chosen)

    def _stoppable(self, priority: int) -> list[Holding]:
        if not self._max_stops:
            return []
        return [
            holding
            for holding in self._cluster.running()
            if holding.task.priority < priority and holding.task.stops < self._max_stops
        ]

    @staticmethod
    def _cheapest(holdings: list[Holding], gpus: int, now: int) -> list[Holding]:
        """Of the sets that hold at least so many GPUs, one with the least at stake, and of these one with the fewest runs: so none can be left out."""
        best: dict[int, tuple[int, list[Holding]]] = {
            0: (0, [])
        }  # for each number of GPUs held, `gpus` standing for more
        for holding in holdings:
            for held, (stake, chosen) in list(best.items()):
                more = min(gpus, held + holding.task.gpus)
                candidate = (stake + holding.at_stake(now), [*chosen, holding])
                known = best.get(more)
                if known is None or (candidate[0], len(candidate[1])) < (known[0], len(known[1])):
                    best[more] = candidate
        return best[gpus][1]


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
        self._weights = dict(weights)
        self._scale = math.lcm(*self._weights.values())  # makes every price a whole number
        self._caps = dict(caps or {})
        self._tenants: dict[str, Tenant] = {}
        self._cluster = Cluster(gpus)
        self._ready = Ready(patience)
        self._preemptor = Preemptor(self._cluster, grace, max_stops)
        self._submitted = 0
        self._now: int | None = None
        self._lock = threading.Lock()

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            now = self._advance(now)
            if gpus > min(self._cluster.gpus, self._caps.get(tenant, gpus)):
                raise Impossible(task)
            if self._ready.find(task) is not None:
                raise DuplicateTask(task)
            self._submitted += 1
            self._ready.add(Task(task, self._tenant(tenant), priority, gpus, now, self._submitted), now)

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            self._advance(now)
            found = self._ready.find(task)
            if found is None:
                return False
            self._ready.remove(found)
            self._preemptor.drop_claim(found)
            return True

    def schedule(self, now: int) -> Plan:
        with self._lock:
            now = self._advance(now)
            start = tuple(self._pick_all(now))
            task = None
            if self._ready and not self._cluster.stopping():
                task = self._ready.first(self._preemptor.within_reach, self._preemptor.claim, now)
            if task is None:
                return Plan(start)
            return Plan(start, self._preemptor.make_room(task, now), task.name)

    def finish(self, run: Run, now: int) -> bool:
        with self._lock:
            now = self._advance(now)
            holding = self._cluster.find(run)
            if holding is None:
                return False
            self._end(holding, now)
            return True

    def saved(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._lock:
            now = self._advance(now)
            holding = self._cluster.find(run)
            if holding is None:
                return False
            holding.saved = now
            return True

    def stopped(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._lock:
            now = self._advance(now)
            holding = self._cluster.find(run)
            if holding is None or holding.deadline is None:
                return False
            self._put_back(holding, now)
            return True

    def crashed(self, run: Run, now: int) -> bool:
        """Stage 4."""
        with self._lock:
            now = self._advance(now)
            holding = self._cluster.find(run)
            if holding is None:
                return False
            self._put_back(holding, now)
            return True

    def _tenant(self, name: str) -> Tenant:
        if name not in self._tenants:
            price = self._scale // self._weights.get(name, 1)
            no_cap = 2 * self._cluster.gpus  # no more are ever held, nor taken by one task
            self._tenants[name] = Tenant(name, price, self._caps.get(name, no_cap))
        return self._tenants[name]

    def _advance(self, now: int) -> int:
        """The time of this call. Every run whose grace has passed by then is over, since the instant when it passed."""
        self._now = now if self._now is None else max(now, self._now)
        for holding in self._cluster.stopping():
            if holding.deadline is not None and holding.deadline <= self._now:
                self._put_back(holding, holding.deadline)
        return self._now

    def _pick_all(self, now: int) -> Iterator[Run]:
        while (task := self._ready.first(lambda _: self._cluster.free, self._preemptor.claim, now)) is not None:
            self._ready.pick(task, now)
            self._preemptor.drop_claim(task)
            yield self._cluster.start(task, now)

    def _end(self, holding: Holding, now: int) -> None:
        self._cluster.end(holding)
        self._ready.release(holding.task, now)

    def _put_back(self, holding: Holding, now: int) -> None:
        self._end(holding, now)
        self._ready.add(holding.task, now)
