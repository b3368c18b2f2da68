"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from burnin.script import Script
from burnin.suite import Call, History

from .ledger import Ledger, Task
from .world import Said, said

Holds = Callable[[Script, History], bool]


class Watched(Ledger):
    """Also notes, whenever room may be made for a task: in `spare` how many GPUs it would leave, with all that may be stopped for it; in `tired` how often only runs
    that were told to stop too often keep it from having room."""

    spare: list[int]
    tired: int

    def _room(self, plan: Said) -> None:
        if all(task.ends is None for task in self.holding()):
            for task in self.waiting():
                if task.gpus > self.free and not self.hindered(task):
                    lower = [one for one in self.holding() if one.priority < task.priority]
                    self.spare.append(self.free + sum(one.gpus for one in self._may_stop(task)) - task.gpus)
                    self.tired += self.spare[-1] < 0 <= self.free + sum(one.gpus for one in lower) - task.gpus
        super()._room(plan)


def ledgers(history: History) -> Iterator[tuple[Ledger, Watched, Call]]:
    """For each call of a play of one caller: how things stood before it, and how they stand after it."""
    setup = history.script.setup[0]
    if history.script.mode == "threads" or setup.do != "Scheduler":
        return
    ledger = Watched(*setup.args, **setup.kwargs)
    ledger.spare, ledger.tired = [], 0
    for call in history.calls[1:]:
        before = ledger.copy()
        ledger.take(call)
        yield before, ledger, call


def after_some_plan(test: Callable[[Watched, Said], bool]) -> Holds:
    """Whether the test holds after some call of schedule."""
    return lambda script, history: any(
        call.do == "schedule" and (plan := said(call)) is not None and test(ledger, plan)
        for _, ledger, call in ledgers(history)
    )


def some_waiting(test: Callable[[Ledger, Task], bool]) -> Holds:
    """Whether the test holds for some task that waits after a call of schedule."""
    return after_some_plan(lambda ledger, plan: any(test(ledger, task) for task in ledger.waiting()))


def some_size(beyond: int) -> Holds:
    """Whether a task is submitted that takes so many GPUs more than there are."""
    return lambda script, history: any(
        call.do == "submit" and call.kwargs.get("gpus", 1) == ledger.gpus + beyond
        for _, ledger, call in ledgers(history)
    )


def reported(early: int) -> Holds:
    """Whether a run that was told to stop is reported as over so many milliseconds before its grace is."""

    def just_then(ledger: Ledger, call: Call) -> bool:
        made = call.args[0].kwargs
        task = ledger.tasks.get(made["task"])
        now = max(ledger.now, call.kwargs["now"])
        return task is not None and task.runs == made["number"] and task.ends == now + early

    return lambda script, history: any(
        call.do in ("stopped", "finish") and just_then(before, call) for before, _, call in ledgers(history)
    )


def held_beyond(ledger: Ledger, task: Task) -> int:
    """By how many GPUs the task's tenant would exceed its cap with it; less than nothing is left to spare."""
    held = sum(one.gpus for one in ledger.holding(task.tenant))
    return held + task.gpus - ledger.caps.get(task.tenant, held + task.gpus + 1)


def age_beyond(millis: int) -> Holds:
    """Whether schedule is called so long after some task that waits became overdue."""

    def test(ledger: Ledger, call: Call) -> bool:
        now = max(ledger.now, call.kwargs["now"])
        return ledger.patience is not None and any(
            now == task.submitted + ledger.patience + millis for task in ledger.waiting()
        )

    return lambda script, history: any(
        call.do == "schedule" and test(before, call) for before, _, call in ledgers(history)
    )


BOUNDS = {
    ("Capacity", "the last GPU is taken"): after_some_plan(lambda ledger, plan: bool(plan.start) and ledger.free == 0),
    ("Capacity", "one GPU is missing"): some_waiting(
        lambda ledger, task: task.gpus == ledger.free + 1 and not ledger.hindered(task)
    ),
    ("All or none", "all GPUs that there are"): some_size(0),
    ("All or none", "one GPU more"): some_size(1),
    ("Room", "what is free and what may stop is just enough"): after_some_plan(lambda ledger, plan: 0 in ledger.spare),
    ("Room", "one GPU is missing"): after_some_plan(lambda ledger, plan: -1 in ledger.spare),
    ("Grace", "over a millisecond before its end"): reported(1),
    ("Grace", "over at its end"): reported(0),
    ("No thrash", "told to stop as often as it may be"): after_some_plan(
        lambda ledger, plan: any(task.stops == ledger.max_stops > 0 for task in ledger.tasks.values())
    ),
    ("No thrash", "once more would make room"): after_some_plan(lambda ledger, plan: ledger.tired > 0),
    ("Caps", "the cap is just reached"): after_some_plan(
        lambda ledger, plan: any(
            sum(one.gpus for one in ledger.holding(tenant)) == cap for tenant, cap in ledger.caps.items()
        )
    ),
    ("Caps", "one GPU beyond the cap"): some_waiting(
        lambda ledger, task: held_beyond(ledger, task) == 1 and task.gpus <= ledger.free
    ),
    ("Overdue", "at the instant"): age_beyond(0),
    ("Overdue", "a millisecond before"): age_beyond(-1),
}
NO_BOUND = {
    "Fair share": "how near a play comes is up to the solution; the mutants show that wrong ones pass it",
    "Cost": "measured, and far from the bound on both sides",
}
