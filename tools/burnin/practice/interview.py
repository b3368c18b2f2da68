"""What the interviewer knows beyond the statement: `solutions/<name>/interview.toml`, with clarifying questions and hints."""

from __future__ import annotations

import tomllib
from typing import Literal

import msgspec

from burnin.library import Exercise, UserError

__all__ = ["GRADES", "Hint", "HintGrade", "Interview", "Question"]

HintGrade = Literal["nudge", "approach", "detail"]
GRADES: tuple[HintGrade, ...] = ("nudge", "approach", "detail")
"""From the least that helps to nearly the code."""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question that a good candidate asks before writing code."""

    topic: str
    """One word, by which it is asked for."""
    ask: str
    answer: str


class Hint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hints for one stage, in three grades."""

    stage: int
    nudge: str
    approach: str
    detail: str

    def text(self, grade: HintGrade) -> str:
        """The hint of this grade."""
        return {"nudge": self.nudge, "approach": self.approach, "detail": self.detail}[grade]


class Interview(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`interview.toml`."""

    questions: list[Question] = []
    hints: list[Hint] = []

    @classmethod
    def of(cls, exercise: Exercise) -> Interview:
        """Read it; an exercise without the file has neither questions nor hints. Raises `UserError` for a file that is wrong."""
        path = exercise.solutions / "interview.toml"
        try:
            interview = msgspec.convert(tomllib.loads(path.read_text("utf-8")), cls)
        except FileNotFoundError:
            return cls()
        except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise UserError(f"{path} cannot be used: {error}.") from None
        for wrong in interview._mistakes(len(exercise.manifest.stages)):
            raise UserError(f"{path} cannot be used: {wrong}.")
        return interview

    def _mistakes(self, stages: int) -> list[str]:
        topics = [question.topic for question in self.questions]
        hinted = [hint.stage for hint in self.hints]
        texts = [text for question in self.questions for text in (question.ask, question.answer)]
        texts += [hint.text(grade) for hint in self.hints for grade in GRADES]
        mistakes = [f"the topic {topic!r} is not one word" for topic in topics if len(topic.split()) != 1]
        mistakes += [f"the topic {topic} is there twice" for topic in sorted(set(topics)) if topics.count(topic) > 1]
        mistakes += [f"there are two tables of hints for stage {stage}" for stage in hinted if hinted.count(stage) > 1]
        mistakes += [
            f"there are hints for stage {stage}, and the exercise has {stages}"
            for stage in hinted
            if not 1 <= stage <= stages
        ]
        mistakes += ["a text is empty" for text in texts if not text.strip()]
        return mistakes

    def question(self, topic: str) -> Question:
        """The question on this topic. Raises `UserError` if there is none."""
        for question in self.questions:
            if question.topic.casefold() == topic.casefold():
                return question
        if not self.questions:
            raise UserError("This exercise has no clarifying questions yet.")
        raise UserError(
            f"There is no question on {topic}; there are {', '.join(question.topic for question in self.questions)}."
        )

    def hint(self, stage: int) -> Hint:
        """The hints for a stage. Raises `UserError` if there are none."""
        for hint in self.hints:
            if hint.stage == stage:
                return hint
        raise UserError(f"There are no hints for stage {stage}.")
