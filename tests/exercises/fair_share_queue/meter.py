"""Counts the steps that the interpreter takes in a submission."""

from __future__ import annotations

from collections.abc import Callable

from burnin.script import Script
from burnin.suite import Broken, History, Play, require

from .scripts import METER, METERED

MOST_TICKS = 150


def check_growth(
    play: Play, script: Callable[[int, int], Script], few: int, what: str, sound: Callable[[History], None]
) -> None:
    """Some calls with four times as many take at most twice the steps. `script(size, ticks)`; `sound` checks that the calls did something."""
    ticks, _ = _ticks(play, script(few, MOST_TICKS), MOST_TICKS, sound)
    bound = 2 * ticks
    _, over = _ticks(play, script(4 * few, bound), bound, sound)
    steps = bound * METERED
    require(
        over,
        f"the calls with {4 * few} {what} to take at most {steps} steps, twice those with {few}",
        f"more than {steps}",
    )


def _ticks(play: Play, script: Script, most: int, sound: Callable[[History], None]) -> tuple[int, bool]:
    """How often the meter ticked before the calls were over, or before its own end, and whether they were over by then."""
    try:
        history = play(script)
    except Broken as broken:
        if "livelock" in broken.got:  # more steps than a play may take
            return most, False
        raise
    sound(history)
    over = max(call.ended_seq for call in history.calls)
    ticked = sum(event.kind == "return" and event.actor == METER and event.seq < over for event in history.events)
    return ticked, ticked < most
