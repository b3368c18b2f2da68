"""`burnin grade`."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import exercise_option, jobs_option, library_option, open_library
from burnin.commands.scoring import score
from burnin.commands.sitting import told_stage
from burnin.commands.target import find_target
from burnin.library import UserError
from burnin.practice import Attempt, Moment

if TYPE_CHECKING:
    from burnin.scorecard import Scorecard

__all__ = ["grade"]


@click.command()
@click.argument("name_or_path", metavar="[NAME or PATH]", required=False)
@click.option("--reference", is_flag=True, help="Grade the reference solution of NAME.")
@click.option("--json", "as_json", is_flag=True, help="Print the scorecard as one JSON object.")
@click.option("--all", "everything", is_flag=True, help="Show every failure, not only the first of each stage.")
@click.option("--effort", type=click.Choice(["quick", "standard", "deep"]), default="standard", help="How far to look.")
@click.option(
    "--explore",
    metavar="SEED",
    type=click.IntRange(min=1),
    help="Look elsewhere than a score does; it is not recorded.",
)
@jobs_option
@click.option("--require-sandbox", is_flag=True, help="Refuse to grade where a submission cannot be fully confined.")
@exercise_option
@library_option
def grade(
    name_or_path: str | None,
    reference: bool,
    as_json: bool,
    everything: bool,
    effort: str,
    explore: int | None,
    jobs: int,
    require_sandbox: bool,
    exercise_name: str | None,
    library_folder: Path | None,
) -> int:
    """Score a submission.

    It is the latest attempt, or the latest one at NAME, or the file at PATH.
    """
    library = open_library(library_folder)
    target = find_target(library, name_or_path, exercise=exercise_name, reference=reference)
    if require_sandbox:
        _refuse_without_sandbox()
    from burnin.grade import Options

    keeping = None if target.attempt is None or explore is not None else _Keeping(target.attempt)
    card = score(target, Options(effort=effort, seed=explore or 0, jobs=jobs))
    opened = [] if keeping is None else keeping.keep(card)
    _show(card, as_json=as_json, everything=everything)
    for line in opened if not as_json else []:
        click.echo(line)
    return 0 if card.score == card.possible > 0 else 1


def _refuse_without_sandbox() -> None:
    from burnin.confine import available

    confinement = available()
    if not confinement.strong:
        why = " ".join(confinement.detail)
        raise UserError(
            f"This machine cannot fully confine a submission ({why.rstrip('.')}), and --require-sandbox refuses to grade without; "
            "grade on Linux 5.13 or newer, or leave the option out for code that you trust."
        )


class _Keeping:
    """A grade of an attempt: it belongs to the moment at which it begins, and is kept at its end.

    A score that cannot be kept is shown all the same.
    """

    def __init__(self, attempt: Attempt) -> None:
        from burnin.grade import read_submission

        self._attempt, self._now, self._minute = attempt, Moment.now(), 0.0
        self._data, _ = read_submission(attempt.submission)
        self._problem: UserError | None = None
        try:
            attempt.working(self._data, self._now)
            self._minute = attempt.clock(self._now).minute
        except UserError as problem:
            self._problem = problem

    def keep(self, card: Scorecard) -> list[str]:
        """Record it; returns a line for each stage that it opened."""
        same = (
            hashlib.sha256(self._data).hexdigest() == card.submission.sha256
        )  # it may have been saved again meanwhile
        data = self._data if same else b""
        try:
            if self._problem is not None:
                raise self._problem
            opened = self._attempt.graded(card, data, self._now.wall, self._minute)
            return [told_stage(self._attempt, stage) for stage in opened]
        except UserError as problem:
            click.echo(f"burnin: This score was not recorded. {problem}", err=True)
            return []


def _show(card: Scorecard, *, as_json: bool, everything: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(card))
        return
    from burnin.grade.render import ScorecardConsole, show_scorecard

    show_scorecard(card, ScorecardConsole(sys.stdout), everything=everything)
