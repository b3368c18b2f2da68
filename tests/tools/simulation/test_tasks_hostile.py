"""Submissions that fight the engine, or are interrupted in it: each run ends with an outcome, and quietly."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from types import FrameType
from typing import Any

import anyio
import pytest
import trio._core._run as trio_run
from test_tasks_stops import assert_usable, stopped
from test_tasks_time import both, play

from burnin.worker.simulation import current
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.tasks import Backend, TaskRun, run_tasks


@both
@pytest.mark.parametrize("error", ["SystemExit(3)", "KeyboardInterrupt()"])
def test_an_exit_in_a_background_task_ends_the_run(backend: Backend, error: str) -> None:
    run = stopped(
        f"""\
        import anyio
        async def quit():
            await anyio.sleep(1)
            raise {error}
        async def main(run):
            async with anyio.create_task_group() as group:
                group.start_soon(quit)
                await anyio.sleep(10)
        """,
        backend,
    )
    leaf = run.error
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    assert isinstance(leaf, (SystemExit, KeyboardInterrupt))
    assert (run.stop, run.now(), run.dirty) == (None, 1.0, True)
    assert_usable(backend)


@both
def test_a_task_that_swallows_cancellation_does_not_hold_the_run(backend: Backend) -> None:
    run = stopped(
        """\
        import anyio
        async def stubborn():
            while True:
                try:
                    await anyio.sleep_forever()
                except BaseException:
                    pass
        async def main(run):
            async with anyio.create_task_group() as group:
                group.start_soon(stubborn, name="stubborn")
        """,
        backend,
    )
    assert run.stop is not None
    assert run.stop.kind == "deadlock"
    assert ("stubborn", "submission.py:5 stubborn") in run.stop.waiting
    assert run.dirty


def test_a_shield_for_ever_makes_a_trio_run_dirty_and_no_more() -> None:
    run = stopped(
        """\
        import anyio
        async def main(run):
            with anyio.CancelScope(shield=True):
                await anyio.sleep_forever()
        """,
        "trio",
    )
    assert run.stop is not None
    assert (run.stop.kind, run.dirty, run.error) == ("deadlock", True, None)
    assert_usable("trio")


def test_tasks_left_behind_are_seen_and_ended() -> None:
    run = stopped(
        """\
        import asyncio
        left, ended = [], []
        async def background():
            try:
                await asyncio.sleep(3600)
            finally:
                ended.append(True)
        async def main(run):
            task = asyncio.create_task(background(), name="refresher")
            await asyncio.sleep(1)
            left.extend(run.alive())
            assert left == [("refresher", "submission.py:5 background")]
            run.ended = ended
        """,
        "asyncio",
    )
    assert (run.stop, run.error, run.dirty) == (None, None, False)
    assert run.ended == [True]  # type: ignore[attr-defined]  # set by the scenario


def test_a_system_task_left_behind_on_trio_is_seen() -> None:
    run = stopped(
        """\
        import trio
        async def background():
            await trio.sleep(3600)
        async def main(run):
            trio.lowlevel.spawn_system_task(background, name="refresher")
            await trio.sleep(1)
            assert run.alive() == [("refresher", "submission.py:3 background")]
        """,
        "trio",
    )
    assert (run.stop, run.error, run.dirty) == (None, None, False)


def test_a_leftover_task_that_cannot_be_ended_makes_the_run_dirty_but_does_not_stop_it() -> None:
    run = stopped(
        """\
        import asyncio
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    pass
        async def main(run):
            run.task = asyncio.create_task(stubborn())
            await asyncio.sleep(1)
        """,
        "asyncio",
    )
    assert (run.stop, run.error, run.dirty) == (None, None, True)


@both
def test_open_generators_are_closed_after_main(backend: Backend) -> None:
    run = stopped(
        """\
        import anyio
        async def stream(closed):
            try:
                yield 1
                yield 2
            finally:
                closed.append("closed")
        async def main(run):
            run.closed = []
            run.kept = stream(run.closed)
            assert await anext(run.kept) == 1
            async for _ in stream(run.closed):
                break
            await anyio.sleep(1)
            assert run.closed == ["closed"]
        """,
        backend,
    )
    assert (run.stop, run.error, run.dirty) == (None, None, False)
    assert run.closed == ["closed", "closed"]  # type: ignore[attr-defined]  # set by the scenario


class Alarm(BaseException):
    """What a worker's signal handler might raise."""


def alarm(announced: bool) -> Any:
    def handler(_signal: int, _frame: FrameType | None) -> None:
        error = Alarm()
        run = current.current()
        assert isinstance(run, TaskRun)
        if announced:
            run.interrupt(error)
        raise error

    return handler


BUSY = """\
import signal
def busy():
    signal.raise_signal(signal.SIGUSR1)
"""


@both
@pytest.mark.parametrize("announced", [False, True])
def test_an_interruption_of_main_is_the_error_of_the_run(backend: Backend, announced: bool) -> None:
    before = signal.signal(signal.SIGUSR1, alarm(announced))
    try:
        run = stopped(BUSY + "async def main(run):\n    busy()", backend)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(run.error, Alarm)
    assert (run.stop, run.dirty) == (None, True)
    assert current.current() is None


SWALLOWING = (
    BUSY
    + """
import anyio
async def background():
    await anyio.sleep(1)
    try:
        busy()
    except BaseException:
        pass
async def main(run):
    async with anyio.create_task_group() as group:
        group.start_soon(background)
        await anyio.sleep(2)
        run.went_on = True
"""
)


@both
def test_an_announced_interruption_cannot_be_swallowed(backend: Backend) -> None:
    before = signal.signal(signal.SIGUSR1, alarm(announced=True))
    try:
        run = stopped(SWALLOWING, backend)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(run.error, Alarm)
    assert run.dirty
    assert not hasattr(run, "went_on")


def test_an_interruption_of_a_task_that_nobody_awaits_is_kept() -> None:
    before = signal.signal(signal.SIGUSR1, alarm(announced=False))
    try:
        run = stopped(
            BUSY
            + """
import asyncio
async def background():
    busy()
async def main(run):
    asyncio.create_task(background())
    await asyncio.sleep(1)
""",
            "asyncio",
        )
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert isinstance(run.error, Alarm)
    assert run.dirty


def test_an_error_in_a_callback_after_a_step_ends_the_run_on_trio_too() -> None:
    async def main(run: TaskRun) -> None:
        run.after_step(lambda: 1 // 0)
        await anyio.sleep(1)

    run = run_tasks(main, backend="trio", choices=Choices(), sources=frozenset())
    assert isinstance(run.error, ZeroDivisionError)
    assert run.dirty


@both
def test_dropped_tasks_and_failures_write_nothing(
    backend: Backend, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    noisy = """\
    import asyncio, anyio, sniffio
    async def fails():
        raise ValueError("loud")
    async def stream():
        try:
            yield 1
        finally:
            raise ValueError("loud close")
    async def main(run):
        anyio.sleep(1)
        if sniffio.current_async_library() == "asyncio":
            loop = asyncio.get_running_loop()
            for _ in range(20):
                asyncio.create_task(fails())
                loop.call_soon(lambda: 1 // 0)
        items = stream()
        await anext(items)
        del items
        await anyio.sleep(1)
    """
    with caplog.at_level(logging.DEBUG):
        run = stopped(noisy, backend)
        gc.collect()
    assert run.error is None
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("asyncio").disabled
    assert sys.exc_info() == (None, None, None)


def test_the_submission_s_own_exception_handler_is_honoured() -> None:
    seen: list[str] = []

    async def main(run: TaskRun) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: seen.append(type(context["exception"]).__name__))
        loop.call_soon(lambda: 1 // 0)
        await asyncio.sleep(0)

    play(main, "asyncio")
    assert seen == ["ZeroDivisionError"]


def test_a_run_that_finds_trio_in_disorder_is_dirty(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an interruption at a bad moment can leave it."""
    monkeypatch.setattr(trio_run.GLOBAL_RUN_CONTEXT, "runner", object(), raising=False)
    run = stopped("async def main(run):\n    pass", "trio")
    assert isinstance(run.error, RuntimeError)
    assert run.dirty
    monkeypatch.undo()
    assert_usable("trio")
