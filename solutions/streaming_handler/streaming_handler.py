"""Streaming handler: pass a model's answer on as server-sent events. The statement is README.md beside this file."""

import codecs
import json
import math
from collections import deque
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


def _event(kind: str, data: dict[str, str | int], number: int | None = None) -> bytes:
    """JSON escapes line ends, so the data is one line whatever the text."""
    lines = [f"event: {kind}", f"data: {json.dumps(data)}"]
    if number is not None:
        lines.append(f"id: {number}")
    return ("\n".join(lines) + "\n\n").encode()


class _Answer:
    """Bytes in, events out. Knows nothing of tasks, so that everything about text can be tested without them."""

    def __init__(self, stop: Sequence[str], skip: int = 0) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = stop
        self._longest = max(map(len, stop), default=0)
        self._skip = skip  # characters that the client has already
        self._held = ""
        self._given = 0  # characters
        self.tokens = 0
        self.over = False

    def feed(self, chunk: Chunk) -> list[bytes]:
        self.tokens += chunk.tokens
        self._held += self._decoder.decode(chunk.data)
        # No stop string is contained in another: the one that begins first is also complete first.
        found = min((at for at in map(self._held.find, self._stop) if at >= 0), default=None)
        if found is None:
            return self._give(len(self._held) - self._undecided())
        return [*self._give(found), self._done("stop")]

    def complete(self) -> list[bytes]:
        self._held += self._decoder.decode(b"", final=True)
        return [*self._give(len(self._held)), self._done("end")]

    def failed(self, why: str) -> list[bytes]:
        self.over = True
        return [_event("error", {"error": why, "tokens": self.tokens})]

    def _done(self, reason: str) -> bytes:
        self.over = True
        return _event("done", {"reason": reason, "tokens": self.tokens})

    def _undecided(self) -> int:
        """The length of the longest end of the text that could be the beginning of a stop string."""
        longest = min(len(self._held), self._longest - 1)
        ends = (n for n in range(longest, 0, -1) if any(stop.startswith(self._held[-n:]) for stop in self._stop))
        return next(ends, 0)

    def _give(self, length: int) -> list[bytes]:
        text, self._held = self._held[:length], self._held[length:]
        new = text[max(0, self._skip - self._given) :]
        self._given += length
        return [_event("text", {"text": new}, self._given)] if new else []


async def events(upstream: Upstream, *, stop: Sequence[str] = ()) -> AsyncIterator[bytes]:
    answer = _Answer(stop)
    while not answer.over:
        chunk = await upstream.next()
        for event in answer.complete() if chunk is None else answer.feed(chunk):
            yield event


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
    try:
        skip = 0 if last_event_id is None else _offset(last_event_id)
    except BadEventId:
        await _settle(upstream, billing, 0)
        raise
    answer = _Answer(stop, skip)
    outbox = _Outbox(client, ahead, heartbeat)
    gone: list[ClientGone] = []

    async def deliver() -> None:
        try:
            await outbox.send_all()
        except ClientGone as error:  # it would leave the task group in an exception group
            gone.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(deliver)
        # The upstream belongs to this task, which certainly runs: one that is only started may be cancelled before.
        try:
            timeout = first_timeout
            while not answer.over:
                await outbox.has_room()
                outbox.put(await _read(upstream, answer, timeout))
                timeout = idle_timeout
            outbox.close()
        finally:
            await _settle(upstream, billing, answer.tokens)
    if gone:
        raise gone[0]
    # The shield may have kept the cancellation from this task until after its last `await`, while `deliver` was cut short.
    await anyio.lowlevel.checkpoint_if_cancelled()


async def _settle(upstream: Upstream, billing: Billing, tokens: int) -> None:
    # Without the shield, the first `await` of a cancelled task raises again, and the upstream stays open.
    with anyio.CancelScope(shield=True):
        await upstream.close()
        await billing.charge(tokens)


def _offset(last_event_id: str) -> int:
    # `int` takes " 7", "+7", "1_000" and digits of other scripts.
    if not (last_event_id.isascii() and last_event_id.isdigit()):
        raise BadEventId(f"{last_event_id!r} is no event id")
    return int(last_event_id)


async def _read(upstream: Upstream, answer: _Answer, timeout: float | None) -> list[bytes]:
    """One call of `next`, and the events that come of it. Between its return and the count of its tokens there is no `await`."""
    try:
        with anyio.fail_after(timeout):
            chunk = await upstream.next()
    except UpstreamFailed:
        return answer.failed("upstream_failed")
    except TimeoutError:
        return answer.failed("timeout")
    return answer.complete() if chunk is None else answer.feed(chunk)


class _Outbox:
    """The events on their way to the client. Reader and sender change it in plain code, and each wakes the other."""

    def __init__(self, client: Client, ahead: int, heartbeat: float | None) -> None:
        self._client = client
        self._ahead = ahead
        self._heartbeat = math.inf if heartbeat is None else heartbeat
        self._events: deque[bytes] = deque()  # the first stays here until its `send` has returned
        self._closed = False
        self._changed = anyio.Event()

    def put(self, events: list[bytes]) -> None:
        self._events.extend(events)
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    async def has_room(self) -> None:
        while len(self._events) >= self._ahead:
            await self._changed.wait()

    async def send_all(self) -> None:
        silent_since = anyio.current_time()
        while not (self._closed and not self._events):
            if self._events:
                await self._client.send(self._events[0])
                self._events.popleft()
                self._wake()
            elif anyio.current_time() >= silent_since + self._heartbeat:
                await self._client.send(b":\n\n")
            else:
                # Only a wake-up can be lost to the deadline here, never an event.
                with anyio.CancelScope(deadline=silent_since + self._heartbeat):
                    await self._changed.wait()
                continue
            silent_since = anyio.current_time()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
