"""Streaming handler, a third way: one actor owns all state and never waits but for its inbox; each operation is a small task that reports back."""

import codecs
import json
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

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


class _Scanner:
    """Goes through the text one character at a time; what it holds is always the beginning of a stop string."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._stop = stop
        self._beginnings = {"", *(string[:length] for string in stop for length in range(1, len(string)))}
        self._held = ""
        self.stopped = False

    def scan(self, data: bytes, *, last: bool = False) -> str:
        """The text that is certain now."""
        certain = ""
        for character in self._decode(data, last):
            self._held += character
            ended = next((string for string in self._stop if self._held.endswith(string)), None)
            if ended is not None:  # what is before it began another stop string that will not come
                self.stopped = True
                return certain + self._held.removesuffix(ended)
            while self._held not in self._beginnings:
                certain, self._held = certain + self._held[0], self._held[1:]
        if last:
            certain, self._held = certain + self._held, ""
        return certain


class _Writer:
    """Makes events of text: counts characters and leaves out those that the client has."""

    def __init__(self, has: int = 0) -> None:
        self._has, self._count = has, 0

    def text(self, text: str) -> list[bytes]:
        known = min(len(text), max(0, self._has - self._count))
        self._count += len(text)
        return [self._event("text", {"text": text[known:]}, f"id:{self._count}\r")] if text[known:] else []

    def end(self, kind: str, key: str, why: str, tokens: int) -> list[bytes]:
        return [self._event(kind, {key: why, "tokens": tokens})]

    def _event(self, kind: str, data: dict[str, str | int], extra: str = "") -> bytes:
        return f"data:{json.dumps(data)}\r{extra}event:{kind}\r\r".encode()


async def events(upstream: Upstream, *, stop: Sequence[str] = ()) -> AsyncIterator[bytes]:
    scanner, writer, tokens = _Scanner(stop), _Writer(), 0
    while (chunk := await upstream.next()) is not None:
        tokens += chunk.tokens
        for event in writer.text(scanner.scan(chunk.data)):
            yield event
        if scanner.stopped:
            break
    else:
        for event in writer.text(scanner.scan(b"", last=True)):
            yield event
    for event in writer.end("done", "reason", "stop" if scanner.stopped else "end", tokens):
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
    actor = _Actor(upstream, client, billing, ahead, heartbeat)
    try:
        if last_event_id is not None:
            if not last_event_id or set(last_event_id) - set("0123456789"):
                raise BadEventId(last_event_id)
            actor.writer = _Writer(int(last_event_id))
        actor.scanner = _Scanner(stop)
        actor.timeouts = first_timeout, idle_timeout
        await actor.run()
    finally:
        await actor.settle()
    if actor.gone is not None:
        raise actor.gone


class _Actor:
    scanner: _Scanner
    timeouts: tuple[float | None, float | None]

    def __init__(
        self, upstream: Upstream, client: Client, billing: Billing, ahead: int, heartbeat: float | None
    ) -> None:
        self._upstream, self._client, self._billing = upstream, client, billing
        self._ahead, self._heartbeat = ahead, math.inf if heartbeat is None else heartbeat
        self.writer = _Writer()
        self.gone: ClientGone | None = None
        self._inbox: deque[Callable[[], None]] = deque()
        self._mail = anyio.Event()
        self._queue: deque[bytes] = deque()
        self._tokens = self._reads = 0
        self._reading = self._sending = self._over = self._settled = False
        self._quiet_since = anyio.current_time()
        self._tasks: TaskGroup

    async def run(self) -> None:
        async with anyio.create_task_group() as self._tasks:
            self._watch_silence()
            while not self._finished():
                self._begin_what_can_begin()
                await self._mail.wait()
                self._mail = anyio.Event()
                while self._inbox:
                    self._inbox.popleft()()
            self._tasks.cancel_scope.cancel()  # the silence is watched no more; what settles is shielded

    async def settle(self) -> None:
        """Close and charge, once: as a task when the answer is over, or else by `handle` on its way out."""
        if not self._settled:
            self._settled = True
            with anyio.CancelScope(shield=True):
                await self._upstream.close()
                await self._billing.charge(self._tokens)

    def _finished(self) -> bool:
        return self.gone is not None or (self._over and not self._sending and not self._queue)

    def _begin_what_can_begin(self) -> None:
        if not self._reading and not self._over and len(self._queue) + self._sending < self._ahead:
            self._reading = True
            self._tasks.start_soon(self._read, self.timeouts[self._reads > 0])
            self._reads += 1
        if not self._sending and self._queue:
            self._sending = True
            self._tasks.start_soon(self._send, self._queue.popleft())
        elif not self._sending and anyio.current_time() >= self._quiet_since + self._heartbeat:
            self._sending = True
            self._tasks.start_soon(self._send, b": \r")

    # ---- operations: they wait, and post what came of it

    def _post(self, letter: Callable[[], None]) -> None:
        self._inbox.append(letter)
        self._mail.set()

    async def _read(self, seconds: float | None) -> None:
        letter = self._timed_out
        with anyio.move_on_after(seconds):
            try:
                chunk = await self._upstream.next()
                # Counted here: a letter may never be opened.
                self._tokens += chunk.tokens if chunk is not None else 0
                letter = self._complete if chunk is None else _bound(self._came, chunk)
            except UpstreamFailed:
                letter = self._failed
        self._post(letter)

    async def _send(self, data: bytes) -> None:
        try:
            await self._client.send(data)
        except ClientGone as error:
            self.gone = error
        self._post(self._sent)

    def _watch_silence(self) -> None:
        if self._heartbeat < math.inf:
            self._tasks.start_soon(_wake_at, self._quiet_since + self._heartbeat, lambda: self._post(lambda: None))

    # ---- letters

    def _came(self, chunk: Chunk) -> None:
        self._reading = False
        self._queue += self.writer.text(self.scanner.scan(chunk.data))
        if self.scanner.stopped:
            self._end("done", "reason", "stop")

    def _complete(self) -> None:
        self._queue += self.writer.text(self.scanner.scan(b"", last=True))
        self._end("done", "reason", "end")

    def _failed(self) -> None:
        self._end("error", "error", "upstream_failed")

    def _timed_out(self) -> None:
        self._end("error", "error", "timeout")

    def _end(self, kind: str, key: str, why: str) -> None:
        self._over = True
        self._queue += self.writer.end(kind, key, why, self._tokens)
        self._tasks.start_soon(self.settle)

    def _sent(self) -> None:
        self._sending = False
        self._quiet_since = anyio.current_time()
        self._watch_silence()


def _bound(function: Callable[[Chunk], None], chunk: Chunk) -> Callable[[], None]:
    return lambda: function(chunk)


async def _wake_at(when: float, wake: Callable[[], None]) -> None:
    await anyio.sleep_until(when)
    wake()
