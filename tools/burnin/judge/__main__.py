"""A judge process: reads a `Request`, then submissions and what to judge of them, from standard input; writes a `Listed` and then `Judged` lines.

python -m burnin.judge
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from burnin import confine
from burnin.judge.processes import Template
from burnin.judge.protocol import Ask, Enough, Failing, Glance, Glanced, HandIn, Judged, Listed, Recheck, Request

IDLE = 0.05
"""Seconds without an order after which workers are made ahead."""


class _Lines:
    """The lines of a descriptor, one by one."""

    def __init__(self, fd: int) -> None:
        self._fd, self._read = fd, b""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while b"\n" not in self._read:
            data = os.read(self._fd, 1 << 16)
            if not data:
                raise StopIteration
            self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line

    def come(self, seconds: float) -> bool:
        """Whether something has come, or comes within so many seconds."""
        return b"\n" in self._read or bool(select.select([self._fd], [], [], seconds)[0])


def main() -> int:
    """Judge until the input ends. Exit code 0, or 3 if the suite could not be read."""
    lines = _Lines(os.dup(0))  # pytest takes the standard descriptors away while it captures
    request = msgspec.json.decode(next(lines), type=Request)
    _stay_on(request.core)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever pytest or a suite prints is not part of the protocol

    def say(message: Listed | Judged | Failing | Glanced) -> None:
        out.write(msgspec.json.encode(message) + b"\n")

    confine.become_subreaper()  # for the workers of a template that one of them has killed
    with Template(request.name, confined=request.confined, reap=confine.reap_descendants) as template:
        template.start()  # it imports on another core while this process imports pytest and Hypothesis

        # Nothing that the user has set for pytest or installed beside it has a say in a score.
        os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
        import pytest

        from burnin.judge.player import WorkerPlayer
        from burnin.judge.plugin import JudgePlugin

        def orders() -> Iterator[HandIn | Ask | Recheck | Glance | Enough]:
            awaited = False
            for line in lines:
                order = msgspec.json.decode(line, type=HandIn | Ask | Recheck | Glance | Enough)
                if isinstance(order, HandIn):
                    template.hand_in(Path(order.submission).read_bytes())
                yield order
                awaited = awaited or isinstance(order, Glance)  # somebody waits for the grade, and will for the next
                idle = IDLE
                while awaited and not lines.come(idle) and template.make_ahead():
                    idle = 0.0

        def enough() -> bool:
            """Whether a line has come while an order is carried out: an `Enough`, since another order waits for the answer."""
            return lines.come(0)

        plugin = JudgePlugin(
            lambda: WorkerPlayer(template),
            orders=orders(),
            listed=lambda properties: say(Listed(properties)),
            judged=say,
            failing=say,
            glanced=say,
            enough=enough,
        )
        sys.path.insert(0, str(Path(request.suite)))
        unwanted = ("cacheprovider", "terminal", "xdist", "asyncio", "timeout", "hypothesispytest")
        options = [option for name in unwanted for option in ("-p", f"no:{name}")]
        options += ["-c", os.devnull, "--rootdir", request.suite, "--confcutdir", request.suite, "-W", "error"]
        status = pytest.main([*options, "--import-mode=importlib", request.suite], plugins=[plugin])
        if plugin.problems:
            say(Listed([], "; ".join(dict.fromkeys(plugin.problems))))
        if plugin.problems or status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return 3  # pytest has said why on standard error
    return 0


def _stay_on(core: int | None) -> None:
    """Keep this process and its workers on one core, where the system can: a message between two processes then costs a third.

    There, who gets a message is not to interrupt who sent it, who is about to wait anyhow: a third fewer switches (`SCHED_BATCH`, sched(7)).
    """
    if core is not None and hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


if __name__ == "__main__":
    sys.exit(main())
