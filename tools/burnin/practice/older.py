"""Attempts as Burnin 0.1 recorded them: `attempt.json`, written last, and `scores.jsonl`, one line per grade. They are only read."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from burnin.practice.record import StageScore

__all__ = ["OldAttempt", "OldScore", "old_attempts"]


class _Clock(msgspec.Struct):
    exercise: str
    number: int
    started: datetime
    minutes: int
    version: int


class OldScore(msgspec.Struct, frozen=True):
    """A line of `scores.jsonl`. `minutes` are real ones since the attempt began."""

    when: datetime
    minutes: float
    score: int
    possible: int
    sha256: str
    effort: str
    suite: str
    stages: list[StageScore]


@dataclass(frozen=True)
class OldAttempt:
    """One attempt and its grades, oldest first."""

    exercise: str
    number: int
    started: datetime
    minutes: int
    version: int
    scores: list[OldScore]


def old_attempts(root: Path) -> list[OldAttempt]:
    """The attempts under this folder. What is not whole, or says that it belongs elsewhere, is passed over."""
    found = []
    for path in sorted(root.glob("*/*/attempt.json")):
        with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            clock = msgspec.json.decode(path.read_bytes(), type=_Clock)
            place = (path.parent.parent.name, path.parent.name)
            if place == (clock.exercise, str(clock.number)) and clock.started.tzinfo is not None:
                scores = _scores(path.with_name("scores.jsonl"))
                found.append(
                    OldAttempt(clock.exercise, clock.number, clock.started, clock.minutes, clock.version, scores)
                )
    return found


def _scores(path: Path) -> list[OldScore]:
    """The lines that are whole; one that a crash cut off is passed over."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return []
    scores = []
    for line in lines:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
            scores.append(msgspec.json.decode(line, type=OldScore))
    return scores
