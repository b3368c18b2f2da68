"""Stage 4: failure in the open."""

from __future__ import annotations

import math

from burnin.script import Script
from burnin.suite import Play, promise, require

from .expected import whole
from .facts import Run, ended, run_of
from .scripts import again, broken_off, failing, misdirected, resumed
from .test_stage_2 import check_events
from .test_stage_3 import check_billed_once, check_closed_once, check_ends, check_freed_at_once

FAILING = failing()


@promise(stage=4, points=5, level="core", rule="Error event", scripts=FAILING, scale=1.5, tags=("failure",))
def test_error_event(play: Play, script: Script) -> None:
    "When the model fails, everything given out before is sent, then one error event, and not what was held back; handle ends normally."
    run = run_of(play(script))
    if run.over is not None and run.over.outcome == "raised" and run.gone is None:
        check_events(run)
        check_settled(run)


@promise(
    stage=4,
    points=6,
    level="core",
    rule="Timeouts",
    scripts=FAILING,
    scale=1.5,
    tags=(
        "failure",
        "boundaries",
    ),
)
def test_timeouts(play: Play, script: Script) -> None:
    "A call of next that takes longer than its timeout is cancelled at that very instant, and the client is told; time that the client takes does not count."
    run = run_of(play(script))
    for number, effect in enumerate(run.nexts):
        due = effect.began + run.timeout(number)
        require(
            effect.ended <= due,
            f"`next` to be cancelled at {due:g} s",
            f"it goes on until {effect.ended:g} s",
            effect.ended,
        )
        cancelled = effect.outcome == "cancelled"
        require(
            not cancelled or effect.ended in (due, run.stopped),
            f"`next` to have time until {due:g} s",
            f"it is cancelled at {effect.ended:g} s",
            effect.ended,
        )
    if run.over is not None and run.over.outcome == "cancelled" and run.gone is None:
        check_events(run)
        check_settled(run)


@promise(stage=4, points=5, level="core", rule="Heartbeats", scripts=FAILING, scale=1.5, tags=("boundaries",))
def test_heartbeats(play: Play, script: Script) -> None:
    "A heartbeat is sent exactly when nothing has been sent for so long, and at no other time; events go on around it."
    run = run_of(play(script))
    beat = run.kwargs.get("heartbeat", math.inf)
    since = run.call.began
    made = iter(run.made)
    upcoming = next(made, None)
    for send in run.sends:
        at = send.effect.began
        require(at <= since + beat, f"a heartbeat at {since + beat:g} s", f"nothing is sent until {at:g} s", at)
        if send.told is None:
            require(upcoming is not None or run.over is None, "no heartbeat after the last event", "a heartbeat", at)
            require(upcoming is None or upcoming.at >= at, "the event that waits to be sent", "a heartbeat", at)
            require(at == since + beat, f"no heartbeat before {since + beat:g} s", f"one at {at:g} s", at)
        elif upcoming is not None:
            due = max(since, upcoming.at)
            require(at == due, f"{upcoming.told} to be sent at {due:g} s", f"{send.told} is sent at {at:g} s", at)
            upcoming = next(made, None)
        since = send.effect.ended
    if upcoming is not None:
        require(
            run.stopped <= since + beat, "everything that was made to be sent", "nothing more is sent", run.call.ended
        )


@promise(stage=4, points=5, level="core", rule="Resume", scripts=resumed(), tags=("boundaries",))
def test_resume(play: Play, script: Script) -> None:
    "A client that resumes is sent the answer from where it was, and nothing that it has, however the answer is cut this time."
    run = run_of(play(script))
    check_events(run)
    check_settled(run)


@promise(stage=4, points=3, level="senior", rule="No gap", scripts=broken_off(), scale=1.5, tags=("failure",))
def test_no_gap(play: Play, script: Script) -> None:
    "Whatever breaks a call off, it is closed and billed, and a client that comes back with the last id that it got has in the end each character once."
    first = run_of(play(script))
    check_closed_once(first)
    check_billed_once(first)
    arrived = [send.told for send in first.sends if send.arrived and send.told is not None]
    texts = [told for told in arrived if told.kind == "text"]
    chunks = [chunk for chunk, _, _ in script.worlds["upstream"].kwargs["chunks"]]
    answer = whole(chunks, first.kwargs.get("stop", ()))
    if not any(told.kind == "done" for told in arrived):
        second = run_of(play(again(script, str(texts[-1].id) if texts else None, script.seed or 0)))
        texts += [send.told for send in second.sends if send.arrived and send.told is not None]
    text = "".join(told.text for told in texts)
    require(text == answer, f"the client to have {answer!r} in the end", repr(text), None)


@promise(stage=4, points=2, level="senior", rule="Bad id", scripts=misdirected(), scale=0.5, tags=("failure",))
def test_bad_id(play: Play, script: Script) -> None:
    "An id that no event can have raises BadEventId; nothing is read or sent, and the upstream is closed and 0 tokens are billed."
    run = run_of(play(script))
    require(run.call.raised("BadEventId"), "BadEventId", ended(run.call), run.call.ended)
    require(
        not run.nexts and not run.sends,
        "nothing to be read or sent",
        f"{len(run.nexts)} `next`, {len(run.sends)} `send`",
        run.call.ended,
    )
    check_closed_once(run)
    check_billed_once(run)


def check_settled(run: Run) -> None:
    """A call that was not disturbed closes, bills and ends normally, all at once."""
    require(run.call.outcome == "returned", "handle to end normally", ended(run.call), run.call.ended)
    check_closed_once(run)
    check_freed_at_once(run)
    check_billed_once(run)
    check_ends(run, run.sends[-1].effect.ended)
