"""The protocol takes nothing from the other side but whole, short, well-formed messages of the right direction."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from burnin import wire
from burnin.plain import Hostile
from burnin.script import Consume
from burnin.wire import Connection, Gone

SPEC = wire.CallSpec("call", "f", None, [1], {"k": "v"}, None, ("x",), (1.0, 2), 3, Consume(((0.5, 1),), 4))
FROM_WORKER = [
    wire.Confined("none", ["why"]),
    wire.Loaded(None),
    wire.Next(-1, 0.0),
    wire.Begin(1, 0.5),
    wire.Absent(1, 0.5, "Pool"),
    wire.Returned(1, 0.5, {"a": [1, b"x", None, True, 0.1]}),
    wire.Raised(1, 0.5, ["KeyError", "LookupError"], "k", None),
    wire.Cancelled(1, 0.5),
    wire.CancelSent(1, 0.5),
    wire.Dropped(0.5),
    wire.Item(1, 0.5, "é"),
    wire.WorldCall("host", "load", ["a"], {"k": 1}, 0.5),
    wire.Resume(1, 0.5),
    wire.WorldCancelled(1, 0.5),
    wire.Blocked(0.5, 1.0, "a.py:1 f"),
    wire.Finished(0.5, wire.Stopped("deadlock", [("A", None)]), [("B", "a.py:1 f")], None, False),
]
FROM_JUDGE = [
    wire.Play(
        "tasks",
        "trio",
        1,
        (1, 2),
        32,
        True,
        {"host": {"load": wire.Method("timed"), "size": wire.Method("constant", [("a", 1)])}},
        ["A"],
        wire.Done(wire.Go(1, (0.5, 1), None)),
    ),
    wire.Load(),
    SPEC,
    wire.Go(1, (0.5, 1), None),
    wire.Go(1, (0.0, 0), SPEC),
    wire.More((0.5, 1)),
    wire.Ok(),
    wire.Done(),
    wire.Take(1, (0.5, 1)),
    wire.Answer([1]),
    wire.Fail("KeyError", "k"),
]


class Pair:
    """The judge's connection, and the bare socket of a worker."""

    def __init__(self) -> None:
        ours, self.worker = socket.socketpair()
        self.worker.settimeout(5)
        self.judge = Connection(ours, wire.ToJudge)

    def put(self, data: bytes) -> None:
        self.worker.sendall(data)

    def close(self) -> None:
        self.worker.close()
        self.judge.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


@pytest.mark.parametrize("message", FROM_WORKER, ids=lambda message: type(message).__name__)
def test_what_a_worker_says_arrives_as_it_was(pair: Pair, message: Any) -> None:
    Connection(pair.worker, wire.ToWorker).send(message)
    assert pair.judge.receive() == message


@pytest.mark.parametrize("message", FROM_JUDGE, ids=lambda message: type(message).__name__)
def test_what_the_judge_says_arrives_as_it_was(pair: Pair, message: Any) -> None:
    pair.judge.send(message)
    assert Connection(pair.worker, wire.ToWorker).receive() == message


@pytest.mark.parametrize("message", FROM_JUDGE, ids=lambda message: type(message).__name__)
def test_a_worker_cannot_say_what_only_the_judge_says(pair: Pair, message: Any) -> None:
    Connection(pair.worker, wire.ToWorker).send(message)
    with pytest.raises(Hostile):
        pair.judge.receive()


def test_messages_may_come_in_pieces_and_several_at_once(pair: Pair) -> None:
    data = b"".join(framed(msgspec.msgpack.encode(message)) for message in FROM_WORKER)
    half = len(data) // 2
    pair.put(data[:3])
    pair.put(data[3:half])
    count = 0
    while count < len(FROM_WORKER) // 3:
        assert pair.judge.receive() == FROM_WORKER[count]
        count += 1
    pair.put(data[half:])
    assert [pair.judge.receive() for _ in FROM_WORKER[count:]] == FROM_WORKER[count:]
    assert pair.judge.heard == len(data)


def test_a_long_message_is_refused_by_its_head_alone(pair: Pair) -> None:
    pair.put(struct.pack(">I", wire.MAX_MESSAGE + 1))
    with pytest.raises(Hostile, match=str(wire.MAX_MESSAGE + 1)):
        pair.judge.receive()


def test_a_long_message_is_not_sent(pair: Pair) -> None:
    with pytest.raises(Hostile):
        pair.judge.send(wire.Answer("a" * wire.MAX_MESSAGE))
    pair.judge.send(wire.Ok())
    assert Connection(pair.worker, wire.ToWorker).receive() == wire.Ok()


@pytest.mark.parametrize("ending", [b"", b"\0", b"\0\0\0\x05ab"])
def test_a_worker_that_hangs_up_is_gone(pair: Pair, ending: bytes) -> None:
    pair.put(ending)
    pair.worker.close()
    with pytest.raises(Gone, match="closed"):
        pair.judge.receive()


def test_nobody_listens_any_more(pair: Pair) -> None:
    pair.worker.close()
    with pytest.raises(Gone):
        pair.judge.send(wire.Ok())


def test_silence_ends_with_patience(pair: Pair) -> None:
    pair.judge.be_patient(0.01)
    with pytest.raises(Gone, match=wire.LATE):
        pair.judge.receive()


def test_a_worker_that_does_not_read_ends_with_patience_too(pair: Pair) -> None:
    pair.judge.be_patient(0.01)
    with pytest.raises(Gone, match=wire.LATE):
        pair.judge.send(wire.Answer("a" * 1_000_000))


def test_a_byte_now_and_then_does_not_buy_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is the test's own: it moves by nine seconds with each look."""
    ticks = iter(range(0, 1_000_000, 9))
    monkeypatch.setattr("burnin.wire.time.monotonic", lambda: float(next(ticks)))
    body = msgspec.msgpack.encode(wire.Loaded("x" * 200))
    sent = iter(framed(body))
    real = pair.judge._sock

    class OneByteAtATime:
        def recv(self, size: int) -> bytes:
            return bytes([next(sent)])

        def setsockopt(self, *args: Any) -> None:
            real.setsockopt(*args)

        def close(self) -> None:
            real.close()

    pair.judge._sock = OneByteAtATime()  # type: ignore[assignment]  # a stand-in for the socket
    pair.judge.be_patient(10)
    with pytest.raises(Gone, match=wire.LATE):
        pair.judge.receive()


@pytest.mark.parametrize(
    "body",
    [
        [],
        "Next",
        ["Next"],
        ["Next", 0],
        ["Next", "0", 0.0],
        ["Next", 0, None],
        ["Next", 0, 0.0, 1],
        ["Next", True, 0.0],
        ["Nothing", 0, 0.0],
        ["Raised", 1, 0.0, "KeyError", "", None],
        ["Raised", 1, 0.0, [1], "", None],
        ["WorldCall", "host", "load", {}, {}, 0.0],
        ["WorldCall", "host", "load", [], {1: 2}, 0.0],
        ["Finished", 0.0, ["deadlock"], [], None, False],
        ["Finished", 0.0, None, [["a"]], None, False],
        {"type": "Next", "actor": 0, "t": 0.0},
    ],
)
def test_the_wrong_types_are_hostile(pair: Pair, body: Any) -> None:
    pair.put(framed(msgspec.msgpack.encode(body)))
    with pytest.raises(Hostile):
        pair.judge.receive()


@pytest.mark.parametrize(
    "body", [b"", b"\xc1", b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\x93\xa4Next\x00", b"\xd9\x01\xff"]
)
def test_garbage_is_hostile(pair: Pair, body: bytes) -> None:
    pair.put(framed(body))
    with pytest.raises(Hostile):
        pair.judge.receive()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.binary(max_size=40) | st.sampled_from(FROM_WORKER).map(msgspec.msgpack.encode),
    st.integers(0, 40),
    st.binary(max_size=3),
)
def test_whatever_the_bytes_only_hostile_is_raised(pair: Pair, body: bytes, at: int, instead: bytes) -> None:
    pair.put(framed(body[:at] + instead + body[at + len(instead) :]))
    with contextlib.suppress(Hostile):
        message = pair.judge.receive()
        assert type(message) in {type(one) for one in FROM_WORKER}
