"""The handles of one play: the judge's objects on this side, unguessable tokens on the wire."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from burnin import plain
from burnin.judge.world import Handle
from burnin.plain import Hostile, Opaque, Token

__all__ = ["Forged", "Handles"]

_KEY = secrets.token_bytes(32)


class Forged(Hostile):
    """A token came back that this play never sent."""


class Handles:
    """Turns values into plain data and back, with the handles that the worlds of this play have issued."""

    def __init__(self) -> None:
        self._handles: dict[str, Handle] = {}
        self._tokens: dict[int, str] = {}

    def encode(self, value: Any) -> Any:
        """The wire form of a value of ours."""
        return plain.encode(value, self._token)

    def argument(self, wire: Any) -> Any:
        """A value that the submission gave to a world. Raises `Forged` for a handle that was not issued, `Hostile` for no plain data."""
        return plain.decode(wire, self._issued)

    def result(self, wire: Any) -> Any:
        """A value that a call returned or an iterator gave. Raises `Hostile` for no plain data, and for a handle that no play issued.

        A handle of an earlier play is nothing but an object here: a submission that keeps handles in a global comes back with them.
        """
        return plain.decode(wire, self._issued_or_stale)

    def _token(self, value: Any) -> Any:
        if not isinstance(value, Handle):
            return None
        if id(value) not in self._tokens:
            nonce = secrets.token_hex(16)
            token = nonce + _signature(nonce)
            self._tokens[id(value)] = token
            self._handles[token] = value
        return {"$token": self._tokens[id(value)]}

    def _issued(self, tag: str, value: Any) -> Any:
        if not isinstance(value, Token):
            raise Hostile(f"a {tag} from the worker")
        if value.token not in self._handles:
            raise Forged("this handle was never issued")
        return self._handles[value.token]

    def _issued_or_stale(self, tag: str, value: Any) -> Any:
        try:
            return self._issued(tag, value)
        except Forged:
            nonce, signature = value.token[:32], value.token[32:]
            if not secrets.compare_digest(_signature(nonce).encode(), signature.encode()):
                raise
            return Opaque("handle of another play")


def _signature(nonce: str) -> str:
    """Tells a token that this process made, in whichever play, from one that it did not."""
    return hashlib.blake2b(nonce.encode(), key=_KEY, digest_size=16).hexdigest()
