"""Streaming handler, another way: a task for each duty (reading, sending, heartbeats), joined by a stream, a semaphore and a lock."""

import json
import math
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

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


@dataclass(frozen=True)
class _Text:
    text: str
    end: int

    def __bytes__(self) -> bytes:
        return _lines(f"id: {self.end}", "event: text", data={"text": self.text})


@dataclass(frozen=True)
class _End:
    kind: str
    key: str
    why: str
    tokens: int

    def __bytes__(self) -> bytes:
        return _lines(f"event: {self.kind}", data={self.key: self.why, "tokens": self.tokens})


def _lines(*fields: str, data: dict[str, str | int]) -> bytes:
    # Indented on purpose: several `data` lines are one value to a reader, joined by line ends.
    body = json.dumps(data, ensure_ascii=False, indent=1).split("\n")
    return "".join(f"{line}\r\n" for line in [*fields, *(f"data: {line}" for line in body), ""]).encode()


def _split_last(data: bytes) -> int:
    """Where the character begins that is not complete at the end of valid UTF-8, or the length."""
    for back in range(1, min(len(data), 3) + 1):
        byte = data[-back]
        if byte >= 0xC0:
            needs = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if needs > back else len(data)
    return len(data)


class _Cutter:
    """Takes chunks, says what can be told. Undecoded bytes and unsent text wait separately."""

    def __init__(self, stop: Sequence[str], skip: int) -> None:
        self.pattern = re.compile("|".join(map(re.escape, stop))) if stop else None
        self.beginnings = {string[:length] for string in stop for length in range(1, len(string))}
        self.longest = max(map(len, self.beginnings), default=0)
        self.skip, self.end, self.tokens = skip, 0, 0
        self.bytes, self.text = b"", ""
        self.finished = False

    def take(self, chunk: Chunk | None) -> Iterator[_Text | _End]:
        if chunk is None:
            self.text += "\ufffd" if self.bytes else ""
            yield from self.tell(len(self.text))
            yield self.finish("done", "reason", "end")
            return
        self.tokens += chunk.tokens
        data = self.bytes + chunk.data
        at = _split_last(data)
        self.bytes = data[at:]
        self.text += data[:at].decode()
        match = self.pattern.search(self.text) if self.pattern else None
        if match:
            yield from self.tell(match.start())
            yield self.finish("done", "reason", "stop")
        else:
            lengths = range(min(self.longest, len(self.text)), 0, -1)
            held = next((n for n in lengths if self.text[-n:] in self.beginnings), 0)
            yield from self.tell(len(self.text) - held)

    def tell(self, length: int) -> Iterator[_Text]:
        text, self.text = self.text[:length], self.text[length:]
        self.end += length
        text = text[max(0, len(text) - (self.end - self.skip)) :] if self.end > self.skip else ""
        if text:
            yield _Text(text, self.end)

    def finish(self, kind: str, key: str, why: str) -> _End:
        self.finished = True
        return _End(kind, key, why, self.tokens)


async def events(upstream: Upstream, *, stop: Sequence[str] = ()) -> AsyncIterator[bytes]:
    cutter = _Cutter(stop, 0)
    while not cutter.finished:
        for told in cutter.take(await upstream.next()):
            yield bytes(told)


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
    well_formed = last_event_id is None or re.fullmatch("[0-9]+", last_event_id)
    cutter = _Cutter(stop, int(last_event_id or 0) if well_formed else 0)
    room = anyio.Semaphore(ahead)
    line = _Line(client)
    give, take = anyio.create_memory_object_stream[_Text | _End](float("inf"))

    async def read() -> None:
        seconds = first_timeout
        try:
            if not well_formed:
                raise BadEventId(str(last_event_id))
            with give:
                await room.acquire()
                while not cutter.finished:
                    told = await _next(upstream, cutter, seconds)
                    seconds = idle_timeout
                    for one in told:
                        give.send_nowait(one)
                    if told and not cutter.finished:
                        await room.acquire()
        finally:
            with anyio.CancelScope(shield=True):
                await upstream.close()
                await billing.charge(cutter.tokens)

    try:
        with give, take:  # closed again on every way out; closing twice is harmless
            async with anyio.create_task_group() as tasks:
                if well_formed:
                    tasks.start_soon(_send, take, line, room, heartbeat)
                await read()
                # Read may have ended under its shield, unaware of a cancellation that has cut the sender short.
                await anyio.sleep(0)
    except BaseExceptionGroup as group:
        _raise_one(group)


def _raise_one(group: BaseExceptionGroup[BaseException]) -> NoReturn:
    for kind in (ClientGone, BadEventId):
        matching = group.subgroup(kind)
        while matching is not None:
            inner = matching.exceptions[0]
            if not isinstance(inner, BaseExceptionGroup):
                raise inner
            matching = inner
    raise group


async def _next(upstream: Upstream, cutter: _Cutter, seconds: float | None) -> list[_Text | _End]:
    with anyio.move_on_after(seconds):
        try:
            return list(cutter.take(await upstream.next()))
        except UpstreamFailed:
            return [cutter.finish("error", "error", "upstream_failed")]
    return [cutter.finish("error", "error", "timeout")]


class _Line:
    """The client, one send at a time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.lock = anyio.Lock()
        self.quiet_since = anyio.current_time()

    async def send(self, data: bytes) -> None:
        async with self.lock:
            self.quiet_since = math.inf  # and so it stays if this fails: no heartbeat for a client that is gone
            await self.client.send(data)
            self.quiet_since = anyio.current_time()


async def _send(
    take: MemoryObjectReceiveStream[_Text | _End], line: _Line, room: anyio.Semaphore, heartbeat: float | None
) -> None:
    async with anyio.create_task_group() as tasks:
        if heartbeat is not None:
            tasks.start_soon(_beat, line, heartbeat)
        with take:
            async for told in take:
                await line.send(bytes(told))
                room.release()
        tasks.cancel_scope.cancel()


async def _beat(line: _Line, seconds: float) -> None:
    """Cancelled from outside. Takes the lock to look, so that it never beats while something is being sent."""
    while True:
        await anyio.sleep_until(line.quiet_since + seconds)
        async with line.lock:
            if anyio.current_time() >= line.quiet_since + seconds:
                await line.client.send(b": still here\n")
                line.quiet_since = anyio.current_time()
