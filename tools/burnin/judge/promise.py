"""How a suite writes its properties.

    @promise(stage=1, points=5, level="core", rule="Budget", scripts=traffic())
    def test_budget(play, script):
        "The bytes in use never exceed the budget."
        history = play(script)
        require(history.worlds["host"].peak <= budget, "at most 24 bytes in use", at=...)

The docstring is the sentence that the candidate reads; `rule` is the bold name of the rule in the statement's stage. Without
`scripts` the property gets `play` alone and chooses its scripts itself; those that choose the same ones say so with `shares`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, get_args

from hypothesis.strategies import SearchStrategy

from burnin.history import Event
from burnin.judge.verdict import Broken
from burnin.script import Script

__all__ = ["Level", "Promise", "Tag", "broken", "promise", "promise_of", "require"]

Level = Literal["core", "senior"]
Tag = Literal["boundaries", "cancellation", "concurrency", "cost", "failure", "memory", "order", "policy"]
"""A kind of mistake; a property has one or two, so that a candidate learns which kinds come back."""


@dataclass(frozen=True)
class Promise:
    """What a property is worth and what it says."""

    id: str
    title: str
    stage: int
    points: int
    level: Level
    rule: str
    check: Callable[..., None]
    scripts: SearchStrategy[Script] | None
    scale: float
    tags: tuple[Tag, ...] = ()
    shares: str = ""


def promise(
    *,
    stage: int,
    points: int,
    level: Level,
    rule: str,
    scripts: SearchStrategy[Script] | None = None,
    scale: float = 1.0,
    tags: tuple[Tag, ...] = (),
    shares: str = "",
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test function as a property.

    `scale` multiplies the number of scripts that an effort plays, for a property whose mistakes are rarer (or whose plays are
    dearer) than others'. `tags` are the kinds of mistake that it finds. Properties that choose their scripts themselves, and choose
    the same objects, name what they have in common in `shares`: each of these scripts is then played once for all of them.

    Raises `ValueError` for a function without a docstring, for a level, points or tags that there are not, and for `shares` beside
    `scripts`.
    """

    if level not in get_args(Level) or points < 1:
        raise ValueError(
            f"level {level!r} with {points} points: a level is one of {get_args(Level)}, points are 1 or more"
        )

    if shares and scripts is not None:
        raise ValueError("properties with a strategy share its plays anyhow")
    for tag in tags:
        if tag not in get_args(Tag):
            raise ValueError(f"there is no tag {tag!r}: a tag is one of {get_args(Tag)}")

    def mark(check: Callable[..., None]) -> Callable[..., None]:
        title = " ".join((check.__doc__ or "").split())
        if not title:
            raise ValueError(f"{check.__name__} needs a docstring: the sentence that the candidate reads")
        made = Promise(
            check.__name__.removeprefix("test_"), title, stage, points, level, rule, check, scripts, scale, tags, shares
        )

        def test(judgement: Callable[[Promise], None]) -> None:
            judgement(made)

        test.__name__, test.__doc__, test.__module__ = check.__name__, check.__doc__, check.__module__
        test.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # pytest asks for it
            [inspect.Parameter("judgement", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        )
        test.__burnin_promise__ = made  # type: ignore[attr-defined]  # read by `promise_of`
        return test

    return mark


def promise_of(function: Any) -> Promise | None:
    """The promise that a test function was marked with, if it was."""
    found = getattr(function, "__burnin_promise__", None)
    return found if isinstance(found, Promise) else None


def require(condition: bool, expected: str, got: str = "", at: Event | float | int | None = None) -> None:
    """Unless the condition holds, the property is broken: say what was expected, what was seen, and when (virtual seconds)."""
    if not condition:
        broken(expected, got, at)


def broken(expected: str, got: str = "", at: Event | float | int | None = None) -> NoReturn:
    """The property is broken."""
    raise Broken(expected, got, at)
