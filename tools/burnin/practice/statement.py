"""A statement by its stages: what the interviewer says first, and the follow-ups."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Statement"]

_STAGE = re.compile(r"^## Stage (\d+)\b", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """The text before the first stage, and the text of each stage with its heading."""

    opening: str
    stages: dict[int, str]

    @classmethod
    def of(cls, text: str) -> Statement:
        """Split at the headings `## Stage N`. A text without any is all opening."""
        found = list(_STAGE.finditer(text))
        ends = [*(match.start() for match in found[1:]), len(text)]
        stages = {
            int(match[1]): text[match.start() : end].rstrip() + "\n" for match, end in zip(found, ends, strict=False)
        }
        return cls(text[: found[0].start()].rstrip() + "\n" if found else text, stages)

    def up_to(self, stage: int) -> str:
        """The opening and the stages up to this one."""
        return "\n".join([self.opening, *(text for number, text in self.stages.items() if number <= stage)])
