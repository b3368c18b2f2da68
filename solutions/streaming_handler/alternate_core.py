"""Streaming handler: pass a model's answer on as server-sent events.

`Answer` is a synchronous state machine that turns each result of `next` into the events that it makes, and knows nothing of time or tasks. `Relay` is the thin
asynchronous shell: one task owns the upstream, the other sends, and they meet at a deque and two bells, each an `anyio.Event` that is renewed when it has rung.
"""

import codecs
import json
import math
import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

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

HEARTBEAT = b":\n\n"


def _encode_event(name: str, data: dict[str, str | int], event_id: int | None = None) -> bytes:
    """One server-sent event."""
    id_line = "" if event_id is None else f"id: {event_id}\n"
    return f"event: {name}\n{id_line}data: {json.dumps(data)}\n\n".encode("ascii")


def _parse_event_id(event_id: str | None) -> int:
    """The number of characters that the client has."""
    if event_id is None:
        return 0
    if not re.fullmatch("[0-9]+", event_id):
        raise BadEventId(event_id)
    return int(event_id.lstrip("0") or "0")  # stripped, as int() refuses thousands of digits


class _Answer:
    """An answer while it is being written: what has been given out of it, and what is held back."""

    def __init__(self, stop: Sequence[str], skip: int = 0) -> None:
        self.tokens = 0
        self.over = False
        self._stop = tuple(stop)
        self._longest_hold = max(map(len, self._stop), default=1) - 1
        self._skip = skip  # the client has this many characters already
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""  # complete characters that may turn out to begin a stop string
        self._given = 0  # characters before those

    def feed(self, chunk: Chunk | None) -> list[bytes]:
        """The events that a result of `next` makes."""
        if chunk is None:
            text = self._held + self._decoder.decode(b"", final=True)
        else:
            self.tokens += chunk.tokens
            text = self._held + self._decoder.decode(chunk.data)
        found = min((at for stop in self._stop if (at := text.find(stop)) >= 0), default=None)
        if found is not None:
            return [*self._give(text[:found]), *self._end("done", "reason", "stop")]
        if chunk is None:
            return [*self._give(text), *self._end("done", "reason", "end")]
        settled = len(text) - self._hold(text)
        self._held = text[settled:]
        return self._give(text[:settled])

    def fail(self, error: str, unused: Chunk | None = None) -> list[bytes]:
        """The events that a failure makes. The failed call may still have given an unused chunk, which has cost its tokens."""
        if unused is not None:
            self.tokens += unused.tokens
        return self._end("error", "error", error)

    def _hold(self, text: str) -> int:
        """The length of the longest end of the text that could be the beginning of a stop string."""
        for length in range(min(self._longest_hold, len(text)), 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stop):
                return length
        return 0

    def _give(self, text: str) -> list[bytes]:
        has = max(self._skip - self._given, 0)
        self._given += len(text)
        return [_encode_event("text", {"text": text[has:]}, self._given)] if text[has:] else []

    def _end(self, name: str, key: str, value: str) -> list[bytes]:
        self.over = True
        return [_encode_event(name, {key: value, "tokens": self.tokens})]


async def events(upstream: Upstream, *, stop: Sequence[str] = ()) -> AsyncIterator[bytes]:
    """Stage 1."""
    answer = _Answer(stop)
    while not answer.over:
        for event in answer.feed(await upstream.next()):
            yield event


class _Bell:
    """Wakes the task that waits for it to ring."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = anyio.Event()

    async def wait(self) -> None:
        await self._event.wait()


class _Relay:
    """One call of `handle`: the task that owns the upstream puts events into the outbox, and the task that sends takes them out."""

    def __init__(self, upstream: Upstream, client: Client, billing: Billing, answer: _Answer, ahead: int) -> None:
        self._upstream = upstream
        self._client = client
        self._billing = billing
        self._answer = answer
        self._ahead = ahead
        self._outbox = deque[bytes]()  # the events in flight; the first of them may be with the client just now
        self._news = _Bell()  # rings when the outbox gets longer
        self._room = _Bell()  # rings when the outbox gets shorter
        self._reading = anyio.CancelScope()
        self._refusal: Exception | None = None

    def refuse(self, error: Exception) -> None:
        """Want nothing more of the model and send nothing more: `run` will raise the error."""
        self._refusal = error
        self._reading.cancel()

    async def run(self, first_timeout: float | None, idle_timeout: float | None, heartbeat: float | None) -> None:
        called = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            # Of the two, it is the child that cleans up: there the shield holds even if asyncio itself cancels the caller's task.
            tasks.start_soon(self._own_upstream, first_timeout, idle_timeout)
            if self._refusal is None:
                try:
                    await self._send_all(called, heartbeat)
                except ClientGone as gone:
                    self.refuse(gone)
        await checkpoint_if_cancelled()
        if self._refusal is not None:
            raise self._refusal

    async def _own_upstream(self, first_timeout: float | None, idle_timeout: float | None) -> None:
        try:
            with self._reading:
                await self._read_all(first_timeout, idle_timeout)
        finally:
            with anyio.CancelScope(shield=True):
                await self._upstream.close()
                await self._billing.charge(self._answer.tokens)

    async def _read_all(self, first_timeout: float | None, idle_timeout: float | None) -> None:
        timeout = first_timeout
        while not self._answer.over:
            while len(self._outbox) >= self._ahead:
                await self._room.wait()
            await (
                checkpoint()
            )  # a model that never waits must not keep others from running, nor be asked after a cancellation
            self._outbox.extend(await self._read(timeout))
            self._news.ring()
            timeout = idle_timeout

    async def _read(self, timeout: float | None) -> list[bytes]:
        """Call `next` and give out the events that this makes."""
        chunk: Chunk | None = None
        error: str | None = None
        with anyio.CancelScope(deadline=_deadline_after(anyio.current_time(), timeout)) as limit:
            try:
                chunk = await self._upstream.next()
            except UpstreamFailed:
                error = "upstream_failed"
        if limit.cancel_called:
            error = "timeout"
        return self._answer.feed(chunk) if error is None else self._answer.fail(error, unused=chunk)

    async def _send_all(self, called: float, heartbeat: float | None) -> None:
        quiet_since = called
        while self._outbox or not self._answer.over:
            if not self._outbox:
                with anyio.CancelScope(deadline=_deadline_after(quiet_since, heartbeat)):
                    await self._news.wait()
                    continue  # perhaps without news: not every chunk makes an event
            await checkpoint()  # a `send` can return although it was cancelled, and then there must not be another
            if self._outbox:
                await self._client.send(self._outbox[0])
                self._outbox.popleft()
                self._room.ring()
            else:
                await self._client.send(HEARTBEAT)
            quiet_since = anyio.current_time()


def _deadline_after(start: float, seconds: float | None) -> float:
    return math.inf if seconds is None else start + seconds


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
    """Stages 2 to 4."""
    try:
        relay = _Relay(upstream, client, billing, _Answer(stop, _parse_event_id(last_event_id)), ahead)
    except BadEventId as error:
        relay = _Relay(upstream, client, billing, _Answer(stop), ahead)
        relay.refuse(error)
    await relay.run(first_timeout, idle_timeout, heartbeat)
