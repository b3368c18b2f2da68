"""What the statement determines in a play: what is given out and charged, and when, unless somebody stops it."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import History

from .facts import Reader, run_of


def answers(script: Script, history: History) -> list[object] | None:
    """Each event with its time, and each charge; None where a tie may go either way: with cancellations, clients that go away, heartbeats."""
    if history.calls_of("events"):
        reader = Reader()
        return [[str(reader.piece(item.value, item.t)), item.t] for item in history.calls_of("events")[0].items]
    steps = [step for actor in script.actors.values() for step in actor]
    if (
        any(step.cancel is not None or "heartbeat" in step.kwargs for step in steps)
        or script.worlds["client"].kwargs["gone"] is not None
    ):
        return None
    run = run_of(history)
    sent = [[str(send.told), send.effect.began] for send in run.sent]
    return [*sent, [run.call.error, [[charge.args, charge.kwargs, charge.began] for charge in run.charges]]]
