"""`burnin debrief`."""

from __future__ import annotations

import webbrowser
from datetime import datetime
from pathlib import Path

import click

from burnin.commands.options import latest_attempt, library_option, open_library
from burnin.library import UserError, shown
from burnin.practice import ASSESSMENT, Attempt, Attempts

__all__ = ["debrief"]


@click.command()
@click.argument("name", required=False)
@click.option("--attempt", "number", metavar="NUMBER", type=click.IntRange(min=1), help="An earlier attempt at NAME.")
@click.option("--assess", is_flag=True, help="Answer five questions on how the interview went; the answers are kept.")
@click.option("--no-open", is_flag=True, help="Write the page without opening it in the browser.")
@library_option
def debrief(name: str | None, number: int | None, assess: bool, no_open: bool, library_folder: Path | None) -> int:
    """Show the debrief of an attempt that has ended.

    It is the one that ended last, at NAME or at any, as a page in the browser.
    """
    attempt = _attempt(library_folder, name, number)
    from burnin.practice.debrief import write_debrief

    record = attempt.record()
    if assess:
        answers = {key: _answer(question, record.assessment.get(key, "")) for key, question in ASSESSMENT.items()}
        attempt.store.assess(attempt.name, attempt.number, answers)
        record = attempt.record()
    path = write_debrief(attempt.exercise, record, datetime.now().astimezone())
    click.echo(shown(path))
    if not no_open:
        webbrowser.open(path.as_uri())
    return 0


def _attempt(library_folder: Path | None, name: str | None, number: int | None) -> Attempt:
    library = open_library(library_folder)
    if number is None:
        return Attempts(library).last_ended(name) or latest_attempt(library, name)
    if name is None:
        raise UserError(
            f"--attempt needs the name of an exercise: `burnin debrief NAME --attempt NUMBER{library.option}`."
        )
    found = {attempt.number: attempt for attempt in Attempts(library).all(library.exercise(name).name)}
    if number not in found:
        raise UserError(f"There is no attempt {number} at {name}.")
    return found[number]


def _answer(question: str, before: str) -> str:
    answer: str = click.prompt(question, default=before, show_default=bool(before))
    return answer.strip()
