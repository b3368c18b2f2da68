"""The interviewer's material."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnin.library import Exercise, Library, Manifest, Stage, UserError
from burnin.practice.interview import Interview

QUESTION = '[[questions]]\ntopic = "{}"\nask = "{}"\nanswer = "So."\n'
HINT = '[[hints]]\nstage = {}\nnudge = "a"\napproach = "b"\ndetail = "c"\n'


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    (tmp_path / "solutions" / "toy").mkdir(parents=True)
    return Exercise("toy", tmp_path, Manifest("Toy", "onsite", "", 1, 60, [Stage("One", 60, 5), Stage("Two", 40, 5)]))


def read(exercise: Exercise, text: str) -> Interview:
    (exercise.solutions / "interview.toml").write_text(text)
    return Interview.of(exercise)


def test_an_exercise_without_material(exercise: Exercise) -> None:
    assert Interview.of(exercise) == Interview()


def test_questions_and_hints(exercise: Exercise) -> None:
    interview = read(exercise, QUESTION.format("size", "How large?") + HINT.format(2))
    assert interview.question("SIZE").answer == "So."
    assert [interview.hint(2).text(grade) for grade in ("nudge", "approach", "detail")] == ["a", "b", "c"]
    with pytest.raises(UserError, match="There are no hints for stage 1"):
        interview.hint(1)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("questions = 3", "Expected `array`"),
        ("[[questions]\n", "Expected"),
        ('[[questions]]\ntopic = "a"\n', "missing required field `ask`"),
        (QUESTION.format("two words", "?"), "the topic 'two words' is not one word"),
        (QUESTION.format("a", "?") * 2, "the topic a is there twice"),
        (QUESTION.format("a", " "), "a text is empty"),
        (HINT.format(3), "there are hints for stage 3, and the exercise has 2"),
        (HINT.format(1) * 2, "there are two tables of hints for stage 1"),
        (HINT.format(1) + 'more = "d"\n', "unknown field `more`"),
    ],
)
def test_material_that_is_wrong(exercise: Exercise, text: str, wrong: str) -> None:
    with pytest.raises(UserError) as caught:
        read(exercise, text)
    assert str(caught.value).startswith(f"{exercise.solutions / 'interview.toml'} cannot be used: ")
    assert wrong in str(caught.value)


def test_the_material_of_this_library() -> None:
    library = Library.find(None, Path(__file__).parent)
    for name in library.names():
        exercise = library.exercise(name)
        interview = Interview.of(exercise)
        if interview != Interview():
            assert 6 <= len(interview.questions) <= 10
            assert [hint.stage for hint in interview.hints] == list(range(1, len(exercise.manifest.stages) + 1))
