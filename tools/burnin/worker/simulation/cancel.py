"""Cancellation at the k-th await of a call."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import Any, TypeVar

from burnin.worker.simulation.taskrun import TaskRun

__all__ = ["CancelAt"]

T = TypeVar("T")


class CancelAt(Generator[Any, Any, T]):
    """`await CancelAt(call, k, run, cancel)` calls `cancel` right after `call` has suspended its task for the k-th time.

    `cancel` is `task.cancel` or the `cancel` of a scope around the await. It is called from outside of the task, as
    another task would: a scope cancelled from within its own task cancels the task's children first, which may then
    end the call by themselves. A call that is cancelled in its last awaits may rightly return.

    `awaits` counts real suspensions (an `await` that does not suspend is not seen); with `k=None` nothing is cancelled,
    so that a first run tells how many there are to try. The count differs between backends.
    """

    __slots__ = ("_call", "_cancel", "_k", "_run", "awaits")  # slots show the call to `site_of`; a dict might not

    def __init__(self, awaitable: Awaitable[T], k: int | None, run: TaskRun, cancel: Callable[[], object]) -> None:
        self._call: Any = awaitable if inspect.iscoroutine(awaitable) else awaitable.__await__()
        self._k = k
        self._run = run
        self._cancel = cancel
        self.awaits = 0

    def __await__(self) -> CancelAt[T]:
        return self

    # Awaiting a plain iterator is allowed, and then it has `__next__` alone.

    def send(self, value: Any) -> Any:
        """One step of the call."""
        send = getattr(self._call, "send", None)
        return self._suspended(next(self._call) if send is None else send(value))

    def throw(self, kind: Any, value: Any = None, traceback: TracebackType | None = None) -> Any:
        """One step of the call that begins with an error."""
        error = value if isinstance(value, BaseException) else kind
        throw = getattr(self._call, "throw", None)
        if throw is None:
            raise error
        return self._suspended(throw(error))

    def close(self) -> None:
        """End the call where it is suspended."""
        close = getattr(self._call, "close", None)
        if close is not None:
            close()

    def _suspended(self, request: Any) -> Any:
        self.awaits += 1
        if self.awaits == self._k:
            self._run.after_step(self._cancel)
        return request
