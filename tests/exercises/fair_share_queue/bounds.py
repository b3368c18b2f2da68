"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

from burnin.script import Script
from burnin.suite import Call, History

from .ledger import Ledger, Task
from .world import Said

Side = tuple[str, str]
_seen: WeakKeyDictionary[History, set[Side]] = WeakKeyDictionary()


class Watched(Ledger):
    """Notes which sides of which bounds are reached."""

    seen: set[Side]

    def watch(self, call: Call) -> None:
        """Look at the next call and let it happen."""
        now = max(self.now, call.kwargs["now"])
        match call.do:
            case "submit":
                beyond = call.kwargs.get("gpus", 1) - self.gpus
                self._note("All or none", {"all GPUs that there are": beyond == 0, "one GPU more": beyond == 1})
            case "stopped" | "finish":
                task = self.tasks.get(call.args[0].kwargs["task"])
                if task is not None and task.runs == call.args[0].kwargs["number"] and task.ends is not None:
                    left = task.ends - now
                    self._note("Grace", {"over a millisecond before its end": left == 1, "over at its end": left == 0})
            case "schedule" if self.patience is not None:
                past = {now - task.submitted - self.patience for task in self.waiting()}
                self._note("Overdue", {"at the instant": 0 in past, "a millisecond before": -1 in past})
        self.take(call)

    def _room(self, plan: Said) -> None:
        waiting, free = self.waiting(), self.free
        missing = {task.gpus - free for task in waiting if not self.hindered(task)}
        self._note(
            "Capacity", {"the last GPU is taken": bool(plan.start) and free == 0, "one is missing": 1 in missing}
        )
        reached = any(sum(one.gpus for one in self.holding(tenant)) == cap for tenant, cap in self.caps.items())
        beyond = any(self._beyond_cap(task) == 1 and task.gpus <= free for task in waiting)
        self._note("Caps", {"just reached": reached, "one GPU beyond": beyond})
        if all(task.ends is None for task in self.holding()):
            for task in waiting:
                if task.gpus > free and not self.hindered(task):
                    self._note_room(task)
        super()._room(plan)
        often = any(task.stops == self.max_stops > 0 for task in self.tasks.values())
        self._note("No thrash", {"as often as it may be": often})

    def _note_room(self, task: Task) -> None:
        lower = sum(one.gpus for one in self.holding() if one.priority < task.priority)
        spare = self.free + sum(one.gpus for one in self._may_stop(task)) - task.gpus
        self._note("Room", {"just enough": spare == 0, "one GPU is missing": spare == -1})
        self._note("No thrash", {"once more would make room": spare < 0 <= self.free + lower - task.gpus})

    def _beyond_cap(self, task: Task) -> int | None:
        """By how many GPUs the task's tenant would exceed its cap with it."""
        held = sum(one.gpus for one in self.holding(task.tenant))
        return held + task.gpus - self.caps[task.tenant] if task.tenant in self.caps else None

    def _note(self, rule: str, sides: dict[str, bool]) -> None:
        self.seen |= {(rule, side) for side, reached in sides.items() if reached}


def reached(rule: str, side: str) -> Callable[[Script, History], bool]:
    """Whether a play of one caller reaches this side."""

    def holds(script: Script, history: History) -> bool:
        setup = script.setup[0]
        if script.mode == "threads" or setup.do != "Scheduler":
            return False
        if history not in _seen:
            ledger = Watched(*setup.args, **setup.kwargs)
            ledger.seen = _seen[history] = set()
            for call in history.calls[1:]:
                ledger.watch(call)
        return (rule, side) in _seen[history]

    return holds


SIDES = (
    ("Capacity", "the last GPU is taken"),
    ("Capacity", "one is missing"),
    ("All or none", "all GPUs that there are"),
    ("All or none", "one GPU more"),
    ("Room", "just enough"),
    ("Room", "one GPU is missing"),
    ("Grace", "over a millisecond before its end"),
    ("Grace", "over at its end"),
    ("No thrash", "as often as it may be"),
    ("No thrash", "once more would make room"),
    ("Caps", "just reached"),
    ("Caps", "one GPU beyond"),
    ("Overdue", "at the instant"),
    ("Overdue", "a millisecond before"),
)
BOUNDS = {(rule, side): reached(rule, side) for rule, side in SIDES}
NO_BOUND = {
    "Fair share": "how near a play comes is up to the solution; the mutants show that wrong ones pass it",
    "No starvation": "it follows from the order; the bounds of Overdue are those that a scheduler can miss by one",
    "Cost": "measured, and far from the bound on both sides",
}
