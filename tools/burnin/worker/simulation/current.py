"""The run that owns time just now, and the standard library's clocks bound to it.

A submission may read a clock or sleep in any of the three modes. `install()` is called once in a worker, before the
submission is imported (it may say `from time import monotonic`), and binds the clocks of `time` to whatever run is
current; outside a run they are the real ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Run", "current", "install", "real_sleep", "set_current"]


class Run(Protocol):
    """One script being played under virtual time."""

    def now(self) -> float:
        """Virtual seconds since the script began."""
        ...

    def sleep(self, seconds: float) -> None:
        """What `time.sleep` means in this mode; never waits for real."""
        ...


real_sleep = time.sleep
_current: Run | None = None


def current() -> Run | None:
    """The run that is being played, if any."""
    return _current


def set_current(run: Run | None) -> None:
    """Make `run` the one whose clock the submission reads; None gives the real clocks back."""
    global _current
    _current = run


def install() -> None:
    """Bind `time.time`, `monotonic`, `perf_counter`, their `_ns` forms and `sleep` to the current run; again does nothing."""
    if time.sleep is not real_sleep:
        return
    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, _clock(getattr(time, name)))
        setattr(time, name + "_ns", _clock_ns(getattr(time, name + "_ns")))
    time.sleep = _sleep  # type: ignore[assignment]  # the standard library's takes any index too


def _clock(real: Callable[[], float]) -> Callable[[], float]:
    def read() -> float:
        run = _current
        return real() if run is None else run.now()

    return read


def _clock_ns(real: Callable[[], int]) -> Callable[[], int]:
    def read() -> int:
        run = _current
        return real() if run is None else round(run.now() * 1e9)

    return read


def _sleep(seconds: float) -> None:
    run = _current
    if run is None:
        real_sleep(seconds)
    else:
        run.sleep(seconds)
