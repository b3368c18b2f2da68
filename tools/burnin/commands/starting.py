"""`burnin start`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from burnin.commands.options import library_option, open_library, shown
from burnin.practice import Attempts

__all__ = ["start"]


@click.command()
@click.argument("name")
@library_option
def start(name: str, library_folder: Path | None) -> int:
    """Begin an attempt at NAME and start its clock.

    The attempt is a folder of its own with the stub, the statement and the sample tests.
    """
    library = open_library(library_folder)
    attempt = Attempts(library).start(library.exercise(name), datetime.now().astimezone())
    clock = attempt.clock
    click.echo(f"The clock runs: {clock.minutes} minutes from {clock.started:%H:%M}.")
    click.echo(f"  read    {shown(attempt.folder / 'README.md')}")
    click.echo(f"  write   {shown(attempt.submission)}")
    click.echo(f"  try     {shown(attempt.folder / f'test_{name}.py')}, with pytest")
    click.echo("  score   burnin grade")
    return 0
