"""Attempts: `attempts/<exercise>/<number>/` under the root of a library.

An attempt holds copies of the stub, the statement and the sample tests, and two files of Burnin's own:

- `attempt.json`, the clock. It is written last and appears whole, so a folder without it is not an attempt: something
  stopped while it was made. Such a folder stays as it is and the next attempt takes the next number.
- `scores.jsonl`, one line per grade.

Nothing here overwrites or deletes a file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from burnin.library import Exercise, Library, UserError
from burnin.scorecard import Scorecard

__all__ = ["Attempt", "Attempts", "Clock", "ScoreRecord", "StageScore"]

_CLOCK = "attempt.json"
_SCORES = "scores.jsonl"


class Clock(msgspec.Struct, frozen=True):
    """`attempt.json`: what a clock needs, also after the exercise has changed."""

    exercise: str
    number: int
    started: datetime
    """With its zone."""
    minutes: int
    """How long the interview lasts."""
    version: int
    """The exercise's version when the attempt began."""


class StageScore(msgspec.Struct, frozen=True):
    """The points of one stage in one grade."""

    number: int
    score: int
    possible: int


class ScoreRecord(msgspec.Struct, frozen=True):
    """A line of `scores.jsonl`: one grade of an attempt."""

    when: datetime
    minutes: float
    """Real minutes since the attempt began."""
    score: int
    possible: int
    sha256: str
    """Of the submission as it was graded."""
    effort: str
    suite: str
    """SHA-256 over the hidden suite, so that scores of different suites can be told apart."""
    stages: list[StageScore]


@dataclass(frozen=True)
class Attempt:
    """One attempt that was made whole."""

    folder: Path
    clock: Clock

    @property
    def submission(self) -> Path:
        """The file that is graded."""
        return self.folder / f"{self.clock.exercise}.py"

    def scores(self) -> list[ScoreRecord]:
        """Its grades, oldest first. A line that was cut off by a crash is passed over."""
        try:
            lines = (self.folder / _SCORES).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        records = []
        for line in lines:
            with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                records.append(msgspec.json.decode(line, type=ScoreRecord))
        return records

    def record(self, card: Scorecard, now: datetime) -> ScoreRecord:
        """Append a grade to the history. `now` has a zone. Raises `OSError` if it cannot be written."""
        record = ScoreRecord(
            when=now,
            minutes=max(0.0, round((now - self.clock.started).total_seconds() / 60, 1)),  # a clock may be set back
            score=card.score,
            possible=card.possible,
            sha256=card.submission.sha256,
            effort=card.effort,
            suite=card.suite,
            stages=[StageScore(stage.number, stage.score, stage.possible) for stage in card.stages],
        )
        with (self.folder / _SCORES).open("a+b", buffering=0) as file:
            torn = file.seek(0, os.SEEK_END) > 0 and _last_byte(file.fileno()) != b"\n"
            # one write, so that two grades at once give two lines
            file.write((b"\n" if torn else b"") + msgspec.json.encode(record) + b"\n")
            os.fsync(file.fileno())
        return record


class Attempts:
    """The attempts of one library."""

    def __init__(self, library: Library) -> None:
        self.root = library.root / "attempts"

    def start(self, exercise: Exercise, now: datetime) -> Attempt:
        """Make the next attempt at an exercise; its clock starts at `now`, which has a zone.

        Raises `UserError` if it cannot be written.
        """
        try:
            folder = self._claim(exercise.name)
            for source in (exercise.stub, exercise.folder / "README.md", exercise.folder / f"test_{exercise.name}.py"):
                shutil.copyfile(source, folder / source.name)  # not the mode: a read-only checkout has read-only files
            manifest = exercise.manifest
            clock = Clock(exercise.name, int(folder.name), now, manifest.minutes, manifest.version)
            _write_whole(folder / _CLOCK, msgspec.json.format(msgspec.json.encode(clock)) + b"\n")
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
            raise UserError(
                f"An attempt cannot be written to {self.root} ({reason}); make that folder writable, or work in a copy of the library."
            ) from None
        return Attempt(folder, clock)

    def latest(self, name: str | None = None) -> Attempt | None:
        """The attempt that was started last, at this exercise or at any."""
        found = (
            self.all(name)
            if name is not None
            else [attempt for other in _folders(self.root) for attempt in self.all(other.name)]
        )
        return max(found, key=lambda attempt: (attempt.clock.started, attempt.clock.number), default=None)

    def all(self, name: str) -> list[Attempt]:
        """The attempts at an exercise, by number."""
        found = []
        for number in _numbers(self.root / name):
            attempt = self.at(self.root / name / str(number))
            if attempt is not None:
                found.append(attempt)
        return found

    def at(self, folder: Path) -> Attempt | None:
        """The attempt in this folder, or None if it is not one of this library's, or was never finished."""
        folder = folder.resolve()
        if folder.parent.parent != self.root.resolve():
            return None
        try:
            clock = msgspec.json.decode((folder / _CLOCK).read_bytes(), type=Clock)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        agrees = (clock.exercise, str(clock.number)) == (
            folder.parent.name,
            folder.name,
        ) and clock.started.tzinfo is not None
        return Attempt(folder, clock) if agrees else None

    def best(self, name: str) -> int | None:
        """The best score at an exercise, or None before the first. A quick grade looks less closely and does not count."""
        scores = [record.score for attempt in self.all(name) for record in attempt.scores() if record.effort != "quick"]
        return max(scores, default=None)

    def _claim(self, name: str) -> Path:
        """Make the folder with the next number. Two processes never get the same one, because only one `mkdir` succeeds."""
        parent = self.root / name
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / str(max(_numbers(parent), default=0) + 1)
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder


def _numbers(parent: Path) -> list[int]:
    """The numbers that are taken, by whatever has such a name."""
    names = (path.name for path in _entries(parent))
    return sorted(int(name) for name in names if name.isascii() and name.isdigit() and name == str(int(name)))


def _folders(parent: Path) -> list[Path]:
    return [path for path in _entries(parent) if path.is_dir()]


def _entries(parent: Path) -> list[Path]:
    try:
        return sorted(parent.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"{parent} cannot be read ({error.strerror}); make that folder readable.") from None


def _write_whole(path: Path, data: bytes) -> None:
    """Write a new file that is either complete or not there, also after a power cut."""
    part = path.with_name(f".{path.name}.part")
    with part.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def _last_byte(descriptor: int) -> bytes:
    return os.pread(descriptor, 1, os.fstat(descriptor).st_size - 1)
