"""Why a run could not go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Control", "Stop", "StopKind"]

StopKind = Literal["deadlock", "livelock", "time_limit", "busy_loop", "escaped"]


@dataclass
class Stop:
    """A run that ended before its script did.

    `deadlock`: nothing can run and no timer is due. `livelock`: too many steps at too little virtual time.
    `time_limit`: virtual time ran past the limit. `busy_loop`: the code did not give control back. `escaped`: a thread
    left the scheduler's control (a raw `_thread` lock, real input or output).
    `waiting` names each task or thread that was alive and, where known, the submission's line it was at
    (`"warm_pool.py:41 acquire"`).
    """

    kind: StopKind
    time: float
    steps: int
    waiting: list[tuple[str, str | None]] = field(default_factory=list)


class Control(BaseException):
    """Unwinds a play from our side; nothing of ours or of the submission's may swallow it."""
