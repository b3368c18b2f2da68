"""One exercise as the gates look at it: its texts read once, and the results that several of them need."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec

from burnin.contribute.cards import Apart, Ask, Cards, Source
from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.mutants import Mutant, load_mutants, mutated
from burnin.contribute.statement import Statement, read_statement
from burnin.contribute.syntax import parse
from burnin.grade.grader import GraderFailed
from burnin.library import Exercise, Library, UserError
from burnin.scorecard import PropertyResult, Scorecard

__all__ = ["DEEP", "STANDARD", "TESTED", "Depth", "Subject", "properties", "story_of"]


@dataclass(frozen=True)
class Depth:
    """How far the gates look. What a table says was run is this."""

    name: str
    effort: str
    """Of each grade but the stub's."""
    seeds: int
    """Seeds at that effort, for each solution."""
    deep_seeds: int
    """Seeds at deep effort, for the reference."""
    repeats: int
    """Grades of one submission that must be identical."""
    timings: int
    scripts: int
    """Scripts of each strategy that are drawn to count bounds and to compare solutions."""

    @property
    def told(self) -> str:
        """What is run, for people."""
        deep = f" and {self.deep_seeds} deep ones" if self.deep_seeds else ""
        return f"{self.name}: {self.seeds} seeds at {self.effort} effort{deep}, {self.repeats} identical grades, {self.scripts} scripts of each kind"


TESTED = Depth("tests", "standard", 1, 0, 2, 1, 200)
"""What the project's own tests run for every exercise."""

STANDARD = Depth("standard", "standard", 2, 0, 2, 3, 200)
DEEP = Depth("deep", "standard", 20, 5, 50, 5, 1_000)


class Subject:
    """An exercise under check. What cannot be read raises `Blocked`, with the gate that says why."""

    def __init__(
        self, library: Library, exercise: Exercise, cards: Cards, depth: Depth, *, accept: bool = False
    ) -> None:
        self.library, self.exercise, self.cards, self.depth, self.accept = library, exercise, cards, depth, accept

    # ---- texts

    @cached_property
    def statement(self) -> Statement:
        """The statement. Raises `Blocked` if there is none."""
        try:
            return read_statement(self.exercise.folder / "README.md")
        except (OSError, UnicodeDecodeError):
            raise Blocked("the statement cannot be read", "layout") from None

    @property
    def discussion(self) -> Path:
        """The debrief."""
        return self.exercise.solutions / "discussion.md"

    @property
    def mutants_path(self) -> Path:
        """The file of the hand-made mutants."""
        return self.exercise.suite / "mutants.toml"

    def tree(self, path: Path) -> ast.Module:
        """The file's syntax tree. Raises `Blocked` if it has none."""
        try:
            return parse(path.read_text("utf-8"))
        except (OSError, SyntaxError, ValueError):
            raise Blocked(f"{self.shown(path)} is not there or is no Python", "layout") from None

    def shown(self, path: Path) -> str:
        """The path as findings name it."""
        return path.relative_to(self.library.root).as_posix()

    def finding(self, path: Path, at: int | str | None, wrong: str, todo: str, *, missing: bool = False) -> Finding:
        """A finding in this file, at a line or at the first line that holds a text."""
        return Finding(self.shown(path), self.line(path, at) if isinstance(at, str) else at, wrong, todo, missing)

    def line(self, path: Path, text: str) -> int | None:
        """The first line of the file that holds the text."""
        if not path.is_file():
            return None
        lines = path.read_text("utf-8", "replace").splitlines()
        return next((number for number, line in enumerate(lines, 1) if text in line), None)

    def property_place(self, id: str) -> tuple[Path, str]:
        """The file and the text by which a property is found."""
        text = f"def test_{id}("
        files = sorted(self.exercise.suite.glob("test_*.py"))
        return next((path for path in files if self.line(path, text)), self.exercise.suite / "__init__.py"), text

    # ---- submissions

    @cached_property
    def reference(self) -> Source:
        """The reference solution. Raises `Blocked` if there is none."""
        if not self.exercise.reference.is_file():
            raise Blocked("there is no reference", "layout")
        return Source("the reference", self.exercise.reference.read_bytes())

    @cached_property
    def alternates(self) -> list[Source]:
        """The alternates."""
        return [Source.at(path) for path in self.exercise.alternates]

    @cached_property
    def wrong(self) -> list[Source]:
        """Submissions of the past that were wrong, and stay wrong."""
        return [Source.at(path) for path in sorted((self.exercise.suite / "wrong").glob("*.py"))]

    @cached_property
    def mutants(self) -> list[tuple[Mutant, Source]]:
        """The hand-made mutants that fit the reference. Raises `Blocked` if their file cannot be read or one does not fit."""
        try:
            text = self.reference.data.decode()
            return [
                (mutant, Source(f"mutant {mutant.name}", mutated(mutant, text).encode()))
                for mutant in load_mutants(self.exercise)
            ]
        except UserError:
            raise Blocked("the mutants do not fit", "mutants") from None

    # ---- results

    @cached_property
    def listed(self) -> Scorecard:
        """The stub's scorecard, which lists what the suite promises. Raises `Blocked` if the suite cannot be run."""
        try:
            return self.stub_card()
        except GraderFailed:
            raise Blocked("the suite cannot be run", "suite") from None

    def stub_card(self) -> Scorecard:
        """The stub's scorecard. Raises `GraderFailed` if the suite cannot be run."""
        return self.cards.card(self.exercise, Ask(Source.at(self.exercise.stub), effort="quick"))

    def full(self, sources: list[Source], *, seeds: int = 1, effort: str | None = None) -> list[list[Scorecard]]:
        """The full scorecards of each source, one for each seed."""
        self.listed  # noqa: B018  # a suite that cannot be run is one finding, not many
        effort = effort or self.depth.effort
        cards = self.cards.cards(
            self.exercise, [Ask(source, effort, seed) for source in sources for seed in range(seeds)]
        )
        return [cards[number : number + seeds] for number in range(0, len(cards), seeds)]

    def mutant_results(self) -> list[tuple[Mutant, PropertyResult | None]]:
        """Each mutant with the result of the property that it names, or None if there is no such property."""
        known = set(properties(self.listed))
        mutants = [(mutant, source) for mutant, source in self.mutants if mutant.caught_by in known]
        asks = [Ask(source, self.depth.effort, only=(mutant.caught_by,)) for mutant, source in mutants]
        found = {
            mutant.name: properties(card)[mutant.caught_by]
            for (mutant, _), card in zip(mutants, self.cards.cards(self.exercise, asks), strict=True)
        }
        return [(mutant, found.get(mutant.name)) for mutant, _ in self.mutants]

    def few_mutants(self) -> list[tuple[Mutant, Source]]:
        """Three mutants from all over the list."""
        return (
            [self.mutants[len(self.mutants) * part // 3] for part in range(3)]
            if len(self.mutants) > 2
            else self.mutants
        )

    def repeated(self, source: Source) -> list[Scorecard]:
        """As many grades of one submission as the depth says: the first by judges that have graded others before, and each of the others
        in a process of its own, with another folder and another number of judges.

        They come without what may differ: their seconds, and the hash of all files of the suite, of which some have no say in a grade.
        """
        grades = self.apart(Ask(source, self.depth.effort), range(1, self.depth.repeats))
        cards = [self.full([source])[0][0], *(grade.card for grade in grades)]
        return [msgspec.structs.replace(card, seconds=0.0, suite="") for card in cards]

    def apart(self, ask: Ask, repeats: range, *, side_by_side: bool = True) -> list[Apart]:
        """Fresh grades in processes of their own."""
        self.listed  # noqa: B018  # as in `full`
        return self.cards.apart(self.exercise, ask, repeats, side_by_side=side_by_side)

    def forget_apart(self, ask: Ask, repeats: range) -> None:
        """Do not keep these grades of `apart`: they may have been slow because of the machine."""
        self.cards.forget_apart(self.exercise, ask, repeats)


def properties(card: Scorecard) -> dict[str, PropertyResult]:
    """All properties of a scorecard, by id."""
    return {found.id: found for stage in card.stages for found in stage.properties}


def story_of(result: PropertyResult) -> list[str]:
    """How the property failed, for people."""
    return [result.status] if result.counterexample is None else result.counterexample.story
