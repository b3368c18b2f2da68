"""Killing generated mutants: which properties notice one.

A mutant is graded by the real grader: first the properties that killed its neighbours, then the cheapest; first with the scripts of the
quick effort, which are the first ones of every effort; and no further than to the first property that fails. At `DEEP`, it goes on to the
second one, so that a mutant that one property alone notices is known for sure: all others have passed.

At `STANDARD`, a recorded survivor is looked at with the scripts of the quick effort only; at `DEEP` with all.

`Cards` keeps what each mutant came to, so that a second run takes seconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Self

import msgspec

from burnin.contribute.cards import Ask, Cards, Source, own_core, suite_digest
from burnin.contribute.finding import Blocked
from burnin.contribute.mutations import Mutation
from burnin.contribute.subject import properties
from burnin.grade.grader import Grader, Options
from burnin.library import Exercise
from burnin.scorecard import PropertyResult

__all__ = ["DEEP", "STANDARD", "Depth", "Fate", "fates_of"]


@dataclass(frozen=True)
class Depth:
    """How far mutants are graded."""

    name: str
    effort: str
    seed: int = 0
    alone: bool = False
    """Whether to look for a second property that notices a mutant."""
    recorded_too: bool = False
    """Whether recorded survivors are graded as far as others."""
    limit: int | None = None
    """How many mutants to grade: a sample that depends on nothing but the mutants, and the recorded survivors. None is all."""


STANDARD = Depth("standard", "standard", limit=300)
DEEP = Depth("deep", "standard", alone=True, recorded_too=True)


class Fate(msgspec.Struct, frozen=True):
    """What a mutant came to: killed by one or two properties; by none; or it could not be imported, and is no mutant."""

    killers: tuple[str, ...] = ()
    """The first property that failed, and another one if there is one."""
    imported: bool = True


def fates_of(
    exercise: Exercise, cards: Cards, depth: Depth, mutants: Sequence[tuple[Mutation, bool]]
) -> tuple[tuple[str, ...], list[Fate]]:
    """The properties of the suite, and what each mutant comes to; with a mutant comes whether it is a recorded survivor.

    Raises `Blocked` for a reference that does not pass its suite, and `GraderFailed` for a suite that cannot be run.
    """
    every = tuple(properties(cards.card(exercise, Ask(Source.at(exercise.stub), effort="quick"))))
    with _Executioners(exercise, depth, every) as executioners:
        running = []
        for mutation, recorded in mutants:
            lenient = recorded and not depth.recorded_too
            asked = f"{depth.effort} {depth.seed} {depth.alone} {lenient}"
            parts = [
                "generated",
                _source(),
                exercise.name,
                suite_digest(exercise),
                mutation.digest,
                asked,
            ]
            running.append(cards.later(parts, Fate, partial(executioners.fate, mutation, lenient)))
        try:
            return every, [future.result() for future in running]
        finally:
            for future in running:  # after a failure, or an interruption
                future.cancel()
            wait(running)


class _Experience:
    """What the threads learn together. It has a say in the order in which properties are asked, and never in what comes out."""

    def __init__(self) -> None:
        self._killers: dict[str, list[str]] = {}

    def learn(self, where: str, killer: str) -> None:
        """This property killed a mutant in this function."""
        before = self._killers.get(where, [])
        self._killers[where] = [killer, *(it for it in before if it != killer)]

    def first(self, where: str) -> list[str]:
        """What killed the mutants in this function, the latest killer first; and then in its class."""
        own = self._killers.get(where, [])
        top = where.partition(".")[0]
        near = [it for other, found in list(self._killers.items()) if other.partition(".")[0] == top for it in found]
        return [*own, *near]


class _Executioners:
    """Grades mutants of one exercise, from any number of threads, as a context manager."""

    def __init__(self, exercise: Exercise, depth: Depth, every: tuple[str, ...]) -> None:
        self._properties = every
        self._exercise, self._depth, self._experience = exercise, depth, _Experience()
        self._own: dict[int, _Executioner] = {}
        """The executioner of each thread."""
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fate(self, mutation: Mutation, lenient: bool) -> Fate:
        """What the mutant comes to, by the grader of this thread."""
        executioner = self._own.get(threading.get_ident())
        if executioner is None:
            executioner = _Executioner(self._exercise, self._depth, self._properties, self._experience)
            with self._lock:
                self._stack.callback(executioner.close)
            executioner.prepare()
            self._own[threading.get_ident()] = executioner  # not one whose reference failed
        return executioner.fate(mutation, lenient)


class _Executioner:
    """Grades mutants of one exercise with one grader. It has begun when it is made; close it."""

    def __init__(self, exercise: Exercise, depth: Depth, every: tuple[str, ...], experience: _Experience) -> None:
        self._exercise, self._depth, self._properties, self._experience = exercise, depth, every, experience
        self._folder = tempfile.TemporaryDirectory(prefix="burnin-mutants-")
        self._cheapest: list[str] = []
        self._grader = Grader(exercise, jobs=1, core=own_core()).__enter__()

    def close(self) -> None:
        """Let go of the grader."""
        self._grader.__exit__(None, None, None)
        self._folder.cleanup()

    def prepare(self) -> None:
        """Grade the reference: it must pass, and how long its properties take is their order."""
        seconds: dict[str, float] = {}
        failed: list[str] = []
        before = time.perf_counter()

        def heard(result: PropertyResult, stage: int, number: int) -> None:
            nonlocal before
            now = time.perf_counter()
            seconds[result.id], before = now - before, now
            if result.status != "passed":
                failed.append(result.id)

        options = Options(effort=self._depth.effort, seed=self._depth.seed, only=self._properties)
        card = self._grader.grade(self._exercise.reference, options, heard)
        if failed or card.problem:
            why = card.problem or f"{failed[0]} fails"
            raise Blocked(f"the reference does not pass its suite ({why.rstrip('.')})", "reference")
        self._cheapest = sorted(self._properties, key=seconds.__getitem__)

    def fate(self, mutation: Mutation, lenient: bool) -> Fate:
        """Look for the properties that the mutant fails: with few scripts, and then, unless it is to be lenient, with all."""
        wanted = 2 if self._depth.alone else 1
        killers: list[str] = []
        for effort in ["quick"] if lenient else dict.fromkeys(["quick", self._depth.effort]):
            rest = [it for it in self._properties if it not in killers]
            while len(killers) < wanted and rest:
                passed, killer, imported = self._ask(mutation, effort, rest)
                if not imported:
                    return Fate(imported=False)
                if killer is None:
                    break
                self._experience.learn(mutation.where, killer)
                killers.append(killer)
                rest = [it for it in rest if it not in passed and it != killer]
        return Fate(tuple(killers))

    def _ask(self, mutation: Mutation, effort: str, wanted: Sequence[str]) -> tuple[list[str], str | None, bool]:
        """The properties that passed, the one that did not, and whether the mutant could be imported."""
        heard: list[PropertyResult] = []
        card = self._grader.grade(
            self._written(mutation),
            Options(
                effort=effort,
                seed=self._depth.seed,
                only=tuple(wanted),
                first=tuple(dict.fromkeys([*self._experience.first(mutation.where), *self._cheapest])),
                until_failure=True,
                shrink=False,
            ),
            lambda result, *_: heard.append(result),
        )
        failed = next((number for number, result in enumerate(heard) if result.status != "passed"), len(heard))
        killer = heard[failed].id if failed < len(heard) else None
        return [result.id for result in heard[:failed]], killer, card.problem is None

    def _written(self, mutation: Mutation) -> Path:
        path = Path(self._folder.name) / f"{self._exercise.name}.py"
        path.write_text(mutation.text, "utf-8")
        return path


@cache
def _source() -> str:
    """SHA-256 of this module, which has a say in what mutants come to."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
