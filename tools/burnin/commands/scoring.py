"""Grading with something to look at meanwhile."""

from __future__ import annotations

import contextlib
import functools
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from burnin.commands.target import Target
    from burnin.grade import Options
    from burnin.grade.render import Streaming
    from burnin.scorecard import Scorecard

__all__ = ["score"]


def score(target: Target, options: Options) -> Scorecard:
    """Grade. If standard error is a terminal, results are shown on it as they come, so that standard output stays the scorecard's alone."""
    from burnin import grade as grading

    with contextlib.ExitStack() as stack:
        if not sys.stderr.isatty():
            return grading.grade(target.exercise, target.path, options)
        shown = functools.cache(lambda: _streaming(stack))
        return grading.grade(
            target.exercise,
            target.path,
            replace(options, glance=grading.GLANCE),
            lambda result, stage, of: shown().heard(result, stage, of),
            lambda result, stage: shown().failing(result, stage),
        )


def _streaming(stack: contextlib.ExitStack) -> Streaming:
    """Shows results, from the first one on: rich is imported then, when the judges are already at work."""
    from burnin.grade.render import ScorecardConsole, Streaming

    return stack.enter_context(Streaming(ScorecardConsole(stderr=True)))
