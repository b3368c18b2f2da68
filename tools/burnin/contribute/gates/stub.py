"""The stub: it scores nothing, for the right reason."""

from __future__ import annotations

from collections.abc import Iterator

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.gates.solutions import type_findings
from burnin.contribute.subject import Subject, properties, story_of

__all__ = ["GATES"]


def stub(subject: Subject) -> Iterator[Finding]:
    """Score 0, every property not attempted, types clean."""
    card, path = subject.listed, subject.exercise.stub
    if card.problem is not None:
        yield subject.finding(path, None, f"the stub cannot be graded: {card.problem.rstrip('.')}", "mend it")
        return
    for found in properties(card).values():
        if found.status != "not_attempted":
            where, text = subject.property_place(found.id)
            last = story_of(found)[-2:][0]
            what = f"the stub is {found.status.replace('_', ' ')} at {found.id}, and should be not attempted ({last})"
            yield subject.finding(
                where,
                text,
                what,
                "let the property play a script that calls what is to be written, or let the stub raise NotImplementedError there",
            )
    yield from type_findings(subject, path, card)


GATES = (Gate("stub", "The stub type-checks and scores 0, every property `not_attempted`", stub),)
