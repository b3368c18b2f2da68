"""What the asyncio and the trio engine have in common: the clock, the limits, the verdict, work off the loop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Literal, NoReturn, TypeVar

import trio

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.current import Run
from burnin.worker.simulation.report import Control, Stop
from burnin.worker.simulation.where import calling_site

__all__ = ["Halt", "Job", "Limits", "Main", "Order", "TaskRun", "Unsupported", "refuse"]

Order = Literal["permuted", "stock"]
T = TypeVar("T")

_CLEANUP_STEPS = 5_000
_LONGEST_SLEEP = 2**63 / 1e9  # seconds; `time.sleep` counts nanoseconds in 64 bits


class Halt(Control, KeyboardInterrupt):
    """Leaves an engine at once, because the run cannot go on.

    Also a `KeyboardInterrupt`, because that and `SystemExit` are all that asyncio lets through a task and a callback.
    """


class Unsupported(RuntimeError):
    """The submission reached for something outside the simulation; the message says what to use instead."""


def refuse(what: str, instead: str) -> NoReturn:
    """Raise `Unsupported` in the one form that candidates read."""
    raise Unsupported(f"{what} is not available in a simulated run: {instead}.")


@dataclass(frozen=True)
class Limits:
    """When a run is stopped: `steps` in all, `time` in virtual seconds, and `spin` steps at one instant, after which
    the clock moves on to the next timer."""

    steps: int = 50_000
    time: float = 1e9
    spin: int = 1_000


@dataclass(frozen=True)
class Job(Generic[T]):
    """Work that a thread would have done: what came of it, and the virtual time at which it ends."""

    ends: float
    outcome: Callable[[], T]


class TaskRun(Run, ABC):
    """One script played on an async engine under virtual time.

    Read after the run: `stop` (it could not go on), `error` (what escaped the script's main function, None when the run
    was stopped), `dirty` (tasks are left that could not be ended: do not play another run in this process), `spun` (the
    clock had to be moved past code that waits with `sleep(0)`), `blocked` (`time.sleep` on the loop: virtual time,
    seconds, line of the submission) and `steps`. `over` turns True when main has ended or the run has stopped: what the
    submission does after that is clean-up and no part of the history.
    """

    def __init__(self, choices: Choices, *, sources: frozenset[str], order: Order, limits: Limits) -> None:
        self.choices = choices
        self.sources = sources
        self.permuted = order == "permuted"
        self.time = 0.0
        self.steps = 0
        self.spun = False
        self.over = False
        self.dirty = False
        self.stop: Stop | None = None
        self.error: BaseException | None = None
        self.blocked: list[tuple[float, float, str | None]] = []
        self._limits = limits
        self._max_steps = limits.steps
        self._max_time = limits.time
        self._steps_now = 0  # since the clock last moved
        self._jobs = 0
        self._interruption: BaseException | None = None

    # For the script and the submission.

    def now(self) -> float:
        """Virtual seconds since the script began."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """`time.sleep`: moves the clock and, unless a thread would be sleeping, is noted as blocking the loop.

        Never waits. Raises what `time.sleep` raises for a negative or too large number of seconds.
        """
        if not seconds >= 0:
            raise ValueError("sleep length must be non-negative")
        if seconds >= _LONGEST_SLEEP:
            raise OverflowError("timestamp too large to convert to C PyTime_t")
        self.steps += 1  # a loop around `time.sleep` never gives control back; its sleeps are its steps
        if self.steps > self._max_steps:
            self.halt("livelock")
            raise Halt
        if self.time + seconds > self._max_time:
            self.halt("time_limit")
            raise Halt
        if seconds and not self._jobs:
            self.blocked.append((self.time, seconds, calling_site(self.sources)))
        self.time += seconds

    @abstractmethod
    def after_step(self, callback: Callable[[], object]) -> None:
        """Call back once, right after the current task's step and outside of it."""

    @abstractmethod
    def alive(self) -> list[tuple[str, str | None]]:
        """The tasks alive now but the caller's, by age: name, innermost line of the submission."""

    @abstractmethod
    async def until(self, when: float) -> None:
        """Suspend the calling task until the clock shows exactly `when`."""

    @property
    def working(self) -> bool:
        """Whether the code that runs now would be on a worker thread."""
        return self._jobs > 0

    def work(self, function: Callable[[], T]) -> Job[T]:
        """Do at once what a worker thread would do; the time that passes in it is its own, not the loop's."""
        began = self.time
        self._jobs += 1
        try:
            try:
                value = function()
            except Exception as error:
                failure = error  # the name `error` is unbound at the end of this clause

                def outcome() -> T:
                    raise failure
            else:

                def outcome() -> T:
                    return value

            return Job(self.time, outcome)
        finally:
            self._jobs -= 1
            self.time = began

    def interrupt(self, error: BaseException) -> None:
        """Announce, from a signal handler, an error that the handler is about to raise.

        An engine that finds it swallowed raises it again at the next step. The run ends with it as `error`, and dirty.
        """
        self._interruption = error

    # For the engines.

    @abstractmethod
    def play(self, main: Main) -> None:
        """Run `main` to its end; raises nothing of what happens in it."""

    @abstractmethod
    def waiting(self) -> list[tuple[str, str | None]]:
        """All tasks that are alive, for `Stop`."""

    @abstractmethod
    def wind_down(self) -> None:
        """Have the tasks cancelled, since the run has stopped; may raise `Halt` to leave the engine's loop."""

    @property
    def spinning(self) -> bool:
        """Whether so much has happened at this instant that the clock should be moved although tasks are ready."""
        return self._steps_now > self._limits.spin

    def count(self, steps: int) -> None:
        """Account for steps about to be taken; stops a run that takes too many, or that was interrupted."""
        if self._interruption is not None:
            raise self._interruption
        self.steps += steps
        self._steps_now += steps
        if self.steps > self._max_steps:
            self.halt("livelock")

    def advance(self, when: float) -> None:
        """Move the clock to the next timer."""
        self.spun = self.spun or self.spinning
        if when > self._max_time:
            self.halt("time_limit")
        else:
            self.time = max(self.time, when)
            self._steps_now = 0

    def halt(self, kind: Literal["deadlock", "livelock", "time_limit"]) -> None:
        """Stop the run, or leave it when even its clean-up does not end. Returns where the engine winds down by itself."""
        if self.over:
            raise Halt
        self.stop = Stop(kind, self.time, self.steps, self.waiting())
        self.finish()
        self.wind_down()

    def finish(self) -> None:
        """The script is over: nothing counts from here on, and the clean-up gets a budget of its own."""
        if not self.over:
            self.over = True
            self._max_steps = self.steps + _CLEANUP_STEPS
            self._max_time = max(self._max_time, self.time) * 2

    def fail(self, error: BaseException) -> None:
        """Keep what left the script or the engine: the first of its kind, and nothing ordinary once the script is over."""
        serious = _is_serious(error)
        self.dirty = self.dirty or serious
        if self.error is None and not isinstance(error, Halt) and (serious or not self.over):
            self.error = error

    def fail_unseen(self, error: BaseException) -> None:
        """Keep what ended a task that nobody awaited, unless it is ordinary."""
        if _is_serious(error):
            self.fail(error)

    def settle(self, left: list[object]) -> None:
        """Conclude the run; `left` are tasks that would not end.

        They are kept for as long as the process lives, so that no later run is disturbed by their `finally` clauses.
        """
        if self._interruption is not None:
            self.error = self._interruption
            self.dirty = True
        if left:
            self.dirty = True
            _wrecks.append(left)
        self.over = True


Main = Callable[[TaskRun], Awaitable[object]]
_wrecks: list[list[object]] = []


def _is_serious(error: BaseException) -> bool:
    """Whether the process is suspect after this: neither an ordinary error nor a cancellation nor our own `Halt`."""
    if isinstance(error, BaseExceptionGroup):
        return any(_is_serious(inner) for inner in error.exceptions)
    return not isinstance(error, (Exception, asyncio.CancelledError, trio.Cancelled, Halt))
