"""Traces of image pulls for the eviction policy."""

from __future__ import annotations

import random
from functools import cache

from burnin.script import Script, Step

from ..shared import eviction
from .world import Trace

TRACES = 6
PULLS = 320
BASES, APPS = 3, 9
LAYERS = [f"base{number}" for number in range(BASES)] + [f"app{number}" for number in range(APPS)]


@cache
def traces() -> tuple[Trace, ...]:
    """The traces of a grade; always the same."""
    return tuple(_trace(random.Random(f"layer_cache {number}")) for number in range(TRACES))


@cache
def scripts() -> tuple[Script, ...]:
    """A script for each trace, which drives the policy with it."""
    specs = [
        Trace.of(sizes=trace.sizes, seconds=trace.seconds, budget=trace.budget, pulls=trace.pulls) for trace in traces()
    ]
    setup = (Step("ValuePolicy", save="policy"),)
    return tuple(Script(setup=setup, actors={}, drivers={"trace": spec}) for spec in specs)


@cache
def plain_traces() -> tuple[eviction.Trace, ...]:
    """The traces for LRU and the optimum."""
    return tuple(eviction.Trace(trace.sizes, trace.seconds, trace.budget, trace.pulls) for trace in traces())


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
    weights = eviction.zipf(APPS, 1.1)
    ranked = rng.sample(images, APPS)
    pulls: list[list[str]] = []
    while len(pulls) < PULLS:
        pulls += rng.choices(ranked, weights, k=rng.randint(50, 80))
        ranked = ranked[4:] + ranked[:4]
    return Trace(sizes, seconds, round(sum(sizes.values()) * 0.5), pulls[:PULLS])
