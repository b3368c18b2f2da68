"""The file of mutants: what is read, and what is refused with a sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_library import SmallLibrary

from burnin.contribute.mutants import Edit, Mutant, load_mutants, mutated
from burnin.library import UserError

ONE = """
[[mutant]]
name = "forgets"
mistake = "Forgets the limit."
caught_by = "refuses"

[[mutant.edit]]
replace = "raise Full"
with = "pass"
"""


@pytest.fixture
def path(small_library: SmallLibrary) -> Path:
    return small_library.exercise.suite / "mutants.toml"


def mutant(*edits: tuple[str, str]) -> Mutant:
    return Mutant("it", "Is wrong.", "adds", tuple(Edit(old, new) for old, new in edits))


def test_no_file_is_no_mutants(small_library: SmallLibrary) -> None:
    assert load_mutants(small_library.exercise) == ()


def test_a_mutant_is_read(small_library: SmallLibrary, path: Path) -> None:
    path.write_text(ONE)
    expected = Mutant("forgets", "Forgets the limit.", "refuses", (Edit("raise Full", "pass"),))
    assert load_mutants(small_library.exercise) == (expected,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[mutant]", "is not a list of mutants"),
        ("\xff", "is not a list of mutants"),
        (ONE.replace("mistake", "mistakes"), "mistakes"),
        (ONE.replace('with = "pass"\n', ""), "with"),
        (ONE + ONE, "has 2 mutants named forgets; give each its own name."),
    ],
    ids=["toml", "encoding", "unknown field", "missing field", "one name twice"],
)
def test_a_wrong_file_is_named_with_the_reason(small_library: SmallLibrary, path: Path, text: str, reason: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as caught:
        load_mutants(small_library.exercise)
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)


def test_edits_are_made_one_after_the_other() -> None:
    assert mutated(mutant(("a", "b c"), ("b c", "d")), "x a y\n") == "x d y\n"


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ([("gone", "x")], "`gone`, is not in the reference any more; copy the text anew from the reference."),
        ([("one", "x")], "`one`, is in the reference 2 times; add lines around it until it is there once."),
        ([("", "x")], "is not in the reference any more"),
        ([("two", "2"), ("2", "two")], "does not change the reference"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(edits: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(UserError) as caught:
        mutated(mutant(*edits), "one one two")
    assert str(caught.value).startswith("Mutant it")
    assert reason in str(caught.value)


def test_a_long_text_is_shortened() -> None:
    with pytest.raises(UserError, match=r"`x{57}\.\.\.`"):
        mutated(mutant(("\n\n" + "x" * 100, "")), "y")
