"""`burnin progress`."""

from __future__ import annotations

from pathlib import Path

from .fakes import FakeGrader, Run


def test_before_the_first_attempt(run: Run) -> None:
    ran = run("progress")
    assert ran.code == 0
    assert "There is no attempt yet" in ran.out
    assert "1. toy: not tried yet" in ran.out


def test_attempts_in_the_terminal(run: Run, grader: FakeGrader) -> None:
    run("start", "toy")
    run("grade")
    run("finish")
    ran = run("progress")
    assert ran.code == 0
    assert "toy 1     20 of 100" in ran.out
    assert "the latest result is 20 of 100" in " ".join(ran.out.split())
    assert grader.exercise == "toy"


def test_the_page(run: Run, root: Path) -> None:
    ran = run("progress", "--html", "mine.html")
    assert (ran.code, ran.out) == (0, "mine.html\n")
    assert (root / "mine.html").read_text().startswith("<!doctype html>")
    (root / "mine.html").write_text("notes")
    ran = run("progress", "--html", "mine.html")
    assert (ran.code, ran.out) == (2, "")
    assert "is not Burnin's" in ran.err
