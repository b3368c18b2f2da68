"""Runs that cannot go on end with a verdict that names the lines, and leave a process that can play the next one.

`test_tasks_hostile.py` uses `stopped` and `assert_usable` from here.
"""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import pytest
from test_tasks_time import SUBMISSION, both, load, play

from burnin.worker.simulation import current
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.tasks import Backend, TaskRun, run_tasks


def stopped(source: str, backend: Backend, **options: Any) -> TaskRun:
    """Play `main(run)` of a submission."""
    module = load(source)
    return run_tasks(module.main, backend=backend, choices=Choices(1), sources=frozenset({SUBMISSION}), **options)


def assert_usable(backend: Backend) -> None:
    """The next run of this process is right."""
    times = []

    async def main(run: TaskRun) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 2)
            await anyio.sleep(1)
            times.append(run.now())
        times.append(run.now())
        assert run.alive() == []

    play(main, backend)
    assert times == [1.0, 2.0]
    assert current.current() is None


@both
def test_a_deadlock_names_the_line_of_each_task(backend: Backend) -> None:
    run = stopped(
        """\
        import anyio
        async def first(a, b):
            async with a:
                await anyio.sleep(1)
                async with b:
                    pass
        async def second(a, b):
            async with b:
                await anyio.sleep(1)
                async with a:
                    pass
        async def main(run):
            a, b = anyio.Lock(), anyio.Lock()
            async with anyio.create_task_group() as group:
                group.start_soon(first, a, b, name="call0")
                group.start_soon(second, a, b, name="call1")
        """,
        backend,
    )
    assert run.stop is not None
    assert (run.stop.kind, run.stop.time) == ("deadlock", 1.0)
    assert [line for line in run.stop.waiting if line[0] != "main"] == [
        ("call0", "submission.py:5 first"),
        ("call1", "submission.py:10 second"),
    ]
    assert (run.error, run.dirty, run.over) == (None, False, True)
    assert_usable(backend)


@both
def test_the_line_is_found_through_async_generators_and_context_managers(backend: Backend) -> None:
    module = load(
        """\
        import anyio, contextlib
        async def stream():
            yield 1
            await anyio.sleep_forever()
        @contextlib.asynccontextmanager
        async def opened():
            await anyio.sleep_forever()
            yield
        """
    )

    async def main(run: TaskRun) -> None:
        async def consume() -> None:
            async for _ in module.stream():
                pass

        async def consume_with_default() -> None:
            items = module.stream()
            while await anext(items, None):
                pass

        async def enter() -> None:
            async with module.opened():
                pass

        async with anyio.create_task_group() as group:
            for task in (consume, consume_with_default, enter):
                group.start_soon(task, name=task.__name__)

    run = run_tasks(main, backend=backend, choices=Choices(), sources=frozenset({SUBMISSION}))
    assert run.stop is not None
    assert run.stop.waiting[1:] == [
        ("consume", "submission.py:4 stream"),
        ("consume_with_default", "submission.py:4 stream"),
        ("enter", "submission.py:7 opened"),
    ]


@both
@pytest.mark.parametrize("seconds", [0, 0.01])
def test_waiting_in_circles_is_a_livelock(backend: Backend, seconds: float) -> None:
    run = stopped(
        f"""\
        import anyio
        async def main(run):
            while True:
                await anyio.sleep({seconds})
        """,
        backend,
        max_steps=2_000,
    )
    assert run.stop is not None
    assert run.stop.kind == "livelock"
    assert run.stop.waiting == [("main", "submission.py:4 main")]
    assert not run.dirty
    assert_usable(backend)


@both
def test_a_spin_that_waits_for_a_timer_is_let_through(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        ready = anyio.Event()

        async def load_model() -> None:
            await anyio.sleep(30)
            ready.set()

        async with anyio.create_task_group() as group:
            group.start_soon(load_model)
            while not ready.is_set():
                await anyio.lowlevel.checkpoint()
            assert run.now() == 30.0

    assert play(main, backend).spun


@both
def test_time_beyond_the_limit_stops_the_run(backend: Backend) -> None:
    source = "import anyio\nasync def main(run):\n    await anyio.sleep(1e6)\n    await anyio.sleep(1e8)"
    run = stopped(source, backend, max_time=1e7)
    assert run.stop is not None
    assert (run.stop.kind, run.stop.time, run.now()) == ("time_limit", 1e6, 1e6)
    assert run.stop.waiting == [("main", "submission.py:4 main")]
    assert not run.dirty


@both
@pytest.mark.parametrize(("seconds", "kind"), [(0, "livelock"), (0.1, "livelock"), (1e6, "time_limit")])
def test_a_loop_around_time_sleep_ends(backend: Backend, seconds: float, kind: str) -> None:
    run = stopped(
        f"""\
        import time
        async def main(run):
            while True:
                time.sleep({seconds})
        """,
        backend,
        max_steps=2_000,
        max_time=1e7,
    )
    assert run.stop is not None
    assert (run.stop.kind, run.stop.waiting) == (kind, [("main", "submission.py:4 main")])
    assert len(run.blocked) <= 2_000
    assert run.error is None
    assert_usable(backend)


@both
def test_clean_up_after_a_stop_may_take_virtual_time(backend: Backend) -> None:
    run = stopped(
        """\
        import anyio
        closed = []
        async def main(run):
            try:
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(5)
                    closed.append(run.over)
                    assert closed == [True]
        """,
        backend,
    )
    assert run.stop is not None
    assert (run.stop.kind, run.stop.time, run.now(), run.dirty) == ("deadlock", 0.0, 5.0, False)
    assert_usable(backend)


@both
def test_an_error_that_escapes_main_is_kept(backend: Backend) -> None:
    run = stopped("async def main(run):\n    raise LookupError('weights')", backend)
    assert isinstance(run.error, LookupError)
    assert (run.stop, run.dirty) == (None, False)
    assert_usable(backend)
