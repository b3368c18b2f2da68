"""Removing a folder in which a submission could do what it liked."""

from __future__ import annotations

import itertools
import os
import secrets
from contextlib import suppress
from pathlib import Path

__all__ = ["remove"]


def remove(folder: Path) -> None:
    """Remove the folder and everything beneath it, as far as the system allows; raises nothing.

    `shutil.rmtree` follows nested folders with recursion and open descriptors, so a few thousand levels defeat it, and it stops at
    a folder without permissions. Here whatever is nested is first moved up to the top, so that nothing is ever deep.
    """
    if folder.is_symlink():  # put in its place by the submission
        with suppress(OSError):
            folder.unlink()
        return
    names = (f"{secrets.token_hex(8)}.{number}" for number in itertools.count())  # none of them can be taken
    found = [folder]
    while found:
        inner = found.pop()
        with suppress(OSError):
            inner.chmod(0o700)
            with os.scandir(inner) as entries:
                for entry in entries:
                    with suppress(OSError):
                        if not entry.is_dir(follow_symlinks=False):
                            os.unlink(entry.path)
                        elif inner == folder:
                            found.append(Path(entry.path))
                        else:
                            os.chmod(entry.path, 0o700)  # moving a folder writes into it
                            found.append(Path(entry.path).rename(folder / next(names)))
            if inner != folder:
                inner.rmdir()
    with suppress(OSError):
        folder.rmdir()
