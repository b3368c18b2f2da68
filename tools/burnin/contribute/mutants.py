"""Hand-made mutants: small wrong edits of a reference solution, each a mistake that a good engineer makes.

They stand in `mutants.toml` beside the hidden suite, and show that the suite notices what it promises to notice:

    [[mutant]]
    name = "evicts_newest"
    mistake = "Takes the victims from the wrong end of the order of use."
    caught_by = "least_recently_used"

    [[mutant.edit]]
    replace = "for it in models:"
    with = "for it in reversed(list(models)):"

`caught_by` is the id of the property that must fail. Each `replace` occurs exactly once in the reference, so that an edit
which no longer fits is noticed, and not applied somewhere else.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import msgspec

from burnin.library import Exercise, UserError

__all__ = ["Edit", "Mutant", "load_mutants", "mutated"]


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One replacement of a piece of the reference's text."""

    replace: str
    by: str = msgspec.field(name="with")


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wrong edit of the reference; `mistake` is the sentence that says what is wrong with it."""

    name: str
    mistake: str
    caught_by: str
    edits: tuple[Edit, ...] = msgspec.field(name="edit")


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mutant: tuple[Mutant, ...] = ()


def load_mutants(exercise: Exercise) -> tuple[Mutant, ...]:
    """The mutants of an exercise, in the order of its `mutants.toml`; none if it has no such file.

    Raises `UserError` for a file that is not as the module's docstring says, or that uses a name twice.
    """
    path = exercise.suite / "mutants.toml"
    if not path.exists():
        return ()
    mutants = _read(path).mutant
    for name, times in Counter(mutant.name for mutant in mutants).items():
        if times > 1:
            raise UserError(f"{path} has {times} mutants named {name}; give each its own name.")
    return mutants


def mutated(mutant: Mutant, reference: str) -> str:
    """The reference's text with the mutant's edits, made one after the other.

    Raises `UserError` for an edit that does not fit: its text is not there, or not just once, or nothing changes.
    """
    text = reference
    for edit in mutant.edits:
        found = text.count(edit.replace) if edit.replace else 0
        if found != 1:
            what = "is not in the reference any more" if found == 0 else f"is in the reference {found} times"
            fix = (
                "copy the text anew from the reference" if found == 0 else "add lines around it until it is there once"
            )
            raise UserError(f"Mutant {mutant.name}: the text to replace, {_shown(edit.replace)}, {what}; {fix}.")
        text = text.replace(edit.replace, edit.by)
    if text == reference:
        raise UserError(f"Mutant {mutant.name} does not change the reference; give it an edit that does.")
    return text


def _read(path: Path) -> _File:
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a list of mutants: {error}.") from None


def _shown(text: str) -> str:
    """The first line that says something, shortened."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"`{line[:57]}...`" if len(line) > 60 else f"`{line}`"
