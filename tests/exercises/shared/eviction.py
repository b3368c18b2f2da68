"""How good an eviction policy is: what its misses cost on given traces, beside LRU and the best that is possible.

A request needs one or more items in a cache at once, which has room for so many bytes. Those that are not cached are fetched, which
takes seconds; whatever else is cached may be dropped to make room, and nothing is fetched ahead of its request. An exercise makes
its traces, and a world that drives the candidate's policy with them; what is here knows nothing of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from burnin.suite import require

__all__ = ["Spent", "Trace", "check_beside_lru", "check_beside_optimum", "lru_seconds", "optimal_seconds", "zipf"]


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in their order, each the items that it needs together; sizes and budget in bytes, seconds to fetch an item.

    The items of one request fit the budget. Items are numbered in the order of `sizes`; the optimum looks at all sets of them, so
    that a dozen is about as many as there can be.
    """

    sizes: Mapping[str, int]
    seconds: Mapping[str, float]
    budget: int
    requests: Sequence[Sequence[str]]


def zipf(count: int, exponent: float) -> list[float]:
    """Weights of so many items by Zipf's law, the most popular one first."""
    return [1 / (rank + 1) ** exponent for rank in range(count)]


@dataclass(frozen=True)
class Spent:
    """The seconds that a policy spends over all traces, and in words what it spends most on in the last."""

    seconds: float
    detail: str


def check_beside_lru(spent: Spent, traces: Iterable[Trace], most: float, doing: str) -> None:
    """The policy spends at most this part of what LRU spends, on `doing` (loading, fetching). Raises `Broken`."""
    lru = sum(map(lru_seconds, traces))
    expected = f"at most {most * lru:.0f} s of {doing}, {100 * most:.0f} % of the {lru:.0f} s of LRU"
    require(
        spent.seconds <= most * lru, expected, f"{spent.seconds:.0f} s, {spent.seconds / lru:.0%}; {spent.detail}", 0
    )


def check_beside_optimum(spent: Spent, traces: Iterable[Trace], most: float, doing: str) -> None:
    """The policy spends at most so many times the least that is possible, on `doing` (loading, fetching). Raises `Broken`."""
    best = sum(map(optimal_seconds, traces))
    expected = f"at most {most * best:.0f} s of {doing}, {most:g} times the best possible {best:.0f} s"
    require(
        spent.seconds <= most * best,
        expected,
        f"{spent.seconds:.0f} s, {spent.seconds / best:.2f} times; {spent.detail}",
        0,
    )


@cache
def lru_seconds(trace: Trace) -> float:
    """The seconds that least-recently-used eviction spends on fetching."""
    cached: dict[str, None] = {}  # the least recently used first
    cost = 0.0
    for request in trace.requests:
        fresh = [item for item in request if item not in cached]
        missing = sum(trace.sizes[item] for item in [*fresh, *cached]) - trace.budget
        for item in [item for item in cached if item not in request]:
            if missing > 0:
                del cached[item]
                missing -= trace.sizes[item]
        cost += sum(trace.seconds[item] for item in fresh)
        for item in request:
            cached.pop(item, None)
            cached[item] = None
    return cost


@cache
def optimal_seconds(trace: Trace) -> float:
    """The least seconds that anybody could spend who knows the whole trace: exact, by dynamic programming over the sets that can be cached."""
    items = list(trace.sizes)
    number = {item: 1 << bit for bit, item in enumerate(items)}
    sets = range(1 << len(items))
    size, seconds = [0] * len(sets), [0.0] * len(sets)
    for held in sets[1:]:
        lowest = held & -held
        item = items[lowest.bit_length() - 1]
        size[held] = size[held ^ lowest] + trace.sizes[item]
        seconds[held] = seconds[held ^ lowest] + trace.seconds[item]
    cheapest = {0: 0.0}  # what is cached to the least seconds spent on getting there
    for request in trace.requests:
        needed = sum(number[item] for item in request)
        after: dict[int, float] = {}
        for held, spent in cheapest.items():
            cost = spent + seconds[needed & ~held]
            for kept in _kept(held & ~needed, size, trace.budget - size[needed]):
                after[kept | needed] = min(cost, after.get(kept | needed, cost))
        cheapest = _undominated(after, seconds)
    return min(cheapest.values())


def _kept(others: int, size: list[int], room: int) -> list[int]:
    """What may be kept of the others beside what is needed, as much as fits: dropping more than it takes never pays."""
    best: list[int] = []
    part = others
    while True:  # all subsets, larger ones first
        if size[part] <= room and not any(part & other == part for other in best):
            best.append(part)
            if part == others:
                return best
        if part == 0:
            return best
        part = (part - 1) & others


def _undominated(states: dict[int, float], seconds: list[float]) -> dict[int, float]:
    """Without the states that another one beats even after fetching, as they are needed, the items that it lacks."""
    kept: dict[int, float] = {}
    for held, cost in sorted(states.items(), key=lambda state: (state[1], -state[0].bit_count())):
        if not any(spent + seconds[held & ~other] <= cost for other, spent in kept.items()):
            kept[held] = cost
    return kept
