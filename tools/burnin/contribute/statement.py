"""A statement as data: its stages, and the rules that are promised in each.

The anchors are what a reader sees anyway: `## Stage 1: title (20 points, par 10 minutes)`, list items that begin with their bold name
(`- **Budget.** The bytes in use ...`), and `Example.` at the beginning of a paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Rule", "StageText", "Statement", "read_statement"]

_HEADING = re.compile(r"^## Stage (\d+)(?:: (.+?))?(?: \((\d+) points?, par (\d+) minutes?\))?\s*$")
_RULE = re.compile(r"^- \*\*(.+?)\.\*\*")


@dataclass(frozen=True)
class Rule:
    """One rule: its bold name, the line that it begins at, and its text."""

    name: str
    stage: int
    line: int
    text: str


@dataclass
class StageText:
    """One stage: what its heading says (None for what it does not), and its text."""

    number: int
    line: int
    title: str | None
    points: int | None
    par_minutes: int | None
    text: str = ""
    rules: list[Rule] = field(default_factory=list)

    @property
    def has_example(self) -> bool:
        """Whether a paragraph begins with `Example.`"""
        return re.search(r"^Example\b", self.text, re.MULTILINE) is not None


@dataclass(frozen=True)
class Statement:
    """The whole statement."""

    path: Path
    text: str
    stages: list[StageText]

    @property
    def rules(self) -> list[Rule]:
        """The rules of all stages, in order."""
        return [rule for stage in self.stages for rule in stage.rules]

    def line_of(self, word: str) -> int | None:
        """The first line that holds the text, counted from 1."""
        return next((number for number, line in enumerate(self.text.splitlines(), 1) if word in line), None)


def read_statement(path: Path) -> Statement:
    """Read the statement."""
    text = path.read_text("utf-8")
    stages: list[StageText] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        heading = _HEADING.match(line)
        if heading:
            points, par = heading[3], heading[4]
            stages.append(
                StageText(
                    int(heading[1]), number, heading[2], int(points) if points else None, int(par) if par else None
                )
            )
        elif stages:
            stages[-1].text += line + "\n"
            rule = _RULE.match(line)
            if rule:
                stages[-1].rules.append(Rule(rule[1], stages[-1].number, number, _item(lines[number - 1 :])))
    return Statement(path, text, stages)


def _item(lines: list[str]) -> str:
    """The list item that begins these lines: up to a blank line, the next item or a heading."""
    text = [lines[0]]
    for line in lines[1:]:
        if not line.strip() or line.startswith(("- ", "#")):
            break
        text.append(line)
    return " ".join(line.strip() for line in text)
