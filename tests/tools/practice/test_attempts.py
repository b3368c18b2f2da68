"""Attempts are numbered, whole or not there, and never lose anything."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from burnin.library import Library, UserError
from burnin.practice import Attempts

from .fakes import NOON, card, later

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


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_attempt_is_a_folder_with_everything(library: Library, attempts: Attempts) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempt.folder == library.root / "attempts" / "toy" / "1"
    assert attempt.submission.read_text() == "# the stub of toy\n"
    assert sorted(contents(attempt.folder)) == ["README.md", "pytest.ini", "test_toy.py", "toy.py"]
    record = attempt.record()
    assert (record.exercise, record.number, record.minutes, record.version) == ("toy", 1, 45, 3)
    assert record.started.isoformat() == "2025-03-01T12:00:00+02:00"
    assert [(event.kind, event.minute) for event in record.events] == [("started", 0.0), ("stage_shown", 0.0)]


def test_pytest_has_nothing_to_say_of_an_attempt_but_its_tests(library: Library, attempts: Attempts) -> None:
    folder = attempts.start(library.exercise("toy"), NOON).folder
    (folder / "test_toy.py").write_text("def test_it() -> None: ...\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "1 passed" in done.stdout
    assert "warn" not in (done.stdout + done.stderr).lower()


def test_a_copy_of_a_read_only_stub_can_be_edited(library: Library, attempts: Attempts) -> None:
    library.exercise("toy").stub.chmod(0o444)
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempt.submission.stat().st_mode & 0o200


def test_numbers_go_on_and_nothing_is_touched(library: Library, attempts: Attempts) -> None:
    exercise = library.exercise("toy")
    first = attempts.start(exercise, NOON)
    first.submission.write_text("# my work\n")
    before = contents(first.folder)
    assert attempts.start(exercise, NOON).number == 2
    (attempts.root / "toy" / "41").write_text("a file that the user put there")
    (attempts.root / "toy" / "notes").mkdir()
    (attempts.root / "toy" / "007").mkdir()
    (attempts.root / "toy" / "42").symlink_to("nowhere")
    assert attempts.start(exercise, NOON).number == 43
    assert contents(first.folder) == before
    assert [attempt.number for attempt in attempts.all("toy")] == [1, 2, 43]


def test_racing_starts_get_different_numbers(library: Library) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        numbers = pool.starmap(start_toy, [(library.root,)] * 24, chunksize=1)
    assert sorted(numbers) == list(range(1, 25))


def start_toy(root: Path) -> int:
    library = Library(root)
    return Attempts(library).start(library.exercise("toy"), NOON).number


def test_a_number_that_is_taken_meanwhile_is_passed_over(
    library: Library, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir = Path.mkdir

    def late(path: Path, *args: Any, **options: Any) -> None:
        if path.name == "1":
            mkdir(path, exist_ok=True)  # the other process
        mkdir(path, *args, **options)

    monkeypatch.setattr(Path, "mkdir", late)
    assert attempts.start(library.exercise("toy"), NOON).number == 2
    assert contents(attempts.root / "toy" / "1") == {}


@pytest.mark.parametrize("step", ["shutil.copyfile", "pathlib.Path.write_text", "sqlite3.connect"])
def test_a_start_that_was_killed_is_no_attempt_and_blocks_none(library: Library, attempts: Attempts, step: str) -> None:
    code = f"""
        import os, signal, {step.partition(".")[0]}
        from pathlib import Path
        from burnin.library import Library
        from burnin.practice import Attempts
        library = Library(Path({str(library.root)!r}))
        attempts = Attempts(library)
        {step} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        attempts.start(library.exercise("toy"))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    partial = attempts.root / "toy" / "1"
    assert partial.is_dir()
    left = contents(partial)
    assert attempts.all("toy") == []
    assert attempts.latest() is None
    assert attempts.at(partial) is None
    assert attempts.start(library.exercise("toy"), NOON).number == 2
    assert contents(partial) == left


def test_at_finds_only_attempts_of_this_library(library: Library, attempts: Attempts, tmp_path: Path) -> None:
    attempt = attempts.start(library.exercise("toy"), NOON)
    assert attempts.at(attempt.folder) == attempt
    assert attempts.at(attempt.folder / ".." / "1") == attempt
    elsewhere = tmp_path / "attempts" / "toy" / "1"
    elsewhere.mkdir(parents=True)
    assert attempts.at(elsewhere) is None
    assert attempts.at(attempt.folder.with_name("01")) is None
    assert attempts.at(tmp_path / "nowhere") is None


def test_latest_goes_by_the_clock_and_then_by_the_number(library: Library, attempts: Attempts) -> None:
    assert attempts.latest() is None
    toy = attempts.start(library.exercise("toy"), NOON)
    zoo = attempts.start(library.exercise("zoo"), later(-1))
    assert attempts.latest() == toy
    assert attempts.latest("zoo") == zoo
    same_moment = attempts.start(library.exercise("toy"), replace(NOON, wall=NOON.wall.astimezone(UTC)))
    assert attempts.latest() == same_moment
    assert attempts.latest("nothing") is None


def test_best_is_over_all_attempts_but_not_of_quick_grades(library: Library, attempts: Attempts) -> None:
    assert attempts.best("toy") is None
    first, second = (attempts.start(library.exercise("toy"), NOON) for _ in range(2))
    first.graded(card(70), b"", NOON.wall, 1.0)
    first.graded(card(30), b"", NOON.wall, 2.0)
    second.graded(card(90, effort="quick"), b"", NOON.wall, 3.0)
    second.graded(card(60, effort="deep"), b"", NOON.wall, 4.0)
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


def test_a_number_stays_taken_when_its_folder_is_gone(library: Library, attempts: Attempts) -> None:
    shutil.rmtree(attempts.start(library.exercise("toy"), NOON).folder)
    assert attempts.start(library.exercise("toy"), NOON).number == 2
