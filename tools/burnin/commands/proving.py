"""`burnin proof`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from burnin.commands.options import jobs_option, library_option, open_library
from burnin.library import Exercise, UserError, shown

if TYPE_CHECKING:
    from burnin.contribute.finding import Outcome

__all__ = ["proof"]


@click.command()
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--deep", is_flag=True, help="Look as far as `check --deep` does.")
@click.option(
    "--to",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to write; the default is tests/proof in the library.",
)
@jobs_option
@library_option
def proof(names: tuple[str, ...], deep: bool, folder: Path | None, jobs: int, library_folder: Path | None) -> int:
    """Measure the exercises and write the page that shows it.

    It is every exercise that is no draft, or each NAME. Writes README.md, index.html and proof.json. Exit code 1 if a gate fails.
    """
    library = open_library(library_folder)
    exercises = [library.exercise(name) for name in dict.fromkeys(names or library.names())]
    if not exercises:
        raise UserError(f"This library has no exercises yet; `burnin new NAME{library.option}` begins one.")
    import msgspec

    from burnin.contribute.cards import Cards, cache_of
    from burnin.contribute.finding import Blocked
    from burnin.contribute.proof import prove
    from burnin.contribute.proof_page import as_html, as_markdown
    from burnin.contribute.subject import DEEP, STANDARD

    def heard(exercise: Exercise, outcome: Outcome) -> None:
        click.echo(f"{exercise.name}: {outcome.gate}: {outcome.status}", err=True)

    with Cards(cache_of(library.root), jobs) as cards:
        try:
            found = prove(library, exercises, cards, DEEP if deep else STANDARD, on_outcome=heard)
        except Blocked as blocked:
            raise UserError(
                f"There is nothing to measure: {blocked}; `burnin check{library.option}` says more."
            ) from None
    home = folder or library.root / "tests" / "proof"
    home.mkdir(parents=True, exist_ok=True)
    (home / "proof.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    (home / "README.md").write_text(as_markdown(found), "utf-8")
    (home / "index.html").write_text(as_html(found), "utf-8")
    click.echo(f"The proof is in {shown(home / 'README.md')} and {shown(home / 'index.html')}.")
    return 0 if all(row.gates_passed == row.gates for row in found.rows) else 1
