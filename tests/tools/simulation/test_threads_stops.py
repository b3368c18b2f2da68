"""Runs that cannot go on end with a verdict, and what is left of them does no harm to the next."""

from __future__ import annotations

import _thread
import logging
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_threads_play import load, play

from burnin.worker.simulation import thread_schedule
from burnin.worker.simulation.threads import ThreadRun


def test_waiting_for_nobody_is_a_deadlock_with_a_line_per_thread() -> None:
    module = load("""
        import threading

        def wait_for(event):
            event.wait()

        def spawn_and_wait(event):
            thread = threading.Thread(target=wait_for, args=(event,), name="helper")
            thread.start()
            thread.join()
    """)
    event = threading.Event()
    run = play(lambda run: module.spawn_and_wait(event), lambda run: run.wait(2.0))
    assert run.stop is not None
    assert (run.stop.kind, run.stop.time, run.stop.steps) == ("deadlock", 2.0, run.stop.steps)
    assert run.stop.waiting == [("a", "submission.py:10 spawn_and_wait"), ("helper", "submission.py:5 wait_for")]
    assert (run.escaped, run.errors, run.left) == (False, {}, [])


def test_an_endless_loop_is_a_livelock() -> None:
    module = load("""
        def spin():
            while True:
                pass
    """)
    run = play(lambda run: module.spin(), lambda run: None, max_points=20_000)
    assert run.stop is not None
    assert (run.stop.kind, run.stop.steps) == ("livelock", 20_000)
    assert [(name, str(site).split(" ")[1]) for name, site in run.stop.waiting] == [("a", "spin")]
    assert not run.escaped


def test_polling_a_lock_for_ever_is_a_livelock() -> None:
    lock = threading.Lock()

    def polls(run: ThreadRun) -> None:
        while not lock.acquire(blocking=False):
            pass

    with lock:
        run = play(polls, max_points=5_000)
    assert run.stop is not None
    assert (run.stop.kind, run.stop.waiting) == ("livelock", [("a", None)])


def test_a_raw_lock_escapes_and_is_reported() -> None:
    module = load("""
        def take(lock):
            with lock:
                pass
    """)
    raw = _thread.allocate_lock()
    with raw:
        run = play(lambda run: module.take(raw), timeout=0.4)
    assert run.stop is not None
    assert (run.stop.kind, run.escaped) == ("escaped", True)
    assert run.stop.waiting == [("a", "submission.py:3 take")]


def test_threads_left_behind_end_the_run_and_are_reported() -> None:
    module = load("""
        import threading, time

        def wait(event):
            event.wait()

        def tick():
            while True:
                time.sleep(1.0)

        def leave(event):
            threading.Thread(target=wait, args=(event,), name="waiter").start()
            threading.Thread(target=tick, name="ticker", daemon=True).start()
            threading.Timer(60.0, print).start()
    """)
    event = threading.Event()

    def act(run: ThreadRun) -> None:
        module.leave(event)
        run.wait(3.5)

    run = play(act)
    assert (run.stop, run.time, run.errors, run.escaped) == (None, 3.5, {}, False)
    assert run.left == [("waiter", "submission.py:5 wait"), ("ticker", "submission.py:9 tick"), ("Thread-1", None)]


def test_a_started_thread_that_can_run_still_runs_when_the_actors_are_done() -> None:
    done: list[float] = []

    def act(run: ThreadRun) -> None:
        threading.Thread(target=lambda: done.append(run.now())).start()

    run = play(act)
    assert (done, run.left) == ([0.0], [])


def test_unwinding_releases_what_is_held() -> None:
    outer, inner = threading.Lock(), threading.RLock()
    never = threading.Event()
    cleaned: list[str] = []

    def act(run: ThreadRun) -> None:
        with outer, inner:
            try:
                never.wait()
            finally:
                cleaned.append("a")

    def blocked(run: ThreadRun) -> None:
        run.wait(1.0)
        with outer:
            cleaned.append("b")

    run = play(act, blocked)
    assert run.stop is not None
    assert run.stop.kind == "deadlock"
    assert not outer.locked()
    assert cleaned == ["a"]
    after = play(act, lambda run: never.set())
    assert after.stop is None


def test_no_world_call_gets_through_while_unwinding() -> None:
    calls: list[str] = []
    never = threading.Event()

    def world_call(run: ThreadRun, name: str) -> None:
        run.pass_points()
        calls.append(name)

    def act(run: ThreadRun) -> None:
        world_call(run, "before")
        try:
            never.wait()
        finally:
            world_call(run, "after")

    run = play(act)
    assert run.stop is not None
    assert calls == ["before"]


def test_a_thread_that_refuses_to_unwind_is_left_behind_as_escaped() -> None:
    module = load("""
        def refuse(event):
            while True:
                try:
                    event.wait()
                except BaseException:
                    pass
    """)
    event = threading.Event()
    cleaned: list[str] = []

    def other(run: ThreadRun) -> None:
        try:
            event.wait()
        finally:
            cleaned.append("b")

    run = play(lambda run: module.refuse(event), other)
    assert run.stop is not None
    assert (run.stop.kind, run.escaped) == ("deadlock", True)
    assert run.stop.waiting[0] == ("a", "submission.py:5 refuse")
    assert cleaned == ["b"]

    def starts(run: ThreadRun) -> None:
        threading.Thread(target=module.refuse, args=(event,), name="helper").start()

    run = play(starts)
    assert run.stop is not None
    assert (run.stop.kind, run.escaped, [name for name, _ in run.left]) == ("escaped", True, ["helper"])


def test_endless_recursion_is_an_error_of_its_actor() -> None:
    module = load("""
        import threading

        lock = threading.RLock()

        def again():
            with lock:
                again()
    """)
    for seed in range(10):
        run = play(lambda run: module.again(), lambda run: module.again(), seed=seed)
        assert (run.stop, run.escaped) == (None, False)
        assert {name: type(error) for name, error in run.errors.items()} == dict.fromkeys("ab", RecursionError)


def test_too_many_threads_are_refused_as_by_the_system() -> None:
    def act(run: ThreadRun) -> None:
        event = threading.Event()
        while True:
            threading.Thread(target=event.wait).start()

    run = play(act)
    assert "can't start new thread" in str(run.errors["a"])
    assert not run.escaped


def test_a_system_without_threads_is_an_error_of_who_starts_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(function: object, args: object) -> None:
        raise RuntimeError("can't start new thread")

    def act(run: ThreadRun) -> None:
        monkeypatch.setattr(thread_schedule, "start_new_thread", refuses)
        threading.Thread(target=print).start()

    run = play(act, lambda run: run.wait(1.0))
    assert (str(run.errors["a"]), run.stop, run.time) == ("can't start new thread", None, 1.0)


def test_an_exception_in_a_started_thread_goes_to_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, object]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: seen.append((args.exc_type, args.thread.name)))
    never = threading.Event()

    def fails() -> None:
        raise KeyError

    def act(run: ThreadRun) -> None:
        threading.Thread(target=fails, name="helper").start()
        threading.Thread(target=never.wait, name="unwound").start()

    run = play(act)
    assert (seen, run.errors, [name for name, _ in run.left]) == ([(KeyError, "helper")], {}, ["unwound"])


def test_a_pool_left_behind_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    pools: list[ThreadPoolExecutor] = []

    def act(run: ThreadRun) -> None:
        pools.append(ThreadPoolExecutor(1))
        pools[0].submit(time.sleep, 1.0).result()

    with caplog.at_level(logging.DEBUG):
        run = play(act)
    assert (run.stop, [name for name, _ in run.left]) == (None, ["ThreadPoolExecutor-0_0"])
    assert caplog.records == []


def test_a_pool_that_nobody_holds_ends_its_threads() -> None:
    run = play(lambda run: ThreadPoolExecutor(1).submit(time.sleep, 1.0).result())
    assert (run.stop, run.left) == (None, [])


def test_an_import_is_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "burnin_test_lazily_imported"
    (tmp_path / f"{name}.py").write_text(
        "import threading\nlock = threading.Lock()\nfor _ in range(200):\n    with lock:\n        pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = load(f"""
        def use():
            import {name}
            return {name}.lock
    """)

    def points(seed: int) -> int:
        run = play(lambda run: module.use(), lambda run: module.use(), seed=seed, gap=4, timeout=2.0)
        assert (run.stop, run.errors) == (None, {})
        return run.points

    for seed in range(5):
        monkeypatch.delitem(sys.modules, name, raising=False)
        assert points(seed) < 100
