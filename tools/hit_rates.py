"""How often each mutant of an exercise shows: whether a property's scripts meet the mistakes that it is for.

    nox -s hit_rates -- EXERCISE [PROPERTY ...]     python tools/hit_rates.py [--plays 200] [--seed hits] EXERCISE [PROPERTY ...]

Each mutant is played with scripts that no grade uses, and judged by the property that must catch it. `caught` is the chance that the
scripts of one grade at standard effort catch it, whatever the seed. A mutant that shows in one of fifty is caught at the seeds that the
gate `mutants` tries and missed at others: better scripts help more than more of them.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from burnin.contribute.mutants import load_mutants, mutated
from burnin.judge.explore import EFFORTS, Batch, Seeded, checked
from burnin.judge.player import WorkerPlayer
from burnin.judge.processes import Template
from burnin.judge.promise import Promise
from burnin.library import Exercise, Library, UserError
from burnin.replay import load_suite

ENOUGH = 40
"""Plays that show a mutant after which its rate is known well enough."""


class Rate(NamedTuple):
    """How many of the plays showed the mutant, and how many scripts a grade has for the property."""

    caught_by: str
    mutant: str
    shown: int
    plays: int
    scripts: int

    @property
    def rate(self) -> float:
        """The share of scripts that show it."""
        return self.shown / max(1, self.plays)

    @property
    def caught(self) -> float:
        """The chance that one grade catches it."""
        return float(1 - (1 - self.rate) ** self.scripts)


def main() -> int:
    """Measure and print, the rarest first. Exit code 2 for an exercise or a property that there is not."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("exercise")
    parser.add_argument("properties", nargs="*", metavar="property")
    parser.add_argument("--plays", type=int, default=200)
    parser.add_argument("--seed", default="hits")
    options = parser.parse_args()
    try:
        exercise, suite = _known(options.exercise)
    except UserError as error:
        parser.error(str(error))
    if unknown := sorted(set(options.properties) - set(suite)):
        parser.error(f"{options.exercise} has no property {', '.join(unknown)}; it has {', '.join(suite)}.")
    wanted = set(options.properties) or set(suite)
    mutants = [
        one for one in load_mutants(exercise) if one.caught_by in wanted and suite[one.caught_by].scripts is not None
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        measured = pool.map(
            measure,
            [exercise.name] * len(mutants),
            [one.name for one in mutants],
            [options.plays] * len(mutants),
            [options.seed] * len(mutants),
        )
        rates = list(track(measured, "playing", len(mutants), console=Console(stderr=True)))
    table = Table("property", "mutant", "shows in", "of plays", "rate", "scripts of a grade", "caught")
    for one in sorted(rates, key=lambda one: one.caught):
        table.add_row(
            one.caught_by,
            one.mutant,
            f"{one.shown}",
            f"{one.plays}",
            f"{one.rate:.3f}",
            f"{one.scripts}",
            f"{one.caught:.1%}",
        )
    Console(width=max(120, Console().width)).print(table)
    return 0


@cache
def _known(name: str) -> tuple[Exercise, dict[str, Promise]]:
    exercise = Library.find(None, Path(__file__).parent).exercise(name)
    return exercise, load_suite(exercise.suite)


@cache
def _seeded(name: str, promise: str, seed: str) -> Seeded:
    scripts = _known(name)[1][promise].scripts
    assert scripts is not None
    return Seeded(scripts, seed)


def measure(name: str, mutant: str, plays: int, seed: str) -> Rate:
    """Play one mutant until it has shown often enough."""
    exercise, suite = _known(name)
    made = next(one for one in load_mutants(exercise) if one.name == mutant)
    promise, seeded = suite[made.caught_by], _seeded(name, made.caught_by, seed)
    shown = played = 0
    with Template(name, mutated(made, exercise.reference.read_text("utf-8")).encode()) as template:
        player = WorkerPlayer(template)
        batch = Batch(seeded, player)
        for number in range(plays):
            if shown == ENOUGH:
                break
            drawn = seeded.script(number)
            if drawn is None:
                continue
            played += 1
            try:
                checked(promise.check, batch, drawn[0])
            except Exception:  # a verdict, or the check stumbled over what the mutant returned, which fails it too
                shown += 1
        player.close()
    scripts = EFFORTS["standard"].scripts(promise.scale)
    return Rate(made.caught_by, mutant, shown, played, scripts)


if __name__ == "__main__":
    raise SystemExit(main())
