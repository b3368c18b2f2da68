"""A worker played by hand: says to a session whatever a test wants it to say."""

from __future__ import annotations

from typing import Any

import pytest

from burnin import wire
from burnin.history import History
from burnin.judge.session import Session
from burnin.plain import Hostile
from burnin.script import Script

SETUP, LEAVING = -1, -2


class Hand:
    """Speaks to the session of one script. `t` is the time that it claims."""

    def __init__(self, script: Script) -> None:
        self.session = Session(script)
        self.t = 0.0

    @property
    def history(self) -> History:
        return self.session.history

    def say(self, message: Any) -> Any:
        return self.session.answer(message)

    def next(self, actor: int) -> Any:
        return self.say(wire.Next(actor, self.t))

    def begin(self, call: int) -> Any:
        return self.say(wire.Begin(call, self.t))

    def returned(self, call: int, value: Any = None) -> Any:
        return self.say(wire.Returned(call, self.t, value))

    def raised(self, call: int, *types: str, message: str = "", line: str | None = None) -> Any:
        return self.say(wire.Raised(call, self.t, list(types), message, line))

    def cancelled(self, call: int) -> Any:
        return self.say(wire.Cancelled(call, self.t))

    def cancel_sent(self, call: int) -> Any:
        return self.say(wire.CancelSent(call, self.t))

    def item(self, call: int, value: Any = None) -> Any:
        return self.say(wire.Item(call, self.t, value))

    def world(self, method: str, /, *args: Any, world: str = "desk", **kwargs: Any) -> Any:
        return self.say(wire.WorldCall(world, method, list(args), kwargs, self.t))

    def resume(self, effect: int) -> Any:
        return self.say(wire.Resume(effect, self.t))

    def world_cancelled(self, effect: int) -> Any:
        return self.say(wire.WorldCancelled(effect, self.t))

    def finish(self, stop: wire.Stopped | None = None, problem: str | None = None) -> Any:
        return self.say(wire.Finished(self.t, stop, [], problem, False))

    def at(self, t: float) -> Hand:
        """The same, at another time."""
        self.t = t
        return self

    def set_up(self) -> Hand:
        """Do nothing but begin, where the script has no set-up."""
        assert self.next(SETUP) == wire.Done()
        return self


def refused(match: str) -> Any:
    """The session finds the worker hostile."""
    return pytest.raises(Hostile, match=match)
