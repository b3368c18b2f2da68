"""Fair share queue: decide which task runs next on a cluster of GPUs. The statement is README.md beside this file.

One class has each concern: `TenantLedger` what the tenants have used and hold, `ReadyQueues` who waits and in which order, `RunTable` which runs hold GPUs and which are over, `Placement` what is
picked and for whom room is made; `Scheduler` only takes the lock, turns the clock on and passes things between them. Every order is kept in a `LazyHeap`, a heap with lazy deletion, and a tenant is
filed in one only while it holds nothing, so that its key stands still; the few that hold GPUs are compared afresh at every pick.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, merge
from itertools import count
from math import lcm
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

T = TypeVar("T")
Key = tuple[int, ...]


class LazyHeap(Generic[T]):
    """Items in the order of their keys. A discarded item stays in the list until it comes up or until too many have gathered."""

    def __init__(self) -> None:
        self._entries: dict[T, tuple[Key, int, T]] = {}
        self._heap: list[tuple[Key, int, T]] = []  # the first entry is always a live one
        self._tickets = count()  # so that two entries never compare their items

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item: T) -> bool:
        return item in self._entries

    def __iter__(self) -> Iterator[T]:
        """The items in order, found as they are asked for; nothing is removed, and nothing may change meanwhile."""
        frontier = [(self._heap[0], 0)] if self._heap else []
        while frontier:
            entry, index = heappop(frontier)
            if self._is_live(entry):
                yield entry[2]
            for child in range(2 * index + 1, min(2 * index + 3, len(self._heap))):
                heappush(frontier, (self._heap[child], child))

    def push(self, item: T, key: Key) -> None:
        entry = (key, next(self._tickets), item)
        self._entries[item] = entry
        heappush(self._heap, entry)

    def discard(self, item: T) -> None:
        """Take out an item that is in the heap."""
        del self._entries[item]
        if len(self._heap) - len(self._entries) > len(self._entries) // 4:
            self._heap = list(self._entries.values())
            heapify(self._heap)
        while self._heap and not self._is_live(self._heap[0]):
            heappop(self._heap)

    def first(self) -> T | None:
        return self._heap[0][2] if self._heap else None

    def _is_live(self, entry: tuple[Key, int, T]) -> bool:
        return self._entries.get(entry[2]) is entry


class TaskQueue:
    """Stage 1: a priority queue with cancellation."""

    def __init__(self) -> None:
        self._tasks: LazyHeap[str] = LazyHeap()
        self._puts = count()

    def put(self, task: str, priority: int) -> None:
        if task in self._tasks:
            raise DuplicateTask(task)
        self._tasks.push(task, (-priority, next(self._puts)))

    def take(self) -> str | None:
        task = self._tasks.first()
        if task is not None:
            self._tasks.discard(task)
        return task

    def cancel(self, task: str) -> bool:
        if task not in self._tasks:
            return False
        self._tasks.discard(task)
        return True

    def waiting(self) -> int:
        return len(self._tasks)


@dataclass(eq=False)
class Task:
    """A task that is not done. `place` is its place in the order of submission."""

    name: str
    tenant: str
    priority: int
    gpus: int
    place: int
    submitted: int
    starts: int = 0
    stops: int = 0


# ---- what the tenants have used and hold


class Account:
    """What one tenant has used at one priority, in GPU-milliseconds times its stride, plus what it was raised by when it came back."""

    def __init__(self, stride: int) -> None:
        self.stride = stride
        self.held = 0
        self._offset = 0  # the balance is this line at the time in question: offset + stride * held * now

    def balance(self, now: int) -> int:
        return self._offset + self.stride * self.held * now

    def hold(self, gpus: int, now: int) -> None:
        self._offset -= self.stride * gpus * now
        self.held += gpus

    def release(self, gpus: int, now: int) -> None:
        self._offset += self.stride * gpus * now
        self.held -= gpus

    def raise_to(self, balance: int, now: int) -> None:
        self._offset += max(0, balance - self.balance(now))


class TenantLedger:
    """Accounts and caps of the tenants.

    A stride is the least common multiple of all weights divided by the tenant's weight: balances are integers and nothing is rounded.
    """

    def __init__(self, gpus: int, weights: Mapping[str, int], caps: Mapping[str, int]) -> None:
        self._gpus = gpus
        self._caps = dict(caps)
        self._unit = lcm(*weights.values())
        self._strides = {tenant: self._unit // weight for tenant, weight in weights.items()}
        self._accounts: dict[tuple[str, int], Account] = {}
        self._held: dict[str, int] = {}  # of the tenants that have a cap

    def account(self, tenant: str, priority: int) -> Account:
        account = self._accounts.get((tenant, priority))
        if account is None:
            account = self._accounts[tenant, priority] = Account(self._strides.get(tenant, self._unit))
        return account

    def limit(self, tenant: str) -> int:
        """How many GPUs the tenant may ever hold at once."""
        return min(self._gpus, self._caps.get(tenant, self._gpus))

    def allowance(self, tenant: str) -> int:
        """How many GPUs more its cap lets the tenant hold now."""
        return self.limit(tenant) - self._held.get(tenant, 0)

    def hold(self, task: Task, now: int) -> None:
        self.account(task.tenant, task.priority).hold(task.gpus, now)
        if task.tenant in self._caps:
            self._held[task.tenant] = self._held.get(task.tenant, 0) + task.gpus

    def release(self, task: Task, now: int) -> None:
        self.account(task.tenant, task.priority).release(task.gpus, now)
        if task.tenant in self._caps:
            self._held[task.tenant] -= task.gpus


# ---- who waits, and in which order


class Line:
    """The tasks of one tenant and one priority that wait, by the number of GPUs that they take."""

    def __init__(self, tenant: str, account: Account, rank: int) -> None:
        self.tenant = tenant
        self.account = account
        self._rank = rank
        self._sizes: dict[int, LazyHeap[Task]] = {}

    def __len__(self) -> int:
        return len(self._sizes)

    def key(self, now: int) -> Key:
        """The least goes first: by the balance, then by how fast it grows."""
        return (self.account.balance(now), self.account.held * self.account.stride, self._rank)

    def add(self, task: Task) -> None:
        if task.gpus not in self._sizes:
            self._sizes[task.gpus] = LazyHeap()
        self._sizes[task.gpus].push(task, (task.place,))

    def remove(self, task: Task) -> None:
        tasks = self._sizes[task.gpus]
        tasks.discard(task)
        if not tasks:
            del self._sizes[task.gpus]

    def first(self, gpus: int) -> Task | None:
        """The task submitted first of those that take at most `gpus` GPUs."""
        fronts = (tasks.first() for size, tasks in self._sizes.items() if size <= gpus)
        return min((task for task in fronts if task is not None), key=lambda task: task.place, default=None)


class Level:
    """The lines of one priority. The next pick is for the line with the least balance.

    Why that is fair: a line is picked only when its balance is the least of those that wait, so at no time is it ahead of another by more than what the runs that it held just then will still use,
    G L / w. A line that comes, or comes back, starts no lower than the least of those that wait; if none waits, nobody owes anything and it starts at the highest balance that there is.
    """

    def __init__(self, priority: int, ledger: TenantLedger) -> None:
        self.priority = priority
        self._ledger = ledger
        self._lines: dict[str, Line] = {}
        self._idle: LazyHeap[Line] = LazyHeap()  # with tasks that wait, without GPUs: their balances stand still
        self._busy: dict[Line, None] = {}  # with GPUs: never more than there are GPUs
        self._reached = 0  # the balance of the line last picked in its turn, at its pick
        self._highest = 0  # the highest balance of a line that holds nothing

    def first(self, now: int, gpus: Callable[[str], int]) -> Task | None:
        """The first task that takes no more GPUs than `gpus` allows its tenant."""
        for line in self._in_order(now):
            task = line.first(gpus(line.tenant))
            if task is not None:
                return task
        return None

    def add(self, task: Task, now: int) -> None:
        line = self._lines.get(task.tenant)
        if line is None:
            line = self._lines[task.tenant] = Line(
                task.tenant, self._ledger.account(task.tenant, self.priority), len(self._lines)
            )
        if not line:
            line.account.raise_to(self._entry(now), now)
        line.add(task)
        self._file(line, now)

    def remove(self, task: Task, now: int) -> None:
        line = self._lines[task.tenant]
        line.remove(task)
        self._file(line, now)

    def reach(self, tenant: str, now: int) -> None:
        """Note that a task of the tenant was picked in its turn."""
        self._reached = max(self._reached, self._lines[tenant].account.balance(now))

    def refile(self, tenant: str, now: int) -> None:
        """Note that the tenant holds more or fewer GPUs than before."""
        line = self._lines[tenant]
        self._highest = max(self._highest, line.account.balance(now))
        self._file(line, now)

    def _entry(self, now: int) -> int:
        """The balance at which a line starts that comes now."""
        front = next(self._in_order(now), None)
        if front is not None:
            return max(self._reached, front.account.balance(now))
        return max([self._highest, *(line.account.balance(now) for line in self._busy)])

    def _in_order(self, now: int) -> Iterator[Line]:
        """The lines in which tasks wait."""
        busy = sorted((line for line in self._busy if line), key=lambda line: line.key(now))
        return merge(self._idle, busy, key=lambda line: line.key(now))

    def _file(self, line: Line, now: int) -> None:
        """Keep a line where it belongs."""
        if line.account.held:
            self._busy[line] = None
        else:
            self._busy.pop(line, None)
        idle = len(line) > 0 and not line.account.held
        if idle and line not in self._idle:
            self._idle.push(line, line.key(now))
        elif not idle and line in self._idle:
            self._idle.discard(line)


class ReadyQueues:
    """The tasks that wait: by priority, by name and, if they can become overdue, by age."""

    def __init__(self, ledger: TenantLedger, patience: int | None) -> None:
        self._ledger = ledger
        self._patience = patience
        self._by_name: dict[str, Task] = {}
        self._by_age: LazyHeap[Task] = LazyHeap()  # empty without patience
        self._levels: dict[int, Level] = {}
        self._priorities: list[int] = []

    def find(self, name: str) -> Task | None:
        return self._by_name.get(name)

    def levels(self) -> Iterator[Level]:
        """The most urgent first."""
        return (self._levels[priority] for priority in self._priorities)

    def overdue(self, now: int) -> Iterator[Task]:
        """The task submitted first comes first."""
        for task in self._by_age:
            if not self._is_overdue(task, now):
                return
            yield task

    def add(self, task: Task, now: int) -> None:
        """The task waits, for the first time or again in its old place."""
        if task.priority not in self._levels:
            self._levels[task.priority] = Level(task.priority, self._ledger)
            self._priorities = sorted(self._levels, reverse=True)
        self._levels[task.priority].add(task, now)
        self._by_name[task.name] = task
        if self._patience is not None:
            self._by_age.push(task, (task.place,))

    def remove(self, task: Task, now: int) -> None:
        """The task waits no longer: it is picked or cancelled."""
        self._levels[task.priority].remove(task, now)
        del self._by_name[task.name]
        if self._patience is not None:
            self._by_age.discard(task)

    def reach(self, task: Task, now: int) -> None:
        """The task was picked. An overdue one jumped the queue, so it says nothing about how far the others are."""
        if not self._is_overdue(task, now):
            self._levels[task.priority].reach(task.tenant, now)

    def refile(self, task: Task, now: int) -> None:
        """The tenant of the task holds more or fewer GPUs than before."""
        self._levels[task.priority].refile(task.tenant, now)

    def _is_overdue(self, task: Task, now: int) -> bool:
        return self._patience is not None and now - task.submitted >= self._patience


# ---- which runs hold GPUs: crashes, stops and time-outs


@dataclass(eq=False)
class Holder:
    """A run that holds its GPUs."""

    run: Run
    task: Task
    safe_until: int  # when it was started, or last wrote a checkpoint
    stopping: bool = False

    def at_stake(self, now: int) -> int:
        return self.task.gpus * (now - self.safe_until)


class RunTable:
    """The runs that hold GPUs. A report about any other run finds nothing here, however late it comes."""

    def __init__(self, gpus: int, grace: int) -> None:
        self.free = gpus
        self._grace = grace
        self._holders: dict[Run, Holder] = {}
        self._stopping: dict[Run, Holder] = {}
        self._deadline = 0  # of all that are stopping: they were told at the same time

    def find(self, run: Run) -> Holder | None:
        return self._holders.get(run)

    def start(self, task: Task, now: int) -> Run:
        task.starts += 1
        run = Run(task.name, task.starts)
        self._holders[run] = Holder(run, task, now)
        self.free -= task.gpus
        return run

    def end(self, holder: Holder) -> None:
        del self._holders[holder.run]
        self._stopping.pop(holder.run, None)
        self.free += holder.task.gpus

    def any_stopping(self) -> bool:
        return bool(self._stopping)

    def stoppable(self, priority: int, max_stops: int) -> list[Holder]:
        """The runs that may be told to stop for a task of this priority."""
        return [
            holder
            for holder in self._holders.values()
            if not holder.stopping and holder.task.priority < priority and holder.task.stops < max_stops
        ]

    def tell_to_stop(self, holders: list[Holder], now: int) -> None:
        """Only if none is stopping."""
        self._deadline = now + self._grace
        for holder in holders:
            holder.stopping = True
            holder.task.stops += 1
            self._stopping[holder.run] = holder

    def out_of_time(self, now: int) -> tuple[list[Holder], int]:
        """The runs whose grace has passed, and the time at which it did."""
        return (list(self._stopping.values()) if now >= self._deadline else []), self._deadline


# ---- what is picked, and for whom room is made


class Placement:
    """Decides; it changes nothing but the claim."""

    def __init__(self, ready: ReadyQueues, ledger: TenantLedger, runs: RunTable, max_stops: int) -> None:
        self._ready = ready
        self._ledger = ledger
        self._runs = runs
        self._max_stops = max_stops
        self._claim: Task | None = None

    def pick(self, now: int) -> Task | None:
        """The task to be started next."""
        free = self._runs.free
        return self._first(now, lambda priority: free) if free else None

    def make_room(self, now: int) -> tuple[Task, list[Holder]] | None:
        """The task for which room is made, which has the claim from now on, and the runs that are to be told to stop."""
        if not self._max_stops or self._runs.any_stopping():
            return None
        task = self._first(now, self._within_reach)
        if task is None:
            return None
        self._claim = task
        return task, self._cheapest(
            self._runs.stoppable(task.priority, self._max_stops), task.gpus - self._runs.free, now
        )

    def drop_claim(self, task: Task) -> None:
        """The task is started or cancelled."""
        if task is self._claim:
            self._claim = None

    def _within_reach(self, priority: int) -> int:
        """How many GPUs a task of this priority can get, with those of the runs that may be told to stop for it."""
        return self._runs.free + sum(holder.task.gpus for holder in self._runs.stoppable(priority, self._max_stops))

    def _first(self, now: int, gpus: Callable[[int], int]) -> Task | None:
        """The first task in the order that nothing holds up and that takes no more GPUs than `gpus` allows its priority."""
        held_up: set[str] = set()  # tenants with an overdue task that would exceed their cap
        for task in self._ready.overdue(now):
            if task.tenant in held_up:
                continue
            if task.gpus <= self._ledger.allowance(task.tenant):
                return task if task.gpus <= gpus(task.priority) else None
            held_up.add(task.tenant)

        for level in self._ready.levels():
            limit = gpus(level.priority)

            def allowed(tenant: str, limit: int = limit) -> int:
                return 0 if tenant in held_up else min(limit, self._ledger.allowance(tenant))

            claim = self._claim
            if claim is not None and claim.priority >= level.priority:
                return claim if claim.gpus <= allowed(claim.tenant) else None
            first = level.first(now, allowed)
            if first is not None:
                return first
        return None

    @staticmethod
    def _cheapest(holders: list[Holder], gpus: int, now: int) -> list[Holder]:
        """The set with the least at stake, and of these with the fewest runs, that holds at least so many GPUs."""
        best: dict[int, tuple[int, int, tuple[int, ...]]] = {
            0: (0, 0, ())
        }  # by the GPUs that it holds; more than are needed count as enough
        for index, holder in enumerate(holders):
            for held, (stake, size, chosen) in list(best.items()):
                more = min(gpus, held + holder.task.gpus)
                choice = (stake + holder.at_stake(now), size + 1, (*chosen, index))
                best[more] = min(choice, best.get(more, choice))
        return [holders[index] for index in best[gpus][2]]


# ---- the queue


class Scheduler:
    """Stages 2 to 4: under one lock it tells the time to the parts above and takes tasks from one to the other."""

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
        self._lock = threading.Lock()
        self._now = 0
        self._places = count()
        self._ledger = TenantLedger(gpus, weights, caps or {})
        self._ready = ReadyQueues(self._ledger, patience)
        self._runs = RunTable(gpus, grace)
        self._placement = Placement(self._ready, self._ledger, self._runs, max_stops)

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            now = self._advance(now)
            if gpus > self._ledger.limit(tenant):
                raise Impossible(f"{task} takes {gpus} GPUs, and {tenant} may hold {self._ledger.limit(tenant)}")
            self._ready.add(Task(task, tenant, priority, gpus, next(self._places), now), now)

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            now = self._advance(now)
            found = self._ready.find(task)
            if found is None:
                return False
            self._ready.remove(found, now)
            self._placement.drop_claim(found)
            return True

    def schedule(self, now: int) -> Plan:
        with self._lock:
            now = self._advance(now)
            start: list[Run] = []
            while (task := self._placement.pick(now)) is not None:
                start.append(self._start(task, now))
            room = self._placement.make_room(now)
            if room is None:
                return Plan(start=tuple(start))
            claimant, holders = room
            self._runs.tell_to_stop(holders, now)
            return Plan(start=tuple(start), stop=tuple(holder.run for holder in holders), room_for=claimant.name)

    def finish(self, run: Run, now: int) -> bool:
        with self._lock:
            now = self._advance(now)
            holder = self._runs.find(run)
            if holder is None:
                return False
            self._end(holder, now, done=True)
            return True

    def saved(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._lock:
            now = self._advance(now)
            holder = self._runs.find(run)
            if holder is None:
                return False
            holder.safe_until = now
            return True

    def stopped(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._lock:
            now = self._advance(now)
            holder = self._runs.find(run)
            if holder is None or not holder.stopping:
                return False
            self._end(holder, now, done=False)
            return True

    def crashed(self, run: Run, now: int) -> bool:
        """Stage 4."""
        with self._lock:
            now = self._advance(now)
            holder = self._runs.find(run)
            if holder is None:
                return False
            self._end(holder, now, done=False)
            return True

    def _advance(self, now: int) -> int:
        """Turn the clock on, never back, and end the runs whose grace has passed by then."""
        self._now = max(self._now, now)
        holders, when = self._runs.out_of_time(self._now)
        for holder in holders:
            self._end(holder, when, done=False)
        return self._now

    def _start(self, task: Task, now: int) -> Run:
        self._placement.drop_claim(task)
        self._ready.reach(task, now)
        self._ready.remove(task, now)
        self._ledger.hold(task, now)
        self._ready.refile(task, now)
        return self._runs.start(task, now)

    def _end(self, holder: Holder, now: int, *, done: bool) -> None:
        task = holder.task
        self._runs.end(holder)
        self._ledger.release(task, now)
        self._ready.refile(task, now)
        if not done:
            self._ready.add(task, now)
