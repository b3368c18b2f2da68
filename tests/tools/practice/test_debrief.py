"""The debrief: its facts, and that the page stands alone whatever a submission wrote."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from commands.fakes import add_exercise

from burnin.library import Exercise, Library, UserError
from burnin.practice import Attempt, Attempts
from burnin.practice.debrief import debrief, debrief_page, write_debrief
from burnin.scorecard import Counterexample, PropertyResult, Scorecard, StageResult, TypeCheck, TypeProblem

from .fakes import NOON, card, later

HOSTILE = "</pre></style></title><script>alert(1)</script><img src=x onerror=alert(1)>'\"&{{ 7*7 }}\x1b[2J\u202e"

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

DISCUSSION = """\
# Toy: the debrief

## Cost

Small. <script>alert(1)</script> ![x](http://example.com/x.png) [y](javascript:alert(1))

## Follow-ups

1. *And then?* Then this.

## Real systems

None.
"""


@pytest.fixture
def toy(tmp_path: Path) -> Exercise:
    add_exercise(tmp_path, "toy")
    exercise = Library(tmp_path).exercise("toy")
    (exercise.solutions / "interview.toml").write_text(INTERVIEW)
    (exercise.solutions / "discussion.md").write_text(DISCUSSION)
    (exercise.solutions / "alternate_other.py").write_text("# another way\n")
    return exercise


def start(exercise: Exercise, *, staged: bool = True) -> Attempt:
    return Attempts(Library(exercise.root)).start(exercise, NOON, minutes=45, staged=staged)


def grade(attempt: Attempt, minute: float, *statuses: str, code: str = "# mine\n", effort: str = "standard") -> None:
    """Grade at this minute; `statuses` are those of three properties, the third of stage 2."""
    attempt.working(code.encode(), later(minute))
    attempt.graded(scorecard(*statuses, effort=effort), code.encode(), later(minute).wall, minute)


def scorecard(*statuses: str, effort: str = "standard") -> Scorecard:
    results = []
    for number, status in enumerate(statuses, 1):
        failed = status not in ("passed", "not_attempted")
        example = Counterexample(None, [], HOSTILE, HOSTILE, [f"story {number} {HOSTILE}"]) if failed else None
        score, level = 20 * (status == "passed"), "senior" if number == 2 else "core"
        results.append(
            PropertyResult(f"p{number}", f"Sentence {number}.", level, "Rule", status, score, 20, example)  # type: ignore[arg-type]  # a level and a status
        )
    made = card(sum(one.score for one in results), effort=effort)
    made.possible = 60
    made.stages = [
        StageResult(1, "One", sum(one.score for one in results[:2]), 40, results[:2]),
        StageResult(2, "Two", results[2].score, 20, results[2:]),
    ]
    made.types = TypeCheck("problems", [TypeProblem(3, HOSTILE, HOSTILE)])
    return made


def test_time_in_each_stage_of_a_staged_attempt_is_from_showing_to_showing(
    toy: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = start(toy)
    monkeypatch.setattr("burnin.practice.attempts.Moment.now", lambda: later(12))
    grade(attempt, 5, "passed", "failed", "not_attempted")
    grade(attempt, 12, "passed", "passed", "failed")
    attempt.finish(now=later(40))
    first, second = debrief(toy, attempt.record()).stages
    assert (first.began, first.passed, first.spent, first.score) == (0.0, 12, 12, 40)
    assert (second.began, second.passed, second.score, second.par_until) == (12, None, 0, 35)
    assert second.spent == pytest.approx(28)


def test_a_stage_that_a_save_passed_before_it_was_shown_began_with_that_save(
    toy: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The grade of the save ends later, and shows the stage then."""
    attempt = start(toy)
    monkeypatch.setattr("burnin.practice.attempts.Moment.now", lambda: later(12))
    grade(attempt, 11, "passed", "passed", "passed")
    attempt.finish(now=later(20))
    first, second = debrief(toy, attempt.record()).stages
    assert (first.began, first.passed, first.spent) == (0.0, 11, 12)
    assert (second.began, second.passed, second.spent) == (11, 11, pytest.approx(8))


def test_time_in_each_stage_of_a_whole_statement_is_from_passing_to_passing(toy: Exercise) -> None:
    attempt = start(toy, staged=False)
    grade(attempt, 20, "passed", "passed", "failed")
    attempt.finish(now=later(30))
    first, second = debrief(toy, attempt.record()).stages
    assert (first.spent, second.began, second.spent) == (20, 20, pytest.approx(10))


def test_a_stage_that_was_not_reached_took_no_time(toy: Exercise) -> None:
    attempt = start(toy)
    grade(attempt, 20, "failed", "passed", "not_attempted")
    attempt.finish(now=later(30))
    first, second = debrief(toy, attempt.record()).stages
    assert (first.spent, first.passed) == (pytest.approx(30), None)
    assert (second.began, second.spent) == (None, None)


def test_what_failed_at_first_is_told_with_when_it_passed(toy: Exercise) -> None:
    """What was not attempted is no failure, and what broke again had not passed for good."""
    attempt = start(toy)
    grade(attempt, 1, "not_attempted", "not_attempted", "not_attempted")
    grade(attempt, 5, "failed", "passed", "not_attempted")
    grade(attempt, 9, "passed", "failed", "crashed")
    grade(attempt, 12, "passed", "passed", "timed_out")
    attempt.finish(now=later(20))
    tried = debrief(toy, attempt.record()).tried
    assert [(one.result.id, one.stage, one.failed, one.passed) for one in tried] == [
        ("p1", 1, 5, 9),
        ("p3", 2, 9, None),
    ]


def test_what_comes_after_the_time_is_apart(toy: Exercise) -> None:
    attempt = start(toy)
    grade(attempt, 30, "passed", "failed", "failed")
    grade(attempt, 50, "passed", "passed", "passed")
    grade(attempt, 51, "passed", "passed", "passed", effort="quick")
    attempt.finish(now=later(60))
    facts = debrief(toy, attempt.record())
    assert facts.record.result == 20
    assert facts.late is not None
    assert (facts.late.score, facts.late.minute) == (60, 50)
    assert facts.level("core") == (1, 2)
    assert facts.level("senior") == (0, 1)
    assert [one.id for _, one in facts.failures] == ["p2", "p3"]
    assert facts.stages[0].score == 20


def test_what_was_graded_only_after_the_time_is_shown_and_does_not_count(toy: Exercise) -> None:
    attempt = start(toy)
    grade(attempt, 50, "passed", "failed", "failed")
    attempt.finish(now=later(60))
    assert "The one grade<" in debrief_page(toy, attempt.record(), later(60).wall)
    facts = debrief(toy, attempt.record())
    assert (facts.grade, facts.record.result) == (None, None)
    assert [one.id for _, one in facts.failures] == ["p2", "p3"]
    page = debrief_page(toy, attempt.record(), later(61).wall)
    assert "Nothing was graded in time; this is the last grade after it." in page
    assert "what a mid-level answer needs" not in page


def test_an_attempt_of_an_older_burnin_has_a_debrief(toy: Exercise) -> None:
    """Without events, scorecards and an end."""
    attempt = start(toy)
    grade(attempt, 30, "passed", "passed", "failed")
    record = attempt.record()
    bare = replace(record.grades[0], packed_scorecard=b"", packed_submission=b"")
    old = replace(record, imported=True, finished=None, minute=0.0, grades=[bare], events=[])
    facts = debrief(toy, old)
    assert (facts.end, facts.card, facts.submission) == (30, None, None)
    assert [stage.spent for stage in facts.stages] == [30, 0]
    page = debrief_page(toy, old, later(61).wall)
    for said in ("last graded at 30:00", "No scorecard was kept.", "It was not kept."):
        assert said in page


def test_questions_before_the_first_line_are_told_from_those_after(toy: Exercise) -> None:
    attempt = start(toy)
    attempt.ask("size", later(2))
    grade(attempt, 5, "failed", "failed", "failed")
    attempt.hint(1, now=later(6))
    attempt.finish(now=later(60))
    facts = debrief(toy, attempt.record())
    assert [(event.minute, question and question.ask, before) for event, question, before in facts.asked] == [
        (2, "How large?", True)
    ]
    assert [question.topic for question in facts.unasked] == ["order"]
    assert [text for _, text in facts.hints] == ["Look there."]


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and the text outside of styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._in_style = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = self._in_style and tag != "style"

    def handle_data(self, data: str) -> None:
        if not self._in_style:
            self.text += data


def hostile_page(exercise: Exercise) -> str:
    attempt = start(exercise)
    grade(attempt, 5, "failed", "failed", "failed", code=f"# {HOSTILE}\n")
    attempt.store.assess("toy", attempt.number, {"clarify": HOSTILE})
    attempt.finish(now=later(20))
    return debrief_page(exercise, attempt.record(), later(21).wall)


def test_hostile_text_is_text(toy: Exercise) -> None:
    """Submission, stories, types and answers: no element and no attribute comes from them."""
    page = hostile_page(toy)
    seen = Seen(page)
    assert not {"script", "iframe", "object", "embed", "link", "base"} & {tag for tag, _ in seen.elements}
    assert not any(name.startswith("on") or name == "style" for _, attributes in seen.elements for name in attributes)
    assert all(attributes.get("src") != "x" for _, attributes in seen.elements)
    assert seen.text.count("<script>alert(1)</script>") >= 6
    assert "{{ 7*7 }}" in seen.text
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_the_page_stands_alone(toy: Exercise) -> None:
    """Nothing is asked of a network, and the policy would forbid it."""
    seen = Seen(hostile_page(toy))
    for tag, attributes in seen.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name)
            if tag == "a":  # a link asks for nothing until it is followed
                assert value is None or value.startswith(("#", "http://example.com/"))
            else:
                assert value is None or value.startswith("data:image/svg+xml;base64,"), (tag, value)
    policies = [attributes["content"] for tag, attributes in seen.elements if attributes.get("http-equiv")]
    assert len(policies) == 1
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; img-src data:; form-action 'none'; base-uri 'none'",
        policies[0] or "",
    )


def test_what_a_page_says_is_there(toy: Exercise) -> None:
    """Headings in order, tables with heads, pictures with words."""
    seen = Seen(hostile_page(toy))
    tags = [tag for tag, _ in seen.elements]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(attributes.get("alt") for tag, attributes in seen.elements if tag == "img")
    assert all(attributes.get("scope") for tag, attributes in seen.elements if tag == "th")
    assert ("html", {"lang": "en"}) in seen.elements
    for said in ("And then?", "the reference of toy", "another way", "In which order?", "Did I clarify"):
        assert said in seen.text


def test_the_reference_is_not_shown_before_the_end(toy: Exercise) -> None:
    attempt = start(toy)
    with pytest.raises(UserError, match="has not ended"):
        debrief_page(toy, attempt.record(), NOON.wall)


def test_an_attempt_without_grades_has_a_debrief(toy: Exercise) -> None:
    attempt = start(toy)
    attempt.finish(now=later(1))
    assert "Nothing was graded." in debrief_page(toy, attempt.record(), later(2).wall)


def test_an_exercise_without_solutions_has_a_debrief(toy: Exercise) -> None:
    attempt = start(toy)
    attempt.finish(now=later(1))
    for path in toy.solutions.iterdir():
        path.unlink()
    assert "This exercise has no reference." in debrief_page(toy, attempt.record(), later(2).wall)


def test_a_page_of_ours_is_written_anew_and_a_file_of_somebody_is_not(toy: Exercise) -> None:
    attempt = start(toy)
    attempt.finish(now=later(1))
    path = write_debrief(toy, attempt.record(), later(2).wall)
    assert path == attempt.folder / "debrief.html"
    before = path.read_text()
    assert write_debrief(toy, attempt.record(), later(2).wall + timedelta(days=1)).read_text() != before
    path.write_text("mine")
    with pytest.raises(UserError, match="is not Burnin's"):
        write_debrief(toy, attempt.record(), later(2).wall)
    assert path.read_text() == "mine"
    path.unlink()
    path.symlink_to(attempt.submission)
    with pytest.raises(UserError, match="is not Burnin's"):
        write_debrief(toy, attempt.record(), later(2).wall)
    assert not list(attempt.folder.glob(".debrief*"))
