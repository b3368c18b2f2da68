"""What a gate found: where it is, what is wrong, and what to do."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Blocked", "Finding", "Outcome", "Status"]

Status = Literal["passed", "failed", "in progress", "not run"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that keeps a gate from passing.

    `wrong` and `todo` are sentences without their full stop. `missing` is set for what is not there yet, rather than wrong: in a draft
    it is in progress.
    """

    file: str
    """Relative to the library."""
    line: int | None
    wrong: str
    todo: str
    missing: bool = False
    paste: str = ""
    """Lines to copy into the file that `todo` names."""

    @property
    def place(self) -> str:
        """`file:line`, as editors and terminals make it a link."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Outcome(msgspec.Struct):
    """How one gate went for one exercise."""

    gate: str
    rule: str
    """The sentence that the gate proves."""
    status: Status
    findings: list[Finding]
    note: str = ""
    """What was measured, or why it was not run."""
    seconds: float = 0.0
    waits_for: str = ""
    """The gate that fails, because of which this one was not run."""


class Blocked(Exception):
    """A gate cannot be run before another one passes (`waits_for`), or not on this machine. The text says why, without its full stop."""

    def __init__(self, why: str, waits_for: str = "") -> None:
        super().__init__(f"{why}: the gate `{waits_for}` fails, which comes first" if waits_for else why)
        self.waits_for = waits_for
