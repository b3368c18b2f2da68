"""`burnin new`."""

from __future__ import annotations

from pathlib import Path

import click

from burnin.commands.options import library_option, open_library
from burnin.library import Library, UserError, shown

__all__ = ["new"]


@click.command()
@click.argument("name")
@library_option
def new(name: str, library_folder: Path | None) -> int:
    """Begin an exercise NAME: a small one that works.

    It is a draft: replace it piece by piece with your own. A folder DIR that is no library yet becomes one.
    """
    library = open_library(None) if library_folder is None else Library.named(library_folder)
    from burnin.contribute.scaffold import scaffold

    try:
        written = scaffold(library, name)
    except OSError as error:
        raise UserError(
            f"The exercise cannot be written to {library.root} ({error.strerror}); make it a folder that you may write to."
        ) from None
    click.echo(f"{name} is a draft with {len(written)} files. It works; make it yours:")
    click.echo(
        f"  1. write   {shown(library.root / 'exercises' / name / 'README.md')}, and the stub and samples beside it"
    )
    click.echo(
        f"  2. solve   {shown(library.root / 'solutions' / name / f'{name}.py')}, and judge it in {shown(library.root / 'tests' / 'exercises' / name)}"
    )
    click.echo(f"  3. prove   burnin check {name}{library.option}")
    return 0
