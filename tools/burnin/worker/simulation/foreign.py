"""Where async code leaves its event loop: threads run inline, the world outside is refused, and a few functions whose
order depends on memory addresses get a fixed one.

`install()` is called once in a worker, before the submission is imported. Outside a `TaskRun` all is as it was.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Iterable
from contextvars import copy_context
from types import ModuleType
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import anyio.lowlevel
import trio
from anyio._backends import _asyncio, _trio
from anyio.abc import AsyncBackend

from burnin.worker.simulation.current import current
from burnin.worker.simulation.taskrun import TaskRun, refuse

__all__ = ["install"]

F = TypeVar("F", bound=Callable[..., Any])

_NO_LOOP_FROM_THREAD = "return the value to the async side instead, with anyio.to_thread.run_sync or asyncio.to_thread"
_NO_OUTSIDE = "use the objects that the exercise hands you"

_REFUSED: tuple[tuple[ModuleType, str, str], ...] = (
    (asyncio, "run_coroutine_threadsafe", _NO_LOOP_FROM_THREAD),
    (anyio, "connect_tcp", _NO_OUTSIDE),  # its attempts run in a task group, which would wrap the refusal of a backend
    (anyio.from_thread, "run", _NO_LOOP_FROM_THREAD),
    (anyio.from_thread, "run_sync", _NO_LOOP_FROM_THREAD),
    (anyio.from_thread, "start_blocking_portal", _NO_LOOP_FROM_THREAD),
    (trio.from_thread, "run", _NO_LOOP_FROM_THREAD),
    (trio.from_thread, "run_sync", _NO_LOOP_FROM_THREAD),
    *((trio, name, _NO_OUTSIDE) for name in ("open_tcp_stream", "open_tcp_listeners", "open_unix_socket")),
    *((trio, name, _NO_OUTSIDE) for name in ("run_process", "open_signal_receiver")),
    *((trio.lowlevel, name, _NO_OUTSIDE) for name in ("open_process", "wait_readable", "wait_writable")),
    *((trio.socket, name, _NO_OUTSIDE) for name in ("socket", "socketpair", "fromfd", "getaddrinfo", "getnameinfo")),
)
# The methods of anyio's backends; `anyio.connect_tcp` and the like end in them.
_REFUSED_BACKEND = {
    "open_process": ("anyio.open_process", _NO_OUTSIDE),
    "open_signal_receiver": ("anyio.open_signal_receiver", _NO_OUTSIDE),
    "connect_tcp": ("anyio.connect_tcp", _NO_OUTSIDE),
    "connect_unix": ("anyio.connect_unix", _NO_OUTSIDE),
    "create_tcp_listener": ("anyio.create_tcp_listener", _NO_OUTSIDE),
    "create_unix_listener": ("anyio.create_unix_listener", _NO_OUTSIDE),
    "create_udp_socket": ("anyio.create_udp_socket", _NO_OUTSIDE),
    "create_unix_datagram_socket": ("anyio.create_unix_datagram_socket", _NO_OUTSIDE),
    "getaddrinfo": ("anyio.getaddrinfo", _NO_OUTSIDE),
    "getnameinfo": ("anyio.getnameinfo", _NO_OUTSIDE),
    "wait_readable": ("anyio.wait_readable", _NO_OUTSIDE),
    "wait_writable": ("anyio.wait_writable", _NO_OUTSIDE),
}
_installed = False


def install() -> None:
    """Bind asyncio, anyio and trio to the current run; a second call does nothing."""
    global _installed
    if _installed:
        return
    _installed = True
    for module, name, instead in _REFUSED:
        setattr(module, name, _refusing(getattr(module, name), f"{module.__name__}.{name}", instead))
    for backend in (_asyncio.AsyncIOBackend, _trio.TrioBackend):
        for name, (shown, instead) in _REFUSED_BACKEND.items():
            setattr(backend, name, staticmethod(_refusing(getattr(backend, name), shown, instead)))
        _run_threads_inline(backend)
    portal: Any = anyio.from_thread.BlockingPortal
    portal.__init__ = _refusing(portal.__init__, "anyio.from_thread.BlockingPortal", _NO_LOOP_FROM_THREAD)
    trio.to_thread.run_sync = _trio_run_sync(trio.to_thread.run_sync)
    anyio.from_thread.check_cancelled = _check_cancelled(anyio.from_thread.check_cancelled)
    trio.from_thread.check_cancelled = _check_cancelled(trio.from_thread.check_cancelled)
    for name, ordered in (("as_completed", _as_completed), ("all_tasks", _all_tasks), ("wrap_future", _wrap_future)):
        wrapped = ordered(getattr(asyncio, name))
        setattr(asyncio, name, wrapped)
        setattr(asyncio.futures if name == "wrap_future" else asyncio.tasks, name, wrapped)
    _order_child_scopes()


def _task_run() -> TaskRun | None:
    run = current()
    return run if isinstance(run, TaskRun) else None


def _refusing(original: F, shown: str, instead: str) -> F:
    @functools.wraps(original)
    def refusing(*args: Any, **options: Any) -> Any:
        if _task_run() is not None:
            refuse(shown, instead)
        return original(*args, **options)

    return refusing  # type: ignore[return-value]  # the same signature


# Threads.


async def _inline(run: TaskRun, function: Callable[[], Any], limiter: Any, borrower: object, abandon: bool) -> Any:
    await limiter.acquire_on_behalf_of(borrower)
    try:
        job = run.work(functools.partial(copy_context().run, function))
        with anyio.CancelScope(shield=not abandon):
            await run.until(job.ends)
        return job.outcome()
    finally:
        limiter.release_on_behalf_of(borrower)


def _run_threads_inline(backend: type[AsyncBackend]) -> None:
    original = backend.run_sync_in_worker_thread

    async def run_sync_in_worker_thread(
        func: Callable[..., Any], args: tuple[Any, ...], abandon_on_cancel: bool = False, limiter: Any = None
    ) -> Any:
        run = _task_run()
        if run is None:
            return await original(func, args, abandon_on_cancel=abandon_on_cancel, limiter=limiter)
        await anyio.lowlevel.checkpoint()
        limiter = limiter or backend.current_default_thread_limiter()
        # On asyncio the limiter counts the task, on trio the thread.
        borrower = asyncio.current_task() if backend is _asyncio.AsyncIOBackend else object()
        return await _inline(run, functools.partial(func, *args), limiter, borrower, abandon_on_cancel)

    backend.run_sync_in_worker_thread = staticmethod(run_sync_in_worker_thread)  # type: ignore[method-assign]  # replaced for good, in this process alone


def _trio_run_sync(original: F) -> F:
    @functools.wraps(original)
    async def run_sync(
        sync_fn: Callable[..., Any],
        *args: Any,
        thread_name: str | None = None,
        abandon_on_cancel: bool = False,
        limiter: trio.CapacityLimiter | None = None,
    ) -> Any:
        run = _task_run()
        if run is None:
            return await original(
                sync_fn, *args, thread_name=thread_name, abandon_on_cancel=abandon_on_cancel, limiter=limiter
            )
        await trio.lowlevel.checkpoint_if_cancelled()
        limiter = limiter or trio.to_thread.current_default_thread_limiter()
        return await _inline(run, functools.partial(sync_fn, *args), limiter, object(), abandon_on_cancel)

    return run_sync  # type: ignore[return-value]  # the same signature


def _check_cancelled(original: Callable[[], None]) -> Callable[[], None]:
    @functools.wraps(original)
    def check_cancelled() -> None:
        run = _task_run()
        if run is None or not run.working:
            original()
        # Inline work is over before anyone could cancel it.

    return check_cancelled


def _wrap_future(original: F) -> F:
    @functools.wraps(original)
    def wrap_future(future: Any, **options: Any) -> Any:
        if _task_run() is not None and not asyncio.isfuture(future) and not future.done():
            refuse("asyncio.wrap_future", "hand work to loop.run_in_executor or asyncio.to_thread, not to an executor")
        return original(future, **options)

    return wrap_future  # type: ignore[return-value]  # the same signature


# Order.


def _as_completed(original: F) -> F:
    @functools.wraps(original)
    def as_completed(fs: Iterable[Any], **options: Any) -> Any:
        """The original makes tasks of coroutines in the order of a set, which is by address: here, in that given."""
        if _task_run() is not None and not asyncio.isfuture(fs) and not inspect.iscoroutine(fs):
            fs = [asyncio.ensure_future(one) for one in dict.fromkeys(fs)]
        return original(fs, **options)

    return as_completed  # type: ignore[return-value]  # the same signature


def _all_tasks(original: F) -> F:
    @functools.wraps(original)
    def all_tasks(loop: asyncio.AbstractEventLoop | None = None) -> Any:
        """The original's set is filled from one that all runs of the process share, and takes its order from there."""
        tasks = original(loop)
        return tasks if _task_run() is None else set(sorted(tasks, key=hash))  # noqa: C414 - the order of insertion tells

    return all_tasks  # type: ignore[return-value]  # the same signature


class _OrderedSet(dict[Any, None]):
    """As much of a set as anyio uses for the children of a cancel scope, in order of insertion."""

    def add(self, item: object) -> None:
        self[item] = None

    def discard(self, item: object) -> None:
        self.pop(item, None)

    def remove(self, item: object) -> None:
        del self[item]


def _order_child_scopes() -> None:
    """anyio on asyncio cancels the children of a scope in the order of a set of scopes, which is by address."""
    scope: Any = _asyncio.CancelScope
    original = scope.__init__

    @functools.wraps(original)
    def initialise(self: Any, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        self._child_scopes = _OrderedSet()

    scope.__init__ = initialise
