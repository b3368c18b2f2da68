"""What a grade tells a judge process and hears from it: JSON lines over its standard input and output."""

from __future__ import annotations

from typing import Any

import msgspec

from burnin.scorecard import Counterexample, Status

__all__ = [
    "Ask",
    "Enough",
    "Failing",
    "Glance",
    "Glanced",
    "HandIn",
    "Judged",
    "Listed",
    "Recheck",
    "Request",
    "SuiteProperty",
]


class Request(msgspec.Struct):
    """The first line in: the suite to judge with. Each further line is a `HandIn`, `Ask`, `Recheck`, `Glance` or `Enough`; the end of input ends it."""

    suite: str
    """The folder of the hidden suite."""
    name: str
    """The module name that the submission gets."""
    confined: bool
    core: int | None = None
    """The processor core to stay on."""


class HandIn(msgspec.Struct, tag=True):
    """The submission that what follows is about."""

    submission: str
    """A private copy of its file."""
    effort: str
    seed: int
    until_failure: bool = False
    """Judge no more of a batch when a property of it has not passed."""
    shrink: bool = True
    """Look for the smallest play that shows a failure."""


class Ask(msgspec.Struct, tag=True):
    """Judge these properties of one batch next."""

    batch: list[str]


class Recheck(msgspec.Struct, tag=True):
    """Judge one property by one script alone, as data (see `burnin.script`)."""

    property: str
    script: Any


class Glance(msgspec.Struct, tag=True):
    """Play the first few scripts of each of these properties, round after round, until one fails. Nothing is judged by it, but who
    is asked for these properties next has begun already."""

    properties: list[str]
    plays: int


class Enough(msgspec.Struct, tag=True):
    """Do not look for a smaller failure any longer: the one found so far is wanted now."""


class SuiteProperty(msgspec.Struct):
    """One property of the suite, as it was collected."""

    id: str
    title: str
    stage: int
    points: int
    level: str
    rule: str
    batch: int
    """Properties with the same number look at the same plays and are judged together."""
    tags: list[str] = []


class Listed(msgspec.Struct, tag=True):
    """The first line out: the suite's properties; or the sentence that says why the suite could not be read."""

    properties: list[SuiteProperty]
    problem: str | None = None


class Failing(msgspec.Struct, tag=True):
    """A property has been found to fail: by an `Ask`, before its smallest failure is looked for and its `Judged` follows, or by a `Glance`."""

    id: str
    status: Status
    counterexample: Counterexample | None


class Glanced(msgspec.Struct, tag=True):
    """The end of a `Glance`."""

    failed: str | None
    """The property of which a `Failing` has told, if one failed."""


class Judged(msgspec.Struct, tag=True):
    """One property's result, in answer to an `Ask` or a `Recheck`. `fault` is set when the suite, not the submission, went wrong."""

    id: str
    status: Status
    counterexample: Counterexample | None
    seconds: float
    plays: int
    backend: str
    details: list[str]
    import_problem: str | None = None
    fault: str | None = None
