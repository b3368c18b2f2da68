"""What a grade tells a judge process and hears from it: JSON lines over its standard input and output."""

from __future__ import annotations

import msgspec

from burnin.scorecard import Counterexample, Status

__all__ = ["Judged", "Listed", "Request", "SuiteProperty"]


class Request(msgspec.Struct):
    """The first line in: what to judge. Each further line is a batch to judge next; the end of input ends it."""

    suite: str
    """The folder of the hidden suite."""
    submission: str
    """A private copy of the submission's file."""
    name: str
    """The module name that the submission gets."""
    effort: str
    seed: int
    confined: bool
    core: int | None = None
    """The processor core to stay on."""


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


class Judged(msgspec.Struct, tag=True):
    """One property's result. `fault` is set when the suite, not the submission, went wrong."""

    id: str
    status: Status
    counterexample: Counterexample | None
    seconds: float
    plays: int
    backend: str
    details: list[str]
    import_problem: str | None = None
    fault: str | None = None
