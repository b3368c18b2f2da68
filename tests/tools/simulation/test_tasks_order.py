"""What may be permuted is, and what the backends promise is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import anyio
import trio._core._run as trio_run
from test_tasks_time import both, play

from burnin.worker.simulation.tasks import Backend, TaskRun


def wakings(backend: Backend, seed: int | None, **options: Any) -> str:
    """Order in which four tasks wake that sleep until the same time."""
    order: list[str] = []

    async def sleeper(name: str) -> None:
        await anyio.sleep(1)
        order.append(name)

    async def main(run: TaskRun) -> None:
        async with anyio.create_task_group() as group:
            for name in "abcd":
                group.start_soon(sleeper, name)

    play(main, backend, seed, **options)
    return "".join(order)


@both
def test_equal_deadlines_are_permuted_by_the_seed(backend: Backend) -> None:
    assert len({wakings(backend, seed) for seed in range(300)}) == 24


@both
def test_without_choices_or_in_stock_order_tasks_wake_by_age(backend: Backend) -> None:
    assert wakings(backend, None) == "abcd"
    assert {wakings(backend, seed, order="stock") for seed in range(20)} == {"abcd"}


@both
def test_different_deadlines_are_never_permuted(backend: Backend) -> None:
    for seed in range(40):
        order: list[int] = []

        async def sleeper(number: int, order: list[int] = order) -> None:
            await anyio.sleep(1 + number / 1000)
            order.append(number)

        async def main(run: TaskRun) -> None:
            async with anyio.create_task_group() as group:
                for number in (3, 1, 0, 2):
                    group.start_soon(sleeper, number)

        play(main, backend, seed)
        assert order == [0, 1, 2, 3]


def test_asyncio_timers_that_are_overdue_fire_by_deadline() -> None:
    """A blocked loop finds many timers due at once; only those of one deadline may be permuted."""
    seen = set()
    for seed in range(40):
        order: list[str] = []

        async def main(run: TaskRun, order: list[str] = order) -> None:
            loop = asyncio.get_running_loop()
            for name, when in (("c", 3), ("a", 1), ("B", 2), ("b", 2)):
                loop.call_at(when, order.append, name)
            run.sleep(10)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        play(main, "asyncio", seed)
        seen.add("".join(order))
    assert seen == {"aBbc", "abBc"}


def test_asyncio_callbacks_keep_their_order() -> None:
    for seed in range(40):
        order: list[int] = []

        async def main(run: TaskRun, order: list[int] = order) -> None:
            loop = asyncio.get_running_loop()
            for number in range(8):
                loop.call_soon(order.append, number)
            await asyncio.sleep(0)

        play(main, "asyncio", seed)
        assert order == list(range(8))


def test_asyncio_primitives_stay_fair() -> None:
    """Queue, Lock, Semaphore and Condition serve waiters in order of arrival, whatever the seed."""

    async def through_queue(arrive: Callable[[], None], served: Callable[[], None], tools: dict[str, Any]) -> None:
        arrive()
        await tools["queue"].get()
        served()

    async def through_lock(arrive: Callable[[], None], served: Callable[[], None], tools: dict[str, Any]) -> None:
        arrive()
        async with tools["lock"]:
            served()
            await asyncio.sleep(0.5)

    async def through_condition(arrive: Callable[[], None], served: Callable[[], None], tools: dict[str, Any]) -> None:
        async with tools["condition"]:
            arrive()
            await tools["condition"].wait()
            served()

    for way in (through_queue, through_lock, through_condition):
        for seed in range(60):
            arrivals: list[int] = []
            services: list[int] = []

            async def main(
                run: TaskRun, way: Any = way, arrivals: list[int] = arrivals, services: list[int] = services
            ) -> None:
                tools: dict[str, Any] = {
                    "queue": asyncio.Queue(),
                    "lock": asyncio.Lock(),
                    "condition": asyncio.Condition(),
                }

                async def user(number: int) -> None:
                    await asyncio.sleep(1)  # they wake in an order that the seed chooses
                    await way(lambda: arrivals.append(number), lambda: services.append(number), tools)

                async with asyncio.TaskGroup() as group:
                    for number in range(5):
                        group.create_task(user(number))
                    await asyncio.sleep(2)
                    for _ in range(5):
                        tools["queue"].put_nowait(None)
                        await asyncio.sleep(0)
                    async with tools["condition"]:
                        tools["condition"].notify_all()

            play(main, "asyncio", seed)
            assert arrivals == services
            assert sorted(services) == [0, 1, 2, 3, 4]


def test_trio_tasks_that_are_ready_together_are_permuted() -> None:
    """Not only those that wake at one time: trio promises no order within a batch at all."""
    seen = set()
    for seed in range(60):
        order: list[str] = []

        async def task(name: str, order: list[str] = order) -> None:
            order.append(name)

        async def main(run: TaskRun, task: Any = task) -> None:
            async with anyio.create_task_group() as group:
                for name in "abc":
                    group.start_soon(task, name)

        play(main, "trio", seed)
        seen.add("".join(order))
    assert len(seen) == 6


def test_trio_has_its_own_order_back_after_a_run() -> None:
    before = trio_run._r, trio_run._ALLOW_DETERMINISTIC_SCHEDULING

    async def main(run: TaskRun) -> None:
        assert (trio_run._r, trio_run._ALLOW_DETERMINISTIC_SCHEDULING) != before

    play(main, "trio", 1)
    assert (trio_run._r, trio_run._ALLOW_DETERMINISTIC_SCHEDULING) == before
