"""The process that runs mypy on a submission, apart from the grader, so that limits can hold it and a crash costs only its result.

    python -P checker.py SOURCE SHARED CACHE      (in the folder that holds SOURCE)

SOURCE is the file's name, SHARED a folder that keeps mypy's analysis of the standard library, which is made when it is missing, and
CACHE a folder for this run alone. A submission's own analysis is never kept: mypy takes an unchanged size and time in whole seconds for
an unchanged file, so a kept one could be taken for that of another submission. And mypy's database is not made for two writers.

Standard output is mypy's, one JSON object per line. The exit code is mypy's (0 clean, 1 messages, 2 could not go on), or `FAILED`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mypy import api
from mypy.version import __version__ as version

CPU_SECONDS = 30
MEMORY_BYTES = 2 << 30
FILE_BYTES = 256 << 20
FAILED = 3
"""The exit code when mypy raised an exception; Python's own for that is 1, which is also mypy's for messages."""
FLAGS = ("--config-file=", "--strict", "--output=json", "--no-error-summary", "--no-pretty")

COMMON = "abc asyncio bisect collections concurrent.futures contextlib dataclasses enum functools hashlib heapq itertools json math"
COMMON += " operator queue random re statistics threading time types typing uuid weakref anyio"
"""The modules that submissions import most; the primed cache holds them and what they import."""


def prime(primed: Path) -> None:
    """Make the primed cache. It appears whole or not at all, and whoever comes first with it wins."""
    with tempfile.TemporaryDirectory(prefix="making-", dir=primed.parent, ignore_cleanup_errors=True) as folder:
        source = Path(folder, "primer.py")
        source.write_text("".join(f"import {name}\n" for name in COMMON.split()))
        command = [sys.executable, "-P", "-m", "mypy", *FLAGS, f"--cache-dir={folder}/cache", source.name]
        done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if done.returncode in (0, 1):  # 1: a module of the list is not installed
            with contextlib.suppress(OSError):  # another process was first
                os.rename(Path(folder, "cache"), primed)


def limit() -> None:
    """Bound this process. A system that refuses a limit leaves the caller's patience as the only one."""
    for which, value in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(which, (value, value))


def primed_in(shared: Path) -> Path:
    """The primed cache for this mypy and this interpreter."""
    place = f"{version}\0{sys.version}\0{sys.prefix}"
    return shared / f"{version}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def main(source: str, shared: Path, cache: Path) -> int:
    """Check the file; returns mypy's exit code."""
    os.nice(5)  # the judges come first
    with contextlib.suppress(OSError):  # without a primed cache the check only takes longer
        primed = primed_in(shared)
        if not primed.is_dir():
            prime(primed)
        shutil.copytree(primed, cache)
    limit()
    try:
        out, _, code = api.run([*FLAGS, f"--cache-dir={cache}", source])
    except Exception:
        return FAILED
    sys.stdout.write(out)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
