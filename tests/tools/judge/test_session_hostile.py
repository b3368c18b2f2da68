"""What a session refuses: a worker that a submission has taken over can neither hide, nor skip, nor invent, nor be early."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hand import LEAVING, SETUP, Hand, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import DESK, GAUGE, calls, tasks, threads

from burnin import wire
from burnin.judge import session as module
from burnin.judge.session import Session
from burnin.plain import Hostile
from burnin.script import Cancel, Consume, Saved, Script, Step, WorldSpec

# ---- time


@pytest.mark.parametrize("t", [math.nan, math.inf, -math.inf, -1.0, 0.999])
def test_time_is_a_number_that_does_not_go_back(t: float) -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    hand.at(1.0).world("price", "a")
    with refused("the time went"):
        hand.at(t).world("price", "a")


def test_a_due_call_cannot_be_skipped() -> None:
    hand = Hand(tasks(A=(Step("f", after=(1.0, 0)),), B=(Step("f"),))).set_up()
    hand.next(0)
    hand.next(1)
    with refused("past 1.0"):
        hand.at(1.5).returned(2)


def test_a_world_call_cannot_be_waited_out() -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.next(0)
    hand.world("fetch", "a")
    with refused("past 1.0"):
        hand.at(1.5).returned(1)


def test_a_cancellation_cannot_be_skipped() -> None:
    hand = Hand(tasks(A=(Step("f", cancel=Cancel(after=(1.0, 0))),))).set_up()
    hand.next(0)
    with refused("past 1.0"):
        hand.at(1.5).returned(1)


@pytest.mark.parametrize("t", [0.0, 0.999])
def test_where_one_call_follows_the_other_nothing_is_said_before_the_next_is_due(t: float) -> None:
    hand = Hand(calls(Step("f", after=(1.0, 0)))).set_up()
    hand.next(0)
    with refused(f"the time went from 1.0 to {t}"):
        hand.at(t).returned(1)


@pytest.mark.parametrize("t", [0.0, 0.5, 0.999])
def test_a_call_does_not_begin_before_it_is_due(t: float) -> None:
    hand = Hand(tasks(A=(Step("f", after=(1.0, 0)),))).set_up()
    hand.next(0)
    with refused("call 1 was due at 1.0"):
        hand.at(t).begin(1)


def test_a_world_call_does_not_end_before_its_time() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.world("fetch", "a")
    with refused("desk.fetch was due at 1.0"):
        hand.at(0.5).resume(1)


def test_a_cancellation_does_not_come_before_its_time() -> None:
    hand = Hand(tasks(A=(Step("f", cancel=Cancel(after=(1.0, 0))),))).set_up()
    hand.next(0)
    with refused("cancellation of call 1 was due at 1.0"):
        hand.at(0.5).cancel_sent(1)


def test_a_rest_does_not_last_longer_than_the_script_says() -> None:
    hand = Hand(tasks(A=(Step(after=(1.0, 0)), Step("f")))).set_up()
    hand.next(0)
    hand.at(1.0).begin(1)
    with refused("end of a rest"):
        hand.at(2.0).returned(1)


def test_a_consumer_does_not_take_an_item_before_its_pause_is_over() -> None:
    for end in ("item", "return"):
        hand = Hand(tasks(A=(Step("f", consume=Consume(((2.0, 0),))),))).set_up()
        hand.next(0)
        hand.item(1)
        hand.at(1.0)
        with refused("consumer"):
            _ = hand.item(1) if end == "item" else hand.returned(1)


def test_with_drift_a_thread_may_be_late_but_not_early() -> None:
    script = threads(more={"drift": True}, A=(Step("f", after=(1.0, 0)),))
    hand = Hand(script).set_up()
    hand.next(0)
    assert isinstance(hand.at(3.0).begin(1), wire.CallSpec)
    hand = Hand(script).set_up()
    hand.next(0)
    with refused("was due"):
        hand.at(0.5).begin(1)


# ---- order


def test_no_actor_begins_before_the_set_up_is_done() -> None:
    """Else every step that builds on the set-up could be left out, and the history would break no promise."""
    hand = Hand(calls(Step("get", on="pool"), setup=(Step("Pool", save="pool"),)))
    with refused("before the set-up"):
        hand.next(0)
    hand = Hand(calls(Step("get", on="pool"), setup=(Step("Pool", save="pool"),)))
    hand.next(SETUP)
    with refused("before the set-up"):
        hand.next(0)


def test_the_end_does_not_begin_before_all_actors_are_done() -> None:
    hand = Hand(tasks(A=(Step("f"),), B=())).set_up()
    hand.next(0)
    hand.next(1)
    with refused("before all actors"):
        hand.next(LEAVING)


@pytest.mark.parametrize("actor", [-3, 2, 99])
def test_there_are_no_other_actors(actor: int) -> None:
    hand = Hand(tasks(A=(), B=())).set_up()
    with refused("no actor"):
        hand.next(actor)


@pytest.mark.parametrize("actor", [SETUP, 0])
def test_no_actor_begins_twice(actor: int) -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    with refused("twice"):
        hand.next(actor)


def played() -> Hand:
    """Everything is played but the end."""
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    hand.returned(1)
    return hand


def test_the_play_does_not_end_before_its_script() -> None:
    hand = Hand(calls(Step("f")))
    with refused("before its script"):
        hand.finish()
    hand.set_up()
    with refused("before its script"):
        hand.finish()
    hand.next(0)
    with refused("before its script"):
        hand.finish()
    hand = Hand(tasks(A=(Step("f", after=(1.0, 0)),))).set_up()
    hand.next(0)
    with refused("before its script"):
        hand.finish()
    assert played().finish() == wire.Ok()


def test_a_driver_has_to_begin() -> None:
    hand = Hand(calls(drivers={"asker": WorldSpec("Asker", {"start": 1, "times": 0})}))
    hand.set_up()
    hand.next(0)
    with refused("before its script"):
        hand.finish()


def test_the_finale_has_to_be_played() -> None:
    hand = Hand(calls(finale=(Step("f"),))).set_up()
    hand.next(0)
    with refused("before its script"):
        hand.finish()


# ---- calls


def test_a_call_ends_once() -> None:
    hand = played()
    for end in (hand.returned, hand.cancelled):
        with refused("call 1 ends"):
            end(1)
    with refused("call 1 ends"):
        hand.raised(1, "E")


@pytest.mark.parametrize("call", [0, -1, 2, 99])
def test_there_are_no_other_calls(call: int) -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.next(0)
    for say in (hand.begin, hand.returned, hand.cancelled, hand.item, hand.cancel_sent):
        with refused(f"call {call}"):
            say(call)
    with refused(f"call {call} ends"):
        hand.raised(call, "E")
    with refused(f"call {call} ends"):
        hand.say(wire.Absent(call, 0.0, "f"))


def test_a_call_does_not_begin_twice() -> None:
    hand = Hand(tasks(A=(Step("f", after=(1.0, 0)),))).set_up()
    hand.next(0)
    hand.at(1.0).begin(1)
    with refused("call 1 begins"):
        hand.begin(1)


def test_a_call_does_not_end_before_it_begins() -> None:
    hand = Hand(tasks(A=(Step("f", after=(1.0, 0)),))).set_up()
    hand.next(0)
    with refused("call 1 ends"):
        hand.returned(1)


def test_an_exception_has_a_type() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    with refused("without a type"):
        hand.raised(1)


def test_only_what_is_consumed_has_items() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    with refused("an item of call 1"):
        hand.item(1)


def test_no_item_comes_beyond_the_limit() -> None:
    hand = Hand(calls(Step("f", consume=Consume(limit=1)))).set_up()
    hand.next(0)
    assert hand.item(1) == wire.Done()
    with refused("beyond its limit"):
        hand.item(1)


# ---- answers that the worker knows


@pytest.fixture
def hand() -> Hand:
    """A call is being made, with a desk and a gauge to talk to."""
    hand = Hand(calls(Step("f"), worlds={"desk": DESK, "gauge": GAUGE})).set_up()
    hand.next(0)
    return hand


def known(hand: Hand, world: str, method: str, *args: Any, **kwargs: Any) -> Any:
    return hand.say(wire.WorldCall(world, method, list(args), kwargs, hand.t, True))


@pytest.mark.parametrize(
    ("world", "method", "args"),
    [("desk", "put", [1]), ("desk", "fetch", ["a"]), ("desk", "stubborn", []), ("gauge", "count", [])],
)
def test_only_some_answers_can_be_known(hand: Hand, world: str, method: str, args: list[Any]) -> None:
    with refused(f"an answer of {world}.{method} that it does not know"):
        known(hand, world, method, *args)


@pytest.mark.parametrize("args", [[], ["a"], ["a", "b"], ["a", 1, 2], [b"a", 1], [["a"], 1], [{"$object": "str"}, 1]])
def test_a_silent_call_has_arguments_of_its_types(hand: Hand, args: list[Any]) -> None:
    assert known(hand, "gauge", "note", "a", 1) == wire.Answer(None)
    with refused("that it does not know"):
        known(hand, "gauge", "note", *args)
    with refused("that it does not know"):
        known(hand, "gauge", "note", "a", number=1)


def test_what_raises_was_not_known(hand: Hand) -> None:
    with refused("that it does not know"):
        known(hand, "gauge", "colour", "none")
    with refused("that it does not know"):
        known(hand, "gauge", "hour", "now")


# ---- cancellations


@pytest.mark.parametrize("make", [calls, threads])
def test_only_tasks_are_cancelled(make: Any) -> None:
    hand = Hand(make(Step("f")) if make is calls else make(A=(Step("f"),))).set_up()
    hand.next(0)
    with refused("outside of tasks"):
        hand.cancelled(1)
    hand.world("fetch", "a")
    with refused("outside of tasks"):
        hand.world_cancelled(1)
    with refused("dropped"):
        hand.say(wire.Dropped(0.0))


def test_only_what_the_script_cancels_is_cancelled() -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.next(0)
    with refused("not to be cancelled"):
        hand.cancel_sent(1)


def test_a_cancellation_is_sent_once() -> None:
    hand = Hand(tasks(A=(Step("f", cancel=Cancel(at_await=1)),))).set_up()
    hand.next(0)
    hand.cancel_sent(1)
    with refused("not to be cancelled"):
        hand.cancel_sent(1)


def test_actors_are_not_dropped_out_of_an_open_call() -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.next(0)
    with refused("dropped"):
        hand.say(wire.Dropped(0.0))


# ---- worlds


@pytest.mark.parametrize("method", ["secret", "issue", "drive", "of", "__init__", "log", "", "a" * 9_999])
def test_only_marked_methods_can_be_called(method: str) -> None:
    hand = Hand(calls(Step("f"))).set_up()
    with refused("a call of desk"):
        hand.world(method)


def test_there_are_no_other_worlds() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    with refused("a call of host.load"):
        hand.world("load", world="host")


@pytest.mark.parametrize("effect", [0, 1, 2, -1])
def test_only_a_world_call_that_runs_goes_on(effect: int) -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.world("price", "a")
    for say in (hand.resume, hand.world_cancelled):
        with refused("goes on"):
            say(effect)


def test_a_world_call_ends_once() -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.world("fetch", "a")
    hand.at(1.0).resume(1)
    for say in (hand.resume, hand.world_cancelled):
        with refused("goes on"):
            say(1)


# ---- values


@pytest.mark.parametrize("value", [{"$saved": "pool"}, {"$world": "desk"}, {"$made": "C", "kwargs": {}}])
def test_no_names_come_from_a_worker(value: Any) -> None:
    hand = Hand(calls(Step("f", consume=Consume()))).set_up()
    hand.next(0)
    with refused("from the worker"):
        hand.world("total", value)
    with refused("from the worker"):
        hand.item(1, [value])
    with refused("from the worker"):
        hand.returned(1, {"a": value})


@pytest.mark.parametrize("token", ["", "0" * 32, "0" * 64, "é" * 64])
def test_no_handle_is_invented(token: str) -> None:
    hand = Hand(calls(Step("f", consume=Consume()))).set_up()
    hand.next(0)
    with refused("never issued"):
        hand.item(1, {"$token": token})
    with refused("never issued"):
        hand.returned(1, [{"$token": token}])
    assert isinstance(hand.world("put", {"$token": token}), wire.Fail)


def test_malformed_values_are_refused_everywhere() -> None:
    hand = Hand(calls(Step("f", consume=Consume()))).set_up()
    hand.next(0)
    value = {"$int": "x"}
    with refused("malformed"):
        hand.world("total", value)
    with refused("malformed"):
        hand.world("total", a=value)
    with refused("malformed"):
        hand.item(1, value)
    with refused("malformed"):
        hand.returned(1, value)


# ---- how much


@pytest.mark.parametrize("kind", ["events", "none"])
def test_messages_are_counted(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Also those that leave no event."""
    monkeypatch.setattr(module, "MAX_MESSAGES", 50)
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.next(0)
    hand.returned(1)
    with refused("more than 50 messages"):
        for _ in range(50):
            _ = hand.world("price", "a") if kind == "events" else hand.cancel_sent(1)


# ---- anything at all

TIMES = st.sampled_from([0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.5, 2.0, math.nan])
CALLS = st.integers(0, 4)
DATA = st.sampled_from([None, 1, "a", [1], {"$token": "x"}, {"$object": "O"}, {"$int": "x"}, {"$saved": "p"}])
MESSAGES = st.one_of(
    st.builds(wire.Next, st.integers(-3, 2), TIMES),
    st.builds(wire.Begin, CALLS, TIMES),
    st.builds(wire.Absent, CALLS, TIMES, st.just("f")),
    st.builds(wire.Returned, CALLS, TIMES, DATA),
    st.builds(wire.Raised, CALLS, TIMES, st.lists(st.just("E"), max_size=2), st.just(""), st.none()),
    st.builds(wire.Cancelled, CALLS, TIMES),
    st.builds(wire.CancelSent, CALLS, TIMES),
    st.builds(wire.Dropped, TIMES),
    st.builds(wire.Item, CALLS, TIMES, DATA),
    st.builds(
        wire.WorldCall,
        st.sampled_from(["desk", "host"]),
        st.sampled_from(["fetch", "put", "total", "price", "secret"]),
        st.lists(DATA, max_size=2),
        st.dictionaries(st.sampled_from(["key", "self"]), DATA, max_size=1),
        TIMES,
    ),
    st.builds(wire.Resume, CALLS, TIMES),
    st.builds(wire.WorldCancelled, CALLS, TIMES),
    st.builds(wire.Blocked, TIMES, st.floats(), st.none()),
    st.builds(
        wire.Finished,
        TIMES,
        st.none() | st.just(wire.Stopped("deadlock", [])),
        st.just([]),
        st.none() | st.just("p"),
        st.booleans(),
    ),
    st.just(wire.Loaded(None)),
)
SCRIPTS = st.sampled_from(
    [
        calls(Step("f", save="x"), Step("g", on="x", after=(1.0, 0))),
        tasks(
            A=(Step("f", cancel=Cancel(after=(1.0, 0))), Step("f", args=(Saved("no"),))),
            B=(Step("f", consume=Consume(((0.5, 0),), 2)),),
        ),
        threads(A=(Step("f"),), B=(Step(after=(0.5, 0)), Step("f"))),
    ]
)


@settings(max_examples=300)
@given(SCRIPTS, st.lists(MESSAGES, max_size=12))
def test_whatever_is_said_only_hostile_is_raised_and_the_history_stays_in_shape(
    script: Script, messages: list[Any]
) -> None:
    session = Session(script)
    session.answer(wire.Next(SETUP, 0.0))
    for message in messages:
        try:
            answer = session.answer(message)
        except Hostile:
            continue  # a player ends here; a session must be sound even so
        assert isinstance(answer, wire.ToWorker)
    events = session.history.events
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(before.t <= after.t for before, after in itertools.pairwise(events))
    for call in session.history.calls:
        assert call.began <= call.ended
        assert (call.outcome == "open") == math.isinf(call.ended)
