"""trio under virtual time.

trio promises no order among tasks that are ready together, so that is what is permuted. Public are the clock and the
instrument; the order is set through the two private names that trio's own Hypothesis plugin sets, `_r` and
`_ALLOW_DETERMINISTIC_SCHEDULING`, which is why the version of trio is pinned. trio's own `MockClock` does not serve: on
a deadlock it spins for ever.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, MutableSequence
from contextlib import contextmanager
from typing import Any

import anyio
import trio
import trio._core._run as trio_run

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.taskrun import Limits, Main, Order, TaskRun
from burnin.worker.simulation.where import calling_site, site_of

__all__ = ["TrioRun"]


class TrioRun(TaskRun):
    """A script played on trio."""

    def __init__(self, choices: Choices, *, sources: frozenset[str], order: Order, limits: Limits) -> None:
        super().__init__(choices, sources=sources, order=order, limits=limits)
        self.runner: trio_run.Runner | None = None  # set when trio starts the clock
        self._scope = trio.CancelScope()

    def after_step(self, callback: Callable[[], object]) -> None:
        trio.lowlevel.add_instrument(_AfterStep(self, callback))

    def alive(self) -> list[tuple[str, str | None]]:
        current = trio.lowlevel.current_task()
        return [(task.name, site_of(task.coro, self.sources)) for task in self._tasks() if task is not current]

    def waiting(self) -> list[tuple[str, str | None]]:
        current = trio.lowlevel.current_task() if trio.lowlevel.in_trio_task() else None
        return [
            (task.name, calling_site(self.sources) if task is current else site_of(task.coro, self.sources))
            for task in self._tasks()
        ]

    async def until(self, when: float) -> None:
        await trio.sleep_until(when)

    def play(self, main: Main) -> None:
        with _scheduling(_Order(self)):
            try:
                anyio.run(self._root, main, backend="trio", backend_options={"clock": _Clock(self)})
            except trio.TrioInternalError as error:  # the loop was left at once: by `Halt`, or by an interruption
                self.dirty = True
                self.fail(error.__cause__ or error)
            except BaseException as error:
                self.fail(error)
        if self.runner is None:  # an earlier run was interrupted where trio could not leave its state in order
            self.dirty = True
        self.settle([] if self.runner is None else list(self.runner.tasks))

    def wind_down(self) -> None:
        self._scope.cancel()

    async def _root(self, main: Main) -> None:
        trio.lowlevel.current_task().name = "main"
        with self._scope:
            try:
                await main(self)
            except BaseException as error:
                self.fail(error)
                raise
            finally:
                self.finish()

    def _tasks(self) -> list[trio.lowlevel.Task]:
        """Main, the system tasks that were spawned, and all that descends from them, by age."""
        runner = self.runner
        if runner is None or runner.system_nursery is None:
            return []
        tasks = list(runner.system_nursery.child_tasks)
        if runner.main_task is not None and runner.main_task in runner.tasks:
            tasks.append(runner.main_task)
        for task in tasks:
            tasks.extend(child for nursery in task.child_nurseries for child in nursery.child_tasks)
        return sorted(tasks, key=lambda task: task._counter)


class _Clock(trio.abc.Clock):
    def __init__(self, run: TrioRun) -> None:
        self._run = run

    def start_clock(self) -> None:
        self._run.runner = trio_run.GLOBAL_RUN_CONTEXT.runner

    def current_time(self) -> float:
        return self._run.time

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Real seconds to wait for `deadline`: none, the clock moves there. trio asks when no task is ready."""
        runner = self._run.runner
        assert runner is not None
        if runner.entry_queue.size():  # a callback from outside a task, for instance to close a dropped generator
            self._run.count(1)
            return 0
        if runner.waiting_for_idle and runner.waiting_for_idle.keys()[0][0] <= 0:
            return math.inf  # `wait_all_tasks_blocked` wakes when trio has waited for less than it would have to
        if deadline == math.inf:
            self._run.halt("deadlock")
        else:
            self._run.advance(deadline)
        return 0


class _Order(random.Random):
    """What trio shuffles its batches of ready tasks with. The one place that is called before every batch and whose
    errors trio does not swallow, so the limits are checked here too."""

    def __init__(self, run: TrioRun) -> None:
        super().__init__(0)
        self._run = run

    def shuffle(self, batch: MutableSequence[Any]) -> None:
        """Order a batch that comes sorted by age; trio takes tasks from its end."""
        run = self._run
        run.count(len(batch))
        if run.spinning and run.runner is not None and (when := run.runner.deadlines.next_deadline()) < math.inf:
            run.advance(when)
        if run.permuted:
            run.choices.shuffle(batch)
        batch.reverse()


class _AfterStep(trio.abc.Instrument):
    """Calls back after one step of one task, then removes itself."""

    def __init__(self, run: TrioRun, callback: Callable[[], object]) -> None:
        self._run = run
        self._callback = callback

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        trio.lowlevel.remove_instrument(self)
        try:
            self._callback()
        except BaseException as error:
            self._run.interrupt(error)


@contextmanager
def _scheduling(order: random.Random) -> Iterator[None]:
    before = trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r
    # Declared final, but meant to be set by a test harness: see the comment where trio reads them.
    trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r = True, order  # type: ignore[misc]  # private, and marked final
    try:
        yield
    finally:
        trio_run._ALLOW_DETERMINISTIC_SCHEDULING, trio_run._r = before  # type: ignore[misc]  # private, and marked final
