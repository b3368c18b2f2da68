"""`burnin list`."""

from __future__ import annotations

import shutil
import textwrap
from itertools import groupby
from pathlib import Path

import click
import msgspec

from burnin.commands.options import library_option, open_library
from burnin.library import Exercise, Library, UserError, counted
from burnin.practice import Attempts

__all__ = ["list_exercises"]


class Listed(msgspec.Struct):
    """One exercise in `burnin list --json`."""

    name: str
    title: str
    round: str
    summary: str
    points: int
    par_minutes: int
    minutes: int
    stages: int
    best: int | None


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@library_option
def list_exercises(as_json: bool, library_folder: Path | None) -> int:
    """Show the exercises by round: points, par time, your best score."""
    library = open_library(library_folder)
    listed, problems = _read(library)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(listed)))
    else:
        click.echo("\n".join(_lines(listed)) or "This library has no exercises yet.")
    if problems:
        raise UserError(" ".join(problems))
    return 0


def _read(library: Library) -> tuple[list[Listed], list[str]]:
    """The exercises, and a sentence for each whose manifest is wrong: one of them does not hide the others."""
    attempts = Attempts(library)
    listed, problems = [], []
    for name in library.names():
        try:
            listed.append(_entry(library.exercise(name), attempts.best(name)))
        except UserError as error:
            problems.append(str(error))
    return sorted(listed, key=lambda entry: (entry.round, entry.name)), problems


def _entry(exercise: Exercise, best: int | None) -> Listed:
    manifest = exercise.manifest
    points = sum(stage.points for stage in manifest.stages)
    par = sum(stage.par_minutes for stage in manifest.stages)
    return Listed(
        exercise.name,
        manifest.title,
        manifest.round,
        manifest.summary,
        points,
        par,
        manifest.minutes,
        len(manifest.stages),
        best,
    )


def _lines(listed: list[Listed]) -> list[str]:
    lines = []
    width = min(100, shutil.get_terminal_size().columns)
    longest = max((len(entry.name) for entry in listed), default=0)
    for name, entries in groupby(listed, key=lambda entry: entry.round):
        lines.append(name)
        for entry in entries:
            best = "not tried yet" if entry.best is None else f"your best: {entry.best}"
            figures = f"{counted(entry.points, 'point')} in {counted(entry.stages, 'stage')}, par {counted(entry.par_minutes, 'minute')}, {best}"
            lines += textwrap.wrap(
                f"{entry.name:{longest}}  {figures}", width, initial_indent="  ", subsequent_indent="      "
            )
            lines += textwrap.wrap(entry.summary, width, initial_indent="      ", subsequent_indent="      ")
    return lines
