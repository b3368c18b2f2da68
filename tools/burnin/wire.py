"""The protocol between judge and worker: one message there, one back, msgpack with a length in front.

The worker speaks and the judge answers, but for messages that the worker does not wait for (`awaits`): these it sends along
with the next one. Every message from the worker carries its virtual time, so that the judge can check that time only moves
forward and agrees with the durations that the judge gave. What comes later in a script is told no earlier than the worker needs
it: the arguments of a call only when the call begins, or, where one call follows the other and nothing of the submission runs in
between, with the pause before it.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Any, Literal

import msgspec

from burnin.plain import Hostile
from burnin.script import Backend, Consume, Mode, Pause

__all__ = [
    "LATE",
    "MAX_MESSAGE",
    "Absent",
    "Answer",
    "Begin",
    "Blocked",
    "CallSpec",
    "CancelSent",
    "Cancelled",
    "Confined",
    "Connection",
    "Done",
    "Dropped",
    "Fail",
    "Finished",
    "Go",
    "Gone",
    "How",
    "Item",
    "Load",
    "Loaded",
    "Method",
    "More",
    "Next",
    "Ok",
    "Order",
    "Play",
    "Raised",
    "Resume",
    "Returned",
    "Status",
    "Stopped",
    "Take",
    "WorldCall",
    "WorldCancelled",
    "awaits",
]

MAX_MESSAGE = 1 << 20
"""The longest message in bytes, either way."""

MAX_QUEUED = 1 << 16
"""Bytes that are kept for the next message."""

LATE = "no answer in time"
"""The text of a `Gone` that means patience ran out."""

How = Literal["plain", "timed", "constant", "reading", "silent"]
_HEAD = struct.Struct(">I")


class _FromWorker(msgspec.Struct, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


class _FromJudge(msgspec.Struct, array_like=True, tag=True, forbid_unknown_fields=True):
    pass


# ---- what the worker says


class Confined(_FromWorker):
    """How the worker is confined. It says so before it runs any of the submission, which could make it lie."""

    backend: str
    details: list[str]


class Loaded(_FromWorker):
    """The submission was imported; or `problem` says why it could not be."""

    problem: str | None


class Next(_FromWorker):
    """The actor is ready for its first step (-1: the set-up, -2: leaving what was entered). Not said where the answer has come along already."""

    actor: int
    t: float


class Begin(_FromWorker):
    """The call's time has come and it is made now; the answer is a `CallSpec`."""

    call: int
    t: float


class Absent(_FromWorker):
    """The submission does not have what the call names."""

    call: int
    t: float
    name: str


class Returned(_FromWorker):
    call: int
    t: float
    value: Any


class Raised(_FromWorker):
    """The call raised: the names of the exception's type and its bases, its text, and the submission's line."""

    call: int
    t: float
    types: list[str]
    message: str
    line: str | None


class Cancelled(_FromWorker):
    """The call ended by cancellation."""

    call: int
    t: float


class Dropped(_FromWorker):
    """A failure in the submission cancelled actors from outside of their calls; none of them goes on."""

    t: float


class CancelSent(_FromWorker):
    """The cancellation that the script asks for was delivered."""

    call: int
    t: float


class Item(_FromWorker):
    """The call's iterator gave an item; the answer is the consumer's pause, or `Done` to stop."""

    call: int
    t: float
    value: Any


class WorldCall(_FromWorker):
    """The submission calls into a world."""

    world: str
    method: str
    args: list[Any]
    kwargs: dict[str, Any]
    t: float
    known: bool = False
    """Whether the worker knows the answer (see `Method`) and goes on without it."""


class Resume(_FromWorker):
    """The time that a world call takes has passed."""

    effect: int
    t: float


class WorldCancelled(_FromWorker):
    """The task that was inside a world call was cancelled there."""

    effect: int
    t: float


class Blocked(_FromWorker):
    """Async code blocked the event loop with `time.sleep` for so many seconds."""

    t: float
    seconds: float
    line: str | None


class Stopped(msgspec.Struct, array_like=True):
    """Why a play could not go on; see `burnin.worker.simulation.report.Stop`."""

    kind: str
    waiting: list[tuple[str, str | None]]


class Finished(_FromWorker):
    """The play is over. `left` names tasks or threads that the submission left behind."""

    t: float
    stop: Stopped | None
    left: list[tuple[str, str | None]]
    problem: str | None
    dirty: bool


# ---- what the judge answers


class Load(_FromJudge):
    """The submission is there: import it. Until then a worker can be made ahead."""


class Method(msgspec.Struct, array_like=True):
    """What a worker needs to know of a method that a world offers (see `burnin.judge.world.call`)."""

    how: How
    table: list[tuple[Any, Any]] = []
    """Of a constant one: arguments with their answers."""
    takes: list[str] = []
    """Of a silent one: the types of its arguments."""


class Play(_FromJudge):
    """Play a script: how many actors there are and how they run. Everything else follows call by call."""

    mode: Mode
    backend: Backend
    seed: int | None
    tape: tuple[int, ...]
    gap: int
    drift: bool
    worlds: dict[str, dict[str, Method]]
    """The methods of each world."""
    actors: list[str]
    first: Go | Done | None = None
    """The answer to the `Next` of the set-up, which nothing can come before."""


class CallSpec(_FromJudge):
    """The call to make: see `burnin.script.Step`. `kind` is call, enter, leave or rest."""

    kind: str
    do: str
    on: str | None
    args: list[Any]
    kwargs: dict[str, Any]
    save: str | None
    read: tuple[str, ...]
    cancel_after: Pause | None
    cancel_at_await: int | None
    consume: Consume | None
    readings: list[tuple[str, str, Any]] = []
    """World, method and what it reads as long as this is the time."""


class Go(_FromJudge):
    """The next call of this actor: wait that long, then make it, or say `Begin` if it is not told yet."""

    call: int
    after: Pause
    spec: CallSpec | None
    """What to call, where nothing else can happen before."""


class More(_FromJudge):
    """Pause that long, then take the next item."""

    pause: Pause


class Ok(_FromJudge):
    """Heard."""


class Done(_FromJudge):
    """There is nothing more for this actor, or from this iterator."""

    then: Go | Done | None = None
    """The answer to the `Next` that follows, where nothing can come in between."""


class Take(_FromJudge):
    """The world call takes this long; then say `Resume`."""

    effect: int
    pause: Pause


class Answer(_FromJudge):
    """What the world call returns."""

    value: Any


class Fail(_FromJudge):
    """What the world call raises: a type by name, from the submission or the builtins, with one text argument."""

    error: str
    message: str


ToJudge = (
    Confined
    | Loaded
    | Next
    | Begin
    | Absent
    | Returned
    | Raised
    | Cancelled
    | CancelSent
    | Dropped
    | Item
    | WorldCall
    | Resume
    | WorldCancelled
    | Blocked
    | Finished
)
_TOLD = frozenset({CancelSent, Dropped, WorldCancelled, Blocked})


def awaits(message: Any) -> bool:
    """Whether the worker waits for an answer to this message of its own."""
    kind = type(message)
    return kind not in _TOLD and not (kind is WorldCall and message.known)


ToWorker = Load | Play | Go | CallSpec | More | Ok | Done | Take | Answer | Fail


class Order(msgspec.Struct, array_like=True):
    """What the judge asks of the template: fork a worker for this file (its socket comes along), or end the worker `end`."""

    submission: str = ""
    confined: bool = True
    end: int = 0


class Status(msgspec.Struct, array_like=True):
    """The pid of the new worker, or the wait status of the ended one."""

    pid: int
    status: int = 0


class Gone(Exception):
    """The other side closed the connection, or did not answer in time."""


class Connection:
    """One end of the protocol over a stream socket."""

    def __init__(self, sock: socket.socket, incoming: Any) -> None:
        self._sock = sock
        self._decode = msgspec.msgpack.Decoder(incoming).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._pending = b""
        self._queued = b""
        self._patience: float | None = None
        self.heard = 0
        """Bytes received so far."""

    def send(self, message: Any) -> None:
        """Send one message. Raises `Gone` if the other side has gone or does not read, `Hostile` if it is too long."""
        self.queue(message)
        self._flush()

    def queue(self, message: Any) -> None:
        """Send one message along with the next, or when there are many. Raises as `send` does."""
        data = self._encode(message)
        if len(data) > MAX_MESSAGE:
            raise Hostile(f"a message of {len(data)} bytes")
        self._queued += _HEAD.pack(len(data)) + data
        if len(self._queued) > MAX_QUEUED:
            self._flush()

    def _flush(self) -> None:
        data, self._queued = self._queued, b""
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise Gone(LATE if isinstance(error, BlockingIOError) else str(error)) from None

    def be_patient(self, seconds: float) -> None:
        """Let `send` and `receive` give up after so many real seconds of silence, or with a message that does not end.

        The kernel's own timeouts, because Python's would add a system call to each message.
        """
        self._patience = seconds
        patience = struct.pack("@ll", int(seconds), round(seconds % 1 * 1e6))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)

    def come(self) -> bool:
        """Whether something has come: a message, a part of one, or the end."""
        return bool(self._pending or select.select([self._sock], [], [], 0)[0])

    def receive(self) -> Any:
        """The next message.

        Raises `Gone` when the other side closes or the socket's timeout passes, and `Hostile` when the bytes are not a message.
        """
        data = self._pending = self._pending or self._read()
        if len(data) < _HEAD.size:
            data = self._more(data, _HEAD.size)
        (length,) = _HEAD.unpack_from(data)
        if length > MAX_MESSAGE:
            raise Hostile(f"a message of {length} bytes")
        end = _HEAD.size + length
        if len(data) < end:
            data = self._more(data, end)
        self._pending = data[end:]
        try:
            return self._decode(data[_HEAD.size : end])
        except (msgspec.DecodeError, ValueError, TypeError, RecursionError, OverflowError) as error:
            raise Hostile(f"a message that does not fit the protocol: {str(error)[:200]}") from None

    def _more(self, data: bytes, size: int) -> bytes:
        """Read on until there are so many bytes."""
        if self._patience is not None:  # in a worker there is none, and clocks are virtual
            deadline = time.monotonic() + 2 * self._patience
        while len(data) < size:
            if self._patience is not None and time.monotonic() > deadline:
                raise Gone(LATE)  # it sends a byte now and then
            data += self._read()
            self._pending = data
        return data

    def _read(self) -> bytes:
        """What has come, or comes next."""
        try:
            read = self._sock.recv(65_536)
        except OSError as error:
            raise Gone(LATE if isinstance(error, BlockingIOError) else str(error)) from None
        if not read:
            raise Gone("the connection was closed")
        self.heard += len(read)
        return read

    def close(self) -> None:
        self._sock.close()
