"""The room as a process on a terminal of its own: it opens, ends and is killed without loss."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from small_library import REFERENCE, WRONG

from burnin.library import Library
from burnin.practice import Attempts

from .rooms import counter_library


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return counter_library(tmp_path)


class Terminal:
    """A terminal with the room on it."""

    def __init__(self, library: Library, *args: str) -> None:
        self._main, side = pty.openpty()
        command = [sys.executable, "-m", "burnin", "practice", "counter", "--jobs", "1", *args]
        self.process = subprocess.Popen(
            command,
            cwd=library.root,
            stdin=side,
            stdout=side,
            stderr=side,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
            start_new_session=True,
        )
        os.close(side)
        self.text = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # its other end has been closed
            while data := os.read(self._main, 1 << 16):
                self.text += data.decode(errors="replace")

    def press(self, key: str) -> None:
        os.write(self._main, key.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._main)


@pytest.fixture
def enter(library: Library) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(*args: str) -> Terminal:
        opened.append(Terminal(library, *args))
        return opened[-1]

    yield open_one
    for terminal in opened:
        terminal.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60  # which only a hang takes
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_sitting(library: Library, enter: Callable[..., Terminal]) -> None:
    room = enter("--minutes", "30")
    until(lambda: "Not attempted yet" in room.text)
    attempt = Attempts(library).latest()
    assert attempt is not None
    attempt.submission.write_text(REFERENCE)
    until(lambda: "Everything passes" in room.text)
    room.press("q")
    assert room.process.wait(60) == 0
    until(lambda: "The clock runs on; `burnin practice counter` comes back" in room.text)
    assert "counter, attempt 1: 0:0" in room.text
    record = attempt.record()
    assert (record.minutes, record.result, record.finished) == (30, 100, None)


def test_killed_and_entered_again(library: Library, enter: Callable[..., Terminal]) -> None:
    room = enter()
    until(lambda: "Not attempted yet" in room.text)
    attempt = Attempts(library).latest()
    assert attempt is not None
    attempt.submission.write_text(WRONG)
    until(lambda: attempt.record().grades)
    before = attempt.record()
    room.process.send_signal(signal.SIGKILL)
    room.process.wait()
    room = enter()
    until(lambda: "Still red, same story" in room.text)
    after = attempt.record()
    assert [(it.sha256, it.minute, it.score) for it in after.grades] == [
        (it.sha256, it.minute, it.score) for it in before.grades
    ]  # but its story may have become smaller
    assert [event.kind for event in after.events] == [*(event.kind for event in before.events), "resumed"]
    assert attempt.clock().minute > before.minute


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_leaves_the_terminal_as_it_was(enter: Callable[..., Terminal], number: signal.Signals) -> None:
    room = enter()
    until(lambda: "Not attempted yet" in room.text)
    room.process.send_signal(number)
    assert room.process.wait(60) == 0
    until(lambda: "comes back" in room.text)
    assert "\x1b[?1049l" in room.text  # the terminal's own screen again


def test_another_attempt_on_request(library: Library, enter: Callable[..., Terminal]) -> None:
    for number in (1, 2):
        room = enter("--new")
        until(lambda room=room: "Not attempted yet" in room.text)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        room.press("q")
        room.process.wait(60)
        assert [attempt.number for attempt in Attempts(library).all("counter")][-1] == number


def test_without_a_terminal_it_says_what_to_do(library: Library) -> None:
    command = [sys.executable, "-m", "burnin", "practice", "counter"]
    done = subprocess.run(
        command, cwd=library.root, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("burnin: The room needs a terminal, or --web; `burnin start counter --staged`")
    assert Attempts(library).latest() is None
