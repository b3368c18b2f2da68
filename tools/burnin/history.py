"""A history says what happened when a script was played: calls, what came of them, and effects on the worlds.

The judge writes it, event by event, as the worker speaks. `seq` numbers the events in the order in which they happened in
the worker; events at one virtual instant have an order too, but in `tasks` and `threads` only cause and effect may be read
from it (a lease that is returned was granted before), never which of two independent calls came first.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec

from burnin.script import Script

__all__ = ["Call", "Effect", "Event", "History", "Item", "Outcome"]

Outcome = Literal["returned", "raised", "cancelled", "open"]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened, as it is shown in a scorecard.

    `kind`: call, rest, return, raise, absent, item, cancel (asked for), cancelled (ended so), dropped (actors ended by a failure in the
    submission), effect (a world call begins), answer, fail, abandoned (the world call was cancelled), forged (a world call with a
    handle that was never issued), blocked, stop.
    """

    seq: int
    t: float
    kind: str
    actor: str = ""
    call: int = 0
    what: str = ""
    value: Any = None
    effect: int = 0
    """Which world call it belongs to: its `Effect.id`, or 0 for none."""


class Item(msgspec.Struct, frozen=True):
    """One item that a call's iterator gave."""

    seq: int
    t: float
    value: Any


class Call(msgspec.Struct, eq=False):
    """One call of the script and what came of it. Times are virtual seconds; an open call has `ended` infinity."""

    id: int
    actor: str
    do: str
    on: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    save: str | None
    began: float
    began_seq: int
    ended: float = math.inf
    ended_seq: int = 1 << 60
    outcome: Outcome = "open"
    value: Any = None
    error: str | None = None
    """The name of the exception's type, if it raised one."""
    error_types: tuple[str, ...] = ()
    message: str = ""
    line: str | None = None
    cancelled_at: float | None = None
    """When the script's cancellation was delivered, if it was."""
    cancelled_seq: int = 1 << 60
    items: list[Item] = []

    def raised(self, name: str) -> bool:
        """Whether the call raised an exception of this type or of one derived from it."""
        return name in self.error_types


class Effect(msgspec.Struct, eq=False):
    """One call of the submission into a world, and what the world made of it."""

    id: int
    world: str
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    began: float
    began_seq: int
    ended: float = math.inf
    ended_seq: int = 1 << 60
    outcome: Outcome = "open"
    value: Any = None
    error: str | None = None
    shown: bool = True
    """Whether stories show it."""


class History:
    """What happened in one play, and the judge's worlds as they were at its end."""

    def __init__(self, script: Script, worlds: dict[str, Any]) -> None:
        self.script = script
        self.worlds = worlds
        self.events: list[Event] = []
        self.calls: list[Call] = []
        self.effects: list[Effect] = []
        self.end = 0.0
        """The virtual time at which the play ended."""
        self.left: list[tuple[str, str | None]] = []
        """Tasks or threads that the submission left behind."""

    def calls_of(self, *names: str) -> list[Call]:
        """The calls of these methods or functions, in the order in which they began."""
        return [call for call in self.calls if call.do in names]

    def effects_of(self, *names: str) -> list[Effect]:
        """The world calls of these methods, in the order in which they began."""
        return [effect for effect in self.effects if effect.method in names]
