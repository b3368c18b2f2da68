"""The sample tests by their stages: what a candidate can run before a follow-up is told."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

__all__ = ["Samples"]

_STAGE = re.compile(r"^# -+ stage (\d+)\b.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Samples:
    """The lines before the first stage, and those of each stage with their heading `# ---- stage N`."""

    opening: str
    stages: dict[int, str]

    @classmethod
    def of(cls, text: str) -> Samples:
        """Split at the headings. A text without any is all opening."""
        found = list(_STAGE.finditer(text))
        ends = [*(match.start() for match in found[1:]), len(text)]
        stages = {int(match[1]): text[match.start() : end] for match, end in zip(found, ends, strict=False)}
        return cls(text[: found[0].start()] if found else text, stages)

    def of_stage(self, stage: int) -> str:
        """A file with the tests of this stage alone, and with all that earlier stages define for them. Empty if the stage has none."""
        if stage not in self.stages:
            return ""
        earlier = [_without_tests(text) for number, text in self.stages.items() if number < stage]
        return "".join([self.opening, *earlier, self.stages[stage]]).rstrip() + "\n"


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
