"""`burnin start`."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from burnin.commands.options import library_option, minutes_option, open_library
from burnin.library import counted, shown
from burnin.practice import Attempts

__all__ = ["start"]


@click.command()
@click.argument("name")
@minutes_option
@click.option("--staged", is_flag=True, help="Show the follow-ups one by one, as an interviewer does.")
@library_option
def start(name: str, minutes: int | None, staged: bool, library_folder: Path | None) -> int:
    """Begin an attempt at NAME and start its clock.

    The attempt is a folder of its own with the stub, the statement and the sample tests.
    """
    library = open_library(library_folder)
    exercise, attempts = library.exercise(name), Attempts(library)
    before = attempts.latest(name)
    attempt = attempts.start(exercise, minutes=minutes, staged=staged)
    record = attempt.record()
    click.echo(f"The clock runs: {counted(record.minutes, 'minute')} from {record.started:%H:%M}.")
    click.echo(f"  read    {shown(attempt.folder / 'README.md')}")
    click.echo(f"  write   {shown(attempt.submission)}")
    click.echo(f"  try     {shown(attempt.folder / f'test_{name}.py')}, with pytest")
    click.echo(f"  score   burnin grade{library.option}")
    if staged:
        click.echo(f"  go on   the next stage is shown when one passes, or by burnin next{library.option}")
    if before is not None and before.record().open:
        path = shlex.quote(shown(before.submission))
        click.echo(f"Attempt {before.number} is still open: `burnin grade {path}{library.option}` goes on with it.")
    return 0
