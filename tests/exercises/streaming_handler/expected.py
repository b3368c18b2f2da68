"""The answer as the statement defines it, worked out from all its bytes at once and by trying everything: no decoder, no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Told:
    """What the client must be told: a piece of the answer that ends at character `id`, or the end."""

    kind: str  # text, done, error
    text: str = ""
    id: int | None = None
    reason: str = ""
    tokens: int = 0

    def __str__(self) -> str:
        return (
            f"text {self.text!r} with id {self.id}"
            if self.kind == "text"
            else f"{self.kind} {self.reason!r}, {self.tokens} tokens"
        )


def characters(data: bytes, *, complete: bool) -> str:
    """The characters that are complete; of a complete answer, what is left of the last one as U+FFFD."""
    for cut in range(4):
        try:
            text = data[: len(data) - cut].decode()
        except UnicodeDecodeError:
            continue
        return text + "\ufffd" if cut and complete else text
    raise ValueError(f"{data!r} is cut in more than its last character")


def stop_at(text: str, stop: Sequence[str]) -> int | None:
    """Where the first stop string begins, if there is one."""
    starts = [at for at in range(len(text)) if any(text.startswith(string, at) for string in stop)]
    return starts[0] if starts else None


def certain(text: str, stop: Sequence[str]) -> int:
    """How many characters no later chunk can take back."""
    for at in range(len(text)):
        if any(string.startswith(text[at:]) for string in stop):
            return at
    return len(text)


class Answer:
    """What each chunk releases, given the chunks so far. `over` tells whether a stop string has ended the answer."""

    def __init__(self, stop: Sequence[str], skip: int = 0) -> None:
        self._stop, self._skip = stop, skip
        self._data = b""
        self._given = 0
        self.tokens = 0
        self.over = False

    def chunk(self, data: bytes, tokens: int) -> list[Told]:
        """What `next` releases by returning this chunk."""
        self._data += data
        self.tokens += tokens
        text = characters(self._data, complete=False)
        cut = stop_at(text, self._stop)
        if cut is None:
            return self._give(text, certain(text, self._stop))
        return [*self._give(text, cut), self._end("done", "stop")]

    def complete(self) -> list[Told]:
        """What `next` releases by returning None."""
        text = characters(self._data, complete=True)
        return [*self._give(text, len(text)), self._end("done", "end")]

    def failed(self, why: str) -> list[Told]:
        """What follows when `next` fails."""
        return [self._end("error", why)]

    def _give(self, text: str, upto: int) -> list[Told]:
        new = text[max(self._given, self._skip) : upto]
        self._given = max(self._given, upto)
        return [Told("text", new, upto)] if new else []

    def _end(self, kind: str, reason: str) -> Told:
        self.over = True
        return Told(kind, reason=reason, tokens=self.tokens)


def whole(chunks: Sequence[bytes], stop: Sequence[str]) -> str:
    """The whole answer."""
    text = characters(b"".join(chunks), complete=True)
    return text[: stop_at(text, stop)]
