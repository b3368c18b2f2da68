"""Practising: attempts, their clocks and their records."""

from burnin.practice.attempts import Attempt, Attempts, GivenHint
from burnin.practice.clock import Mark, Moment, as_clock
from burnin.practice.record import ASSESSMENT, AttemptRecord, EventRecord, GradeRecord, StageScore
from burnin.practice.store import Store

__all__ = [
    "ASSESSMENT",
    "Attempt",
    "AttemptRecord",
    "Attempts",
    "EventRecord",
    "GivenHint",
    "GradeRecord",
    "Mark",
    "Moment",
    "StageScore",
    "Store",
    "as_clock",
]
