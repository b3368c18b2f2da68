"""Planted bugs are found within a number of seeds, and the right submission beside each is never blamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from test_threads_play import load, play

from burnin.worker.simulation.threads import ThreadRun

NO_LOCK = """
    import time

    class TokenBucket:
        def __init__(self, rate, burst):
            self.rate, self.burst = rate, burst
            self.tokens, self.at = burst, time.monotonic()

        def take(self):
            now = time.monotonic()
            self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
            self.at = now
            if self.tokens >= 1:
                self.tokens -= 1
                return True
            return False
"""

TWO_SECTIONS = """
    import threading, time

    class TokenBucket:
        def __init__(self, rate, burst):
            self.rate, self.burst = rate, burst
            self.tokens, self.at = burst, time.monotonic()
            self.lock = threading.Lock()

        def take(self):
            with self.lock:
                now = time.monotonic()
                self.tokens = min(self.burst, self.tokens + (now - self.at) * self.rate)
                self.at = now
                enough = self.tokens >= 1
            if enough:
                with self.lock:
                    self.tokens -= 1
            return enough
"""

ONE_SECTION = """
    import threading, time

    class TokenBucket:
        def __init__(self, rate, burst):
            self.rate, self.burst = rate, burst
            self.tokens, self.at = burst, time.monotonic()
            self.lock = threading.Lock()

        def take(self):
            with self.lock:
                now = time.monotonic()
                self.tokens = min(self.burst, self.tokens + max(0, now - self.at) * self.rate)
                self.at = now
                if self.tokens >= 1:
                    self.tokens -= 1
                    return True
                return False
"""

CLOCK_OUTSIDE = """
    import threading, time

    class TokenBucket:
        def __init__(self, rate, burst):
            self.rate, self.burst = rate, burst
            self.tokens, self.at = burst, time.monotonic()
            self.lock = threading.Lock()

        def take(self):
            now = time.monotonic()
            with self.lock:
                self.tokens = min(self.burst, self.tokens + max(0, now - self.at) * self.rate)
                self.at = now
                if self.tokens >= 1:
                    self.tokens -= 1
                    return True
                return False
"""

ACCOUNTS = """
    import threading

    class Account:
        def __init__(self, number, balance):
            self.number, self.balance = number, balance
            self.lock = threading.Lock()

    def move_in_order(source, target):
        first, second = sorted((source, target), key=lambda account: account.number)
        with first.lock, second.lock:
            source.balance -= 1
            target.balance += 1

    def move(source, target):
        with source.lock:
            with target.lock:
                source.balance -= 1
                target.balance += 1
"""

SLOTS = """
    import threading

    class Slots:
        def __init__(self, n):
            self.free = n
            self.changed = threading.Condition()

        def acquire(self):
            with self.changed:
                {loop} self.free == 0:
                    self.changed.wait()
                self.free -= 1

        def release(self):
            with self.changed:
                self.free += 1
                self.changed.notify()
"""


def overdrawn(source: str, seed: int, *, explore_time: bool = False) -> bool:
    """Whether a bucket of rate 1 and burst 2 ever gave out more than time had allowed."""
    bucket: Any
    granted: list[int] = []
    too_many: list[int] = []

    def act(run: ThreadRun) -> None:
        for _ in range(4):
            if bucket.take():
                granted.append(1)
                if len(granted) > 2 + run.time:
                    too_many.append(len(granted))
            run.wait(0.5)

    def setup(run: ThreadRun) -> None:
        nonlocal bucket
        bucket = module.TokenBucket(1, 2)

    module, bucket = load(source), None
    run = play(act, act, act, setup=setup, seed=seed, explore_time=explore_time)
    assert (run.stop, run.errors) == (None, {})
    return bool(too_many)


def found(bug: Callable[[int], bool], within: int) -> bool:
    return any(bug(seed) for seed in range(within))


def test_a_bucket_without_a_lock_overdraws() -> None:
    assert found(lambda seed: overdrawn(NO_LOCK, seed), within=40)


def test_check_and_act_in_two_critical_sections_overdraw() -> None:
    assert found(lambda seed: overdrawn(TWO_SECTIONS, seed), within=60)


def test_a_clock_read_outside_the_lock_overdraws_when_time_may_pass() -> None:
    assert found(lambda seed: overdrawn(CLOCK_OUTSIDE, seed, explore_time=True), within=300)


def test_a_right_bucket_never_overdraws() -> None:
    assert not found(lambda seed: overdrawn(ONE_SECTION, seed), within=100)
    assert not found(lambda seed: overdrawn(ONE_SECTION, seed, explore_time=True), within=200)


def moves(function: str, seed: int) -> ThreadRun:
    module = load(ACCOUNTS)
    x, y = module.Account(1, 5), module.Account(2, 5)
    move = getattr(module, function)
    run = play(lambda run: move(x, y), lambda run: move(y, x), seed=seed)
    assert run.errors == {}
    if run.stop is None:
        assert (x.balance, y.balance) == (5, 5)
    return run


def test_a_lock_order_deadlock_is_named_with_both_lines() -> None:
    stops = [run.stop for seed in range(60) if (run := moves("move", seed)).stop is not None]
    assert stops
    for stop in stops:
        assert (stop.kind, stop.time) == ("deadlock", 0.0)
        assert stop.waiting == [("a", "submission.py:17 move"), ("b", "submission.py:17 move")]


def test_locks_taken_in_one_order_never_deadlock() -> None:
    assert all(moves("move_in_order", seed).stop is None for seed in range(60))


def overbooked(loop: str, seed: int) -> bool:
    slots = load(SLOTS.format(loop=loop)).Slots(1)
    live: list[int] = []
    most = 0

    def act(run: ThreadRun) -> None:
        nonlocal most
        slots.acquire()
        live.append(1)
        most = max(most, len(live))
        run.wait(1.0)
        live.pop()
        slots.release()

    def later(run: ThreadRun) -> None:
        run.wait(1.0)
        act(run)

    run = play(act, act, later, seed=seed)
    assert (run.stop, run.errors) == (None, {})
    return most > 1


def test_if_around_a_condition_overbooks() -> None:
    assert found(lambda seed: overbooked("if", seed), within=60)


def test_while_around_a_condition_never_overbooks() -> None:
    assert not found(lambda seed: overbooked("while", seed), within=100)
