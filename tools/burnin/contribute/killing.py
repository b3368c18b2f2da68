"""Killing generated mutants: which properties notice one.

A mutant is graded by the real grader: first the properties that killed its neighbours, then the cheapest; first with the scripts of the
quick effort, which are the first ones of every effort; and no further than to the first property that fails. At `DEEP`, it goes on to the
second one, so that a mutant that one property alone notices is known for sure: all others have passed.

At `STANDARD`, a recorded survivor is looked at with the scripts of the quick effort only; at `DEEP` with all.

`Cards` keeps what each mutant came to, so that a second run takes seconds.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import msgspec

from burnin.contribute.cards import Ask, Cards, Source, suite_digest
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
    card = cards.card(exercise, Ask(Source.at(exercise.reference), depth.effort, depth.seed))
    found = properties(card)
    failed = next((id for id, result in found.items() if result.status != "passed"), None)
    if failed is not None or card.problem:
        why = card.problem or f"{failed} fails"
        raise Blocked(f"the reference does not pass its suite ({why.rstrip('.')})", "reference")
    suite = suite_digest(exercise)
    executioner = _Executioner(exercise, suite, cards, depth, tuple(found))
    running = []
    for mutation, recorded in mutants:
        lenient = recorded and not depth.recorded_too
        asked = f"{depth.effort} {depth.seed} {depth.alone} {lenient}"
        parts = ["generated", _source(), exercise.name, suite, mutation.digest, asked]
        running.append(cards.later(parts, Fate, partial(executioner.fate, mutation, lenient)))
    try:
        return tuple(found), [future.result() for future in running]
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


class _Executioner:
    """Grades mutants of one exercise, from any number of threads."""

    def __init__(self, exercise: Exercise, suite: str, cards: Cards, depth: Depth, every: tuple[str, ...]) -> None:
        self._exercise, self._suite, self._cards = exercise, suite, cards
        self._depth, self._properties, self._experience = depth, every, _Experience()
        self._cheapest: Sequence[str] = every
        self._first = threading.Lock()

    def fate(self, mutation: Mutation, lenient: bool) -> Fate:
        """Look for the properties that the mutant fails: with few scripts, and then, unless it is to be lenient, with all."""
        wanted = 2 if self._depth.alone else 1
        killers: list[str] = []
        with (
            tempfile.TemporaryDirectory(prefix="burnin-mutant-") as folder,
            self._cards.grader(self._exercise, self._suite) as grader,
        ):
            if self._first.acquire(blocking=False):  # and never released: others need not wait for an order
                self._cheapest = self._by_cost(grader)
            path = Path(folder) / f"{self._exercise.name}.py"
            path.write_text(mutation.text, "utf-8")
            for effort in ["quick"] if lenient else dict.fromkeys(["quick", self._depth.effort]):
                rest = [it for it in self._properties if it not in killers]
                while len(killers) < wanted and rest:
                    passed, killer, imported = self._ask(grader, path, mutation.where, effort, rest)
                    if not imported:
                        return Fate(imported=False)
                    if killer is None:
                        break
                    self._experience.learn(mutation.where, killer)
                    killers.append(killer)
                    rest = [it for it in rest if it not in passed and it != killer]
        return Fate(tuple(killers))

    def _by_cost(self, grader: Grader) -> list[str]:
        """The properties, those first that take the least time with the reference."""
        seconds: dict[str, float] = {}
        before = time.perf_counter()

        def heard(result: PropertyResult, stage: int, number: int) -> None:
            nonlocal before
            now = time.perf_counter()
            seconds[result.id], before = now - before, now

        options = Options(effort="quick", seed=self._depth.seed, only=self._properties)
        grader.grade(self._exercise.reference, options, heard)
        return sorted(self._properties, key=seconds.__getitem__)

    def _ask(
        self, grader: Grader, path: Path, where: str, effort: str, wanted: Sequence[str]
    ) -> tuple[list[str], str | None, bool]:
        """The properties that passed, the one that did not, and whether the mutant could be imported."""
        heard: list[PropertyResult] = []
        options = Options(
            effort=effort,
            seed=self._depth.seed,
            only=tuple(wanted),
            first=tuple(dict.fromkeys([*self._experience.first(where), *self._cheapest])),
            until_failure=True,
            shrink=False,
        )
        card = grader.grade(path, options, lambda result, *_: heard.append(result))
        failed = next((number for number, result in enumerate(heard) if result.status != "passed"), len(heard))
        killer = heard[failed].id if failed < len(heard) else None
        return [result.id for result in heard[:failed]], killer, card.problem is None


@cache
def _source() -> str:
    """SHA-256 of this module, which has a say in what mutants come to."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
