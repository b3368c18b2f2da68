"""Every call becomes events (time passes, a task is submitted, a run is over ...), which one method alone applies to one plain `State`.

What `schedule` does next is worked out from that state, which this only reads, and is an event too. All that waits is kept in `Ranked`, a list that is sorted by bisection and cut into blocks.
A tenant that comes is put level with the one that has got the least of those that wait, whether that lifts or lowers it.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from math import lcm
from threading import Lock
from typing import Generic, TypeVar, assert_never

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
Value = TypeVar("Value")


class Ranked(Generic[Value]):
    """Values in the order of their ranks, which differ. The sorted ranks are cut into blocks, so that a change moves
    few of them; a call takes a fixed number of steps, and the bisections a logarithmic number of comparisons."""

    BLOCK = 256

    def __init__(self) -> None:
        self._values: dict[Rank, Value] = {}
        self._blocks: list[list[Rank]] = []  # none is empty
        self._lasts: list[Rank] = []  # the last rank of each block

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Value]:
        """First rank first; the collection must not change meanwhile."""
        for block in self._blocks:
            for rank in block:
                yield self._values[rank]

    def first(self) -> Value:
        return self._values[self._blocks[0][0]]

    def add(self, rank: Rank, value: Value) -> None:
        self._values[rank] = value
        if not self._blocks:
            self._blocks.append([rank])
            self._lasts.append(rank)
            return
        at = min(bisect_left(self._lasts, rank), len(self._lasts) - 1)
        block = self._blocks[at]
        insort(block, rank)
        self._lasts[at] = block[-1]
        if len(block) > 2 * self.BLOCK:
            self._blocks.insert(at, block[: self.BLOCK])
            del block[: self.BLOCK]
            self._lasts.insert(at, self._blocks[at][-1])

    def remove(self, rank: Rank) -> Value:
        at = bisect_left(self._lasts, rank)
        block = self._blocks[at]
        del block[bisect_left(block, rank)]
        if block:
            self._lasts[at] = block[-1]
        else:
            del self._blocks[at], self._lasts[at]
        return self._values.pop(rank)


class TaskQueue:
    """Stage 1."""

    def __init__(self) -> None:
        self._ranks: dict[str, Rank] = {}
        self._queue: Ranked[str] = Ranked()
        self._puts = count()

    def put(self, task: str, priority: int) -> None:
        if task in self._ranks:
            raise DuplicateTask(task)
        rank = (-priority, next(self._puts))
        self._ranks[task] = rank
        self._queue.add(rank, task)

    def take(self) -> str | None:
        if not self._ranks:
            return None
        task = self._queue.first()
        self._queue.remove(self._ranks.pop(task))
        return task

    def cancel(self, task: str) -> bool:
        rank = self._ranks.pop(task, None)
        if rank is None:
            return False
        self._queue.remove(rank)
        return True

    def waiting(self) -> int:
        return len(self._ranks)


# ---- the state of a scheduler


@dataclass(eq=False)
class Task:
    """A task that is not done; it waits or has a run that holds its GPUs."""

    name: str
    tenant: str
    priority: int
    gpus: int
    submitted: int
    place: int  # it was submitted as the place-th task
    starts: int = 0
    stops: int = 0  # how often it was told to stop


@dataclass(eq=False)
class Hold:
    """A run that is not over and holds its task's GPUs."""

    run: Run
    task: Task
    safe: int  # what it did before that instant is not at stake
    deadline: int | None = None  # set when it is told to stop


@dataclass(eq=False)
class Account:
    """A tenant at one priority: its tasks that wait, and the weighted service that they compete by.

    `virtual` has a meaning only while a task waits. It is the service per weight since then, upon that of the tenant
    that had the least when this one began to wait. Of those that wait the one with the least is served. So when a
    starts a run it is not ahead of b, and thereafter it comes at most G L / w_a ahead of b before it starts one again;
    whoever comes is put at the least, where this still is true of each pair.
    """

    tenant: str
    priority: int
    unit: int  # by how much a GPU-millisecond moves `virtual`: whole, and in inverse proportion to the weight
    serial: int
    queue: Ranked[Task] = field(default_factory=Ranked)  # by place
    held: int = 0  # GPUs
    virtual: int = 0
    rank: Rank | None = None  # in its level; None while no task waits


@dataclass
class State:
    """All that a scheduler remembers. Only `Scheduler._apply`, and what it calls, changes it."""

    free: int
    now: int = 0
    waiting: dict[str, Task] = field(default_factory=dict)
    by_age: Ranked[Task] = field(default_factory=Ranked)  # those that wait, by place
    levels: dict[int, Ranked[Account]] = field(default_factory=dict)  # by priority: the accounts with a task that waits
    accounts: dict[tuple[str, int], Account] = field(default_factory=dict)  # those with a task that waits or runs
    busy: dict[Account, None] = field(default_factory=dict)  # those that hold GPUs: no more than there are GPUs
    holds: dict[Run, Hold] = field(default_factory=dict)  # in the order in which they were started
    stopping: dict[Run, Hold] = field(default_factory=dict)  # those of them that were told to stop
    tenant_held: Counter[str] = field(default_factory=Counter)  # GPUs, at all priorities
    claim: Task | None = None  # it waits


# ---- what can happen to it


@dataclass(frozen=True)
class TimePassed:
    now: int


@dataclass(frozen=True)
class Submitted:
    task: Task


@dataclass(frozen=True)
class Cancelled:
    task: Task


@dataclass(frozen=True)
class Started:
    task: Task


@dataclass(frozen=True)
class RoomMade:
    """The runs are told to stop for the task."""

    task: Task
    holds: tuple[Hold, ...]


@dataclass(frozen=True)
class Saved:
    hold: Hold


@dataclass(frozen=True)
class Over:
    """The run is over; its task is done or else waits again."""

    hold: Hold
    done: bool


Decision = Started | RoomMade
Event = TimePassed | Submitted | Cancelled | Saved | Over | Decision


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
        self._scale = lcm(*self._weights.values())
        self._grace = grace
        self._max_stops = max_stops
        self._patience = patience
        self._caps = dict(caps or {})
        self._serials = count()
        self._lock = Lock()
        self._state = State(free=gpus)

    # ---- the calls

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        with self._lock:
            self._pass_time(now)
            if gpus > min(self._gpus, self._caps.get(tenant, gpus)):
                raise Impossible(task)
            self._apply(Submitted(Task(task, tenant, priority, gpus, self._state.now, next(self._serials))))

    def cancel(self, task: str, now: int) -> bool:
        with self._lock:
            self._pass_time(now)
            waiting = self._state.waiting.get(task)
            if waiting is None:
                return False
            self._apply(Cancelled(waiting))
            return True

    def schedule(self, now: int) -> Plan:
        with self._lock:
            self._pass_time(now)
            start: list[Run] = []
            while (decision := self._plan()) is not None:
                self._apply(decision)
                task = decision.task
                if isinstance(decision, RoomMade):
                    return Plan(tuple(start), tuple(hold.run for hold in decision.holds), task.name)
                start.append(Run(task.name, task.starts))
            return Plan(tuple(start))

    def finish(self, run: Run, now: int) -> bool:
        return self._report(run, now, lambda hold: Over(hold, done=True))

    def saved(self, run: Run, now: int) -> bool:
        """Stage 3."""
        return self._report(run, now, Saved)

    def stopped(self, run: Run, now: int) -> bool:
        """Stage 3."""
        return self._report(run, now, lambda hold: None if hold.deadline is None else Over(hold, done=False))

    def crashed(self, run: Run, now: int) -> bool:
        """Stage 4."""
        return self._report(run, now, lambda hold: Over(hold, done=False))

    def _report(self, run: Run, now: int, meaning: Callable[[Hold], Event | None]) -> bool:
        """Apply what the report means for a run that holds its GPUs, and say whether it meant anything."""
        with self._lock:
            self._pass_time(now)
            hold = self._state.holds.get(run)
            event = None if hold is None else meaning(hold)
            if event is None:
                return False
            self._apply(event)
            return True

    def _pass_time(self, now: int) -> None:
        """Let time pass until `now`, if that is later, ending each grace on the way at its own instant."""
        state = self._state
        for hold in list(state.stopping.values()):  # they were all told at the same instant
            if hold.deadline is not None and hold.deadline <= now:
                self._apply(TimePassed(hold.deadline))
                self._apply(Over(hold, done=False))
        if now > state.now:
            self._apply(TimePassed(now))

    # ---- events: nothing else changes the state

    def _apply(self, event: Event) -> None:
        state = self._state
        match event:
            case TimePassed(now):
                for account in state.busy:
                    account.virtual += account.held * account.unit * (now - state.now)
                    self._rank(account)
                state.now = now
            case Submitted(task):
                self._wait(task)
            case Cancelled(task):
                self._leave(task)
            case Started(task):
                self._hold(task, task.gpus)
                self._leave(task)
                task.starts += 1
                run = Run(task.name, task.starts)
                state.holds[run] = Hold(run, task, safe=state.now)
            case RoomMade(task, holds):
                state.claim = task
                for hold in holds:
                    hold.deadline = state.now + self._grace
                    hold.task.stops += 1
                    state.stopping[hold.run] = hold
            case Saved(hold):
                hold.safe = state.now
            case Over(hold, done):
                del state.holds[hold.run]
                state.stopping.pop(hold.run, None)
                self._hold(hold.task, -hold.task.gpus)
                if not done:
                    self._wait(hold.task)
            case _:
                assert_never(event)

    def _wait(self, task: Task) -> None:
        """The task waits from now on, in the place that it was given when it was submitted."""
        state = self._state
        state.waiting[task.name] = task
        state.by_age.add((task.place,), task)
        account = self._account(task)
        if not account.queue:
            level = state.levels.get(task.priority)
            account.virtual = level.first().virtual if level else 0
        account.queue.add((task.place,), task)
        self._rank(account)

    def _leave(self, task: Task) -> None:
        """The task waits no more."""
        state = self._state
        del state.waiting[task.name]
        state.by_age.remove((task.place,))
        if state.claim is task:
            state.claim = None
        account = self._account(task)
        account.queue.remove((task.place,))
        self._rank(account)

    def _hold(self, task: Task, gpus: int) -> None:
        """The task's account holds so many GPUs more, or less."""
        state = self._state
        state.free -= gpus
        state.tenant_held[task.tenant] += gpus
        if not state.tenant_held[task.tenant]:
            del state.tenant_held[task.tenant]
        account = self._account(task)
        account.held += gpus
        if account.held:
            state.busy[account] = None
        else:
            state.busy.pop(account, None)
        self._rank(account)

    def _account(self, task: Task) -> Account:
        key = task.tenant, task.priority
        account = self._state.accounts.get(key)
        if account is None:
            unit = self._scale // self._weights.get(task.tenant, 1)
            account = Account(task.tenant, task.priority, unit, next(self._serials))
            self._state.accounts[key] = account
        return account

    def _rank(self, account: Account) -> None:
        """Put the account where it belongs after a change. Of equals, the one that holds less per weight is first."""
        state = self._state
        rank = (account.virtual, account.held * account.unit, account.serial) if account.queue else None
        if rank != account.rank:
            level = state.levels.setdefault(account.priority, Ranked())
            if account.rank is not None:
                level.remove(account.rank)
            if rank is not None:
                level.add(rank, account)
            if not level:
                del state.levels[account.priority]
            account.rank = rank
        if rank is None and not account.held:
            del state.accounts[account.tenant, account.priority]

    # ---- decisions: these only read the state

    def _plan(self) -> Decision | None:
        """What `schedule` does next, or None when it is ready."""
        state = self._state
        if state.free:
            task = self._first(lambda priority: state.free)
            if task is not None:
                return Started(task)
        if self._max_stops and not state.stopping:
            task = self._first(lambda priority: state.free + sum(hold.task.gpus for hold in self._stoppable(priority)))
            if task is not None:
                return RoomMade(task, self._cheapest(task))
        return None

    def _first(self, reach: Callable[[int], int]) -> Task | None:
        """The first task in the order that no rule holds up, among those that take at most the GPUs that `reach` gives
        for their priority."""
        state = self._state
        held_up: set[str] = set()  # tenants with an overdue task that would exceed their cap
        if self._patience is not None:
            for task in state.by_age:
                if state.now - task.submitted < self._patience:
                    break
                if task.tenant in held_up:
                    continue
                if task.gpus <= self._headroom(task.tenant):
                    return task if task.gpus <= reach(task.priority) else None
                held_up.add(task.tenant)

        for priority in sorted(state.levels, reverse=True):
            most = reach(priority)
            claim = state.claim
            if claim is not None and priority <= claim.priority:
                free_to_go = claim.tenant not in held_up and claim.gpus <= min(most, self._headroom(claim.tenant))
                return claim if free_to_go else None
            for account in state.levels[priority]:
                if account.tenant in held_up:
                    continue
                limit = min(most, self._headroom(account.tenant))
                for task in account.queue:
                    if task.gpus <= limit:
                        return task
        return None

    def _headroom(self, tenant: str) -> int:
        """How many GPUs more the tenant's cap lets it hold; whether they are free is another matter."""
        cap = self._caps.get(tenant)
        return self._gpus if cap is None else cap - self._state.tenant_held[tenant]

    def _stoppable(self, priority: int) -> list[Hold]:
        """The runs that may be told to stop for a task of this priority."""
        return [
            hold
            for hold in self._state.holds.values()
            if hold.task.priority < priority and hold.task.stops < self._max_stops
        ]

    def _cheapest(self, task: Task) -> tuple[Hold, ...]:
        """Of the sets of runs that will do for the task (there is one) the one with the least at stake, and of those the
        smallest, which has no run that could be left out."""
        state = self._state
        need = task.gpus - state.free
        best: list[Choice | None] = [Choice()] + [None] * need  # by how many GPUs are wanted, over the runs seen so far
        for hold in self._stoppable(task.priority):
            stake = hold.task.gpus * (state.now - hold.safe)
            for wanted in range(need, 0, -1):
                rest = best[max(0, wanted - hold.task.gpus)]
                if rest is not None:
                    other = best[wanted]
                    if other is None or (rest.stake + stake, rest.size + 1) < (other.stake, other.size):
                        best[wanted] = Choice(rest.stake + stake, rest.size + 1, hold, rest)
        holds: list[Hold] = []
        choice = best[need]
        assert choice is not None
        while choice.rest is not None and choice.hold is not None:
            holds.append(choice.hold)
            choice = choice.rest
        return tuple(reversed(holds))


@dataclass(frozen=True)
class Choice:
    """Some runs, as a linked list, with what is at stake with them."""

    stake: int = 0
    size: int = 0
    hold: Hold | None = None
    rest: "Choice | None" = None
