"""The statement as a program that looks on: it follows what the scheduler said, and tells what was wrong with it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from burnin.suite import Call

from .world import Said, said

FEW_CHANCES = 2
"""A scheduler that did nothing so often, or little of what it could, does next to nothing."""


@dataclass(frozen=True)
class Breach:
    """Something that breaks a rule, or several (see `Ledger`)."""

    rules: frozenset[str]
    expected: str
    got: str
    at: float


@dataclass
class Task:
    """A task; `waits_since` and `older` are about its wait, the last three about the run that goes on."""

    name: str
    tenant: str
    priority: int
    gpus: int
    submitted: int
    number: int
    state: str = "waits"  # waits, runs, done, cancelled
    runs: int = 0
    stops: int = 0
    returned: str = ""  # why its last run ended without the task being done: stopped, grace, crash
    waits_since: int = 0
    older: int = 0  # runs of tasks submitted before it that were started while it was overdue
    started: int = 0
    saved: int = 0
    ends: int | None = None


class Ledger:
    """One scheduler. The breaches of its calls have these rules: capacity, order, work, reports; gang, passed, room, lower, cheapest, grace, place, claim, thrash; caps, overdue,
    starvation, crash; "dead" and "no room" for a scheduler that hardly picks anything, or hardly makes room; "late" and "undone" at the end."""

    def __init__(
        self,
        gpus: int,
        weights: dict[str, int],
        grace: int = 1,
        max_stops: int = 0,
        patience: int | None = None,
        caps: dict[str, int] | None = None,
    ) -> None:
        self.gpus, self.weights, self.grace, self.max_stops = gpus, weights, grace, max_stops
        self.patience, self.caps = patience, caps or {}
        self.now = 0
        self.tasks: dict[str, Task] = {}
        self._running: dict[str, Task] = {}
        self.claim: str | None = None
        self.service: dict[tuple[str, int], int] = {}  # of runs that are over, by tenant and priority
        self.longest = 0
        self._waits: list[tuple[str, int, int, int]] = []  # of overdue tasks: name, since when and until when, `older`
        self._ended: dict[tuple[str, int], str] = {}  # runs that are over: finished, stopped, grace, crash
        # what was to be done at some time, and whether it was: calls of schedule that could start a task, tasks that could have room
        self._chances: dict[str, dict[str, bool]] = {"dead": {}, "no room": {}}
        self._claimed = self._expired = False
        self._call: Call
        self._breaches: list[Breach] = []

    def copy(self) -> Ledger:
        """One that can go its own way."""
        other = copy.copy(self)
        other.tasks = {name: copy.copy(task) for name, task in self.tasks.items()}
        other._running = {name: other.tasks[name] for name in self._running}
        other.service, other._ended, other._waits = dict(self.service), dict(self._ended), list(self._waits)
        other._chances = {kind: dict(chances) for kind, chances in self._chances.items()}
        return other

    def state(self) -> Any:
        """What two ledgers have in common that can only go on alike."""
        return (
            self.now,
            self.claim,
            tuple((t.name, t.state, t.runs, t.stops, t.started, t.saved, t.ends) for t in self.tasks.values()),
        )

    def take(self, call: Call) -> list[Breach]:
        """Look at the next call and let it happen. Returns what was wrong with it."""
        self._call, self._breaches = call, []
        self._advance(call.kwargs["now"])
        match call.do:
            case "submit":
                name, tenant = call.args
                self._submit(name, tenant, call.kwargs.get("priority", 0), call.kwargs.get("gpus", 1))
            case "cancel":
                self._cancel(call.args[0])
            case "schedule":
                self._schedule()
            case kind:
                made = call.args[0].kwargs
                self._report(kind, made["task"], made["number"])
        return self._breaches

    def hardly(self) -> Iterator[Breach]:
        """Whether the scheduler did next to nothing in the play, and so broke few rules."""
        for kind, did in (("dead", "schedule to start a task"), ("no room", "room to be made for a task")):
            chances = self._chances[kind]
            done = [what for what, used in chances.items() if used]
            if len(chances) >= FEW_CHANCES and len(done) * 3 <= len(chances):
                expected = f"{did} where it can: {', '.join(chances)}"
                yield Breach(frozenset({kind}), expected, ", ".join(done) or "never", self.now / 1000)

    def at_the_end(self) -> Iterator[Breach]:
        """What shows when the play is over: overdue tasks that waited too long, and tasks that were never done."""
        longest = self.longest_run()
        going = [self._wait_of(task) for task in self.waiting() if self.overdue(task)]
        for name, since, until, older in self._waits + going:
            bound = (older + 1) * longest
            if not self.caps and until - since > bound:
                expected = f"{name}, overdue at {since} ms, to wait at most {bound} ms longer: {older} older runs were started, and the longest took {longest} ms"
                yield Breach(frozenset({"late"}), expected, f"it waits at {until} ms", until / 1000)
        for task in self.tasks.values():
            if task.state in ("waits", "runs"):
                yield Breach(
                    frozenset({"undone"}), f"{task.name} to be done in the end", f"it {task.state}", self.now / 1000
                )

    # ---- how things stand

    def holding(self, tenant: str | None = None) -> list[Task]:
        """The tasks whose runs hold GPUs."""
        return [task for task in self._running.values() if tenant in (None, task.tenant)]

    def waiting(self) -> list[Task]:
        """The tasks that wait, by age."""
        return [task for task in self.tasks.values() if task.state == "waits"]

    @property
    def free(self) -> int:
        return self.gpus - sum(task.gpus for task in self.holding())

    def got(self, tenant: str, priority: int) -> int:
        """Service until now."""
        going = [task for task in self.holding(tenant) if task.priority == priority]
        return self.service.get((tenant, priority), 0) + sum(task.gpus * (self.now - task.started) for task in going)

    def longest_run(self) -> int:
        """For how long any run has held its GPUs."""
        return max([self.longest, *(self.now - task.started for task in self.holding())])

    def overdue(self, task: Task) -> bool:
        return self.patience is not None and self.now >= task.submitted + self.patience

    def within_cap(self, task: Task) -> bool:
        if task.tenant not in self.caps:
            return True
        return sum(one.gpus for one in self.holding(task.tenant)) + task.gpus <= self.caps[task.tenant]

    def hindered(self, task: Task) -> str:
        """The rule that forbids to pick it even if it fits; empty if none does."""
        if not self.within_cap(task):
            return "caps"
        barred: set[str] = set()  # tenants with an overdue task that waits for their cap
        for other in self.waiting() if self.patience is not None else ():
            if other is task or not self.overdue(other):
                continue
            if self.overdue(task) and other.number > task.number:
                continue
            if other.tenant in barred or not self.within_cap(other):
                barred.add(other.tenant)
            else:
                return "overdue" if other.gpus <= self.free else "starvation"
        if task.tenant in barred:
            return "starvation"
        claim = self.tasks.get(self.claim or "")
        if claim is not None and claim is not task and task.priority <= claim.priority and not self.overdue(task):
            return "claim"
        return ""

    def comes_before(self, one: Task, other: Task) -> bool:
        """Whether the order says that `one` comes first; between tenants of one priority it does not say."""
        if self.overdue(one) or self.overdue(other):
            return self.overdue(one) and (not self.overdue(other) or one.number < other.number)
        if one.priority != other.priority:
            return one.priority > other.priority
        return one.tenant == other.tenant and one.number < other.number

    # ---- calls

    def _advance(self, now: int) -> None:
        self.now = max(self.now, now)
        for task in self.holding():
            if task.ends is not None and task.ends <= self.now:
                self._expired = True
                self._over(task, "grace", task.ends)

    def _submit(self, name: str, tenant: str, priority: int, gpus: int) -> None:
        capped = gpus > self.caps.get(tenant, gpus)
        if gpus > self.gpus or capped:
            rule = "gang" if gpus > self.gpus else "caps"
            self._check(self._call.raised("Impossible"), {rule}, f"submit of {name} to raise Impossible", self._got())
            return
        self._check(
            self._call.outcome == "returned", {"capacity", "gang", "dead"}, f"submit of {name} to return", self._got()
        )
        self.tasks[name] = Task(name, tenant, priority, gpus, self.now, len(self.tasks), waits_since=self.now)

    def _cancel(self, name: str) -> None:
        task = self.tasks.get(name)
        waits = task is not None and task.state == "waits"
        self._says(waits, {"reports", *self._why(task)}, f"cancel({name!r})")
        if waits and task is not None:
            task.state = "cancelled"
            if self.claim == name:
                self.claim = None

    def _report(self, kind: str, name: str, number: int) -> None:
        task = self.tasks.get(name)
        holds = task is not None and task.state == "runs" and task.runs == number
        told = holds and task is not None and task.ends is not None
        right = told if kind == "stopped" else holds
        rules = {"reports"}
        if task is not None and (kind == "stopped" or told or self._ended.get((name, number)) == "grace"):
            rules.add("grace")
        if (
            self._ended.get((name, number)) in ("crash", "grace")
            or kind == "crashed"
            or (task is not None and "crash" in task.returned)
        ):
            rules.add("crash")
        self._says(right, rules, f"{kind}({name}:{number})")
        if task is None or not right:
            return
        match kind:
            case "finish":
                self._over(task, "finished", self.now)
            case "saved":
                task.saved = self.now
            case "stopped":
                self._over(task, "stopped", self.now)
            case "crashed":
                self._over(task, "crash", self.now)

    def _over(self, task: Task, how: str, at: int) -> None:
        self._ended[task.name, task.runs] = how
        key = (task.tenant, task.priority)
        self.service[key] = self.service.get(key, 0) + task.gpus * (at - task.started)
        self.longest = max(self.longest, at - task.started)
        del self._running[task.name]
        task.state = "done" if how == "finished" else "waits"
        task.returned = "" if how == "finished" else how
        task.waits_since = at
        task.ends = None

    # ---- plans

    def _schedule(self) -> None:
        plan = said(self._call)
        if plan is None:
            self._check(False, {"capacity", "dead"}, "schedule to return a Plan of Runs", self._got())
            return
        must = self._best(self._pickable())
        picked = 0
        for name, number in plan.start:
            picked += self._pick(name, number, plan)
        if must is not None:
            self._chances["dead"][f"at {self.now} ms"] = picked > 0
        left = self._best(self._pickable())
        if left is not None:
            rules = {"work", *self._why(left)}
            if any(self.comes_before(task, left) for task in self.waiting()):
                rules.add("passed")
            if left.tenant in self.caps:
                rules.add("caps")
            if self.patience is not None and any(
                task.submitted + self.patience == self.now + 1 for task in self.waiting()
            ):
                rules.add("overdue")
            if self._claimed:
                rules.add("claim")
            self._check(False, rules, f"no task to be left that can be picked, and {left.name} can", str(plan))
        self._room(plan)

    def _pickable(self) -> list[Task]:
        free = self.free
        return [task for task in self.waiting() if task.gpus <= free and not self.hindered(task)]

    def _best(self, tasks: list[Task]) -> Task | None:
        return next((task for task in tasks if not any(self.comes_before(other, task) for other in tasks)), None)

    def _pick(self, name: str, number: int, plan: Said) -> bool:
        """Look at one task that the plan starts, and start it if it waits. Returns whether it was right to have it."""
        task = self.tasks.get(name)
        if task is None or task.state != "waits":
            rules = {"capacity", *self._why(task)}
            what = (
                "is not known"
                if task is None
                else {"runs": "holds GPUs", "done": "is done"}.get(task.state, "was cancelled")
            )
            return self._check(False, rules, f"only tasks that wait to be started; {name} {what}", str(plan))
        right = self._check(
            number == task.runs + 1, {"capacity", *self._why(task)}, f"run {task.runs + 1} of {name}", str(plan)
        )
        free = self.free
        if task.gpus > free:
            rules = {"capacity", "gang"} | (
                {"grace"} if any(one.ends is not None for one in self.holding()) or self._expired else set()
            )
            if self.overdue(task):
                rules.add("overdue")
            right = self._check(
                False, rules, f"{name} to wait: it takes {task.gpus} GPUs and {free} are free", str(plan)
            )
        elif (why := self.hindered(task)) == "caps":
            held = sum(one.gpus for one in self.holding(task.tenant))
            cap = f"{task.tenant} holds {held} GPUs of at most {self.caps[task.tenant]}"
            right = self._check(False, {"caps"}, f"{name} to wait: {cap}, and it takes {task.gpus}", str(plan))
        elif why:
            late = " or ".join(other.name for other in self.waiting() if self.overdue(other) and other is not task)
            what = f"{self.claim} has a claim" if why == "claim" else f"{late}, overdue, comes first"
            right = self._check(False, {why}, f"{name} to wait: {what}", str(plan))
        else:
            for other in self._pickable():
                if self.comes_before(other, task):
                    rules = {"overdue"} if self.overdue(other) else {"order", *self._why(other), *self._why(task)}
                    if self.claim == name:
                        rules.add("claim")
                    right = self._check(False, rules, f"{other.name} to be picked before {name}", str(plan))
                    break
        for other in self.waiting():
            other.older += self.overdue(other) and other.number > task.number
        if self.overdue(task):
            self._waits.append(self._wait_of(task))
        task.state, task.runs, task.started, task.saved, task.returned = "runs", number, self.now, self.now, ""
        task.older = 0
        self._running[name] = task
        if self.claim == name:
            self.claim = None
        return right

    def _wait_of(self, task: Task) -> tuple[str, int, int, int]:
        return task.name, max(task.waits_since, task.submitted + (self.patience or 0)), self.now, task.older

    def _room(self, plan: Said) -> None:
        if not plan.stop:
            self._check(
                plan.room_for is None, {"room"}, "room_for to name no task if nothing is told to stop", str(plan)
            )
        if any(task.ends is not None for task in self.holding()):
            self._check(not plan.stop, {"thrash"}, "no run to be told to stop while another is stopping", str(plan))
            self._tell(plan)
            return
        claimants = [task for task in self.waiting() if self._will_do(task) and not self.hindered(task)]
        must = self._best(claimants)
        if must is None and not plan.stop:
            return
        task = self.tasks.get(plan.room_for or "")
        done = False
        if must is not None and not plan.stop:
            rules = {"room", *({"overdue"} if self.overdue(must) else set())}
            rules |= {"crash"} & {rule for one in self.holding() for rule in self._why(one)}
            self._check(False, rules, f"room to be made for {must.name}", str(plan))
        elif task is None or task.state != "waits":
            self._check(False, {"room"}, "room to be made for a task that waits", str(plan))
        else:
            done = self._right_room(task, claimants, plan)
        if must is not None and not self.holding(
            must.tenant
        ):  # a plain case: a mistake about what tenants hold costs one rule, not all
            self._chances["no room"][must.name] = done or self._chances["no room"].get(must.name, False)
        self._tell(plan)
        if task is not None and task.state == "waits" and plan.stop:
            self.claim, self._claimed = task.name, True

    def _right_room(self, task: Task, claimants: list[Task], plan: Said) -> bool:
        """Look at the runs that are told to stop for a task that waits. Returns whether they make room for it."""
        victims = []
        for name, number in plan.stop:
            victim = self.tasks.get(name)
            if victim is None or victim.state != "runs" or victim.runs != number or victim in victims:
                return self._check(False, {"room"}, "only runs that go on to be told to stop", str(plan))
            victims.append(victim)
        right = True
        for victim in victims:
            if victim.priority >= task.priority:
                what = f"{victim.name} (priority {victim.priority}) to run on: {task.name} has priority {task.priority}"
                right = self._check(False, {"lower"}, what, str(plan))
            if victim.stops >= self.max_stops:
                what = f"{victim.name} to run on: it was told to stop {victim.stops} times"
                right = self._check(False, {"thrash", *self._why(victim)}, what, str(plan))
        if not right:
            return False
        free = self.free
        if why := self.hindered(task):
            return self._check(False, {why}, f"no room to be made for {task.name}", str(plan))
        if task.gpus <= free or free + sum(victim.gpus for victim in victims) < task.gpus:
            return self._check(
                False, {"room"}, f"room for {task.name}, which takes {task.gpus} GPUs; {free} are free", str(plan)
            )
        for other in claimants:
            if self.comes_before(other, task):
                rules = {"overdue"} if self.overdue(other) else {"room"}
                return self._check(False, rules, f"room to be made for {other.name} before {task.name}", str(plan))
        stakes = {victim.name: self._stake(victim) for victim in self._may_stop(task)}
        least, cheapest = min(
            (sum(stakes[one.name] for one in some), [one.name for one in some]) for some in self._sets(task)
        )
        at_stake = sum(stakes[victim.name] for victim in victims)
        what = f"{' '.join(cheapest)} to be told to stop: {least} GPU-milliseconds at stake (of {stakes})"
        self._check(at_stake == least, {"cheapest"}, what, f"{plan}: {at_stake}")
        for victim in victims:
            without = free + sum(one.gpus for one in victims if one is not victim)
            self._check(
                without < task.gpus,
                {"cheapest"},
                f"{victim.name} to be left out: the others are enough for {task.name}",
                str(plan),
            )
        return True

    def _tell(self, plan: Said) -> None:
        for name, number in plan.stop:
            victim = self.tasks.get(name)
            if victim is not None and victim.state == "runs" and victim.runs == number and victim.ends is None:
                victim.ends = self.now + self.grace
                victim.stops += 1

    def _may_stop(self, task: Task) -> list[Task]:
        return [one for one in self.holding() if one.priority < task.priority and one.stops < self.max_stops]

    def _will_do(self, task: Task) -> bool:
        free = self.free
        return self.max_stops > 0 and free < task.gpus <= free + sum(one.gpus for one in self._may_stop(task))

    def _sets(self, task: Task) -> Iterator[tuple[Task, ...]]:
        """All sets of runs that will do, by brute force."""
        may, free = self._may_stop(task), self.free
        for count in range(1, len(may) + 1):
            for some in combinations(may, count):
                if free + sum(one.gpus for one in some) >= task.gpus:
                    yield some

    def _stake(self, task: Task) -> int:
        return task.gpus * (self.now - task.saved)

    # ---- breaches

    def _why(self, task: Task | None) -> set[str]:
        """The rules about what had happened to the task before."""
        if task is None:
            return set()
        kinds = {self._ended.get((task.name, number)) for number in range(1, task.runs + 1)}
        rules = set()
        if kinds & {"stopped", "grace"}:
            rules.add("place")
        if "grace" in kinds:
            rules.add("grace")
        if "crash" in kinds:
            rules.add("crash")
        return rules

    def _says(self, right: bool, rules: set[str], what: str) -> None:
        value = self._call.value
        self._check(
            self._call.outcome == "returned" and value is right, rules, f"{what} to return {right}", self._got()
        )

    def _got(self) -> str:
        return self._call.error or str(said(self._call) or repr(self._call.value))

    def _check(self, right: bool, rules: set[str], expected: str, got: str) -> bool:
        if not right:
            self._breaches.append(Breach(frozenset(rules), f"{expected}, at {self.now} ms", got, self._call.ended))
        return right
