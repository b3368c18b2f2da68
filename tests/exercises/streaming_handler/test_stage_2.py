"""Stage 2: the slow client."""

from __future__ import annotations

from itertools import pairwise

from burnin.script import Script
from burnin.suite import Play, promise, require

from .facts import Run, run_of
from .scripts import handled

HANDLED = handled()


@promise(stage=2, points=4, level="core", rule="Same events", scripts=HANDLED, tags=("order",))
def test_same_events(play: Play, script: Script) -> None:
    "The client is sent exactly the events that `events` would give, in order, each in a send of its own."
    check_events(run_of(play(script)))


@promise(stage=2, points=3, level="core", rule="One at a time", scripts=HANDLED, tags=("concurrency",))
def test_one_at_a_time(play: Play, script: Script) -> None:
    "`send` is never called while another `send` is in progress."
    effects = [send.effect for send in run_of(play(script)).sends]
    for earlier, later in pairwise(effects):
        require(
            later.began_seq > earlier.ended_seq,
            f"no `send` before {earlier.ended:g} s, when the one in progress returns",
            "`send` is called",
            later.began,
        )


@promise(
    stage=2,
    points=5,
    level="core",
    rule="Bounded",
    scripts=HANDLED,
    tags=(
        "memory",
        "boundaries",
    ),
)
def test_bounded(play: Play, script: Script) -> None:
    "`next` is only called while fewer than `ahead` events are in flight: a slow client holds the model."
    run = run_of(play(script))
    for effect in run.nexts:
        made = sum(made.seq < effect.began_seq for made in run.made)
        sent = sum(send.effect.ended_seq < effect.began_seq for send in run.sent)
        require(
            made - sent < run.ahead,
            f"no `next` while {run.ahead} events are in flight",
            f"`next` is called with {made - sent}",
            effect.began,
        )


@promise(stage=2, points=4, level="core", rule="Reads ahead", scripts=HANDLED, tags=("concurrency",))
def test_reads_ahead(play: Play, script: Script) -> None:
    "While the answer goes on and fewer than `ahead` events are in flight, `next` is called at once, whatever the client does."
    run = run_of(play(script))
    require(bool(run.nexts), "`next` to be called", "it never is", run.call.ended)
    due = run.call.began
    for effect in run.nexts:
        made = sum(made.seq < effect.began_seq for made in run.made)
        freed = made - run.ahead  # the number of the send that made room
        if 0 <= freed < len(run.sent):
            due = max(due, run.sent[freed].effect.ended)
        require(effect.began == due, f"`next` to be called at {due:g} s", f"at {effect.began:g} s", effect.began)
        due = effect.ended
    require(run.over is not None, "the whole answer to be read", "`next` is not called again", run.call.ended)


@promise(stage=2, points=4, level="core", rule="Sent at once", scripts=HANDLED, tags=("order",))
def test_sent_at_once(play: Play, script: Script) -> None:
    "An event is sent at once when it is made, or when the send before it returns."
    run = run_of(play(script))
    before = run.call.began
    for made, send in zip(run.made, run.sent, strict=False):
        due = max(made.at, before)
        require(
            send.effect.began == due,
            f"{made.told} to be sent at {due:g} s",
            f"at {send.effect.began:g} s",
            send.effect.began,
        )
        before = send.effect.ended


def check_events(run: Run) -> None:
    """The client was sent what was made, all of it, and took it."""
    for made, send in zip(run.made, run.sent, strict=False):
        require(send.told == made.told, str(made.told), str(send.told), send.effect.began)
    sent, made_all = len(run.sent), len(run.made)
    require(
        sent >= made_all, str(run.made[sent].told) if sent < made_all else "", "nothing more is sent", run.call.ended
    )
    require(sent <= made_all, "nothing more", str(run.sent[-1].told), run.call.ended)
    for send in run.sent:
        require(send.arrived, "each `send` to run to its end", f"it was {send.effect.outcome}", send.effect.ended)
