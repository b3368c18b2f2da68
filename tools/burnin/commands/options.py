"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from burnin.library import Library

__all__ = ["exercise_option", "jobs_option", "library_option", "open_library", "shown"]

library_option = click.option(
    "--library",
    "library_folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A library of exercises; the default is the one around the current folder, or Burnin's own.",
)
exercise_option = click.option(
    "--exercise", "exercise_name", metavar="NAME", help="The exercise that a file is a submission to."
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(min=0), default=0, help="Judges side by side; 0 suits the machine."
)


def open_library(folder: Path | None) -> Library:
    """The library that `--library` names, or the one that is found. Raises `UserError` if there is none."""
    return Library.find(folder, Path.cwd())


def shown(path: Path) -> str:
    """The path as the user would write it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
