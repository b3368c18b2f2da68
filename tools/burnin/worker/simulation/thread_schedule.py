"""Real threads of which one runs at a time, under virtual time.

A run owns some real threads. Each has a baton, a real lock that it takes to sleep and that another thread releases to
let it run. The running thread hands its turn over only at *points* (an opcode of the submission, a lock operation, a
clock read, a world call), and who is next comes from `Choices`; nothing else decides, so a seed replays exactly.

When a run cannot go on, or its actors are done, the threads that are left are unwound one after the other: `Abort` is
raised where each one waits. While it unwinds, a thread may release locks and take free ones, but whatever would wait or
would reach the world raises `Abort` again, and one that uses up its allowance is parked for good.
"""

from __future__ import annotations

import math
import os
import sys
from _thread import allocate_lock, get_ident, start_new_thread
from collections.abc import Callable, Sequence
from threading import TIMEOUT_MAX
from types import FrameType
from typing import Any, NoReturn, TypeVar

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.current import real_sleep
from burnin.worker.simulation.report import Stop, StopKind
from burnin.worker.simulation.thread_scheduled import Abort, Scheduled, State, by_ident, need_stack, park

__all__ = ["ThreadRun"]

T = TypeVar("T")

FAR = 5_000  # points to the next look when the choice is "no preemption": a spinning thread must not starve the others
SPIN = 50_000  # points at one instant after which time passes all the same: somebody polls for what a timer brings
UNWIND = 10_000  # points that a thread may use to unwind
MOST_THREADS = 512  # alive at once in a run
MONITORED = sys.version_info >= (3, 12)  # there the opcode events of sys.settrace are unreliable: see thread_points


class ThreadRun:
    """One script played by threads. Satisfies `current.Run`.

    `stop` says why the run could not go on, if it could not: `deadlock`, `livelock` (more than `max_points` points) or
    `escaped`. `escaped` is true when a real thread of the run may still be alive (it waits for something real, or
    refuses to unwind): the process has to be restarted, whatever `stop` says. `time` is the virtual time, read without
    passing a point; `points` and `switches` count points passed and turns handed over. `left` names the threads that
    the submission had started and that still waited when all actors were done, with the submission's line; from then
    on virtual time stands still. `errors` holds what escaped an actor, by the actor's name. `spun` is true when time
    had to pass under a thread that polled.
    """

    def __init__(
        self, *, choices: Choices, sources: frozenset[str], gap: int, explore_time: bool, max_points: int
    ) -> None:
        self.stop: Stop | None = None
        self.escaped = False
        self.spun = False
        self.points = 0
        self.switches = 0
        self.left: list[tuple[str, str | None]] = []
        self.errors: dict[str, BaseException] = {}
        self.time = 0.0
        self.unwinding = False
        self._choices = choices
        self._sources = sources
        self._gap = gap
        self._explore_time = explore_time
        self._max_points = max_points
        self._alive: list[Scheduled] = []
        self._spawned = 0
        self._actors = 0
        self._running: Scheduled
        self._look_at = 0  # the point at which the next look is taken at who should run
        self._instant_since = 0  # the point at which virtual time last moved
        self._unwind_until = 0
        self._closed = False
        self._over = allocate_lock()
        self._over.acquire()
        self._trace_opcodes = self._on_opcode

    # ---- what a submission and its world call

    def now(self) -> float:
        """Virtual seconds since the script began; a point when a scheduled thread reads it."""
        if self._is_mine():
            self.step()
        return self.time

    def sleep(self, seconds: float) -> None:
        """What `time.sleep` means: the calling thread waits in virtual time, and raises what the real one raises.

        A thread that this run does not schedule sleeps for real.
        """
        if self._is_mine():
            self.wait(seconds)
        else:
            real_sleep(seconds)

    def pass_points(self, count: int = 1) -> None:
        """So many points, as of a world call: another thread may run at each. Raises `Abort` once the run is over."""
        if not self._is_mine():
            return
        while count > 0:
            if self.unwinding:
                self._look()
                raise Abort
            passed = max(1, min(count, self._look_at - self.points))  # all but the last of them change nothing
            self.points += passed
            count -= passed
            if self.points >= self._look_at:
                self._look()

    def wait(self, seconds: float) -> None:
        """The calling thread waits for virtual seconds.

        Raises ValueError for a negative or undefined duration and OverflowError for one no clock can hold.
        """
        if math.isnan(seconds):
            raise ValueError("Invalid value NaN (not a number)")
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        if seconds > TIMEOUT_MAX:
            raise OverflowError("timestamp too large to convert to C _PyTime_t")
        self.step()
        end = self.time + seconds
        while self.time < end:
            self.block(end)

    # ---- what the primitives call, always from the running thread

    def step(self) -> None:
        """One point of the running thread: perhaps another one runs before it goes on."""
        self.points += 1
        if self.points >= self._look_at:
            self._look()

    def block(self, deadline: float | None = None) -> None:
        """The running thread waits until somebody wakes it or virtual time reaches `deadline`."""
        if self.unwinding:
            self._look()
            raise Abort
        need_stack()
        me = self._running
        me.state, me.deadline = State.WAITING, deadline
        self._pass_on(me)
        me.deadline = None

    def wake(self, thread: Scheduled) -> None:
        """Let a waiting thread run again when it is chosen."""
        if thread.state is State.WAITING:
            thread.state = State.READY

    def choose(self, items: Sequence[T]) -> T:
        """One of `items`, by the run's choices; a lone one costs no choice."""
        return items[self._choices(len(items)) if len(items) > 1 and not self.unwinding else 0]

    def spawn(self, name: str, body: Callable[[Scheduled], None], *, is_actor: bool = False) -> Scheduled:
        """Add a thread that is ready to run `body`; it does nothing before its first turn.

        Raises RuntimeError, as a real start does, when the system has no thread to give, or past `MOST_THREADS`.
        """
        if self.unwinding:
            raise Abort
        if len(self._alive) >= MOST_THREADS:
            raise RuntimeError("can't start new thread")
        thread = Scheduled(self, name, self._spawned + 1, lambda: body(thread), is_actor=is_actor)
        start_new_thread(self._live, (thread,))
        self._spawned += 1
        self._alive.append(thread)
        self._actors += is_actor
        return thread

    def without_points(self, function: Callable[..., T], *args: Any) -> T:
        """Call `function`, during which no point counts and nobody preempts."""
        points, look_at = self.points, self._look_at
        self._look_at = self._max_points
        try:
            return function(*args)
        finally:
            if not self.unwinding:
                self.points, self._look_at = points, look_at

    # ---- the beginning and the end, called by the thread that plays the run

    def play(self, timeout: float) -> None:
        """Run all threads to their end, or until none has passed a point for about `timeout` real seconds."""
        if not self._alive:
            return
        self._draw()
        try:
            self._resume(self.choose(self._alive))
            idle, seen = 0, -1
            while not self._over.acquire(timeout=timeout / 8):
                idle, seen = idle + 1 if self.points == seen else 0, self.points
                if idle == 7:
                    self._close()
                    break
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        """Give up on the threads: one of them waits for something real. Each that comes back to a point is parked."""
        self.escaped = self._closed = self.unwinding = True
        self._look_at = 0
        self.stop = self.stop or self._stop_report("escaped")

    # ---- turns

    def _is_mine(self) -> bool:
        me = by_ident.get(get_ident())
        return me is not None and me.run is self

    def _draw(self) -> None:
        self._look_at = min(self.points + (self._choices(self._gap + 1) or FAR), self._max_points)

    def _look(self) -> None:
        """The look that a point takes when it is due."""
        if self.unwinding:
            if self._closed:
                park()
            if self.points > self._unwind_until:
                self._give_up()
            return
        need_stack()
        me = self._running
        if self.points >= self._max_points:
            self._stop_run(me, "livelock")
            raise Abort
        self._draw()
        timed = self._timed()
        if timed and self.points - self._instant_since >= SPIN:
            self.spun = True
            self._advance(timed)
        ready: list[Scheduled | None] = [t for t in self._alive if t.state is State.READY and t is not me]
        if timed and self._explore_time:
            ready.append(None)  # nobody else: the thread goes on later than it thinks
        if not ready:
            return
        chosen = self.choose(ready)
        if chosen is None:
            self._advance(timed)
            chosen = self.choose([me, *(t for t in timed if t.state is State.READY)])
        self._hand(me, chosen)

    def _timed(self) -> list[Scheduled]:
        if not self._actors:
            return []
        return [t for t in self._alive if t.state is State.WAITING and t.deadline is not None]

    def _advance(self, timed: list[Scheduled]) -> None:
        """Virtual time passes to the next deadline."""
        self.time = max(self.time, min(t.deadline for t in timed if t.deadline is not None))
        self._instant_since = self.points
        for thread in timed:
            if thread.deadline is not None and thread.deadline <= self.time:
                thread.state = State.READY

    def _pass_on(self, me: Scheduled) -> None:
        """`me` cannot go on: somebody else must."""
        while not (ready := [t for t in self._alive if t.state is State.READY]):
            timed = self._timed()
            if not timed:
                self._nobody_can_run(me)
                return
            self._advance(timed)
        self._hand(me, self.choose(ready))

    def _hand(self, me: Scheduled, to: Scheduled) -> None:
        if to is me:
            return
        self.switches += 1
        self._resume(to)
        if me.state is not State.DONE:
            me.baton.acquire()
            if self._closed:
                park()
            if self.unwinding:
                raise Abort

    def _resume(self, thread: Scheduled) -> None:
        self._running = thread
        thread.baton.release()

    def _live(self, me: Scheduled) -> None:
        """The whole life of a scheduled thread."""
        me.baton.acquire()
        me.ident = get_ident()
        by_ident[me.ident] = me
        try:
            if not self.unwinding:
                if not MONITORED:
                    sys.settrace(self._on_call)
                me.body()
        except Abort:
            pass
        except BaseException as error:  # whatever a submission raises is kept, never raised here
            if me.is_actor and not self.unwinding:
                self.errors[me.name] = error
        finally:
            sys.settrace(None)
            del me.body  # what it holds must go while it is still this thread's turn
            self._finish(me)

    def _finish(self, me: Scheduled) -> None:
        if self._closed:
            park()
        self._remove(me)
        self._actors -= me.is_actor
        for joiner in me.joiners:
            self.wake(joiner)
        if self.unwinding:
            self._unwind_next()
        else:
            self._pass_on(me)

    def _remove(self, thread: Scheduled) -> None:
        thread.state = State.DONE
        self._alive.remove(thread)
        if thread.ident:
            del by_ident[thread.ident]

    # ---- unwinding

    def _nobody_can_run(self, me: Scheduled) -> None:
        if self._actors:
            self._stop_run(me, "deadlock")
        else:
            self.left = self._sites()
            self._unwind()
        if me.state is State.DONE:
            self._unwind_next()
        else:
            raise Abort

    def _stop_run(self, me: Scheduled, kind: StopKind) -> None:
        self.stop = self._stop_report(kind)
        self._unwind()

    def _unwind(self) -> None:
        self.unwinding = True
        self._look_at = 0
        self._unwind_until = self.points + UNWIND

    def _unwind_next(self) -> None:
        """The next thread's turn to unwind, until all are gone."""
        if self._alive:
            self._unwind_until = self.points + UNWIND
            self._resume(self._alive[0])
        else:
            self._over.release()

    def _give_up(self) -> NoReturn:
        """The running thread refuses to unwind: it stays behind for good."""
        me = self._running
        self.escaped = True
        self.stop = self.stop or self._stop_report("escaped")
        self._remove(me)
        self._unwind_next()
        park()

    # ---- reports

    def _stop_report(self, kind: StopKind) -> Stop:
        return Stop(kind, self.time, self.points, self._sites())

    def _sites(self) -> list[tuple[str, str | None]]:
        """Each living thread with the innermost line of the submission that it is at."""
        frames = sys._current_frames()
        return [(t.name, self._site(frames.get(t.ident or 0))) for t in self._alive]

    def _site(self, frame: FrameType | None) -> str | None:
        while frame is not None and frame.f_code.co_filename not in self._sources:
            frame = frame.f_back
        if frame is None:
            return None
        code = frame.f_code
        return f"{os.path.basename(code.co_filename)}:{frame.f_lineno} {code.co_name}"

    # ---- points inside the submission, before 3.12 (later: thread_points)

    def _on_call(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any] | None:
        if frame.f_code.co_filename not in self._sources:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self._trace_opcodes

    def _on_opcode(self, frame: FrameType, event: str, arg: object) -> Callable[..., Any]:
        if event == "opcode":
            self.points += 1
            if self.points >= self._look_at:
                self._look()
        return self._trace_opcodes
