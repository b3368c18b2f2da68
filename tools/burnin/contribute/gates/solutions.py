"""The reference and the alternates: full score on every seed, and types clean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.subject import Subject, properties, story_of
from burnin.library import counted, shown
from burnin.scorecard import Scorecard

__all__ = ["GATES", "type_findings"]

LEAST_ALTERNATES = 2


def reference(subject: Subject) -> Iterator[Finding]:
    """100 on every seed, and at deep effort on as many as the depth says."""
    source = subject.reference
    cards = subject.full([source], seeds=subject.depth.seeds)[0]
    if subject.depth.deep_seeds:
        cards = [*cards, *subject.full([source], seeds=subject.depth.deep_seeds, effort="deep")[0]]
    yield from _scored(subject, subject.exercise.reference, cards)


def alternates(subject: Subject) -> Iterator[Finding]:
    """There are two, and each has 100 on every seed."""
    paths = subject.exercise.alternates
    if len(paths) < LEAST_ALTERNATES:
        what = f"the exercise has {counted(len(paths), 'alternate')}, and should have at least {LEAST_ALTERNATES}"
        todo = "have somebody write alternate_<design>.py in another design, from the statement alone"
        yield subject.finding(subject.exercise.solutions / "alternate_*.py", None, what, todo, missing=True)
    for path, cards in zip(paths, subject.full(subject.alternates, seeds=subject.depth.seeds), strict=True):
        yield from _scored(subject, path, cards)


def _scored(subject: Subject, path: Path, cards: list[Scorecard]) -> Iterator[Finding]:
    """One finding for each property that is lost, with the story of the first seed that loses it."""
    told: set[str] = set()
    for card in cards:
        if card.problem is not None:
            yield subject.finding(path, None, f"it cannot be graded: {card.problem.rstrip('.')}", "mend it")
            return
        for found in properties(card).values():
            if found.status != "passed" and found.id not in told:
                told.add(found.id)
                story = " | ".join(line.strip() for line in story_of(found))
                what = f"it does not pass {found.id} ({card.effort} effort, seed {card.seed}): {story}"
                explore = f" --explore {card.seed}" if card.seed else ""
                command = f"burnin grade {shown(path)} --exercise {subject.exercise.name} --effort {card.effort}{explore}{subject.exercise.option}"
                yield subject.finding(
                    path, None, what, f"mend it, or the statement, or the property; `{command}` shows it"
                )
    yield from type_findings(subject, path, cards[0])


def type_findings(subject: Subject, path: Path, card: Scorecard) -> Iterator[Finding]:
    """What `mypy --strict` says of the file."""
    for problem in card.types.problems:
        yield subject.finding(
            path, problem.line, f"mypy --strict: {problem.message} [{problem.code}]", "mend the types"
        )
    if card.types.status == "unknown":
        yield subject.finding(
            path, None, f"its types are not known: {card.types.note.rstrip('.')}", "make mypy run on it"
        )


GATES = (
    Gate("reference", "The reference scores 100 on every seed, and type-checks", reference),
    Gate("alternates", "At least two alternates score 100 on every seed, and type-check", alternates),
)
