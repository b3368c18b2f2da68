"""`burnin check`."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import jobs_option, library_option, open_library
from burnin.library import Exercise, Library, UserError, counted

if TYPE_CHECKING:
    from burnin.contribute.cards import Cards
    from burnin.contribute.finding import Outcome

__all__ = ["check", "touched"]

FOR_ALL = ("tools/burnin/", "pyproject.toml")
"""What every exercise depends on."""
OWN = ("exercises", "solutions")


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option(
    "--changed",
    metavar="BASE",
    help="Check what differs from this git revision; a change to the tools is one to everything.",
)
@click.option(
    "--deep", is_flag=True, help="Look further: 20 seeds and 5 deep ones, 50 identical grades. Takes an hour."
)
@click.option("--gate", "ids", metavar="ID", multiple=True, help="Run this gate alone; may be given more than once.")
@click.option("--accept", is_flag=True, help="Record the stories and verdicts of now as the right ones.")
@click.option("--fresh", is_flag=True, help="Compute everything anew, and keep nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--markdown", "as_md", is_flag=True, help="Print the report for a pull request.")
@jobs_option
@library_option
def check(
    names: tuple[str, ...],
    changed: str | None,
    deep: bool,
    ids: tuple[str, ...],
    accept: bool,
    fresh: bool,
    as_json: bool,
    as_md: bool,
    jobs: int,
    library_folder: Path | None,
) -> int:
    """Prove that an exercise is sound: every gate, for each NAME.

    Without NAME it is every exercise that is no draft. Exit code 1 if a gate fails.
    """
    library = open_library(library_folder)
    chosen = _chosen(library, names, changed)
    if not chosen:
        click.echo(f"Nothing to check: no exercise differs from {changed}.")
        return 0
    import msgspec

    from burnin.contribute.cards import Cards, cache_of
    from burnin.contribute.check import check as run
    from burnin.contribute.check import select
    from burnin.contribute.report import as_markdown, as_text
    from burnin.contribute.subject import DEEP, STANDARD

    gates = select(ids)
    kept = None if fresh else cache_of(library.root)
    with Cards(kept, jobs) as cards, _progress(cards) as heard:
        depth = DEEP if deep else STANDARD
        report = run(library, chosen, cards, depth, gates=gates, accept=accept, on_outcome=heard)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report)))
    elif as_md:
        click.echo(as_markdown(report))
    else:
        click.echo(as_text(report, min(120, shutil.get_terminal_size().columns)))
    return 0 if report.passed else 1


def _chosen(library: Library, names: tuple[str, ...], changed: str | None) -> list[Exercise]:
    if not names and changed is None and not library.names():
        raise UserError(f"This library has no exercises yet; `burnin new NAME{library.option}` begins one.")
    every = [*library.names(), *library.drafts()]
    wanted = list(names) or (library.names() if changed is None else every)
    exercises = [library.exercise(name) for name in dict.fromkeys(wanted)]
    if changed is None:
        return exercises
    found = touched(_differences(library.root, changed), every)
    return [exercise for exercise in exercises if exercise.name in found]


def touched(paths: list[str], names: list[str]) -> set[str]:
    """The exercises among `names` that a change of these files (relative to the library) touches."""
    found: set[str] = set()
    for path in paths:
        parts = path.split("/")
        name = (
            parts[1]
            if parts[0] in OWN and len(parts) > 2
            else parts[2]
            if parts[:2] == ["tests", "exercises"] and len(parts) > 3
            else None
        )
        shared = parts[:2] == ["tests", "exercises"] and name not in names
        if path.startswith(FOR_ALL) or shared:
            return set(names)
        found |= {name} if name in names else set()
    return found


def _differences(root: Path, base: str) -> list[str]:
    """The files that differ from the point where BASE was left, committed or not."""
    commands = (
        ["git", "diff", "--name-only", "--no-renames", "--relative", "-z", "--merge-base", base, "--", "."],
        ["git", "ls-files", "--others", "--exclude-standard", "-z"],
    )
    paths: list[str] = []
    for command in commands:
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[0]
            raise UserError(
                f"git cannot say what differs from {base} ({reason}); give a revision that this clone has."
            ) from None
        paths += [path for path in done.stdout.split("\0") if path]
    return paths


@contextlib.contextmanager
def _progress(cards: Cards) -> Iterator[Callable[[Exercise, Outcome], None]]:
    """What is done so far, on standard error: a line that changes on a terminal, and a line for each failure elsewhere."""
    live = sys.stderr.isatty()
    ended = threading.Event()
    gates: list[str] = []

    def heard(exercise: Exercise, outcome: Outcome) -> None:
        gates.append(outcome.gate)
        if outcome.status == "failed":
            clear = "\r\x1b[K" if live else ""
            click.echo(
                f"{clear}{exercise.name}: {outcome.gate} failed ({counted(len(outcome.findings), 'finding')})", err=True
            )

    def tell() -> None:
        while not ended.wait(0.2):
            click.echo(
                f"\r\x1b[K{len(gates)} gates done; {cards.done} of {cards.asked} grades and runs", err=True, nl=False
            )
        click.echo("\r\x1b[K", err=True, nl=False)

    teller = threading.Thread(target=tell, daemon=True)
    if live:
        teller.start()
    try:
        yield heard
    finally:
        ended.set()
        if live:
            teller.join()
