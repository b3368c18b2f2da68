"""Request traces for the eviction policy, what LRU spends on them, and the least that anybody could spend."""

from __future__ import annotations

import random
from functools import cache

from burnin.script import Script, Step

from .world import Trace

TRACES = 6
MODELS = [f"m{number}" for number in range(8)]


@cache
def traces() -> tuple[Trace, ...]:
    """The traces of a grade; always the same."""
    return tuple(_trace(random.Random(f"warm_pool {number}")) for number in range(TRACES))


def script_of(trace: Trace) -> Script:
    """A script that drives the policy with the trace."""
    spec = Trace.of(sizes=trace.sizes, seconds=trace.seconds, budget=trace.budget, requests=trace.requests)
    return Script(setup=(Step("KeepWarmPolicy", save="policy"),), actors={}, drivers={"trace": spec})


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


def lru_seconds(trace: Trace) -> float:
    """The load seconds of least-recently-used eviction."""
    last_used: dict[str, float] = {}
    cost = 0.0
    for now, model in trace.requests:
        if model not in last_used:
            cost += trace.seconds[model]
            while sum(trace.sizes[one] for one in last_used) + trace.sizes[model] > trace.budget:
                del last_used[min(last_used, key=lambda one: last_used[one])]
        last_used.pop(model, None)
        last_used[model] = now  # ties in time go by order
    return cost


@cache
def _optimum(number: int) -> float:
    return _least(traces()[number])


def optimal_seconds(trace: Trace) -> float:
    """The least load seconds with the whole trace known: dynamic programming over the sets of models that can be loaded."""
    return _optimum(traces().index(trace))


def _least(trace: Trace) -> float:
    number = {model: 1 << bit for bit, model in enumerate(MODELS)}
    size = [sum(trace.sizes[model] for model in MODELS if number[model] & held) for held in range(1 << len(MODELS))]
    cheapest = {0: 0.0}  # what is loaded to the least seconds spent on getting there
    for _, model in trace.requests:
        bit = number[model]
        after: dict[int, float] = {}
        for held, cost in cheapest.items():
            if held & bit:
                after[held] = min(cost, after.get(held, cost))
        missing = {held: cost for held, cost in cheapest.items() if not held & bit}
        if missing:
            for keep in _kept(missing, size, trace.budget - trace.sizes[model]):
                loaded, cost = keep[0] | bit, keep[1] + trace.seconds[model]
                if cost < after.get(loaded, float("inf")):
                    after[loaded] = cost
        cheapest = _undominated(after)
    return min(cheapest.values())


def _kept(missing: dict[int, float], size: list[int], room: int) -> list[tuple[int, float]]:
    """What may be kept beside the new model, as much as fits: dropping more than needed never pays."""
    found: dict[int, float] = {}
    for held, cost in missing.items():
        part = held
        best: list[int] = []
        while True:  # all subsets of what is loaded, larger ones first
            if size[part] <= room and not any(part & other == part for other in best):
                best.append(part)
            if part == 0:
                break
            part = (part - 1) & held
        for kept in best:
            found[kept] = min(cost, found.get(kept, cost))
    return list(found.items())


def _undominated(states: dict[int, float]) -> dict[int, float]:
    """Without the states that another one beats: it has at least those models loaded and has spent no more."""
    kept: dict[int, float] = {}
    for held, cost in sorted(states.items(), key=lambda state: (state[1], -state[0].bit_count())):
        if not any(held & other == held for other in kept):
            kept[held] = cost
    return kept
