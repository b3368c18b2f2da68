"""Request traces for the eviction policy."""

from __future__ import annotations

import random
from functools import cache

from burnin.script import Script, Step

from ..shared import eviction
from .world import Trace

TRACES = 6
MODELS = [f"m{number}" for number in range(8)]


@cache
def traces() -> tuple[Trace, ...]:
    """The traces of a grade; always the same."""
    return tuple(_trace(random.Random(f"warm_pool {number}")) for number in range(TRACES))


@cache
def scripts() -> tuple[Script, ...]:
    """A script for each trace, which drives the policy with it."""
    specs = [
        Trace.of(sizes=trace.sizes, seconds=trace.seconds, budget=trace.budget, requests=trace.requests)
        for trace in traces()
    ]
    setup = (Step("KeepWarmPolicy", save="policy"),)
    return tuple(Script(setup=setup, actors={}, drivers={"trace": spec}) for spec in specs)


@cache
def plain_traces() -> tuple[eviction.Trace, ...]:
    """The traces without their times, for LRU and the optimum."""
    return tuple(
        eviction.Trace(trace.sizes, trace.seconds, trace.budget, [[model] for _, model in trace.requests])
        for trace in traces()
    )


def _trace(rng: random.Random) -> Trace:
    """Bursts for a few quick models, a steady trickle for slow ones, one of which falls out of use, and now and then a rare one.

    Bursts push the slow models out of an LRU; keeping them costs little and saves much. A policy that looks at load times alone,
    or never forgets, keeps the dead one.
    """
    slow, dying, bursty, rare = MODELS[:2], MODELS[2], MODELS[3:7], MODELS[7]
    sizes = {model: rng.randint(2, 4) for model in MODELS}
    seconds = {model: float(rng.randint(30, 60)) for model in [*slow, dying]}
    seconds |= {model: float(rng.randint(4, 10)) for model in bursty}
    seconds[rare] = float(rng.randint(4, 8))
    budget = round(sum(sizes.values()) * 0.55)
    length = rng.randint(300, 400)
    requests: list[tuple[float, str]] = []
    now = 0.0
    due = {model: rng.uniform(0, 40) for model in [*slow, dying]}
    while len(requests) < length:
        busy = rng.sample(bursty, rng.randint(2, 3))
        for _ in range(rng.randint(10, 25)):
            now += rng.randint(1, 4)
            for model, at in due.items():
                if at <= now and (model != dying or len(requests) < 0.35 * length):
                    requests.append((now, model))
                    due[model] = now + rng.uniform(20, 45)
            requests.append((now, rng.choice(busy)))
            if rng.random() < 0.06:
                requests.append((now, rare))
    return Trace(sizes, seconds, budget, requests[:length])
