"""What `run_threads` promises of every run. The other `test_threads_*` files use `load` and `play` from here."""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest

from burnin.worker.simulation import threads
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.threads import ThreadRun, run_threads

threads.install()

SUBMISSION = "/submission/submission.py"


def load(source: str) -> Any:
    """A module from source text, as a worker loads a submission."""
    code = compile(textwrap.dedent(source), SUBMISSION, "exec")
    threads.watch(code)
    module = ModuleType("submission")
    exec(code, module.__dict__)  # what an import does
    return module


def play(
    *acts: Callable[[ThreadRun], object], seed: int | None = 0, tape: Sequence[int] = (), **options: Any
) -> ThreadRun:
    """Play actors `a`, `b`, `c`... on a seed."""
    actors = [(chr(ord("a") + i), act) for i, act in enumerate(acts)]
    choices = options.pop("choices", None) or Choices(seed, tape)
    return run_threads(actors, choices=choices, sources=frozenset({SUBMISSION}), **options)


COUNTER = """
    class Counter:
        def __init__(self):
            self.n = 0

        def add(self):
            n = self.n
            self.n = n + 1
"""


def lost_updates(**options: Any) -> tuple[int, ThreadRun]:
    counter = load(COUNTER).Counter()

    def act(run: ThreadRun) -> None:
        for _ in range(5):
            counter.add()

    run = play(act, act, **options)
    return 10 - counter.n, run


def test_time_is_virtual_and_exact() -> None:
    seen: list[tuple[str, float]] = []

    def first(run: ThreadRun) -> None:
        run.wait(3600.0)
        seen.append(("waited", run.now()))

    def second(run: ThreadRun) -> None:
        time.sleep(0.1)
        time.sleep(0.2)
        seen.append(("slept", time.monotonic()))
        seen.append(("nanoseconds", time.time_ns()))

    run = play(first, second)
    assert seen == [("slept", 0.1 + 0.2), ("nanoseconds", 300_000_000), ("waited", 3600.0)]
    assert (run.time, run.stop, run.escaped, run.left) == (3600.0, None, False, [])


def test_clocks_are_real_again_after_a_run() -> None:
    play(lambda run: run.wait(1.0))
    assert time.time() > 1e9


def test_a_seed_finds_lost_updates_and_zeros_find_none() -> None:
    assert any(lost_updates(seed=seed)[0] for seed in range(10))
    assert lost_updates(seed=None)[0] == 0


def test_the_log_of_a_run_is_a_tape_that_replays_it() -> None:
    for seed in range(10):
        choices = Choices(seed)
        lost, run = lost_updates(choices=choices)
        again, replay = lost_updates(seed=None, tape=choices.log)
        assert (again, replay.points, replay.switches) == (lost, run.points, run.switches)


def test_gap_zero_preempts_nobody() -> None:
    assert all(lost_updates(seed=seed, gap=0)[0] == 0 for seed in range(10))


def test_errors_are_kept_by_actor_and_the_others_go_on() -> None:
    done: list[str] = []

    def fails(run: ThreadRun) -> None:
        raise KeyError("mine")

    def leaves(run: ThreadRun) -> None:
        raise SystemExit(3)

    run = play(fails, leaves, lambda run: done.append("c"))
    assert {name: type(error) for name, error in run.errors.items()} == {"a": KeyError, "b": SystemExit}
    assert (done, run.stop) == (["c"], None)


def test_a_world_call_is_a_point() -> None:
    def act(log: list[str], name: str) -> Callable[[ThreadRun], None]:
        def calls(run: ThreadRun) -> None:
            for _ in range(8):
                run.pass_points()
                log.append(name)

        return calls

    orders = set()
    for seed in range(10):
        log: list[str] = []
        play(act(log, "a"), act(log, "b"), seed=seed, gap=4)
        orders.add("".join(log))
    assert len(orders) > 2


def test_names_and_idents_do_not_depend_on_earlier_runs() -> None:
    def names() -> list[object]:
        seen: list[object] = []

        def act(run: ThreadRun) -> None:
            def child() -> None:
                seen.append((threading.current_thread().name, threading.get_ident()))

            me = threading.current_thread()
            seen.append((me.name, me.ident == threading.get_ident(), me.daemon))
            thread = threading.Thread(target=child)
            thread.start()
            thread.join()
            seen.append((thread.ident, threading.active_count() - outside))

        outside = threading.active_count()
        play(act)
        return seen

    assert names() == names() == [("a", True, False), ("Thread-1 (child)", 2), (2, 1)]


@pytest.mark.parametrize(
    ("seconds", "error"), [(-1, ValueError), (float("nan"), ValueError), (float("inf"), OverflowError)]
)
def test_sleep_refuses_what_the_real_one_refuses(seconds: float, error: type[Exception]) -> None:
    run = play(lambda run: time.sleep(seconds))
    assert type(run.errors["a"]) is error


def test_a_thread_that_polls_lets_time_pass() -> None:
    module = load("""
        def poll(flags):
            while not flags:
                pass
    """)
    flags: list[int] = []

    def sets(run: ThreadRun) -> None:
        run.wait(5.0)
        flags.append(1)

    run = play(lambda run: module.poll(flags), sets)
    assert (run.stop, run.spun, run.time) == (None, True, 5.0)


def test_time_passes_during_a_preemption_only_when_asked() -> None:
    module = load("""
        import time

        def read_twice():
            before = time.monotonic()
            return time.monotonic() - before
    """)

    def slowest(explore_time: bool) -> float:
        gaps: list[float] = []
        for seed in range(30):
            play(
                lambda run: gaps.append(module.read_twice()),
                lambda run: run.wait(1.0),
                seed=seed,
                gap=8,
                explore_time=explore_time,
            )
        return max(gaps)

    assert slowest(explore_time=False) == 0.0
    assert slowest(explore_time=True) == 1.0


def test_setup_ends_before_the_actors_begin_and_its_threads_stay() -> None:
    seen: list[object] = []

    def setup(run: ThreadRun) -> None:
        threading.Timer(2.0, lambda: seen.append(("timer", run.now()))).start()
        run.wait(1.0)
        seen.append("setup")

    def act(run: ThreadRun) -> None:
        seen.append(("actor", run.now()))
        run.wait(3.0)

    run = play(act, setup=setup)
    assert seen == ["setup", ("actor", 1.0), ("timer", 2.0)]
    assert (run.time, run.left) == (4.0, [])


def test_no_actor_begins_after_a_setup_that_fails() -> None:
    seen: list[int] = []

    def setup(run: ThreadRun) -> None:
        raise NotImplementedError

    run = play(lambda run: seen.append(1), setup=setup)
    assert ({name: type(error) for name, error in run.errors.items()}, seen) == ({"setup": NotImplementedError}, [])


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="same name"):
        run_threads([("a", print), ("a", print)], choices=Choices(), sources=frozenset())
    run = play(lambda run: play(lambda run: None))
    assert "already being played" in str(run.errors["a"])


def test_no_actors_is_a_run_that_is_over() -> None:
    run = play()
    assert (run.stop, run.points, run.time) == (None, 0, 0.0)
