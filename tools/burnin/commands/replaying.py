"""`burnin replay`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import exercise_option, jobs_option, library_option, open_library
from burnin.commands.scoring import score
from burnin.commands.target import Target, find_target
from burnin.library import UserError, shown

if TYPE_CHECKING:
    from burnin.scorecard import PropertyResult, Scorecard

__all__ = ["replay"]


@click.command()
@click.argument("name_or_path", metavar="[NAME or PATH]", required=False)
@click.option(
    "--property", "property_id", metavar="ID", help="The property to replay; the default is the first that failed."
)
@jobs_option
@exercise_option
@library_option
def replay(
    name_or_path: str | None,
    property_id: str | None,
    jobs: int,
    exercise_name: str | None,
    library_folder: Path | None,
) -> int:
    """Run the smallest failure for a debugger.

    It is written as a script that plays it in one process, so that breakpoint() works in the submission.
    """
    target = find_target(open_library(library_folder), name_or_path, exercise=exercise_name)
    from burnin.grade import Options

    card = score(target, Options(jobs=jobs, only=() if property_id is None else (property_id,)))
    if card.problem is not None:
        raise UserError(f"There is nothing to replay: {card.problem}")
    asked = _asked(card, property_id)
    failure = next((result for result in asked if _has_script(result)), None)
    if failure is None:
        return _nothing(asked)
    path = _write(target, failure)
    click.echo(f"{shown(path)} replays the property {failure.id}: {failure.title}")
    return _run(path)


def _asked(card: Scorecard, property_id: str | None) -> list[PropertyResult]:
    results = [result for stage in card.stages for result in stage.properties]
    if property_id is None:
        return results
    found = [result for result in results if result.id == property_id]
    if not found:
        raise UserError(
            f"{card.exercise} has no property {property_id}; it has {', '.join(result.id for result in results)}."
        )
    return found


def _has_script(result: PropertyResult) -> bool:
    return result.status != "passed" and result.counterexample is not None and result.counterexample.script is not None


def _nothing(asked: list[PropertyResult]) -> int:
    open_ones = [result.id for result in asked if result.status != "passed"]
    if not open_ones:
        click.echo(
            "Everything passed: there is nothing to replay."
            if len(asked) > 1
            else f"{asked[0].id} passed: there is nothing to replay."
        )
        return 0
    click.echo(f"There is nothing to replay: no failure has a script. Not passed: {', '.join(open_ones)}.")
    return 1


def _write(target: Target, failure: PropertyResult) -> Path:
    """Write the script beside an attempt's submission, or into the current folder for any other."""
    from burnin.replay import write_replay

    folder = Path.cwd() if target.attempt is None else target.attempt.folder
    try:
        return write_replay(target.exercise, target.path.resolve(), failure, _free(folder))
    except OSError as error:
        raise UserError(
            f"The replay cannot be written to {folder} ({error.strerror}); make that folder writable."
        ) from None


def _free(folder: Path) -> Path:
    """The first name that is not taken: replay.py, replay_2.py, ..."""
    names = ("replay.py" if number == 1 else f"replay_{number}.py" for number in count(1))
    return next(path for name in names if not os.path.lexists(path := folder / name))


def _run(path: Path) -> int:
    """Run the script on this terminal. It is told by its output, not its exit code, how it went; a failure there is."""
    sys.stdout.flush()
    with _deaf_to_interrupts():
        subprocess.run([sys.executable, str(path)], check=False)
    return 1


@contextlib.contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Leave Ctrl-C to the debugger in the child: a handler, unlike ignoring the signal, is not inherited."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
