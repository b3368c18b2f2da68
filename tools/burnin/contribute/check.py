"""`check`: every gate for every exercise, side by side, cheapest first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from burnin.contribute.cards import Cards
from burnin.contribute.finding import Blocked, Finding, Outcome, Status
from burnin.contribute.gates import GATES, Gate
from burnin.contribute.subject import Depth, Subject
from burnin.grade.grader import GraderFailed
from burnin.library import Exercise, Library, UserError

__all__ = ["Checked", "Report", "check", "select"]

ABREAST = 6
"""Gates that are under way together: mostly they wait for grades, of which there are as many at once as there are cores."""


class Checked(msgspec.Struct):
    """One exercise and how each gate went."""

    name: str
    draft: bool
    gates: list[Outcome]


class Report(msgspec.Struct):
    """A whole run."""

    depth: str
    """What was run, in words."""
    seconds: float
    exercises: list[Checked]

    @property
    def passed(self) -> bool:
        """Whether no gate has failed, neither a gate of this run nor one that it waits for.

        What is in progress in a draft, and what cannot be run on this machine, is no failure.
        """
        outcomes = [outcome for checked in self.exercises for outcome in checked.gates]
        return not any(outcome.status == "failed" or outcome.waits_for for outcome in outcomes)


@dataclass(frozen=True)
class _Task:
    gate: Gate
    subject: Subject


def select(ids: Sequence[str]) -> Sequence[Gate]:
    """The gates of these ids, or all if there are none. Raises `UserError` for an id that no gate has."""
    known = {gate.id: gate for gate in GATES}
    for id in ids:
        if id not in known:
            raise UserError(f"There is no gate named {id}; there are {', '.join(known)}.")
    return [gate for gate in GATES if gate.id in ids] if ids else GATES


def check(
    library: Library,
    exercises: Sequence[Exercise],
    cards: Cards,
    depth: Depth,
    *,
    gates: Sequence[Gate] = GATES,
    accept: bool = False,
    on_outcome: Callable[[Exercise, Outcome], None] = lambda exercise, outcome: None,
) -> Report:
    """Run the gates. With `accept`, the stories and verdicts of now are recorded as the right ones.

    `on_outcome(exercise, outcome)` hears each gate as it ends, from any thread.
    """
    began = time.perf_counter()
    subjects = [Subject(library, exercise, cards, depth, accept=accept) for exercise in exercises]
    tasks = [_Task(gate, subject) for gate in gates for subject in subjects]
    outcomes: dict[tuple[str, str], Outcome] = {}

    def run(task: _Task) -> None:
        outcome = _run(task.gate, task.subject)
        outcomes[task.subject.exercise.name, task.gate.id] = outcome
        on_outcome(task.subject.exercise, outcome)

    pool = ThreadPoolExecutor(ABREAST, "burnin-gates")
    try:
        for future in [pool.submit(run, task) for task in tasks if not task.gate.alone]:
            future.result()
    except BaseException:  # interrupted, or a gate is at fault: what has not begun is not wanted any more
        pool.shutdown(wait=False, cancel_futures=True)
        cards.stop()
        raise
    finally:
        pool.shutdown()
    for task in tasks:
        if task.gate.alone:
            run(task)
    checked = [
        Checked(one.exercise.name, one.exercise.draft, [outcomes[one.exercise.name, gate.id] for gate in gates])
        for one in subjects
    ]
    return Report(depth.told, round(time.perf_counter() - began, 1), checked)


def _run(gate: Gate, subject: Subject) -> Outcome:
    began = time.perf_counter()
    findings: list[Finding] = []
    note = waits_for = ""
    try:
        findings = list(gate.check(subject))
    except Blocked as blocked:
        status: Status = "not run"
        note, waits_for = str(blocked), blocked.waits_for
    except GraderFailed as failed:
        status = "failed"
        findings = [
            subject.finding(subject.exercise.suite / "__init__.py", None, str(failed).rstrip("."), "mend the suite")
        ]
    else:
        only_missing = all(finding.missing for finding in findings)
        status = "passed" if not findings else "in progress" if subject.exercise.draft and only_missing else "failed"
    return Outcome(gate.id, gate.rule, status, findings, note, round(time.perf_counter() - began, 2), waits_for)
