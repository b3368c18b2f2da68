"""What the statement determines in a play: every call of a script of plain calls. With tasks much is left free."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Opaque

from .expected import disk_of
from .world import PART


def answers(script: Script, history: History) -> list[object] | None:
    """Each call with what came of it, then each blob that came and went, in order."""
    if script.mode != "calls" or "policy" in script.worlds:  # in which order named blobs go is free
        return None
    disk = disk_of(history)
    done = [
        f"{'delete' if change.kind == 'delete' else 'store'} {disk.letter(change.name)}"
        for change in disk.changes
        if not change.name.endswith(PART)
    ]
    return [*([call.do, _outcome(call)] for call in history.calls), *done]


def _outcome(call: Call) -> object:
    return call.error or ("done" if isinstance(call.value, Opaque) else call.value)
