"""The scorecard: what a grade says. One schema for the terminal, JSON and everything built on them.

`scorecard` is the schema's version; a field is only ever added within a version. The same submission graded twice gives the same
object but for `seconds`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "SCHEMA",
    "Confinement",
    "Counterexample",
    "PropertyResult",
    "Scorecard",
    "StageResult",
    "Status",
    "Submission",
    "TypeCheck",
    "TypeProblem",
]

SCHEMA = 1

Status = Literal["passed", "failed", "not_attempted", "timed_out", "crashed"]


class Counterexample(msgspec.Struct):
    """The smallest play that was found to break the property."""

    script: Any
    """The script as data (see `burnin.script`), or null where the failure needed none."""
    history: list[dict[str, Any]]
    """The events of the play: `seq`, `t` in virtual seconds, `kind`, `actor`, `call`, `what`, `value`, `effect` (the
    number of the world call that it belongs to, or 0) and `shown` (false for a world call that only answers a question)."""
    expected: str
    got: str
    story: list[str]
    """The same for people, at most 12 lines."""
    at: float | None = None
    """The moment that shows the failure, in virtual seconds; null where none is named."""
    at_seq: int | None = None
    """The event that shows it, by its `seq`, where the property names one."""
    names: dict[str, str] = {}
    """Long strings of the play, such as digests, with the short names by which the story calls them."""


class PropertyResult(msgspec.Struct):
    """One property. `score` is `possible` when it passed, and 0 otherwise."""

    id: str
    title: str
    """The sentence that the property checks."""
    level: Literal["core", "senior"]
    rule: str
    """The rule of the statement, by its bold name."""
    status: Status
    score: int
    possible: int
    counterexample: Counterexample | None
    tags: list[str] = []
    """Kinds of mistake that it finds: boundaries, cancellation, concurrency, cost, failure, memory, order, policy."""


class StageResult(msgspec.Struct):
    """One stage; its points are the sum of its properties'."""

    number: int
    title: str
    score: int
    possible: int
    properties: list[PropertyResult]


class TypeProblem(msgspec.Struct):
    """One complaint of the type checker, at a line of the submission."""

    line: int
    message: str
    code: str


class TypeCheck(msgspec.Struct):
    """`mypy --strict` on the submission alone; not part of the points. `unknown` says in `note` why there is no result."""

    status: Literal["clean", "problems", "unknown"]
    problems: list[TypeProblem] = []
    note: str = ""


class Confinement(msgspec.Struct):
    """Which confinement the worker ran under, and what it covered."""

    backend: str
    strong: bool
    """Whether files, network, processes and signals were all confined."""
    details: list[str]


class Submission(msgspec.Struct):
    """What was graded."""

    sha256: str


class Scorecard(msgspec.Struct, kw_only=True):
    """The result of one grade."""

    scorecard: int = SCHEMA
    """The version of this schema."""
    exercise: str
    submission: Submission
    score: int
    possible: int
    stages: list[StageResult]
    types: TypeCheck
    confinement: Confinement
    effort: str
    seed: int
    suite: str
    """SHA-256 over the hidden suite's files."""
    seconds: float
    problem: str | None = None
    """Why the submission could not be graded at all, in one sentence; its score is 0 then."""
