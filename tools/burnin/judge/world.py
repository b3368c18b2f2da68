"""Worlds: what a submission is given to talk to. A world lives with the judge; the submission sees a proxy of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, overload

from burnin.history import Call
from burnin.script import Pause, Step, WorldSpec
from burnin.wire import How, Method

__all__ = ["Cancelled", "Fails", "Handle", "World", "call"]

Function = TypeVar("Function", bound=Callable[..., Any])


class Cancelled(BaseException):
    """Thrown into a world's method at its `yield` when the caller's task was cancelled there."""


class Fails(Exception):
    """Raised by a world's method to make the submission's call raise.

    `Fails("LoadFailed", "out of memory")` raises the submission's `LoadFailed`, or the builtin of that name.
    """

    def __init__(self, error: str, message: str = "") -> None:
        super().__init__(error, message)
        self.error, self.message = error, message


class Handle:
    """Something that a world issued. It compares by identity; `about` is whatever the world knows of it."""

    def __init__(self, number: int, about: Any) -> None:
        self.number = number
        self.about = about

    def __repr__(self) -> str:
        return f"<handle {self.number}: {self.about}>"


@overload
def call(function: Function) -> Function: ...
@overload
def call(
    *, shown: bool = ..., constant: bool | str = ..., reading: bool = ..., silent: bool = ...
) -> Callable[[Function], Function]: ...
def call(
    function: Function | None = None,
    *,
    shown: bool = True,
    constant: bool | str = False,
    reading: bool = False,
    silent: bool = False,
) -> Any:
    """Mark a method of a world as one that the submission may call.

    A plain method answers at once. A generator takes virtual time: each `yield` of a `Pause`, or of plain seconds, is time that
    passes; what it returns is the answer. In `tasks`, a generator is a coroutine function to the submission. A method that is
    not `shown` (it only answers a question) is left out of stories.

    What is known of an answer saves the worker a wait; the call is recorded all the same:

    - a `constant` method answers the same question the same way throughout a play, so the worker may remember the answer; it is not
      shown. `constant="sizes"` names the world's mapping from the argument to the answer, of which the worker is told at the beginning;
    - a `reading` has no arguments, changes nothing and depends on nothing but the time;
    - a `silent` method answers None and raises nothing where its arguments have the types of its signature: str, bytes and int.

    Raises `TypeError` for a silent method of other types.
    """

    def mark(function: Function) -> Function:
        timed = inspect.isgeneratorfunction(function)
        how: How = (
            "timed" if timed else "constant" if constant else "reading" if reading else "silent" if silent else "plain"
        )
        takes = _takes(function) if silent else []
        mapping = constant if isinstance(constant, str) else None
        function.__burnin_call__ = _Mark(how, shown and not constant, mapping, takes)  # type: ignore[attr-defined]  # a mark on a plain function
        return function

    return mark if function is None else mark(function)


@dataclass(frozen=True)
class _Mark:
    how: How
    shown: bool
    mapping: str | None
    takes: list[str]


def _takes(method: Callable[..., Any]) -> list[str]:
    """The types of a silent method's arguments, as the annotations name them."""
    _, *parameters = inspect.signature(method).parameters.values()
    names = [getattr(parameter.annotation, "__name__", str(parameter.annotation)) for parameter in parameters]
    if not set(names) <= {"str", "bytes", "int"}:
        raise TypeError(f"{method.__name__} cannot be silent: it takes {', '.join(names)}")
    return names


class World:
    """The base of a suite's worlds. Made anew for each play, from the plain data in the script."""

    known: ClassVar[dict[str, type[World]]] = {}
    methods: ClassVar[dict[str, How]] = {}
    """The methods that the submission may call, and how each answers (see `call`)."""

    unshown: ClassVar[frozenset[str]] = frozenset()
    """Those of them that stories leave out."""

    _marks: ClassVar[dict[str, _Mark]] = {}

    now: float = 0.0
    """Virtual seconds; set before each call."""
    seq: int = 0
    """The number of the history's event that the call is; set before each call."""

    def __init_subclass__(cls) -> None:
        World.known[cls.__name__] = cls
        cls._marks = {
            name: member.__burnin_call__
            for name, member in inspect.getmembers(cls, inspect.isfunction)
            if hasattr(member, "__burnin_call__")
        }
        cls.methods = {name: mark.how for name, mark in cls._marks.items()}
        cls.unshown = frozenset(name for name, mark in cls._marks.items() if not mark.shown)

    def offers(self) -> dict[str, Method]:
        """What a worker is told of the methods."""
        return {
            name: Method(
                mark.how, [] if mark.mapping is None else list(getattr(self, mark.mapping).items()), mark.takes
            )
            for name, mark in self._marks.items()
        }

    @classmethod
    def takes(cls, name: str) -> list[str]:
        """The types of a silent method's arguments."""
        return cls._marks[name].takes

    def readings(self, now: float) -> list[tuple[str, Any]]:
        """What its readings are at this virtual time, by method."""
        names = [name for name, mark in self._marks.items() if mark.how == "reading"]
        if names:
            self.now = now
        return [(name, getattr(self, name)()) for name in names]

    @classmethod
    def of(cls, **kwargs: Any) -> WorldSpec:
        """How a script names this world: its class, and what it is made from (plain data)."""
        return WorldSpec(cls.__name__, kwargs)

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        """The world in a few words, for the first line of a story. By default, what it is made from."""
        return ", ".join(f"{key} {value}" for key, value in kwargs.items())

    @classmethod
    def nicknames(cls, **kwargs: Any) -> dict[str, str]:
        """Long strings, such as digests, with the short names by which stories and timelines call them. By default, none."""
        return {}

    def drive(self) -> Generator[Step, Call, None]:
        """Make an actor's steps one by one: each `yield` gives a step and gets the call that came of it.

        Only for a world that a script names in `drivers`; what it needs to know at the end of the play it keeps on itself.
        """
        raise NotImplementedError(f"{type(self).__name__} drives no actor")

    def issue(self, about: Any) -> Handle:
        """A new handle, which the submission cannot make up. When it comes back, the method gets this same object."""
        self._issued = getattr(self, "_issued", 0) + 1
        return Handle(self._issued, about)


def as_pause(taken: Any) -> Pause:
    """What a world's method yielded, as a pause."""
    return (float(taken[0]), int(taken[1])) if isinstance(taken, (tuple, list)) else (float(taken), 0)
