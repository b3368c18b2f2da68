"""No flake: a grade does not depend on anything but the submission and the suite."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.subject import Subject, properties, story_of
from burnin.scorecard import Scorecard

__all__ = ["GATES"]


def repeat(subject: Subject) -> Iterator[Finding]:
    """Grades of the reference and of three mutants are identical but for timings.

    The first is made by judges that have graded others before; each of the others in a process of its own, in another folder, with
    another number of judges.
    """
    path = subject.exercise.reference
    for source, where in [
        (subject.reference, path),
        *((source, subject.mutants_path) for _, source in subject.few_mutants()),
    ]:
        cards = subject.repeated(source)
        for number, card in enumerate(cards[1:], 2):
            ids = _different(cards[0], card)
            if ids:
                place, text = subject.property_place(ids[0]) if ids[0] in properties(card) else (where, "")
                what = f"grades 1 and {number} of {source.label} differ in {', '.join(ids)}" + _how(
                    cards[0], card, ids[0]
                )
                todo = "take the clock, hashes, addresses, unseeded randomness and shared state out of the suite"
                yield subject.finding(place, text or None, what, todo)
                break


def _different(first: Scorecard, second: Scorecard) -> list[str]:
    """The properties, or else the fields, in which two scorecards differ."""
    before, after = properties(first), properties(second)
    ids = [id for id in before if msgspec.to_builtins(before[id]) != msgspec.to_builtins(after.get(id))]
    left, right = msgspec.to_builtins(first), msgspec.to_builtins(second)
    return ids or [name for name in left if left[name] != right.get(name)]


def _how(first: Scorecard, second: Scorecard, id: str) -> str:
    """The first line of the property's story that differs, if it is one that differs."""
    if id not in properties(first) or id not in properties(second):
        return ""
    stories = [[card.status, *story_of(card)] for card in (properties(first)[id], properties(second)[id])]
    lines = next(((old, new) for old, new in zip(*stories, strict=False) if old != new), None)
    return "" if lines is None else f": `{lines[0].strip()}` and `{lines[1].strip()}`"


GATES = (Gate("repeat", "Repeated grades of the reference and of three mutants are identical but for timings", repeat),)
