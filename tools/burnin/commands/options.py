"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from burnin.library import Library, UserError
from burnin.practice import Attempt, Attempts

__all__ = [
    "exercise_option",
    "jobs_option",
    "latest_attempt",
    "library_option",
    "minutes_option",
    "open_library",
]

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
minutes_option = click.option(
    "--minutes", type=click.IntRange(min=1, max=1440), help="How long it lasts; the default is the exercise's time."
)


def open_library(folder: Path | None) -> Library:
    """The library that `--library` names, or the one that is found. Raises `UserError` if there is none."""
    return Library.find(folder, Path.cwd())


def latest_attempt(library: Library, name: str | None) -> Attempt:
    """The attempt that was started last, at this exercise or at any. Raises `UserError` if there is none."""
    if name is not None:
        library.exercise(name)
    attempt = Attempts(library).latest(name)
    if attempt is None:
        which = "There is no attempt yet" if name is None else f"There is no attempt at {name} yet"
        raise UserError(f"{which}; `burnin start {name or 'NAME'}{library.option}` begins one.")
    return attempt
