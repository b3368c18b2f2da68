"""`burnin list` and `burnin start`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from burnin.library import Library
from burnin.practice import Attempts

from .fakes import FakeGrader, Run


def test_list_by_round(run: Run) -> None:
    ran = run("list")
    assert (ran.code, ran.err) == (0, "")
    assert (
        ran.out
        == """\
onsite
  toy  100 points in 2 stages, par 35 minutes, not tried yet
      Write a toy that does what such a thing does.
phone
  zoo  100 points in 2 stages, par 35 minutes, not tried yet
      Write a zoo that does what such a thing does.
"""
    )


def test_list_tells_the_best_score(run: Run, grader: FakeGrader) -> None:
    run("start", "toy")
    run("grade")
    grader.passed = (False, False, False)
    run("grade")
    assert "toy  100 points in 2 stages, par 35 minutes, your best: 20\n" in run("list").out


def test_list_fits_a_narrow_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(map(len, run("list").out.splitlines())) <= 40


def test_list_json_is_one_array(run: Run) -> None:
    ran = run("list", "--json")
    assert json.loads(ran.out)[0] == {
        "name": "toy",
        "title": "A toy",
        "round": "onsite",
        "summary": "Write a toy that does what such a thing does.",
        "points": 100,
        "par_minutes": 35,
        "minutes": 45,
        "stages": 2,
        "best": None,
    }


def test_one_wrong_manifest_does_not_hide_the_others(run: Run, root: Path) -> None:
    (root / "exercises" / "zoo" / "exercise.toml").write_text("title = 3")
    ran = run("list", "--json")
    assert ran.code == 2
    assert [entry["name"] for entry in json.loads(ran.out)] == ["toy"]
    assert "exercise.toml is not a manifest" in ran.err


def test_an_empty_library(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bare" / "exercises").mkdir(parents=True)
    assert run("list", "--library", str(tmp_path / "bare")).out == "This library has no exercises yet.\n"


def test_a_library_that_is_none(run: Run, tmp_path: Path) -> None:
    ran = run("list", "--library", str(tmp_path))
    assert ran.code == 2
    assert ran.err == f"burnin: {tmp_path} has no folder named exercises; give the folder of a library to --library.\n"


def test_start_says_where_everything_is(run: Run, root: Path) -> None:
    ran = run("start", "toy")
    assert (ran.code, ran.err) == (0, "")
    attempt = Attempts(Library(root)).latest("toy")
    assert attempt is not None
    assert (
        ran.out
        == f"""\
The clock runs: 45 minutes from {attempt.record().started:%H:%M}.
  read    attempts/toy/1/README.md
  write   attempts/toy/1/toy.py
  try     attempts/toy/1/test_toy.py, with pytest
  score   burnin grade
"""
    )


def test_start_again_keeps_the_first(run: Run, root: Path) -> None:
    run("start", "toy")
    (root / "attempts" / "toy" / "1" / "toy.py").write_text("# my work\n")
    assert "attempts/toy/2/toy.py" in run("start", "toy").out
    assert (root / "attempts" / "toy" / "1" / "toy.py").read_text() == "# my work\n"


def test_advice_names_the_library_that_was_named(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was named; without the option the same commands would go to another library."""
    monkeypatch.chdir(root.parent)
    here = ("--library", root.name)
    option = "--library 'my library'"
    assert f"  score   burnin grade {option}\n" in run("start", "toy", "--staged", *here).out
    assert f"`burnin resume {option}`" in run("pause", *here).out
    assert f"`burnin finish {option}` ends it" in run("debrief", *here).err
    assert run("finish", *here).out.endswith(f"  debrief     burnin debrief {option}\n")
    assert f"`burnin start toy {option}` begins another" in run("pause", *here).err
    assert f"`burnin start zoo {option}` begins one" in run("grade", "zoo", *here).err
    assert f"`burnin list {option}`" in run("grade", "nothing.py", *here).err
    assert f"`burnin list {option}`" in run("start", "xyzw", *here).err
    assert f"burnin check meter {option}\n" in run("new", "meter", *here).out
    run("debrief", "toy", "--no-open", *here)
    page = (root / "attempts" / "toy" / "1" / "debrief.html").read_text()
    assert "burnin debrief toy --assess --library &#39;my library&#39;<" in page


def test_start_tells_of_an_attempt_that_is_still_open(run: Run, root: Path, grader: FakeGrader) -> None:
    run("start", "toy")
    assert "still open" not in run("start", "zoo").out
    ran = run("start", "toy")
    assert ran.out.endswith("Attempt 1 is still open: `burnin grade attempts/toy/1/toy.py` goes on with it.\n")
    run("grade", "attempts/toy/1/toy.py")
    assert [len(attempt.record().grades) for attempt in Attempts(Library(root)).all("toy")] == [1, 0]
    run("finish", "--exercise", "toy")
    assert "still open" not in run("start", "toy").out


def test_start_of_what_there_is_not(run: Run) -> None:
    ran = run("start", "tyo")
    assert (ran.code, ran.out, ran.err) == (2, "", "burnin: There is no exercise named tyo; did you mean toy?\n")


def test_start_where_nothing_can_be_written(run: Run, root: Path) -> None:
    (root / "attempts").write_text("in the way")
    ran = run("start", "toy")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"burnin: An attempt cannot be written to {root / 'attempts'} (")
    assert ran.err.endswith("make that folder writable, or work in a copy of the library.\n")


def test_start_for_other_minutes(run: Run) -> None:
    assert run("start", "toy", "--minutes", "30").out.startswith("The clock runs: 30 minutes from ")
    assert run("start", "toy", "--minutes", "1").out.startswith("The clock runs: 1 minute from ")


def test_a_staged_start_shows_the_first_stage(run: Run, root: Path) -> None:
    ran = run("start", "toy", "--staged")
    assert ran.out.endswith("the next stage is shown when one passes, or by burnin next\n")
    statement = (root / "attempts" / "toy" / "1" / "README.md").read_text()
    assert statement == "# statement\n\nHello.\n\n## Stage 1: first\n\nDo this.\n"
