"""Attempts are numbered, whole or not there, and never lose anything."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from burnin.library import Library, UserError
from burnin.practice import Attempts
from burnin.scorecard import Confinement, Scorecard, StageResult, Submission, TypeCheck

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
MANIFEST = """\
title = "{0}"
round = "onsite"
summary = "A toy."
version = 3
minutes = 45
[[stages]]
title = "One"
points = 100
par_minutes = 10
"""


@pytest.fixture
def library(tmp_path: Path) -> Library:
    root = tmp_path / "my library"
    for name in ("toy", "zoo"):
        folder = root / "exercises" / name
        folder.mkdir(parents=True)
        (folder / "exercise.toml").write_text(MANIFEST.format(name))
        (folder / f"{name}.py").write_text(f"# the stub of {name}\n")
        (folder / f"test_{name}.py").write_text("# samples\n")
        (folder / "README.md").write_text("# statement\n")
    return Library(root)


@pytest.fixture
def attempts(library: Library) -> Attempts:
    return Attempts(library)


def card(score: int = 60, *, effort: str = "standard") -> Scorecard:
    return Scorecard(
        exercise="toy",
        submission=Submission("ab" * 32),
        score=score,
        possible=100,
        stages=[StageResult(1, "One", score, 100, [])],
        types=TypeCheck("clean"),
        confinement=Confinement("none", False, []),
        effort=effort,
        seed=0,
        suite="cd" * 32,
        seconds=1.0,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_attempt_is_a_folder_with_everything(library: Library, attempts: Attempts) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempt.folder == library.root / "attempts" / "toy" / "1"
    assert attempt.submission.read_text() == "# the stub of toy\n"
    assert sorted(contents(attempt.folder)) == ["README.md", "attempt.json", "test_toy.py", "toy.py"]
    assert json.loads((attempt.folder / "attempt.json").read_bytes()) == {
        "exercise": "toy",
        "number": 1,
        "started": "2025-03-01T12:00:00+02:00",
        "minutes": 45,
        "version": 3,
    }


def test_a_copy_of_a_read_only_stub_can_be_edited(library: Library, attempts: Attempts) -> None:
    library.exercise("toy").stub.chmod(0o444)
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempt.submission.stat().st_mode & 0o200


def test_numbers_go_on_and_nothing_is_touched(library: Library, attempts: Attempts) -> None:
    exercise = library.exercise("toy")
    first = attempts.start(exercise, NOON)
    first.submission.write_text("# my work\n")
    before = contents(first.folder)
    assert attempts.start(exercise, NOON).clock.number == 2
    (attempts.root / "toy" / "41").write_text("a file that the user put there")
    (attempts.root / "toy" / "notes").mkdir()
    (attempts.root / "toy" / "007").mkdir()
    (attempts.root / "toy" / "42").symlink_to("nowhere")
    assert attempts.start(exercise, NOON).clock.number == 43
    assert contents(first.folder) == before
    assert [attempt.clock.number for attempt in attempts.all("toy")] == [1, 2, 43]


def test_racing_starts_get_different_numbers(library: Library) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        numbers = pool.starmap(start_toy, [(library.root,)] * 24, chunksize=1)
    assert sorted(numbers) == list(range(1, 25))


def start_toy(root: Path) -> int:
    library = Library(root)
    return Attempts(library).start(library.exercise("toy"), NOON).clock.number


def test_a_number_that_is_taken_meanwhile_is_passed_over(
    library: Library, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def late(path: Path, *args: Any, **options: Any) -> None:
        if path.name == "1":
            mkdir(path, exist_ok=True)  # the other process
        mkdir(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", late)
    assert attempts.start(library.exercise("toy"), NOON).clock.number == 2
    assert contents(attempts.root / "toy" / "1") == {}


@pytest.mark.parametrize("step", ["shutil.copyfile", "os.fsync", "pathlib.Path.rename"])
def test_a_start_that_was_killed_is_no_attempt_and_blocks_none(library: Library, attempts: Attempts, step: str) -> None:
    code = f"""
        import os, signal, {step.partition(".")[0]}
        from datetime import datetime, timezone
        from pathlib import Path
        from burnin.library import Library
        from burnin.practice import Attempts
        {step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        library = Library(Path({str(library.root)!r}))
        Attempts(library).start(library.exercise("toy"), datetime.now(timezone.utc))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    partial = attempts.root / "toy" / "1"
    assert partial.is_dir()
    left = contents(partial)
    assert attempts.all("toy") == []
    assert attempts.latest() is None
    assert attempts.at(partial) is None
    assert attempts.start(library.exercise("toy"), NOON).clock.number == 2
    assert contents(partial) == left


@pytest.mark.parametrize(
    "clock",
    [
        b"",
        b'{"exercise": "toy"',
        b"\xff",
        b'{"exercise":"zoo","number":1,"started":"2025-03-01T12:00:00+02:00","minutes":45,"version":3}',
        b'{"exercise":"toy","number":2,"started":"2025-03-01T12:00:00+02:00","minutes":45,"version":3}',
        b'{"exercise":"toy","number":1,"started":"2025-03-01T12:00:00","minutes":45,"version":3}',
    ],
)
def test_a_clock_that_makes_no_sense_is_no_attempt(attempts: Attempts, clock: bytes) -> None:
    folder = attempts.root / "toy" / "1"
    folder.mkdir(parents=True)
    (folder / "attempt.json").write_bytes(clock)
    assert attempts.all("toy") == []


def test_at_finds_only_attempts_of_this_library(library: Library, attempts: Attempts, tmp_path: Path) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempts.at(attempt.folder) == attempt
    assert attempts.at(attempt.folder / ".." / "1") == attempt
    elsewhere = tmp_path / "attempts" / "toy" / "1"
    elsewhere.mkdir(parents=True)
    (elsewhere / "attempt.json").write_bytes((attempt.folder / "attempt.json").read_bytes())
    assert attempts.at(elsewhere) is None
    assert attempts.at(tmp_path / "nowhere") is None


def test_latest_goes_by_the_clock_and_then_by_the_number(library: Library, attempts: Attempts) -> None:
    assert attempts.latest() is None
    toy = attempts.start(library.exercise("toy"), NOON)
    zoo = attempts.start(library.exercise("zoo"), NOON - timedelta(minutes=1))
    assert attempts.latest() == toy
    assert attempts.latest("zoo") == zoo
    same_moment = attempts.start(library.exercise("toy"), NOON.astimezone(UTC))
    assert attempts.latest() == same_moment
    assert attempts.latest("nothing") is None


def test_a_grade_is_one_line_more(library: Library, attempts: Attempts) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempt.scores() == []
    attempt.record(card(40), NOON + timedelta(minutes=12, seconds=34))
    before = (attempt.folder / "scores.jsonl").read_bytes()
    attempt.record(card(60), NOON + timedelta(minutes=50))
    assert (attempt.folder / "scores.jsonl").read_bytes().startswith(before)
    assert json.loads(before) == {
        "when": "2025-03-01T12:12:34+02:00",
        "minutes": 12.6,
        "score": 40,
        "possible": 100,
        "sha256": "ab" * 32,
        "effort": "standard",
        "suite": "cd" * 32,
        "stages": [{"number": 1, "score": 40, "possible": 100}],
    }
    assert [(record.score, record.minutes) for record in attempt.scores()] == [(40, 12.6), (60, 50.0)]


def test_a_clock_that_was_set_back_gives_no_negative_minutes(library: Library, attempts: Attempts) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempt.record(card(), NOON - timedelta(hours=1)).minutes == 0.0


def test_a_line_that_was_cut_off_costs_only_itself(library: Library, attempts: Attempts) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    attempt.record(card(40), NOON)
    history = attempt.folder / "scores.jsonl"
    torn = history.read_bytes() + b'{"when":"2025-\xff'
    history.write_bytes(torn)
    attempt.record(card(60), NOON)
    assert history.read_bytes().startswith(torn)
    assert [record.score for record in attempt.scores()] == [40, 60]


def test_best_is_over_all_attempts_but_not_of_quick_grades(library: Library, attempts: Attempts) -> None:
    assert attempts.best("toy") is None
    first, second = (attempts.start(library.exercise("toy"), NOON) for _ in range(2))
    first.record(card(70), NOON)
    first.record(card(30), NOON)
    second.record(card(90, effort="quick"), NOON)
    second.record(card(60, effort="deep"), NOON)
    assert attempts.best("toy") == 70
    assert attempts.best("zoo") is None


def test_attempts_that_cannot_be_written(library: Library, attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, *_: int, **__: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # a mode would not keep root out
    with pytest.raises(UserError) as caught:
        attempts.start(library.exercise("toy"), NOON)
    where = attempts.root / "toy"
    assert str(caught.value) == (
        f"An attempt cannot be written to {attempts.root} ({where}: Permission denied); "
        "make that folder writable, or work in a copy of the library."
    )


@pytest.mark.skipif(os.getuid() == 0, reason="root writes anywhere")
def test_attempts_in_a_read_only_folder(library: Library, attempts: Attempts) -> None:
    attempts.root.mkdir(mode=0o555)
    with pytest.raises(UserError, match="make that folder writable"):
        attempts.start(library.exercise("toy"), NOON)


def test_attempts_that_is_a_file(library: Library, attempts: Attempts) -> None:
    attempts.root.write_text("mine")
    with pytest.raises(UserError, match="An attempt cannot be written to"):
        attempts.start(library.exercise("toy"), NOON)
    assert attempts.root.read_text() == "mine"
    assert attempts.latest() is None


def test_attempts_that_cannot_be_read(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError) as caught:
        attempts.latest("toy")
    assert (
        str(caught.value) == f"{attempts.root / 'toy'} cannot be read (Permission denied); make that folder readable."
    )
