"""What suites share to measure eviction policies: the optimum is that of trying everything, LRU is what its name says."""

from __future__ import annotations

import random
from itertools import combinations

import pytest
from exercises.shared.eviction import (
    Spent,
    Trace,
    check_beside_lru,
    check_beside_optimum,
    lru_seconds,
    optimal_seconds,
    zipf,
)

from burnin.suite import Broken

ITEMS = "abcde"


def small(rng: random.Random) -> Trace:
    """A trace that all ways through can be tried of."""
    items = ITEMS[: rng.randint(2, 5)]
    sizes = {item: rng.randint(1, 4) for item in items}
    requests = [sorted(rng.sample(items, rng.randint(1, 2))) for _ in range(rng.randint(1, 9))]
    least = max(sum(sizes[item] for item in request) for request in requests)
    seconds = {item: float(rng.randint(1, 9)) for item in items}
    return Trace(sizes, seconds, rng.randint(least, max(least, sum(sizes.values()))), requests)


def tried(trace: Trace, number: int = 0, cached: frozenset[str] = frozenset()) -> float:
    """The least seconds from this request on, by trying every set that could be kept at each step."""
    if number == len(trace.requests):
        return 0.0
    request = frozenset(trace.requests[number])
    others = sorted(cached - request)
    kept = [request | set(some) for count in range(len(others) + 1) for some in combinations(others, count)]
    fitting = [cache for cache in kept if sum(trace.sizes[item] for item in cache) <= trace.budget]
    fetched = sum(trace.seconds[item] for item in request - cached)
    return fetched + min(tried(trace, number + 1, frozenset(cache)) for cache in fitting)


@pytest.mark.parametrize("seed", range(60))
def test_the_optimum_is_that_of_trying_everything(seed: int) -> None:
    trace = small(random.Random(seed))
    assert optimal_seconds(trace) == tried(trace)


@pytest.mark.parametrize("seed", range(60))
def test_lru_is_never_better_than_the_optimum_nor_worse_than_no_cache(seed: int) -> None:
    trace = small(random.Random(seed))
    uncached = sum(trace.seconds[item] for request in trace.requests for item in request)
    assert optimal_seconds(trace) <= lru_seconds(trace) <= uncached


def one_at_a_time(requests: str, budget: int) -> Trace:
    """Items of one byte, of which a takes 1 s, b 10 s and c 100 s."""
    return Trace(dict.fromkeys("abc", 1), {"a": 1.0, "b": 10.0, "c": 100.0}, budget, list(requests))


@pytest.mark.parametrize(
    ("requests", "budget", "lru", "optimum"),
    [
        ("", 1, 0, 0),
        ("aaa", 1, 1, 1),
        ("aba", 1, 12, 12),
        ("abca", 2, 112, 111),  # b goes in place of a
        ("abacb", 2, 121, 111),  # a goes, though it was used later
        ("abcabc", 3, 111, 111),
    ],
)
def test_by_hand(requests: str, budget: int, lru: float, optimum: float) -> None:
    trace = one_at_a_time(requests, budget)
    assert (lru_seconds(trace), optimal_seconds(trace)) == (lru, optimum)


def test_what_a_request_needs_stays_for_it() -> None:
    trace = Trace({"a": 2, "b": 2, "c": 1}, {"a": 1.0, "b": 10.0, "c": 100.0}, 4, ["ab", "ac", "b"])
    assert lru_seconds(trace) == 1 + 10 + 100 + 10  # b goes for c, as a is needed; then a goes
    assert optimal_seconds(trace) == 121


def test_the_policy_is_held_against_both() -> None:
    traces = [one_at_a_time("abca", 2), one_at_a_time("abacb", 2)]  # LRU 233 s, optimum 222 s
    check_beside_lru(Spent(233.0, "all"), traces, 1.0, "loading")
    check_beside_optimum(Spent(333.0, "all"), traces, 1.5, "loading")
    with pytest.raises(Broken) as broken:
        check_beside_lru(Spent(187.0, "a twice"), traces, 0.8, "loading")
    assert (broken.value.expected, broken.value.got) == (
        "at most 186 s of loading, 80 % of the 233 s of LRU",
        "187 s, 80%; a twice",
    )
    with pytest.raises(Broken) as broken:
        check_beside_optimum(Spent(334.0, "b twice"), traces, 1.5, "fetching")
    assert (broken.value.expected, broken.value.got) == (
        "at most 333 s of fetching, 1.5 times the best possible 222 s",
        "334 s, 1.50 times; b twice",
    )


def test_popularity_falls_with_the_rank() -> None:
    assert zipf(3, 1.0) == [1, 1 / 2, 1 / 3]
