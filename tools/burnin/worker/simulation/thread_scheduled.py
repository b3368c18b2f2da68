"""One thread of a run, and what must never happen in the middle of handing a turn over."""

from __future__ import annotations

import sys
from _thread import allocate_lock, get_ident
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NoReturn

from burnin.worker.simulation.report import Control

if TYPE_CHECKING:
    from burnin.worker.simulation.thread_schedule import ThreadRun

__all__ = ["ROOM", "Abort", "Scheduled", "State", "by_ident", "need_stack", "park", "scheduled"]

SHALLOW = 200  # frames, below which the recursion limit cannot be near
ROOM = 12  # frames that handing over a turn needs at most


class Abort(Control):
    """Raised in a scheduled thread that has to end. Never an error of the submission."""


class State(Enum):
    """What a scheduled thread can do."""

    READY = "ready"
    WAITING = "waiting"
    DONE = "done"


class Scheduled:
    """A real thread that runs only when it is its turn."""

    __slots__ = ("baton", "body", "deadline", "ident", "is_actor", "joiners", "name", "number", "run", "state")

    def __init__(self, run: ThreadRun, name: str, number: int, body: Callable[[], None], *, is_actor: bool) -> None:
        self.run = run
        self.name = name
        self.number = number
        self.body = body
        self.is_actor = is_actor
        self.baton = allocate_lock()
        self.baton.acquire()
        self.ident: int | None = None  # of the real thread; None until its first turn
        self.state = State.READY
        self.deadline: float | None = None
        self.joiners: list[Scheduled] = []


by_ident: dict[int, Scheduled] = {}
"""The threads that are scheduled now, by their real ident."""


def scheduled() -> Scheduled | None:
    """The calling thread, if it is one that a run schedules."""
    return by_ident.get(get_ident())


def park() -> NoReturn:
    """Never come back. The thread costs nothing and, not being one that `threading` joins, cannot hold up an exit."""
    never = allocate_lock()
    never.acquire()
    while True:
        never.acquire()


def need_stack(frames: int = ROOM) -> None:
    """Raise RecursionError here if fewer than `frames` are left.

    Here it is an error of the submission like any other; halfway through handing a turn over it would leave two threads
    or none with the turn.
    """
    try:
        sys._getframe(SHALLOW)
    except ValueError:
        return
    _descend(frames)


def _descend(frames: int) -> None:
    if frames:
        _descend(frames - 1)
