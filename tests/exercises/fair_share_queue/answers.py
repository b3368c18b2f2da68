"""What the statement determines in a play: every call, as long as nothing is left to choose between tenants or between sets of runs."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History

from .facts import ledger_of
from .world import said


def answers(script: Script, history: History) -> list[object] | None:
    """Each call with what came of it."""
    if script.mode == "threads":
        return None
    if script.setup[0].do == "Scheduler":
        ledger = ledger_of(script)
        for call in history.calls[1:]:
            ledger.take(call)
        tenants: dict[int, set[str]] = {}
        for task in ledger.tasks.values():
            tenants.setdefault(task.priority, set()).add(task.tenant)
        if ledger.max_stops or any(len(some) > 1 for some in tenants.values()):
            return None
    return [[call.do, *map(str, call.args), _outcome(call)] for call in history.calls]


def _outcome(call: Call) -> object:
    plan = said(call)
    return call.error or (str(plan) if plan is not None else repr(call.value) if call.save is None else "")
