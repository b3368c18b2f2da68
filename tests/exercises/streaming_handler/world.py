"""What the handler talks to: a model that writes one answer, a client that takes its time, and billing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from burnin.script import Made, Pause
from burnin.suite import Fails, World, call


class Upstream(World):
    """A model. `chunks` are (bytes, tokens, pause). After `fails` of them it fails, or else it is complete after the last, each after `last`."""

    def __init__(
        self, chunks: Sequence[tuple[bytes, int, Pause]], fails: int | None, last: Pause, closing: Pause
    ) -> None:
        self.chunks = chunks
        self._fails, self._last, self._closing = fails, last, closing
        self._taken = 0

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        given = kwargs["chunks"][: kwargs["fails"]]
        chunks = ", ".join(f"{bytes(data)!r} after {pause[0]:g} s" for data, _, pause in given)
        end = "complete" if kwargs["fails"] is None else "fails"
        return f"{chunks or 'no chunk'}, then {end} after {kwargs['last'][0]:g} s"

    @call
    def next(self) -> Generator[Pause, None, Made | None]:
        number = self._taken
        if number == self._fails:
            yield self._last
            raise Fails("UpstreamFailed", "the model failed")
        if number >= len(self.chunks):
            yield self._last
            return None
        data, tokens, pause = self.chunks[number]
        yield pause
        self._taken = number + 1  # not before: a call that is cancelled takes nothing
        return Made("Chunk", {"data": data, "tokens": tokens})

    @call
    def close(self) -> Generator[Pause, None, None]:
        yield self._closing


class Client(World):
    """A connection. Each `send` takes the next of `pauses`, again and again; the one numbered `gone` finds the client gone."""

    def __init__(self, pauses: Sequence[Pause], gone: int | None) -> None:
        self._pauses, self._gone = pauses, gone
        self._sends = 0

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        seconds = ", ".join(f"{pause[0]:g}" for pause in kwargs["pauses"])
        return f"takes {seconds} s" + (f", gone at send {kwargs['gone'] + 1}" if kwargs["gone"] is not None else "")

    @call
    def send(self, data: bytes) -> Generator[Pause, None, None]:
        number = self._sends
        self._sends += 1
        yield self._pauses[number % len(self._pauses)]
        if number == self._gone:
            raise Fails("ClientGone", "the connection is lost")


class Billing(World):
    """Takes its time to charge."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        return f"takes {kwargs['pause'][0]:g} s"

    @call
    def charge(self, tokens: int) -> Generator[Pause, None, None]:
        yield self._pause
