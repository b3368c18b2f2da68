"""Plain data: what crosses between judge and worker.

On the wire a value is None, bool, int, float, str, bytes, a list or a string-keyed map. Everything else is a map with one
key that begins with `$`. The worker turns objects into plain data by their exact type, so an object that pretends to be an
int or to equal everything arrives as an `Opaque` that is equal to nothing else. The judge checks every value that comes
from a worker with `decode`, which builds nothing but the types named here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

__all__ = [
    "Hostile",
    "Made",
    "Opaque",
    "Saved",
    "Token",
    "WorldRef",
    "decode",
    "encode",
    "json_ready",
    "name_of",
    "opaque",
]

MAX_DEPTH = 20
MAX_NODES = 50_000
MAX_TEXT = 100_000
MAX_INT_BITS = 2_048
MAX_NAME = 200
MAX_SHAPES = 1_000
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

name_of: Callable[[type], str] = type.__dict__["__name__"].__get__
"""The name of a class, whatever its metaclass says."""


class Hostile(Exception):
    """A worker sent something that no worker of ours sends."""


class Saved(msgspec.Struct, frozen=True):
    """An argument: the object that an earlier step of the script saved under this name."""

    name: str


class WorldRef(msgspec.Struct, frozen=True):
    """An argument: the world of this name."""

    name: str


class Made(msgspec.Struct, frozen=True):
    """An argument: an object made by calling a class of the submission with these keyword arguments."""

    cls: str
    kwargs: dict[str, Any]


class Token(msgspec.Struct, frozen=True):
    """A handle of a world on the wire; the judge alone knows which tokens exist."""

    token: str


class Opaque(msgspec.Struct, frozen=True, eq=False):
    """An object of the submission of which only the type's name and, where asked for, some fields are known.

    It equals nothing but itself, so a comparison with an expected value can only say no.
    """

    type: str
    fields: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{self.type} was not read for {name!r}") from None


def encode(value: Any, custom: Callable[[Any], Any] = lambda value: None) -> Any:
    """Turn a value into plain data by its exact type.

    `custom(value)` may return the wire form of an object of its own; None leaves it to the rules: dataclass instances
    show their fields, everything else its type's name. What is too deep, too large or no text is known by its type alone.
    """
    kind = type(value)
    if (
        value is None
        or kind is bool
        or kind is float
        or (kind is int and _SMALLEST <= value <= _LARGEST)
        or (kind is str and value.isascii() and len(value) <= MAX_TEXT)
    ):
        return value  # as most are, and every message has some
    return _Encoder(custom).value(value, 0)


class _Encoder:
    """One value; counts, so that what comes out is what `decode` accepts, whatever goes in."""

    def __init__(self, custom: Callable[[Any], Any]) -> None:
        self._custom = custom
        self._nodes = 1
        self._text = 0

    def value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is float:
            return value
        if kind is int:
            if _SMALLEST <= value <= _LARGEST:
                return value
            return {"$int": hex(value)} if value.bit_length() <= MAX_INT_BITS else self._unknown("int")
        if kind is str or kind is bytes:
            self._text += len(value)
            if self._text > MAX_TEXT:
                return self._unknown(f"long {kind.__name__}")
            return value if kind is bytes or _is_text(value) else self._unknown("str with surrogates")
        if depth > MAX_DEPTH - 4:  # its items may be two deeper, and what is around it is ours
            return self._unknown("deeply nested value")
        if kind is list or kind is tuple:
            if not self._room(len(value)):
                return self._unknown(f"large {kind.__name__}")
            return [self.value(item, depth + 1) for item in value]
        if kind is dict:
            if not self._room(2 * len(value)):
                return self._unknown("large dict")
            if all(map(_is_key, value)):
                self._text += sum(map(len, value))
                return {key: self.value(item, depth + 1) for key, item in value.items()}
            return {"$pairs": [[self.value(k, depth + 2), self.value(v, depth + 2)] for k, v in value.items()]}
        return self._object(kind, value, depth)

    def _object(self, kind: type, value: Any, depth: int) -> Any:
        if kind is Saved:
            return {"$saved": value.name}
        if kind is WorldRef:
            return {"$world": value.name}
        if kind is Made:
            return {"$made": value.cls, "kwargs": self.value(value.kwargs, depth + 1)}
        if kind is Token:
            return {"$token": value.token}
        wire = self._custom(value)
        if wire is not None:
            return wire
        name, names = _shape(kind)
        fields = {}
        if names and self._room(len(names)):
            fields = {name: self.value(getattr(value, name, None), depth + 2) for name in names}
        return {"$object": name, "fields": fields} if fields else {"$object": name}

    def _unknown(self, name: str) -> dict[str, Any]:
        self._nodes += 2  # its name takes more bytes than most values
        return {"$object": name}

    def _room(self, nodes: int) -> bool:
        if self._nodes + nodes > MAX_NODES:
            return False
        self._nodes += nodes
        return True


_shapes: dict[int, tuple[type, str, tuple[str, ...]]] = {}


def _shape(kind: type) -> tuple[str, tuple[str, ...]]:
    """The name of a class on the wire, and its fields if it is a dataclass; remembered by identity, because a metaclass may lie about equality."""
    known = _shapes.get(id(kind))
    if known is None:
        names: tuple[str, ...] = ()
        if dataclasses.is_dataclass(kind):
            names = tuple(field.name for field in dataclasses.fields(kind) if _is_key(field.name))
        if len(_shapes) >= MAX_SHAPES:
            _shapes.clear()
        known = _shapes[id(kind)] = (kind, _wire_name(name_of(kind)), names)  # it keeps the class, and so its identity
    return known[1], known[2]


def _is_text(value: str) -> bool:
    """Whether UTF-8 can hold it: lone surrogates are no text."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_key(key: Any) -> bool:
    return type(key) is str and not key.startswith("$") and len(key) <= MAX_TEXT and _is_text(key)


def json_ready(value: Any, custom: Callable[[Any], Any] = lambda value: None) -> Any:
    """`encode`, in a form that JSON can hold and `decode` reads: bytes and the floats that JSON lacks are tagged too."""
    return _json_ready(encode(value, custom))


def _json_ready(wire: Any) -> Any:
    if type(wire) is bytes:
        return {"$bytes": wire.hex()}
    if type(wire) is float and not math.isfinite(wire):
        return {"$float": str(wire)}
    if type(wire) is list:
        return [_json_ready(item) for item in wire]
    if type(wire) is dict:
        return {key: _json_ready(item) for key, item in wire.items()}
    return wire


def opaque(type_name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The wire form of an object that is known by its type's name and these (plain) fields."""
    name = _wire_name(type_name)
    return {"$object": name, "fields": dict(fields)} if fields else {"$object": name}


def _wire_name(type_name: str) -> str:
    return str(type_name)[:MAX_NAME].encode(errors="replace").decode()


def decode(wire: Any, resolve: Callable[[str, Any], Any] | None = None) -> Any:
    """Check a plain value from the other side and build it.

    `resolve(tag, wire)` may build `$saved`, `$world`, `$made` and `$token`; without it they become `Saved`, `WorldRef`,
    `Made` and `Token`. Raises `Hostile` for anything that `encode` does not produce.
    """
    kind = type(wire)
    if wire is None or kind in _SIMPLE or (kind is int and _SMALLEST <= wire <= _LARGEST):
        return wire
    return _Decoder(resolve).value(wire, 0)


_SIMPLE = frozenset({bool, float, str, bytes})


class _Decoder:
    def __init__(self, resolve: Callable[[str, Any], Any] | None) -> None:
        self._resolve = resolve
        self._nodes = 0

    def value(self, wire: Any, depth: int) -> Any:
        kind = type(wire)
        if wire is None or kind in _SIMPLE:
            return wire
        if kind is int:
            if _SMALLEST <= wire <= _LARGEST:
                return wire
            raise Hostile("a number that is too large")
        if kind is list:
            self._count(len(wire), depth)
            # Most items are simple, and a call for each is what decoding costs.
            return [item if type(item) in _SIMPLE else self.value(item, depth + 1) for item in wire]
        if kind is not dict:
            raise Hostile(f"a value of type {kind.__name__}")
        tag = None
        for key in wire:
            if type(key) is not str:
                raise Hostile("a map with a key that is not a string")
            if tag is None and key.startswith("$"):
                tag = key
        self._count(len(wire) if tag is None else 0, depth)
        if tag is None:
            return {key: item if type(item) in _SIMPLE else self.value(item, depth + 1) for key, item in wire.items()}
        return self._tagged(tag, wire, depth)

    def _count(self, items: int, depth: int) -> None:
        """Account for a container at this depth and for its items."""
        self._nodes += items
        if depth + (items > 0) > MAX_DEPTH or self._nodes > MAX_NODES:
            raise Hostile("a value is nested too deeply or too large")

    def _tagged(self, tag: str, wire: dict[str, Any], depth: int) -> Any:
        body = wire[tag]
        if tag == "$pairs":
            if len(wire) != 1 or type(body) is not list or not all(type(p) is list and len(p) == 2 for p in body):
                raise Hostile("a malformed map")
            self._count(2 * len(body), depth)
            return Opaque("dict", {"pairs": [[self.value(k, depth + 2), self.value(v, depth + 2)] for k, v in body]})
        if type(body) is not str:
            raise Hostile(f"a malformed {tag[:40]}")
        if tag == "$object":
            return Opaque(body[:MAX_NAME], self._fields(wire, depth))
        if tag == "$made":
            made = Made(body, self._kwargs(wire, depth))
            return made if self._resolve is None else self._resolve(tag, made)
        if len(wire) != 1:
            raise Hostile(f"a malformed {tag[:40]}")
        if tag in _SCALARS:
            return _scalar(tag, body)
        if tag not in _NAMES:
            raise Hostile(f"an unknown tag {tag[:40]!r}")
        name = _NAMES[tag](body)
        return name if self._resolve is None else self._resolve(tag, name)

    def _fields(self, wire: dict[str, Any], depth: int) -> dict[str, Any]:
        fields = wire.get("fields", {})
        named = type(fields) is dict and all(type(name) is str for name in fields)
        if not named or set(wire) - {"$object", "fields"}:
            raise Hostile("a malformed object")
        self._count(len(fields), depth)
        return {name: self.value(item, depth + 1) for name, item in fields.items()}

    def _kwargs(self, wire: dict[str, Any], depth: int) -> dict[str, Any]:
        kwargs = self.value(wire.get("kwargs", {}), depth + 1)
        if set(wire) - {"$made", "kwargs"} or type(kwargs) is not dict:
            raise Hostile("a malformed $made")
        return kwargs


_NAMES: dict[str, type[Any]] = {"$saved": Saved, "$world": WorldRef, "$token": Token}
_SCALARS = ("$int", "$bytes", "$float")


def _scalar(tag: str, body: str) -> Any:
    """A value that the wire or JSON cannot hold by itself; one spelling of each is accepted, that of `encode` or `json_ready`."""
    try:
        if tag == "$int" and len(body) <= MAX_INT_BITS:
            number = int(body, 16)
            small = _SMALLEST <= number <= _LARGEST  # and would have come as it is
            if hex(number) == body and not small and number.bit_length() <= MAX_INT_BITS:
                return number
        elif tag == "$bytes":
            data = bytes.fromhex(body)
            if data.hex() == body:
                return data
        elif tag == "$float" and body in ("nan", "inf", "-inf"):
            return float(body)
    except ValueError:
        pass
    raise Hostile(f"a malformed {tag}")
