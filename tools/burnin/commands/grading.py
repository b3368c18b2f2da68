"""`burnin grade`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import exercise_option, jobs_option, library_option, open_library, shown
from burnin.commands.scoring import score
from burnin.commands.target import Target, find_target
from burnin.library import UserError

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

    card = score(target, Options(effort=effort, seed=explore or 0, jobs=jobs))
    if explore is None:
        _record(target, card)
    _show(card, as_json=as_json, everything=everything)
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


def _record(target: Target, card: Scorecard) -> None:
    """Keep the score with its attempt. A score that cannot be kept is shown all the same."""
    if target.attempt is None:
        return
    try:
        target.attempt.record(card, datetime.now().astimezone())
    except OSError as error:
        where = shown(target.attempt.folder)
        click.echo(f"burnin: This score was not recorded: {where} cannot be written ({error.strerror}).", err=True)


def _show(card: Scorecard, *, as_json: bool, everything: bool) -> None:
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(card))
        return
    from burnin.grade.render import ScorecardConsole, show_scorecard

    show_scorecard(card, ScorecardConsole(sys.stdout), everything=everything)
