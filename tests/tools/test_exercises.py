"""Every exercise of the library is sound: its stub scores nothing, its solutions everything, and its suite notices mistakes.

`sweep` marks what takes minutes: many seeds, deep effort, and repetition.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from burnin.contribute.mutants import Mutant, load_mutants, mutated
from burnin.grade.grader import Options, grade
from burnin.library import Exercise, Library
from burnin.scorecard import PropertyResult, Scorecard

LIBRARY = Library.find(None, Path(__file__))
EXERCISES = [LIBRARY.exercise(name) for name in LIBRARY.names()]
MAX_STORY = 12
LEAST_MUTANTS = 12
STUMBLED = "values that the statement describes"
"""What a property expects, in words of the judge, when its check stumbled over what the submission returned."""


@dataclass(frozen=True)
class Case:
    """A mutant of an exercise."""

    exercise: Exercise
    mutant: Mutant


MUTANTS = [Case(exercise, mutant) for exercise in EXERCISES for mutant in load_mutants(exercise)]
SOLUTIONS = [(exercise, path) for exercise in EXERCISES for path in [exercise.reference, *exercise.alternates]]

each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda it: it.name)
each_mutant = pytest.mark.parametrize("case", MUTANTS, ids=lambda it: f"{it.exercise.name}-{it.mutant.name}")
each_solution = pytest.mark.parametrize(
    ("exercise", "path"), SOLUTIONS, ids=[f"{exercise.name}-{path.stem}" for exercise, path in SOLUTIONS]
)

_stubs: dict[str, Scorecard] = {}


def stub_card(exercise: Exercise) -> Scorecard:
    """The stub's scorecard, made once per process: it lists what the suite promises."""
    if exercise.name not in _stubs:
        _stubs[exercise.name] = grade(exercise, exercise.stub, Options(effort="quick"))
    return _stubs[exercise.name]


def properties(card: Scorecard) -> dict[str, PropertyResult]:
    """All properties of a scorecard, by id."""
    return {found.id: found for stage in card.stages for found in stage.properties}


def lost(card: Scorecard) -> dict[str, list[str]]:
    """The story of each property that has not passed, by id."""
    return {
        found.id: found.counterexample.story if found.counterexample else [found.status]
        for found in properties(card).values()
        if found.status != "passed"
    }


# ---- the statement and the manifest


@each_exercise
def test_points_add_up(exercise: Exercise) -> None:
    card = stub_card(exercise)
    stages = exercise.manifest.stages
    assert [stage.possible for stage in card.stages] == [stage.points for stage in stages]
    assert card.possible == 100
    assert all(found.possible > 0 for found in properties(card).values())
    assert sum(stage.par_minutes for stage in stages) <= exercise.manifest.minutes


@each_exercise
def test_each_rule_has_a_property_and_each_property_a_rule(exercise: Exercise) -> None:
    so_far: set[str] = set()
    for stage, rules in zip(stub_card(exercise).stages, rules_by_stage(exercise), strict=True):
        named = {found.rule for found in stage.properties}
        so_far |= rules
        assert rules <= named, f"stage {stage.number} has rules that no property checks"
        assert named <= so_far, f"stage {stage.number} has properties whose rule is not in the statement up to there"


def rules_by_stage(exercise: Exercise) -> list[set[str]]:
    """The bold names that begin the points of each stage of the statement, as `- **Warm.**`."""
    text = (exercise.folder / "README.md").read_text("utf-8")
    sections = re.split(r"^## Stage \d+", text, flags=re.MULTILINE)[1:]
    return [set(re.findall(r"^- \*\*(.+?)\.\*\*", section, flags=re.MULTILINE)) for section in sections]


@each_exercise
def test_each_stage_has_an_example(exercise: Exercise) -> None:
    sections = re.split(r"^## Stage \d+", (exercise.folder / "README.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert len(sections) == len(exercise.manifest.stages)
    assert all(re.search(r"^Example\.", section, flags=re.MULTILINE) for section in sections)


# ---- the stub and the solutions


@each_exercise
def test_stub_scores_nothing(exercise: Exercise) -> None:
    card = stub_card(exercise)
    assert (card.score, card.problem) == (0, None)
    assert {found.status for found in properties(card).values()} == {"not_attempted"}
    assert card.types.status == "clean", card.types.problems


@each_solution
def test_solution_scores_everything(exercise: Exercise, path: Path) -> None:
    card = grade(exercise, path, Options())
    assert lost(card) == {}
    assert (card.score, card.problem) == (100, None)
    assert card.types.status == "clean", card.types.problems


@each_exercise
def test_there_are_two_alternates(exercise: Exercise) -> None:
    assert len(exercise.alternates) >= 2


@each_solution
def test_sample_tests_pass_on_a_solution(exercise: Exercise, path: Path, tmp_path: Path) -> None:
    done = run_samples(exercise, path, tmp_path)
    assert done.returncode == pytest.ExitCode.OK, done.stdout


@each_exercise
def test_sample_tests_fail_on_the_stub(exercise: Exercise, tmp_path: Path) -> None:
    done = run_samples(exercise, exercise.stub, tmp_path)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "NotImplementedError" in done.stdout
    assert " passed" not in done.stdout


def run_samples(exercise: Exercise, path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The sample tests, as a candidate runs them, on the file at `path`."""
    shutil.copy(path, folder / exercise.stub.name)
    samples = shutil.copy(exercise.folder / f"test_{exercise.name}.py", folder)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-c", os.devnull, samples]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


# ---- the mutants


@each_mutant
def test_mutant_is_caught(case: Case, tmp_path: Path) -> None:
    exercise, mutant = case.exercise, case.mutant
    card = grade(exercise, written(case, tmp_path), Options(only=(mutant.caught_by,)))
    assert mutant.caught_by in properties(card), "there is no such property"
    result = properties(card)[mutant.caught_by]
    assert result.status in ("failed", "timed_out", "crashed"), f"{result.id} does not notice: {mutant.mistake}"
    assert result.counterexample is not None
    assert result.counterexample.expected != STUMBLED, result.counterexample.got
    story = result.counterexample.story
    assert len(story) <= MAX_STORY, story
    assert any(line.startswith("expected:") for line in story), story
    assert story[-1].startswith("why:"), story


@each_exercise
def test_each_property_catches_a_mutant(exercise: Exercise) -> None:
    mutants = load_mutants(exercise)
    assert len(mutants) >= LEAST_MUTANTS
    assert set(properties(stub_card(exercise))) == {mutant.caught_by for mutant in mutants}


def written(case: Case, folder: Path) -> Path:
    """The mutant as a file."""
    path = folder / f"{case.exercise.name}.py"
    path.write_text(mutated(case.mutant, case.exercise.reference.read_text("utf-8")), "utf-8")
    return path


# ---- no flake


@each_exercise
def test_grades_of_a_mutant_are_identical(exercise: Exercise, tmp_path: Path) -> None:
    mutants = load_mutants(exercise)
    chosen = mutants[len(mutants) // 2]
    path = written(Case(exercise, chosen), tmp_path)
    options = Options(only=(chosen.caught_by,))
    first = but_for_seconds(grade(exercise, path, options))
    assert all(but_for_seconds(grade(exercise, path, options)) == first for _ in range(7))


@each_exercise
def test_grade_does_not_depend_on_its_surroundings(exercise: Exercise, tmp_path: Path) -> None:
    path = written(Case(exercise, load_mutants(exercise)[0]), tmp_path)
    elsewhere = tmp_path / "another folder" / path.name
    elsewhere.parent.mkdir()
    shutil.copy(path, elsewhere)
    cards = [
        graded_apart(exercise, path, jobs=1, hash_seed="1"),
        graded_apart(exercise, elsewhere, jobs=2, hash_seed="2"),
        graded_apart(exercise, path, jobs=3, hash_seed="random"),
    ]
    assert cards[0] == cards[1] == cards[2]


def graded_apart(exercise: Exercise, path: Path, *, jobs: int, hash_seed: str) -> Any:
    """The scorecard that a fresh process makes, but for its seconds."""
    code = f"""
import msgspec, pathlib
from burnin.grade.grader import Options, grade
from burnin.library import Library
exercise = Library(pathlib.Path({str(exercise.root)!r})).exercise({exercise.name!r})
card = grade(exercise, pathlib.Path({str(path)!r}), Options(effort="quick", jobs={jobs}))
print(msgspec.json.encode(card).decode())
"""
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=path.parent, env=env, capture_output=True, text=True, check=True
    )
    return but_for_seconds(msgspec.json.decode(done.stdout, type=Scorecard))


def but_for_seconds(card: Scorecard) -> Any:
    """The scorecard as data, without how long it took."""
    return {**msgspec.to_builtins(card), "seconds": None}


# ---- sweeps


@pytest.mark.sweep
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("effort", "seed"), [("standard", seed) for seed in range(20)] + [("deep", seed) for seed in range(5)]
)
@each_solution
def test_sweep_of_seeds(exercise: Exercise, path: Path, effort: str, seed: int) -> None:
    assert lost(grade(exercise, path, Options(effort=effort, seed=seed))) == {}


@pytest.mark.sweep
@pytest.mark.parametrize("seed", range(1, 4))
@each_mutant
def test_sweep_of_mutants(case: Case, seed: int, tmp_path: Path) -> None:
    named = case.mutant.caught_by
    card = grade(case.exercise, written(case, tmp_path), Options(seed=seed, only=(named,)))
    assert properties(card)[named].status in ("failed", "timed_out", "crashed")


@pytest.mark.sweep
@pytest.mark.timeout(3_600)
@each_exercise
def test_sweep_of_repetitions(exercise: Exercise, tmp_path: Path) -> None:
    mutants = load_mutants(exercise)
    chosen = [mutants[len(mutants) * part // 3] for part in range(3)]
    paths = [exercise.reference]
    for mutant in chosen:
        folder = tmp_path / mutant.name
        folder.mkdir()
        paths.append(written(Case(exercise, mutant), folder))
    for path in paths:
        first = but_for_seconds(grade(exercise, path, Options()))
        assert all(but_for_seconds(grade(exercise, path, Options())) == first for _ in range(49))
