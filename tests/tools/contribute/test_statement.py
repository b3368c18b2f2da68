"""A statement is read by what its reader sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnin.contribute.statement import Statement, read_statement

TEXT = """\
# A thing

- **Not a rule.** It stands before the stages.

## Stage 1: the first (1 point, par 1 minute)

- **Budget.** Never more
  than ten.
- **Two words.** Else.

Text.

Example. It works.

## Stage 2

- **Budget** has no full stop inside.
- *Other.* Not bold.
"""


@pytest.fixture
def statement(tmp_path: Path) -> Statement:
    path = tmp_path / "README.md"
    path.write_text(TEXT)
    return read_statement(path)


def test_stages(statement: Statement) -> None:
    first, second = statement.stages
    assert (first.number, first.line, first.title, first.points, first.par_minutes) == (1, 5, "the first", 1, 1)
    assert (second.number, second.title, second.points, second.par_minutes) == (2, None, None, None)
    assert (first.has_example, second.has_example) == (True, False)


def test_rules(statement: Statement) -> None:
    assert [(rule.name, rule.stage, rule.line) for rule in statement.rules] == [("Budget", 1, 7), ("Two words", 1, 9)]
    assert statement.rules[0].text == "- **Budget.** Never more than ten."


def test_lines(statement: Statement) -> None:
    assert statement.line_of("Else") == 9
    assert statement.line_of("nowhere") is None
