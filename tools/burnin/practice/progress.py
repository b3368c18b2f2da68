"""Progress over all attempts: results, pace against par, kinds of failure that recur, and what to practise next, with the reason.

One grade stands for an attempt: the last one in time that was not quick. What a candidate had wrong on the way there is in the debrief.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from burnin.library import Exercise, Library, UserError
from burnin.practice.chart import Line, chart
from burnin.practice.page import render, write_page
from burnin.practice.record import AttemptRecord, GradeRecord
from burnin.scorecard import PropertyResult

__all__ = [
    "AttemptFacts",
    "ExerciseFacts",
    "Kind",
    "Progress",
    "Suggestion",
    "progress",
    "progress_page",
    "write_progress",
]

RECENT = 10
"""Attempts that the kinds of failure are counted over: older ones say little about today."""
STALE_DAYS = 21
"""Days after which full marks are worth another attempt."""
SUGGESTIONS = 3
_MARKER = "burnin progress"


@dataclass(frozen=True)
class AttemptFacts:
    """One attempt."""

    record: AttemptRecord
    late: int | None
    """The best score after the time."""
    passed: dict[int, float]
    """The minute at which each stage had all its points, in time."""
    pace: float | None
    """The minute at which the last of the stages passed in unbroken order was, as a multiple of the par time up to it."""
    failed: list[tuple[int, PropertyResult]]
    """What failed, by stage; what was not attempted did not."""
    attempted: set[str]
    """The tags of all properties that were attempted."""

    @property
    def open(self) -> bool:
        """Whether it has neither ended nor run out of time."""
        return self.record.open and self.record.minute < self.record.minutes

    @property
    def tags(self) -> set[str]:
        """The tags of what failed."""
        return {tag for _, result in self.failed for tag in result.tags}


@dataclass(frozen=True)
class ExerciseFacts:
    """All attempts at one exercise, in the order in which they were started."""

    exercise: Exercise
    attempts: list[AttemptFacts]

    @property
    def points(self) -> int:
        """The points that there are."""
        return sum(stage.points for stage in self.exercise.manifest.stages)

    @property
    def par(self) -> int:
        """The par time of all stages, in minutes."""
        return sum(stage.par_minutes for stage in self.exercise.manifest.stages)

    @property
    def best(self) -> int | None:
        """The best result in time."""
        return max((one.record.result for one in self.attempts if one.record.result is not None), default=None)

    @property
    def latest(self) -> AttemptFacts | None:
        """The latest attempt that has a result."""
        return next((one for one in reversed(self.attempts) if one.record.result is not None), None)


@dataclass(frozen=True)
class Kind:
    """A kind of failure, by the tag of properties."""

    tag: str
    failed: int
    """In how many of the recent attempts it failed."""
    of: int
    """And in how many it was attempted."""


@dataclass(frozen=True)
class Suggestion:
    """What to practise next."""

    exercise: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """The facts of all attempts."""

    attempts: list[AttemptFacts]
    """In the order in which they were started."""
    exercises: list[ExerciseFacts]
    """Those of the library, by name."""
    kinds: list[Kind]
    """Those that failed, the most frequent first."""
    next: list[Suggestion]
    option: str
    """Of the library."""

    @property
    def stages(self) -> int:
        """The most stages that an exercise has."""
        return max((len(one.exercise.manifest.stages) for one in self.exercises), default=0)


def progress(library: Library, records: Sequence[AttemptRecord], now: datetime) -> Progress:
    """The facts. An exercise that is gone, or whose manifest is wrong, has its attempts but nothing to compare them with."""
    exercises = {}
    for name in library.names():
        try:
            exercises[name] = library.exercise(name)
        except UserError:
            continue
    attempts = [_attempt(record, exercises.get(record.exercise)) for record in records]
    by_exercise = [
        ExerciseFacts(exercise, [one for one in attempts if one.record.exercise == name])
        for name, exercise in exercises.items()
    ]
    kinds = _kinds(attempts)
    return Progress(attempts, by_exercise, kinds, _suggestions(by_exercise, kinds, now), library.option)


def progress_page(facts: Progress, now: datetime) -> str:
    """Progress as a page that stands alone."""
    return render("progress.html", facts=facts, now=now, chart=_chart(facts), recent=RECENT, marker=_MARKER)


def write_progress(path: Path, facts: Progress, now: datetime) -> None:
    """Write the page, in place of an earlier one. Raises `UserError` if something else is there or it cannot be written."""
    write_page(path, progress_page(facts, now), _MARKER)


def _attempt(record: AttemptRecord, exercise: Exercise | None) -> AttemptFacts:
    counted = [grade for grade in record.grades if not grade.overtime and grade.effort != "quick"]
    late = [grade.score for grade in record.grades if grade.overtime and grade.effort != "quick"]
    passed = _passed(counted)
    card = counted[-1].scorecard() if counted else None
    results = [(stage.number, result) for stage in card.stages for result in stage.properties] if card else []
    attempted = [(stage, result) for stage, result in results if result.status != "not_attempted"]
    return AttemptFacts(
        record,
        max(late, default=None),
        passed,
        None if exercise is None else _pace(passed, exercise),
        [(stage, result) for stage, result in attempted if result.status != "passed"],
        {tag for _, result in attempted for tag in result.tags},
    )


def _passed(grades: Sequence[GradeRecord]) -> dict[int, float]:
    passed: dict[int, float] = {}
    for grade in grades:
        for stage in grade.stages:
            if stage.score == stage.possible > 0:
                passed.setdefault(stage.number, grade.minute)
    return passed


def _pace(passed: dict[int, float], exercise: Exercise) -> float | None:
    minute = par = 0.0
    for number, stage in enumerate(exercise.manifest.stages, 1):
        if number not in passed:
            break
        par += stage.par_minutes
        minute = max(minute, passed[number])
    return minute / par if par else None


def _kinds(attempts: Sequence[AttemptFacts]) -> list[Kind]:
    recent = [one for one in attempts if one.attempted][-RECENT:]
    tags = {tag for one in recent for tag in one.tags}
    kinds = [
        Kind(tag, sum(tag in one.tags for one in recent), sum(tag in one.attempted for one in recent)) for tag in tags
    ]
    return sorted(kinds, key=lambda kind: (-kind.failed, -kind.failed / kind.of, kind.tag))


# ---- what next


def _suggestions(exercises: Sequence[ExerciseFacts], kinds: Sequence[Kind], now: datetime) -> list[Suggestion]:
    """An open attempt first, then what is unfinished business, then what is new, then what was long ago."""
    ranked = [
        (rank, name, reason) for facts in exercises for rank, name, reason in [_suggestion(facts, kinds, now)] if reason
    ]
    return [Suggestion(name, reason) for _, name, reason in sorted(ranked)[:SUGGESTIONS]]


def _suggestion(facts: ExerciseFacts, kinds: Sequence[Kind], now: datetime) -> tuple[tuple[float, float], str, str]:
    """How soon (lower is sooner), the exercise, and the reason; an empty one for nothing to suggest."""
    name, manifest = facts.exercise.name, facts.exercise.manifest
    if facts.attempts and facts.attempts[-1].open:
        record = facts.attempts[-1].record
        return (0, 0), name, f"attempt {record.number} is still open, at minute {record.minute:.0f} of {record.minutes}"
    latest = facts.latest
    if latest is None:
        tried = "not tried yet" if not facts.attempts else "tried, but never scored in time"
        return (2, facts.par), name, f"{tried}: {manifest.summary} {facts.points} points, par {facts.par} minutes."
    record = latest.record
    assert record.result is not None
    if record.result < facts.points:
        share = record.result / facts.points
        return (1, share - _recurring(latest, kinds)), name, _unfinished(facts, latest, kinds)
    days = (now - record.started).days
    if days >= STALE_DAYS:
        return (
            (3, -days),
            name,
            f"full marks, but {days} days ago: see whether they still come in {manifest.minutes} minutes",
        )
    if latest.pace is not None and latest.pace > 1:
        return (4, -latest.pace), name, f"full marks, at {latest.pace:.1f} times par: once more, for pace"
    return (5, 0), name, ""


def _recurring(latest: AttemptFacts, kinds: Sequence[Kind]) -> float:
    """How much of what failed recurs: the largest share of the recent attempts in which one of its kinds failed."""
    return max((kind.failed / kind.of for kind in kinds if kind.tag in latest.tags and kind.failed > 1), default=0.0)


def _unfinished(facts: ExerciseFacts, latest: AttemptFacts, kinds: Sequence[Kind]) -> str:
    stages = facts.exercise.manifest.stages
    open_stage = next((number for number in range(1, len(stages) + 1) if number not in latest.passed), None)
    reason = f"the latest result is {latest.record.result} of {facts.points}"
    if open_stage is not None:
        reason += f", and stage {open_stage} ({stages[open_stage - 1].title}) never had all its points in that attempt"
    recurring = next((kind for kind in kinds if kind.tag in latest.tags and kind.failed > 1), None)
    if recurring is not None:
        reason += (
            f"; {recurring.tag} failed there, as in {recurring.failed} of {recurring.of} recent attempts that got to it"
        )
    return reason


# ---- the page


def _chart(facts: Progress) -> str | None:
    """Results over time, a line for each exercise; None where there is none."""
    lines = []
    for exercise in facts.exercises:
        points = [
            (one.record.started.timestamp(), float(one.record.result))
            for one in exercise.attempts
            if one.record.result is not None
        ]
        if points:
            lines.append(Line(exercise.exercise.name, points))
    if not lines:
        return None
    days = sorted({second for line in lines for second, _ in line.points})
    step = max(1, len(days) // 7)
    top = max(exercise.points for exercise in facts.exercises)
    return chart(lines, x="begun", y="result", x_labels=days[::step], top=top, dates=True)
