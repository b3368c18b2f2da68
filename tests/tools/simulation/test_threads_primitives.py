"""The standard library's primitives, unmodified, on the schedule: right results at exact times, and exact replay."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from concurrent.futures import TimeoutError as FutureTimeoutError

import pytest
from test_threads_play import play

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.threads import ThreadRun

SEEDS = range(50)
Scenario = Callable[[int], tuple[ThreadRun, list[object]]]


def bounded_queue(seed: int) -> tuple[ThreadRun, list[object]]:
    items: queue.Queue[tuple[int, int]] = queue.Queue(2)
    got: list[object] = []

    def producer(number: int) -> Callable[[ThreadRun], None]:
        def act(run: ThreadRun) -> None:
            for i in range(3):
                items.put((number, i))

        return act

    def consumer(run: ThreadRun) -> None:
        got.extend(items.get() for _ in range(6))

    run = play(producer(0), producer(1), consumer, seed=seed, gap=16)
    for number in (0, 1):
        assert [item for item in got if item[0] == number] == [(number, i) for i in range(3)]  # type: ignore[index]  # events are of type object; these are numbers
    return run, got


def simple_queue(seed: int) -> tuple[ThreadRun, list[object]]:
    items: queue.SimpleQueue[int] = queue.SimpleQueue()
    got: list[object] = []

    def taker(run: ThreadRun) -> None:
        got.append((items.get(), run.now()))
        try:
            items.get(timeout=4.0)
        except queue.Empty:
            got.append(run.now())
        got.append((items.get(timeout=4.0), run.now()))

    def giver(run: ThreadRun) -> None:
        run.wait(1.0)
        items.put(7)
        run.wait(5.0)
        items.put(8)

    run = play(taker, giver, seed=seed, gap=16)
    assert got == [(7, 1.0), 5.0, (8, 6.0)]
    return run, got


def barrier(seed: int) -> tuple[ThreadRun, list[object]]:
    gate = threading.Barrier(3)
    phases: list[str] = []
    names: list[object] = []

    def act(run: ThreadRun) -> None:
        name = threading.current_thread().name
        phases.append("before")
        names.append(name)
        gate.wait()
        phases.append("after")
        names.append(name)

    run = play(act, act, act, seed=seed, gap=16)
    assert phases == ["before"] * 3 + ["after"] * 3
    return run, names


def event_with_timeouts(seed: int) -> tuple[ThreadRun, list[object]]:
    event = threading.Event()
    seen: list[object] = []

    def waits(run: ThreadRun) -> None:
        seen.append((event.wait(2.0), time.monotonic()))
        seen.append((event.wait(10.0), time.monotonic()))

    def sets(run: ThreadRun) -> None:
        time.sleep(5.0)
        event.set()

    run = play(waits, sets, seed=seed, gap=16)
    assert seen == [(False, 2.0), (True, 5.0)]
    return run, seen


def lock_timeouts(seed: int) -> tuple[ThreadRun, list[object]]:
    lock = threading.Lock()
    seen: list[object] = []

    def holds(run: ThreadRun) -> None:
        with lock:
            run.wait(3.0)

    def tries(run: ThreadRun) -> None:
        run.wait(1.0)
        seen.append((lock.acquire(blocking=False), run.now()))
        seen.append((lock.acquire(timeout=0.5), run.now()))
        seen.append((lock.acquire(timeout=10), run.now()))
        lock.release()

    run = play(holds, tries, seed=seed, gap=16)
    assert seen == [(False, 1.0), (False, 1.5), (True, 3.0)]
    return run, seen


def pool(seed: int) -> tuple[ThreadRun, list[object]]:
    seen: list[object] = []

    def work(i: int) -> int:
        time.sleep(1.0)
        return i

    def act(run: ThreadRun) -> None:
        with ThreadPoolExecutor(2) as executor:
            futures = [executor.submit(work, i) for i in range(5)]
            try:
                futures[4].result(timeout=0.5)
            except FutureTimeoutError:
                seen.append(time.monotonic())
            seen.extend(future.result() for future in as_completed(futures))
        seen.append(time.monotonic())

    run = play(act, seed=seed, gap=16)
    assert seen[0] == 0.5
    assert sorted(seen[1:6]) == [0, 1, 2, 3, 4]  # type: ignore[type-var]  # events are of type object; these are numbers
    assert seen[6] == 3.0
    return run, seen


def join(seed: int) -> tuple[ThreadRun, list[object]]:
    seen: list[object] = []

    def act(run: ThreadRun) -> None:
        def child(seconds: float) -> None:
            time.sleep(seconds)
            seen.append(seconds)

        children = [threading.Thread(target=child, args=(seconds,)) for seconds in (3.0, 1.0, 2.0)]
        for thread in children:
            thread.start()
        children[0].join(0.5)
        seen.append((time.monotonic(), children[0].is_alive()))
        for thread in children:
            thread.join()
        seen.append((time.monotonic(), any(thread.is_alive() for thread in children)))

    run = play(act, seed=seed, gap=16)
    assert seen == [(0.5, True), 1.0, 2.0, 3.0, (3.0, False)]
    return run, seen


def timer(seed: int) -> tuple[ThreadRun, list[object]]:
    seen: list[object] = []

    def act(run: ThreadRun) -> None:
        fires = threading.Timer(7.0, lambda: seen.append(time.monotonic()))
        cancelled = threading.Timer(5.0, lambda: seen.append("cancelled"))
        fires.start()
        cancelled.start()
        run.wait(1.0)
        cancelled.cancel()
        fires.join()

    run = play(act, seed=seed, gap=16)
    assert seen == [7.0]
    return run, seen


def rlock_and_semaphore(seed: int) -> tuple[ThreadRun, list[object]]:
    lock, slots = threading.RLock(), threading.BoundedSemaphore(2)
    live: list[object] = []
    most: list[object] = []

    def act(run: ThreadRun) -> None:
        with slots:
            with lock, lock:
                live.append(1)
                most.append(len(live))
            time.sleep(1.0)
            with lock:
                live.pop()

    run = play(act, act, act, act, act, seed=seed, gap=16)
    assert (max(most), run.time) == (2, 3.0)  # type: ignore[type-var]  # events are of type object; these are numbers
    return run, most


def condition(seed: int) -> tuple[ThreadRun, list[object]]:
    ready = threading.Condition()
    items: list[int] = []
    seen: list[object] = []

    def consumer(run: ThreadRun) -> None:
        with ready:
            assert ready.wait_for(lambda: items, timeout=9.0)
            seen.append((items.pop(0), run.now()))
            assert not ready.wait_for(lambda: False, timeout=2.5)
            seen.append(run.now())

    def producer(run: ThreadRun) -> None:
        for i in (1, 2):
            run.wait(1.0)
            with ready:
                items.append(i)
                ready.notify()

    run = play(consumer, consumer, producer, seed=seed, gap=16)
    assert seen == [(1, 1.0), (2, 2.0), 3.5, 4.5]
    return run, seen


SCENARIOS: list[Scenario] = [
    bounded_queue,
    simple_queue,
    barrier,
    event_with_timeouts,
    lock_timeouts,
    pool,
    join,
    timer,
    rlock_and_semaphore,
    condition,
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_primitives_keep_their_contract_and_replay(scenario: Scenario) -> None:
    for seed in SEEDS:
        run, seen = scenario(seed)
        assert (run.stop, run.errors, run.left, run.escaped) == (None, {}, [], False)
        again, seen_again = scenario(seed)
        assert (again.points, again.switches, again.time, seen_again) == (run.points, run.switches, run.time, seen)


@pytest.mark.parametrize("scenario", [bounded_queue, barrier, pool])
def test_seeds_reach_different_orders(scenario: Scenario) -> None:
    assert len({str(scenario(seed)[1]) for seed in SEEDS}) > 1


def test_any_waiter_may_get_a_lock_next() -> None:
    def order(seed: int) -> str:
        lock = threading.Lock()
        got: list[str] = []

        def act(run: ThreadRun) -> None:
            with lock:
                got.append(threading.current_thread().name)
                run.wait(1.0)

        play(act, act, act, choices=Choices(seed))
        return "".join(got)

    assert {order(seed) for seed in SEEDS} == {"abc", "acb", "bac", "bca", "cab", "cba"}
