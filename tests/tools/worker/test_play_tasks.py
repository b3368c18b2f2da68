"""Scripts of tasks, played by a real worker on asyncio and on trio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from worlds import Worker, tasks

from burnin.judge.verdict import Broken, TimedOut
from burnin.script import Backend, Cancel, Consume, Script, Step, WorldRef, WorldSpec

POOL = Step("AsyncPool", args=(WorldRef("desk"),), save="pool")
Make = Callable[..., Script]


@pytest.fixture(params=["asyncio", "trio"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return request.param  # type: ignore[no-any-return]  # one of the two


@pytest.fixture
def make(backend: Backend) -> Make:
    """A script of tasks on this backend."""

    def made(
        setup: tuple[Step, ...] = (POOL,), more: dict[str, Any] | None = None, **actors: tuple[Step, ...]
    ) -> Script:
        return tasks(setup, {"backend": backend, **(more or {})}, **actors)

    return made


def get(key: str, **more: Any) -> Step:
    return Step("get", on="pool", args=(key,), **more)


def test_tasks_run_side_by_side_in_virtual_time(worker: Worker, make: Make) -> None:
    wait = get("a", after=(3600.0, 0))
    history = worker(make(A=(wait, get("b")), B=(get("c"),)))
    times = {(call.actor, call.args): (call.began, call.ended) for call in history.calls_of("get")}
    assert times == {("A", ("a",)): (3600.0, 3601.0), ("A", ("b",)): (3601.0, 3602.0), ("B", ("c",)): (0.0, 1.0)}


def test_plain_functions_and_coroutines_are_both_called(worker: Worker, make: Make) -> None:
    history = worker(make((), A=(Step("double", args=(2,)), Step("coroutine"))))
    assert [call.value for call in history.calls] == [4, 7]


def test_a_call_is_cancelled_some_time_after_it_began(worker: Worker, make: Make) -> None:
    history = worker(make(A=(get("a", after=(1.0, 0), cancel=Cancel(after=(0.5, 2))), get("b"))))
    first, second = history.calls_of("get")
    assert (first.outcome, first.cancelled_at, first.ended) == ("cancelled", 1.5, 1.5)
    assert (second.outcome, second.began) == ("returned", 1.5)
    assert [effect.outcome for effect in history.effects] == ["cancelled", "returned"]
    assert (1.5, "cancelled", "a") in history.worlds["desk"].log


def test_a_cancellation_reaches_every_await(worker: Worker, make: Make) -> None:
    """Three world calls, so that cancelling at one await after the other ends the first, the second, the third, then none."""
    abandoned = []
    for k in range(1, 20):
        step = Step("get_three", on="pool", args=("a",), cancel=Cancel(at_await=k))
        history = worker(make(A=(step,)))
        if history.calls[-1].outcome == "returned":
            break
        assert history.calls[-1].cancelled_at == history.calls[-1].ended
        abandoned.append(len(history.effects))
        assert history.effects[-1].outcome == "cancelled"
    assert history.calls[-1].cancelled_at is None
    assert sorted(set(abandoned)) == [1, 2, 3]
    assert abandoned == sorted(abandoned)


def test_a_call_that_ended_is_not_cancelled(worker: Worker, make: Make) -> None:
    call = worker(make(A=(get("a", cancel=Cancel(after=(5.0, 0))),))).calls[-1]
    assert (call.outcome, call.ended, call.cancelled_at) == ("returned", 1.0, None)


def test_a_deadlock_is_named_with_its_line(worker: Worker, make: Make) -> None:
    verdict = worker.verdict(make((), A=(Step("wait_for_ever"),), B=(Step("double", args=(1,)),)))
    assert isinstance(verdict, Broken)
    assert verdict.expected == "every call to come to an end"
    assert verdict.got.startswith("a deadlock: nothing can go on (A at submission.py:")
    assert verdict.got.endswith(" wait_for_ever)")


def test_a_livelock_is_named(worker: Worker, make: Make) -> None:
    verdict = worker.verdict(make((), A=(Step("poll_for_ever"),)))
    assert isinstance(verdict, Broken)
    assert "a livelock" in verdict.got
    assert worker(make((), A=(Step("double", args=(1,)),))).calls[0].value == 2


def test_a_blocked_loop_is_named_with_its_line(worker: Worker, make: Make) -> None:
    verdict = worker.verdict(make(A=(Step("block", on="pool"),), B=(get("a"), get("b"))))
    assert isinstance(verdict, Broken)
    assert verdict.expected == "an event loop that is never blocked"
    assert verdict.got.startswith("time.sleep(5) at submission.py:")
    assert verdict.got.endswith(" block")


def test_a_busy_loop_in_a_task_is_a_time_out_with_its_line(worker: Worker, make: Make) -> None:
    verdict = worker.verdict(make((), A=(Step("spin_in_a_task"),)))
    assert isinstance(verdict, TimedOut)
    assert "submission.py:" in str(verdict)
    assert worker(make((), A=(Step("double", args=(1,)),))).calls[0].value == 2


def test_what_is_entered_is_left_in_reverse_by_the_task_that_entered_it(worker: Worker, make: Make) -> None:
    setup = (
        Step("Manager", args=("a",), save="a"),
        Step(on="a", enter=True),
        Step("Background", save="b"),
        Step(on="b", enter=True),
    )
    history = worker(make(setup, A=(Step("wait", on="b", args=(5.0,)),)))
    told = [(call.do, call.on, call.began, call.ended) for call in history.calls if call.do in ("enter", "leave")]
    assert told == [
        ("enter", "a", 0.0, 1.0),
        ("enter", "b", 1.0, 1.0),
        ("leave", "b", 6.0, 6.0),
        ("leave", "a", 6.0, 7.0),
    ]
    assert history.left == []


def test_a_background_task_that_fails_takes_the_callers_along_and_is_told(worker: Worker, make: Make) -> None:
    setup = (Step("Background", args=(True,), save="b"), Step(on="b", enter=True))
    wait = Step("wait", on="b", args=(5.0,))
    verdict = worker.verdict(make(setup, A=(wait, wait), B=(Step("wait", on="b", args=(1.0,), after=(5.0, 0)),)))
    assert isinstance(verdict, Broken)
    assert "leave raised ExceptionGroup" in verdict.got
    assert "ValueError: the work failed at submission.py:" in verdict.got
    assert [event.kind for event in worker.history.events if event.t == 1.5] == [
        "cancelled",
        "dropped",
        "call",
        "raise",
    ]


def test_items_are_taken_by_a_slow_consumer_and_the_iterator_is_closed(worker: Worker, make: Make) -> None:
    items = Step("items", on="pool", args=(9,), consume=Consume(((2.0, 0),), 3))
    history = worker(make(A=(items, Step("times_closed", on="pool"))))
    assert [(item.t, item.value) for item in history.calls[1].items] == [(1.0, 0), (4.0, 1), (5.0, 2)]
    assert (history.calls[1].ended, history.calls[2].value) == (5.0, 1)


def test_items_end_with_the_iterator(worker: Worker, make: Make) -> None:
    items = Step("items", on="pool", args=(2,), consume=Consume())
    history = worker(make(A=(items, Step("times_closed", on="pool"))))
    assert [item.value for item in history.calls[1].items] == [0, 1]
    assert history.calls[2].value == 1


def test_a_consumer_is_cancelled_and_the_iterator_closed(worker: Worker, make: Make) -> None:
    items = Step("items", on="pool", args=(9,), consume=Consume(), cancel=Cancel(after=(2.5, 0)))
    history = worker(make(A=(items, Step("times_closed", on="pool"))))
    assert [item.value for item in history.calls[1].items] == [0, 1]
    assert (history.calls[1].outcome, history.calls[2].value) == ("cancelled", 1)


def test_a_task_that_was_left_behind_is_named(worker: Worker) -> None:
    history = worker(tasks((POOL,), A=(Step("leave_a_task", on="pool"),)))
    assert len(history.left) == 1
    assert history.effects[-1].outcome == "open"
    assert worker(tasks((POOL,), A=(get("a"),))).left == []


def test_who_shares_the_fate_of_a_cancelled_caller_was_not_cancelled_by_the_script(worker: Worker) -> None:
    share = Step("share", on="pool", args=("a",))
    cancelled = Step("share", on="pool", args=("a",), cancel=Cancel(after=(0.5, 0)))
    verdict = worker.verdict(tasks((POOL,), A=(cancelled,), B=(share, get("b")), C=(get("c", after=(2.0, 0)),)))
    assert isinstance(verdict, Broken)
    assert (verdict.expected, verdict.at) == ("every call to end by itself", 0.5)
    assert verdict.got == "share ended cancelled, though nobody cancelled it"
    assert [call.outcome for call in worker.history.calls_of("get")] == ["returned"]


def test_a_cancellation_raised_by_the_submission_is_not_the_scripts(worker: Worker) -> None:
    verdict = worker.verdict(tasks((), A=(Step("raise_cancelled"),)))
    assert isinstance(verdict, Broken)
    assert "though nobody cancelled it" in verdict.got


def test_a_world_that_fails_later_fails_the_call(worker: Worker, make: Make) -> None:
    more = {"worlds": {"desk": WorldSpec("Desk", {"failing": ["a"]})}, "errors": ("LookupError",)}
    history = worker(make((POOL,), more, A=(get("a"), get("b"))))
    assert [(call.outcome, call.ended) for call in history.calls_of("get")] == [("raised", 1.0), ("returned", 2.0)]


def test_a_missing_context_manager_was_not_attempted(worker: Worker, make: Make) -> None:
    verdict = worker.verdict(make((Step("lease", save="l"), Step(on="l", enter=True)), A=()))
    assert str(verdict) == "there is no Lease.__aenter__"
