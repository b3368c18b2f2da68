"""Nothing that a worker starts survives, however it hides."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from burnin.confine.kernel import is_linux

# Each descendant holds the writing end of a pipe, so the reading end tells when the last of them is gone.
SCRIPT = """
import os, signal
from burnin.confine import become_subreaper, reap_descendants

def start(body):
    "Fork a child that runs `body`, which reports the pids of those that stay."
    if (pid := os.fork()) == 0:
        body()
        os._exit(0)
    return pid

def stay():
    os.write(writer, os.getpid().to_bytes(4, "little"))
    signal.pause()

def ignore_and_stay():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
        signal.signal(number, signal.SIG_IGN)
    stay()

def daemon():
    os.setsid()
    start(ignore_and_stay)

def chain(length):
    if length:
        start(lambda: chain(length - 1))
    stay()

def reported():
    return int.from_bytes(os.read(reader, 4), "little")

can = become_subreaper()
reader, writer = os.pipe()
"""


def run(body: str) -> None:
    """Run the script in an interpreter of its own, which is where its descendants are killed."""
    if not is_linux():
        pytest.skip("only Linux has subreapers")
    command = [sys.executable, "-W", "error", "-c", SCRIPT + textwrap.dedent(body)]
    subprocess.run(command, check=True, timeout=60)


def test_a_daemon_is_found_and_killed() -> None:
    run("""
        assert can
        worker = start(daemon)
        os.waitpid(worker, 0)
        hidden = reported()
        assert os.getsid(hidden) != os.getsid(0)
        assert reap_descendants() == [hidden]
        os.close(writer)
        assert os.read(reader, 1) == b""
    """)


def test_a_whole_line_of_descendants_is_killed() -> None:
    run("""
        start(lambda: chain(4))
        line = {reported() for _ in range(5)}
        assert set(reap_descendants()) == line
        os.close(writer)
        assert os.read(reader, 1) == b""
    """)


def test_a_spared_child_lives() -> None:
    run("""
        kept, doomed = start(stay), start(stay)
        assert {reported(), reported()} == {kept, doomed}
        assert reap_descendants(spare=[kept]) == [doomed]
        assert os.waitpid(kept, os.WNOHANG) == (0, 0)
        assert reap_descendants() == [kept]
    """)


def test_an_ended_child_is_reaped() -> None:
    run("""
        ended = start(lambda: None)
        os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
        assert reap_descendants() == [ended]
        assert reap_descendants() == []
    """)
