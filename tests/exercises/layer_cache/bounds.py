"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable

from burnin.script import Script
from burnin.suite import Call, History

from .expected import Turn, disk_of, turns
from .facts import State, registry_of, walk
from .world import PART

Holds = Callable[[Script, History], bool]


def some_turn(test: Callable[[Turn], bool]) -> Holds:
    """Whether the test holds for some plain call of a play that has no others."""
    return lambda script, history: script.mode == "calls" and any(map(test, turns(history)))


def some_hold(beyond: int) -> Holds:
    """Whether an image is held or pulled whose different layers have so many bytes more than the budget."""

    def size(call: Call) -> int:
        return sum({layer.kwargs["digest"]: layer.kwargs["size"] for layer in call.args[0].kwargs["layers"]}.values())

    return lambda script, history: any(
        size(call) == disk_of(history).budget + beyond for call in history.calls_of("hold", "pull")
    )


def some_wait(test: Callable[[State, Call], bool]) -> Holds:
    """Whether the test holds for some pull that waits while the clock moves on, or has just begun."""

    def holds(script: Script, history: History) -> bool:
        if script.mode != "tasks":
            return False
        return any(
            test(state, call) for mark, state in walk(history) if mark.kind == "settled" for call in state.callers()
        )

    return holds


def room_of(turn: Turn) -> int:
    """The bytes of all blobs that could be evicted for a blob that is put, less those that are needed."""
    idle = sum(len(turn.disk.blobs[letter]) for letter in turn.idle)
    return idle - turn.needed


def short_by(state: State, call: Call) -> int:
    """The bytes that a pull lacks to begin, all that can be evicted counted as room."""
    free = state.disk.budget - state.in_use
    own = [layer.kwargs["digest"] for layer in call.args[0].kwargs["layers"]]
    return state.to_fetch(call) - free - sum(state.files[name] for name in state.evictable(*own))


def bytes_beyond(beyond: int) -> Holds:
    """Whether a fetch brings so many bytes more than its layer has (or just the last of them)."""

    def holds(script: Script, history: History) -> bool:
        if script.mode != "tasks":
            return False
        disk = disk_of(history)
        sizes = {digest: len(disk.blobs[letter]) for digest, letter in disk.letters.items()}
        ends = [one.offset + len(one.data) - sizes[one.digest] for one in registry_of(history).fetches if one.data]
        return beyond in ends

    return holds


def complete_partial(lacking: int) -> Holds:
    """Whether a crash leaves a partial that lacks so many bytes."""

    def holds(script: Script, history: History) -> bool:
        disk = disk_of(history)
        parts = {
            name.removesuffix(PART): len(data) for name, data in (disk.crashed or {}).items() if name.endswith(PART)
        }
        return any(len(disk.blobs[disk.letters[digest]]) - size == lacking for digest, size in parts.items())

    return holds


BOUNDS = {
    ("Budget", "exactly full"): some_turn(lambda turn: turn.kind == "write" and turn.needed == 0),
    ("Budget", "one byte is missing"): some_turn(lambda turn: turn.kind == "write" and turn.needed == 1),
    ("Too large", "as large as the budget"): some_turn(
        lambda turn: turn.call.do == "put" and turn.kind != "bad" and len(turn.call.args[1]) == turn.disk.budget
    ),
    ("Too large", "one byte larger"): some_turn(
        lambda turn: (
            turn.kind == "too large" and turn.call.do == "put" and len(turn.call.args[1]) == turn.disk.budget + 1
        )
    ),
    ("Never fits", "as large as the budget"): some_hold(0),
    ("Never fits", "one byte larger"): some_hold(1),
    ("Busy", "what is not held makes exactly enough room"): some_turn(
        lambda turn: turn.kind == "write" and turn.needed > 0 and room_of(turn) == 0
    ),
    ("Busy", "what is not held is one byte short"): some_turn(lambda turn: turn.kind == "busy" and room_of(turn) == -1),
    ("Room for all of it", "nothing to spare"): some_wait(
        lambda state, call: state.in_use == state.disk.budget and any(map(state.open, state.flights))
    ),
    ("Room for all of it", "one byte short"): some_wait(
        lambda state, call: not state.provided(call) and short_by(state, call) == 1
    ),
    ("Bad bytes", "just the size"): bytes_beyond(0),
    ("Bad bytes", "one byte too many"): bytes_beyond(1),
    ("Leftovers", "a complete partial"): complete_partial(0),
    ("Leftovers", "one byte is missing"): complete_partial(1),
}
NO_BOUND = {
    "Single flight": "one download or several, which any two callers provoke",
    "Smaller": "the new budget is half of the old one; that it is just kept is a matter of the files that are left",
    "Better than LRU": "measured over fixed traces",
    "Close to the best": "measured over fixed traces",
}
