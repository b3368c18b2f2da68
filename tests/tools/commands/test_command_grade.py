"""`burnin grade`: what is graded, what is printed, what is kept."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from burnin.confine import Confinement
from burnin.library import Library
from burnin.practice import Attempts

from .fakes import FakeGrader, Run

pytestmark = pytest.mark.usefixtures("grader")


def scores(root: Path) -> list[int]:
    attempt = Attempts(Library(root)).latest("toy")
    return [] if attempt is None else [grade.score for grade in attempt.record().grades]


# ---- what is graded


def test_nothing_is_the_latest_attempt(run: Run, root: Path, grader: FakeGrader) -> None:
    for name in ("toy", "zoo", "toy"):
        run("start", name)
    assert run("grade").code == 1
    assert (grader.exercise, grader.path) == ("toy", root / "attempts" / "toy" / "2" / "toy.py")


def test_a_name_is_its_latest_attempt(run: Run, root: Path, grader: FakeGrader) -> None:
    for name in ("zoo", "toy"):
        run("start", name)
    (root / "zoo").mkdir()  # a folder of that name is not meant
    run("grade", "zoo")
    assert grader.path == root / "attempts" / "zoo" / "1" / "zoo.py"
    run("grade", "--exercise", "zoo")
    assert grader.path == root / "attempts" / "zoo" / "1" / "zoo.py"


def test_a_path_is_a_file_named_after_its_exercise(run: Run, tmp_path: Path, grader: FakeGrader) -> None:
    (tmp_path / "zoo.py").touch()
    run("grade", str(tmp_path / "zoo.py"))
    assert (grader.exercise, grader.path) == ("zoo", tmp_path / "zoo.py")


def test_a_path_may_have_any_name_with_exercise(run: Run, tmp_path: Path, grader: FakeGrader) -> None:
    (tmp_path / "ada's.py").touch()
    run("grade", str(tmp_path / "ada's.py"), "--exercise", "zoo")
    assert (grader.exercise, grader.path) == ("zoo", tmp_path / "ada's.py")


def test_a_folder_that_holds_the_file(run: Run, tmp_path: Path, grader: FakeGrader) -> None:
    for name in ("zoo.py", "other.py"):
        (tmp_path / name).touch()
    run("grade", str(tmp_path))
    assert (grader.exercise, grader.path) == ("zoo", tmp_path / "zoo.py")
    (tmp_path / "toy.py").touch()
    run("grade", str(tmp_path), "--exercise", "toy")
    assert (grader.exercise, grader.path) == ("toy", tmp_path / "toy.py")


def test_another_file_of_an_attempt_belongs_to_its_exercise(run: Run, root: Path, grader: FakeGrader) -> None:
    run("start", "toy")
    draft = Path("attempts", "toy", "1", "draft.py")
    draft.touch()
    run("grade", str(draft))
    assert (grader.exercise, grader.path) == ("toy", draft)
    assert scores(root) == []  # it is not what the attempt is about


def test_a_folder_in_a_files_place_is_left_to_the_grader(run: Run, tmp_path: Path, grader: FakeGrader) -> None:
    (tmp_path / "toy.py").mkdir()
    assert run("grade", str(tmp_path / "toy.py")).code == 1
    assert grader.path == tmp_path / "toy.py"


def test_the_reference(run: Run, root: Path, grader: FakeGrader) -> None:
    run("start", "toy")
    grader.passed = (True, True, True)
    assert run("grade", "--reference", "toy").code == 0
    assert grader.path == root / "solutions" / "toy" / "toy.py"
    assert scores(root) == []


def test_options_reach_the_grader(run: Run, grader: FakeGrader) -> None:
    run("start", "toy")
    run("grade")
    options = grader.options
    assert (options.effort, options.seed, options.jobs, options.confined, options.only) == ("standard", 0, 0, True, ())
    run("grade", "--effort", "deep", "--explore", "7", "--jobs", "3")
    options = grader.options
    assert (options.effort, options.seed, options.jobs) == ("deep", 7, 3)


# ---- the user's mistakes


def refused(run: Run, *args: str) -> str:
    """The sentence of a command that the user got wrong."""
    ran = run(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("burnin: ").rstrip("\n")


def test_no_attempt_yet(run: Run) -> None:
    assert refused(run, "grade") == "There is no attempt yet; `burnin start NAME` begins one."
    assert refused(run, "grade", "toy") == "There is no attempt at toy yet; `burnin start toy` begins one."


def test_an_attempt_whose_file_is_gone(run: Run, root: Path) -> None:
    run("start", "toy")
    (root / "attempts" / "toy" / "1" / "toy.py").unlink()
    assert refused(run, "grade") == (
        "attempts/toy/1 has no toy.py any more; put it back, or begin again with `burnin start toy`."
    )


def test_a_name_that_is_not_known(run: Run) -> None:
    assert refused(run, "grade", "tyo") == "There is no exercise named tyo; did you mean toy?"
    assert refused(run, "grade", "--exercise", "tyo") == "There is no exercise named tyo; did you mean toy?"
    assert refused(run, "grade", "--reference", "tyo") == "There is no exercise named tyo; did you mean toy?"


def test_a_path_that_is_not_there(run: Run) -> None:
    sentence = "There is no file {}; give the path of a submission or the name of an exercise (`burnin list`)."
    for path in ("toy.py", "nowhere/toy.py"):
        assert refused(run, "grade", path) == sentence.format(path)
    Path("dangling").symlink_to("nowhere")
    assert refused(run, "grade", "dangling") == sentence.format("dangling")


def test_two_exercises_at_once(run: Run) -> None:
    assert refused(run, "grade", "toy", "--exercise", "zoo") == (
        "toy and --exercise zoo are two exercises; leave one of them out."
    )


def test_a_file_that_is_named_after_nothing(run: Run) -> None:
    Path("mine.py").touch()
    assert refused(run, "grade", "mine.py") == (
        "mine.py is not named after an exercise; say which one it is for with --exercise NAME."
    )
    assert refused(run, "grade", "mine.py", "--exercise", "tyo") == (
        "There is no exercise named tyo; did you mean toy?"
    )


def test_a_folder_without_a_submission(run: Run) -> None:
    Path("bare").mkdir()
    assert refused(run, "grade", "bare") == (
        "The folder bare holds no file that is named after an exercise; give the path of the submission itself."
    )
    assert refused(run, "grade", "bare", "--exercise", "toy") == (
        "The folder bare holds no toy.py; give the path of the submission itself."
    )


def test_a_folder_with_two_submissions(run: Run) -> None:
    Path("both").mkdir()
    for name in ("toy.py", "zoo.py"):
        Path("both", name).touch()
    assert refused(run, "grade", "both") == (
        "The folder both holds toy.py and zoo.py; give the path of the one that is meant."
    )


def test_a_pipe_is_not_read(run: Run) -> None:
    os.mkfifo("toy.py")
    assert refused(run, "grade", "toy.py") == "toy.py is not an ordinary file; give the path of a Python file."


def test_a_file_that_cannot_be_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("toy.py").touch()
    opened = Path.open

    def refuse(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "toy.py":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)  # a mode would not keep root out
    assert refused(run, "grade", "toy.py") == "toy.py cannot be read (Permission denied); make it readable."


def test_a_reference_needs_a_name_and_a_file(run: Run, root: Path) -> None:
    assert refused(run, "grade", "--reference") == (
        "--reference needs the name of an exercise: `burnin grade --reference NAME`."
    )
    (root / "solutions" / "toy" / "toy.py").unlink()
    assert refused(run, "grade", "--reference", "toy") == (
        "This library has no reference for toy: there is no file solutions/toy/toy.py."
    )


def test_require_sandbox_refuses_before_anything_runs(
    run: Run, grader: FakeGrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("start", "toy")
    monkeypatch.setattr("burnin.confine.available", lambda: Confinement("none", ("No kernel confinement on macOS.",)))
    assert refused(run, "grade", "--require-sandbox") == (
        "This machine cannot fully confine a submission (No kernel confinement on macOS), and --require-sandbox refuses to "
        "grade without; grade on Linux 5.13 or newer, or leave the option out for code that you trust."
    )
    assert grader.options is None
    monkeypatch.setattr("burnin.confine.available", lambda: Confinement("landlock+seccomp", ()))
    assert run("grade", "--require-sandbox").code == 1


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["grade", "--seed", "3"], "No such option '--seed'; `burnin grade --help` shows how it is used."),
        (["grade", "a", "b"], "Got unexpected extra argument (b); `burnin grade --help` shows how it is used."),
        (["start"], "Missing argument 'NAME'; `burnin start --help` shows how it is used."),
        (["grad"], "No such command 'grad'"),
        (
            ["grade", "--explore", "0"],
            "Invalid value for '--explore': 0 is not in the range x>=1; `burnin grade --help` shows how it is used.",
        ),
        (["grade", "--jobs", "x"], "Invalid value for '--jobs'"),
        (["grade", "--effort", "none"], "Invalid value for '--effort'"),
    ],
)
def test_a_command_line_that_is_wrong(run: Run, args: list[str], sentence: str) -> None:
    assert refused(run, *args).startswith(sentence)


# ---- what is printed


def test_the_scorecard_on_standard_output(run: Run) -> None:
    run("start", "toy")
    ran = run("grade")
    assert ran.err == ""
    assert ran.out.startswith("toy  20 of 100  in 1.5 s\n")
    assert "story of property_2 [red]\\x1b[2J\n" in ran.out
    assert "\x1b" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_all_failures_of_a_stage(run: Run, grader: FakeGrader) -> None:
    grader.passed = (False, False, True)
    run("start", "toy")
    assert run("grade").out.count("story of") == 1
    assert run("grade", "--all").out.count("story of") == 2


def test_json_is_alone_on_standard_output(run: Run) -> None:
    run("start", "toy")
    ran = run("grade", "--json")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.endswith("}\n")
    assert ran.out.count("\n") == 1
    found = json.loads(ran.out)
    assert (found["scorecard"], found["exercise"], found["score"], found["possible"]) == (1, "toy", 20, 100)
    assert found["stages"][0]["properties"][1]["counterexample"]["story"] == ["story of property_2 [red]\x1b[2J"]


def test_progress_is_on_standard_error_and_only_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("start", "toy")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    ran = run("grade", "--json")
    assert json.loads(ran.out)["score"] == 20
    assert "3/3" in ran.err
    assert ran.err.index("The sentence of property_2.") < ran.err.index("1/3")  # what fails is told before it is judged


@pytest.mark.parametrize(("passed", "code"), [((True, True, True), 0), ((True, True, False), 1), ((False,) * 3, 1)])
def test_only_a_full_score_is_a_success(run: Run, grader: FakeGrader, passed: tuple[bool, ...], code: int) -> None:
    run("start", "toy")
    grader.passed = passed
    assert run("grade").code == code


# ---- what is kept


def test_each_score_of_an_attempt_is_kept(run: Run, root: Path, grader: FakeGrader) -> None:
    run("start", "toy")
    run("grade")
    run("grade", "attempts/toy/1")
    run("grade", str(root / "attempts" / "toy" / "1" / "toy.py"), "--json")
    grader.passed = (True, True, True)
    run("grade", "toy")
    assert scores(root) == [20, 20, 20, 100]


def test_an_exploration_is_not_a_score(run: Run, root: Path) -> None:
    run("start", "toy")
    assert "Seed 7: an exploration, which is not a score." in run("grade", "--explore", "7").out
    assert scores(root) == []


def test_a_score_that_cannot_be_kept_is_shown(run: Run, root: Path) -> None:
    run("start", "toy")
    database = root / "attempts" / "burnin.sqlite3"
    with contextlib.closing(sqlite3.connect(database)) as db, db:
        db.execute("DROP TABLE grade")
    ran = run("grade")
    assert ran.code == 1
    assert ran.out.startswith("toy  20 of 100")
    assert ran.err.startswith("burnin: This score was not recorded. The record of attempts, ")
    assert "(no such table: grade)" in ran.err


def test_a_grade_belongs_to_the_moment_at_which_the_file_was_read(run: Run, root: Path, grader: FakeGrader) -> None:
    run("start", "toy")
    attempt = Attempts(Library(root)).latest("toy")
    assert attempt is not None
    attempt.submission.write_text("# as it was read")
    grader.meanwhile = lambda: attempt.finish()
    run("grade")
    record = attempt.record()
    assert record.finished is not None
    assert record.grades[0].minute < record.finished
    assert (record.result, record.grades[0].overtime) == (20, False)


def test_a_grade_ends_a_pause(run: Run, root: Path) -> None:
    run("start", "toy")
    run("pause")
    run("grade")
    attempt = Attempts(Library(root)).latest("toy")
    assert attempt is not None
    assert [event.kind for event in attempt.record().events][-2:] == ["paused", "unpaused"]


def test_a_stage_that_passes_opens_the_next(run: Run, root: Path, grader: FakeGrader) -> None:
    run("start", "toy", "--staged")
    grader.passed = (True, True, False)
    ran = run("grade")
    assert ran.out.endswith("Stage 2, Two: read attempts/toy/1/stage_2.md, try attempts/toy/1/test_toy_stage_2.py\n")
    assert (root / "attempts" / "toy" / "1" / "stage_2.md").read_text() == "## Stage 2: more\n\nAnd that.\n"
    samples = (root / "attempts" / "toy" / "1" / "test_toy_stage_2.py").read_text()
    assert samples == "import pytest\n\n# ---- stage 2\n\ndef test_two(): ...\n"
    assert "Stage 2, Two" not in run("grade").out
