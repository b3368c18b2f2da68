"""What the statement determines in a play: what is sent when, as long as nobody breaks it off and no clock is at work."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import History

from .facts import Reader, run_of

LEFT_FREE = {"first_timeout", "idle_timeout", "heartbeat"}


def answers(script: Script, history: History) -> list[object] | None:
    """Each event with its time, and what was billed."""
    call = history.calls[0]
    if call.do == "events":
        reader = Reader()
        return [f"{reader.piece(item.value, item.t)} at {item.t:g} s" for item in call.items]
    (step,) = script.actors[""]
    if step.cancel is not None or script.worlds["client"].kwargs["gone"] is not None or LEFT_FREE & call.kwargs.keys():
        return None
    run = run_of(history)
    sent = [f"{send.told} from {send.effect.began:g} s to {send.effect.ended:g} s" for send in run.sends]
    return [*sent, f"{[effect.args for effect in run.charges]}, {call.error or call.outcome} at {call.ended:g} s"]
