"""The debrief: what an interviewer would say afterwards, as facts from the record, and as a page that stands alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup

from burnin.library import Exercise, UserError
from burnin.practice.chart import Line, chart
from burnin.practice.interview import GRADES, Interview, Question
from burnin.practice.page import code, markdown, picture, render, write_page
from burnin.practice.record import ASSESSMENT, AttemptRecord, EventRecord, GradeRecord
from burnin.practice.timeline import lanes
from burnin.scorecard import PropertyResult, Scorecard

__all__ = ["Debrief", "StageFacts", "Tried", "debrief", "debrief_page", "write_debrief"]

_MARKER = "burnin debrief"


@dataclass(frozen=True)
class StageFacts:
    """One stage in this attempt. Minutes are those of the attempt's clock, None for what did not happen."""

    number: int
    title: str
    points: int
    par: int
    """Minutes that a strong candidate takes for it."""
    par_until: int
    """And for all stages up to it."""
    began: float | None
    """When the candidate could turn to it: when it was shown, or, where all are shown at once, when the one before it was passed.

    A save that had all its points before then was the begin.
    """
    passed: float | None
    """When it first had all its points."""
    spent: float | None
    """Minutes from when the candidate could turn to it until the same of the next stage, or to the end."""
    score: int
    """In the grade that counts."""


@dataclass(frozen=True)
class Tried:
    """A property that failed when it was first attempted."""

    stage: int
    result: PropertyResult
    """As it failed first."""
    failed: float
    """The minute."""
    passed: float | None
    """The minute from which it passed to the end; None if it did not."""


@dataclass(frozen=True)
class Debrief:
    """The facts of one attempt."""

    record: AttemptRecord
    exercise: Exercise
    grade: GradeRecord | None
    """The grade that counts: the last one in time that was not quick."""
    card: Scorecard | None
    """Its scorecard, if it was kept; where nothing was graded in time, that of the last grade after it."""
    stages: list[StageFacts]
    tried: list[Tried]
    hints: list[tuple[EventRecord, str]]
    """Each with its text."""
    asked: list[tuple[EventRecord, Question | None, bool]]
    """Each with the question, and whether it came before the first line of code."""
    unasked: list[Question] = field(default_factory=list)

    @property
    def late(self) -> GradeRecord | None:
        """The best grade after the time; shown apart."""
        found = [grade for grade in self.record.grades if grade.overtime and grade.effort != "quick"]
        return max(found, key=lambda grade: grade.score, default=None)

    @property
    def failures(self) -> list[tuple[int, PropertyResult]]:
        """What the grade that counts leaves open, by stage: failures first, then what was not attempted."""
        if self.card is None:
            return []
        left = [(stage.number, one) for stage in self.card.stages for one in stage.properties if one.status != "passed"]
        return sorted(left, key=lambda found: found[1].status == "not_attempted")

    def level(self, level: str) -> tuple[int, int]:
        """How many properties of this level passed, of how many."""
        results = [one for stage in self.card.stages for one in stage.properties] if self.card else []
        of_level = [one for one in results if one.level == level]
        return sum(one.status == "passed" for one in of_level), len(of_level)

    @property
    def submission(self) -> str | None:
        """The submission that counts, or else the last that was kept."""
        if self.grade is not None and self.grade.submission() is not None:
            return self.grade.submission()
        return next((text for grade in reversed(self.record.grades) if (text := grade.submission()) is not None), None)

    @property
    def end(self) -> float:
        """The minute at which it ended, or which it has reached."""
        return _end(self.record)


def debrief(exercise: Exercise, record: AttemptRecord) -> Debrief:
    """The facts of an attempt. Raises `UserError` if the exercise's `interview.toml` cannot be read."""
    counted = [grade for grade in record.grades if not grade.overtime and grade.effort != "quick"]
    grade = counted[-1] if counted else None
    interview = Interview.of(exercise)
    topics = {question.topic: question for question in interview.questions}
    asked = [(event, topics.get(event.detail), before) for event, before in record.asked()]
    said = {event.detail for event, _, _ in asked}
    hints = [(event, _hint(interview, event.detail)) for event in record.events if event.kind == "hint"]
    return Debrief(
        record,
        exercise,
        grade,
        (grade or record.grades[-1]).scorecard() if record.grades else None,
        _stages(exercise, record, grade),
        _tried(record),
        hints,
        asked,
        [question for question in interview.questions if question.topic not in said],
    )


def write_debrief(exercise: Exercise, record: AttemptRecord, now: datetime) -> Path:
    """Write `debrief.html` into the attempt's folder, in place of an earlier one. Raises `UserError` if it cannot be."""
    path = record.folder / "debrief.html"
    write_page(path, debrief_page(exercise, record, now), _MARKER)
    return path


def debrief_page(exercise: Exercise, record: AttemptRecord, now: datetime) -> str:
    """The debrief as a page. It shows the reference, so it raises `UserError` for an attempt that has not ended."""
    if record.open:
        raise UserError(
            f"Attempt {record.number} at {record.exercise} has not ended, and a debrief shows the reference; `burnin finish{exercise.option}` ends it."
        )
    facts = debrief(exercise, record)
    follow_ups, discussion = _discussion(exercise)
    return render(
        "debrief.html",
        facts=facts,
        record=record,
        exercise=exercise,
        manifest=exercise.manifest,
        now=now,
        chart=_chart(facts),
        timelines={
            one.id: picture(lanes(one.counterexample), f"timeline-{number}")
            for number, (_, one) in enumerate(facts.failures)
            if one.counterexample is not None
        },
        submission=None if facts.submission is None else code(facts.submission),
        solutions=[(name, code(path.read_text("utf-8"))) for name, path in _solutions(exercise)],
        follow_ups=follow_ups,
        discussion=discussion,
        questions=ASSESSMENT,
        marker=_MARKER,
    )


# ---- facts


def _end(record: AttemptRecord) -> float:
    """An older Burnin recorded no end; the last grade is what is known."""
    if record.finished is not None:
        return record.finished
    return max([record.minute, *(grade.minute for grade in record.grades)])


def _stages(exercise: Exercise, record: AttemptRecord, grade: GradeRecord | None) -> list[StageFacts]:
    shown = record.stages_shown()
    scores = {stage.number: stage.score for stage in grade.stages} if grade else {}
    stages = exercise.manifest.stages
    passed = [_passed(record, number) for number in range(1, len(stages) + 1)]
    began: list[float | None] = []
    for number in range(1, len(stages) + 1):
        at = shown.get(number)
        if number > 1 and not record.staged:
            at = passed[number - 2]
            before = began[-1]
            at = None if at is None or before is None else max(at, before)
        began.append(at if number > 1 else 0.0)
    facts, par_until = [], 0
    for number, (stage, next_began) in enumerate(zip(stages, [*began[1:], None], strict=True), 1):
        par_until += stage.par_minutes
        begin, full = began[number - 1], passed[number - 1]
        until = next_began if next_began is not None else _end(record)
        facts.append(
            StageFacts(
                number,
                stage.title,
                stage.points,
                stage.par_minutes,
                par_until,
                begin if begin is None or full is None else min(begin, full),
                full,
                None if begin is None else max(0.0, until - begin),
                scores.get(number, 0),
            )
        )
    return facts


def _passed(record: AttemptRecord, number: int) -> float | None:
    for grade in record.grades:
        if grade.effort != "quick":
            for stage in grade.stages:
                if stage.number == number and stage.score == stage.possible > 0:
                    return grade.minute
    return None


def _tried(record: AttemptRecord) -> list[Tried]:
    first: dict[str, tuple[int, PropertyResult, float]] = {}
    attempted: set[str] = set()
    passing: dict[str, float | None] = {}
    for grade in record.grades:
        card = grade.scorecard()
        for number, result in _results(card):
            if result.status == "not_attempted":
                continue
            passed = result.status == "passed"
            if result.id not in attempted and not passed:
                first[result.id] = (number, result, grade.minute)
            attempted.add(result.id)
            if not passed:
                passing[result.id] = None
            elif passing.get(result.id) is None:
                passing[result.id] = grade.minute
    return [
        Tried(number, result, failed, passing[property_id])
        for property_id, (number, result, failed) in sorted(first.items(), key=lambda found: found[1][2])
    ]


def _results(card: Scorecard | None) -> Iterator[tuple[int, PropertyResult]]:
    for stage in card.stages if card else []:
        for result in stage.properties:
            yield stage.number, result


def _hint(interview: Interview, detail: str) -> str:
    """The text of a hint that was given; empty if there is none any more."""
    texts = {f"{hint.stage} {grade}": hint.text(grade) for hint in interview.hints for grade in GRADES}
    return texts.get(detail, "")


# ---- the page


def _chart(facts: Debrief) -> str:
    """The score against the minute: steps, because it holds until the next grade; with the par times to compare with."""
    record, minutes = facts.record, facts.record.minutes
    grades = [grade for grade in record.grades if grade.effort != "quick"]
    in_time = [(grade.minute, grade.score) for grade in grades if not grade.overtime]
    late = [(grade.minute, grade.score) for grade in grades if grade.overtime]
    start = in_time[-1][1] if in_time else 0
    over = min(facts.end, minutes)
    total = 0
    par: list[tuple[float, float]] = [(0.0, 0.0)]
    for stage in facts.stages:
        total += stage.points
        par.append((stage.par_until, total))
    begins = [(stage.began, _score_at(grades, stage.began)) for stage in facts.stages if stage.began is not None]
    lines = [Line("score", _steps([(0.0, 0), *in_time, (over, start)])), Line("par", par, "dashed")]
    lines.append(Line("a stage begins", begins, "dots"))
    if late:
        lines.append(Line("after the time", _steps([(over, start), *late])))
    last = max([facts.end, minutes, *(minute for minute, _ in late)])
    labels = {0.0, float(minutes), *(float(stage.par_until) for stage in facts.stages)}
    top = max(total, facts.grade.possible if facts.grade else 0)
    return chart(lines, x="minute", y="points", x_labels=sorted(label for label in labels if label <= last), top=top)


def _score_at(grades: list[GradeRecord], minute: float) -> float:
    return next((grade.score for grade in reversed(grades) if grade.minute <= minute), 0)


def _steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    steps = [points[0]]
    for (_, before), (minute, score) in pairwise(points):
        steps += [(minute, before), (minute, score)] if score != before else [(minute, score)]
    return steps


def _solutions(exercise: Exercise) -> list[tuple[str, Path]]:
    """What stands beside the submission: the reference and the alternates, by name."""
    found = [("Reference", exercise.reference)] if exercise.reference.is_file() else []
    return found + [(path.stem.replace("_", " ").capitalize(), path) for path in exercise.alternates]


def _discussion(exercise: Exercise) -> tuple[Markup | None, Markup | None]:
    """The follow-ups of the discussion, and all of it."""
    path = exercise.solutions / "discussion.md"
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None, None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}).") from None
    section = re.search(r"^## [^\n]*follow-ups[^\n]*\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE | re.IGNORECASE)
    return None if section is None else markdown(section[1], deeper=2), markdown(text, deeper=2)
