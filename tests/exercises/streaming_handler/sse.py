"""A strict reading of the event stream format, written from the HTML standard, section "Server-sent events" (9.2.5 and 9.2.6).

    stream        = [ bom ] *event
    event         = *( comment / field ) end-of-line
    comment       = colon *any-char end-of-line
    field         = 1*name-char [ colon [ space ] *any-char ] end-of-line
    end-of-line   = ( cr lf / cr / lf )

A browser passes over what it does not know. Here it is an error, because nobody sends it on purpose: bytes that are no UTF-8,
a field other than `event`, `id` and `data`, and a block of fields without data, which dispatches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Event", "EventStream", "Malformed"]

BOM = b"\xef\xbb\xbf"
FIELDS = ("event", "id", "data")


class Malformed(Exception):
    """The bytes are no event stream; the text says why."""


@dataclass(frozen=True)
class Event:
    """One event as it is dispatched. `id` is None if the event itself has no such field."""

    type: str
    data: str
    id: str | None


class EventStream:
    """Reads an event stream that comes in pieces."""

    def __init__(self) -> None:
        self._began = False
        self._line = b""
        self._after_cr = False
        self._clear()

    def feed(self, piece: bytes) -> list[Event]:
        """The events that end in this piece. Raises `Malformed`."""
        if not self._began and piece:
            self._began = True
            piece = piece.removeprefix(BOM)  # the standard takes one away; any other is part of the first line
        found = []
        for byte in (piece[at : at + 1] for at in range(len(piece))):
            lf_of_crlf = byte == b"\n" and self._after_cr
            self._after_cr = byte == b"\r"
            if lf_of_crlf:
                continue
            if byte not in (b"\r", b"\n"):
                self._line += byte
                continue
            line, self._line = self._line, b""
            event = self._end_of_line(line)
            if event is not None:
                found.append(event)
        return found

    @property
    def between_events(self) -> bool:
        """Whether nothing has begun: no line and no field."""
        return not self._line and not self._seen

    def _clear(self) -> None:
        self._type, self._data = "", ""
        self._id: str | None = None
        self._seen: set[str] = set()

    def _end_of_line(self, line: bytes) -> Event | None:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed(f"a line that is no UTF-8: {line!r}") from None
        if not text:
            return self._dispatch()
        if not text.startswith(":"):
            name, _, value = text.partition(":")
            self._field(name, value.removeprefix(" "))
        return None

    def _field(self, name: str, value: str) -> None:
        if name not in FIELDS:
            raise Malformed(f"an unknown field {name!r}")
        self._seen.add(name)
        match name:
            case "event":
                self._type = value
            case "data":
                self._data += value + "\n"
            case _:
                if "\0" in value:
                    raise Malformed("an id with a NUL, which a reader ignores")
                self._id = value

    def _dispatch(self) -> Event | None:
        if not self._seen:
            return None  # a blank line more, or after a comment
        if not self._data:
            raise Malformed("an event without data, which no reader dispatches")
        event = Event(self._type or "message", self._data.removesuffix("\n"), self._id)
        self._clear()
        return event
