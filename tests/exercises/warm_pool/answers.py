"""What the statement determines in a play: every call of a script of plain calls. With threads and tasks much is left free."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, Handle, History, Opaque

from .facts import host_of


def answers(script: Script, history: History) -> list[object] | None:
    """Each call with what came of it, then each load and unload in order."""
    if script.mode != "calls":
        return None
    host = host_of(history)
    done = [(load.began_seq, f"load {load.model}: {load.outcome}") for load in host.loads]
    done += [(unload.seq, f"unload {unload.model}") for unload in host.unloads]
    return [
        *([call.do, list(call.args), _outcome(call)] for call in history.calls),
        *(text for _, text in sorted(done)),
    ]


def _outcome(call: Call) -> str:
    value = call.value.fields.get("handle") if isinstance(call.value, Opaque) else call.value
    return call.error or (f"handle of {value.about}" if isinstance(value, Handle) else "done")
