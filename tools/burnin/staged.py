"""What a candidate is told stage by stage: the statement, and the sample tests."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

__all__ = ["Samples", "Statement"]


@dataclass(frozen=True)
class _Staged:
    """What comes before the first stage, and each stage with its heading. A text without any is all opening."""

    opening: str
    stages: dict[int, str]


class Statement(_Staged):
    """A statement, with the headings `## Stage N`."""

    @classmethod
    def of(cls, text: str) -> Statement:
        """Split at the headings."""
        opening, stages = _split(text, r"^## Stage (\d+)\b")
        return cls(_one_newline(opening), {number: _one_newline(part) for number, part in stages.items()})

    def up_to(self, stage: int) -> str:
        """The opening and the stages up to this one."""
        return "\n".join([self.opening, *(text for number, text in self.stages.items() if number <= stage)])


class Samples(_Staged):
    """A file of sample tests, with the headings `# ---- stage N`."""

    @classmethod
    def of(cls, text: str) -> Samples:
        """Split at the headings."""
        return cls(*_split(text, r"^# -+ stage (\d+)\b.*\n"))

    def of_stage(self, stage: int) -> str:
        """A file with the tests of this stage alone, and with all that earlier stages define for them. Empty if the stage has none."""
        if stage not in self.stages:
            return ""
        earlier = [_without_tests(text) for number, text in self.stages.items() if number < stage]
        return _one_newline("".join([self.opening, *earlier, self.stages[stage]]))


def _split(text: str, heading: str) -> tuple[str, dict[int, str]]:
    """The text before the first heading, and the parts that begin with one, by the number that is the pattern's group."""
    found = list(re.finditer(heading, text, re.MULTILINE))
    starts = [*(match.start() for match in found), len(text)]
    stages = {int(match[1]): text[match.start() : end] for match, end in zip(found, starts[1:], strict=True)}
    return text[: starts[0]], stages


def _one_newline(text: str) -> str:
    return text.rstrip() + "\n"


def _without_tests(text: str) -> str:
    """The text but for its test functions; nothing if they were all that it defines. One that is no Python stays as it is."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return text
    tests = [
        node
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    if len(tests) == len(body):
        return ""
    lines = text.splitlines(keepends=True)
    for node in reversed(tests):
        first = min(it.lineno for it in [node, *node.decorator_list])
        del lines[first - 1 : node.end_lineno]
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines))
