"""Progress: what is counted, what is suggested and why, and its page."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from commands.fakes import add_exercise

from burnin.library import Library, UserError
from burnin.practice import Attempts, Store
from burnin.practice.progress import Kind, Progress, progress, progress_page, write_progress
from burnin.scorecard import PropertyResult, Scorecard, StageResult

from .fakes import NOON, card, later

DAY = 24 * 60


@pytest.fixture
def library(tmp_path: Path) -> Library:
    for name in ("toy", "zoo"):
        add_exercise(tmp_path, name)
    return Library(tmp_path)


def attempt(library: Library, name: str, day: float, *grades: tuple[float, dict[str, str]], open: bool = False) -> None:
    """An attempt on this day, with grades at these minutes: each tag with the status of its property, the last one of stage 2."""
    start = later(day * DAY)
    made = Attempts(library).start(library.exercise(name), start, minutes=45)
    for minute, statuses in grades:
        now = later(minute, after=start)
        made.graded(scorecard(statuses), b"# mine\n", now.wall, minute)
    if not open:
        made.finish(now=later(50, after=start))


def scorecard(statuses: dict[str, str]) -> Scorecard:
    results = [
        PropertyResult(f"p_{tag}", f"On {tag}.", "core", "Rule", status, 50 * (status == "passed"), 50, None, [tag])  # type: ignore[arg-type]  # a status
        for tag, status in statuses.items()
    ]
    made = card(sum(one.score for one in results))
    made.stages = [StageResult(number, "", result.score, 50, [result]) for number, result in enumerate(results, 1)]
    return made


def facts(library: Library, day: float = 30) -> Progress:
    return progress(library, Store(library).all(), later(day * DAY).wall)


FULL = {"order": "passed", "cost": "passed"}
HALF = {"order": "passed", "cost": "failed"}
STUB = {"order": "not_attempted", "cost": "not_attempted"}


def test_one_grade_stands_for_an_attempt(library: Library) -> None:
    """The last in time; what comes later is apart."""
    attempt(library, "toy", 1, (10, HALF), (20, FULL), (30, HALF), (47, FULL))
    (one,) = facts(library).attempts
    assert (one.record.result, one.late) == (50, 100)
    assert one.tags == {"cost"}
    assert one.passed == {1: 10, 2: 20}


def test_pace_is_against_the_par_of_the_stages_that_passed(library: Library) -> None:
    """Toy has par times of 20 and 15 minutes."""
    attempt(library, "toy", 1, (40, HALF))
    attempt(library, "toy", 2, (10, HALF), (42, FULL))
    attempt(library, "toy", 3, (10, {"order": "failed", "cost": "passed"}))
    assert [one.pace for one in facts(library).attempts] == [2.0, pytest.approx(42 / 35), None]


def test_best_and_latest(library: Library) -> None:
    attempt(library, "toy", 1, (10, FULL))
    attempt(library, "toy", 2, (10, HALF))
    attempt(library, "toy", 3)
    toy, zoo = facts(library).exercises
    assert (toy.best, toy.latest and toy.latest.record.number) == (100, 2)
    assert (zoo.best, zoo.latest) == (None, None)


def test_kinds_of_failure_are_counted_by_attempts_that_got_to_them(library: Library) -> None:
    """What was not attempted did not fail; what never failed is no kind."""
    attempt(library, "toy", 1, (10, STUB))
    attempt(library, "toy", 2, (10, {"order": "passed", "cost": "not_attempted"}))
    attempt(library, "zoo", 3, (10, HALF))
    attempt(library, "zoo", 4, (10, {"order": "failed", "cost": "crashed"}))
    assert facts(library).kinds == [Kind("cost", 2, 2), Kind("order", 1, 3)]


def test_an_open_attempt_comes_first(library: Library) -> None:
    attempt(library, "toy", 1, (10, HALF))
    attempt(library, "zoo", 2, (10, HALF), open=True)
    first, second = facts(library).next
    assert first.exercise == "zoo"
    assert "still open" in first.reason
    assert second.exercise == "toy"


def test_unfinished_business_comes_before_what_is_new_and_names_what_recurs(library: Library) -> None:
    attempt(library, "zoo", 1, (10, HALF))
    attempt(library, "zoo", 2, (10, HALF))
    first, second = facts(library).next
    assert first.exercise == "zoo"
    assert first.reason == (
        "the latest result is 50 of 100, and stage 2 (Two) never had all its points in that attempt; "
        "cost failed there, as in 2 of 2 recent attempts that got to it"
    )
    assert second.exercise == "toy"
    assert second.reason.startswith("not tried yet")


def test_full_marks_come_back_when_they_are_old(library: Library) -> None:
    attempt(library, "toy", 1, (10, FULL))
    attempt(library, "zoo", 8, (44, FULL))
    assert [one.exercise for one in facts(library, 9).next] == ["zoo"]
    assert "for pace" in facts(library, 9).next[0].reason
    assert [one.exercise for one in facts(library, 23).next] == ["toy", "zoo"]
    assert "22 days ago" in facts(library, 23).next[0].reason


def test_an_attempt_outlives_its_exercise(library: Library) -> None:
    attempt(library, "toy", 1, (10, HALF))
    (library.root / "exercises" / "toy" / "exercise.toml").unlink()
    (library.root / "exercises" / "zoo" / "exercise.toml").write_text("nonsense")
    found = facts(library)
    assert (found.exercises, found.next) == ([], [])
    assert [one.record.exercise for one in found.attempts] == ["toy"]
    assert "toy" in progress_page(found, NOON.wall)


def test_the_page(library: Library, tmp_path: Path) -> None:
    attempt(library, "toy", 1, (10, HALF), (47, FULL))
    path = tmp_path / "progress.html"
    write_progress(path, facts(library), later(30 * DAY).wall)
    page = path.read_text()
    for said in ("50 of 100", "<td>100</td>", "2025-03-02 12:00 UTC+02:00", "data:image/svg", "1 of 1"):
        assert said in page
    write_progress(path, facts(library), later(31 * DAY).wall)
    path.write_text("mine")
    with pytest.raises(UserError, match="is not Burnin's"):
        write_progress(path, facts(library), NOON.wall)


def test_the_page_before_the_first_attempt(library: Library) -> None:
    page = progress_page(facts(library), NOON.wall)
    assert "There is no attempt yet" in page
    assert "<img" not in page


def test_times_keep_their_zone(library: Library) -> None:
    attempt(library, "toy", 1, (10, HALF))
    records = Store(library).all()
    assert records[0].started.utcoffset() == timedelta(hours=2)
    moved = [replace(records[0], started=records[0].started.astimezone())]
    assert progress(library, moved, NOON.wall).attempts[0].record.started == records[0].started


def test_plots_leave_the_import_system_as_it_was(library: Library) -> None:
    """A library of plots adds finders of its own; what is installed is found all the same, and no import warns."""
    attempt(library, "toy", 1, (10, HALF))
    progress_page(facts(library), NOON.wall)
    assert importlib.metadata.version("pytest")
    assert importlib.import_module("colorsys")
    assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)
