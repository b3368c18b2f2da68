"""The generated mutants: the suite notices them, but for those whose reason is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.generated import DEEP, STANDARD, Adequacy, adequacy, survivors_path
from burnin.contribute.subject import Subject
from burnin.library import UserError

__all__ = ["GATES", "adequacy_of"]


def adequacy_of(subject: Subject, *, alone: bool = False) -> Adequacy:
    """How the suite does against the generated mutants, as far as the gates look; `alone` finds out which mutants a property alone kills.

    Raises as `adequacy` does.
    """
    depth = DEEP if subject.depth.name == "deep" else STANDARD
    asked = replace(depth, effort=subject.depth.effort, alone=alone or depth.alone)
    return adequacy(subject.exercise, subject.cards, asked)


def generated(subject: Subject) -> Iterator[Finding]:
    """At least 95 % are killed; each survivor is recorded; no record is stale."""
    subject.tree(subject.exercise.reference)  # what is no Python, or cannot be run, is the finding of another gate
    _ = subject.listed
    try:
        yield from adequacy_of(subject).findings
    except UserError as error:
        yield subject.finding(survivors_path(subject.exercise), None, str(error).rstrip("."), "mend the file")


GATES = (
    Gate(
        "generated",
        "At least 95 % of the generated mutants are killed, and each survivor is recorded with its reason",
        generated,
    ),
)
