"""A script says what happens to a submission: plain data, so that it can be generated, shrunk, sent and replayed.

A script has worlds (what the submission is given to talk to), a set-up, and actors. An actor makes one call after the
other; actors run side by side. How they run is the script's `mode`:

- `calls`: one actor, plain calls, one after the other;
- `tasks`: each actor is an async task, on asyncio or trio, under a seeded or taped interleaving;
- `threads`: each actor is a thread, under a seeded or taped interleaving.

Times are virtual seconds. A `Pause` is `(seconds, ticks)`: `ticks` are extra turns of the scheduler after the seconds
have passed, the jitter with which races are explored; shrinking takes them to zero.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import msgspec

from burnin.plain import Made, Saved, WorldRef, decode, encode, json_ready

__all__ = [
    "Backend",
    "Cancel",
    "Consume",
    "Made",
    "Mode",
    "Pause",
    "Saved",
    "Script",
    "Step",
    "WorldRef",
    "WorldSpec",
    "script_from_data",
    "script_to_data",
]

Mode = Literal["calls", "tasks", "threads"]
Backend = Literal["asyncio", "trio"]
Pause = tuple[float, int]


class Cancel(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a call is cancelled: some time after it began, or right after its k-th await (the first is 1)."""

    after: Pause | None = None
    at_await: int | None = None


class Consume(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a call's result is iterated: the consumer's pause before each next item; it stops after `limit` items."""

    pauses: tuple[Pause, ...] = ()
    limit: int | None = None


class Step(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):  # a dict for what is cached
    """One call by an actor.

    `do` names a class or function of the submission, or, with `on`, a method of an object that an earlier step saved.
    An empty `do` calls nothing: the actor only rests for `after`.

    `enter` enters the object named by `on` as a (async) context manager; it is left, in reverse order, when all actors
    are done. Only a set-up enters.
    """

    do: str = ""
    on: str | None = None
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    after: Pause = (0.0, 0)
    """How long after the end of the actor's previous step, or after the start, this one begins."""
    save: str | None = None
    """The name under which the result is kept for later steps."""
    read: tuple[str, ...] = ()
    """Attributes of the result that the history shows as its fields."""
    cancel: Cancel | None = None
    consume: Consume | None = None
    enter: bool = False

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The names of what it builds on: what earlier steps saved."""
        names = [self.on] if self.on is not None else []
        stack: list[Any] = [self.args, self.kwargs]
        while stack:
            match stack.pop():
                case Saved(name):
                    names.append(name)
                case Made(_, kwargs):
                    stack.append(kwargs)
                case dict() as mapping:
                    stack.extend(mapping.values())
                case list() | tuple() as items:
                    stack.extend(items)
        return tuple(names)

    @cached_property
    def plain_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """`args` and `kwargs` as they cross to the worker; a script is played for many submissions."""
        return [encode(arg) for arg in self.args], {name: encode(arg) for name, arg in self.kwargs.items()}


class WorldSpec(msgspec.Struct, frozen=True):
    """A world by the name of its class, and the plain data that it is made from."""

    cls: str
    kwargs: dict[str, Any]


class Script(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happens to a submission in one play."""

    setup: tuple[Step, ...]
    actors: dict[str, tuple[Step, ...]]
    finale: tuple[Step, ...] = ()
    """Calls made one after the other when all actors are done, before anything that was entered is left."""
    worlds: dict[str, WorldSpec] = {}
    drivers: dict[str, WorldSpec] = {}
    """Actors whose next step depends on what the last one returned: a world whose `drive` makes the steps (see `burnin.judge.world`)."""
    mode: Mode = "calls"
    backend: Backend = "asyncio"
    seed: int | None = None
    """Seeds the interleaving; None is the stock order."""
    tape: tuple[int, ...] = ()
    """The first decisions of the interleaving, before the seed's."""
    errors: tuple[str, ...] = ()
    """The exception types that the statement allows a call to raise."""
    gap: int = 32
    """Threads: the most scheduling points between two preemptions."""
    drift: bool = False
    """Threads: whether the clock may pass while a thread is preempted."""


def script_to_data(script: Script) -> Any:
    """The script as JSON-ready data."""
    return msgspec.to_builtins(_with_arguments(script, json_ready))


def script_from_data(data: Any) -> Script:
    """The script again (its tuples of plain data have become lists). Raises `msgspec.ValidationError` for data that is no script."""
    return _with_arguments(msgspec.convert(data, Script, strict=False), decode)


def _with_arguments(script: Script, change: Callable[[Any], Any]) -> Script:
    """The script with every plain value in it changed."""

    def changed(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(
            msgspec.structs.replace(step, args=tuple(map(change, step.args)), kwargs=change(step.kwargs))
            for step in steps
        )

    return msgspec.structs.replace(
        script,
        setup=changed(script.setup),
        actors={name: changed(steps) for name, steps in script.actors.items()},
        finale=changed(script.finale),
        worlds={name: WorldSpec(world.cls, change(world.kwargs)) for name, world in script.worlds.items()},
        drivers={name: WorldSpec(driver.cls, change(driver.kwargs)) for name, driver in script.drivers.items()},
    )
