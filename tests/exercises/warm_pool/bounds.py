"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from burnin.script import Script
from burnin.suite import History

from .expected import turns
from .facts import Mark, State, host_of, walk

Holds = Callable[[Script, History], bool]


def some_request(test: Callable[[Mark, State, int], bool]) -> Holds:
    """Whether the test holds for some request, given the state before it and the size of its model."""

    def holds(script: Script, history: History) -> bool:
        return any(
            test(mark, state, state.host.sizes[mark.model]) for mark, state in walk(history) if mark.kind == "begin"
        )

    return holds


def some_load(test: Callable[[State, int], bool]) -> Holds:
    """Whether the test holds for some load, given the state just before it and the size of its model."""

    def holds(script: Script, history: History) -> bool:
        return any(test(state, state.host.sizes[mark.model]) for mark, state in walk(history) if mark.kind == "load")

    return holds


def evictions(history: History) -> Iterator[tuple[int, list[int], int]]:
    """For each cold call of a script of plain calls: the bytes missing, the sizes of what must go, and all idle bytes."""
    if history.script.mode == "calls":
        sizes = host_of(history).sizes
        missing = [sizes[mark.model] - state.free for mark, state in walk(history) if mark.kind == "begin"]
        for turn, bytes_missing in zip(turns(history), missing, strict=True):
            if turn.kind in ("cold", "busy"):
                yield bytes_missing, [sizes[one] for one in turn.victims], sum(sizes[one] for one in turn.idle)


def some_eviction(test: Callable[[int, list[int], int], bool]) -> Holds:
    """Whether the test holds for some cold call."""
    return lambda script, history: any(test(*eviction) for eviction in evictions(history))


def pinned(beyond: int) -> Holds:
    """Whether a model is asked for that is so many bytes too large to fit beside the pinned ones."""

    def test(mark: Mark, state: State, size: int) -> bool:
        others = sum(state.host.sizes[pin] for pin in state.pinned if pin != mark.model)
        return bool(others) and size + others == state.host.budget + beyond

    return some_request(test)


BOUNDS = {
    ("Budget", "exactly full"): some_load(lambda state, size: state.free == size),
    ("Budget", "one byte is missing"): some_request(lambda mark, state, size: state.free == size - 1),
    ("Least recently used", "what goes frees exactly enough"): some_eviction(
        lambda missing, victims, idle: bool(victims) and sum(victims) == missing
    ),
    ("Least recently used", "one byte is missing without the last that goes"): some_eviction(
        lambda missing, victims, idle: bool(victims) and sum(victims[:-1]) == missing - 1
    ),
    ("Too large", "as large as the budget"): some_request(lambda mark, state, size: size == state.host.budget),
    ("Too large", "one byte larger"): some_request(lambda mark, state, size: size == state.host.budget + 1),
    ("Busy", "the idle ones make exactly enough room"): some_eviction(
        lambda missing, victims, idle: 0 < missing == idle
    ),
    ("Busy", "the idle ones are one byte short"): some_eviction(lambda missing, victims, idle: missing == idle + 1),
    ("Pinned", "fits beside the pinned exactly"): pinned(0),
    ("Pinned", "one byte too large beside the pinned"): pinned(1),
}
NO_BOUND = {
    "Leased stays": "a model is leased or it is not",
    "Single flight": "one load or several, which any two callers provoke",
    "Closing": "`nothing more than` counts nothing",
    "Better than LRU": "measured over fixed traces",
    "Close to the best": "measured over fixed traces",
}
