"""What stands in for a library and for the grader in the tests of commands."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from burnin.library import Exercise
from burnin.scorecard import (
    Confinement,
    Counterexample,
    PropertyResult,
    Scorecard,
    StageResult,
    Submission,
    TypeCheck,
)

MANIFEST = """\
title = "A {name}"
round = "{round}"
summary = "Write a {name} that does what such a thing does."
version = 1
minutes = 45
[[stages]]
title = "One"
points = 60
par_minutes = 20
[[stages]]
title = "Two"
points = 40
par_minutes = 15
"""


STATEMENT = """\
# statement

Hello.

## Stage 1: first

Do this.

## Stage 2: more

And that.
"""


SAMPLES = """\
import pytest

# ---- stage 1

def test_one(): ...

# ---- stage 2

def test_two(): ...
"""


def add_exercise(root: Path, name: str, round: str = "onsite") -> None:
    """Put an exercise with a stub and a reference into a library."""
    folder = root / "exercises" / name
    folder.mkdir(parents=True)
    (folder / "exercise.toml").write_text(MANIFEST.format(name=name, round=round))
    (folder / f"{name}.py").write_text(f"# the stub of {name}\n")
    (folder / f"test_{name}.py").write_text(SAMPLES)
    (folder / "README.md").write_text(STATEMENT)
    (root / "solutions" / name).mkdir(parents=True)
    (root / "solutions" / name / f"{name}.py").write_text(f"# the reference of {name}\n")


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@dataclass
class FakeGrader:
    """Takes the place of `burnin.grade.grade`: remembers what it was asked, and gives the scores that the test sets."""

    passed: tuple[bool, ...] = (True, False, False)
    problem: str | None = None
    scripts: bool = True
    error: BaseException | None = None
    exercise: str = ""
    path: Path = Path()
    options: Any = None
    meanwhile: Callable[[], None] = field(default=lambda: None)

    def __call__(
        self, exercise: Exercise, path: Path, options: Any, on_result: Any = None, on_failing: Any = None
    ) -> Scorecard:
        self.exercise, self.path, self.options = exercise.name, path, options
        if self.error is not None:
            raise self.error
        self.meanwhile()
        results = [
            self._result(f"property_{number}", passed, points)
            for number, (passed, points) in enumerate(zip(self.passed, (20, 40, 40), strict=True), 1)
        ]
        for result in results if on_failing is not None else []:
            if result.status != "passed":
                on_failing(result, 1)
        if on_result is not None:
            for result in results:
                on_result(result, 1, len(results))
        stages = [
            StageResult(1, "One", sum(result.score for result in results[:2]), 60, results[:2]),
            StageResult(2, "Two", results[2].score, 40, results[2:]),
        ]
        return Scorecard(
            exercise=exercise.name,
            submission=Submission(hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""),
            score=sum(stage.score for stage in stages),
            possible=100,
            stages=stages,
            types=TypeCheck("clean"),
            confinement=Confinement("none", False, ["Not on this machine."]),
            effort=options.effort,
            seed=options.seed,
            suite="cd" * 32,
            seconds=1.5,
            problem=self.problem,
        )

    def _result(self, name: str, passed: bool, points: int) -> PropertyResult:
        script: Any = {"setup": []} if self.scripts else None
        failure = None if passed else Counterexample(script, [], "e", "g", [f"story of {name} [red]\x1b[2J"])
        title = f"The sentence of {name}."
        return PropertyResult(
            name, title, "core", "Rule", "passed" if passed else "failed", points if passed else 0, points, failure
        )
