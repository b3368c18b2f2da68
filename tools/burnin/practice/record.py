"""The record of an attempt: what happened when, as the store gives it back. Minutes are active minutes since the start, pauses taken out."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

from burnin.scorecard import Scorecard

__all__ = ["ASSESSMENT", "AttemptRecord", "EventKind", "EventRecord", "GradeRecord", "StageScore"]

EventKind = Literal[
    "started",
    "resumed",
    "paused",
    "unpaused",
    "stage_shown",
    "asked",
    "hint",
    "gave_up",
    "finished",
    "first_edit",
    "saved",
]

ASSESSMENT = {
    "clarify": "Did I clarify before I wrote?",
    "quantify": "Did I quantify: costs, sizes, rates?",
    "commit": "Did I commit to a design and say why?",
    "deepen": "Did I go deep somewhere?",
    "operations": "Did I cover operations: failure, metrics, roll-out?",
}
"""The five questions after an interview, by the keys under which their answers are kept."""


class StageScore(msgspec.Struct, frozen=True):
    """The points of one stage in one grade."""

    number: int
    score: int
    possible: int


@dataclass(frozen=True)
class GradeRecord:
    """One grade of an attempt. Its time is that at which the submission was read, not that at which the grade was done."""

    when: datetime
    """With its zone."""
    minute: float
    overtime: bool
    """Whether it came after the attempt's minutes, or after its end: shown apart, and never the result."""
    score: int
    possible: int
    stages: list[StageScore]
    sha256: str
    """Of the submission."""
    effort: str
    """A quick grade looks less closely and is never the result."""
    suite: str
    """SHA-256 over the hidden suite, so that scores of different suites can be told apart."""
    packed_scorecard: bytes = field(default=b"", repr=False)
    packed_submission: bytes = field(default=b"", repr=False)

    def scorecard(self) -> Scorecard | None:
        """The whole scorecard, unpacked at each call; None for a grade that another version of Burnin recorded without one, or in another form."""
        if not self.packed_scorecard:
            return None
        try:
            return msgspec.json.decode(zlib.decompress(self.packed_scorecard), type=Scorecard)
        except msgspec.ValidationError:
            return None

    def submission(self) -> str | None:
        """The submission as it was graded; None for a grade that an older Burnin recorded."""
        if not self.packed_submission:
            return None
        return zlib.decompress(self.packed_submission).decode("utf-8-sig", "replace")


@dataclass(frozen=True)
class EventRecord:
    """One thing that the candidate did, in the order in which they were done.

    `detail` by kind: `started` "staged" or "whole statement"; `resumed` a sentence when the machine was restarted meanwhile; `stage_shown`
    "2", or "2 on request"; `asked` the topic; `hint` "2 nudge"; `saved` nothing, or "does not parse: line 12"; else nothing.
    """

    when: datetime
    minute: float
    kind: EventKind
    detail: str = ""


@dataclass(frozen=True)
class AttemptRecord:
    """One attempt, whole."""

    exercise: str
    number: int
    folder: Path
    version: int
    """The exercise's version when the attempt began."""
    started: datetime
    """With its zone."""
    minutes: int
    """How long the interview lasts."""
    finished: float | None
    """The minute at which it was finished or given up, or None."""
    running: bool
    """Whether the clock runs, as far as was recorded: false during a pause."""
    minute: float
    """What the clock showed when it was last recorded."""
    by_wall: float
    """How many of those minutes are known by the system clock alone, because the machine was restarted meanwhile."""
    imported: bool
    """Whether an older Burnin recorded it, without events, scorecards and pauses."""
    assessment: dict[str, str]
    """Answers by the keys of `ASSESSMENT`."""
    grades: list[GradeRecord] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)

    @property
    def result(self) -> int | None:
        """The score at the end of the minutes: that of the last grade that was in time and not quick. None if there was none."""
        counted = [grade for grade in self.grades if not grade.overtime and grade.effort != "quick"]
        return counted[-1].score if counted else None

    @property
    def possible(self) -> int | None:
        """The points that there were in the last grade."""
        return self.grades[-1].possible if self.grades else None

    @property
    def open(self) -> bool:
        """Whether it has not ended. An older Burnin recorded no end, so its attempts count as ended."""
        return self.finished is None and not self.imported

    @property
    def staged(self) -> bool:
        """Whether the follow-ups are shown one by one."""
        return any(event.kind == "started" and event.detail == "staged" for event in self.events)

    @property
    def gave_up(self) -> bool:
        """Whether the reference was looked at."""
        return any(event.kind == "gave_up" for event in self.events)

    def stages_shown(self) -> dict[int, float]:
        """The minute at which each stage was shown first."""
        shown: dict[int, float] = {}
        for event in self.events:
            if event.kind == "stage_shown":
                shown.setdefault(int(event.detail.split()[0]), event.minute)
        return shown

    def asked(self) -> list[tuple[EventRecord, bool]]:
        """The clarifying questions that were asked, each with whether that was before the first line of code."""
        asked, before = [], True
        for event in self.events:
            before = before and event.kind != "first_edit"
            if event.kind == "asked":
                asked.append((event, before))
        return asked
