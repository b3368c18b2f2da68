"""`burnin debrief`."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnin.library import Library
from burnin.practice import ASSESSMENT, Attempts

from .fakes import FakeGrader, Run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that the browser was told to open."""
    addresses: list[str] = []
    monkeypatch.setattr("webbrowser.open", addresses.append)
    return addresses


@pytest.mark.usefixtures("grader")
def test_the_page_is_written_and_opened(run: Run, root: Path, opened: list[str]) -> None:
    run("start", "toy")
    run("grade")
    run("finish")
    ran = run("debrief")
    path = root / "attempts" / "toy" / "1" / "debrief.html"
    assert (ran.code, ran.out) == (0, "attempts/toy/1/debrief.html\n")
    assert opened == [path.as_uri()]
    assert "20 <small>of 100</small>" in path.read_text()
    assert run("debrief", "toy", "--no-open").code == 0
    assert len(opened) == 1


def test_an_attempt_that_goes_on_has_none(run: Run, grader: FakeGrader, opened: list[str]) -> None:
    run("start", "toy")
    ran = run("debrief")
    assert (ran.code, ran.out, opened) == (2, "", [])
    assert "has not ended" in ran.err
    assert grader.exercise == ""


def test_it_is_the_attempt_that_ended_last(run: Run, opened: list[str]) -> None:
    """Though others were begun later, at this exercise or another."""
    for name in ("zoo", "toy", "toy"):
        run("start", name)
    run("finish")
    assert run("debrief").out == "attempts/toy/2/debrief.html\n"
    run("finish", "--exercise", "zoo")
    run("finish", "--give-up", "--exercise", "toy")  # it had ended before
    run("start", "zoo")
    assert run("debrief").out == run("debrief", "zoo").out == "attempts/zoo/1/debrief.html\n"
    assert run("debrief", "toy").out == "attempts/toy/2/debrief.html\n"


def test_an_earlier_attempt(run: Run, root: Path, opened: list[str]) -> None:
    for _ in range(2):
        run("start", "toy")
        run("finish")
    assert run("debrief", "toy", "--attempt", "1").code == 0
    assert (root / "attempts" / "toy" / "1" / "debrief.html").exists()
    assert not (root / "attempts" / "toy" / "2" / "debrief.html").exists()
    assert "no attempt 3" in run("debrief", "toy", "--attempt", "3").err
    assert "needs the name" in run("debrief", "--attempt", "1").err
    assert len(opened) == 1


@pytest.mark.usefixtures("opened")
def test_answers_are_kept(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("start", "toy")
    run("finish")
    answers = iter(["yes", "", "so so", "", "<b>"])
    monkeypatch.setattr("click.prompt", lambda question, default, show_default: next(answers) or default)
    assert run("debrief", "--assess").code == 0
    kept = Attempts(Library(root)).all("toy")[0].record().assessment
    assert kept == dict(zip(ASSESSMENT, ["yes", "", "so so", "", "<b>"], strict=True))
    assert "&lt;b&gt;" in (root / "attempts" / "toy" / "1" / "debrief.html").read_text()
