"""The primitives that everything in `threading`, `queue` and `concurrent.futures` is built from, on the schedule.

Each keeps the real primitive underneath, which alone holds the state. A thread that no run schedules uses it directly,
so outside a run nothing differs. A scheduled thread tries the real one without waiting and, where that fails, waits in
the schedule. So a lock made outside a run works inside one, and the other way round.
"""

from __future__ import annotations

import _thread
import types
from _queue import Empty
from _queue import SimpleQueue as RealSimpleQueue
from collections.abc import Callable
from typing import Any, ClassVar

from burnin.worker.simulation.thread_scheduled import Scheduled, scheduled

__all__ = ["Lock", "RLock", "SimpleQueue"]


class _Awaited:
    """Something that scheduled threads wait for in line."""

    __slots__ = ("__weakref__", "_line")

    def __init__(self) -> None:
        self._line: list[Scheduled] = []

    def _take(self, me: Scheduled, attempt: Callable[[], bool], timeout: float | None) -> bool:
        """Attempt until it succeeds or virtual `timeout` seconds have passed; whether it succeeded."""
        run = me.run
        run.step()
        if attempt():
            return True
        end = None if timeout is None else run.time + timeout
        while end is None or run.time < end:
            self._line.append(me)
            try:
                run.block(end)
            finally:
                if me in self._line:
                    self._line.remove(me)
            if attempt():
                return True
        return False

    def _given(self, me: Scheduled | None) -> None:
        """There is something to take: one of those in line may try, in competition with newcomers."""
        if self._line:
            chosen = self._line[0] if me is None else me.run.choose(self._line)
            self._line.remove(chosen)
            chosen.run.wake(chosen)
        if me is not None:
            me.run.step()


class _BaseLock(_Awaited):
    __slots__ = ("_real",)

    _real: Any

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """As `threading.Lock.acquire`; inside a run `timeout` is in virtual seconds."""
        me = scheduled()
        if me is None:
            return self._real.acquire(blocking, timeout)  # type: ignore[no-any-return]  # a real lock, of which the stubs tell little
        if blocking and timeout == -1:
            return self._take(me, self._try, None)
        _thread.allocate_lock().acquire(blocking, timeout)  # a free real lock judges the arguments
        return self._take(me, self._try, timeout if blocking else 0.0)

    def release(self) -> None:
        """As `threading.Lock.release`."""
        self._real.release()
        self._given(scheduled())

    def locked(self) -> bool:
        """Whether somebody holds it; of an RLock, Python before 3.14 does not tell: AttributeError."""
        return self._real.locked()  # type: ignore[no-any-return]  # a real lock, of which the stubs tell little

    def _try(self) -> bool:
        return self._real.acquire(False)  # type: ignore[no-any-return]  # a real lock, of which the stubs tell little

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()
        self._line.clear()

    __enter__ = acquire

    def __exit__(self, *exc_info: object) -> None:
        self.release()


class Lock(_BaseLock):
    """`threading.Lock`."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self._real = _thread.allocate_lock()

    def __repr__(self) -> str:
        return f"<{'locked' if self.locked() else 'unlocked'} threading.Lock>"


class RLock(_BaseLock):
    """`threading.RLock`. The real one knows its owner by the real thread, which scheduled threads are."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self._real = _thread.RLock()

    # what threading.Condition asks of a reentrant lock

    def _is_owned(self) -> bool:
        return self._real._is_owned()  # type: ignore[no-any-return]  # a real lock, of which the stubs tell little

    def _recursion_count(self) -> int:  # what multiprocessing asks
        return self._real._recursion_count()  # type: ignore[no-any-return]  # a real lock, of which the stubs tell little

    def _release_save(self) -> object:
        state: object = self._real._release_save()
        self._given(scheduled())
        return state

    def _acquire_restore(self, state: object) -> None:
        me = scheduled()
        if me is not None:
            self._take(me, self._try, None)
            self._real.release()  # nobody runs between this and the next line
        self._real._acquire_restore(state)

    def __repr__(self) -> str:
        return f"<threading.RLock owned={self._is_owned()}>"


class SimpleQueue(_Awaited):
    """`queue.SimpleQueue`."""

    __slots__ = ("_real",)

    def __init__(self) -> None:
        super().__init__()
        self._real: RealSimpleQueue[Any] = RealSimpleQueue()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Append; never waits."""
        self._real.put(item)
        self._given(scheduled())

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest item. Raises `queue.Empty` when none comes in time, ValueError for a negative timeout."""
        me = scheduled()
        if me is None:
            return self._real.get(block, timeout)
        if block and timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        got: list[Any] = []

        def attempt() -> bool:
            if self._real.empty():
                return False
            got.append(self._real.get(False))
            return True

        if not self._take(me, attempt, timeout if block else 0.0):
            raise Empty
        return got[0]

    def put_nowait(self, item: Any) -> None:
        """The same as `put`."""
        self.put(item)

    def get_nowait(self) -> Any:
        """An item that is there now. Raises `queue.Empty` otherwise."""
        return self.get(False)

    def empty(self) -> bool:
        """Whether it was empty just now."""
        return self._real.empty()

    def qsize(self) -> int:
        """How many items it held just now."""
        return self._real.qsize()

    __class_getitem__: ClassVar[Any] = classmethod(types.GenericAlias)
