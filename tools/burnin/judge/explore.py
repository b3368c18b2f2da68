"""Find a script that breaks a promise, and make it small.

Seeded scripts come first: drawing one straight from the strategy costs half of what Hypothesis' engine does, and uniform draws
find rare interleavings sooner than its generator, which favours small and repeated values. When one fails, its choices are
handed to Hypothesis, which shrinks them. At deep effort Hypothesis also generates scripts of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.control import BuildContext
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import StopTest, UnsatisfiedAssumption
from hypothesis.internal.conjecture import providers
from hypothesis.internal.conjecture.data import ConjectureData
from hypothesis.internal.conjecture.engine import ConjectureRunner, RunIsComplete
from hypothesis.internal.conjecture.shrinker import sort_key
from hypothesis.internal.constants_ast import Constants
from hypothesis.internal.escalation import InterestingOrigin
from hypothesis.strategies import SearchStrategy

from burnin.history import History
from burnin.judge.player import Play, Player
from burnin.judge.session import Session
from burnin.judge.verdict import Broken, Stuck, Verdict
from burnin.script import Script

__all__ = ["EFFORTS", "Batch", "Effort", "Failure", "Once", "Seeded", "checked", "explore"]

# Hypothesis draws constants that it finds in local source files. Which those are depends on where this package is installed and
# on what has been imported so far; a score must not.
providers._get_local_constants = Constants

SHRINK_PLAYS = 150
"""A bound on the plays of one shrink, counted and not timed, so that the smallest story is the same on any machine."""
LATER_SHRINK_PLAYS = 60
"""The bound for the later failures of one batch: the first one's story is the one that is shown."""


@dataclass(frozen=True)
class Effort:
    """How far a property is explored: seeded scripts, and scripts by Hypothesis' own generator."""

    seeded: int
    generated: int

    def scripts(self, scale: float) -> int:
        """How many seeded scripts a property of this scale has."""
        return max(1, round(self.seeded * scale))


EFFORTS = {"quick": Effort(25, 0), "standard": Effort(100, 0), "deep": Effort(1_000, 300)}
Property = Callable[[Play, Script], None]


class Failure(Exception):
    """A property met a verdict; `script` and `history` are those of the smallest play that shows it."""

    def __init__(self, verdict: Verdict, script: Script | None, history: History | None) -> None:
        super().__init__(str(verdict))
        self.verdict, self.script, self.history = verdict, script, history


class Seeded:
    """The scripts that a seed draws from one strategy, each drawn once for all batches and all submissions."""

    def __init__(self, strategy: SearchStrategy[Script], seed: str) -> None:
        self.strategy, self._seed = strategy, seed
        self._drawn: dict[int, tuple[Script, tuple[Any, ...]] | None] = {}
        self._numbers: dict[int, int] = {}

    def script(self, number: int) -> tuple[Script, tuple[Any, ...]] | None:
        """The script of this number and the choices that make it, or None if the strategy gave it up.

        Raises what the strategy raises if it is wrong.
        """
        if not self._drawn:
            self.strategy.validate()
        if number not in self._drawn:
            data = ConjectureData(random=random.Random(f"{self._seed}:{number}"))
            try:
                script = _draw(data, self.strategy)
            except StopTest:
                self._drawn[number] = None
            else:
                data.freeze()
                self._drawn[number] = (script, tuple(data.choices))
                self._numbers[id(script)] = number
        return self._drawn[number]

    def number(self, script: Script) -> int | None:
        """The number under which this very object was drawn, if it was."""
        return self._numbers.get(id(script))


class Batch:
    """The plays of seeded scripts by one submission: each is played once however many properties look at its history.

    It is itself a `Play`: a script that it drew is played the first time that it is asked for and remembered with its verdict.
    They are played in the order of their numbers, and what is found by Hypothesis is played `apart`, so that what a submission carries
    over from one play to the next is the same in every grade. Only a check that plays scripts of its own making comes in between.
    """

    def __init__(
        self,
        seeded: Seeded,
        play: Play,
        *,
        new_player: Callable[[], Player] | None = None,
        shrink_plays: int = SHRINK_PLAYS,
        found: Callable[[Failure], None] = lambda failure: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        self.seeded, self._play, self._new_player = seeded, play, new_player
        self.found = found
        """Hears of a failure before it is shrunk."""
        self.enough = enough
        """Whether a shrink is to end with what it has."""
        self._played: dict[int, tuple[Session | None, History | Verdict]] = {}
        self.last: Session | None = None
        self.stuck: Stuck | None = None
        """Why the last play could not come to its end, if it could not; its history was returned all the same."""
        self.shrink_plays = shrink_plays
        self.strayed = False
        """Whether a check has played scripts of its own making among the batch's."""

    def __call__(self, script: Script) -> History:
        number = self.seeded.number(script)
        self.strayed = self.strayed or number is None
        if number is None or number not in self._played:
            try:
                outcome: History | Verdict = self._play(script)
            except Verdict as verdict:
                outcome = verdict
            self.last = self._play.last
            if number is not None:
                self._played[number] = (self.last, outcome)
        else:
            self.last, outcome = self._played[number]
        if isinstance(outcome, Stuck):
            self.stuck = outcome
            return outcome.history
        if isinstance(outcome, Verdict):
            raise outcome
        return outcome

    @contextmanager
    def apart(self) -> Iterator[Batch]:
        """Where to play scripts that are not this batch's own: in a player made for it, if it was told how to make one."""
        if self._new_player is None:
            yield self
            return
        player = self._new_player()
        try:
            yield Batch(self.seeded, player, enough=self.enough)
        finally:
            player.close()


class Once:
    """Plays each script once, for properties that choose the same ones themselves."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._played: dict[int, tuple[Script, Session | None, History | Verdict]] = {}
        self.last: Session | None = None

    def __call__(self, script: Script) -> History:
        if id(script) not in self._played:
            try:
                outcome: History | Verdict = self._play(script)
            except Verdict as verdict:
                outcome = verdict
            self._played[id(script)] = script, self._play.last, outcome
        _, self.last, outcome = self._played[id(script)]
        if isinstance(outcome, Verdict):
            raise outcome
        return outcome


def explore(check: Property, batch: Batch, *, effort: Effort, seed: str, scale: float = 1.0) -> None:
    """Play the batch's scripts until one fails. Raises `Failure` with the smallest one found."""
    for number in range(effort.scripts(scale)):
        drawn = batch.seeded.script(number)
        if drawn is None:
            continue
        script, choices = drawn
        try:
            checked(check, batch, script)
        except Broken as broken:
            raise _shrunk(check, batch, choices, _failure(broken, script, batch)) from None
        except Verdict as verdict:
            raise _failure(verdict, script, batch) from None
    if effort.generated:
        _generate(check, batch, round(effort.generated * scale), seed)


def checked(check: Property, batch: Batch, script: Script) -> None:
    """Check the property, and then that the play came to its end.

    What a property finds wrong in the history of a play that got stuck says more than that it got stuck.
    """
    batch.stuck = None
    try:
        check(batch, script)
    except Verdict:
        raise
    except Exception:
        if batch.stuck is not None:  # the check stumbled over what is missing at the end
            raise batch.stuck from None
        raise
    if batch.stuck is not None:
        raise batch.stuck


def _draw(data: ConjectureData, strategy: SearchStrategy[Script]) -> Script:
    """Draw as a Hypothesis test would. Raises `StopTest` if the strategy gives this one up."""
    with BuildContext(data, wrapped_test=_draw):
        try:
            return data.draw(strategy)
        except UnsatisfiedAssumption:
            data.mark_invalid()


def _failure(verdict: Verdict, script: Script, play: Play) -> Failure:
    return Failure(verdict, script, None if play.last is None else play.last.history)


class _Condition:
    """Whether a script breaks the promise, for Hypothesis; keeps the failure of the fewest events, and then of the simplest
    choices, and lets only broken promises count."""

    def __init__(self, check: Property, batch: Batch, plays: int | None) -> None:
        self._check, self._batch, self._plays = check, batch, plays
        self.failure: Failure | None = None
        self._smallest: tuple[int, int, tuple[int, ...]] | None = None
        self.other: Failure | None = None

    @property
    def complete(self) -> bool:
        """Whether no more is to be played."""
        return self._plays == 0 or (self._plays is not None and self._batch.enough())

    def __call__(self, data: ConjectureData, script: Script) -> bool:
        if self._plays is not None:
            self._plays -= 1
        try:
            checked(self._check, self._batch, script)
        except Broken as broken:
            failure = _failure(broken, script, self._batch)
            size = (0 if failure.history is None else len(failure.history.events), *sort_key(data.nodes))
            if self._smallest is None or size <= self._smallest:  # it also tries larger ones
                self.failure, self._smallest = failure, size
            return True
        except Verdict as verdict:
            self.other = self.other or _failure(verdict, script, self._batch)
            self._plays = 0  # a worker was lost, or will be again: going on would take long
        return False


def _shrunk(check: Property, batch: Batch, choices: tuple[Any, ...], first: Failure) -> Failure:
    if batch.shrink_plays == 0:
        return first
    batch.found(first)
    entry = _OneEntry(choices_to_bytes(choices))
    with batch.apart() as apart:
        condition = _Condition(check, apart, batch.shrink_plays)
        batch.shrink_plays = LATER_SHRINK_PLAYS
        _find(batch.seeded.strategy, condition, 1, "shrink", [Phase.reuse, Phase.shrink], entry)
    return condition.failure or first


def _generate(check: Property, batch: Batch, examples: int, seed: str) -> None:
    with batch.apart() as apart:
        condition = _Condition(check, apart, None)
        _find(batch.seeded.strategy, condition, examples, seed, [Phase.generate, Phase.shrink], None)
    found = condition.failure or condition.other
    if found is not None:
        raise found


def _find(
    strategy: SearchStrategy[Script],
    condition: _Condition,
    examples: int,
    seed: str,
    phases: list[Phase],
    database: ExampleDatabase | None,
) -> None:
    """Let Hypothesis look for the smallest script that meets the condition, which remembers what was found.

    This is what `hypothesis.find` does, but for one thing: with a fixed seed `find` would ignore the database.
    """
    chosen = settings(
        max_examples=max(1, examples),
        phases=phases,
        database=database,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )

    def test(data: ConjectureData) -> None:
        script = _draw(data, strategy)  # Hypothesis takes it amiss if a known script is not drawn to its end
        if condition.complete:
            raise RunIsComplete
        if condition(data, script):
            data.mark_interesting(InterestingOrigin.from_exception(Broken("")))  # one origin: all failures are one

    ConjectureRunner(test, settings=chosen, random=random.Random(seed), database_key=b"script").run()


class _OneEntry(ExampleDatabase):
    """Hands Hypothesis the choices of one failing example, as if an earlier run had saved them unshrunk."""

    def __init__(self, entry: bytes) -> None:
        super().__init__()
        self._entry = entry

    def fetch(self, key: bytes) -> Iterable[bytes]:
        return [self._entry] if key.endswith(b".secondary") else []

    def save(self, key: bytes, value: bytes) -> None:
        """Nothing is kept: a grade starts from nothing."""

    def delete(self, key: bytes, value: bytes) -> None:
        """Nothing is kept."""
