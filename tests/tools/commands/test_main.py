"""The command as a whole: exit codes, no traceback, quiet ends, a quick start; and one real grade."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from burnin.grade import GraderFailed

from .fakes import FakeGrader, Ran, Run

LIBRARY = Path(__file__).resolve().parents[3]


def test_alone_it_shows_its_commands(run: Run) -> None:
    ran = run()
    assert (ran.code, ran.err) == (0, "")
    for command in ("check", "debrief", "grade", "list", "new", "practice", "progress", "proof", "replay", "start"):
        assert f"\n  {command} " in ran.out
    assert "..." not in ran.out.partition("Commands:")[2]


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["grade", "--help"], ["--version"]])
def test_help_is_a_success(run: Run, args: list[str]) -> None:
    assert run(*args).code == 0


def test_a_grader_that_fails(run: Run, grader: FakeGrader) -> None:
    grader.error = GraderFailed("The suite of toy cannot be run: no promise.")
    run("start", "toy")
    ran = run("grade")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        "burnin: The grader failed (GraderFailed: The suite of toy cannot be run: no promise); this is not your mistake: "
        "please report it with what the same command prints with BURNIN_DEBUG=1.\n"
    )


def test_an_unexpected_exception_is_a_sentence(run: Run, grader: FakeGrader, monkeypatch: pytest.MonkeyPatch) -> None:
    grader.error = RuntimeError("first line\nsecond \x1b[2J line")
    run("start", "toy")
    ran = run("grade")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("burnin: The grader failed (RuntimeError: first line second  [2J line); this is not")
    assert ran.err.count("\n") == 1
    monkeypatch.setenv("BURNIN_DEBUG", "1")
    assert "Traceback (most recent call last)" in run("grade").err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_quiet(run: Run, grader: FakeGrader, error: BaseException) -> None:
    grader.error = error
    run("start", "toy")
    ran = run("grade")
    assert (ran.code, ran.out, ran.err.strip()) == (130, "", "")


def burnin(*args: str, cwd: Path, **variables: str) -> Ran:
    """The command as a process of its own, piped."""
    environment = {**os.environ, "COLUMNS": "80", **variables}
    command = [sys.executable, "-m", "burnin", *args]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_as_a_module(root: Path) -> None:
    ran = burnin("list", cwd=root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("onsite\n  toy  ")


def test_text_that_the_encoding_lacks(root: Path) -> None:
    manifest = root / "exercises" / "toy" / "exercise.toml"
    manifest.write_text(manifest.read_text().replace("Write a toy", "模型"), "utf-8")
    ran = burnin("list", cwd=root, PYTHONIOENCODING="latin-1")
    assert (ran.code, ran.err) == (0, "")
    assert "      \\u6a21\\u578b that does" in ran.out


@pytest.mark.parametrize("args", [["list"], ["--help"], ["grade", "--json"], ["grade"]])
def test_a_reader_that_goes_away(root: Path, args: list[str]) -> None:
    burnin("start", "toy", cwd=root)
    reader, writer = os.pipe()
    os.close(reader)
    code = f"{FAKE_GRADE}\nsys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, *args], cwd=root, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


FAKE_GRADE = """
import sys
import burnin.grade
from burnin.commands import main
from burnin.scorecard import Confinement, Scorecard, Submission, TypeCheck

burnin.grade.grade = lambda exercise, path, options: Scorecard(
    exercise="toy",
    submission=Submission(""),
    score=0,
    possible=100,
    stages=[],
    types=TypeCheck("clean"),
    confinement=Confinement("none", False, []),
    effort="standard",
    seed=0,
    suite="",
    seconds=1.0,
)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_passes_through_every_finally(root: Path, number: signal.Signals) -> None:
    burnin("start", "toy", cwd=root)
    code = f"""
import os, signal, sys, time
import burnin.grade
from burnin.commands import main

# A shell has what it starts in the background ignore the one, and nohup the other.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

def grade(*_):
    try:
        os.kill(os.getpid(), {int(number)})
        time.sleep(60)  # the signal may reach this thread a little later
    finally:
        print("cleaned up")

burnin.grade.grade = grade
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "grade"],
        cwd=root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.strip()) == (128 + number, "cleaned up\n", "")


@pytest.mark.parametrize("args", [["--help"], ["list"], ["start", "toy"]])
def test_what_is_slow_is_not_imported_in_vain(root: Path, args: list[str]) -> None:
    code = "import sys; from burnin.commands import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code, *args], cwd=root, capture_output=True, text=True, check=True)
    assert not {"rich", "hypothesis", "pytest", "mypy", "burnin.grade"} & set(done.stderr.split())


def test_a_real_grade_of_the_stub() -> None:
    stub = "exercises/warm_pool/warm_pool.py"
    ran = burnin("grade", stub, "--json", "--effort", "quick", cwd=LIBRARY)
    assert (ran.code, ran.err) == (1, "")
    card = json.loads(ran.out)
    assert (card["score"], card["possible"], card["types"]["status"]) == (0, 100, "clean")
    assert {result["status"] for stage in card["stages"] for result in stage["properties"]} == {"not_attempted"}
