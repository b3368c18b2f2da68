"""What a hidden suite is written with: properties, worlds, and what histories are made of.

Scripts are in `burnin.script`; the strategies that generate them are Hypothesis' own.
"""

from burnin.history import Call, Effect, Event, History, Item
from burnin.judge.player import Play
from burnin.judge.promise import broken, promise, require
from burnin.judge.verdict import Broken
from burnin.judge.world import Cancelled, Fails, Handle, World, call
from burnin.plain import Opaque

__all__ = [
    "Broken",
    "Call",
    "Cancelled",
    "Effect",
    "Event",
    "Fails",
    "Handle",
    "History",
    "Item",
    "Opaque",
    "Play",
    "World",
    "broken",
    "call",
    "promise",
    "require",
]
