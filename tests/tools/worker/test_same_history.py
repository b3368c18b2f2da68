"""The same script and the same submission give the same history: in any worker, in any judge process.

Run as a program, this file prints one digest per mode.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pytest
from worlds import POOL, Worker, Workers, shown, tasks, threads

from burnin.judge.verdict import Verdict
from burnin.script import Cancel, Saved, Script, Step, WorldRef, WorldSpec

SEEDS = 20
ASYNC_POOL = Step("AsyncPool", args=(WorldRef("desk"),), save="pool")


def scripts(mode: str, seed: int) -> Script:
    """Traffic in which much happens at one instant."""
    more: dict[str, Any] = {"seed": seed, "worlds": {"desk": WorldSpec("Desk", {"seconds": 0.5, "ticks": seed % 3})}}
    if mode == "threads":
        steps = [
            Step("add", on="pool", args=(1,)),
            Step("get", on="pool", args=("a",), save="h"),
            Step("add_safely", on="pool", args=(2,)),
        ]
        actors = {name: (*steps[turn:], *steps[:turn], Step("read", on="pool")) for turn, name in enumerate("ABC")}
        return threads((POOL,), {**more, "gap": 8, "drift": seed % 2 == 1}, **actors)
    if mode == "calls":
        get = Step("get", on="pool", args=("a",), after=(0.1, 0), save="h")
        return Script(
            setup=(POOL,),
            actors={"A": (get, Step("put", on="pool", args=(Saved("h"),)), Step("fail", args=("long",)))},
            **more,
        )
    return tasks(
        (ASYNC_POOL,),
        {**more, "backend": mode},
        **{
            name: (
                Step("get_three", on="pool", args=(name,), after=(0.5 * (number % 2), number % 3)),
                Step("get", on="pool", args=(name,), cancel=Cancel(after=(0.25 * (1 + number % 3), 0))),
                Step("items", on="pool", args=(2,)),
            )
            for number, name in enumerate("ABCDEF")
        },
    )


def played(worker: Worker, mode: str) -> list[Any]:
    told: list[Any] = []
    for seed in range(SEEDS):
        try:
            worker(scripts(mode, seed))
        except Verdict as verdict:
            told.append(str(verdict))
        told.append(shown(worker.history))
    return told


@pytest.mark.parametrize("mode", ["calls", "asyncio", "trio", "threads"])
def test_a_fresh_worker_tells_the_same(worker: Worker, mode: str) -> None:
    first = played(worker, mode)
    worker.close()
    assert played(worker, mode) == first
    if mode != "calls":
        assert len({str(history) for history in first}) > 3  # the seeds do make a difference


def digests() -> Iterator[str]:
    text = Path(__file__).with_name("submission.py").read_text()
    with Workers() as workers, workers.of(text) as worker:
        for mode in ("calls", "asyncio", "trio", "threads"):
            yield hashlib.sha256(repr(played(worker, mode)).encode()).hexdigest()


def test_a_judge_with_another_hash_seed_tells_the_same() -> None:
    told = set()
    for seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        told.add(ran.stdout)
    assert len(told) == 1
    assert len(told.pop().split()) == 4


if __name__ == "__main__":
    print(*digests(), sep="\n")
