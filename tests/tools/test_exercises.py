"""Every exercise of the library passes its gates (`burnin check` says what they are); the long ones are in the sweep.

Gates that look at the same grades are one test, so that no grade is made twice. The generated mutants are in the sweep, too. The gate `speed` is left to `burnin check`: a timing decides no test.
Results are kept from run to run only if BURNIN_CACHE names a folder for them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from burnin.contribute.cards import Cards
from burnin.contribute.check import check
from burnin.contribute.gates import GATES
from burnin.contribute.report import as_text
from burnin.contribute.subject import DEEP, TESTED, Depth
from burnin.library import Exercise, Library

LIBRARY = Library.find(None, Path(__file__))
EXERCISES = [LIBRARY.exercise(name) for name in LIBRARY.names()]
TOGETHER = {
    "texts": ("layout", "stages", "names", "discussion", "suite", "rules", "signatures", "leaks", "copies", "stub"),
    "samples": ("samples", "sample_subset"),
    "scripts": ("bounds", "agreement"),
    "submissions": ("reference", "alternates", "mutants", "stories", "snapshots", "versions"),
}
SWEPT = ("generated", "repeat")
TIMED = ("speed",)


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Each of pytest's workers on a core of its own, with all that it starts: two of them would often take the same."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {sorted(before)[number % len(before)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.fixture(scope="module")
def cards() -> Iterator[Cards]:
    folder = os.environ.get("BURNIN_CACHE")
    with on_one_core(), Cards(Path(folder) if folder else None, jobs=1) as made:
        yield made


def passes(exercise: Exercise, cards: Cards, depth: Depth, ids: tuple[str, ...]) -> None:
    report = check(LIBRARY, [exercise], cards, depth, gates=[gate for gate in GATES if gate.id in ids])
    assert report.passed, as_text(report)


def test_every_gate_is_run() -> None:
    chosen = [id for ids in TOGETHER.values() for id in ids]
    assert sorted([*chosen, *SWEPT, *TIMED]) == sorted(gate.id for gate in GATES)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("ids", TOGETHER.values(), ids=TOGETHER)
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
def test_gates(exercise: Exercise, ids: tuple[str, ...], cards: Cards) -> None:
    passes(exercise, cards, TESTED, ids)


@pytest.mark.sweep
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("id", [*TOGETHER["scripts"], "reference", "alternates", *SWEPT])
@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
def test_sweep(exercise: Exercise, id: str, cards: Cards) -> None:
    passes(exercise, cards, DEEP, (id,))
