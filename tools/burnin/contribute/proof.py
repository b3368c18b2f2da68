"""The library's own proof: one measured row for each exercise, to be shown by `proof_page`.

Every number is taken from results that `check` and the mutants leave in `Cards`. What cannot have changed is not computed again: a result is
kept under a hash of all that has a say in it. Times are the exception; they are measured anew in each run.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import msgspec

from burnin.confine import available
from burnin.contribute.alternates import load_alternates
from burnin.contribute.cards import Ask, Cards
from burnin.contribute.check import check
from burnin.contribute.finding import Outcome
from burnin.contribute.gates.generated import adequacy_of
from burnin.contribute.gates.mutants import CAUGHT
from burnin.contribute.subject import Depth, Subject, properties
from burnin.library import Exercise, Library

__all__ = ["Machine", "Proof", "Row", "prove"]

PACKAGES = ("burnin", "anyio", "hypothesis", "msgspec", "mutmut", "mypy", "pytest", "trio")


class Machine(msgspec.Struct, frozen=True):
    """Where it was measured."""

    system: str
    processor: str
    cores: int
    python: str
    confinement: str
    packages: dict[str, str]


class Row(msgspec.Struct, frozen=True):
    """What was measured of one exercise."""

    name: str
    title: str
    version: int
    suite: str
    """SHA-256 over the suite's files."""
    properties: int
    gates_passed: int
    gates: int
    hand_made: int
    hand_made_killed: int
    generated: int
    """Generated mutants that were graded; `generated_made` is how many the tool makes."""
    generated_made: int
    generated_killed: int
    equivalent: int
    """Survivors that are recorded as equivalent."""
    allowed: int
    """Survivors that are recorded as allowed by the statement."""
    killed_alone: dict[str, int]
    """For each property, the generated mutants that no other one kills."""
    solutions: int
    """The reference and the alternates; `accepted` is how many of them have all points at every seed."""
    accepted: int
    alternates: int
    blind: int
    seeds: int
    repeats: int
    """Grades of one submission, all but the first in processes of their own; `identical` is how many of those were as the first."""
    repeated: int
    identical: int
    seconds: float
    """Real seconds of a full grade of the reference, by two judges, from cold: the median of a few."""


class Proof(msgspec.Struct, frozen=True):
    """A whole run."""

    measured: str
    """Date and time, with the offset from UTC, at which the run began."""
    depth: str
    """With which effort, in words."""
    machine: Machine
    rows: list[Row]


def prove(
    library: Library,
    exercises: Sequence[Exercise],
    cards: Cards,
    depth: Depth,
    *,
    on_outcome: Callable[[Exercise, Outcome], None] = lambda exercise, outcome: None,
) -> Proof:
    """Run every gate, and measure. `on_outcome(exercise, outcome)` hears each gate as it ends, from any thread.

    Raises `GraderFailed` for a suite that cannot be run, `Blocked` for an exercise without a reference or with mutants that do not fit, and
    `UserError` for a record that cannot be read: there is nothing to measure then.
    """
    began = datetime.now().astimezone()
    report = check(library, exercises, cards, depth, on_outcome=on_outcome)
    rows = [
        _row(Subject(library, exercise, cards, depth), checked.gates)
        for exercise, checked in zip(exercises, report.exercises, strict=True)
    ]
    return Proof(began.isoformat(" ", "minutes"), depth.told, _machine(), rows)


def _row(subject: Subject, gates: list[Outcome]) -> Row:
    exercise, depth = subject.exercise, subject.depth
    results = subject.mutant_results()
    adequate = adequacy_of(subject, alone=True)
    alternates = load_alternates(exercise)
    solutions = subject.full([subject.reference, *subject.alternates], seeds=depth.seeds)
    repeated = [subject.repeated(source) for source in [subject.reference, *(it for _, it in subject.few_mutants())]]
    later = [card == cards[0] for cards in repeated for card in cards[1:]]
    with Cards(None) as fresh:
        timed = fresh.apart(exercise, Ask(subject.reference), range(-depth.timings, 0), side_by_side=False)
    return Row(
        name=exercise.name,
        title=exercise.manifest.title,
        version=exercise.manifest.version,
        suite=exercise.suite_hash(),
        properties=len(properties(subject.listed)),
        gates_passed=sum(gate.status == "passed" for gate in gates),
        gates=len(gates),
        hand_made=len(results),
        hand_made_killed=sum(result is not None and result.status in CAUGHT for _, result in results),
        generated=adequate.graded,
        generated_made=adequate.made,
        generated_killed=adequate.killed,
        equivalent=adequate.survived("equivalent"),
        allowed=adequate.survived("allowed"),
        killed_alone=dict(adequate.killed_alone),
        solutions=len(solutions),
        accepted=sum(all(card.score == card.possible > 0 for card in found) for found in solutions),
        alternates=len(alternates),
        blind=sum(record.blind for record in alternates.values()),
        seeds=depth.seeds,
        repeats=depth.repeats,
        repeated=len(later),
        identical=sum(later),
        seconds=round(median(found.seconds for found in timed), 1),
    )


def _machine() -> Machine:
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        confinement=available().backend,
        packages={name: version(name) for name in PACKAGES},
    )


def _processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())
