"""What an interpreter must be able to read once it has started."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["python_paths"]

_SYSTEM = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
_INSTALLED = ("site-packages", "dist-packages")


def python_paths(*, hidden: Sequence[str | Path] = ()) -> list[Path]:
    """The existing folders and files of the standard library, the installed packages, and shared libraries.

    A folder on `sys.path` counts as installed packages only by its name, so an editable install's source folder (the
    checkout) is not among them; callers add what they want of it. A path that is, or contains, a `hidden` folder is
    left out, because a rule for it would show that folder too; one that lies inside it is kept: a virtual environment
    inside a checkout shows its own packages, not the checkout.
    """
    concealed = [Path(folder).resolve() for folder in hidden]
    found: dict[Path, None] = {}
    for candidate in _candidates():
        path = Path(candidate).resolve()
        if path.exists() and not any(folder.is_relative_to(path) for folder in concealed):
            found[path] = None
    return [path for path in found if not any(path != other and path.is_relative_to(other) for other in found)]


def _candidates() -> Iterator[str]:
    yield from (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    for prefix in dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix)):
        yield from (os.path.join(prefix, part) for part in ("lib", "lib64", "pyvenv.cfg"))
    for entry in sys.path:
        if os.path.basename(entry) in _INSTALLED or entry.endswith(".zip"):
            yield entry
    yield from _SYSTEM
