"""Stage 1: an LRU of loaded models."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Play, promise, require

from .expected import turns
from .facts import check_alive, host_of
from .scripts import sequential

GETS = sequential(leases=False)


@promise(stage=1, points=4, level="core", rule="Warm", scripts=GETS, scale=0.8, tags=("order",))
def test_warm(play: Play, script: Script) -> None:
    "Getting a model that is loaded returns the handle of its load and asks nothing of the host."
    for turn in turns(play(script)):
        if turn.kind == "warm":
            expected = f"get({turn.model!r}) to return {turn.handle!r} with no load and no unload"
            require(not turn.unloaded and not turn.loads, expected, turn.host_calls, turn.call.ended)
            require(turn.call.value is turn.handle, expected, f"{turn.call.value!r}", turn.call.ended)


@promise(
    stage=1,
    points=4,
    level="core",
    rule="Budget",
    scripts=GETS,
    scale=0.8,
    tags=(
        "memory",
        "boundaries",
    ),
)
def test_budget(play: Play, script: Script) -> None:
    "The bytes in use never exceed the budget, not even for a moment: room is made before a load begins."
    history = play(script)
    host = host_of(history)
    for breach in host.breaches:
        require(breach.rule != "budget", f"at most {host.budget} bytes in use", breach.text, breach.at)
    check_alive(history)


@promise(stage=1, points=6, level="core", rule="Least recently used", scripts=GETS, scale=0.8, tags=("order",))
def test_least_recently_used(play: Play, script: Script) -> None:
    "Room is made by unloading the least recently used models, no more of them than needed, and nothing is unloaded for any other reason."
    for turn in turns(play(script)):
        expected = turn.expected_victims
        require(turn.unloaded == turn.victims, expected, turn.host_calls, turn.call.ended)


@promise(stage=1, points=3, level="core", rule="Too large", scripts=GETS, scale=0.8, tags=("boundaries",))
def test_too_large(play: Play, script: Script) -> None:
    "A model that is larger than the budget raises ModelTooLarge, and nothing is loaded or unloaded."
    for turn in turns(play(script)):
        refused = turn.call.raised("ModelTooLarge")
        if turn.kind == "too large":
            expected = f"get({turn.model!r}) to raise ModelTooLarge with no load and no unload"
            require(refused and not turn.unloaded and not turn.loads, expected, turn.host_calls, turn.call.ended)
        else:
            require(not refused, f"get({turn.model!r}) to fit the budget", "ModelTooLarge", turn.call.ended)


@promise(stage=1, points=3, level="senior", rule="Failed load", scripts=GETS, scale=0.8, tags=("failure",))
def test_failed_load(play: Play, script: Script) -> None:
    "A load that fails raises LoadFailed from that get alone; then the pool goes on as if it had not been tried, and the next get tries again."
    for turn in turns(play(script)):
        if turn.kind == "cold":
            require(
                [load.model for load in turn.loads] == [turn.model],
                f"get({turn.model!r}) to load it once",
                turn.host_calls,
                turn.call.ended,
            )
            failed = turn.loads[0].outcome == "failed"
            require(
                turn.call.raised("LoadFailed") == failed,
                _outcome(turn.model, failed),
                _got(turn.call.error),
                turn.call.ended,
            )
        if turn.after_failure:
            expected = turn.expected_victims
            require(turn.unloaded == turn.victims, expected, turn.host_calls, turn.call.ended)


def _outcome(model: str, failed: bool) -> str:
    return f"get({model!r}) to raise LoadFailed" if failed else f"get({model!r}) to return a handle"


def _got(error: str | None) -> str:
    return error or "a handle"
