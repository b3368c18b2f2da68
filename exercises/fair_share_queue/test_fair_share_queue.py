"""Sample tests for the fair share queue. Run them with `python -m pytest`; the grader tries far more than these."""

import threading

import pytest
from fair_share_queue import DuplicateTask, Impossible, Plan, Run, Scheduler, TaskQueue


def started(plan: Plan) -> list[str]:
    """The names of the tasks that a plan starts."""
    return [run.task for run in plan.start]


# ---- stage 1


def test_priority_then_first_in_first_out() -> None:
    queue = TaskQueue()
    for task, priority in [("a", 1), ("b", 2), ("c", 2)]:
        queue.put(task, priority)
    assert queue.cancel("b")
    assert not queue.cancel("b")
    queue.put("b", 2)
    with pytest.raises(DuplicateTask):
        queue.put("a", 7)
    assert queue.waiting() == 3
    assert [queue.take() for _ in range(4)] == ["c", "b", "a", None]


# ---- stage 2


def test_priority_goes_before_fair_share() -> None:
    scheduler = Scheduler(gpus=2, weights={"acme": 3, "bob": 1})
    scheduler.submit("t1", "acme", now=0)
    scheduler.submit("t2", "bob", now=0, priority=1)
    scheduler.submit("t3", "acme", now=0)
    assert scheduler.schedule(now=0) == Plan(start=(Run("t2", 1), Run("t1", 1)))
    assert scheduler.schedule(now=100) == Plan()
    assert scheduler.finish(Run("t1", 1), now=500)
    assert not scheduler.finish(Run("t1", 1), now=500)
    assert scheduler.cancel("t3", now=500)
    assert scheduler.schedule(now=500) == Plan()


def test_shares_follow_the_weights() -> None:
    scheduler = Scheduler(gpus=1, weights={"a": 3, "b": 1})
    for number in range(40):
        scheduler.submit(f"a{number}", "a", now=0)
        scheduler.submit(f"b{number}", "b", now=0)
    served = {"a": 0, "b": 0}
    for number in range(40):
        (run,) = scheduler.schedule(now=100 * number).start
        served[run.task[0]] += 100
        scheduler.finish(run, now=100 * number + 100)
    assert abs(served["a"] / 3 - served["b"]) <= 100 * (1 / 3 + 1)


# ---- stage 3


def test_makes_room_for_an_urgent_gang() -> None:
    scheduler = Scheduler(gpus=4, weights={}, grace=30, max_stops=2)
    scheduler.submit("big", "acme", now=0, gpus=3)
    scheduler.submit("small", "acme", now=0)
    assert started(scheduler.schedule(now=0)) == ["big", "small"]
    scheduler.saved(Run("small", 1), now=40)
    scheduler.submit("urgent", "bob", now=50, priority=9, gpus=2)
    assert scheduler.schedule(now=50) == Plan(stop=(Run("big", 1),), room_for="urgent")
    assert scheduler.schedule(now=60) == Plan()
    assert scheduler.stopped(Run("big", 1), now=70)
    assert scheduler.schedule(now=70) == Plan(start=(Run("urgent", 1),))
    assert scheduler.finish(Run("urgent", 1), now=90)
    assert scheduler.schedule(now=90) == Plan(start=(Run("big", 2),))


def test_grace_ends_by_itself() -> None:
    scheduler = Scheduler(gpus=1, weights={}, grace=30, max_stops=2)
    scheduler.submit("slow", "acme", now=0)
    scheduler.schedule(now=0)
    scheduler.submit("urgent", "bob", now=5, priority=9)
    assert scheduler.schedule(now=5).stop == (Run("slow", 1),)
    assert not scheduler.finish(Run("slow", 1), now=35)
    assert started(scheduler.schedule(now=35)) == ["urgent"]


def test_impossible() -> None:
    with pytest.raises(Impossible):
        Scheduler(gpus=4, weights={}).submit("huge", "acme", now=0, gpus=5)


# ---- stage 4


def test_an_overdue_gang_gets_its_turn() -> None:
    scheduler = Scheduler(gpus=2, weights={}, patience=100)
    scheduler.submit("s1", "a", now=0)
    assert started(scheduler.schedule(now=0)) == ["s1"]
    scheduler.submit("gang", "b", now=0, gpus=2)
    scheduler.submit("s2", "a", now=0)
    assert started(scheduler.schedule(now=99)) == ["s2"]
    scheduler.finish(Run("s2", 1), now=100)
    scheduler.submit("s3", "a", now=100, priority=9)
    assert started(scheduler.schedule(now=100)) == []
    scheduler.finish(Run("s1", 1), now=130)
    assert started(scheduler.schedule(now=130)) == ["gang"]


def test_a_crash_returns_a_task_once() -> None:
    scheduler = Scheduler(gpus=2, weights={}, caps={"a": 1})
    scheduler.submit("t1", "a", now=0)
    scheduler.submit("t2", "a", now=0)
    assert scheduler.schedule(now=0).start == (Run("t1", 1),)
    assert scheduler.crashed(Run("t1", 1), now=5)
    assert scheduler.schedule(now=5).start == (Run("t1", 2),)
    assert not scheduler.crashed(Run("t1", 1), now=6)
    assert not scheduler.finish(Run("t1", 1), now=7)
    assert scheduler.finish(Run("t1", 2), now=8)
    assert scheduler.schedule(now=8).start == (Run("t2", 1),)


def test_threads_share_a_scheduler() -> None:
    scheduler = Scheduler(gpus=3, weights={})
    for number in range(200):
        scheduler.submit(f"t{number}", "a", now=0)
    finished: list[str] = []

    def work() -> None:
        while len(finished) < 200:
            runs = scheduler.schedule(now=0).start
            finished.extend(run.task for run in runs if scheduler.finish(run, now=0))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(finished) == sorted(f"t{number}" for number in range(200))
    assert not any(scheduler.finish(Run(task, 1), now=0) for task in finished)
