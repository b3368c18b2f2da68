"""The exercise that `burnin new` makes, finished: with two alternates and twelve mutants. Each test of a gate breaks it in one way."""

from __future__ import annotations

from pathlib import Path

from burnin.contribute.cards import Cards
from burnin.contribute.check import Checked, check
from burnin.contribute.finding import Outcome
from burnin.contribute.gates import GATES
from burnin.contribute.scaffold import scaffold
from burnin.contribute.subject import Depth
from burnin.library import Exercise, Library

__all__ = ["Miniature"]

NAME = "quota_meter"
SHALLOW = Depth("shallow", "quick", 1, 0, 2, 1, 100)

COUNTING = """\
    def __init__(self, ledger: Ledger, limit: int) -> None:
        self._ledger = ledger
        self._limit = limit
        self._used = 0

    def take(self, units: int) -> int:
        used = self._used + units
        if used > self._limit:
            raise Exhausted(units)
        self._ledger.note(units)
        self._used = used
        return self._limit - used

    def give(self, units: int) -> int:
        self._used = max(0, self._used - units)
        return self._limit - self._used
"""
LISTING = """\
    def __init__(self, ledger: Ledger, limit: int) -> None:
        self._note = ledger.note
        self._free = list(range(limit))
        self._taken: list[int] = []

    def take(self, units: int) -> int:
        if len(self._free) < units:
            raise Exhausted
        self._note(units)
        for _ in range(units):
            self._taken.append(self._free.pop())
        return len(self._free)

    def give(self, units: int) -> int:
        for _ in range(min(units, len(self._taken))):
            self._free.append(self._taken.pop())
        return len(self._free)
"""
MUTANT = """
[[mutant]]
name = "{name}"
mistake = "{mistake}"
caught_by = "{caught_by}"

[[mutant.edit]]
replace = "{replace}"
with = "{by}"
"""
MORE_MUTANTS = [
    ("never_refuses", "Never looks whether the units are there.", "limit", "if units > self._left:", "if units < 0:"),
    (
        "compares_with_the_limit",
        "Compares with the limit.",
        "limit",
        "if units > self._left:",
        "if units > self._limit:",
    ),
    ("never_notes", "Forgets the ledger.", "ledger", "self._ledger.note(units)", "pass"),
    (
        "notes_twice",
        "Notes it twice.",
        "ledger",
        "self._ledger.note(units)",
        "self._ledger.note(units); self._ledger.note(units)",
    ),
    (
        "notes_what_is_left",
        "Notes the wrong number.",
        "ledger",
        "self._ledger.note(units)",
        "self._ledger.note(self._left)",
    ),
    ("takes_one_more", "Counts one unit too many.", "remaining", "self._left -= units", "self._left -= units + 1"),
    (
        "loses_what_is_given",
        "Sets where it should add.",
        "giving_back",
        "min(self._limit, self._left + units)",
        "min(self._limit, units)",
    ),
]


class Miniature:
    """A library with the exercise. As a draft it has no recorded stories and verdicts, and they are not asked for."""

    def __init__(self, root: Path, cards: Cards) -> None:
        (root / "exercises").mkdir(parents=True)
        self.library, self.cards = Library(root), cards
        scaffold(self.library, NAME)
        reference = self.path("reference").read_text()
        given = reference[: reference.index("    def __init__")]
        for label, body in {"counting": COUNTING, "listing": LISTING}.items():
            self.path(label).write_text(given + body)
        with self.path("mutants").open("a") as file:
            for name, mistake, caught_by, replace, by in MORE_MUTANTS:
                file.write(MUTANT.format(name=name, mistake=mistake, caught_by=caught_by, replace=replace, by=by))

    @property
    def exercise(self) -> Exercise:
        """The exercise, read anew."""
        return self.library.exercise(NAME)

    def path(self, what: str) -> Path:
        """A file of the exercise by what it is."""
        folder = self.library.root / "exercises" / NAME
        solutions = self.library.root / "solutions" / NAME
        suite = self.library.root / "tests" / "exercises" / NAME
        known = {
            "statement": folder / "README.md",
            "stub": folder / f"{NAME}.py",
            "samples": folder / f"test_{NAME}.py",
            "draft": folder / "draft.toml",
            "manifest": folder / "exercise.toml",
            "changelog": folder / "CHANGELOG.md",
            "reference": solutions / f"{NAME}.py",
            "discussion": solutions / "discussion.md",
            "hints": solutions / "interview.toml",
            "counting": solutions / "alternate_counting.py",
            "listing": solutions / "alternate_listing.py",
            "mutants": suite / "mutants.toml",
        }
        return known.get(what, suite / what)

    def edit(self, what: str, old: str, new: str) -> None:
        """Replace a text that is there; all of its places."""
        text = self.path(what).read_text()
        assert old in text, f"{what} has no {old!r}"
        self.path(what).write_text(text.replace(old, new))

    def finish(self) -> None:
        """Make it an exercise of the library, with its stories and verdicts recorded."""
        self.path("draft").rename(self.path("manifest"))
        assert not self.failed("snapshots", "versions", accept=True)

    def check(self, *ids: str, accept: bool = False) -> Checked:
        """How these gates go."""
        gates = [gate for gate in GATES if gate.id in ids]
        return check(self.library, [self.exercise], self.cards, SHALLOW, gates=gates, accept=accept).exercises[0]

    def failed(self, *ids: str, accept: bool = False) -> dict[str, Outcome]:
        """The gates that fail, by id."""
        return {
            outcome.gate: outcome for outcome in self.check(*ids, accept=accept).gates if outcome.status == "failed"
        }
