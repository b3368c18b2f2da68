"""What one does in an attempt besides grading, as plain commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnin.library import Library
from burnin.practice import Attempt, Attempts

from .fakes import FakeGrader, Run

INTERVIEW = """\
[[questions]]
topic = "size"
ask = "How large?"
answer = "Not very."
[[questions]]
topic = "order"
ask = "In which order?"
answer = "In any."
[[hints]]
stage = 1
nudge = "Look there."
approach = "Do so."
detail = "Write this."
"""


@pytest.fixture
def attempt(run: Run, root: Path) -> Attempt:
    """A staged attempt at `toy`, which has questions and hints."""
    (root / "solutions" / "toy" / "interview.toml").write_text(INTERVIEW)
    assert run("start", "toy", "--staged").code == 0
    found = Attempts(Library(root)).latest()
    assert found is not None
    return found


def kinds(attempt: Attempt) -> list[str]:
    return [f"{event.kind} {event.detail}".rstrip() for event in attempt.record().events]


def refused(run: Run, *args: str) -> str:
    ran = run(*args)
    assert (ran.code, ran.out) == (2, "")
    return ran.err.removeprefix("burnin: ").rstrip("\n")


@pytest.mark.parametrize("command", ["clock", "ask", "hint", "next", "pause", "resume", "finish"])
def test_without_an_attempt(run: Run, command: str) -> None:
    assert refused(run, command) == "There is no attempt yet; `burnin start NAME` begins one."
    assert refused(run, command, "--exercise", "zoo") == (
        "There is no attempt at zoo yet; `burnin start zoo` begins one."
    )


@pytest.mark.usefixtures("attempt")
def test_clock(run: Run, grader: FakeGrader) -> None:
    lines = run("clock").out.splitlines()
    assert lines[0].startswith("toy, attempt 1: 0:0")
    assert lines[0].endswith(" of 45:00.")
    assert lines[1:] == ["  stage 1  shown at 0:00, par until 20:00", "  stage 2  not shown yet, par until 35:00"]
    grader.passed = (True, False, False)
    run("grade")
    assert "  stage 1  shown at 0:00, par until 20:00, 20 of 60 points" in run("clock").out


def test_ask(run: Run, attempt: Attempt) -> None:
    assert run("ask").out == "size   How large?\norder  In which order?\n"
    assert kinds(attempt)[2:] == []
    assert run("ask", "Size").out == "How large?\n  Not very.\n"
    assert run("ask", "size").out == "How large?\n  Not very.\n"
    assert kinds(attempt)[2:] == ["asked size"]
    assert refused(run, "ask", "colour") == "There is no question on colour; there are size, order."


def test_questions_before_the_first_line_are_told_apart(run: Run, attempt: Attempt, grader: FakeGrader) -> None:
    run("ask", "size")
    run("grade")  # of the stub as it is
    run("ask", "order")
    attempt.submission.write_text("# my work")
    run("grade")
    assert [(event.detail, before) for event, before in attempt.record().asked()] == [("size", True), ("order", True)]
    (attempt.library.root / "solutions" / "toy" / "interview.toml").write_text(INTERVIEW.replace("order", "turns"))
    run("ask", "turns")
    assert attempt.record().asked()[-1][1] is False
    assert grader.exercise == "toy"


def test_hints_come_in_grades(run: Run, attempt: Attempt) -> None:
    said = [run("hint").out for _ in range(4)]
    assert said[:2] == ["Stage 1, nudge: Look there.\n", "Stage 1, approach: Do so.\n"]
    assert said[2] == said[3] == "Stage 1, detail: Write this.\n"
    assert kinds(attempt)[2:] == ["hint 1 nudge", "hint 1 approach", "hint 1 detail"]
    assert refused(run, "hint", "9") == "There is no stage 9: toy has 2 stages."
    assert refused(run, "hint", "2") == "Stage 2 has not been shown yet; the last is stage 1."
    run("next")
    assert refused(run, "hint") == "There are no hints for stage 2."


def hinted(run: Run) -> str:
    return run("hint").out.partition(",")[0]


def test_a_hint_is_for_the_first_stage_that_has_not_passed(run: Run, root: Path, grader: FakeGrader) -> None:
    hints = INTERVIEW + INTERVIEW[INTERVIEW.index("[[hints]]") :].replace("stage = 1", "stage = 2")
    (root / "solutions" / "toy" / "interview.toml").write_text(hints)
    run("start", "toy")  # all stages are shown
    assert hinted(run) == "Stage 1"
    grader.passed = (True, False, True)
    run("grade")
    assert hinted(run) == "Stage 1"
    grader.passed = (True, True, False)
    run("grade")
    assert hinted(run) == "Stage 2"
    grader.passed = (True, True, True)
    run("grade")
    assert hinted(run) == "Stage 2"
    run("start", "toy", "--staged")
    run("next")
    assert hinted(run) == "Stage 2"  # nothing says that stage 1 is not done
    grader.passed = (True, False, False)
    run("grade")
    assert hinted(run) == "Stage 1"


def test_next(run: Run, attempt: Attempt) -> None:
    assert run("next").out == "Stage 2, Two: read attempts/toy/1/stage_2.md, try attempts/toy/1/test_toy_stage_2.py\n"
    assert kinds(attempt) == ["started staged", "stage_shown 1", "stage_shown 2 on request"]
    assert refused(run, "next") == "All stages have been shown."


def test_pause_and_resume(run: Run, attempt: Attempt) -> None:
    said = run("pause").out
    assert ", paused; `burnin resume` or a grade lets the clock go on.\n" in said
    run("pause")
    assert not attempt.record().running
    assert ", paused" in run("clock").out
    assert "paused" not in run("resume").out
    run("resume")
    assert kinds(attempt)[2:] == ["paused", "unpaused"]


def test_finish(run: Run, attempt: Attempt, grader: FakeGrader) -> None:
    run("grade")
    said = run("finish").out
    assert said.startswith("toy, attempt 1: ended at 0:0")
    assert " of 45:00. The result is 20 of 100.\n" in said
    assert said.endswith("  reference   solutions/toy/toy.py\n  debrief     burnin debrief\n")
    grader.passed = (True, True, True)
    run("grade")
    assert attempt.record().result == 20
    assert "The result is 20 of 100. Later, and not counted: 100." in run("finish").out
    assert kinds(attempt).count("finished") == 1
    for command in ("pause", "resume", "next"):
        assert refused(run, command) == (
            f"Attempt 1 at toy has ended, so there is no {command}; `burnin start toy` begins another."
        )


def test_giving_up_ends_it(run: Run, attempt: Attempt) -> None:
    assert " Nothing was graded in time.\n" in run("finish", "--give-up").out
    record = attempt.record()
    assert (record.gave_up, record.finished is not None, record.result) == (True, True, None)


def test_without_questions(run: Run) -> None:
    run("start", "zoo")
    assert refused(run, "ask") == "zoo has no clarifying questions yet."
    assert refused(run, "ask", "size") == "This exercise has no clarifying questions yet."
    assert refused(run, "hint") == "There are no hints for stage 1."
