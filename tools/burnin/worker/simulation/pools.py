"""Thread and process pools of asyncio code, without threads: jobs run inline and last as long as they slept."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from functools import partial
from typing import Any

from burnin.worker.simulation.taskrun import Job, TaskRun

__all__ = ["Pools"]

_DEFAULT_WORKERS = 32  # the standard library's upper bound; its own default depends on the machine


class Pools:
    """The executors of one run, each with as many workers as the real one, so that a full pool makes jobs wait."""

    def __init__(self, run: TaskRun, loop: asyncio.AbstractEventLoop) -> None:
        self._run = run
        self._loop = loop
        self._pools: dict[Executor | None, _Pool] = {}

    def submit(self, executor: Executor | None, function: Callable[[], Any]) -> asyncio.Future[Any]:
        """A future of `function()`, as `loop.run_in_executor` returns it.

        Raises RuntimeError for an executor that was shut down, as the real one does.
        """
        if getattr(executor, "_shutdown", False):
            raise RuntimeError("cannot schedule new futures after shutdown")
        pool = self._pools.get(executor)
        if pool is None:
            workers = getattr(executor, "_max_workers", None) or _DEFAULT_WORKERS
            pool = self._pools[executor] = _Pool(self._run, self._loop, workers)
        return pool.submit(function)


class _Pool:
    def __init__(self, run: TaskRun, loop: asyncio.AbstractEventLoop, workers: int) -> None:
        self._run = run
        self._loop = loop
        self._free = workers
        self._queue: deque[tuple[asyncio.Future[Any], Callable[[], Any]]] = deque()

    def submit(self, function: Callable[[], Any]) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.append((future, function))
        self._start()
        return future

    def _start(self) -> None:
        while self._free and self._queue:
            future, function = self._queue.popleft()
            if future.cancelled():  # a queued job can be cancelled, a running one cannot
                continue
            self._free -= 1
            # A worker thread does not see the context of the task that hands it work.
            job = self._run.work(partial(Context().run, function))
            self._loop.call_at(job.ends, self._end, future, job)

    def _end(self, future: asyncio.Future[Any], job: Job[Any]) -> None:
        self._free += 1
        if not future.done():
            try:
                value = job.outcome()
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(value)
        self._start()
