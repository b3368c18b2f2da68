"""Stage 3: async, and one load for all."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Play, promise, require

from .facts import Mark, State, check_alive, host_of, walk
from .scripts import cancelled, closing, concurrent
from .test_stage_2 import check_host_rules, check_leases_hold, check_release_once

CALLERS = concurrent(releasing_twice=True)
CANCELLED = cancelled()


@promise(stage=3, points=5, level="core", rule="Single flight", scripts=CALLERS, scale=0.8, tags=("concurrency",))
def test_single_flight(play: Play, script: Script) -> None:
    "At most one load of a model is in flight, none while it is warm, and everybody who asks for it meanwhile shares that load and gets a lease of its own."
    history = play(script)
    check_host_rules(history, "once")
    check_leases_hold(history)
    check_release_once(history)


@promise(stage=3, points=3, level="core", rule="Warm at once", scripts=CALLERS, scale=0.8, tags=("concurrency",))
def test_warm_at_once(play: Play, script: Script) -> None:
    "A model that is loaded is leased at once, whoever else is waiting."
    for mark, state in walk(play(script)):
        if mark.kind == "settled" and not state.closing:
            for model in state.loaded:
                for call in state.callers(model):
                    expected = f"acquire({model!r}) of {call.actor} to return at {mark.at:g} s, as {model} is warm"
                    require(False, expected, ending_of(call), mark.at)


@promise(
    stage=3,
    points=5,
    level="core",
    rule="Wait for room",
    scripts=CALLERS,
    scale=0.8,
    tags=(
        "concurrency",
        "boundaries",
    ),
)
def test_wait_for_room(play: Play, script: Script) -> None:
    "A load begins as soon as its size is free or can be freed, never beyond the budget, and nothing is unloaded for it before then or beyond need."
    history = play(script)
    check_host_rules(history, "budget")
    for mark, state in walk(history):
        if mark.kind == "settled":
            check_head_waits_for_room(mark, state)
        elif mark.kind == "unload" and not state.closing:
            check_unload_makes_room(mark, state)


@promise(stage=3, points=3, level="senior", rule="In order", scripts=CALLERS, scale=0.8, tags=("order",))
def test_in_order(play: Play, script: Script) -> None:
    "Loads begin in the order in which their models were first asked for; one that waits for room is not overtaken."
    for mark, state in walk(play(script)):
        check_nobody_overtaken(mark, state)


@promise(stage=3, points=2, level="core", rule="Least recently used", scripts=CALLERS, scale=0.8, tags=("order",))
def test_async_least_recently_used(play: Play, script: Script) -> None:
    "Room is made by unloading the model without a lease that was used longest ago."
    for mark, state in walk(play(script)):
        if mark.kind == "unload" and not state.closing:
            used = state.last_used[mark.model]
            for model in state.idle():
                older = state.last_used[model] < used
                require(
                    not older,
                    f"{model}, last used at {state.last_used[model]:g} s, to be unloaded first",
                    f"unload of {mark.model}",
                    mark.at,
                )


@promise(
    stage=3,
    points=3,
    level="core",
    rule="Failure is shared once",
    scripts=concurrent(failing=True),
    scale=0.6,
    tags=("failure",),
)
def test_failure_is_shared_once(play: Play, script: Script) -> None:
    "When a load fails, everybody who waits for it gets LoadFailed, nobody else does, and its bytes are free again at once."
    history = play(script)
    failures = {(load.model, load.ended) for load in host_of(history).loads if load.outcome == "failed"}
    for call in history.calls_of("acquire"):
        if call.raised("LoadFailed"):
            require(
                (call.args[0], call.ended) in failures,
                f"no LoadFailed for {call.actor}, whose load did not fail",
                "LoadFailed",
                call.ended,
            )
    for mark, state in walk(history):
        if mark.kind == "failed":
            for call in state.callers(mark.model):
                told = call.raised("LoadFailed") and call.ended == mark.at
                excused = call.began == mark.at or call.cancelled_at == mark.at
                require(told or excused, f"LoadFailed for {call.actor} at {mark.at:g} s", ending_of(call), mark.at)
        elif mark.kind == "settled":
            check_head_waits_for_room(mark, state)


@promise(stage=3, points=3, level="core", rule="Others go on", scripts=CANCELLED, scale=0.8, tags=("cancellation",))
def test_others_go_on(play: Play, script: Script) -> None:
    "When a caller is cancelled, a load that somebody else waits for goes on undisturbed, and keeps its place if it has not begun."
    for mark, state in walk(play(script)):
        check_nobody_overtaken(mark, state)
        if mark.kind == "abandoned" and not state.closing:
            for call in state.callers(mark.model):
                excused = call.began == mark.at or call.cancelled_at == mark.at
                require(
                    excused,
                    f"the load of {mark.model} to go on, as {call.actor} waits for it",
                    "it was cancelled",
                    mark.at,
                )
        elif mark.kind == "settled":
            check_head_waits_for_room(mark, state)


@promise(stage=3, points=2, level="senior", rule="Abandoned", scripts=CANCELLED, scale=0.8, tags=("cancellation",))
def test_abandoned(play: Play, script: Script) -> None:
    "When nobody waits for a load any more, it is cancelled at once, or never begins, and its bytes are free again."
    history = play(script)
    check_host_rules(history)
    for mark, state in walk(history):
        if mark.kind == "settled" and not state.closing:
            for model in state.loading:
                require(
                    bool(state.callers(model)),
                    f"the load of {model} to be cancelled at {mark.at:g} s, when nobody waits for it any more",
                    "it goes on",
                    mark.at,
                )
            check_head_waits_for_room(mark, state)


@promise(
    stage=3,
    points=2,
    level="senior",
    rule="Nothing leaks",
    scripts=concurrent(cancelling=True, failing=True),
    scale=0.9,
    tags=("cancellation",),
)
def test_nothing_leaks(play: Play, script: Script) -> None:
    "A cancelled acquire ends cancelled, at once, and leaves no lease behind wherever the cancellation lands."
    history = play(script)
    for call in history.calls_of("acquire"):
        if call.cancelled_at is not None:
            require(
                call.ended == call.cancelled_at,
                f"acquire of {call.actor} to end at {call.cancelled_at:g} s, when it is cancelled",
                f"it ended at {call.ended:g} s",
                call.cancelled_at,
            )
            check_ending_of_cancelled(history, call.id)
        require(
            call.outcome != "cancelled" or call.cancelled_at is not None,
            f"acquire of {call.actor} to go on",
            "a cancellation that nobody asked for",
            call.ended,
        )
    # The script ends with an acquire of a model as large as the budget: it fits only if no lease and no byte was leaked,
    # and otherwise waits for ever, which the play reports.
    last = history.calls_of("acquire")[-1]
    require(
        last.actor != "" or last.outcome == "returned" or last.raised("LoadFailed"),
        "room for a model as large as the budget",
        last.error or "it waits for ever",
        last.ended,
    )
    check_alive(history)


@promise(stage=3, points=2, level="senior", rule="Closing", scripts=closing(), scale=0.6, tags=("cancellation",))
def test_closing(play: Play, script: Script) -> None:
    "Leaving the block cancels the loads in flight and unloads everything at once; whoever waits, or asks later, gets PoolClosed."
    history = play(script)
    host = host_of(history)
    leave = next(call for call in history.calls if call.do == "__aexit__")
    require(
        leave.outcome == "returned" and leave.ended == leave.began,
        f"the block to be left at {leave.began:g} s",
        f"{leave.outcome} at {leave.ended:g} s",
        leave.began,
    )
    for load in host.loads:
        if load.ended > leave.began:
            require(False, f"the load of {load.model} to be cancelled at {leave.began:g} s", "it goes on", load.ended)
    left = ", ".join(sorted(host.loaded.values()))
    require(not left, "everything to be unloaded", f"{left} is still loaded", leave.ended)
    for call in history.calls_of("acquire"):
        if call.began > leave.began or call.ended > leave.began:
            at = max(call.began, leave.began)
            told = call.raised("PoolClosed") and call.ended == at
            require(told, f"PoolClosed for {call.actor} at {at:g} s", ending_of(call), call.ended)
    for call in history.calls_of("release"):
        require(call.outcome == "returned", "the lease of a closed pool to be released", str(call.error), call.ended)
    check_alive(history)


def check_head_waits_for_room(mark: Mark, state: State) -> None:
    """Whoever is first in line could not begin. Models first asked for at one instant may stand in any order."""
    if state.closing or not state.waiting:
        return
    first = min(place.latest for place in state.waiting.values())
    heads = [model for model, place in state.waiting.items() if place.earliest <= first]
    room = state.free + sum(state.host.sizes[model] for model in state.idle())
    stuck = [model for model in heads if state.host.sizes[model] > room]
    require(
        bool(stuck),
        f"the load of {heads[0]} to begin by {mark.at:g} s, when there is room for its {state.host.sizes[heads[0]]} bytes",
        f"it waits, with {state.free} bytes free and {room - state.free} that can be freed",
        mark.at,
    )


def check_nobody_overtaken(mark: Mark, state: State) -> None:
    """A load that begins is one that somebody waits for, and no other was certainly asked for before it."""
    if mark.kind != "load" or state.closing:
        return
    mine = state.waiting.get(mark.model)
    asked = mine is not None or state.cancelled_at == mark.at
    require(asked, f"no load of {mark.model}, for which nobody waits", "a load of it", mark.at)
    for model, place in state.waiting.items():
        overtaken = mine is not None and place.latest < mine.earliest
        expected = f"the load of {model}, asked for at {place.latest:g} s, to begin first"
        require(not overtaken, expected, f"a load of {mark.model}", mark.at)


def check_unload_makes_room(mark: Mark, state: State) -> None:
    """What is unloaded makes room for loads that begin at that instant, and is needed for them."""
    beginning = [load.model for load in state.host.loads if load.began == mark.at and load.began_seq > mark.seq]
    if not beginning and _cancelled_at(state, mark):
        return  # the load was abandoned at the instant at which it was to begin
    needed = sum(state.host.sizes[model] for model in beginning)
    for_what = f"for the load of {', '.join(beginning)}" if beginning else "as no load begins"
    require(
        needed > state.free,
        f"{mark.model} to stay {for_what}",
        f"unload of {mark.model} with {state.free} bytes free",
        mark.at,
    )


def _cancelled_at(state: State, mark: Mark) -> bool:
    calls = [call for calls in state.open.values() for call in calls]
    return state.cancelled_at == mark.at or any(call.cancelled_at == mark.at for call in calls)


def check_ending_of_cancelled(history: History, number: int) -> None:
    """A cancelled call ends cancelled, or as it would have ended at that very instant anyway."""
    call = next(call for call in history.calls if call.id == number)
    host = host_of(history)
    model, at = call.args[0], call.ended
    ready = any(load.model == model and load.ended == at for load in host.loads)
    ready = ready or any(load.model == model and load.handle is not None and load.ended <= at for load in host.loads)
    right = call.outcome == "cancelled" or (ready and (call.outcome == "returned" or call.raised("LoadFailed")))
    require(right, f"acquire of {call.actor} to end cancelled", f"{call.error or call.outcome}", at)


def ending_of(call: Call) -> str:
    """How and when a call ended, for people."""
    return "it never ended" if call.outcome == "open" else f"{call.error or call.outcome} at {call.ended:g} s"
