"""Stage 4: a million tenants, many threads, a bad clock."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Broken, Call, History, Play, promise, require

from .model import Model
from .scripts import METER, METERED, crowds, metered, requests, threaded
from .turns import clock_of, expect, follow, model_of, turns

JUMPS = requests(jumping=True)
CROWDS = crowds()


@promise(stage=4, points=6, level="senior", rule="Threads", scripts=threaded(), scale=1.5, tags=("concurrency",))
def test_threads(play: Play, script: Script) -> None:
    "What threads get, and the balances afterwards, are what they would get if the calls happened one after the other in some order."
    history = play(script)
    check_some_order(history, history.calls[1:])


@promise(stage=4, points=2, level="core", rule="One reading", scripts=JUMPS, tags=("concurrency",))
def test_one_reading(play: Play, script: Script) -> None:
    "No call reads the clock more than once, and one that is admitted or denied has read it."
    for turn in turns(play(script)):
        turn.check_kind()
        require(turn.readings <= 1, f"{turn} to read the clock at most once", f"{turn.readings} times", turn.call.ended)
        if turn.must.kind in ("admitted", "denied"):
            require(turn.readings == 1, f"{turn} to read the clock", "it did not", turn.call.ended)


@promise(stage=4, points=3, level="core", rule="Clock", scripts=JUMPS, tags=("failure",))
def test_clock(play: Play, script: Script) -> None:
    "The limiter's time is the highest reading so far and stands still while the clock reads less; retry_after counts from what the clock reads."
    for turn in turns(play(script)):
        turn.check()


@promise(stage=4, points=3, level="senior", rule="Memory", scripts=CROWDS, scale=0.7, tags=("memory",))
def test_memory(play: Play, script: Script) -> None:
    "Tenants that fall idle are forgotten within 2 n + 8 calls, and others are not."
    history = play(script)
    for turn in turns(history):
        turn.check_kind()
    model = model_of(script)
    clock = clock_of(history)
    seen: set[str] = set()
    idle: set[str] = set()
    called: set[str] = set()
    asked = 0
    for call in history.calls[1:]:
        model.read(clock.reads(call.began))
        if call.do == "tracked":
            asked += 1
            must_keep = {tenant for tenant in seen if not model.idle(tenant)}
            may_keep = seen - (idle - called)
            within = f"tracked() to be from {len(must_keep)} to {len(may_keep)}"
            count = call.value
            require(type(count) is int and len(must_keep) <= count <= len(may_keep), within, repr(count), call.ended)
            idle, called = seen - must_keep if asked == 2 else set(), set()
        elif call.do == "reserve":
            seen.add(call.args[1])
            called.add(call.args[1])
        follow(model, call)


@promise(stage=4, points=3, level="senior", rule="Forgotten unseen", scripts=CROWDS, scale=0.7, tags=("memory",))
def test_forgotten_unseen(play: Play, script: Script) -> None:
    "No decision and no balance shows whether a tenant has been forgotten."
    for turn in turns(play(script)):
        turn.check()


@promise(stage=4, points=3, level="senior", rule="Cost", tags=("cost",))
def test_cost(play: Play) -> None:
    "Four times as many busy tenants cost at most twice the steps for as many calls."
    few, _ = ticks_of(play, FEW, 160)
    bound = 2 * few
    _, over = ticks_of(play, 4 * FEW, bound)
    steps = bound * METERED
    require(
        over,
        f"{METERED_CALLS} calls with {4 * FEW} busy tenants in at most {steps} steps, twice those with {FEW}",
        f"more than {steps}",
    )


FEW = 40
METERED_CALLS = 12


def ticks_of(play: Play, tenants: int, ticks: int) -> tuple[int, bool]:
    """How often the meter ticked before the calls were over, or before its own end, and whether they were over by then."""
    try:
        history = play(metered(tenants, METERED_CALLS, ticks))
    except Broken as broken:
        if "livelock" in broken.got:  # more steps than a play may take
            return ticks, False
        raise
    for turn in turns(history):
        turn.check()
    over = max(call.ended_seq for call in history.calls)
    ticked = sum(event.kind == "return" and event.actor == METER and event.seq < over for event in history.events)
    return ticked, ticked < ticks


def check_some_order(history: History, calls: list[Call]) -> None:
    """There is an order of the calls, with those that ended before another began coming first, that explains what they got."""
    clock = clock_of(history)
    dead: set[tuple[frozenset[int], object]] = set()

    def explains(left: dict[int, Call], model: Model) -> bool:
        if not left:
            return True
        state = (frozenset(left), model.state())
        if state in dead:
            return False
        first = min(call.ended_seq for call in left.values())
        for number, call in left.items():
            if call.began_seq < first:
                then = model.copy()
                reading = clock.reads(call.began)
                then.read(reading)
                if expect(then, call, reading).allows(call):
                    follow(then, call)
                    if explains({other: one for other, one in left.items() if other != number}, then):
                        return True
        dead.add(state)
        return False

    fits = explains(dict(enumerate(calls)), model_of(history.script))
    require(
        fits,
        "the calls to get what they would get one after the other, in some order",
        "no order explains what they got",
    )
