"""The submission inside a worker: its module, the objects that a script saved, and the proxies of the judge's worlds."""

from __future__ import annotations

import builtins
import itertools
import os
import types
from collections.abc import Awaitable, Callable
from typing import Any

from burnin import plain, wire
from burnin.plain import Made, Saved, Token, WorldRef
from burnin.script import Pause
from burnin.worker.simulation.report import Control

__all__ = ["Missing", "Subject", "describe_error", "line_of"]

Ask = Callable[[Any], Any]


class Missing(Exception):
    """The submission has no such name."""


class Handle:
    """What a world issued, as the submission sees it: opaque, equal to itself alone.

    The hash is a counter, so that a set of handles iterates in the same order in every play.
    """

    __slots__ = ("_number", "_token")

    def __init__(self, number: int, token: str) -> None:
        self._number = number
        self._token = token

    def __hash__(self) -> int:
        return self._number

    def __repr__(self) -> str:
        return f"<handle {self._number}>"


class Subject:
    """What one play needs of the submission. `now` and `ask` come from the play's mode."""

    def __init__(
        self,
        module: types.ModuleType,
        worlds: dict[str, dict[str, wire.Method]],
        *,
        ask: Ask,
        now: Callable[[], float],
        wait: Callable[[Pause], None] | None = None,
        wait_async: Callable[[Pause], Awaitable[None]] | None = None,
    ) -> None:
        self._module = module
        self._objects: dict[str, Any] = {}
        self._handles: dict[str, Handle] = {}
        self._numbers = itertools.count(1)
        self._ask, self._now, self._wait, self._wait_async = ask, now, wait, wait_async
        self._worlds = {name: self._proxy(name, methods) for name, methods in worlds.items()}
        self._readings: dict[tuple[str, str], Any] = {}
        self._read_at = -1.0

    def target(self, spec: wire.CallSpec) -> tuple[Callable[..., Any], list[Any], dict[str, Any]]:
        """What the spec calls and with what. Raises `Missing` if the submission lacks a name."""
        if spec.on is None:
            function = self._attribute(self._module, spec.do, spec.do)
        else:
            function = self._attribute(
                self._objects[spec.on], spec.do, f"{type(self._objects[spec.on]).__name__}.{spec.do}"
            )
        self._note(spec)
        args = self._decode(spec.args) if spec.args else []
        return function, args, self._decode(spec.kwargs) if spec.kwargs else {}

    def saved(self, name: str) -> Any:
        """The object that an earlier step saved."""
        return self._objects[name]

    def result(self, value: Any, spec: wire.CallSpec) -> Any:
        """Keep the value if the step says so, and turn it into plain data."""
        if spec.save is not None:
            self._objects[spec.save] = value
        if spec.read:
            fields = {}
            for name in spec.read:
                try:
                    fields[name] = self.encode(getattr(value, name))
                except Exception as error:  # a property of the submission may raise anything
                    fields[name] = plain.opaque(f"{type(error).__name__} when read", {})
            return plain.opaque(plain.name_of(type(value)), fields)
        return self.encode(value)

    def encode(self, value: Any) -> Any:
        """Plain data for the judge; handles become their tokens."""
        return plain.encode(value, _token)

    def _attribute(self, owner: Any, name: str, label: str) -> Any:
        try:
            return getattr(owner, name)
        except AttributeError:
            raise Missing(label) from None

    def _decode(self, value: Any) -> Any:
        return plain.decode(value, self._resolve)

    def _resolve(self, tag: str, value: Any) -> Any:
        match value:
            case Saved():
                return self._objects[value.name]
            case WorldRef():
                return self._worlds[value.name]
            case Made():
                return self._attribute(self._module, value.cls, value.cls)(**value.kwargs)
            case Token():
                if value.token not in self._handles:
                    self._handles[value.token] = Handle(next(self._numbers), value.token)
                return self._handles[value.token]
        raise plain.Hostile(tag)

    # ---- worlds

    def _proxy(self, world: str, methods: dict[str, wire.Method]) -> Any:
        made = {}
        for name, method in methods.items():
            made[name] = self._made(world, name, method)
            made[name].__name__ = name
        return type(world.capitalize(), (), {"__slots__": (), **made})()

    def _made(self, world: str, name: str, method: wire.Method) -> Callable[..., Any]:
        match method.how:
            case "timed" if self._wait_async:
                return self._async_method(world, name)
            case "constant":
                return self._constant(world, name, method.table)
            case "reading":
                return self._reading(world, name)
            case "silent":
                return self._silent(world, name, method.takes)
        return self._method(world, name)

    def _method(self, world: str, name: str) -> Callable[..., Any]:
        def method(_proxy: Any, *args: Any, **kwargs: Any) -> Any:
            reply = self._call_world(world, name, args, kwargs)
            while isinstance(reply, wire.Take):
                assert self._wait is not None
                self._wait(reply.pause)
                reply = self._ask(wire.Resume(reply.effect, self._now()))
            return self._answer(reply)

        return method

    def _constant(self, world: str, name: str, table: list[tuple[Any, Any]]) -> Callable[..., Any]:
        """Its answers are remembered; the first question of a kind is told to the judge even where the answer is known."""
        ask = self._method(world, name)
        told = {(arg,): self._decode(answer) for arg, answer in table}
        known: dict[tuple[Any, ...], Any] = {}

        def method(_proxy: Any, *args: Any, **kwargs: Any) -> Any:
            if kwargs or not all(type(arg) in (str, int) for arg in args):
                return ask(_proxy, *args, **kwargs)
            if args not in known:
                if args in told:
                    self._tell(world, name, list(args))
                known[args] = told[args] if args in told else ask(_proxy, *args)
            return known[args]

        return method

    def _reading(self, world: str, name: str) -> Callable[..., Any]:
        """What it reads has come along with the call that is being made, if the clock has not moved since."""
        ask = self._method(world, name)

        def method(_proxy: Any, *args: Any, **kwargs: Any) -> Any:
            if args or kwargs or self._read_at != self._now():
                return ask(_proxy, *args, **kwargs)
            self._tell(world, name, [])
            return self._readings[world, name]

        return method

    def _silent(self, world: str, name: str, takes: list[str]) -> Callable[..., Any]:
        """Nothing is waited for where the arguments are of the right types."""
        ask = self._method(world, name)

        def method(_proxy: Any, *args: Any, **kwargs: Any) -> Any:
            plain_args = [plain.encode(arg, _token) for arg in args]
            if kwargs or [type(arg).__name__ for arg in plain_args] != takes:
                return ask(_proxy, *args, **kwargs)
            self._tell(world, name, plain_args)
            return None

        return method

    def _tell(self, world: str, name: str, plain_args: list[Any]) -> None:
        """Tell of a call whose answer is known."""
        reply = self._ask(wire.WorldCall(world, name, plain_args, {}, self._now(), True))
        if isinstance(reply, wire.Fail):  # the play is over
            self._answer(reply)

    def _note(self, spec: wire.CallSpec) -> None:
        """Keep what came along with a call."""
        if spec.readings:
            self._readings = {(world, method): self._decode(reading) for world, method, reading in spec.readings}
            self._read_at = self._now()

    def _async_method(self, world: str, name: str) -> Callable[..., Any]:
        async def method(_proxy: Any, *args: Any, **kwargs: Any) -> Any:
            reply = self._call_world(world, name, args, kwargs)
            while isinstance(reply, wire.Take):
                assert self._wait_async is not None
                try:
                    await self._wait_async(reply.pause)
                except BaseException:  # cancelled, or the coroutine was closed
                    self._ask(wire.WorldCancelled(reply.effect, self._now()))
                    raise
                reply = self._ask(wire.Resume(reply.effect, self._now()))
            return self._answer(reply)

        return method

    def _call_world(self, world: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        plain_args = [plain.encode(arg, _token) for arg in args]
        plain_kwargs = {key: plain.encode(arg, _token) for key, arg in kwargs.items()} if kwargs else kwargs
        return self._ask(wire.WorldCall(world, name, plain_args, plain_kwargs, self._now()))

    def _answer(self, reply: Any) -> Any:
        if isinstance(reply, wire.Fail):
            kind = getattr(self._module, reply.error, None) or getattr(builtins, reply.error, None)
            if isinstance(kind, type) and issubclass(kind, Exception):
                raise kind(reply.message)
            raise RuntimeError(f"{reply.error}: {reply.message}")
        return self._decode(reply.value)


def _token(value: Any) -> Any:
    return {"$token": value._token} if type(value) is Handle else None


def describe_error(error: BaseException, source: str) -> tuple[list[str], str, str | None]:
    """Type names (the exception's own first, then its bases), text, and the submission's innermost line."""
    names = [plain.name_of(kind) for kind in type.mro(type(error)) if kind is not object][:10]
    cause = _leaf(error)
    text = _text(error) if cause is error else f"{_text(error)}: {plain.name_of(type(cause))}: {_text(cause)}"
    line = line_of(cause.__traceback__, source) or line_of(error.__traceback__, source)
    return names, text[:500].encode(errors="replace").decode(), line


def _leaf(error: BaseException) -> BaseException:
    """The first error within a group, since the group's own text says only how many there are."""
    while issubclass(type(error), BaseExceptionGroup):
        error = BaseExceptionGroup.exceptions.__get__(error)[0]
    return error


def _text(error: BaseException) -> str:
    try:
        return str.__str__(str(error))
    except Control:
        raise
    except BaseException:  # the text of an exception of the submission's is made by its own code
        return ""


def line_of(traceback: types.TracebackType | None, source: str) -> str | None:
    """`file:line function` of the submission's innermost frame in a traceback."""
    line = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == source:
            line = f"{os.path.basename(source)}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next
    return line
