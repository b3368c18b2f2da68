"""asyncio under virtual time.

A loop without selector, sockets or waiting. Its ready queue is first in, first out, because asyncio documents
`call_soon` so and its own primitives rely on it; the only order that the documentation leaves open, that of callbacks
scheduled for the same time, is permuted.

Overridden are the private `_run_once` and, with the names that it works on, `_ready`, `_scheduled` and `_stopping` (all
unchanged from 3.11 to 3.14); `tests/tools/simulation/test_tasks_conformance.py` plays CPython's own tests on it.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextvars import Context
from functools import partial
from operator import attrgetter
from typing import Any, NoReturn, TypeVarTuple

import anyio

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.pools import Pools
from burnin.worker.simulation.taskrun import Halt, Limits, Main, Order, TaskRun, refuse
from burnin.worker.simulation.where import calling_site, site_of

__all__ = ["AsyncioRun", "VirtualLoop"]

Ts = TypeVarTuple("Ts")


class AsyncioRun(TaskRun):
    """A script played on asyncio."""

    def __init__(self, choices: Choices, *, sources: frozenset[str], order: Order, limits: Limits) -> None:
        super().__init__(choices, sources=sources, order=order, limits=limits)
        self.loop = VirtualLoop(self)

    def after_step(self, callback: Callable[[], object]) -> None:
        self.loop.after_step.append(callback)

    def alive(self) -> list[tuple[str, str | None]]:
        current = asyncio.current_task(self.loop)
        return [
            (task.get_name(), site_of(task.get_coro(), self.sources)) for task in self._tasks() if task is not current
        ]

    def waiting(self) -> list[tuple[str, str | None]]:
        current = asyncio.current_task(self.loop)  # only when `time.sleep` found the limit
        return [
            (
                task.get_name(),
                calling_site(self.sources) if task is current else site_of(task.get_coro(), self.sources),
            )
            for task in self._tasks()
        ]

    async def until(self, when: float) -> None:
        future: asyncio.Future[None] = self.loop.create_future()
        timer = self.loop.call_at(when, _wake, future)
        try:
            await future
        finally:
            timer.cancel()

    def play(self, main: Main) -> None:
        try:
            anyio.run(self._root, main, backend="asyncio", backend_options={"loop_factory": lambda: self.loop})
        except BaseException as error:
            self.fail(error)
        for unseen in self.loop.unseen_errors():
            self.fail_unseen(unseen)
        self.settle(list(self._tasks()))

    def wind_down(self) -> None:
        # The runner that `anyio.run` uses cancels all tasks when its loop is left.
        raise Halt

    async def _root(self, main: Main) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("main")
        try:
            await main(self)
        except BaseException as error:
            self.fail(error)
            raise
        finally:
            self.finish()

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return sorted(asyncio.all_tasks(self.loop), key=lambda task: getattr(task, "order", math.inf))


class VirtualLoop(asyncio.BaseEventLoop):
    """The event loop of one `AsyncioRun`."""

    # Names of the base class that the type stubs leave out.
    _ready: deque[asyncio.Handle]
    _scheduled: list[_Timer]
    _stopping: bool
    _thread_id: int | None
    _default_executor: Executor | None

    def __init__(self, run: AsyncioRun) -> None:
        super().__init__()
        self.run = run
        self.after_step: list[Callable[[], object]] = []
        self.births = itertools.count()
        self._task_numbers = itertools.count(1)
        self._timer_numbers = itertools.count()
        self._made: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._pools = Pools(run, self)

    def time(self) -> float:
        return self.run.time

    def create_future(self) -> asyncio.Future[Any]:
        return _Future(loop=self)

    # The signature grew keywords from version to version; all of them are the constructor's.
    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if self.get_task_factory() is not None:
            return super().create_task(coro, **options)
        self._check_closed()  # type: ignore[attr-defined]  # private, and what the base class does first
        number = next(self._task_numbers)
        if options.get("name") is None:  # the stock default counts all tasks of the process
            options["name"] = f"Task-{number}"
        task = _Task(coro, loop=self, **options)
        self._made.add(task)
        return task

    def unseen_errors(self) -> list[BaseException]:
        """What ended tasks that are still referred to, where nobody has asked; asyncio tells of the others itself."""
        found = [
            task.exception()
            for task in self._made
            # Private, but the only sign that nobody has asked.
            if task.done() and not task.cancelled() and task._log_traceback
        ]
        return [error for error in found if error is not None]

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if when is None:
            raise TypeError("when cannot be None")
        self._check_closed()  # type: ignore[attr-defined]  # private, and what the base class does first
        timer = _Timer(when, callback, args, self, context)
        timer.order = next(self._timer_numbers)
        if when < math.inf:  # `anyio.sleep_forever()` is `sleep(inf)`, and must not count as something to wait for
            timer._scheduled = True
            heapq.heappush(self._scheduled, timer)
        return timer

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._thread_id is not None and self._thread_id != threading.get_ident():
            refuse("calling into the loop from a thread", "hand work to asyncio.to_thread or loop.run_in_executor")
        if self.run.working:  # on the clock of the job, which is ahead of the loop's
            return self.call_at(self.run.time, callback, *args, context=context)
        return super().call_soon_threadsafe(callback, *args, context=context)

    # Typed as a coroutine function in the stubs, but documented to return a future at once.
    def run_in_executor(  # type: ignore[override]  # see above
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        self._check_closed()  # type: ignore[attr-defined]  # private, and what the base class does first
        return self._pools.submit(executor or self._default_executor, partial(func, *args))

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Nothing to wait for: no job is ever running between two steps."""

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Silent: what a task or callback raised is the judge's to see in the history, not the terminal's."""
        error = context.get("exception")
        if error is not None:
            self.run.fail_unseen(error)

    def _write_to_self(self) -> None:
        """Nothing sleeps in a selector, so nothing needs waking."""

    def _run_once(self) -> None:
        run, ready, timers = self.run, self._ready, self._scheduled
        try:
            while timers and timers[0]._cancelled:
                heapq.heappop(timers)._scheduled = False
            if (timers and run.spinning) or not (ready or self._stopping):
                if not timers:
                    run.halt("deadlock")
                run.advance(timers[0]._when)
            ready.extend(self._due())
            for _ in range(len(ready)):
                run.count(1)
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
                if self.after_step:
                    callbacks, self.after_step = self.after_step, []
                    for callback in callbacks:
                        callback()
        except BaseException as error:  # from here on the runner only cleans up
            run.fail(error)
            run.finish()
            raise

    def _due(self) -> Iterator[asyncio.Handle]:
        """The timers whose time has come, earliest first; which of several at one time goes first is a choice."""
        due: list[_Timer] = []
        while self._scheduled and self._scheduled[0]._when <= self.run.time:
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                due.append(timer)
        for _, group in itertools.groupby(due, key=attrgetter("_when")):
            ties = list(group)
            if self.run.permuted:
                self.run.choices.shuffle(ties)
            yield from ties


class _Timer(asyncio.TimerHandle):
    """Equal times in order of creation, where the stock order depends on the shape of the heap."""

    __slots__ = ("order",)
    order: int
    _when: float
    _scheduled: bool

    def __lt__(self, other: Any) -> bool:
        return (self._when, self.order) < (other._when, other.order)


# asyncio and anyio iterate over sets of tasks and futures (groups, scopes, `wait`). Hashed by address these come out in
# another order from run to run; hashed by a count of births they do not.


class _Task(asyncio.Task[Any]):
    def __init__(self, coro: Any, *, loop: VirtualLoop, **options: Any) -> None:
        self.order = next(loop.births)
        super().__init__(coro, loop=loop, **options)

    def __hash__(self) -> int:
        return self.order


class _Future(asyncio.Future[Any]):
    def __init__(self, *, loop: VirtualLoop) -> None:
        self.order = next(loop.births)
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self.order


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _refusal(name: str, instead: str) -> Callable[..., NoReturn]:
    def refused(self: VirtualLoop, *args: object, **options: object) -> NoReturn:
        refuse(f"loop.{name}", instead)

    return refused


for _instead, _names in {
    "use the objects that the exercise hands you, not real connections": (
        "connect_accepted_socket create_connection create_datagram_endpoint create_server create_unix_connection "
        "create_unix_server getaddrinfo getnameinfo sendfile start_tls sock_accept sock_connect sock_recv "
        "sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall sock_sendfile sock_sendto "
        "add_reader remove_reader add_writer remove_writer connect_read_pipe connect_write_pipe"
    ),
    "everything runs in one process": "subprocess_exec subprocess_shell",
    "nothing sends signals to a submission": "add_signal_handler remove_signal_handler",
}.items():
    for _name in _names.split():
        setattr(VirtualLoop, _name, _refusal(_name, _instead))
