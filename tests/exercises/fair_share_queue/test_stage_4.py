"""Stage 4: nobody starves, nothing is lost."""

from __future__ import annotations

from collections import Counter

from burnin.script import Script
from burnin.suite import Call, History, Play, promise, require

from .facts import holds, ledger_of
from .ledger import Ledger
from .meter import check_growth
from .scripts import hard, metered_regulars, metered_scheduler, overdue, patient, threaded
from .world import MOST_CALLS

HARD = hard()
PATIENT = patient() | overdue()


@promise(stage=4, points=3, level="core", rule="Caps", scripts=HARD, tags=("boundaries",))
def test_caps(play: Play, script: Script) -> None:
    "A tenant's runs never hold more GPUs than its cap; tasks that would exceed it hold nobody up, and get no room."
    holds(play(script), "caps")


@promise(stage=4, points=3, level="core", rule="Overdue", scripts=PATIENT, scale=0.6, tags=("order",))
def test_overdue(play: Play, script: Script) -> None:
    "Overdue tasks come first, the oldest before all, whatever their tenants and priorities, and in spite of claims."
    holds(play(script), "overdue")


@promise(stage=4, points=3, level="senior", rule="No starvation", scripts=PATIENT, scale=0.6, tags=("policy",))
def test_no_starvation(play: Play, script: Script) -> None:
    "While an overdue task waits for GPUs nothing that comes after it is started, so its wait has a bound; one that waits for its tenant's cap holds up that tenant alone."
    holds(play(script), "starvation", "work", "late")


@promise(stage=4, points=4, level="core", rule="Crash", scripts=HARD, tags=("failure",))
def test_crash(play: Play, script: Script) -> None:
    "A run that crashed returns its task once, in its old place; reports about runs that are over change nothing, and every task is done exactly once."
    history = play(script)
    holds(history, "crash", "reports", "capacity")
    done = Counter(call.args[0].kwargs["task"] for call in history.calls_of("finish") if call.value is True)
    cancelled = {call.args[0] for call in history.calls_of("cancel") if call.value is True}
    if len(history.calls) <= MOST_CALLS:
        for call in history.calls_of("submit"):
            task = call.args[0]
            if call.outcome == "returned" and task not in cancelled:
                require(done[task] == 1, f"{task} to be done once", f"{done[task]} times", history.end)


@promise(stage=4, points=4, level="senior", rule="Threads", scripts=threaded(), tags=("concurrency",))
def test_threads(play: Play, script: Script) -> None:
    "What threads get is what they would get if their calls came one after the other, in some order."
    history = play(script)
    setup = len(script.setup)
    ledger = ledger_of(script)
    calls = history.calls[1:]
    for call in calls[: setup - 1]:
        for breach in ledger.take(call):
            require(False, breach.expected, breach.got, breach.at)
    check_some_order(ledger, calls[setup - 1 :])


@promise(stage=4, points=3, level="senior", rule="Cost", tags=("cost",))
def test_cost(play: Play) -> None:
    "Four times as many tenants and tasks that wait cost at most twice the steps for as many calls."
    check_growth(play, metered_scheduler, 24, "tenants", _works)
    check_growth(play, metered_regulars, 6, "tenants that have run before", _works)


def _works(history: History) -> None:
    ledger = ledger_of(history.script)
    for call in history.calls_of("submit", "schedule", "finish"):
        for breach in ledger.take(call):
            require(False, breach.expected, breach.got, breach.at)


def check_some_order(ledger: Ledger, calls: list[Call]) -> None:
    """There is an order of the calls, with those that ended before another began coming first, that breaks no rule."""
    dead: set[tuple[frozenset[int], object]] = set()

    def explains(left: dict[int, Call], so_far: Ledger) -> bool:
        if not left:
            return True
        state = (frozenset(left), so_far.state())
        if state in dead:
            return False
        first = min(call.ended_seq for call in left.values())
        for number, call in left.items():
            if call.began_seq < first:
                then = so_far.copy()
                if not then.take(call) and explains(
                    {other: one for other, one in left.items() if other != number}, then
                ):
                    return True
        dead.add(state)
        return False

    expected = "the calls to get what they would get one after the other, in some order"
    require(explains(dict(enumerate(calls)), ledger), expected, "no order explains what they got")
