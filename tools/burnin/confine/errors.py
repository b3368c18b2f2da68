"""The one error of the package."""

from __future__ import annotations

__all__ = ["ConfinementError"]


class ConfinementError(Exception):
    """The process could not be confined as `available()` promised, and must not run a submission.

    It is never raised because a kernel lacks a feature: that is what `Confinement.backend` and `detail` say. It means a
    mistake of the caller (a path that does not exist, a thread already running, a second call) or a kernel that refused
    what it had offered. Some restrictions may already be in force, so the only right answer is to leave the process.
    """
