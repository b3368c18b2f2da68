"""The clock of an attempt: active time, which passes while the attempt is not paused.

Time is taken from a monotonic clock that goes on while the machine sleeps, so a system clock that is set changes nothing. A
monotonic clock says nothing across a restart of the machine; there, and only there, the system clock is used, and how many seconds were
taken from it is kept.
"""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path

__all__ = ["Mark", "Moment", "as_clock"]

_RACE = 60.0
"""Seconds by which a process may come late with a moment that it read before another recorded a later one."""


@dataclass(frozen=True)
class Moment:
    """One moment, by the system clock and by the monotonic one."""

    wall: datetime
    """With its zone."""
    boot: str
    """Which run of the machine `monotonic` belongs to."""
    monotonic: float
    """Seconds; only comparable within one boot."""

    @classmethod
    def now(cls) -> Moment:
        """This moment."""
        return cls(datetime.now().astimezone(), _boot(), _monotonic())


@dataclass(frozen=True)
class Mark:
    """What a clock showed at a moment, and whether it runs; enough to know what it shows later, in any process."""

    moment: Moment
    active: float = 0.0
    """Seconds that had passed, pauses taken out."""
    by_wall: float = 0.0
    """How many of them are known by the system clock alone, because the machine was restarted meanwhile."""
    running: bool = True

    def at(self, now: Moment) -> Mark:
        """The mark at a later moment. Time never goes back, whatever the clocks say."""
        if not self.running:
            return replace(self, moment=now)
        passed = now.monotonic - self.moment.monotonic
        if now.boot == self.moment.boot and -_RACE < passed <= 0:
            return self
        if now.boot == self.moment.boot and passed > 0:
            return replace(self, moment=now, active=self.active + passed)
        passed = max(0.0, (now.wall - self.moment.wall).total_seconds())
        return replace(self, moment=now, active=self.active + passed, by_wall=self.by_wall + passed)

    @property
    def minute(self) -> float:
        """Active minutes."""
        return self.active / 60


def _monotonic() -> float:
    """Seconds of a clock that is never set and counts the machine's sleep."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.clock_gettime(time.CLOCK_MONOTONIC)  # counts sleep on macOS, unlike time.monotonic()


@cache
def _boot() -> str:
    """Names this run of the machine; where the system does not, this process, within which its clock can be compared."""
    try:
        if sys.platform == "darwin":
            command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, subprocess.CalledProcessError):
        return f"process {uuid.uuid4()}"


def as_clock(minute: float) -> str:
    """A number of minutes as minutes and seconds, `7:30`, the second that has begun."""
    seconds = int(minute * 60 + 1e-6)  # a difference of two clock readings that should be whole may come out just below
    return f"{seconds // 60}:{seconds % 60:02}"
