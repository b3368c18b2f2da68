"""What a gate is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from burnin.contribute.finding import Finding
from burnin.contribute.subject import Subject

__all__ = ["Gate"]


@dataclass(frozen=True)
class Gate:
    """`check` yields what keeps the gate from passing; nothing means that it passes. It raises `Blocked` if it cannot be run."""

    id: str
    rule: str
    """The sentence that it proves."""
    check: Callable[[Subject], Iterable[Finding]]
    alone: bool = False
    """Whether nothing else may run meanwhile, because it measures."""
