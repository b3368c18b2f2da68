"""Why a property is not passed: one exception per verdict."""

from __future__ import annotations

from burnin.history import Event, History

__all__ = ["Broken", "Crashed", "NotAttempted", "Stuck", "TimedOut", "Verdict"]


class Verdict(Exception):
    """The base: a play ended the property."""

    status = "failed"


class Broken(Verdict, AssertionError):
    """The history breaks the property's promise.

    `expected` and `got` are short phrases for the candidate; `at` is the event, or the moment in virtual seconds, that shows it.
    """

    def __init__(self, expected: str, got: str = "", at: Event | float | int | None = None) -> None:
        super().__init__(f"expected {expected}" + (f", got {got}" if got else ""))
        self.expected, self.got, self.at = expected, got, at


class Stuck(Broken):
    """A play could not come to its end. Its history, up to there, may show why."""

    def __init__(self, expected: str, got: str, history: History) -> None:
        super().__init__(expected, got, history.events[-1])
        self.history = history


class NotAttempted(Verdict):
    """The submission raised NotImplementedError, or lacks the name that the script calls."""

    status = "not_attempted"


class TimedOut(Verdict):
    """The submission did not give control back."""

    status = "timed_out"


class Crashed(Verdict):
    """The worker ended, or said what no worker says."""

    status = "crashed"
