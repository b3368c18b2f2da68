"""Notice that a file was saved: by the events of the file system, and by looking now and then where there are none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import watchfiles

__all__ = ["EVERY", "POLL", "moments"]

EVERY = 0.5
"""Seconds between looks beside the events: a file on another machine's disk may change without one."""
POLL = 0.1
"""Seconds between looks where the system gives no events at all."""


def moments(path: Path, stop: threading.Event) -> Iterator[bool]:
    """Yield True when the file has probably changed, and False now and then when nothing has, until `stop` is set.

    The folder is watched, not the file, because most editors put a new file into the old one's place.
    """
    seen = _signature(path)
    for named in _events(path, stop):
        now = _signature(path)
        yield named or now != seen
        seen = now


def _events(path: Path, stop: threading.Event) -> Iterator[bool]:
    """Whether there was an event that names the file; at least one answer each `EVERY`."""
    try:
        watching = watchfiles.watch(
            path.parent,
            watch_filter=None,
            debounce=50,
            step=5,
            rust_timeout=int(EVERY * 1000),
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=False,
            recursive=False,
        )
        for changes in watching:
            yield any(Path(name).name == path.name for _, name in changes)
    except (OSError, RuntimeError):  # no events to be had, as when all watches of the system are taken
        while not stop.wait(POLL):
            yield False


def _signature(path: Path) -> tuple[int, int, int]:
    """Differs when the file was written, as far as its dates tell; all zero where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return 0, 0, 0
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
