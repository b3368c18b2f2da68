"""What the statement determines in a play: every call, up to the first one that may choose which request to revoke."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import History

from .turns import turns


def answers(script: Script, history: History) -> list[object] | None:
    """Each call with what came of it. With a clock that jumps it matters which calls have read it, which is partly free."""
    if script.mode == "threads" or script.worlds["clock"].kwargs.get("jumps"):
        return None
    found: list[object] = []
    for turn in turns(history):
        if len(turn.must.victims) > 1:
            break
        call = turn.call
        value = turn.decision if turn.decision is not None else call.value
        found.append(f"{call.do}{call.args} -> {call.error or value}")
    return found
