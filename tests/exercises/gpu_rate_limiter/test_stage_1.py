"""Stage 1: a token bucket."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Play, promise, require

from .scripts import buckets
from .turns import turns
from .world import Client, said

CALLS = buckets()


@promise(stage=1, points=5, level="core", rule="Burst", scripts=CALLS, scale=1.2, tags=("boundaries",))
def test_burst(play: Play, script: Script) -> None:
    "A request is admitted if and only if its tenant's own bucket, which begins full and never holds more than the burst, holds its cost."
    for turn in turns(play(script)):
        turn.check_kind()
        if "gained" not in turn.tags or "capped" in turn.tags:
            turn.check_admitted()


@promise(stage=1, points=5, level="core", rule="Refill", scripts=CALLS, scale=1.2, tags=("boundaries",))
def test_refill(play: Play, script: Script) -> None:
    "A bucket gains exactly its rate, to the fraction of a credit, however often it is looked at."
    for turn in turns(play(script)):
        turn.check_kind()
        if "gained" in turn.tags:
            turn.check_admitted()


@promise(stage=1, points=3, level="core", rule="Denied is free", scripts=CALLS, scale=1.2, tags=("failure",))
def test_denied_is_free(play: Play, script: Script) -> None:
    "A request that is denied takes nothing and changes nothing."
    for turn in turns(play(script)):
        turn.check_kind()
        if "denied" in turn.tags:
            turn.check_admitted()


@promise(stage=1, points=5, level="core", rule="Retry after", scripts=buckets(probing=True), tags=("boundaries",))
def test_retry_after(play: Play, script: Script) -> None:
    "A denied request is admitted at the instant that it was told, and still denied one millisecond before."
    history = play(script)
    check_probes(history)
    for turn in turns(history):
        turn.check()


@promise(stage=1, points=2, level="core", rule="Impossible", scripts=CALLS, scale=1.2, tags=("boundaries",))
def test_impossible(play: Play, script: Script) -> None:
    "A cost above the burst raises Impossible and changes nothing; no other cost does."
    refused: set[str] = set()
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.must.kind == "impossible":
            refused.add(turn.call.args[0])
        elif turn.call.args[0] in refused:
            turn.check_admitted()


def check_probes(history: History) -> None:
    """Denied one millisecond before the instant that it was told, admitted at it."""
    client = history.worlds["client"]
    assert isinstance(client, Client)
    for probe in client.probes:
        told = said(probe.denied)
        assert told is not None
        early = (
            f"{_told(probe.early)} to be denied, 1 ms before the instant that retry_after={told.retry_after} promised"
        )
        require(_admitted(probe.early) is False, early, _got(probe.early), probe.early.ended)
        due = f"{_told(probe.due)} to be admitted, at the instant that retry_after={told.retry_after} promised"
        require(_admitted(probe.due) is True, due, _got(probe.due), probe.due.ended)


def _told(call: Call) -> str:
    return f"{call.do}({', '.join(map(repr, call.args))})"


def _admitted(call: Call) -> bool | None:
    decision = said(call)
    return None if decision is None else decision.admitted


def _got(call: Call) -> str:
    return str(said(call) or call.error or repr(call.value))
