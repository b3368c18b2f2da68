"""What a view of a session shows: how things stand at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from burnin.practice.attempts import GivenHint
from burnin.practice.clock import Mark
from burnin.practice.interview import Question
from burnin.practice.record import AttemptRecord
from burnin.scorecard import PropertyResult, Scorecard

__all__ = ["Grading", "Snapshot", "StageView"]


@dataclass(frozen=True)
class StageView:
    """A stage as it stands."""

    number: int
    title: str
    par_until: int
    """The minute by which a strong candidate has it."""
    score: int
    possible: int
    """0 before the first grade."""
    shown: float | None
    """The minute at which it was shown, or None if it has not been."""

    @property
    def passed(self) -> bool:
        """Whether it has all its points."""
        return 0 < self.possible == self.score


@dataclass(frozen=True)
class Grading:
    """What is known of the submission as it was saved last."""

    phase: Literal["waiting", "grading", "graded", "not scored"] = "waiting"
    judged: int = 0
    of: int = 0
    """Properties judged so far, and all of them; 0 until the first is."""
    message: str = ""
    """Why it is not scored, or what else is to be said."""
    failure: PropertyResult | None = None
    """The first that fails of the stages that are shown, in the order of the statement, as far as is known."""
    same_story: bool = False
    """Whether it fails by the same story as the save before."""
    first_word: float | None = None
    """Seconds from the save to the first failure that is told, or to the end where there is none."""
    seconds: float | None = None
    """Seconds from the save to the whole score."""
    shrinking: bool = False
    """Whether there is a score, and the smallest plays of what failed are still looked for."""


@dataclass(frozen=True)
class Snapshot:
    """Everything that a view shows. The clock goes on: what it shows is `mark.at(Moment.now())`."""

    record: AttemptRecord
    mark: Mark
    title: str
    stages: tuple[StageView, ...]
    statement: str
    """Up to the last stage that was shown; Markdown."""
    questions: tuple[Question, ...]
    asked: tuple[Question, ...]
    hints: tuple[GivenHint, ...]
    """Those that were given, in the order of stage and grade."""
    grading: Grading
    card: Scorecard | None
    """The last whole one."""
    reference: str | None
    """The text of the reference, once the attempt has ended."""
    problem: str | None
    """What went wrong in the tools, in a sentence, or None."""

    @property
    def stage(self) -> int:
        """The last stage that was shown."""
        return max((stage.number for stage in self.stages if stage.shown is not None), default=1)
