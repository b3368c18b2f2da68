"""Traces of image pulls for the eviction policy, what LRU spends on them, and the least that anybody could spend."""

from __future__ import annotations

import random
from functools import cache

from burnin.script import Script, Step

from .world import Trace

TRACES = 6
PULLS = 320
BASES, APPS = 3, 9
LAYERS = [f"base{number}" for number in range(BASES)] + [f"app{number}" for number in range(APPS)]


@cache
def traces() -> tuple[Trace, ...]:
    """The traces of a grade; always the same."""
    return tuple(_trace(random.Random(f"layer_cache {number}")) for number in range(TRACES))


def script_of(trace: Trace) -> Script:
    """A script that drives the policy with the trace."""
    spec = Trace.of(sizes=trace.sizes, seconds=trace.seconds, budget=trace.budget, pulls=trace.pulls)
    return Script(setup=(Step("ValuePolicy", save="policy"),), actors={}, drivers={"trace": spec})


def _trace(rng: random.Random) -> Trace:
    """Images of a base and one or two layers of their own, popular by Zipf's law; which ones are popular changes all at once now and then.

    What is slow to fetch is not what is asked for most, and what was asked for most falls out of use: cost, likelihood, size and
    forgetting all count.
    """
    bases, apps = LAYERS[:BASES], LAYERS[BASES:]
    sizes = {layer: rng.randint(4, 7) for layer in bases} | {layer: rng.choice([1, 2, 4, 6]) for layer in apps}
    seconds = {layer: float(rng.randint(8, 16)) for layer in bases} | {
        layer: float(rng.choice([4, 8, 16, 32])) for layer in apps
    }
    images = [[rng.choice(bases), app] for app in apps]
    for number in rng.sample(range(APPS), 3):
        images[number].append(apps[(number + 1) % APPS])
    weights = [1 / (rank + 1) ** 1.1 for rank in range(APPS)]
    ranked = rng.sample(images, APPS)
    pulls: list[list[str]] = []
    while len(pulls) < PULLS:
        pulls += rng.choices(ranked, weights, k=rng.randint(50, 80))
        ranked = ranked[4:] + ranked[:4]
    return Trace(sizes, seconds, round(sum(sizes.values()) * 0.5), pulls[:PULLS])


def lru_seconds(trace: Trace) -> float:
    """The fetch seconds of least-recently-used eviction."""
    cached: dict[str, None] = {}
    cost = 0.0
    for pull in trace.pulls:
        fresh = [layer for layer in pull if layer not in cached]
        missing = sum(trace.sizes[layer] for layer in [*fresh, *cached]) - trace.budget
        for layer in [layer for layer in cached if layer not in pull]:
            if missing > 0:
                del cached[layer]
                missing -= trace.sizes[layer]
        cost += sum(trace.seconds[layer] for layer in fresh)
        for layer in pull:
            cached.pop(layer, None)
            cached[layer] = None
    return cost


@cache
def _optimum(number: int) -> float:
    return _least(traces()[number])


def optimal_seconds(trace: Trace) -> float:
    """The least fetch seconds with the whole trace known: exact, by dynamic programming over the sets of layers that can be cached."""
    return _optimum(traces().index(trace))


def _least(trace: Trace) -> float:
    number = {layer: 1 << bit for bit, layer in enumerate(LAYERS)}
    sets = range(1 << len(LAYERS))
    size, seconds = [0] * len(sets), [0.0] * len(sets)
    for held in sets[1:]:
        lowest = held & -held
        layer = LAYERS[lowest.bit_length() - 1]
        size[held] = size[held ^ lowest] + trace.sizes[layer]
        seconds[held] = seconds[held ^ lowest] + trace.seconds[layer]
    cheapest = {0: 0.0}  # what is cached to the least seconds spent on getting there
    for pull in trace.pulls:
        image = sum(number[layer] for layer in pull)
        after: dict[int, float] = {}
        for held, spent in cheapest.items():
            cost = spent + seconds[image & ~held]
            for kept in _kept(held & ~image, size, trace.budget - size[image]):
                after[kept | image] = min(cost, after.get(kept | image, cost))
        cheapest = _undominated(after, seconds)
    return min(cheapest.values())


def _kept(others: int, size: list[int], room: int) -> list[int]:
    """What may be kept beside the image, as much as fits: dropping more than needed never pays."""
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
    """Without the states that another one beats even after fetching, as they are needed, the layers that it lacks."""
    kept: dict[int, float] = {}
    for held, cost in sorted(states.items(), key=lambda state: (state[1], -state[0].bit_count())):
        if not any(spent + seconds[held & ~other] <= cost for other, spent in kept.items()):
            kept[held] = cost
    return kept
