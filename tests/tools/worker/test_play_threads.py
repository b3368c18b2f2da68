"""Scripts of threads, played by a real worker."""

from __future__ import annotations

import pytest
from worlds import POOL, Worker, shown, threads

from burnin.judge.verdict import Broken
from burnin.script import Saved, Script, Step


def adders(method: str, seed: int, *, finale: bool = True) -> Script:
    add = (Step(method, on="pool", args=(1,)),) * 2
    return threads((POOL,), {"seed": seed, "gap": 8, "finale": (Step("read", on="pool"),) * finale}, A=add, B=add)


def total(worker: Worker, script: Script) -> int:
    value = worker(script).calls[-1].value
    assert isinstance(value, int)
    return value


def test_a_race_is_found_by_some_interleaving_and_not_where_there_is_none(worker: Worker) -> None:
    assert {total(worker, adders("add", seed)) for seed in range(40)} > {4}
    assert {total(worker, adders("add_safely", seed)) for seed in range(40)} == {4}


def test_without_a_seed_threads_are_not_preempted(worker: Worker) -> None:
    add = (Step("add", on="pool", args=(1,)),) * 2
    assert total(worker, threads((POOL,), {"gap": 0, "finale": (Step("read", on="pool"),)}, A=add, B=add)) == 4


def test_an_interleaving_replays_exactly(worker: Worker) -> None:
    seed = next(seed for seed in range(40) if total(worker, adders("add", seed)) != 4)
    histories = set()
    for _ in range(5):
        histories.add(tuple(shown(worker(adders("add", seed)))))
        worker.close()
    assert len(histories) == 1


def test_a_deadlock_is_named_with_both_lines(worker: Worker) -> None:
    verdict = worker.verdict(
        threads((POOL,), A=(Step("lock_both", on="pool"),), B=(Step("lock_both_the_other_way", on="pool"),))
    )
    assert isinstance(verdict, Broken)
    assert "a deadlock: nothing can go on" in verdict.got
    assert "A at submission.py:" in verdict.got
    assert "B at submission.py:" in verdict.got
    assert "lock_both_the_other_way" in verdict.got


def test_a_thread_that_computes_for_ever_is_a_livelock(worker: Worker) -> None:
    """The scheduler counts points, so that no clock decides."""
    verdict = worker.verdict(threads(A=(Step("spin"),), B=(Step("double", args=(1,)),)))
    assert isinstance(verdict, Broken)
    assert "a livelock" in verdict.got
    assert "A at submission.py:" in verdict.got


def test_threads_wait_in_virtual_time_and_the_world_takes_its_time(worker: Worker) -> None:
    get = Step("get", on="pool", args=("a",), after=(3600.0, 0), save="h")
    history = worker(
        threads((POOL,), A=(get, Step("put", on="pool", args=(Saved("h"),))), B=(Step("get", on="pool", args=("b",)),))
    )
    assert [(call.actor, call.do, call.began, call.ended) for call in history.calls[1:]] == [
        ("B", "get", 0.0, 1.0),
        ("A", "get", 3600.0, 3601.0),
        ("A", "put", 3601.0, 3601.0),
    ]


@pytest.mark.parametrize("drift", [False, True])
def test_what_was_entered_is_left_when_all_threads_are_done(worker: Worker, drift: bool) -> None:
    setup = (POOL, Step("Manager", args=("a",), save="m"), Step(on="m", enter=True))
    add = (Step("add_safely", on="pool", args=(1,), after=(1.0, 0)),)
    more = {"finale": (Step("read", on="pool"),), "seed": 1, "drift": drift}
    history = worker(threads(setup, more, A=add, B=add))
    assert [call.do for call in history.calls[-2:]] == ["read", "leave"]
    assert history.calls[-2].value == 2


def test_an_exception_in_one_thread_does_not_end_the_others(worker: Worker) -> None:
    history = worker(
        threads(
            (),
            {"errors": ("RefusedError",)},
            A=(Step("fail", args=("refused",)), Step("double", args=(1,))),
            B=(Step("double", args=(2,)),),
        )
    )
    assert sorted((call.actor, call.outcome) for call in history.calls) == [
        ("A", "raised"),
        ("A", "returned"),
        ("B", "returned"),
    ]
