"""Start-time fair queueing over heaps that know where each of their items is, so that nothing dead is ever left in them.

At each priority a tenant has a virtual start tag, which grows by its service divided by its weight while its tasks run, and the least tag is next; the tags of tenants that hold nothing stand still, in
a heap, and the few others are looked at one by one. One search, for the first task in the order that fits into so many GPUs, serves both to pick tasks and to find the one to make room for, and a pure
function finds the cheapest set of runs to stop.
"""

import heapq
import math
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

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

Key = tuple[int, ...]
ItemT = TypeVar("ItemT", bound=Hashable)


class IndexedHeap(Generic[ItemT]):
    """A binary heap that knows where each of its items is, so that any of them can be removed in logarithmic time."""

    def __init__(self) -> None:
        self._entries: list[tuple[Key, ItemT]] = []
        self._index: dict[ItemT, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item: ItemT) -> bool:
        return item in self._index

    def put(self, item: ItemT, key: Key) -> None:
        """Add the item, or give it a new key."""
        self.discard(item)
        self._entries.append((key, item))
        self._up(len(self._entries) - 1)

    def first(self) -> ItemT:
        """The item with the least key."""
        return self._entries[0][1]

    def discard(self, item: ItemT) -> None:
        """Remove the item if it is there."""
        index = self._index.pop(item, None)
        if index is None:
            return
        last = self._entries.pop()
        if index < len(self._entries):
            self._entries[index] = last
            self._down(self._up(index))

    def in_order(self) -> Iterator[ItemT]:
        """The items by increasing key, each found when it is asked for; the heap must not change meanwhile."""
        frontier = [(self._entries[0][0], 0)] if self._entries else []
        while frontier:
            _, index = heapq.heappop(frontier)
            yield self._entries[index][1]
            for child in range(2 * index + 1, min(2 * index + 3, len(self._entries))):
                heapq.heappush(frontier, (self._entries[child][0], child))

    def _up(self, index: int) -> int:
        entry = self._entries[index]
        while index > 0 and entry[0] < self._entries[(index - 1) // 2][0]:
            index = self._move((index - 1) // 2, index)
        self._place(entry, index)
        return index

    def _down(self, index: int) -> None:
        entry = self._entries[index]
        while (child := 2 * index + 1) < len(self._entries):
            if child + 1 < len(self._entries) and self._entries[child + 1][0] < self._entries[child][0]:
                child += 1
            if entry[0] <= self._entries[child][0]:
                break
            index = self._move(child, index)
        self._place(entry, index)

    def _move(self, source: int, target: int) -> int:
        self._place(self._entries[source], target)
        return source

    def _place(self, entry: tuple[Key, ItemT], index: int) -> None:
        self._entries[index] = entry
        self._index[entry[1]] = index


class TaskQueue:
    """Stage 1."""

    def __init__(self) -> None:
        self._heap: IndexedHeap[str] = IndexedHeap()
        self._puts = 0

    def put(self, task: str, priority: int) -> None:
        if task in self._heap:
            raise DuplicateTask(task)
        self._puts += 1
        self._heap.put(task, (-priority, self._puts))

    def take(self) -> str | None:
        if not self._heap:
            return None
        task = self._heap.first()
        self._heap.discard(task)
        return task

    def cancel(self, task: str) -> bool:
        waits = task in self._heap
        self._heap.discard(task)
        return waits

    def waiting(self) -> int:
        return len(self._heap)


@dataclass(eq=False)
class Tenant:
    """What belongs to a tenant whatever the priority."""

    charge: int
    """By how much a tag grows per GPU-millisecond: inversely proportional to the weight."""
    most: int
    """The GPUs that it may hold together; those of the cluster where it has no cap."""
    capped: bool
    held: int = 0
    waiting: IndexedHeap["Task"] = field(default_factory=IndexedHeap)

    @property
    def allowance(self) -> int:
        """How many GPUs a task may take without exceeding the cap now; enough for any task where there is none."""
        return self.most - self.held if self.capped else self.most


@dataclass(eq=False)
class Task:
    """A task that is not done; the queues are keyed by `order`, its place in the sequence of submissions."""

    name: str
    tenant: Tenant
    level: "Level"
    gpus: int
    order: int
    submitted: int
    starts: int = 0
    stops: int = 0


@dataclass(eq=False)
class Holding:
    """A run that holds its GPUs; `unsaved_since` is when it was started or last saved."""

    run: Run
    task: Task
    unsaved_since: int
    over_at: int | None = None
    """When its grace ends, if it was told to stop."""

    def at_stake(self, now: int) -> int:
        return self.task.gpus * (now - self.unsaved_since)


@dataclass(eq=False)
class Lane:
    """One tenant's tasks of one priority, and its virtual start tag there as it was at `settled`."""

    tenant: Tenant
    tag: int = 0
    settled: int = 0
    held: int = 0
    joined: int = 0
    """The order of the task with which it last began to wait: the longest in line is the first among equals."""
    waiting: dict[int, IndexedHeap[Task]] = field(default_factory=dict)
    """The tasks that wait, by the number of GPUs that they take; there is no empty heap in it."""

    def tag_at(self, now: int) -> int:
        return self.tag + self.held * self.tenant.charge * (now - self.settled)

    def settle(self, now: int, at_least: int = 0) -> None:
        self.tag = max(self.tag_at(now), at_least)
        self.settled = now

    def rank(self, now: int) -> Key:
        """The least goes first: among equal tags the one that grows slowest."""
        return self.tag_at(now), self.held * self.tenant.charge, self.joined

    def add(self, task: Task) -> None:
        self.waiting.setdefault(task.gpus, IndexedHeap()).put(task, (task.order,))

    def remove(self, task: Task) -> None:
        heap = self.waiting[task.gpus]
        heap.discard(task)
        if not heap:
            del self.waiting[task.gpus]

    def first(self, gpus: int) -> Task | None:
        """The task that was submitted first of those that take no more than so many GPUs."""
        fitting = (heap.first() for size, heap in self.waiting.items() if size <= gpus)
        return min(fitting, key=lambda task: task.order, default=None)


@dataclass(eq=False)
class Level:
    """The lanes of one priority: in `still` are those that wait and hold nothing, whose tags stand still, in `busy` those that hold GPUs.

    `virtual` is the virtual time: the tag with which a lane was last picked. Nobody who comes starts below it (it has saved up nothing), and no tag is above it by more than the lane can have used since its own last start.
    Once nobody has waited for a while it leaps over all tags, so that what was used meanwhile is forgiven.
    """

    priority: int
    virtual: int = 0
    highest: int = 0
    """The highest tag of any lane when it came to hold nothing."""
    deserted: int = -1
    """When the last lane ceased to wait."""
    lanes: dict[Tenant, Lane] = field(default_factory=dict)
    still: IndexedHeap[Lane] = field(default_factory=IndexedHeap)
    busy: dict[Lane, None] = field(default_factory=dict)

    def add(self, task: Task, now: int) -> None:
        """The task waits from now on."""
        lane = self.lanes.setdefault(task.tenant, Lane(task.tenant))
        if not lane.waiting:
            if self.deserted < now and not self._anyone_waits():
                self._begin_afresh(now)
            lane.settle(now, at_least=self.virtual)
            lane.joined = task.order
            if not lane.held:
                self.still.put(lane, lane.rank(now))
        lane.add(task)

    def remove(self, task: Task, now: int) -> None:
        """The task does not wait any more."""
        lane = self.lanes[task.tenant]
        lane.remove(task)
        if not lane.waiting:
            self.still.discard(lane)
            if not self._anyone_waits():
                self.deserted = now

    def start(self, task: Task, now: int) -> None:
        """The task, which was removed, holds its GPUs from now on."""
        lane = self.lanes[task.tenant]
        lane.settle(now)
        self.virtual = max(self.virtual, lane.tag)
        lane.held += task.gpus
        self.still.discard(lane)
        self.busy[lane] = None

    def release(self, task: Task, now: int) -> None:
        """The task has held its GPUs until now."""
        lane = self.lanes[task.tenant]
        lane.settle(now)
        lane.held -= task.gpus
        if not lane.held:
            del self.busy[lane]
            self.highest = max(self.highest, lane.tag)
            if lane.waiting:
                self.still.put(lane, lane.rank(now))

    def in_order(self, now: int) -> Iterator[Lane]:
        """The lanes that wait, the one whose turn it is first."""

        def rank(lane: Lane) -> Key:
            return lane.rank(now)

        moving = sorted((lane for lane in self.busy if lane.waiting), key=rank)
        return heapq.merge(self.still.in_order(), moving, key=rank)

    def _anyone_waits(self) -> bool:
        return bool(self.still) or any(lane.waiting for lane in self.busy)

    def _begin_afresh(self, now: int) -> None:
        self.virtual = max(self.virtual, self.highest, *(lane.tag_at(now) for lane in self.busy))
        for lane in self.busy:
            lane.settle(now, at_least=self.virtual)


def cheapest_cover(items: Sequence[tuple[int, int]], need: int) -> tuple[int, ...]:
    """The indexes of the items (GPUs, stake) of a set that frees at least `need` GPUs with the least sum of stakes and, among those, the fewest items: so none could be left out.

    All of them together must be enough. It is the knapsack problem turned round: `best[gpus]` is the best set so far, as (stake, size, indexes), that frees at least so many.
    """
    best: list[tuple[int, int, tuple[int, ...]] | None] = [(0, 0, ()), *[None] * need]
    for index, (gpus, stake) in enumerate(items):
        for goal in range(need, 0, -1):
            rest = best[max(0, goal - gpus)]
            if rest is None:
                continue
            extended = (rest[0] + stake, rest[1] + 1, (*rest[2], index))
            current = best[goal]
            if current is None or extended < current:
                best[goal] = extended
    cover = best[need]
    if cover is None:
        raise ValueError("all the items together are not enough")
    return cover[2]


def victims_for(task: Task, holdings: Sequence[Holding], free: int, now: int) -> list[Holding]:
    """Which of the holdings, all of which may be told to stop for the task, are told."""
    items = [(holding.task.gpus, holding.at_stake(now)) for holding in holdings]
    return [holdings[index] for index in cheapest_cover(items, task.gpus - free)]


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
        self._gpus = gpus
        self._free = gpus
        self._weights = dict(weights)
        self._scale = math.lcm(*self._weights.values())  # so that all tags are integers
        self._grace = grace
        self._max_stops = max_stops
        self._patience = patience
        self._caps = dict(caps or {})
        self._lock = threading.Lock()
        self._now = 0
        self._submissions = 0
        self._tenants: dict[str, Tenant] = {}
        self._levels: dict[int, Level] = {}
        self._waiting: dict[str, Task] = {}
        self._eldest: IndexedHeap[Tenant] = IndexedHeap()  # those with a task that waits, by the first such task
        self._holdings: dict[Run, Holding] = {}
        self._stopping: dict[Run, Holding] = {}
        self._claim: Task | None = None

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._turn(now):
            if gpus > min(self._gpus, self._caps.get(tenant, gpus)):
                raise Impossible(task)
            level = self._levels.get(priority)
            if level is None:
                level = self._levels[priority] = Level(priority)
            self._submissions += 1
            self._enqueue(Task(task, self._tenant(tenant), level, gpus, self._submissions, self._now), self._now)

    def cancel(self, task: str, now: int) -> bool:
        with self._turn(now):
            found = self._waiting.get(task)
            if found is None:
                return False
            self._dequeue(found)
            return True

    def schedule(self, now: int) -> Plan:
        with self._turn(now):
            start: list[Run] = []
            while self._free and (task := self._first(self._free_for)) is not None:
                start.append(self._start(task))
            stop: list[Run] = []
            room_for = None if self._stopping or not self._max_stops else self._first(self._within_reach_of)
            if room_for is not None:
                self._claim = room_for
                stoppable = self._stoppable(room_for.level.priority)
                stop = [
                    self._tell_to_stop(holding) for holding in victims_for(room_for, stoppable, self._free, self._now)
                ]
            return Plan(tuple(start), tuple(stop), room_for.name if room_for else None)

    def finish(self, run: Run, now: int) -> bool:
        with self._turn(now):
            holding = self._holdings.get(run)
            if holding is None:
                return False
            self._release(holding, self._now)
            return True

    def saved(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._turn(now):
            holding = self._holdings.get(run)
            if holding is None:
                return False
            holding.unsaved_since = self._now
            return True

    def stopped(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._turn(now):
            return self._interrupted(self._stopping.get(run))

    def crashed(self, run: Run, now: int) -> bool:
        """Stage 4."""
        with self._turn(now):
            return self._interrupted(self._holdings.get(run))

    # ---- time

    @contextmanager
    def _turn(self, now: int) -> Iterator[None]:
        """The turn of one call: it has the scheduler to itself, and everything that is over by now has been seen to."""
        with self._lock:
            self._now = max(self._now, now)
            for holding in list(self._stopping.values()):
                if holding.over_at is not None and holding.over_at <= self._now:
                    self._release(holding, holding.over_at)
                    self._enqueue(holding.task, holding.over_at)
            yield

    # ---- the order

    def _first(self, room: Callable[[int], int]) -> Task | None:
        """The first task in the order that nothing holds up and that fits into as many GPUs as there are, by `room`, for its priority."""
        held_up: set[Tenant] = set()
        for tenant in self._overdue_tenants():
            eldest = tenant.waiting.first()
            if eldest.gpus <= tenant.allowance:
                return eldest if eldest.gpus <= room(eldest.level.priority) else None
            held_up.add(tenant)
        for priority in sorted(self._levels, reverse=True):
            gpus = room(priority)
            claim = self._claim
            if claim is not None and priority <= claim.level.priority:
                fits = claim.gpus <= min(room(claim.level.priority), claim.tenant.allowance)
                return claim if fits and claim.tenant not in held_up else None
            for lane in self._levels[priority].in_order(self._now):
                task = None if lane.tenant in held_up else lane.first(min(gpus, lane.tenant.allowance))
                if task is not None:
                    return task
        return None

    def _overdue_tenants(self) -> Iterator[Tenant]:
        """The tenants with a task that is overdue, by the first such task."""
        if self._patience is None:
            return
        for tenant in self._eldest.in_order():
            if tenant.waiting.first().submitted + self._patience > self._now:
                return
            yield tenant

    def _free_for(self, priority: int) -> int:
        return self._free

    def _within_reach_of(self, priority: int) -> int:
        return self._free + sum(holding.task.gpus for holding in self._stoppable(priority))

    def _stoppable(self, priority: int) -> list[Holding]:
        """The runs that may be told to stop for a task of that priority, while none is stopping."""
        return [
            holding
            for holding in self._holdings.values()
            if holding.task.level.priority < priority and holding.task.stops < self._max_stops
        ]

    # ---- changes

    def _tenant(self, name: str) -> Tenant:
        tenant = self._tenants.get(name)
        if tenant is None:
            charge = self._scale // self._weights.get(name, 1)
            tenant = self._tenants[name] = Tenant(charge, self._caps.get(name, self._gpus), name in self._caps)
        return tenant

    def _enqueue(self, task: Task, now: int) -> None:
        self._waiting[task.name] = task
        task.tenant.waiting.put(task, (task.order,))
        self._eldest.put(task.tenant, (task.tenant.waiting.first().order,))
        task.level.add(task, now)

    def _dequeue(self, task: Task) -> None:
        """The task, which waited, is started or cancelled."""
        del self._waiting[task.name]
        task.tenant.waiting.discard(task)
        if task.tenant.waiting:
            self._eldest.put(task.tenant, (task.tenant.waiting.first().order,))
        else:
            self._eldest.discard(task.tenant)
        task.level.remove(task, self._now)
        if self._claim is task:
            self._claim = None

    def _start(self, task: Task) -> Run:
        self._dequeue(task)
        task.level.start(task, self._now)
        self._free -= task.gpus
        task.tenant.held += task.gpus
        task.starts += 1
        run = Run(task.name, task.starts)
        self._holdings[run] = Holding(run, task, self._now)
        return run

    def _release(self, holding: Holding, now: int) -> None:
        """The run is over."""
        task = holding.task
        del self._holdings[holding.run]
        self._stopping.pop(holding.run, None)
        self._free += task.gpus
        task.tenant.held -= task.gpus
        task.level.release(task, now)

    def _interrupted(self, holding: Holding | None) -> bool:
        """The run, if there is one, is over now and its task is not done."""
        if holding is None:
            return False
        self._release(holding, self._now)
        self._enqueue(holding.task, self._now)
        return True

    def _tell_to_stop(self, holding: Holding) -> Run:
        holding.task.stops += 1
        holding.over_at = self._now + self._grace
        self._stopping[holding.run] = holding
        return holding.run
