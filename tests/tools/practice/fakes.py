"""Moments and scorecards for the tests of practising."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

from burnin.practice import Moment
from burnin.scorecard import Confinement, Scorecard, StageResult, Submission, TypeCheck

NOON = Moment(datetime(2025, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2))), "first boot", 1000.0)


def later(minutes: float, *, after: Moment = NOON) -> Moment:
    """A moment so many minutes after another, by both clocks."""
    return replace(after, wall=after.wall + timedelta(minutes=minutes), monotonic=after.monotonic + minutes * 60)


def card(score: int = 60, *, effort: str = "standard") -> Scorecard:
    """A scorecard of `toy`, which has one stage."""
    return Scorecard(
        exercise="toy",
        submission=Submission("ab" * 32),
        score=score,
        possible=100,
        stages=[StageResult(1, "One", score, 100, [])],
        types=TypeCheck("clean"),
        confinement=Confinement("none", False, []),
        effort=effort,
        seed=0,
        suite="cd" * 32,
        seconds=1.0,
    )
