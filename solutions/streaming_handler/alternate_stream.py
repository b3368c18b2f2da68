"""Streaming handler: pass a model's answer on as server-sent events.

One task owns the upstream: it reads the answer, puts its events into a memory object stream, and closes and bills under a shield, while a second
task sends what is in the stream. A semaphore counts the room that is left for events in flight; whatever ends either task cancels their task group.
"""

import codecs
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio
import anyio.lowlevel

# ---- given: leave this part as it is


class UpstreamFailed(Exception):
    """The model failed in the middle of its answer."""


class ClientGone(Exception):
    """The client's connection is lost."""


class BadEventId(Exception):
    """The client asked to resume after an id that no event can have."""


@dataclass(frozen=True)
class Chunk:
    """Some bytes of the answer, and the tokens that they cost."""

    data: bytes
    tokens: int


class Upstream(Protocol):
    """The model, writing one answer."""

    async def next(self) -> Chunk | None: ...
    async def close(self) -> None: ...


class Client(Protocol):
    """The connection to the client."""

    async def send(self, data: bytes) -> None: ...


class Billing(Protocol):
    """Where usage is charged."""

    async def charge(self, tokens: int) -> None: ...


# ---- yours

_HEARTBEAT = b": still here\n\n"


class _Transcript:
    """What the chunks so far amount to: turns each outcome of `next` into the events it makes. Does no I/O."""

    def __init__(self, stop: Sequence[str], skip: int = 0) -> None:
        self.tokens = 0
        self.over = False
        self._stop = tuple(stop)
        self._skip = skip  # the client has this many characters already
        self._given = 0  # this many characters were given out, to this client or before
        self._held = ""  # complete characters that may be the beginning of a stop string
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def take(self, chunk: Chunk | None) -> list[bytes]:
        """The events that this chunk makes, or the completion of the answer (`None`)."""
        if chunk is None:
            text = self._held + self._decoder.decode(b"", final=True)
        else:
            self.tokens += chunk.tokens
            text = self._held + self._decoder.decode(chunk.data)
        cuts = [at for at in map(text.find, self._stop) if at >= 0]
        if cuts:
            return self._text(text[: min(cuts)]) + self._end("done", "reason", "stop")
        if chunk is None:
            return self._text(text) + self._end("done", "reason", "end")
        given = len(text) - self._suspicious(text)
        self._held = text[given:]
        return self._text(text[:given])

    def fail(self, error: str) -> list[bytes]:
        """The event that tells of a failure. What is held back stays unsent."""
        return self._end("error", "error", error)

    def _suspicious(self, text: str) -> int:
        """The length of the longest end of the text that begins a stop string."""
        longest = min(len(text), max(map(len, self._stop), default=1) - 1)
        ends = (text[len(text) - length :] for length in range(longest, 0, -1))
        return next((len(end) for end in ends if any(stop.startswith(end) for stop in self._stop)), 0)

    def _text(self, text: str) -> list[bytes]:
        new = text[max(0, self._skip - self._given) :]
        self._given += len(text)
        return [_event("text", {"text": new}, str(self._given))] if new else []

    def _end(self, event: str, key: str, value: str) -> list[bytes]:
        self.over = True
        return [_event(event, {key: value, "tokens": self.tokens})]


def _event(event: str, data: dict[str, object], event_id: str | None = None) -> bytes:
    # json.dumps escapes line ends and everything that is not ASCII, so the data is a single line.
    id_line = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {event}\n{id_line}data: {json.dumps(data)}\n\n".encode()


async def events(upstream: Upstream, *, stop: Sequence[str] = ()) -> AsyncIterator[bytes]:
    """The events of an answer, each made only when it is asked for."""
    transcript = _Transcript(stop)
    while not transcript.over:
        for event in transcript.take(await upstream.next()):
            yield event


def _characters_had(last_event_id: str | None) -> int:
    if last_event_id is None:
        return 0
    if not (last_event_id.isascii() and last_event_id.isdigit()):
        raise BadEventId(last_event_id)
    return int(last_event_id.lstrip("0") or "0")  # int() refuses thousands of digits, leading zeros too


async def handle(
    upstream: Upstream,
    client: Client,
    billing: Billing,
    *,
    stop: Sequence[str] = (),
    ahead: int = 8,
    first_timeout: float | None = None,
    idle_timeout: float | None = None,
    heartbeat: float | None = None,
    last_event_id: str | None = None,
) -> None:
    """Send a whole answer to the client, then free the model and bill what it took, whatever happens."""
    put, take = anyio.create_memory_object_stream[bytes](math.inf)
    room = anyio.Semaphore(ahead)  # `ahead`, less the events in flight, less one while `next` is in progress
    tokens = 0
    failure: Exception | None = None

    def give_up(reason: Exception) -> None:
        """End both tasks, and `handle` with this exception. Kept out of the task group, which would wrap it."""
        nonlocal failure
        if failure is None:
            failure = reason
        group.cancel_scope.cancel()

    async def read() -> None:
        """Read the answer and put its events into the stream, as far as there is room."""
        nonlocal tokens
        transcript = _Transcript(stop, _characters_had(last_event_id))
        timeout = first_timeout
        while not transcript.over:
            await room.acquire()
            try:
                with anyio.move_on_after(timeout) as scope:
                    made = transcript.take(await upstream.next())
            except UpstreamFailed:
                made = transcript.fail("upstream_failed")
            if scope.cancelled_caught:
                made = transcript.fail("timeout")
            tokens = transcript.tokens
            timeout = idle_timeout
            for event in made:
                put.send_nowait(event)
            if not made:
                room.release()

    async def own_upstream() -> None:
        # Both calls are made in a task of their own, so that the shield also holds when asyncio's own
        # `Task.cancel` hits the task of `handle`, which does not know about shields.
        try:
            await read()
        except Exception as reason:
            give_up(reason)
        finally:
            put.close()
            with anyio.CancelScope(shield=True):
                await upstream.close()
                await billing.charge(tokens)

    async def send() -> None:
        """Send what is in the stream until it ends, and heartbeats in between."""
        while True:
            event = None
            with anyio.move_on_after(heartbeat):
                try:
                    event = await take.receive()
                except anyio.EndOfStream:
                    return
            await anyio.lowlevel.checkpoint_if_cancelled()
            await client.send(_HEARTBEAT if event is None else event)
            if event is not None:
                room.release()

    async def own_client() -> None:
        try:
            await send()
        except Exception as reason:
            give_up(reason)

    with put, take:
        async with anyio.create_task_group() as group:
            group.start_soon(own_upstream)
            group.start_soon(own_client)
    await anyio.lowlevel.checkpoint_if_cancelled()  # a `send` may have turned its cancellation into ClientGone
    if failure is not None:
        raise failure
