"""Fair share queue: decide which task runs next on a cluster of GPUs. The statement is README.md beside this file.

The scheduler keeps plain records only (tasks that wait, by priority and tenant, and runs that hold GPUs), and every decision is recomputed from them when it is asked for: what is free, who is
behind, what is overdue, which runs are the cheapest to stop. The one index beside them is `Line`, a heap from which any item can be removed, because the first task of a tenant, and the tenant that is
furthest behind of those that hold nothing, have to be found in logarithmic time.
"""

import threading
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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

Rank = tuple[int, ...]
Item = TypeVar("Item", bound=Hashable)


class Line(Generic[Item]):
    """Items in the order of their ranks, no two of which are the same: a heap that knows where each item is."""

    def __init__(self) -> None:
        self._heap: list[tuple[Rank, Item]] = []
        self._slots: dict[Item, int] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def __contains__(self, item: Item) -> bool:
        return item in self._slots

    def __iter__(self) -> Iterator[Item]:
        """All items in order; only who asks for the second pays for the sorting."""
        if self._heap:
            yield self._heap[0][1]
            for _, item in sorted(self._heap, key=lambda entry: entry[0])[1:]:
                yield item

    def first(self) -> Item | None:
        return self._heap[0][1] if self._heap else None

    def add(self, item: Item, rank: Rank) -> None:
        self._heap.append((rank, item))
        self._settle(len(self._heap) - 1)

    def discard(self, item: Item) -> bool:
        slot = self._slots.pop(item, None)
        if slot is None:
            return False
        last = self._heap.pop()
        if slot < len(self._heap):
            self._heap[slot] = last
            self._settle(slot)
        return True

    def _settle(self, slot: int) -> None:
        """Move the entry in this slot up or down to where it belongs."""
        heap, slots = self._heap, self._slots
        entry = heap[slot]
        while slot > 0 and entry[0] < heap[(slot - 1) // 2][0]:
            heap[slot] = heap[(slot - 1) // 2]
            slots[heap[slot][1]] = slot
            slot = (slot - 1) // 2
        while (child := 2 * slot + 1) < len(heap):
            if child + 1 < len(heap) and heap[child + 1][0] < heap[child][0]:
                child += 1
            if entry[0] < heap[child][0]:
                break
            heap[slot] = heap[child]
            slots[heap[slot][1]] = slot
            slot = child
        heap[slot] = entry
        slots[entry[1]] = slot


class TaskQueue:
    """Stage 1."""

    def __init__(self) -> None:
        self._line: Line[str] = Line()
        self._puts = 0

    def put(self, task: str, priority: int) -> None:
        if task in self._line:
            raise DuplicateTask(task)
        self._puts += 1
        self._line.add(task, (-priority, self._puts))

    def take(self) -> str | None:
        task = self._line.first()
        if task is not None:
            self._line.discard(task)
        return task

    def cancel(self, task: str) -> bool:
        return self._line.discard(task)

    def waiting(self) -> int:
        return len(self._line)


@dataclass(eq=False)
class Task:
    """A task that waits or holds GPUs; done and cancelled ones are forgotten."""

    name: str
    tenant: str
    priority: int
    gpus: int
    submitted: int
    place: int  # its number in the order of submission
    starts: int = 0
    stops: int = 0  # how often it was told to stop


@dataclass(eq=False)
class Holding:
    """A run that holds its GPUs."""

    task: Task
    run: Run
    since: int
    saved: int  # when it last had nothing to lose
    told: int | None = None  # when it was told to stop


@dataclass(eq=False)
class Account:
    """A tenant for as long as it has tasks of one priority waiting."""

    tenant: str
    price: int  # of one GPU-millisecond, in virtual time: the less, the greater the weight
    paid: int = 0  # virtual time without what is held now; may be below 0
    line: Line[Task] = field(default_factory=Line)


@dataclass(eq=False)
class Level:
    """The tenants that have tasks of one priority waiting."""

    accounts: dict[str, Account] = field(default_factory=dict)
    idle: Line[Account] = field(
        default_factory=Line
    )  # those that hold nothing at this priority: their ranks stand still


@dataclass(frozen=True)
class Use:
    """What a tenant holds now at one priority."""

    gpus: int = 0
    service: int = 0  # of the runs that hold these GPUs, in GPU-milliseconds


# ---- what follows from the records


def uses(held: Iterable[Holding], priority: int, now: int) -> dict[str, Use]:
    """What each tenant holds at this priority."""
    found: dict[str, Use] = {}
    for holding in held:
        task = holding.task
        if task.priority == priority:
            use = found.get(task.tenant, Use())
            found[task.tenant] = Use(use.gpus + task.gpus, use.service + task.gpus * (now - holding.since))
    return found


def virtual_time(account: Account, use: Use) -> int:
    """The weighted service of a tenant, on a scale on which all that wait can be compared."""
    return account.paid + account.price * use.service


def rank(account: Account, use: Use) -> Rank:
    """The least goes first: who is furthest behind, then who would hold the least for its weight, then who has waited longest."""
    head = account.line.first()
    return virtual_time(account, use), account.price * (use.gpus + 1), head.place if head else 0


def by_share(level: Level, using: Mapping[str, Use]) -> Iterator[Account]:
    """The tenants of a level, those that are behind first; only who asks for the second pays for the sorting."""

    def key(account: Account) -> Rank:
        return rank(account, using.get(account.tenant, Use()))

    rivals = [level.accounts[tenant] for tenant in using if tenant in level.accounts]
    idle = level.idle.first()
    if idle is not None:
        rivals.append(idle)
    if rivals:
        first = min(rivals, key=key)
        yield first
        for account in sorted(level.accounts.values(), key=key):
            if account is not first:
                yield account


def at_stake(holding: Holding, now: int) -> int:
    return holding.task.gpus * (now - holding.saved)


def cheapest(runs: Iterable[Holding], gpus: int, now: int) -> tuple[Holding, ...] | None:
    """The runs with the least at stake that hold so many GPUs together, and of such sets one of the fewest runs, so that none can be left out."""
    best: list[tuple[int, int, tuple[Holding, ...]] | None] = [(0, 0, ()), *[None] * gpus]
    for holding in runs:
        for wanted in range(gpus, 0, -1):
            rest = best[max(0, wanted - holding.task.gpus)]
            if rest is not None:
                stake, count = rest[0] + at_stake(holding, now), rest[1] + 1
                known = best[wanted]
                if known is None or (stake, count) < known[:2]:
                    best[wanted] = stake, count, (*rest[2], holding)
    found = best[gpus]
    return None if found is None else found[2]


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
        self._weights = dict(weights)
        self._scale = lcm(*self._weights.values())  # so that virtual times are whole numbers
        self._grace = grace
        self._max_stops = max_stops
        self._patience = patience
        self._caps = dict(caps or {})
        self._lock = threading.Lock()
        self._now = 0
        self._places = 0
        self._tasks: dict[str, Task] = {}
        self._levels: dict[int, Level] = {}  # only those where a task waits
        self._held: dict[Run, Holding] = {}
        self._claim: Task | None = None

    # -- calls

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            self._advance(now)
            if gpus > min(self._gpus, self._cap(tenant)):
                raise Impossible(task)
            self._places += 1
            self._tasks[task] = Task(task, tenant, priority, gpus, self._now, self._places)
            self._enqueue(self._tasks[task], self._now)

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            self._advance(now)
            record = self._tasks.get(task)
            if record is None or not self._waits(record):
                return False
            self._dequeue(record)
            del self._tasks[task]
            return True

    def schedule(self, now: int) -> Plan:
        with self._lock:
            self._advance(now)
            start: list[Run] = []
            while (task := self._next()) is not None:
                start.append(self._start(task))
            stop, room_for = self._make_room()
            return Plan(tuple(start), stop, room_for)

    def finish(self, run: Run, now: int) -> bool:
        with self._lock:
            holding = self._reported(run, now)
            if holding is None:
                return False
            self._release(holding, self._now)
            del self._tasks[run.task]
            return True

    def saved(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._lock:
            holding = self._reported(run, now)
            if holding is None:
                return False
            holding.saved = self._now
            return True

    def stopped(self, run: Run, now: int) -> bool:
        """Stage 3."""
        with self._lock:
            holding = self._reported(run, now)
            if holding is None or holding.told is None:
                return False
            self._return(holding, self._now)
            return True

    def crashed(self, run: Run, now: int) -> bool:
        """Stage 4."""
        with self._lock:
            holding = self._reported(run, now)
            if holding is None:
                return False
            self._return(holding, self._now)
            return True

    # -- decisions

    def _next(self) -> Task | None:
        """The task to be picked now."""
        free = self._free()
        if free == 0:
            return None
        return next((task for task in self._candidates() if task.gpus <= free), None)

    def _make_room(self) -> tuple[tuple[Run, ...], str | None]:
        """Tell runs to stop for the first task for which that helps. Nothing that could be picked waits any more."""
        if any(holding.told is not None for holding in self._held.values()):
            return (), None
        stoppable = [holding for holding in self._held.values() if holding.task.stops < self._max_stops]
        if not stoppable:
            return (), None
        free = self._free()
        for task in self._candidates():
            lower = [holding for holding in stoppable if holding.task.priority < task.priority]
            if not lower:
                continue
            chosen = cheapest(lower, task.gpus - free, self._now)
            if chosen is not None:
                for holding in chosen:
                    holding.told = self._now
                    holding.task.stops += 1
                self._claim = task
                return tuple(holding.run for holding in chosen), task.name
        return (), None

    def _candidates(self) -> Iterator[Task]:
        """The tasks, in order, that may be picked if they fit, and for which room may be made if they do not."""
        using: Counter[str] = Counter()
        for holding in self._held.values():
            using[holding.task.tenant] += holding.task.gpus

        def within_cap(task: Task) -> bool:
            cap = self._caps.get(task.tenant)
            return cap is None or using[task.tenant] + task.gpus <= cap

        held_up: set[str] = set()  # tenants that wait for their own cap
        for task in self._overdue():
            if task.tenant in held_up:
                continue
            if within_cap(task):
                yield task
                return
            held_up.add(task.tenant)
        for task in self._by_priority():
            if task.tenant not in held_up and within_cap(task) and not self._claimed_from(task):
                yield task

    def _overdue(self) -> list[Task]:
        """The overdue tasks, in order."""
        if self._patience is None:
            return []
        latest = self._now - self._patience
        accounts = (account for level in self._levels.values() for account in level.accounts.values())
        found = (task for account in accounts for task in account.line if task.submitted <= latest)
        return sorted(found, key=lambda task: task.place)

    def _by_priority(self) -> Iterator[Task]:
        """The tasks that wait, in the order that they have before any is overdue."""
        for priority in sorted(self._levels, reverse=True):
            for account in by_share(self._levels[priority], uses(self._held.values(), priority, self._now)):
                yield from account.line

    def _claimed_from(self, task: Task) -> bool:
        """Whether the claim of another task holds up this one, which is not overdue."""
        claim = self._claim
        return claim is not None and claim is not task and task.priority <= claim.priority

    def _free(self) -> int:
        return self._gpus - sum(holding.task.gpus for holding in self._held.values())

    def _cap(self, tenant: str) -> int:
        return self._caps.get(tenant, self._gpus)

    # -- changes of the records

    def _advance(self, now: int) -> None:
        """Go on to this time, if it is later. Runs whose grace has passed by then were over when it had."""
        self._now = max(self._now, now)
        for holding in list(self._held.values()):
            if holding.told is not None and holding.told + self._grace <= self._now:
                self._return(holding, holding.told + self._grace)

    def _reported(self, run: Run, now: int) -> Holding | None:
        self._advance(now)
        return self._held.get(run)

    def _start(self, task: Task) -> Run:
        task.starts += 1
        run = Run(task.name, task.starts)
        self._held[run] = Holding(task, run, since=self._now, saved=self._now)
        self._dequeue(task)
        return run

    def _return(self, holding: Holding, at: int) -> None:
        """A run is over and its task is not done."""
        self._release(holding, at)
        self._enqueue(holding.task, at)

    def _release(self, holding: Holding, at: int) -> None:
        """A run is over: what it got is now part of what its tenant has paid, if that counts still."""
        task = holding.task
        del self._held[holding.run]
        level = self._levels.get(task.priority)
        account = level.accounts.get(task.tenant) if level else None
        if level and account:
            account.paid += account.price * task.gpus * (at - holding.since)
            self._index(level, account, task.priority)

    def _waits(self, task: Task) -> bool:
        level = self._levels.get(task.priority)
        account = level.accounts.get(task.tenant) if level else None
        return account is not None and task in account.line

    def _enqueue(self, task: Task, at: int) -> None:
        level = self._levels.setdefault(task.priority, Level())
        account = level.accounts.get(task.tenant)
        if account is None:
            account = self._join(level, task, at)
        account.line.add(task, (task.place,))
        self._index(level, account, task.priority)

    def _join(self, level: Level, task: Task, at: int) -> Account:
        """A tenant comes, or comes back: it is put level with the one that is furthest behind, whatever it used before."""
        using = uses(self._held.values(), task.priority, at)
        last = next(by_share(level, using), None)
        virtual = virtual_time(last, using.get(last.tenant, Use())) if last else 0
        price = self._scale // self._weights.get(task.tenant, 1)
        account = Account(task.tenant, price, virtual - price * using.get(task.tenant, Use()).service)
        level.accounts[task.tenant] = account
        return account

    def _dequeue(self, task: Task) -> None:
        """The task waits no longer, and so its claim is over, if it has one."""
        level = self._levels[task.priority]
        account = level.accounts[task.tenant]
        account.line.discard(task)
        self._index(level, account, task.priority)
        if not account.line:
            del level.accounts[task.tenant]
        if not level.accounts:
            del self._levels[task.priority]
        if self._claim is task:
            self._claim = None

    def _index(self, level: Level, account: Account, priority: int) -> None:
        """Bring the index of a level up to date with one tenant."""
        level.idle.discard(account)
        holds = any(
            holding.task.tenant == account.tenant and holding.task.priority == priority
            for holding in self._held.values()
        )
        if account.line and not holds:
            level.idle.add(account, rank(account, Use()))
