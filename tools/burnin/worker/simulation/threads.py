"""Submissions that use threads, played under virtual time with a seeded interleaving that replays exactly.

`install()` once, before the submission is imported; then `run_threads` plays actors. The schedule itself is in
`thread_schedule`, the locks in `thread_locks`, the points at opcodes in `thread_points`; this module binds them to the
standard library.

Limits. Threads do not outlive their run, and real ones, started outside a run, stay real in it. A raw `_thread` lock
and real input or output cannot be scheduled: the run ends as `escaped`. What orders a submission's own objects by their
address (a set of them) is not replayed exactly. Schedules depend on bytecode, so a seed means one thing per minor
version of Python.
"""

from __future__ import annotations

import functools
import gc
import itertools
import logging
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import _base as futures
from concurrent.futures import thread as pools
from contextlib import contextmanager
from typing import Any

from burnin.worker.simulation import current
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.thread_locks import Lock, RLock, SimpleQueue
from burnin.worker.simulation.thread_points import watch
from burnin.worker.simulation.thread_schedule import ThreadRun
from burnin.worker.simulation.thread_scheduled import Abort, Scheduled, State, scheduled

__all__ = ["ThreadRun", "install", "run_threads", "watch"]

# The standard library is patched under its private names throughout, of which type stubs know nothing.
_threading: Any = threading
_functools: Any = functools
_queue: Any = queue
_importing: Any = sys.modules["_frozen_importlib"]  # the import statement calls its _find_and_load
_real_start = threading.Thread.start
_real_join = threading.Thread.join
_real_is_alive = threading.Thread.is_alive
_real_get_ident = threading.get_ident
_real_adjust_thread_count: Any = getattr(pools.ThreadPoolExecutor, "_adjust_thread_count")  # noqa: B009  # see above
_real_find_and_load = _importing._find_and_load
_serials = itertools.count()
_installed = False


def run_threads(
    actors: Sequence[tuple[str, Callable[[ThreadRun], object]]],
    *,
    choices: Choices,
    sources: frozenset[str],
    setup: Callable[[ThreadRun], object] | None = None,
    gap: int = 32,
    explore_time: bool = False,
    max_points: int = 200_000,
    timeout: float = 10.0,
) -> ThreadRun:
    """Play all actors to their end, each in a thread of its own, and say how it went.

    `sources` are the file names of the submission. `setup`, if any, comes to its end before the actors begin, as an
    actor named "setup" at virtual time 0: to construct what the actors share. If it raises, they never begin.

    The next preemption comes after 1 to `gap` points (0: none before a thread has to wait). With `explore_time` a
    preemption may also let time pass to the next deadline, as if the thread were slow. `timeout` is in real seconds:
    how long no thread may pass a point before the run counts as escaped.

    What the submission does never raises here. Raises ValueError for two actors of one name, and RuntimeError without
    `install()` or from within a run.
    """
    if not _installed:
        raise RuntimeError("call install() before the submission is imported")
    if current.current() is not None:
        raise RuntimeError("a run is already being played in this process")
    names = [name for name, _ in actors] + ["setup"] * (setup is not None)
    if len(set(names)) < len(names):
        raise ValueError("two actors have the same name")
    run = ThreadRun(choices=choices, sources=sources, gap=gap, explore_time=explore_time, max_points=max_points)

    def begin() -> None:
        for name, act in actors:
            _adopt(run, threading.Thread(target=act, args=(run,), name=name, daemon=False), is_actor=True)

    def begin_after(setup: Callable[[ThreadRun], object]) -> None:
        setup(run)
        begin()

    with _steady_process():
        if setup is None:
            begin()
        else:
            _adopt(run, threading.Thread(target=begin_after, args=(setup,), name="setup"), is_actor=True)
        current.set_current(run)
        try:
            run.play(timeout)
        finally:
            current.set_current(None)
    return run


def install() -> None:
    """Build the standard library's threads, locks and queues on the schedule. Once in a process; again does nothing.

    Outside a run everything goes on as before, on real locks and real threads.
    """
    global _installed
    if _installed:
        return
    _installed = True
    if time.sleep is current.real_sleep:
        current.install()
    _threading.Lock = _threading._allocate_lock = Lock
    _threading.RLock = _functools.RLock = RLock
    _threading._time = _queue.time = time.monotonic
    _threading.get_ident = _get_ident
    _queue.SimpleQueue = SimpleQueue
    _threading.Thread.start = _start
    _threading.Thread.join = _join
    _threading.Thread.is_alive = _is_alive
    _threading.Thread.__hash__ = _steady_hash
    _importing._find_and_load = _find_and_load
    _install_futures(futures, pools)
    _install_logging(logging)


def _install_futures(base: Any, pools: Any) -> None:
    """Futures are kept in sets and locked in the order of their `id`: neither may depend on addresses."""
    base.Future.__hash__ = _steady_hash
    base.id = hash
    pools.ThreadPoolExecutor._adjust_thread_count = _adjust_thread_count
    pools._global_shutdown_lock = Lock()  # a worker thread is started under it
    base.LOGGER.addFilter(_is_no_abort)  # a pool's thread logs whatever ends it


def _install_logging(module: Any) -> None:
    """Its locks were made before `install()`, and a message may call the submission's `__str__` under one."""
    module._lock = RLock()
    for reference in module._handlerList:
        handler = reference()
        if handler is not None:
            handler.createLock()


def _is_no_abort(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], Abort))


@contextmanager
def _steady_process() -> Iterator[None]:
    """Whatever counts up in a process starts anew for a run, and no collection runs finalizers in the middle of one."""
    global _serials
    collecting = gc.isenabled()
    pool: Any = pools.ThreadPoolExecutor
    saved = _serials, _threading._counter, pool._counter
    _serials, _threading._counter, pool._counter = itertools.count(), _counter(1), _counter(0)
    gc.disable()
    try:
        yield
    finally:
        _serials, _threading._counter, pool._counter = saved
        if collecting:
            gc.enable()


def _counter(first: int) -> Callable[[], int]:
    return itertools.count(first).__next__


def _steady_hash(self: Any) -> int:
    """A number by order of first use instead of an address, so that sets iterate alike in every process."""
    serial = self.__dict__.get("_serial")
    if serial is None:
        serial = self.__dict__["_serial"] = next(_serials)
    return serial  # type: ignore[no-any-return]  # a number that was put there by this very function


def _get_ident() -> int:
    """A scheduled thread's number in its run, so that a submission can keep idents and still replay exactly."""
    me = scheduled()
    return _real_get_ident() if me is None else me.number


def _find_and_load(name: str, import_: Callable[..., Any]) -> Any:
    """An import takes raw locks and happens once in a process: it is one step, without points."""
    me = scheduled()
    if me is None:
        return _real_find_and_load(name, import_)
    return me.run.without_points(_real_find_and_load, name, import_)


def _adjust_thread_count(self: Any) -> None:
    """A pool that outlives a run has lost its threads with it, and makes new ones in the next."""
    if self._threads and not any(thread.is_alive() for thread in self._threads):
        self._threads.clear()
        self._idle_semaphore = threading.Semaphore(0)
    _real_adjust_thread_count(self)


# ---- threading.Thread


def _adopt(run: ThreadRun, thread: Any, *, is_actor: bool = False) -> None:
    """Schedule a `Thread` that has not been started."""

    def body(me: Scheduled) -> None:
        thread._ident = me.number
        _threading._active[me.number] = thread
        context = getattr(thread, "_context", None)  # 3.14: Thread(context=...)
        try:
            if context is None:
                thread.run()
            else:
                context.run(thread.run)
        except Abort:
            raise
        except BaseException:
            if is_actor:
                raise
            if not run.unwinding:
                thread._invoke_excepthook(thread)
        finally:
            _threading._active.pop(me.number, None)
            thread._is_stopped = True

    thread._started._flag = True  # nobody can wait for it yet, so no lock
    thread._scheduled = run.spawn(thread.name, body, is_actor=is_actor)


def _start(self: Any) -> None:
    me = scheduled()
    if me is None:
        _real_start(self)
        return
    if not self._initialized:
        raise RuntimeError("thread.__init__() not called")
    if self._started.is_set():
        raise RuntimeError("threads can only be started once")
    _adopt(me.run, self)
    me.run.step()


def _join(self: Any, timeout: float | None = None) -> None:
    me = scheduled()
    other: Scheduled | None = getattr(self, "_scheduled", None)
    if other is None:
        _real_join(self, timeout)
        return
    if me is None:
        return  # its run is over, and it with it
    if other is me:
        raise RuntimeError("cannot join current thread")
    run = me.run
    run.step()
    end = None if timeout is None else run.time + timeout
    while other.state is not State.DONE and (end is None or run.time < end):
        other.joiners.append(me)
        try:
            run.block(end)
        finally:
            if me in other.joiners:
                other.joiners.remove(me)


def _is_alive(self: Any) -> bool:
    other: Scheduled | None = getattr(self, "_scheduled", None)
    return _real_is_alive(self) if other is None else other.state is not State.DONE
