"""One seed, one run: in fresh processes, whatever the hash seed. Run as a script it prints its digest."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed, wait

from test_threads_play import load, play

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.threads import ThreadRun

SUBMISSION = """
    import threading, time

    class Cache:
        def __init__(self):
            self.lock = threading.Lock()
            self.values = {}
            self.loading = set()
            self.changed = threading.Condition(self.lock)

        def get(self, key):
            with self.changed:
                while key in self.loading:
                    self.changed.wait(timeout=2.0)
                if key in self.values:
                    return self.values[key]
                self.loading.add(key)
            time.sleep(0.5)
            with self.changed:
                self.values[key] = (key, time.monotonic())
                self.loading.remove(key)
                self.changed.notify_all()
                return self.values[key]
"""


def history(seed: int) -> list[object]:
    module = load(SUBMISSION)
    seen: list[object] = []
    choices = Choices(seed)

    def act(run: ThreadRun) -> None:
        cache = module.Cache()
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(cache.get, key) for key in "abcab"]
            seen.extend(future.result() for future in as_completed(futures))
            seen.append(len(wait(futures).done))
        helpers = {threading.Thread(target=cache.get, args=(key,)) for key in "xyz"}
        for helper in helpers:
            helper.start()
        for helper in helpers:
            helper.join(0.25)
            seen.append((helper.name, helper.ident, run.now()))

    run = play(act, act, choices=choices, gap=8, explore_time=True)
    return [seen, run.points, run.switches, run.time, str(run.stop), run.left, sorted(run.errors), choices.log]


def digest() -> str:
    return hashlib.sha256(repr([history(seed) for seed in range(20)]).encode()).hexdigest()


def test_a_seed_replays_in_fresh_processes_with_other_hash_seeds() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__], env={**environment, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True
        )
        for seed in ("0", "1", "42")
    ]
    digests = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert digests == {digest()}


def test_seeds_differ() -> None:
    assert len({repr(history(seed)) for seed in range(5)}) == 5


if __name__ == "__main__":
    print(digest())
