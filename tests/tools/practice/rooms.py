"""A library whose one exercise can be practised for real, and a way to wait for what a session says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from small_library import SmallLibrary

from burnin.library import Library
from burnin.practice import Attempt, Attempts
from burnin.practice.session import Session
from burnin.practice.snapshot import Snapshot

__all__ = ["Heard", "counter_library", "started"]

STATEMENT = """\
# Counter

Count.

## Stage 1: count (60 points, par 10 minutes)

- **Adding.** It adds.

## Stage 2: report (40 points, par 10 minutes)

- **Report.** It reports.
"""
INTERVIEW = """\
[[questions]]
topic = "limit"
ask = "May it be reached?"
answer = "Yes."
[[hints]]
stage = 1
nudge = "Look at the limit."
approach = "Compare before you add."
detail = "if total + number > limit: raise Full"
"""


def counter_library(root: Path) -> Library:
    """The small library, with what an attempt needs."""
    SmallLibrary(root)
    (root / "exercises" / "counter" / "README.md").write_text(STATEMENT)
    (root / "exercises" / "counter" / "test_counter.py").write_text("# samples\n")
    (root / "solutions" / "counter" / "counter.py").write_text("# the reference\n")
    (root / "solutions" / "counter" / "interview.toml").write_text(INTERVIEW)
    return Library(root)


def started(library: Library, *, staged: bool = True) -> Attempt:
    """A new attempt at the counter."""
    return Attempts(library).start(library.exercise("counter"), staged=staged)


class Heard:
    """All snapshots of a session, and a way to wait for one."""

    def __init__(self, session: Session) -> None:
        self.all: list[Snapshot] = [session.snapshot]
        self._more = threading.Condition()
        session.subscribe(self._hear)

    def _hear(self, snapshot: Snapshot) -> None:
        with self._more:
            self.all.append(snapshot)
            self._more.notify_all()

    def until(self, wanted: Callable[[Snapshot], bool], *, seconds: float = 60) -> Snapshot:
        """The first snapshot from now on that is wanted, or the present one. Fails after so many seconds, which only a hang takes."""
        end = time.monotonic() + seconds
        with self._more:
            seen = len(self.all) - 1
            while True:
                for snapshot in self.all[seen:]:
                    if wanted(snapshot):
                        return snapshot
                seen = len(self.all)
                if not self._more.wait(end - time.monotonic()):
                    raise AssertionError(f"never came; the last was {self.all[-1].grading}")

    def graded(self, score: int) -> Snapshot:
        """Wait until the present save is graded, with this score, and told by the smallest plays."""
        return self.until(
            lambda now: (
                now.grading.phase == "graded"
                and not now.grading.shrinking
                and now.card is not None
                and now.card.score == score
            )
        )
