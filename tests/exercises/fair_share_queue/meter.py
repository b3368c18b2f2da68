"""Counts the steps that the interpreter takes in a submission."""

from __future__ import annotations

from collections.abc import Callable

from burnin.script import Script
from burnin.suite import Broken, History, Play, broken, require

from .scripts import METER, METERED


def check_growth(
    play: Play, script: Callable[[int], Script], few: int, what: str, sound: Callable[[History], None]
) -> None:
    """Some calls with four times as many take at most twice the steps. `sound` checks that the calls did something.

    The set-up is not measured, but counts among the steps that a play may take. Where it takes too many, half as many tell as much.
    """
    for size in (few, few // 2, few // 4):
        steps, complete = _steps(play, script(size), sound)
        more, over = _steps(play, script(4 * size), sound)
        if complete and (over or more > 2 * steps):
            expected = f"the calls with {4 * size} {what} to take at most {2 * steps} steps, twice those with {size}"
            require(more <= 2 * steps, expected, f"at least {more}")
            return
    broken(f"the calls with {few} {what} to come to an end", "more steps than a play may take")


def _steps(play: Play, script: Script, sound: Callable[[History], None]) -> tuple[int, bool]:
    """How many steps the calls took after the first one, rounded up to a tick, and whether these are all: not if the meter or the play came to its end before them."""
    try:
        history = play(script)
    except Broken as stuck:
        if "livelock" in stuck.got:  # more steps than a play may take
            return 0, False
        raise
    sound(history)
    calls = [call for call in history.calls if call.actor]
    begun, over = min(call.ended_seq for call in calls), max(call.ended_seq for call in calls)
    ticks = [event.seq for event in history.events if event.kind == "return" and event.actor == METER]
    return METERED * (1 + sum(begun < tick < over for tick in ticks)), ticks[-1] > over
