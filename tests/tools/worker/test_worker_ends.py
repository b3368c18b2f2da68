"""What becomes of a worker whose submission hangs, crashes or cannot be imported, and of the next one."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from worlds import Worker, Workers, calls, tasks, threads

from burnin.judge import processes
from burnin.judge.verdict import Crashed, TimedOut
from burnin.script import Step

FINE = calls(Step("double", args=(2,)))


def test_a_busy_loop_times_out_with_its_line(worker: Worker) -> None:
    verdict = worker.verdict(calls(Step("spin")))
    assert isinstance(verdict, TimedOut)
    assert str(verdict).startswith("it computed on without giving control back at submission.py:")
    assert str(verdict).endswith(" spin")
    assert worker(FINE).calls[0].value == 4


def test_a_busy_loop_that_catches_its_end_ends_all_the_same(worker: Worker) -> None:
    verdict = worker.verdict(calls(Step("spin_on")))
    assert isinstance(verdict, TimedOut)
    assert worker(FINE).calls[0].value == 4


@pytest.mark.parametrize("code", [0, 7])
def test_leaving_the_process_is_a_crash_with_its_code(worker: Worker, code: int) -> None:
    worker(calls(Step("increase")))
    verdict = worker.verdict(calls(Step("leave", args=(code,))))
    assert isinstance(verdict, Crashed)
    assert str(verdict) == f"it ended its process with code {code}"
    assert worker(calls(Step("increase"))).calls[0].value == 1


def test_a_deadly_signal_is_a_crash_with_its_name(workers: Workers) -> None:
    text = "import ctypes\ndef die():\n    ctypes.string_at(0)\ndef double(x):\n    return 2 * x\n"
    with workers.of(text) as worker:
        verdict = worker.verdict(calls(Step("die")))
        assert isinstance(verdict, Crashed)
        assert str(verdict) == f"its process was ended by {signal.SIGSEGV.name}"
        assert worker(FINE).calls[0].value == 4


def test_a_breakpoint_that_was_left_in_does_nothing(workers: Workers) -> None:
    with workers.of("def double(x):\n    breakpoint()\n    return 2 * x\n") as worker:
        assert worker(FINE).calls[0].value == 4


WAITS = """
import select

def wait(seconds=None):
    select.select([], [], [], seconds)

def double(number):
    return 2 * number
"""


@pytest.fixture
def waiting(workers: Workers) -> Iterator[Worker]:
    """A worker whose submission waits for something real, under a judge whose last resort comes soon."""
    with workers.of(WAITS) as worker:
        worker(FINE)
        worker.hurry(0.2)
        yield worker


def test_silence_times_out(waiting: Worker) -> None:
    """Neither virtual time nor processor time passes."""
    verdict = waiting.verdict(calls(Step("wait")))
    assert isinstance(verdict, TimedOut)
    assert str(verdict) == "it was silent for 10 s"


@pytest.mark.parametrize(("used", "is_awaited"), [(0.01, True), (3.0, False)])
def test_who_computes_is_waited_for_until_it_used_too_much(
    waiting: Worker, monkeypatch: pytest.MonkeyPatch, used: float, is_awaited: bool
) -> None:
    """The processor time is the test's own: it grows by so much whenever the judge looks."""
    ticks = count()
    monkeypatch.setattr(processes, "_processor_time", lambda pid: next(ticks) * used)
    if is_awaited:
        assert waiting(calls(Step("wait", args=(1.0,)))).calls[0].outcome == "returned"
    else:
        assert isinstance(waiting.verdict(calls(Step("wait"))), TimedOut)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the processor time of another process")
def test_the_processor_time_of_another_process_is_known() -> None:
    assert 0 < processes._processor_time(os.getpid()) <= time.process_time()
    assert processes._processor_time(2**25) == 0.0


def test_a_play_that_goes_on_for_ever_times_out(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker(FINE)
    monkeypatch.setattr(processes, "PLAY_PATIENCE", 0.0)
    assert isinstance(worker.verdict(FINE), TimedOut)


def test_a_worker_that_tells_too_much_is_ended(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_PLAY_BYTES", 50_000)
    big = Step("give_back", args=("a" * 30_000,))
    assert isinstance(worker.verdict(calls(big, big)), Crashed)
    worker(calls(big))
    assert worker(calls(big)).calls[0].value == "a" * 30_000  # counted anew for each play


# ---- import


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("def f(:\n", "It has a syntax error at line 1: invalid syntax."),
        ("x = 1\nif x:\ny = 2\n", "It has a syntax error at line 3: expected an indented block after 'if' statement on line 2."),
        ("# coding: nonsense\n", "It has a syntax error: unknown encoding: nonsense."),
        ("import nothing_of_that_name\n", "Importing it raised ModuleNotFoundError at submission.py:1 <module>: No module named 'nothing_of_that_name'."),
        ("def f():\n    raise ValueError('no')\nf()\n", "Importing it raised ValueError at submission.py:2 f: no."),
        ("raise SystemExit(3)\n", "Importing it raised SystemExit at submission.py:1 <module>: 3."),
        ("raise KeyboardInterrupt\n", "Importing it raised KeyboardInterrupt at submission.py:1 <module>."),
        ("eval('1+')\n", "Importing it raised SyntaxError at submission.py:1 <module>: invalid syntax (<string>, line 1)."),
        ("import os\nos._exit(5)\n", "It cannot be imported: it ended its process with code 5."),
        ("print(input())\n", "Importing it raised EOFError at submission.py:1 <module>: EOF when reading a line."),
    ],
)  # fmt: skip
def test_why_a_submission_cannot_be_imported_is_one_sentence(workers: Workers, text: str, sentence: str) -> None:
    with workers.of(text) as worker:
        verdict = worker.verdict(FINE)
        assert isinstance(verdict, Crashed)
        assert str(verdict) == sentence
        assert worker.import_problem == sentence
        assert worker.confined is not None


def test_an_import_that_does_not_end_times_out_and_is_not_tried_again(workers: Workers) -> None:
    with workers.of("n = 0\nwhile True:\n    n += 1\n") as worker:
        verdict = worker.verdict(FINE)
        assert isinstance(verdict, TimedOut)
        assert str(verdict).startswith("Importing it does not end; it computes at submission.py:")
        again = worker.verdict(FINE)
        assert (type(again), str(again)) == (type(verdict), str(verdict))


def test_an_import_that_waits_times_out_and_is_not_tried_again(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    with workers.of("import select\nselect.select([], [], [])\n") as worker:
        verdict = worker.verdict(FINE)
        assert isinstance(verdict, TimedOut)
        assert str(verdict) == "It cannot be imported: it was silent for 0 s."
        assert worker.import_problem == str(verdict)
        again = worker.verdict(FINE)
        assert (type(again), str(again)) == (type(verdict), str(verdict))


@pytest.mark.parametrize("text", ["\ufeffdef double(x):\n    return 2 * x\n", "def double(x):\r\n    return 2 * x\r\n"])
def test_a_byte_order_mark_and_any_line_ends_are_fine(workers: Workers, text: str) -> None:
    with workers.of(text) as worker:
        assert worker(FINE).calls[0].value == 4


# ---- nothing is left


def test_a_worker_leaves_no_process_and_no_file(workers: Workers) -> None:
    text = """
    import os, threading, time
    def spread():
        open("note", "w").close()
        threading.Thread(target=time.sleep, args=(3600,)).start()
        return [os.getcwd(), os.getpid()]
    """
    with workers.of(text) as worker:
        folder, pid = worker(calls(Step("spread"))).calls[0].value
        assert (Path(folder) / "note").exists()
        worker.close()
        assert not Path(folder).exists()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_workers_do_not_see_each_others_folders(workers: Workers) -> None:
    text = """
    import os
    def seen():
        return sorted(os.listdir("."))
    """
    for _ in range(2):
        with workers.of(text) as worker:
            assert worker(calls(Step("seen"))).calls[0].value == ["submission.py"]


@pytest.mark.parametrize(
    "script",
    [FINE, tasks(A=(Step("double", args=(2,)),)), threads(A=(Step("double", args=(2,)),))],
    ids=lambda s: s.mode,
)
def test_all_three_modes_follow_one_another_in_one_worker(worker: Worker, script: Any) -> None:
    for other in (FINE, script, FINE, script):
        assert worker(other).calls[0].value == 4
