"""`burnin replay`: which failure, where its script goes, and how it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnin.library import Exercise, Library
from burnin.practice import Attempts
from burnin.scorecard import PropertyResult

from .fakes import FakeGrader, Run

SCRIPT = """\
import sys

print("replaying", {name!r}, "of", {path!r}, "on a terminal" if sys.stdin.isatty() else "without a terminal")
sys.exit(5)
"""


@pytest.fixture(autouse=True)
def writer(grader: FakeGrader, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(exercise: Exercise, submission: Path, result: PropertyResult, target: Path) -> Path:
        assert exercise.name == grader.exercise
        assert submission.is_absolute()
        with target.open("x") as file:
            file.write(SCRIPT.format(name=result.id, path=submission.name))
        return target

    monkeypatch.setattr("burnin.replay.write_replay", write, raising=False)


def test_the_first_failure_beside_the_submission(run: Run, root: Path) -> None:
    run("start", "toy")
    assert run("replay").code == 1
    assert (root / "attempts" / "toy" / "1" / "replay.py").exists()


def test_it_says_the_path_and_then_runs_it(root: Path, grader: FakeGrader, capfd: pytest.CaptureFixture[str]) -> None:
    from burnin.commands import main

    main(["start", "toy"])
    capfd.readouterr()
    assert main(["replay"]) == 1
    out, err = capfd.readouterr()
    said, ran = out.splitlines()
    assert said == "attempts/toy/1/replay.py replays the property property_2: The sentence of property_2."
    assert ran.startswith("replaying property_2 of toy.py")
    assert err == ""


def test_no_script_is_overwritten(run: Run, root: Path) -> None:
    run("start", "toy")
    for _ in range(3):
        run("replay")
    (root / "attempts" / "toy" / "1" / "replay_4.py").symlink_to("nowhere")
    run("replay", "toy")
    names = sorted(path.name for path in (root / "attempts" / "toy" / "1").glob("replay*.py"))
    assert names == ["replay.py", "replay_2.py", "replay_3.py", "replay_4.py", "replay_5.py"]


def test_a_file_elsewhere_is_replayed_from_here(run: Run, root: Path, tmp_path: Path) -> None:
    (tmp_path / "toy.py").touch()
    assert run("replay", str(tmp_path / "toy.py")).code == 1
    assert (root / "replay.py").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["my library", "toy.py"]


def test_a_property_that_is_asked_for(run: Run, grader: FakeGrader) -> None:
    run("start", "toy")
    ran = run("replay", "--property", "property_3")
    assert grader.options.only == ("property_3",)
    assert "replays the property property_3" in ran.out


def test_a_property_that_there_is_not(run: Run) -> None:
    run("start", "toy")
    ran = run("replay", "--property", "other")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "burnin: toy has no property other; it has property_1, property_2, property_3.\n"


def test_a_property_that_passed(run: Run) -> None:
    run("start", "toy")
    ran = run("replay", "--property", "property_1")
    assert (ran.code, ran.out) == (0, "property_1 passed: there is nothing to replay.\n")


def test_everything_passed(run: Run, grader: FakeGrader) -> None:
    grader.passed = (True, True, True)
    run("start", "toy")
    ran = run("replay")
    assert (ran.code, ran.out) == (0, "Everything passed: there is nothing to replay.\n")


def test_failures_without_a_script(run: Run, grader: FakeGrader) -> None:
    grader.scripts = False
    run("start", "toy")
    ran = run("replay")
    assert ran.code == 1
    assert ran.out == "There is nothing to replay: no failure has a script. Not passed: property_2, property_3.\n"


def test_a_submission_that_cannot_be_graded(run: Run, grader: FakeGrader) -> None:
    grader.problem = "toy.py is empty."
    run("start", "toy")
    ran = run("replay")
    assert (ran.code, ran.out, ran.err) == (2, "", "burnin: There is nothing to replay: toy.py is empty.\n")


def test_a_replay_is_no_score(run: Run, root: Path) -> None:
    run("start", "toy")
    run("replay")
    assert [attempt.record().grades for attempt in Attempts(Library(root)).all("toy")] == [[]]


def test_a_folder_that_cannot_be_written(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("burnin.replay.write_replay", refuse, raising=False)
    run("start", "toy")
    ran = run("replay")
    assert (ran.code, ran.out) == (2, "")
    folder = root / "attempts" / "toy" / "1"
    assert (
        ran.err == f"burnin: The replay cannot be written to {folder} (Permission denied); make that folder writable.\n"
    )
