"""What a history says about a call of `handle`: what was read, made and sent when, and when nothing more was wanted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from burnin.suite import Call, Effect, History, broken, require

from .expected import Answer, Told
from .sse import Event, EventStream, Malformed


def told_by(event: Event, at: float) -> Told:
    """What an event says. Breaks the property for one that the statement does not know."""
    try:
        data = json.loads(event.data)
    except ValueError:
        broken("`data` to be JSON", repr(event.data), at)
    keys = sorted(data) if isinstance(data, dict) else []
    match event.type, keys:
        case "text", ["text"] if type(data["text"]) is str:
            number = int(event.id) if event.id is not None and event.id.isascii() and event.id.isdigit() else None
            return Told("text", data["text"], number)
        case "done", ["reason", "tokens"] if type(data["tokens"]) is int:
            require(event.id is None, "no id on done", f"id {event.id}", at)
            return Told("done", reason=str(data["reason"]), tokens=data["tokens"])
        case "error", ["error", "tokens"] if type(data["tokens"]) is int:
            require(event.id is None, "no id on error", f"id {event.id}", at)
            return Told("error", reason=str(data["error"]), tokens=data["tokens"])
    return broken("an event as in the statement's table", f"event {event.type!r} with data {event.data[:100]!r}", at)


class Reader:
    """Reads what the client is given, piece by piece."""

    def __init__(self) -> None:
        self._stream = EventStream()

    def piece(self, data: Any, at: float) -> Told | None:
        """The one event of a piece, or None for a heartbeat. Breaks the property for anything else."""
        require(type(data) is bytes, "bytes", repr(data), at)
        try:
            events = self._stream.feed(data)
        except Malformed as malformed:
            broken("a well-formed event stream", f"{data!r}: {malformed}", at)
        require(self._stream.between_events, "one whole event, ended by a blank line", repr(data), at)
        if not events and data.startswith(b":") and data.endswith((b"\r", b"\n")):
            return None
        require(len(events) == 1, "one event", f"{len(events)} in {data!r}", at)
        return told_by(events[0], at)


@dataclass
class Send:
    """One `client.send`; `told` is None for a heartbeat."""

    effect: Effect
    told: Told | None

    @property
    def arrived(self) -> bool:
        return self.effect.outcome == "returned"


@dataclass
class Made:
    """An event that the answer demands, and when it could first be sent."""

    told: Told
    at: float
    seq: int


class Run:
    """One play of `handle`. Everything is read from what crossed to the worlds; `made` is the judge's own model."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.call: Call = history.calls_of("handle")[0]
        self.kwargs = self.call.kwargs
        self.ahead: int = self.kwargs.get("ahead", 8)
        self.nexts = history.effects_of("next")
        self.closes = history.effects_of("close")
        self.charges = history.effects_of("charge")
        reader = Reader()
        self.sends = [Send(effect, reader.piece(_data(effect), effect.began)) for effect in history.effects_of("send")]
        self.gone = next((send.effect for send in self.sends if send.effect.outcome == "raised"), None)
        """The `send` that raised `ClientGone`."""
        self.made: list[Made] = []
        self.tokens = 0
        """Of all chunks that `next` returned."""
        self.over: Effect | None = None
        """The `next` after which the answer was over."""
        self._read()

    @property
    def stopped(self) -> float:
        """When `handle` was cancelled or the client was gone, whichever came first."""
        cancelled = math.inf if self.call.cancelled_at is None else self.call.cancelled_at
        return min(cancelled, math.inf if self.gone is None else self.gone.ended)

    @property
    def unwanted(self) -> float:
        """When nothing more was wanted of the model."""
        return min(self.stopped, math.inf if self.over is None else self.over.ended)

    @property
    def sent(self) -> list[Send]:
        """The events, without heartbeats."""
        return [send for send in self.sends if send.told is not None]

    @property
    def bad_id(self) -> bool:
        """Whether the call was asked to resume after an id that no event can have."""
        given = self.kwargs.get("last_event_id")
        return given is not None and not (given.isascii() and given.isdigit())

    def timeout(self, number: int) -> float:
        """How long the next of this number may take."""
        seconds = self.kwargs.get("first_timeout" if number == 0 else "idle_timeout")
        return math.inf if seconds is None else float(seconds)

    def timed_out(self, number: int) -> bool:
        """Whether this `next` was cancelled because it took too long (and, so far as can be told, for no other reason)."""
        effect = self.nexts[number]
        return effect.outcome == "cancelled" and effect.ended == effect.began + self.timeout(number)

    def _read(self) -> None:
        last_id = self.kwargs.get("last_event_id")
        skip = int(last_id) if last_id is not None and last_id.isascii() and last_id.isdigit() else 0
        answer = Answer(self.kwargs.get("stop", ()), skip)
        for number, effect in enumerate(self.nexts):
            if self.over is None:
                told = answer.failed("timeout") if self.timed_out(number) else released(answer, effect)
                self.made += [Made(one, effect.ended, effect.ended_seq) for one in told]
                self.over = effect if answer.over else None
        self.tokens = sum(
            effect.value.kwargs["tokens"]
            for effect in self.nexts
            if effect.outcome == "returned" and effect.value is not None
        )


def released(answer: Answer, effect: Effect) -> list[Told]:
    """What this `next` releases."""
    match effect.outcome:
        case "returned" if effect.value is None:
            return answer.complete()
        case "returned":
            return answer.chunk(**effect.value.kwargs)
        case "raised":
            return answer.failed("upstream_failed")
    return []


@lru_cache(maxsize=512)
def run_of(history: History) -> Run:
    """The facts of a play, worked out once for all properties that look at it. A call that is not alive keeps no property."""
    run = Run(history)
    check_alive(run)
    return run


def check_alive(run: Run) -> None:
    """Unless it was stopped first, the model was asked, what it gave was sent, and a call that returns had read the whole answer.

    A handler that does nothing would keep many a promise; this makes each of them worth something.
    """
    if run.call.raised("BadEventId") and run.bad_id:
        return
    began, end = run.call.began, run.call.ended
    require(bool(run.nexts) or run.stopped <= began, "`next` to be called", "it never is", end)
    first = run.made[0] if run.made else None
    silent = first is not None and first.at < run.stopped and not run.sends
    require(not silent, f"{first.told if first else ''} to be sent", "nothing is ever sent", end)
    early = run.call.outcome == "returned" and run.stopped == math.inf and run.over is None
    require(not early, "the whole answer to be read", "`next` is not called again", end)


def _data(effect: Effect) -> Any:
    return effect.args[0] if effect.args else effect.kwargs.get("data")


def ended(call: Call) -> str:
    """How a call ended, in words."""
    return f"{call.error or call.outcome} at {call.ended:g} s"
