"""`burnin progress`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import library_option, open_library
from burnin.library import shown
from burnin.practice import Store

if TYPE_CHECKING:
    from rich.console import RenderableType

    from burnin.practice.progress import Progress

__all__ = ["progress"]


@click.command()
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="Write it as a page instead.")
@library_option
def progress(html: Path | None, library_folder: Path | None) -> int:
    """Show how practice goes, and what to practise next.

    Results over time, pace against par, and failures that recur.
    """
    library = open_library(library_folder)
    from burnin.practice.progress import progress as facts_of
    from burnin.practice.progress import write_progress

    now = datetime.now().astimezone()
    facts = facts_of(library, Store(library).all(), now)
    if html is not None:
        write_progress(html, facts, now)
        click.echo(shown(html))
        return 0
    _show(facts)
    return 0


def _show(facts: Progress) -> None:
    from rich.text import Text

    from burnin.grade.render import ScorecardConsole

    console = ScorecardConsole(sys.stdout)
    if not facts.attempts:
        console.print(Text(f"There is no attempt yet; `burnin practice NAME{facts.option}` begins one."))
    for title, part in (
        ("By exercise", _exercises(facts)),
        ("Attempts", _attempts(facts)),
        ("Failures that recur", _kinds(facts)),
    ):
        if part is not None:
            console.print(Text(title, "bold"))
            console.print(part)
            console.print()
    if facts.next:
        console.print(Text("What to practise next", "bold"))
        for number, one in enumerate(facts.next, 1):
            console.print(Text(f"  {number}. {one.exercise}: {one.reason}"))


def _exercises(facts: Progress) -> RenderableType | None:
    rows = [
        (
            one.exercise.name,
            f"{len(one.attempts)}",
            f"{_or_none(one.best)} of {one.points}",
            "-" if one.latest is None else f"{one.latest.record.result} of {one.points}",
            "-" if one.latest is None else _pace(one.latest.pace),
        )
        for one in facts.exercises
        if one.attempts
    ]
    return _table(("exercise", "attempts", "best", "latest", "pace (par is 1)"), rows)


def _attempts(facts: Progress) -> RenderableType | None:
    rows = []
    for one in facts.attempts:
        record = one.record
        result = "open" if one.open else "none"
        if record.result is not None:
            result = f"{record.result} of {record.possible}"
        late = "" if one.late is None else f"{one.late}"
        minutes = "-" if record.finished is None else f"{record.finished:.0f} of {record.minutes}"
        begun = f"{record.started:%Y-%m-%d %H:%M%z}"
        rows.append((begun, f"{record.exercise} {record.number}", result, late, minutes, _pace(one.pace)))
    return _table(("begun", "attempt", "result", "overtime", "minutes", "pace"), rows)


def _kinds(facts: Progress) -> RenderableType | None:
    rows = [(kind.tag, f"in {kind.failed} of {kind.of} attempts that got to it") for kind in facts.kinds]
    return _table(("kind", "failed"), rows)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> RenderableType | None:
    from rich.table import Table
    from rich.text import Text

    from burnin.grade.render import clean

    if not rows:
        return None
    table = Table(box=None, padding=(0, 1, 0, 2), header_style="dim")
    for head in heads:
        table.add_column(head, no_wrap=head == heads[0])
    for row in rows:
        table.add_row(*(Text(clean(cell)) for cell in row))
    return table


def _pace(pace: float | None) -> str:
    return "-" if pace is None else f"{pace:.2f}"


def _or_none(score: int | None) -> str:
    return "-" if score is None else f"{score}"
