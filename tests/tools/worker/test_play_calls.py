"""Scripts of plain calls, played by a real worker."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from worlds import DESK, GAUGE, POOL, Worker, calls

from burnin.judge.verdict import Broken, Crashed, NotAttempted
from burnin.plain import Opaque
from burnin.script import Consume, Made, Saved, Script, Step, WorldRef, WorldSpec
from burnin.suite import Handle


def value(worker: Worker, do: str, *args: Any, **more: Any) -> Any:
    """What one call returns."""
    return worker(calls(Step(do, args=args, **more))).calls[-1].value


@pytest.mark.parametrize("given", [None, True, 3, 2**80, -1.5, math.inf, "é", b"\0", [1, [2]], {"a": {"b": None}}])
def test_plain_values_go_there_and_come_back(worker: Worker, given: Any) -> None:
    assert value(worker, "give_back", given) == given


def test_an_object_is_made_of_a_class_of_the_submission(worker: Worker) -> None:
    made = value(worker, "give_back", Made("Lease", {"model": "b"}))
    assert (made.type, made.model) == ("Lease", "b")


def test_fields_are_read_where_the_script_asks(worker: Worker) -> None:
    read = value(worker, "lease", read=("model", "broken", "missing"))
    assert read.model == "a"
    assert read.broken.type == "RefusedError when read"
    assert read.missing.type == "AttributeError when read"


def test_a_value_that_equals_everything_arrives_as_nothing(worker: Worker) -> None:
    lie = value(worker, "everything")
    assert isinstance(lie, Opaque)
    three: object = 3
    assert lie != three


def test_virtual_time_passes_only_where_somebody_waits(worker: Worker) -> None:
    history = worker(calls(Step("double", args=(1,)), Step("clock", after=(10.0, 0)), Step("double", args=(1,))))
    assert [(call.began, call.ended) for call in history.calls] == [(0.0, 0.0), (10.0, 3610.0), (3610.0, 3610.0)]
    assert history.calls[1].value == [10.0, 3610.0, 3610.0]


def test_the_world_answers_with_handles_that_come_back_as_themselves(worker: Worker) -> None:
    script = calls(
        Step("get", on="pool", args=("a",), save="h"), Step("put", on="pool", args=(Saved("h"),)), setup=(POOL,)
    )
    history = worker(script)
    got, put = history.calls[1:]
    assert isinstance(got.value, Handle)
    assert (got.value.about, put.value, got.ended) == ("a", 1, 1.0)
    assert [(effect.method, effect.ended) for effect in history.effects] == [("fetch", 1.0), ("put", 1.0)]


def test_a_constant_question_is_asked_once_in_a_play(worker: Worker) -> None:
    for _ in range(2):
        history = worker(calls(Step("get_twice", on="pool", args=("abc",)), setup=(POOL,)))
        assert history.calls[-1].value == [3, 3]
        assert len(history.effects_of("price")) == 1


READER = Step("Reader", args=(WorldRef("gauge"),), save="reader")


def reading(do: str, *args: Any, **more: Any) -> Script:
    """One call of what asks the gauge."""
    return calls(
        Step(do, on="reader", args=args, **more), setup=(READER,), worlds={"gauge": GAUGE}, errors=("ValueError",)
    )


def test_what_the_worker_knows_of_a_constant_is_recorded_all_the_same(worker: Worker) -> None:
    history = worker(reading("colours", "a", "a"))
    assert history.calls[-1].value == ["amber", "amber"]
    assert [(effect.args, effect.value) for effect in history.effects] == [(("a",), "amber")]


def test_what_is_not_in_a_constants_table_is_asked_for(worker: Worker) -> None:
    assert worker(reading("colours", "b")).calls[-1].error == "ValueError"


def test_a_reading_is_that_of_its_time_and_each_is_recorded(worker: Worker) -> None:
    history = worker(reading("hours", after=(3600.0, 0)))
    assert history.calls[-1].value == [1.0, 1.0, 2.0]
    assert [(effect.began, effect.value) for effect in history.effects] == [(3600.0, 1.0), (3600.0, 1.0), (7200.0, 2.0)]


def test_a_silent_call_answers_nothing_and_is_recorded_in_its_place(worker: Worker) -> None:
    """Also one whose arguments are of other types, which is waited for."""
    history = worker(reading("take_notes", ["a", 1], [b"b", 2], ["c", 3]))
    assert history.calls[-1].value == [None, None, None, 3]
    assert history.worlds["gauge"].notes == [("a", 1), (b"b", 2), ("c", 3)]
    assert [effect.method for effect in history.effects] == ["note", "note", "note", "count"]
    assert [event.kind for event in history.events[2:]] == ["call", *["effect", "answer"] * 4, "return"]


def test_a_silent_method_that_answers_is_the_suites_fault(worker: Worker) -> None:
    with pytest.raises(RuntimeError, match=r"gauge\.loud is silent and answers"):
        worker(reading("speak"))


def test_a_failure_of_the_world_can_be_caught(worker: Worker) -> None:
    script = calls(
        Step("try_to", on="pool", args=("a",)), setup=(POOL,), worlds={"desk": WorldSpec("Desk", {"failing": ["a"]})}
    )
    assert worker(script).calls[-1].value == "no a"


def test_items_come_at_the_consumers_pace(worker: Worker) -> None:
    history = worker(calls(Step("numbers", args=(5,), consume=Consume(((2.0, 0),), 3)), Step("double", args=(1,))))
    assert [(item.t, item.value) for item in history.calls[0].items] == [(1.0, 0), (4.0, 1), (5.0, 2)]
    assert history.calls[1].began == 5.0


def test_context_managers_are_left_in_reverse_after_the_finale(worker: Worker) -> None:
    setup = (
        Step("Manager", args=("a",), save="a"),
        Step(on="a", enter=True),
        Step("Manager", args=("b",), save="b"),
        Step(on="b", enter=True),
    )
    history = worker(calls(setup=setup, finale=(Step("seen", on="a"),)))
    assert [call.do for call in history.calls] == ["Manager", "enter", "Manager", "enter", "seen", "leave", "leave"]
    assert [call.on for call in history.calls[-2:]] == ["b", "a"]
    assert history.calls[4].value == ["enter a", "enter b"]


def test_actors_of_plain_calls_follow_one_another(worker: Worker) -> None:
    script = Script(setup=(), actors={"A": (Step("clock"),), "B": (Step("double", args=(2,)),)})
    assert [(call.actor, call.began) for call in worker(script).calls] == [("A", 0.0), ("B", 3600.0)]


def test_a_driver_asks_on(worker: Worker) -> None:
    history = worker(Script(setup=(), actors={}, drivers={"asker": WorldSpec("Asker", {"start": 1, "times": 5})}))
    assert history.worlds["asker"].got == [2, 4, 8, 16, 32]
    assert history.end == 2.5


# ---- what the submission lacks


@pytest.mark.parametrize(
    ("script", "name"),
    [
        (calls(Step("nothing")), "nothing"),
        (calls(Step("nothing", on="pool"), setup=(POOL,)), "Pool.nothing"),
        (calls(Step("give_back", args=(Made("Nothing", {}),))), "Nothing"),
        (calls(setup=(Step("lease", save="l"), Step(on="l", enter=True))), "Lease.__enter__"),
    ],
)
def test_a_missing_name_was_not_attempted(worker: Worker, script: Script, name: str) -> None:
    verdict = worker.verdict(script)
    assert isinstance(verdict, NotAttempted)
    assert str(verdict) == f"there is no {name}"


def test_not_implemented_was_not_attempted(worker: Worker) -> None:
    assert isinstance(worker.verdict(calls(Step("not_yet"))), NotAttempted)


# ---- exceptions


def test_an_exception_that_the_script_allows_is_part_of_the_history(worker: Worker) -> None:
    call = worker(calls(Step("fail", args=("refused",)), errors=("RefusedError",))).calls[0]
    assert (call.outcome, call.error, call.message) == ("raised", "RefusedError", "no")
    assert call.line is not None
    assert call.line.startswith("submission.py:")
    assert call.line.endswith(" fail")


@pytest.mark.parametrize(
    "name", ["KeyError", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration", "MemoryError"]
)
def test_any_other_exception_breaks_the_promise_and_ends_no_worker(worker: Worker, name: str) -> None:
    verdict = worker.verdict(calls(Step("fail_with", args=(name,)), Step("double", args=(2,))))
    assert isinstance(verdict, Broken)
    assert verdict.expected == "only the errors that the statement names"
    assert f"fail_with raised {name}" in verdict.got
    assert worker.history.calls[-1].value == 4


def test_an_exception_whose_text_cannot_be_had_is_reported_without(worker: Worker) -> None:
    verdict = worker.verdict(calls(Step("fail", args=("rude",))))
    assert isinstance(verdict, Broken)
    assert verdict.got.startswith("fail raised Rude at submission.py:")


def test_a_huge_text_is_cut_and_made_sendable(worker: Worker) -> None:
    verdict = worker.verdict(calls(Step("fail", args=("long",))))
    assert isinstance(verdict, Broken)
    assert verdict.got.startswith("fail raised LongError: é?é?")
    assert len(verdict.got) < 300


def test_an_exception_group_is_told_by_what_is_in_it(worker: Worker) -> None:
    verdict = worker.verdict(calls(Step("fail_in_a_group")))
    assert isinstance(verdict, Broken)
    assert "raised ExceptionGroup: many (2 sub-exceptions): RefusedError: inner" in verdict.got


def test_wrong_arguments_are_the_submissions_error(worker: Worker) -> None:
    verdict = worker.verdict(calls(Step("double")))
    assert isinstance(verdict, Broken)
    assert "double raised TypeError: double() missing 1 required positional argument" in verdict.got


# ---- input, output, size


def test_there_is_no_input(worker: Worker) -> None:
    assert worker(calls(Step("read_input"), errors=("EOFError",))).calls[0].error == "EOFError"


def test_what_it_prints_goes_nowhere(worker: Worker, capfd: pytest.CaptureFixture[str]) -> None:
    assert value(worker, "talk", 50) == 50
    assert capfd.readouterr() == ("", "")


def test_a_value_that_is_too_large_is_known_by_its_kind(worker: Worker) -> None:
    assert value(worker, "large").type == "large list"


def test_a_value_that_holds_itself_many_times_ends_nothing(worker: Worker) -> None:
    assert isinstance(value(worker, "nested"), list)


def test_too_much_in_one_message_is_a_crash_with_its_reason(worker: Worker) -> None:
    fields = tuple(f"field_{number}" for number in range(10))
    verdict = worker.verdict(calls(Step("Broad", read=fields)))
    assert isinstance(verdict, Crashed)
    assert str(verdict) == "it returned or passed on a value that is too large"
    assert value(worker, "double", 2) == 4


# ---- a submission's state


def test_state_stays_in_a_worker_and_does_not_reach_another(worker: Worker) -> None:
    assert [value(worker, "increase") for _ in range(3)] == [1, 2, 3]
    worker.close()
    assert value(worker, "increase") == 1


def test_a_handle_kept_from_an_earlier_play_is_nothing_in_a_later_one(worker: Worker) -> None:
    script = calls(
        Step("get", on="pool", args=("a",), save="h"),
        Step("keep", args=(Saved("h"),)),
        setup=(POOL,),
        worlds={"desk": DESK},
    )
    first, second = worker(script), worker(script)
    assert first.calls[-1].value is first.calls[-2].value
    assert isinstance(second.calls[-1].value, Opaque)
    assert second.calls[-1].value.type == "handle of another play"


def test_the_history_is_json_ready_but_for_its_values(worker: Worker) -> None:
    history = worker(calls(Step("double", args=(1,))))
    assert json.dumps(
        [(event.seq, event.t, event.kind, event.actor, event.call, event.what) for event in history.events]
    )
