"""Sample tests for the streaming handler. Run them with `python -m pytest`; the grader tries far more than these."""

import json
from collections.abc import Awaitable, Callable, Sequence

import anyio
import pytest
from streaming_handler import BadEventId, Chunk, ClientGone, UpstreamFailed, events, handle

BACKENDS = pytest.mark.parametrize("backend", ["asyncio", "trio"])


class FakeUpstream:
    """Gives the chunks, `seconds` each and 1 token each, and then ends or fails."""

    def __init__(self, chunks: Sequence[bytes], *, seconds: float = 0.0, fails: bool = False) -> None:
        self.chunks, self.seconds, self.fails = list(chunks), seconds, fails
        self.reads, self.closed = 0, 0

    async def next(self) -> Chunk | None:
        self.reads += 1
        await anyio.sleep(self.seconds)
        if self.chunks:
            return Chunk(self.chunks.pop(0), 1)
        if self.fails:
            raise UpstreamFailed
        return None

    async def close(self) -> None:
        await anyio.sleep(0.01)
        self.closed += 1


class FakeClient:
    """Remembers what it was sent, and is gone after so many sends."""

    def __init__(self, *, seconds: float = 0.0, patience: int = 1000) -> None:
        self.seconds, self.patience = seconds, patience
        self.got = b""

    async def send(self, data: bytes) -> None:
        await anyio.sleep(self.seconds)
        if not self.patience:
            raise ClientGone
        self.patience -= 1
        self.got += data


class FakeBilling:
    """Remembers what was charged."""

    def __init__(self) -> None:
        self.charged: list[int] = []

    async def charge(self, tokens: int) -> None:
        await anyio.sleep(0.01)
        self.charged.append(tokens)


def told(stream: bytes) -> list[tuple[str, str | None, object]]:
    """The events in a stream as (event, id, value of the first key). A simple reader: the grader's is strict."""
    found = []
    for block in stream.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n\n"):
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = fields.get(name, "") + value
        if fields:
            data = json.loads(fields["data"])
            first = next((data[key] for key in ("text", "reason", "error") if key in data), None)
            found.append((fields["event"].strip(), fields["id"].strip() if "id" in fields else None, first))
    return found


def run(backend: str, main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with anyio.fail_after(5):
            await main()

    anyio.run(bounded, backend=backend)


# ---- stage 1


def given(backend: str, chunks: Sequence[bytes], stop: Sequence[str] = ()) -> list[tuple[str, str | None, object]]:
    items: list[bytes] = []

    async def main() -> None:
        items.extend([item async for item in events(FakeUpstream(chunks), stop=stop)])

    run(backend, main)
    return told(b"".join(items))


@BACKENDS
def test_the_example_of_stage_1(backend: str) -> None:
    assert given(backend, [b"caf\xc3", b"\xa9 E", b"ND."], ["END"]) == [
        ("text", "3", "caf"),
        ("text", "5", "\u00e9 "),
        ("done", None, "stop"),
    ]


@BACKENDS
def test_line_ends_stay_in_the_text(backend: str) -> None:
    assert given(backend, [b"a\n\n", b"data: b\r\n"]) == [
        ("text", "3", "a\n\n"),
        ("text", "12", "data: b\r\n"),
        ("done", None, "end"),
    ]


# ---- stage 2


@BACKENDS
def test_a_slow_client_holds_the_model(backend: str) -> None:
    upstream, client = FakeUpstream([b"x"] * 20), FakeClient(seconds=0.2)

    async def main() -> None:
        with anyio.move_on_after(0.1):
            await handle(upstream, client, FakeBilling(), ahead=3)

    run(backend, main)
    assert upstream.reads == 3


# ---- stage 3


@BACKENDS
def test_cancelled_closes_and_bills(backend: str) -> None:
    upstream, client, billing = FakeUpstream([b"x"] * 20), FakeClient(seconds=0.2), FakeBilling()

    async def main() -> None:
        with anyio.move_on_after(0.1) as scope:
            await handle(upstream, client, billing, ahead=3)
        assert scope.cancelled_caught

    run(backend, main)
    assert upstream.closed == 1
    assert billing.charged == [3]


@BACKENDS
def test_client_gone(backend: str) -> None:
    upstream, client, billing = FakeUpstream([b"x", b"y"], seconds=0.01), FakeClient(patience=1), FakeBilling()

    async def main() -> None:
        with pytest.raises(ClientGone):
            await handle(upstream, client, billing)

    run(backend, main)
    assert upstream.closed == 1
    assert billing.charged == [2]
    assert told(client.got) == [("text", "1", "x")]


# ---- stage 4


@BACKENDS
def test_a_failure_is_told(backend: str) -> None:
    upstream, client, billing = FakeUpstream([b"one E"], fails=True), FakeClient(), FakeBilling()
    run(backend, lambda: handle(upstream, client, billing, stop=["END"]))
    assert told(client.got) == [("text", "4", "one "), ("error", None, "upstream_failed")]
    assert billing.charged == [1]


@BACKENDS
def test_a_slow_model_times_out_after_heartbeats(backend: str) -> None:
    upstream, client = FakeUpstream([b"late"], seconds=1), FakeClient()
    run(backend, lambda: handle(upstream, client, FakeBilling(), first_timeout=0.2, heartbeat=0.08))
    assert client.got.startswith(b":")
    assert client.got.count(b"event") == 1
    assert b'"timeout"' in client.got


@BACKENDS
def test_resume(backend: str) -> None:
    client = FakeClient()
    upstream = FakeUpstream([b"hello wo", b"rld"])
    run(backend, lambda: handle(upstream, client, FakeBilling(), last_event_id="5"))
    assert told(client.got) == [("text", "8", " wo"), ("text", "11", "rld"), ("done", None, "end")]


@BACKENDS
def test_bad_id(backend: str) -> None:
    billing = FakeBilling()

    async def main() -> None:
        with pytest.raises(BadEventId):
            await handle(FakeUpstream([]), FakeClient(), billing, last_event_id="-1")

    run(backend, main)
    assert billing.charged == [0]
