"""The same choices give the same run: again, from the tape, and in another process.

Run as a program, this file prints one digest of many runs.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import test_tasks_time  # noqa: F401 - installs the simulation

from burnin.worker.simulation import foreign
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.tasks import Backend, TaskRun, run_tasks

Event = tuple[float, str, str]
Note = Callable[[str, str], None]


async def traffic(run: TaskRun, note: Note) -> None:
    """Twelve callers contend for three slots; some time out, one fails and takes the rest along."""
    slots = anyio.Semaphore(3)

    async def caller(number: int) -> None:
        await anyio.sleep(0.1 * (number % 4))
        try:
            with anyio.move_on_after(0.35 + 0.1 * (number % 3)):
                async with slots:
                    note("serve", str(number))
                    await anyio.sleep(0.1 + 0.1 * (number % 2))
            note("done", str(number))
            if number == 7:
                raise LookupError
        except BaseException as error:
            note(type(error).__name__, str(number))
            raise

    try:
        async with anyio.create_task_group() as group:
            for number in range(12):
                group.start_soon(caller, number)
    except* LookupError:
        note("failed", "")


async def scopes(run: TaskRun, note: Note) -> None:
    """Twelve nested groups are cancelled at once, from their common parent."""

    async def leaf(name: str) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            note("leaf", name)

    async def branch(number: int) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(leaf, f"{number}a")
            with anyio.CancelScope():
                await leaf(f"{number}b")

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(branch, number)
        await anyio.sleep(1)
        group.cancel_scope.cancel()


async def stock_tools(run: TaskRun, note: Note) -> None:
    """What asyncio itself keeps in sets: groups, `wait`, `as_completed`, `all_tasks`."""

    async def job(number: int) -> int:
        note("start", str(number))
        try:
            await asyncio.sleep(number % 3)
        finally:
            note("end", str(number))
        return number

    for finished in asyncio.as_completed([job(number) for number in range(12)]):
        note("completed", str(await finished))
    done, pending = await asyncio.wait([asyncio.create_task(job(number)) for number in range(12)], timeout=1)
    for task in (*done, *pending):
        note("waited", task.get_name())
    for task in pending:
        task.cancel()
    await asyncio.sleep(1)
    others = [asyncio.create_task(job(number)) for number in range(12)]
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        note("left", task.get_name())
        task.cancel()
    await asyncio.wait(others)
    try:
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(job(number))
            await asyncio.sleep(0.5)
            raise LookupError
    except* LookupError:
        note("failed", "")


async def threads(run: TaskRun, note: Note) -> None:
    """Work that would be on threads, through a limiter."""
    limiter = anyio.CapacityLimiter(2)

    def work(number: int) -> None:
        run.sleep(0.1 * (number % 3))
        note("work", str(number))

    async def caller(number: int) -> None:
        await anyio.to_thread.run_sync(work, number, limiter=limiter)
        note("back", str(number))

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(caller, number)


Script = Callable[[TaskRun, Note], Awaitable[None]]
PLAYS: list[tuple[Script, Backend]] = [
    (traffic, "asyncio"),
    (traffic, "trio"),
    (scopes, "asyncio"),
    (scopes, "trio"),
    (threads, "asyncio"),
    (threads, "trio"),
    (stock_tools, "asyncio"),
]
every_play = pytest.mark.parametrize(
    ("script", "backend"), PLAYS, ids=[f"{script.__name__}-{backend}" for script, backend in PLAYS]
)


def played(script: Script, backend: Backend, seed: int | None, tape: Sequence[int] = ()) -> tuple[Any, list[int]]:
    """What happened, as plain data, and the tape that should bring it about again."""
    events: list[Event] = []
    choices = Choices(seed, tape)
    gc.disable()
    try:
        run = run_tasks(
            lambda run: script(run, lambda what, who: events.append((run.now(), what, who))),
            backend=backend,
            choices=choices,
            sources=frozenset({__file__}),
        )
    finally:
        gc.enable()
    assert (run.stop, run.error, run.dirty) == (None, None, False)
    return (events, run.steps), choices.log


@every_play
def test_a_seed_gives_one_run(script: Script, backend: Backend) -> None:
    for seed in range(4):
        first = played(script, backend, seed)
        litter = []
        for number in range(12):
            assert played(script, backend, seed) == first
            litter.append([object() for _ in range(37 * number)])  # so that addresses differ from run to run


@every_play
def test_the_tape_of_a_run_gives_that_run(script: Script, backend: Backend) -> None:
    for seed in range(8):
        happened, tape = played(script, backend, seed)
        assert played(script, backend, None, tape) == (happened, tape)


@pytest.mark.parametrize(("script", "backend"), [(traffic, "asyncio"), (traffic, "trio"), (stock_tools, "asyncio")])
def test_seeds_differ(script: Script, backend: Backend) -> None:
    assert len({repr(played(script, backend, seed)[0]) for seed in range(8)}) > 1


def digest() -> str:
    runs = [played(script, backend, seed) for script, backend in PLAYS for seed in range(10)]
    return hashlib.sha256(repr(runs).encode()).hexdigest()


def test_other_processes_agree() -> None:
    """Other addresses, and another hash of strings."""
    here = digest()
    for hash_seed in ("0", "1", "777"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        there = subprocess.run(
            [sys.executable, str(Path(__file__))], env=environment, capture_output=True, text=True, check=True
        )
        assert there.stdout.strip() == here


def test_default_names_of_tasks_do_not_count_earlier_runs() -> None:
    def names() -> list[str]:
        found: list[str] = []

        async def main(run: TaskRun) -> None:
            tasks = [asyncio.create_task(asyncio.sleep(1), name=name) for name in (None, "mine", None)]
            found.extend(name for name, _ in run.alive())
            await asyncio.wait(tasks)

        run_tasks(main, backend="asyncio", choices=Choices(), sources=frozenset())
        return found

    assert names() == names() == ["Task-2", "mine", "Task-4"]


class _Hashed:
    def __init__(self, number: int) -> None:
        self.number = number

    def __hash__(self) -> int:
        return self.number


def test_all_tasks_has_one_order_whatever_set_it_is_made_from() -> None:
    a, b = _Hashed(7), _Hashed(15)  # one place in a small set, so that the first to come takes it
    assert list({a, b}) != list({b, a})
    orders = []

    async def main(run: TaskRun) -> None:
        for made in ({a, b}, {b, a}):
            all_tasks: Any = foreign._all_tasks(lambda loop, made=made: made)
            orders.append(list(all_tasks()))

    run_tasks(main, backend="asyncio", choices=Choices(), sources=frozenset())
    assert orders[0] == orders[1]


if __name__ == "__main__":
    print(digest())
