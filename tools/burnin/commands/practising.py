"""`burnin practice`."""

from __future__ import annotations

import contextlib
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import jobs_option, library_option, minutes_option, open_library
from burnin.commands.sitting import told_result
from burnin.library import UserError
from burnin.practice import Attempts, as_clock

if TYPE_CHECKING:
    from burnin.practice.session import Session

__all__ = ["practice"]


@click.command()
@click.argument("name")
@minutes_option
@click.option("--new", is_flag=True, help="Begin another attempt, though the last has not ended.")
@click.option("--web", is_flag=True, help="Open the room in the browser; it is served to this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port for --web; 0 takes a free one.")
@click.option("--no-open", is_flag=True, help="With --web: print the address and open nothing.")
@jobs_option
@library_option
def practice(
    name: str,
    minutes: int | None,
    new: bool,
    web: bool,
    port: int,
    no_open: bool,
    jobs: int,
    library_folder: Path | None,
) -> int:
    """Sit NAME against the clock.

    The room shows the statement stage by stage, the clock, the score and the first failure, and grades each save of the submission. It
    goes on with the latest attempt, unless that has ended. The clock runs on when the room is left.
    """
    library = open_library(library_folder)
    exercise = library.exercise(name)
    if not web and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UserError(
            f"The room needs a terminal, or --web; `burnin start {name} --staged{library.option}`, `grade`, `clock`, `ask` and `hint` do the same in plain text."
        )
    attempts = Attempts(library)
    if new:
        attempt = attempts.start(exercise, minutes=minutes, staged=True)
    else:
        attempt = attempts.resume(exercise, minutes=minutes)
    from burnin.practice.session import Session

    with Session(attempt, jobs=jobs) as session:
        if web:
            _serve(session, port, no_open=no_open)
        else:
            from burnin.practice.room import Room

            Room(session).run()
    record = attempt.record()
    said = f"{name}, attempt {attempt.number}: {as_clock(attempt.clock().minute)} of {record.minutes}:00. "
    if record.finished is None:
        clock = "runs on" if record.running else "is paused"
        said += f"The clock {clock}; `burnin practice {name}{library.option}` comes back, `burnin finish{library.option}` ends it."
    else:
        said += f"{told_result(record)} `burnin debrief{library.option}` shows how it went."
    click.echo(said)
    return 0


def _serve(session: Session, port: int, *, no_open: bool) -> None:
    """The room in the browser, until Ctrl-C."""
    from burnin.practice.web import WebRoom

    room = WebRoom(session, port=port)
    click.echo(f"The room is at {room.address} for this machine alone; Ctrl-C leaves it.")
    if not no_open:
        webbrowser.open(room.address)
    with contextlib.suppress(KeyboardInterrupt):
        room.run()
