"""Grading with something to look at meanwhile."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from burnin.commands.target import Target
    from burnin.grade import Options
    from burnin.grade.render import Streaming
    from burnin.scorecard import PropertyResult, Scorecard

__all__ = ["score"]


def score(target: Target, options: Options) -> Scorecard:
    """Grade. If standard error is a terminal, results are shown on it as they come, so that standard output stays the scorecard's alone."""
    from burnin import grade as grading

    with contextlib.ExitStack() as stack:
        heard = _streaming(stack) if sys.stderr.isatty() else None
        return grading.grade(target.exercise, target.path, options, heard)


def _streaming(stack: contextlib.ExitStack) -> Callable[[PropertyResult, int, int], None]:
    """Shows results, from the first one on: rich is imported then, when the judges are already at work."""
    started: list[Streaming] = []

    def heard(result: PropertyResult, stage: int, of: int) -> None:
        if not started:
            from burnin.grade.render import ScorecardConsole, Streaming

            started.append(stack.enter_context(Streaming(ScorecardConsole(stderr=True))))
        started[0].heard(result, stage, of)

    return heard
