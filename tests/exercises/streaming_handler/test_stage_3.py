"""Stage 3: the client goes away."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Play, promise, require

from .facts import Run, ended, run_of
from .scripts import stopped

STOPPED = stopped()


@promise(stage=3, points=6, level="core", rule="Closed once", scripts=STOPPED, scale=1.5, tags=("cancellation",))
def test_closed_once(play: Play, script: Script) -> None:
    "Every call of handle, however it ends, closes the upstream exactly once, when no next is in progress, and lets that run to its end."
    check_closed_once(run_of(play(script)))


@promise(stage=3, points=5, level="senior", rule="Freed at once", scripts=STOPPED, scale=1.5, tags=("cancellation",))
def test_freed_at_once(play: Play, script: Script) -> None:
    "The upstream is closed at once when nothing more is wanted of it: the answer is over, the client is gone, or handle is cancelled."
    check_freed_at_once(run_of(play(script)))


@promise(stage=3, points=6, level="core", rule="Billed once", scripts=STOPPED, scale=1.5, tags=("cancellation",))
def test_billed_once(play: Play, script: Script) -> None:
    "Every call of handle charges exactly once, when close has returned, the tokens of all chunks that next returned, sent or not."
    check_billed_once(run_of(play(script)))


@promise(stage=3, points=4, level="core", rule="Client gone", scripts=STOPPED, scale=1.5, tags=("failure",))
def test_client_gone(play: Play, script: Script) -> None:
    "When the client is gone, nothing more is sent, and handle raises that ClientGone itself as soon as usage is charged."
    run = run_of(play(script))
    if run.gone is None:
        require(not run.call.raised("ClientGone"), "no ClientGone", ended(run.call), run.call.ended)
        return
    for send in run.sends:
        require(
            send.effect.began_seq <= run.gone.began_seq,
            "no `send` to a client that is gone",
            "`send` is called",
            send.effect.began,
        )
    cancelled = run.call.cancelled_at is not None and run.call.outcome == "cancelled"
    require(cancelled or run.call.raised("ClientGone"), "ClientGone from handle", ended(run.call), run.call.ended)
    check_ends(run, run.gone.ended)


@promise(stage=3, points=5, level="core", rule="Not swallowed", scripts=STOPPED, scale=1.5, tags=("cancellation",))
def test_not_swallowed(play: Play, script: Script) -> None:
    "When handle is cancelled, nothing more is sent, and it ends cancelled as soon as usage is charged."
    run = run_of(play(script))
    at = run.call.cancelled_at
    if at is None:
        require(
            run.call.outcome != "cancelled", "handle to go on", "a cancellation that nobody asked for", run.call.ended
        )
        return
    for send in run.sends:
        require(
            send.effect.ended <= at,
            f"no `send` after {at:g} s, when handle is cancelled",
            f"one until {send.effect.ended:g} s",
            send.effect.ended,
        )
    last = run.sent[-1] if run.sent else None
    finished = last is not None and last.arrived and last.told is not None and last.told.kind == "done"
    right = (
        run.call.outcome == "cancelled"
        or (run.call.outcome == "returned" and finished)
        or (run.gone is not None and run.call.raised("ClientGone"))
    )
    require(right, f"handle, cancelled at {at:g} s, to end cancelled", ended(run.call), run.call.ended)
    check_ends(run, at)


@promise(
    stage=3, points=4, level="senior", rule="Nothing left behind", scripts=STOPPED, scale=1.5, tags=("cancellation",)
)
def test_nothing_left_behind(play: Play, script: Script) -> None:
    "When handle ends, none of its tasks is alive and no call of it is in progress; undisturbed it ends as soon as all is sent and charged."
    history = play(script)
    run = run_of(history)
    for effect in history.effects:
        require(
            effect.ended_seq < run.call.ended_seq,
            f"no {effect.world}.{effect.method} after handle has ended",
            f"one until {effect.ended:g} s",
            effect.ended,
        )
    for name, line in history.left:
        require(False, "no task after handle has ended", f"{name} at {line}" if line else name, history.end)
    if run.call.outcome == "returned":
        check_ends(run, run.sends[-1].effect.ended if run.sends else run.call.began)


def check_closed_once(run: Run) -> None:
    """`close` was called once, and `next` neither goes on meanwhile nor begins later."""
    require(len(run.closes) == 1, "`close` exactly once", f"{len(run.closes)} times", run.call.ended)
    (close,) = run.closes
    require(close.outcome == "returned", "`close` to run to its end", f"it was {close.outcome}", close.ended)
    for effect in run.nexts:
        require(
            effect.ended_seq < close.began_seq,
            "no `next` in progress when `close` is called, and none after",
            f"`next` until {effect.ended:g} s",
            effect.ended,
        )


def check_freed_at_once(run: Run) -> None:
    """Nothing is computed for nobody."""
    for effect in run.nexts:
        require(
            effect.ended <= run.unwanted,
            f"`next` to be cancelled at {run.unwanted:g} s",
            f"it goes on until {effect.ended:g} s",
            effect.ended,
        )
    began = run.closes[0].began if run.closes else run.call.ended
    require(
        bool(run.closes) and began == run.unwanted,
        f"`close` at {run.unwanted:g} s, when nothing more is wanted of the model",
        f"at {began:g} s" if run.closes else "it is not called",
        began,
    )


def check_billed_once(run: Run) -> None:
    """`charge` was called once, for what was read, when `close` had returned."""
    require(len(run.charges) == 1, "`charge` exactly once", f"{len(run.charges)} times", run.call.ended)
    (charge,) = run.charges
    require(charge.outcome == "returned", "`charge` to run to its end", f"it was {charge.outcome}", charge.ended)
    tokens = [*charge.args, *charge.kwargs.values()]
    require(
        tokens == [run.tokens] and type(tokens[0]) is int, f"{run.tokens} tokens charged", f"{tokens}", charge.began
    )
    closed = run.closes[0] if run.closes else charge
    require(
        charge.began_seq > closed.ended_seq and charge.began == closed.ended,
        f"`charge` at {closed.ended:g} s, when `close` has returned",
        f"at {charge.began:g} s",
        charge.began,
    )


def check_ends(run: Run, wanted: float) -> None:
    """`handle` ends at that time or when `charge` returns, whichever is later."""
    due = max([wanted, *(charge.ended for charge in run.charges)])
    require(run.call.ended == due, f"handle to end at {due:g} s", ended(run.call), due)
