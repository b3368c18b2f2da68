"""Cancellation at every await of a call finds what only cancellation finds, and flags nothing that is right."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from test_tasks_time import SUBMISSION, both, load, play

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.tasks import Backend, CancelAt, TaskRun, run_tasks

HANDLER = """\
import anyio
class Handler:
    "Copies a source to a sink, at most one call at a time, and closes the source however it ends."
    def __init__(self):
        self.slot = anyio.Semaphore(1)
    async def handle(self, source, send):
        async with self.slot:
            try:
                async for chunk in source:
                    await send(chunk)
            finally:
                with anyio.CancelScope(shield={shield}):
                    await source.aclose()
"""


class Source:
    """Two chunks, half a second apart; closing takes half a second."""

    def __init__(self) -> None:
        self.left, self.closed = 2, False

    def __aiter__(self) -> Source:
        return self

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        await anyio.sleep(0.5)
        self.left -= 1
        return self.left

    async def aclose(self) -> None:
        await anyio.sleep(0.5)
        self.closed = True


def handled(shield: bool, backend: Backend, cancelled: int, k: int | None, seed: int) -> tuple[list[int], bool, str]:
    """Two calls, one of them cancelled at its k-th await: awaits of each, whether sources were closed, its outcome."""
    handler = load(HANDLER.format(shield=shield)).Handler()
    sources = [Source(), Source()]
    awaits = [0, 0]
    outcomes = ["", ""]

    async def send(chunk: int) -> None:
        await anyio.sleep(0.25)

    async def call(run: TaskRun, number: int) -> None:
        with anyio.CancelScope() as scope:
            counted = CancelAt(
                handler.handle(sources[number], send), k if number == cancelled else None, run, scope.cancel
            )
            try:
                await counted
                outcomes[number] = "returned"
            finally:
                awaits[number] = counted.awaits
        if scope.cancelled_caught:
            outcomes[number] = "cancelled"

    async def main(run: TaskRun) -> None:
        async with anyio.create_task_group() as group:
            for number in range(2):
                group.start_soon(call, run, number)
        assert run.alive() == []

    play(main, backend, seed)
    assert outcomes[1 - cancelled] == "returned"
    # A call that was cancelled while it waited for its turn never touched its source.
    touched = [source for source in sources if source.left < 2 or source.closed]
    return awaits, all(source.closed for source in touched), outcomes[cancelled]


def sweep(shield: bool, backend: Backend) -> Iterator[tuple[bool, str]]:
    counts, closed, _ = handled(shield, backend, 0, None, seed=0)
    assert closed
    for number, count in enumerate(counts):
        assert count >= 6
        for k in range(1, count + 1):
            for seed in range(3):
                yield handled(shield, backend, number, k, seed)[1:]


@both
def test_a_sweep_never_flags_a_shielded_clean_up(backend: Backend) -> None:
    results = list(sweep(shield=True, backend=backend))
    assert all(closed for closed, _ in results)
    assert {outcome for _, outcome in results} == {"returned", "cancelled"}  # cancelled late, a call may return


@both
def test_a_sweep_finds_a_missing_shield(backend: Backend) -> None:
    results = list(sweep(shield=False, backend=backend))
    assert sum(not closed for closed, _ in results) >= len(results) // 3


@both
def test_without_k_it_only_counts(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        async def call() -> str:
            for _ in range(3):
                await anyio.sleep(1)
            return "done"

        counted = CancelAt(call(), None, run, lambda: pytest.fail("cancelled"))
        assert await counted == "done"
        assert counted.awaits == 3

    play(main, backend)


def test_task_cancel_works_as_well_as_a_scope() -> None:
    async def main(run: TaskRun) -> None:
        times = []

        async def call() -> None:
            try:
                await asyncio.sleep(1)
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                times.append(run.now())
                raise

        async def caller() -> None:
            task = asyncio.current_task()
            assert task is not None
            await CancelAt(call(), 2, run, task.cancel)

        task = asyncio.create_task(caller())
        await asyncio.wait([task])
        assert task.cancelled()
        assert times == [1.0]

    play(main, "asyncio")


def test_cancellation_comes_from_outside_of_the_task_and_before_any_other_task_runs() -> None:
    async def main(run: TaskRun) -> None:
        async def caller() -> None:
            def cancel() -> None:
                assert asyncio.current_task() is None
                order.append("cancel")

            await CancelAt(asyncio.sleep(1), 1, run, cancel)

        async def other() -> None:
            order.append("other")

        order: list[str] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(caller())
            group.create_task(other())
        assert order == ["cancel", "other"]

    play(main, "asyncio")


def test_awaitables_other_than_coroutines_are_driven_too() -> None:
    class Once:
        def __await__(self) -> Any:
            return iter([None])

    async def main(run: TaskRun) -> None:
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(2, future.set_result, "value")
        counted: CancelAt[Any] = CancelAt(future, None, run, future.cancel)
        assert await counted == "value"
        plain: CancelAt[Any] = CancelAt(Once(), None, run, future.cancel)
        assert await plain is None
        assert (counted.awaits, plain.awaits) == (1, 1)
        thrown: CancelAt[Any] = CancelAt(Once(), None, run, future.cancel)
        with pytest.raises(LookupError):
            thrown.throw(LookupError())

    play(main, "asyncio")


@both
def test_the_line_of_a_driven_call_is_known(backend: Backend) -> None:
    module = load("import anyio\nasync def call():\n    await anyio.sleep_forever()")

    async def main(run: TaskRun) -> None:
        await CancelAt(module.call(), None, run, lambda: None)

    run = run_tasks(main, backend=backend, choices=Choices(), sources=frozenset({SUBMISSION}))
    assert run.stop is not None
    assert run.stop.waiting == [("main", "submission.py:3 call")]
