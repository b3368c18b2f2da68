"""A session: each save is graded once it is whole, first by the play that failed last; what happens is recorded and told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_library import REFERENCE, STUB, WRONG

from burnin.grade import Options, grade
from burnin.library import Library, UserError
from burnin.practice import Attempt, Attempts, Moment
from burnin.practice.session import Session
from burnin.scorecard import Scorecard, TypeCheck, TypeProblem

from .rooms import Heard, counter_library, started

pytestmark = pytest.mark.usefixtures("no_types")
ALL_WRONG = WRONG.replace("self.total += number", "self.total += number + 1")
HANGS = REFERENCE.replace("self.total += number", "while True: pass")


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return counter_library(tmp_path)


@pytest.fixture
def attempt(library: Library) -> Attempt:
    return started(library)


@pytest.fixture
def session(attempt: Attempt) -> Iterator[Session]:
    """A session that has looked at the stub."""
    with Session(attempt, jobs=1) as session:
        Heard(session).graded(0)
        yield session


def kinds(attempt: Attempt) -> list[str]:
    return [f"{event.kind} {event.detail}".rstrip() for event in attempt.record().events]


def test_the_stub_is_no_work(session: Session, attempt: Attempt) -> None:
    assert session.snapshot.grading.failure is not None
    assert session.snapshot.grading.failure.status == "not_attempted"
    assert attempt.record().grades == []
    assert kinds(attempt) == ["started staged", "stage_shown 1"]


def test_each_save_is_graded_and_recorded(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    now = heard.graded(70)
    assert now.grading.failure is not None
    assert now.grading.failure.id == "refuses"
    assert [(stage.score, stage.possible, stage.passed) for stage in now.stages] == [(30, 60, False), (40, 40, True)]
    assert [grade.score for grade in attempt.record().grades] == [70]
    assert attempt.record().grades[0].submission() == WRONG
    assert kinds(attempt)[2:] == ["first_edit", "saved"]
    attempt.submission.write_text(REFERENCE)
    now = heard.graded(100)
    assert now.grading.failure is None
    assert [grade.score for grade in attempt.record().grades] == [70, 100]


def test_two_rooms_at_one_attempt_record_a_grade_once(
    session: Session, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = session._judge

    def overtaken(copy: Path, saved: Moment) -> Scorecard:
        card = judge(copy, saved)
        attempt.graded(card, copy.read_bytes(), saved.wall, 0.0)  # by the other room
        return card

    monkeypatch.setattr(session, "_judge", overtaken)
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    heard.graded(70)
    assert [grade.score for grade in attempt.record().grades] == [70]


def test_the_play_that_failed_last_comes_first(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    heard.graded(70)
    attempt.submission.write_text(WRONG + "# the same\n")
    again = heard.until(lambda now: now.grading.first_word is not None and now.grading.phase == "grading")
    assert (again.grading.judged, again.grading.same_story) == (0, True)
    assert heard.graded(70).grading.same_story
    attempt.submission.write_text(REFERENCE)
    heard.until(lambda now: now.grading.message == "The play that failed last passes now.")
    assert heard.graded(100).grading.message == ""


def test_the_score_is_there_before_the_smallest_play_and_both_are_kept(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    first = heard.until(lambda now: now.grading.phase == "graded" and now.grading.shrinking)
    assert first.card is not None
    assert first.card.score == 70
    now = heard.graded(70)
    smallest = grade(attempt.exercise, attempt.submission, Options(jobs=1))
    assert [stage.properties for stage in now.card.stages] == [stage.properties for stage in smallest.stages]  # type: ignore[union-attr]  # it is graded
    assert [record.scorecard().stages for record in attempt.record().grades] == [smallest.stages]
    assert now.grading.failure == smallest.stages[0].properties[1]


def test_a_save_ends_the_search_for_smallest_plays(
    session: Session, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    whole = session._grader.grade  # type: ignore[union-attr]  # it has looked at the stub

    def grading(path: Path, options: Options, *hear: Any) -> Scorecard:
        if options.only:
            searched.extend(options.only)
            attempt.submission.write_text(REFERENCE)
            session._saved.wait(30)
        return whole(path, options, *hear)

    monkeypatch.setattr(session._grader, "grade", grading)
    heard = Heard(session)
    attempt.submission.write_text(ALL_WRONG)
    heard.graded(100)
    assert len(searched) == 1
    assert [record.score for record in attempt.record().grades] == [0, 100]


class Mypy:
    """A type checker that is done when it is told so."""

    done = False

    def __init__(self, copy: Path) -> None:
        assert copy.is_file()

    def __enter__(self) -> Mypy:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        time.sleep(seconds)
        return Mypy.done

    def result(self) -> TypeCheck:
        return TypeCheck("problems", [TypeProblem(1, "wrong", "misc")])


@pytest.fixture
def mypy(monkeypatch: pytest.MonkeyPatch) -> type[Mypy]:
    """A type checker that is not done yet."""
    monkeypatch.setattr(Mypy, "done", False)
    monkeypatch.setattr("burnin.practice.session.TypeChecker", Mypy)
    return Mypy


def test_the_types_follow_the_score_and_are_kept(mypy: type[Mypy], attempt: Attempt) -> None:
    with Session(attempt, jobs=1) as session:
        heard = Heard(session)
        heard.graded(0)
        attempt.submission.write_text(REFERENCE)
        first = heard.graded(100)
        assert first.card is not None
        assert first.card.types.status == "unknown"
        mypy.done = True
        heard.until(lambda now: now.card is not None and now.card.types.problems != [])
        assert [record.scorecard().types.status for record in attempt.record().grades] == ["problems"]


def test_a_save_does_not_wait_for_the_types(mypy: type[Mypy], attempt: Attempt) -> None:
    with Session(attempt, jobs=1) as session:
        heard = Heard(session)
        heard.graded(0)
        attempt.submission.write_text(WRONG)
        heard.graded(70)
        attempt.submission.write_text(REFERENCE)
        heard.graded(100)
        assert [record.scorecard().types.status for record in attempt.record().grades] == ["unknown", "unknown"]


def test_a_stage_that_passes_shows_the_next(session: Session, attempt: Attempt) -> None:
    assert "## Stage 2" not in session.snapshot.statement
    heard = Heard(session)
    attempt.submission.write_text(REFERENCE)
    now = heard.graded(100)
    assert (now.stage, "## Stage 2" in now.statement) == (2, True)
    assert (attempt.folder / "stage_2.md").read_text().startswith("## Stage 2: report")
    assert kinds(attempt)[-1] == "stage_shown 2"


def test_a_file_that_does_not_parse_is_not_scored(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    for text, why in [
        (REFERENCE[: REFERENCE.index("> self.limit:")], "does not parse: line 10: "),
        ("", "counter.py is empty."),
        ("x = '\0'", "counter.py is a binary file"),
    ]:
        attempt.submission.write_text(text)
        heard.until(lambda now, why=why: now.grading.message.startswith(why))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert attempt.record().grades == []
    assert next(kind for kind in kinds(attempt) if kind.startswith("saved")).startswith("saved does not parse: line 10")


def test_a_file_that_is_still_being_written_is_waited_for(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    with attempt.submission.open("w") as file:
        for line in REFERENCE.splitlines(keepends=True):
            file.write(line)
            file.flush()
            time.sleep(0.005)
    heard.graded(100)
    assert [grade.score for grade in attempt.record().grades] == [100]


def test_a_save_that_pauses_where_it_parses_is_not_scored(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    half = REFERENCE.index("    def add")
    with attempt.submission.open("w") as file:
        file.write(REFERENCE[:half])
        file.flush()
        heard.until(lambda now: now.grading.phase == "grading")
        file.write(REFERENCE[half:])
    heard.graded(100)
    assert [grade.score for grade in attempt.record().grades] == [100]


def test_a_file_that_another_takes_the_place_of(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.submission.unlink()
    heard.until(lambda now: now.grading.message == "counter.py is not there.")
    new = attempt.folder / "counter.py.new"
    new.write_text(WRONG)
    new.rename(attempt.submission)
    heard.graded(70)


def test_the_same_text_is_not_graded_again(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    heard.graded(70)
    attempt.submission.write_text(WRONG)
    attempt.submission.write_text(STUB)
    heard.graded(0)
    assert [grade.score for grade in attempt.record().grades] == [70, 0]


def test_a_submission_that_hangs_does_not_hold_up_the_next(
    session: Session, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burnin.practice.session.PATIENCE", 0.0)
    heard = Heard(session)
    attempt.submission.write_text(HANGS)
    heard.until(lambda now: now.grading.phase == "grading")
    attempt.submission.write_text(REFERENCE)
    heard.graded(100)
    assert [grade.score for grade in attempt.record().grades] == [100]


def test_a_session_ends_at_once_though_the_submission_hangs(attempt: Attempt) -> None:
    attempt.submission.write_text(HANGS)
    with Session(attempt, jobs=1) as session:
        Heard(session).until(lambda now: now.grading.phase == "grading")
    assert attempt.record().grades == []


def test_without_events_the_file_is_looked_at(attempt: Attempt, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no watches left")

    monkeypatch.setattr("watchfiles.watch", refuse)
    with Session(attempt, jobs=1) as session:
        heard = Heard(session)
        heard.graded(0)
        attempt.submission.write_text(WRONG)
        heard.graded(70)


def test_questions_hints_stages_and_the_clock(session: Session, attempt: Attempt) -> None:
    assert session.ask("limit").answer == "Yes."
    assert session.hint().text == "Look at the limit."
    assert session.next_stage() == 2
    session.pause()
    now = session.snapshot
    assert [question.topic for question in now.asked] == ["limit"]
    assert [(hint.stage, hint.grade) for hint in now.hints] == [(1, "nudge")]
    assert (now.stage, now.mark.running, now.reference) == (2, False, None)
    with pytest.raises(UserError, match="no question on colour"):
        session.ask("colour")
    heard = Heard(session)
    attempt.submission.write_text(WRONG)  # whoever works is not paused
    assert heard.graded(70).mark.running
    session.finish(give_up=True)
    assert session.snapshot.reference == "# the reference\n"
    assert session.snapshot.record.result == 70
    assert [kind for kind in kinds(attempt) if kind.split()[0] not in ("saved", "first_edit")] == [
        "started staged",
        "stage_shown 1",
        "asked limit",
        "hint 1 nudge",
        "stage_shown 2 on request",
        "paused",
        "unpaused work went on",
        "gave_up",
    ]


def test_what_another_window_does_is_shown(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.pause()
    heard.until(lambda now: not now.mark.running)


def test_a_save_counts_from_when_it_was_noticed(session: Session, attempt: Attempt) -> None:
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    now = heard.graded(70)
    grade = now.record.grades[0]
    assert now.grading.first_word is not None
    assert now.grading.seconds is not None
    assert 0 < now.grading.first_word <= now.grading.seconds
    assert grade.minute <= now.mark.at(Moment.now()).minute - now.grading.seconds / 60 + 0.001


def test_another_session_takes_up_where_one_was(session: Session, attempt: Attempt, library: Library) -> None:
    heard = Heard(session)
    attempt.submission.write_text(WRONG)
    heard.graded(70)
    before = heard.until(lambda now: now.card is not None and now.card.types.status == "clean")
    session.__exit__()
    again = Attempts(library).resume(library.exercise("counter"))
    assert again == attempt
    with Session(again, jobs=1) as second:
        now = second.snapshot
        assert now.card == before.card
        assert now.grading.failure == before.grading.failure
        Heard(second).until(lambda now: now.grading.seconds is not None)
        assert len(attempt.record().grades) == 1  # the same file is not recorded again
    assert kinds(attempt)[-1] == "resumed"


def test_what_goes_on_keeps_its_minutes(attempt: Attempt, library: Library) -> None:
    attempts = Attempts(library)
    with pytest.raises(
        UserError, match="it lasts 20 minutes; leave --minutes out, or begin another attempt with --new"
    ):
        attempts.resume(library.exercise("counter"), minutes=30)
    assert attempts.resume(library.exercise("counter"), minutes=20) == attempt


def test_a_file_that_is_gone_is_asked_for(attempt: Attempt, library: Library) -> None:
    attempt.submission.unlink()
    with pytest.raises(UserError, match="put it back, or begin a new attempt with --new"):
        Attempts(library).resume(library.exercise("counter"))


def test_what_has_ended_is_not_resumed(attempt: Attempt, library: Library) -> None:
    attempt.finish()
    again = Attempts(library).resume(library.exercise("counter"), minutes=30)
    assert (again.number, again.record().minutes, again.record().staged) == (2, 30, True)


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.4, 1.0])
def test_killed_at_any_moment_nothing_is_lost(attempt: Attempt, library: Library, delay: float) -> None:
    """A session that is killed while it grades: all that was told as graded is recorded, and the next session goes on."""
    code = f"""
        from pathlib import Path
        from burnin.library import Library
        from burnin.practice import Attempts
        from burnin.practice.session import Session
        attempts = Attempts(Library(Path({str(library.root)!r})))
        told = set()
        def tell(now):
            if now.grading.phase == "graded" and now.record.grades and len(now.record.grades) not in told:
                told.add(len(now.record.grades))
                print(now.record.grades[-1].score, flush=True)
        with Session(attempts.latest("counter"), jobs=1) as session:
            session.subscribe(tell)
            print("ready", flush=True)
            input()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    attempt.submission.write_text(WRONG)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        said = [int(line) for line in process.stdout.read().split()]
    before = attempt.record()
    assert [grade.score for grade in before.grades][: len(said)] == said
    assert attempt.submission.read_text() == WRONG
    with Session(attempt, jobs=1) as session:
        now = Heard(session).graded(70)
    assert [grade.score for grade in now.record.grades] == [70]
    assert now.record.events[: len(before.events)] == before.events
    assert now.mark.minute >= before.minute


def test_the_judges_of_a_killed_session_end(attempt: Attempt, library: Library) -> None:
    code = f"""
        from pathlib import Path
        from burnin.library import Library
        from burnin.practice import Attempts
        from burnin.practice.session import Session
        attempts = Attempts(Library(Path({str(library.root)!r})))
        with Session(attempts.latest("counter"), jobs=1) as session:
            session.subscribe(lambda now: now.grading.phase == "graded" and print("graded", flush=True))
            input()
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "graded\n"
        process.send_signal(signal.SIGKILL)
    end = time.monotonic() + 30
    while _alive(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _alive(process.pid)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
