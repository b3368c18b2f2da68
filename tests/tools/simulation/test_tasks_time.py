"""Virtual time in async code: exact, free of waiting, and also kept by what would have run on threads.

The other `test_tasks_*` files use `both`, `load` and `play` from here.
"""

from __future__ import annotations

import asyncio
import functools
import textwrap
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trio

from burnin.worker.simulation import current
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.tasks import Backend, TaskRun, install, run_tasks

current.install()
install()
both = pytest.mark.parametrize("backend", ["asyncio", "trio"])


SUBMISSION = "/submission/submission.py"


def load(source: str) -> Any:
    """A module from source text, as a worker loads a submission."""
    module = ModuleType("submission")
    exec(compile(textwrap.dedent(source), SUBMISSION, "exec"), module.__dict__)
    return module


def play(
    main: Callable[[TaskRun], Awaitable[object]], backend: Backend, seed: int | None = None, **options: Any
) -> TaskRun:
    """Play a script that must come to its end."""
    run = run_tasks(main, backend=backend, choices=Choices(seed), sources=frozenset({SUBMISSION, __file__}), **options)
    assert (run.stop, run.error, run.dirty) == (None, None, False)
    return run


def ends_of(*jobs: Callable[[], Awaitable[object]], backend: Backend) -> list[float]:
    """Virtual times at which the jobs, started together, end."""
    ends: list[float] = []

    async def main(run: TaskRun) -> None:
        async def timed(job: Callable[[], Awaitable[object]]) -> None:
            await job()
            ends.append(run.now())

        async with anyio.create_task_group() as group:
            for job in jobs:
                group.start_soon(timed, job)

    play(main, backend)
    return sorted(ends)


@both
def test_times_are_the_exact_sums_of_the_sleeps(backend: Backend) -> None:
    times = []

    async def main(run: TaskRun) -> None:
        for seconds in (0.1, 0.1, 0.1, 1e-9, 3600.0, 1 / 3):
            await anyio.sleep(seconds)
            times.append(run.now())

    play(main, backend)
    total, expected = 0.0, []
    for seconds in (0.1, 0.1, 0.1, 1e-9, 3600.0, 1 / 3):
        total += seconds
        expected.append(total)
    assert times == expected


@both
def test_a_long_sleep_takes_no_more_steps_than_a_short_one(backend: Backend) -> None:
    def steps(seconds: float) -> int:
        async def main(run: TaskRun) -> None:
            for _ in range(50):
                await anyio.sleep(seconds)

        return play(main, backend).steps

    assert steps(86_400.0) == steps(0.001) < 300


@both
def test_a_timeout_fires_at_its_deadline(backend: Backend) -> None:
    ends = []

    async def main(run: TaskRun) -> None:
        assert anyio.current_effective_deadline() == float("inf")
        with anyio.move_on_after(0.3):
            await anyio.sleep_forever()
        ends.append(run.now())

    play(main, backend)
    assert ends == [0.3]


@both
def test_all_clocks_show_virtual_time_during_a_run(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        await anyio.sleep(2.5)
        assert time.monotonic() == time.time() == time.perf_counter() == anyio.current_time() == run.now() == 2.5
        assert time.monotonic_ns() == 2_500_000_000

    play(main, backend)
    assert time.monotonic() != 2.5


@both
def test_blocking_the_loop_is_noted_and_moves_the_clock(backend: Backend) -> None:
    ends = []

    async def blocking() -> None:
        await anyio.sleep(1)
        time.sleep(5)

    async def main(run: TaskRun) -> None:
        await blocking()
        time.sleep(0)
        ends.append(run.now())

    run = play(main, backend)
    line = blocking.__code__.co_firstlineno + 2
    assert run.blocked == [(1.0, 5, f"test_tasks_time.py:{line} blocking")]
    assert ends == [6.0]


@both
def test_time_sleep_refuses_what_the_real_one_refuses(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        for seconds, error in ((-1, ValueError), (float("nan"), ValueError), (float("inf"), OverflowError)):
            with pytest.raises(error):
                time.sleep(seconds)

    play(main, backend)


@both
def test_work_on_threads_overlaps_and_does_not_block_the_loop(backend: Backend) -> None:
    job = functools.partial(anyio.to_thread.run_sync, time.sleep, 5.0)
    assert ends_of(job, job, job, functools.partial(anyio.sleep, 1), backend=backend) == [1.0, 5.0, 5.0, 5.0]


@both
def test_work_on_threads_waits_for_its_limiter(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        limiter = anyio.CapacityLimiter(2)
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(functools.partial(anyio.to_thread.run_sync, time.sleep, 5.0, limiter=limiter))
        assert run.now() == 15.0
        assert limiter.borrowed_tokens == 0
        assert run.blocked == []

    play(main, backend)


@both
def test_work_on_a_thread_ends_when_its_clock_says(backend: Backend) -> None:
    def work() -> float:
        time.sleep(0.1)
        time.sleep(0.2)
        return time.monotonic()

    async def main(run: TaskRun) -> None:
        await anyio.sleep(0.7)
        shown = await anyio.to_thread.run_sync(work)
        assert shown == run.now() == 0.7 + 0.1 + 0.2

    play(main, backend)


@both
def test_an_error_of_work_on_a_thread_arrives_when_the_work_ends(backend: Backend) -> None:
    def work() -> None:
        time.sleep(2)
        raise LookupError("weights")

    async def main(run: TaskRun) -> None:
        with pytest.raises(LookupError, match="weights"):
            await anyio.to_thread.run_sync(work)
        assert run.now() == 2.0

    play(main, backend)


@both
@pytest.mark.parametrize(("abandon", "end"), [(True, 1.0), (False, 5.0)])
def test_cancelled_work_on_a_thread_is_waited_for_unless_abandoned(backend: Backend, abandon: bool, end: float) -> None:
    async def main(run: TaskRun) -> None:
        with anyio.move_on_after(1):
            await anyio.to_thread.run_sync(time.sleep, 5.0, abandon_on_cancel=abandon)
        assert run.now() == end

    play(main, backend)


def test_trio_threads_take_virtual_time_too() -> None:
    job = functools.partial(trio.to_thread.run_sync, time.sleep, 5.0)
    assert ends_of(job, job, backend="trio") == [5.0, 5.0]


def test_asyncio_executors_take_virtual_time() -> None:
    async def default() -> None:
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, 3.0)

    assert ends_of(default, functools.partial(asyncio.to_thread, time.sleep, 4.0), backend="asyncio") == [3.0, 4.0]


def test_a_full_pool_makes_jobs_wait() -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:

        async def job() -> None:
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 5.0)

        assert ends_of(job, job, job, backend="asyncio") == [5.0, 5.0, 10.0]

    async def late(run: TaskRun) -> None:
        with pytest.raises(RuntimeError, match="after shutdown"):
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 5.0)

    play(late, "asyncio")


def test_a_queued_job_can_be_cancelled_and_a_running_one_runs_on() -> None:
    done: list[str] = []

    async def main(run: TaskRun) -> None:
        def work(name: str) -> None:
            time.sleep(1)
            done.append(name)

        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(max_workers=1) as pool:
            jobs = [loop.run_in_executor(pool, work, name) for name in "abc"]
            jobs[0].cancel()
            jobs[1].cancel()
            await jobs[2]
        assert run.now() == 2.0

    play(main, "asyncio")
    assert done == ["a", "c"]


def test_a_callback_from_a_worker_thread_comes_at_the_thread_s_time() -> None:
    times: list[float] = []

    async def main(run: TaskRun) -> None:
        loop = asyncio.get_running_loop()

        def work() -> None:
            time.sleep(2)
            loop.call_soon_threadsafe(lambda: times.append(run.now()))
            time.sleep(2)

        await asyncio.to_thread(work)
        times.append(run.now())

    play(main, "asyncio")
    assert times == [2.0, 4.0]


def test_waiting_for_idle_tasks_takes_no_time() -> None:
    async def main(run: TaskRun) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 1)
            await anyio.wait_all_tasks_blocked()
            assert run.now() == 0.0

    play(main, "trio")


@both
def test_a_run_within_a_run_is_refused(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        async def inner(run: Any) -> None:
            raise AssertionError("not reached")

        with pytest.raises(RuntimeError, match="within another run"):
            run_tasks(inner, backend=backend, choices=Choices(), sources=frozenset())

    play(main, backend)
