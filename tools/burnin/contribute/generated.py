"""Mutation adequacy: a suite notices the generated mutants of its reference, but for those that are recorded with a reason.

`survivors.toml`, beside the hidden suite, says why a mutant survives:

    [[survivor]]
    before = "if size > self._budget:"
    after = "if size >= self._budget:"
    verdict = "allowed"
    because = "Whether a model of exactly the budget fits is left open."

`verdict` is `equivalent` (no caller could tell the two apart) or `allowed` (the statement permits what the mutant does).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec

from burnin.contribute.cards import Cards
from burnin.contribute.finding import Finding
from burnin.contribute.killing import DEEP, STANDARD, Depth, Fate, fates_of
from burnin.contribute.mutations import Mutation, mutations
from burnin.library import Exercise, UserError

__all__ = [
    "DEEP",
    "LEAST_KILLED",
    "STANDARD",
    "Adequacy",
    "Depth",
    "Fate",
    "Survivor",
    "adequacy",
    "entry",
    "load_survivors",
]

LEAST_KILLED = 0.95
"""The part of a reference's mutants, without those that are recorded as equivalent, that its suite must kill."""


class Survivor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded survivor. `before` and `after` are those of one `Mutation`, but for empty lines at their ends."""

    before: str
    after: str
    verdict: Literal["equivalent", "allowed"]
    because: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.before.strip("\n"), self.after.strip("\n")


@dataclass(frozen=True)
class Adequacy:
    """How a suite did against the generated mutants of its reference."""

    depth: Depth
    made: int
    """All mutants that the tool makes."""
    fates: tuple[tuple[Mutation, Fate], ...]
    """Those that could be imported, of all or of a sample."""
    properties: tuple[str, ...]
    recorded: tuple[Survivor, ...]
    findings: tuple[Finding, ...]

    @property
    def graded(self) -> int:
        """How many mutants were graded."""
        return len(self.fates)

    @property
    def killed(self) -> int:
        """How many of them were killed."""
        return sum(bool(fate.killers) for _, fate in self.fates)

    @property
    def survivors(self) -> list[Mutation]:
        """Those that were not, in the order of their lines."""
        return [mutation for mutation, fate in self.fates if not fate.killers]

    def survived(self, verdict: str) -> int:
        """How many of the survivors are recorded with this verdict."""
        keys = {survivor.key for survivor in self.recorded if survivor.verdict == verdict}
        return sum(_key(mutation) in keys for mutation in self.survivors)

    @property
    def killed_alone(self) -> Counter[str]:
        """For each property, the mutants that it alone kills; 0 for one that could be left out."""
        counted = Counter(dict.fromkeys(self.properties, 0))
        counted.update(fate.killers[0] for _, fate in self.fates if len(fate.killers) == 1)
        return counted


def load_survivors(exercise: Exercise) -> tuple[Survivor, ...]:
    """The recorded survivors; none if there is no `survivors.toml`.

    Raises `UserError` for a file that is not as the module's docstring says, or records one change twice.
    """
    path = survivors_path(exercise)
    if not path.exists():
        return ()
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).survivor
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a list of survivors: {error}.") from None
    for (before, _), times in Counter(it.key for it in found).items():
        if times > 1:
            raise UserError(f"{path} records a change of `{_first_line(before)}` {times} times; keep one of them.")
    return found


def survivors_path(exercise: Exercise) -> Path:
    """Where an exercise records its survivors."""
    return exercise.suite / "survivors.toml"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    survivor: tuple[Survivor, ...] = ()


def adequacy(exercise: Exercise, cards: Cards, depth: Depth = STANDARD) -> Adequacy:
    """Grade the generated mutants of the reference, and compare the survivors with the recorded ones.

    Raises `UserError` for a reference or a record that cannot be read, `Blocked` for a reference that does not pass its suite, and
    `GraderFailed` for a suite that cannot be run.
    """
    recorded = load_survivors(exercise)
    known = {it.key for it in recorded}
    made = _made(exercise, cards)
    sample = made if depth.limit is None else _sample(made, depth.limit)
    chosen = [it for it in made if it in sample or _key(it) in known]
    every, fates = fates_of(exercise, cards, depth, [(it, _key(it) in known) for it in chosen])
    mutants = [(mutation, fate) for mutation, fate in zip(chosen, fates, strict=True) if fate.imported]
    found = Adequacy(depth, len(made), tuple(pair for pair in mutants if pair[0] in sample), every, recorded, ())
    return replace(found, findings=tuple(_findings(exercise, found, mutants)))


def _made(exercise: Exercise, cards: Cards) -> list[Mutation]:
    def remember(compute: Callable[[], list[int]]) -> list[int]:
        return cards.remember(["mutations", _maker(), text], list[int], compute)

    try:
        text = exercise.reference.read_text("utf-8")
        return mutations(text, remember)
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{exercise.reference} cannot be mutated: {error}.") from None


@cache
def _maker() -> str:
    """SHA-256 of the module that makes mutants, and the version of the operators."""
    source = Path(__file__).with_name("mutations.py").read_bytes()
    return f"{hashlib.sha256(source).hexdigest()} {version('mutmut')}"


def _sample(made: list[Mutation], limit: int) -> list[Mutation]:
    """The mutants of the smallest hashes: a change of the reference changes few of them."""
    return sorted(made, key=lambda it: hashlib.sha256(repr(_key(it)).encode()).digest())[:limit]


def _key(mutation: Mutation) -> tuple[str, str]:
    return mutation.before.strip("\n"), mutation.after.strip("\n")


# ---- what it means


def _findings(exercise: Exercise, adequate: Adequacy, mutants: Sequence[tuple[Mutation, Fate]]) -> list[Finding]:
    """What keeps the suite from being adequate. `mutants` are all that were graded: the sample and the recorded survivors."""
    found: list[Finding] = []
    path = survivors_path(exercise)

    def shown(file: Path) -> str:
        return file.relative_to(exercise.root).as_posix()

    fate_of = {_key(mutation): fate for mutation, fate in mutants}
    for number, survivor in enumerate(adequate.recorded):
        fate = fate_of.get(survivor.key)
        what = f"`{_first_line(survivor.key[0])}` by `{_first_line(survivor.key[1])}`"
        if fate is None:
            wrong, todo = f"the recorded survivor {what} is not made any more", "take it out, or copy its text anew"
        elif fate.killers:
            wrong, todo = f"the recorded survivor {what} is killed by {fate.killers[0]}", "take it out"
        elif not survivor.because.strip():
            wrong, todo = f"the recorded survivor {what} has no reason", "say why no property need notice it"
        else:
            continue
        found.append(Finding(shown(path), _entry_line(path, number), wrong, todo))
    known = {survivor.key for survivor in adequate.recorded}
    for mutation, fate in mutants:
        if not fate.killers and _key(mutation) not in known:
            wrong = f"nothing notices `{_first_line(mutation.before)}` by `{_first_line(mutation.after)}` in {mutation.where or 'the module'}"
            todo = f"strengthen a property, or record it in {path.name} with its reason"
            found.append(Finding(shown(exercise.reference), mutation.line, wrong, todo, True, entry(mutation)))
    wrong_ones = adequate.graded - adequate.survived("equivalent")
    if adequate.killed < LEAST_KILLED * wrong_ones:
        wrong = f"{adequate.killed} of {wrong_ones} generated mutants that are not equivalent are killed, which is less than {LEAST_KILLED:.0%}"
        found.append(Finding(shown(exercise.reference), None, wrong, "strengthen the properties", missing=True))
    return found


def entry(mutation: Mutation) -> str:
    """The mutation as an entry of `survivors.toml`, with its reason left to say."""
    lines = ["[[survivor]]"]
    for name, text in (("before", mutation.before), ("after", mutation.after)):
        lines.append(f"{name} = {_toml(text.strip(chr(10)))}")
    return "\n".join([*lines, 'verdict = "equivalent"', 'because = ""'])


def _toml(text: str) -> str:
    """The text as a TOML string, which may have several lines."""
    if "'''" in text or text.endswith("'"):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"""\n{escaped}"""'
    return f"'''\n{text}'''" if "\n" in text or "'" in text else f"'{text}'"


def _first_line(text: str) -> str:
    """The first line that says something, shortened."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{line[:77]}..." if len(line) > 80 else line


def _entry_line(path: Path, number: int) -> int | None:
    """The line of the file on which this entry begins, counted from 0."""
    lines = path.read_text("utf-8").splitlines()
    heads = [at for at, line in enumerate(lines, 1) if line.strip() == "[[survivor]]"]
    return heads[number] if number < len(heads) else None
