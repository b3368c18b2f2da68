"""`burnin practice`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from burnin.commands.options import jobs_option, library_option, minutes_option, open_library
from burnin.commands.sitting import minutes as shown_minutes
from burnin.commands.sitting import told_result
from burnin.library import UserError
from burnin.practice import Attempts

__all__ = ["practice"]


@click.command()
@click.argument("name")
@minutes_option
@click.option("--new", is_flag=True, help="Begin another attempt, though the last has not ended.")
@jobs_option
@library_option
def practice(name: str, minutes: int | None, new: bool, jobs: int, library_folder: Path | None) -> int:
    """Sit NAME against the clock.

    The room shows the statement stage by stage, the clock, the score and the first failure, and grades each save of the submission. It
    goes on with the latest attempt, unless that has ended. The clock runs on when the room is left.
    """
    library = open_library(library_folder)
    exercise = library.exercise(name)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            f"The room needs a terminal; `burnin start {name} --staged`, `grade`, `clock`, `ask` and `hint` do the same in plain text."
        )
    attempts = Attempts(library)
    if new:
        attempt = attempts.start(exercise, minutes=minutes, staged=True)
    else:
        attempt = attempts.resume(exercise, minutes=minutes)
    from burnin.practice.room import Room
    from burnin.practice.session import Session

    with Session(attempt, jobs=jobs) as session:
        Room(session).run()
    record = attempt.record()
    said = f"{name}, attempt {attempt.number}: {shown_minutes(attempt.clock().minute)} of {record.minutes}:00. "
    if record.finished is None:
        clock = "runs on" if record.running else "is paused"
        said += f"The clock {clock}; `burnin practice {name}` comes back, `burnin finish` ends it."
    else:
        said += told_result(record)
    click.echo(said)
    return 0
