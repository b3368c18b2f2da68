"""Outside a run nothing has changed: real threads, real locks, real time; and locks go in and out of a run."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from test_threads_play import load, play

from burnin.worker.simulation import threads
from burnin.worker.simulation.threads import ThreadRun


def test_installing_again_changes_nothing() -> None:
    before = threading.Lock, threading.Thread.start, time.sleep
    threads.install()
    assert (threading.Lock, threading.Thread.start, time.sleep) == before


@pytest.mark.parametrize("make", [threading.Lock, threading.RLock, threading.Condition])
def test_a_lock_excludes_real_threads(make: Callable[[], Any]) -> None:
    lock, inside, most = make(), [0], [0]

    def work() -> None:
        for _ in range(50):
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0)  # lets another thread in if the lock does not keep it out
                inside[0] -= 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == [1]


def test_real_threads_hand_over_through_queues_and_pools() -> None:
    numbers: queue.SimpleQueue[int] = queue.SimpleQueue()
    with ThreadPoolExecutor(2) as pool:
        got = [pool.submit(numbers.get) for _ in range(4)]
        for i in range(4):
            numbers.put(i)
        assert sorted(future.result(timeout=10.0) for future in got) == [0, 1, 2, 3]


def test_real_events_time_out_and_threads_are_joined() -> None:
    event = threading.Event()
    assert not event.wait(0.001)
    waiter = threading.Thread(target=event.wait)
    waiter.start()
    waiter.join(0.001)
    assert waiter.is_alive()
    event.set()
    waiter.join()
    assert not waiter.is_alive()
    assert not queue.SimpleQueue().qsize()


def test_misuse_raises_what_the_real_primitives_raise() -> None:
    def misuse() -> list[tuple[type[Exception], str]]:
        lock, rlock, items = threading.Lock(), threading.RLock(), queue.SimpleQueue[int]()
        thread = threading.Thread(target=int)
        started = threading.Thread(target=int)
        started.start()
        attempts: list[Callable[[], object]] = [
            lock.release,
            rlock.release,
            lambda: lock.acquire(blocking=False, timeout=1.0),
            lambda: lock.acquire(timeout=-2.0),
            lambda: rlock.acquire(timeout=1e300),
            lambda: items.get(timeout=-1.0),
            items.get_nowait,
            thread.join,
            threading.current_thread().join,
            started.start,
            threading.Condition().notify,
        ]
        errors: list[tuple[type[Exception], str]] = []
        for attempt in attempts:
            try:
                attempt()
            except (RuntimeError, ValueError, OverflowError, queue.Empty) as error:
                errors.append((type(error), str(error)))
        assert len(errors) == len(attempts)
        return errors

    inside: list[list[tuple[type[Exception], str]]] = []
    run = play(lambda run: inside.append(misuse()))
    assert run.errors == {}
    assert inside == [misuse()]


def test_asyncio_works_between_runs() -> None:
    async def main() -> int:
        return await asyncio.to_thread(sum, [1, 2, 3])

    play(lambda run: run.wait(1.0))
    assert asyncio.run(main()) == 6


def test_a_lock_of_the_module_works_inside_a_run() -> None:
    module = load("""
        import threading

        lock = threading.Lock()
        n = 0

        def add():
            global n
            with lock:
                n += 1
    """)

    def act(run: ThreadRun) -> None:
        for _ in range(5):
            module.add()

    for seed in range(20):
        assert play(act, act, seed=seed).stop is None
    assert module.n == 200
    module.add()
    assert module.n == 201


def test_a_lock_held_outside_is_held_inside() -> None:
    lock = threading.Lock()
    taken: list[bool] = []
    with lock:
        run = play(lambda run: lock.acquire())
        assert run.stop is not None
        assert run.stop.kind == "deadlock"
        play(lambda run: taken.append(lock.acquire(timeout=1.0)))
    play(lambda run: taken.append(lock.acquire(timeout=1.0)))
    assert taken == [False, True]
    assert lock.locked()


def test_a_lock_made_and_held_inside_is_held_outside() -> None:
    locks: list[Any] = []

    def act(run: ThreadRun) -> None:
        locks.append(threading.Lock())
        locks[0].acquire()

    play(act)
    assert not locks[0].acquire(blocking=False)
    locks[0].release()
    assert locks[0].acquire(timeout=0.001)


def test_a_pool_of_the_module_serves_run_after_run() -> None:
    pool = ThreadPoolExecutor(2)
    got: list[int] = []

    def act(run: ThreadRun) -> None:
        got.extend(pool.map(lambda i: i * i, range(4)))

    for seed in range(3):
        assert play(act, seed=seed).stop is None
    assert got == [0, 1, 4, 9] * 3
