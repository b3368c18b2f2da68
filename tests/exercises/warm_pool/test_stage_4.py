"""Stage 4: keep warm."""

from __future__ import annotations

from itertools import combinations

from burnin.script import Script
from burnin.suite import Opaque, Play, promise, require

from ..shared.eviction import Spent, check_beside_lru, check_beside_optimum
from .facts import State, check_alive, host_of, walk
from .scripts import concurrent, entering, in_turn
from .test_stage_3 import check_head_waits_for_room, check_unload_makes_room
from .traces import plain_traces, scripts
from .world import Asked, RankedPolicy, Trace


@promise(
    stage=4,
    points=3,
    level="core",
    rule="Pinned",
    scripts=concurrent(pinned=True) | in_turn(pinned=True),
    scale=0.6,
    tags=("policy",),
)
def test_pinned(play: Play, script: Script) -> None:
    "Entering loads the pinned models, and they are never unloaded before the pool closes."
    history = play(script)
    entered = next((call for call in history.calls if call.do == "enter"), None)
    for mark, state in walk(history):
        if mark.kind == "unload" and not state.closing:
            require(
                mark.model not in state.pinned,
                f"{mark.model} to stay, as it is pinned",
                f"unload of {mark.model}",
                mark.at,
            )
        if mark.kind == "begin" and entered is not None and entered.outcome == "returned":
            missing = sorted(state.pinned - set(state.loaded))
            require(not missing, f"{', '.join(missing)} to be loaded when the block is entered", "not loaded", mark.at)


@promise(stage=4, points=2, level="senior", rule="Pinned", scripts=entering(), tags=("failure",))
def test_entering(play: Play, script: Script) -> None:
    "Pinned models that do not fit raise ModelTooLarge, a pinned load that fails makes entering raise LoadFailed itself, and nothing stays loaded."
    history = play(script)
    host = host_of(history)
    pinned = script.setup[0].kwargs["pinned"]
    made = history.calls[0]
    fits = sum(host.sizes[model] for model in pinned) <= host.budget
    require(
        fits != made.raised("ModelTooLarge"),
        f"AsyncWarmPool to {'accept' if fits else 'refuse'} these pins",
        str(made.error),
        made.ended,
    )
    if not fits:
        return
    enter = next(call for call in history.calls if call.do == "enter")
    failed = any(load.outcome == "failed" for load in host.loads if load.ended <= enter.ended)
    right = enter.error == ("LoadFailed" if failed else None)
    require(
        right,
        "entering to raise LoadFailed" if failed else "entering to return",
        enter.error or "it returned",
        enter.ended,
    )
    if not failed:
        given = enter.value.type if isinstance(enter.value, Opaque) else enter.value
        require(given == "AsyncWarmPool", "entering to return the pool", f"{given}", enter.ended)
    if failed:
        left = ", ".join(sorted(host.loaded.values()))
        require(not left, "nothing to stay loaded", f"{left} is loaded", enter.ended)
    for call in history.calls_of("acquire"):
        model = call.args[0]
        ever = host.sizes[model] + sum(host.sizes[pin] for pin in pinned if pin != model) <= host.budget
        if not failed:
            require(
                ever != call.raised("ModelTooLarge"),
                f"acquire({model!r}) to {'find room' if ever else 'raise ModelTooLarge'} beside the pinned models",
                str(call.error),
                call.ended,
            )
    if not failed:
        check_alive(history)


@promise(
    stage=4,
    points=5,
    level="core",
    rule="Idle",
    scripts=concurrent(idle=True, pinned=True) | in_turn(idle=True, pinned=True),
    scale=0.9,
    tags=("boundaries",),
)
def test_idle(play: Play, script: Script) -> None:
    "A model that is not pinned and has no lease is unloaded exactly idle_ttl after its last use, and not before unless room is needed."
    ttl = script.setup[0].kwargs["idle_ttl"]
    for mark, state in walk(play(script)):
        if state.closing:
            continue
        if mark.kind in ("settled", "closing"):  # when the pool closes, what is due just then may still be there
            for model in state.idle():
                due = state.last_used[model] + ttl
                require(
                    due > mark.at or (mark.kind == "closing" and due == mark.at),
                    f"{model} to be unloaded at {due:g} s, {ttl:g} s after its last use",
                    "it is still loaded",
                    mark.at,
                )
        if mark.kind == "settled":
            check_head_waits_for_room(mark, state)
        elif mark.kind == "unload":
            require(
                mark.model not in state.pinned,
                f"{mark.model} to stay, as it is pinned",
                f"unload of {mark.model}",
                mark.at,
            )
            require(
                not state.leased(mark.model),
                f"{mark.model} to stay while it is leased",
                f"unload of {mark.model}",
                mark.at,
            )
            due = state.last_used[mark.model] + ttl
            require(
                mark.at <= due,
                f"{mark.model} to be unloaded at {due:g} s, {ttl:g} s after its last use",
                f"at {mark.at:g} s",
                mark.at,
            )
            if mark.at < due:
                check_unload_makes_room(mark, state)


@promise(
    stage=4,
    points=4,
    level="core",
    rule="Policy",
    scripts=concurrent(policy=True, pinned=True) | in_turn(policy=True, pinned=True),
    scale=0.7,
    tags=("policy",),
)
def test_policy(play: Play, script: Script) -> None:
    "The policy is told of every acquire and asked, with the candidates and the missing bytes, what to unload for room; exactly what it names is unloaded."
    history = play(script)
    policy = history.worlds["policy"]
    assert isinstance(policy, RankedPolicy)
    requests = sorted((call.args[0], call.began) for call in history.calls_of("acquire"))
    require(sorted(policy.requests) == requests, f"requested() to hear of {requests}", f"{sorted(policy.requests)}")
    questions = list(policy.asked)
    named: list[str] = []
    for mark, state in walk(history):
        while questions and questions[0].seq < mark.seq:
            check_question(questions[0], state)
            named = questions.pop(0).named[:]
        if mark.kind == "unload" and not state.closing:
            require(
                mark.model in named,
                f"only what the policy names to be unloaded: {named}",
                f"unload of {mark.model}",
                mark.at,
            )
            named.remove(mark.model)


def check_question(asked: Asked, state: State) -> None:
    """The candidates are the loaded models without a lease, as they are, and the missing bytes are those of a load that can then begin."""
    sizes, seconds = state.host.sizes, state.host.seconds
    rows = {row[0]: row for row in asked.candidates}
    possible = {model for model in state.loaded if not state.leased(model) and model not in state.pinned}
    for model in sorted(set(rows) - possible):
        why = "leased" if state.leased(model) else "pinned" if model in state.pinned else "not loaded"
        require(False, f"no candidate {model}, which is {why}", f"the candidates {', '.join(sorted(rows))}", asked.at)
    for model in sorted(set(state.idle()) - set(rows)):
        require(
            False,
            f"{model}, which is loaded and has no lease, among the candidates",
            f"the candidates {', '.join(sorted(rows))}",
            asked.at,
        )
    for model, row in rows.items():
        used = state.last_used[model] if not state.open.get(model) else row[3]
        right = (model, sizes[model], seconds[model], used)
        require(row == right, f"Candidate{right}", f"Candidate{row}", asked.at)
    # A pool may have set bytes aside for loads that it is about to begin.
    beginning = [load.model for load in state.host.loads if load.began == asked.at and load.began_seq > asked.seq]
    missing = {
        sizes[model] - state.free + sum(sizes[other] for other in others)
        for model in state.waiting
        for count in range(len(beginning) + 1)
        for others in combinations([other for other in beginning if other != model], count)
    }
    expected = (
        " or ".join(f"needed={one}" for one in sorted(missing) if one > 0) or "no question, as nothing is missing"
    )
    require(asked.needed > 0 and asked.needed in missing, expected, f"needed={asked.needed}", asked.at)
    require(asked.now == asked.at, f"now={asked.at}", f"now={asked.now}", asked.at)
    room = sum(sizes[model] for model in rows)
    require(
        room >= asked.needed,
        "the policy to be asked only when all candidates make enough room",
        f"{room} of {asked.needed} bytes",
        asked.at,
    )


@promise(stage=4, points=6, level="core", rule="Better than LRU", tags=("policy",), shares="traces")
def test_better_than_lru(play: Play) -> None:
    "Over all traces, the policy spends at most 70 % of the load seconds of least-recently-used eviction."
    check_beside_lru(spend(play), plain_traces(), 0.7, "loading")


@promise(stage=4, points=5, level="senior", rule="Close to the best", tags=("policy",), shares="traces")
def test_close_to_the_best(play: Play) -> None:
    "Over all traces, the policy spends at most 1.7 times the load seconds of the offline optimum."
    check_beside_optimum(spend(play), plain_traces(), 1.7, "loading")


def spend(play: Play) -> Spent:
    """What the policy spends on loading over all traces."""
    spent = 0.0
    for script in scripts():
        driven = play(script).worlds["trace"]
        assert isinstance(driven, Trace)
        if driven.wrong is not None:
            at, text = driven.wrong
            require(False, "victims among the candidates that free enough", text, at)
        spent += driven.cost
    return Spent(spent, f"on the last trace it loaded {driven.dearest()}")
