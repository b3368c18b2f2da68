"""Measure the practice room: from a save to a verdict, with files that are edited for real.

    nox -s bench_practice               python tools/bench_practice.py [--rounds 1] [EXERCISE ...]

A session of practice watches an attempt in a copy of the library, as the room does. One round writes, one after the other, a few of the
exercise's mutants into the submission, each followed by the same mistake with a comment more, and by the reference. Each time runs from the
moment at which the write returned to that at which a view of the session was told.

A virtual machine may have half of its usual speed for minutes, so that a fixed piece of work is measured before each save: `pace` is how many
times as long it takes as on the machine that the goals are meant for, and `at pace 1` are the seconds divided by it.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from burnin.contribute.apart import YARDSTICK_SECONDS, yardstick
from burnin.contribute.mutants import load_mutants, mutated
from burnin.library import Exercise, Library
from burnin.practice import Attempts
from burnin.practice.session import Session
from burnin.practice.snapshot import Snapshot

MUTANTS = 8
"""How many mistakes a round makes, spread over the suite: some show in every play, and some in one of fifty."""
READING = 1.0
"""Seconds between a score and the next save: nobody who reads one saves in the same instant. The session looks for smaller plays meanwhile."""
GOALS = {"first red": 0.3, "still red, same story": 0.3, "full score, red": 3.0, "full score, all green": 3.0}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("exercises", nargs="*")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    library = Library.find(None, Path(__file__).parent)
    console = Console(width=max(120, Console().width))
    console.print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    )
    table = Table(
        "from a save to", "exercise", "saves", "median s", "slowest s", "pace", "median s at pace 1", "goal s"
    )
    for name in options.exercises or library.names():
        seconds, pace = measure(library.exercise(name), options.rounds)
        for what, taken in seconds.items():
            median = statistics.median(taken)
            table.add_row(
                what,
                name,
                f"{len(taken)}",
                f"{median:.2f}",
                f"{max(taken):.2f}",
                f"{pace:.2f}",
                f"{median / pace:.2f}",
                f"{GOALS[what]:g}",
            )
    console.print(table)
    return 0


def measure(exercise: Exercise, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of each save, by what it was waited for; and the machine's pace meanwhile."""
    yardsticks: list[float] = []
    seconds: dict[str, list[float]] = {what: [] for what in GOALS}
    reference = exercise.reference.read_text("utf-8")
    mutants = load_mutants(exercise)
    chosen = mutants[:: max(1, len(mutants) // MUTANTS)][:MUTANTS]
    with tempfile.TemporaryDirectory(prefix="burnin-bench-") as folder:
        for part in (f"exercises/{exercise.name}", f"solutions/{exercise.name}", "tests/exercises"):
            shutil.copytree(exercise.root / part, Path(folder, part))
        attempt = Attempts(Library(Path(folder))).start(Library(Path(folder)).exercise(exercise.name))
        with Session(attempt) as session:
            views = Views(session)
            views.wait(_graded)  # of the stub: the grader draws its scripts
            for number in range(rounds):
                for mutant in chosen:
                    yardsticks.append(yardstick())
                    wrong = mutated(mutant, reference) + f"# {number}\n"
                    first, full = views.save(attempt.submission, wrong)
                    seconds["first red"].append(first)
                    seconds["full score, red"].append(full)
                    first, full = views.save(attempt.submission, wrong + "# the same\n")
                    seconds["still red, same story"].append(first)
                    seconds["full score, red"].append(full)
                    _, full = views.save(attempt.submission, reference + f"# {number} {mutant.name}\n")
                    seconds["full score, all green"].append(full)
    return seconds, statistics.median(yardsticks) / YARDSTICK_SECONDS


class Views:
    """A view of the session that notes when it is told what."""

    def __init__(self, session: Session) -> None:
        self._told: list[tuple[float, Snapshot]] = [(time.perf_counter(), session.snapshot)]
        self._more = threading.Condition()
        session.subscribe(self._hear)

    def _hear(self, snapshot: Snapshot) -> None:
        with self._more:
            self._told.append((time.perf_counter(), snapshot))
            self._more.notify_all()

    def wait(self, wanted: Callable[[Snapshot], bool], since: float = 0.0) -> float:
        """When the first snapshot came, after that moment, that is wanted."""
        with self._more:
            while True:
                for when, snapshot in self._told:
                    if when > since and wanted(snapshot):
                        return when
                self._more.wait(60)

    def save(self, path: Path, text: str) -> tuple[float, float]:
        """Save this, and wait for the verdict; the seconds to the first word on it, and to the whole score."""
        path.write_text(text, "utf-8")
        began = time.perf_counter()
        grading = self.wait(lambda now: now.grading.phase == "grading", began)
        first = self.wait(lambda now: now.grading.first_word is not None, grading)
        full = self.wait(_graded, grading)
        self._told.clear()
        time.sleep(READING)
        return first - began, full - began


def _graded(now: Snapshot) -> bool:
    """Whether the score is whole. Raises `SystemExit` if there will not be one."""
    if now.grading.phase == "not scored" or now.problem is not None:
        raise SystemExit(f"The session does not grade: {now.problem or now.grading.message}")
    return now.grading.phase == "graded"


if __name__ == "__main__":
    raise SystemExit(main())
