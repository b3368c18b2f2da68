"""What a session makes of an honest worker: calls, worlds, items, cancellations, the end."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hand import LEAVING, SETUP, Hand, refused
from worlds import Desk, calls, tasks, threads

from burnin import wire
from burnin.history import Effect
from burnin.plain import Opaque
from burnin.script import Cancel, Consume, Made, Saved, Script, Step, WorldRef, WorldSpec
from burnin.suite import Handle

CALL = wire.CallSpec("call", "f", None, [], {}, None, (), None, None, None)


def desk(hand: Hand) -> Desk:
    world = hand.session.worlds["desk"]
    assert isinstance(world, Desk)
    return world


def effect(hand: Hand) -> Effect:
    return hand.history.effects[-1]


# ---- calls


def test_a_call_that_is_due_at_once_comes_with_the_answer() -> None:
    hand = Hand(calls(Step("f"), Step("f", args=(1,)))).set_up()
    assert hand.next(0) == wire.Go(1, (0.0, 0), CALL)
    assert hand.returned(1, 7).spec.args == [1]
    assert hand.returned(2, [8]) == wire.Done()
    assert hand.next(LEAVING) == wire.Done()
    hand.finish()
    assert [(call.id, call.outcome, call.value) for call in hand.history.calls] == [
        (1, "returned", 7),
        (2, "returned", [8]),
    ]
    assert [event.seq for event in hand.history.events] == [0, 1, 2, 3]


def test_a_later_call_is_told_only_when_its_time_has_come() -> None:
    hand = Hand(tasks(A=(Step("f", args=("secret",), after=(2.0, 3)),))).set_up()
    assert hand.next(0) == wire.Go(1, (2.0, 3), None)
    assert hand.at(2.0).begin(1).args == ["secret"]
    hand.at(2.5).returned(1)
    (call,) = hand.history.calls
    assert (call.began, call.ended, call.began_seq, call.ended_seq) == (2.0, 2.5, 0, 1)


def test_where_one_call_follows_the_other_a_later_one_is_told_at_once() -> None:
    hand = Hand(calls(Step("f", after=(2.0, 3)))).set_up()
    assert hand.next(0) == wire.Go(1, (2.0, 3), CALL)
    hand.at(2.0).world("price", "a")
    hand.at(2.5).returned(1)
    (call,) = hand.history.calls
    assert (call.began, call.ended, effect(hand).began) == (2.0, 2.5, 2.0)


def test_a_rest_is_no_call() -> None:
    hand = Hand(calls(Step(after=(2.0, 0)), Step("f"))).set_up()
    assert hand.next(0).spec.kind == "rest"
    assert hand.at(2.0).returned(1).call == 2
    assert [call.do for call in hand.history.calls] == ["f"]


def test_exceptions_are_kept_with_their_bases_and_their_line() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    hand.raised(1, "KeyError", "LookupError", "Exception", message="'a'", line="a.py:1 f")
    (call,) = hand.history.calls
    assert call.raised("LookupError")
    assert not call.raised("OSError")
    assert (call.outcome, call.error, call.message, call.line) == ("raised", "KeyError", "'a'", "a.py:1 f")


def test_texts_of_a_submission_are_shortened() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    hand.raised(1, "E" * 9_999, message="m" * 9_999, line="l" * 9_999)
    (call,) = hand.history.calls
    assert max(len(call.error or ""), len(call.message), len(call.line or "")) <= 500


def test_addresses_in_messages_are_left_out() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    hand.raised(1, "Error", "Exception", message="<Task at 0x7f59a196ba00> lost 0x10")
    assert hand.history.calls[0].message == "<Task at 0x...> lost 0x10"
    hand.finish(wire.Stopped("k" * 999, [("n" * 999, "l" * 999)] * 999), problem="p" * 9_999)
    finished = hand.session.finished
    assert finished is not None
    assert finished.stop is not None
    assert len(finished.problem or "") <= 500
    assert len(finished.stop.waiting) == 20
    assert max(map(len, finished.stop.waiting[0])) <= 200  # type: ignore[arg-type]  # both are there


# ---- what builds on what


def test_what_builds_on_a_call_that_failed_is_left_out() -> None:
    steps = (
        Step("use", on="made"),
        Step("use", args=(Saved("made"),)),
        Step("use", kwargs={"x": [{"y": Made("C", {"z": Saved("made")})}]}),
        Step("last"),
    )
    hand = Hand(calls(*steps, setup=(Step("make", save="made"),)))
    hand.next(SETUP)
    assert hand.raised(1, "ValueError") == wire.Done()
    assert hand.next(0).spec.do == "last"


def test_what_builds_on_a_call_that_returned_is_played() -> None:
    step = Step("use", on="made", args=(Saved("made"), WorldRef("desk"), Made("C", {"z": Saved("made")})))
    hand = Hand(calls(step, setup=(Step("make", save="made"),)))
    hand.next(SETUP)
    hand.returned(1)
    spec = hand.next(0).spec
    assert spec.on == "made"
    assert spec.args == [{"$saved": "made"}, {"$world": "desk"}, {"$made": "C", "kwargs": {"z": {"$saved": "made"}}}]


def test_the_finale_comes_before_what_was_entered_is_left_last_first() -> None:
    setup = (Step("a", save="a"), Step(on="a", enter=True), Step("b", save="b"), Step(on="b", enter=True))
    script = tasks(setup, {"finale": (Step("f"),)}, A=())
    hand = Hand(script)
    told = [hand.next(SETUP)]
    while told[-1] != wire.Done():
        told.append(hand.returned(told[-1].call))
    assert [go.spec.kind for go in told[:-1]] == ["call", "enter", "call", "enter"]
    assert hand.next(0) == wire.Done()
    told = [hand.next(LEAVING)]
    while told[-1] != wire.Done():
        told.append(hand.returned(told[-1].call))
    assert [(go.spec.kind, go.spec.do, go.spec.on) for go in told[:-1]] == [
        ("call", "f", None),
        ("leave", "", "b"),
        ("leave", "", "a"),
    ]


def test_what_could_not_be_entered_is_not_left() -> None:
    hand = Hand(tasks((Step("a", save="a"), Step(on="a", enter=True)), A=()))
    hand.next(SETUP)
    hand.returned(1)
    assert hand.raised(2, "ValueError") == wire.Done()
    hand.next(0)
    assert hand.next(LEAVING) == wire.Done()


# ---- worlds


def test_a_plain_method_answers_at_once() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    assert hand.world("total", [1, 2]) == wire.Answer(3)
    assert (effect(hand).method, effect(hand).args, effect(hand).value) == ("total", ([1, 2],), 3)


def test_a_timed_method_takes_its_time_and_issues_a_handle() -> None:
    hand = Hand(calls(Step("f", save="h"), worlds={"desk": WorldSpec("Desk", {"seconds": 2.0, "ticks": 3})})).set_up()
    hand.next(0)
    assert hand.at(1.0).world("fetch", "a") == wire.Take(1, (2.0, 3))
    answer = hand.at(3.0).resume(1)
    assert hand.world("put", answer.value) == wire.Answer(1)
    hand.returned(1, answer.value)
    handle = hand.history.calls[0].value
    assert isinstance(handle, Handle)
    assert handle is hand.history.effects[0].value
    assert desk(hand).log == [(1.0, "fetch", "a"), (3.0, "fetched", "a"), (3.0, "put", "a")]


def test_each_handle_has_a_token_that_cannot_be_guessed() -> None:
    tokens = set()
    for _ in range(2):
        hand = Hand(calls(Step("f"))).set_up()
        hand.world("fetch", "a")
        tokens.add(hand.at(1.0).resume(1).value["$token"])
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 32


def test_a_failure_of_the_world_is_what_the_submission_gets() -> None:
    hand = Hand(calls(Step("f"), worlds={"desk": WorldSpec("Desk", {"failing": ("a",)})})).set_up()
    hand.world("fetch", "a")
    assert hand.at(1.0).resume(1) == wire.Fail("LookupError", "a")
    assert (effect(hand).outcome, effect(hand).error) == ("raised", "LookupError")


def test_a_method_that_is_cancelled_hears_of_it() -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.world("fetch", "a")
    assert hand.at(0.5).world_cancelled(1) == wire.Ok()
    assert desk(hand).log == [(0.0, "fetch", "a"), (0.5, "cancelled", "a")]
    assert (effect(hand).outcome, effect(hand).ended) == ("cancelled", 0.5)


def test_a_method_that_takes_time_after_its_cancellation_is_the_suites_fault() -> None:
    hand = Hand(tasks(A=(Step("f"),))).set_up()
    hand.world("stubborn")
    with pytest.raises(RuntimeError, match=r"desk\.stubborn takes time after it was cancelled"):
        hand.world_cancelled(1)


@pytest.mark.parametrize(
    "args",
    [
        (),
        (1, 2),
        ([[]],),
        ({"a": 1},),
        ([None],),
        ("text",),
        ({"$object": "Thing"},),
        ([2**63 - 1, {"$int": hex(2**70)}, "a"],),
    ],
)
def test_bad_arguments_are_an_error_of_the_submission(args: tuple[Any, ...]) -> None:
    hand = Hand(calls(Step("f"))).set_up()
    answer = hand.world("total", *args)
    assert isinstance(answer, wire.Fail)
    assert answer.error == "ValueError"
    assert answer.message.startswith("bad arguments")
    assert len(answer.message) <= 200


@pytest.mark.parametrize("name", ["self", "key", "nothing", ""])
def test_bad_keywords_are_an_error_of_the_submission(name: str) -> None:
    hand = Hand(calls(Step("f"))).set_up()
    wrong: dict[str, Any] = {name: 1}
    assert isinstance(hand.world("put", **wrong), wire.Fail)
    assert isinstance(hand.world("fetch", "a", **wrong), wire.Fail)


def test_a_world_knows_the_time_and_the_event_of_each_call() -> None:
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    hand.at(4.0).world("price", "a")
    assert (desk(hand).now, desk(hand).seq) == (4.0, 1)


# ---- items


def test_a_consumer_pauses_between_items_and_stops_at_its_limit() -> None:
    hand = Hand(calls(Step("f", consume=Consume(((1.0, 0), (2.0, 1)), 4)))).set_up()
    hand.next(0)
    assert hand.item(1, "a") == wire.More((1.0, 0))
    assert hand.at(1.0).item(1, "b") == wire.More((2.0, 1))
    assert hand.at(5.0).item(1, "c") == wire.More((0.0, 0))
    assert hand.item(1, "d") == wire.Done()
    hand.returned(1)
    assert [(item.t, item.value) for item in hand.history.calls[0].items] == [
        (0.0, "a"),
        (1.0, "b"),
        (5.0, "c"),
        (5.0, "d"),
    ]


# ---- cancellation


def test_a_cancellation_is_noted_when_it_is_delivered() -> None:
    hand = Hand(tasks(A=(Step("f", cancel=Cancel(after=(1.0, 0))), Step("g")))).set_up()
    assert hand.next(0).spec.cancel_after == (1.0, 0)
    assert hand.at(1.0).cancel_sent(1) == wire.Ok()
    assert hand.cancelled(1).spec.do == "g"
    call = hand.history.calls[0]
    assert (call.outcome, call.cancelled_at) == ("cancelled", 1.0)
    assert call.cancelled_seq < call.ended_seq


def test_a_cancellation_may_come_too_late() -> None:
    hand = Hand(tasks(A=(Step("f", cancel=Cancel(after=(1.0, 0))),))).set_up()
    hand.next(0)
    hand.at(1.0).returned(1)
    assert hand.cancel_sent(1) == wire.Ok()
    assert hand.history.calls[0].cancelled_at is None


def test_a_call_that_ends_cancelled_by_itself_ends_its_actor_and_is_remembered() -> None:
    hand = Hand(tasks(A=(Step("f"), Step("g")), B=(Step("f"),))).set_up()
    hand.next(0)
    hand.next(1)
    assert hand.cancelled(1) == wire.Done()
    assert hand.session.uncalled is hand.history.calls[0]


def test_actors_that_a_failure_dropped_need_not_end() -> None:
    hand = Hand(tasks(A=(Step("f", after=(5.0, 0)), Step("g")), B=())).set_up()
    hand.next(0)
    hand.at(2.0).say(wire.Dropped(2.0))
    assert hand.session.dropped
    assert hand.next(LEAVING) == wire.Done()
    hand.at(9.0).finish()


# ---- drivers


def test_a_driver_makes_each_step_of_what_came_of_the_last() -> None:
    hand = Hand(calls(drivers={"asker": WorldSpec("Asker", {"start": 1, "times": 2})})).set_up()
    assert "asker" not in hand.session.opening().worlds
    assert hand.session.opening().actors == ["A", "asker"]
    assert hand.next(0) == wire.Done()
    assert hand.next(1).spec.args == [1]
    assert hand.at(0.5).returned(1, 2).spec.args == [2]
    assert hand.at(1.0).returned(2, 4) == wire.Done()
    assert hand.session.worlds["asker"].got == [2, 4]  # type: ignore[attr-defined]  # it is an Asker
    hand.next(LEAVING)
    hand.finish()


def test_a_driver_may_end_early() -> None:
    hand = Hand(calls(drivers={"asker": WorldSpec("Asker", {"start": 1, "times": 9})})).set_up()
    hand.next(1)
    assert hand.at(0.5).raised(1, "ValueError") == wire.Done()


def test_a_submission_cannot_call_a_driver() -> None:
    hand = Hand(calls(drivers={"asker": WorldSpec("Asker", {"start": 1, "times": 9})})).set_up()
    with refused("asker.peek"):
        hand.world("peek", world="asker")


# ---- the end


def test_nothing_is_said_after_the_end() -> None:
    hand = Hand(calls()).set_up()
    hand.next(0)
    hand.next(LEAVING)
    hand.finish()
    with refused("unexpected"):
        hand.world("price", "a")


@pytest.mark.parametrize("make", [calls, tasks, threads])
def test_a_play_that_stopped_may_end_anywhere(make: Any) -> None:
    script: Script = make(Step("f")) if make is calls else make(A=(Step("f"),))
    hand = Hand(script).set_up()
    hand.next(0)
    hand.at(9.0).finish(wire.Stopped("deadlock", [("A", "a.py:1 f")]))
    assert hand.history.events[-1].kind == "stop"
    assert math.isinf(hand.history.calls[0].ended)
    assert hand.history.end == 9.0


def test_a_handle_of_another_play_is_nothing_in_a_result_and_an_error_in_a_world() -> None:
    other = Hand(calls(Step("f"))).set_up()
    other.world("fetch", "a")
    stale = other.at(1.0).resume(1).value
    hand = Hand(calls(Step("f"))).set_up()
    hand.next(0)
    assert hand.world("put", stale) == wire.Fail("ValueError", "this handle was never issued")
    assert hand.history.events[-1].kind == "forged"
    assert hand.history.effects == []
    hand.returned(1, [stale])
    (value,) = hand.history.calls[0].value
    assert isinstance(value, Opaque)
    assert value.type == "handle of another play"
