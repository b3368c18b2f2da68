"""What the statement determines in a play: every call of a script of plain calls, unless a request to be revoked could be chosen."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History

from .turns import turns
from .world import said


def answers(script: Script, history: History) -> list[object] | None:
    """Each call with what came of it, but for `tracked`; None where time depends on how often the clock was read."""
    if script.mode != "calls" or script.worlds["clock"].kwargs.get("jumps"):
        return None
    if any(len(turn.must.victims) > 1 for turn in turns(history)):
        return None
    return [[call.do, list(call.args), _outcome(call)] for call in history.calls[1:] if call.do != "tracked"]


def _outcome(call: Call) -> str:
    decision = said(call)
    return call.error or (str(decision) if decision is not None else repr(call.value))
