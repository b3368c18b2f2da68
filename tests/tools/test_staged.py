"""Statements and sample tests come with their stages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from burnin.library import Library
from burnin.staged import Samples, Statement

LIBRARY = Library.find(None, Path(__file__))
TEXT = """\
import asyncio

LIMIT = 3

# ---- stage 1

class Fake:
    def test_it(self): ...

@once
@twice
def test_one():
    assert Fake()

def helper(): ...

# ---- stage 2: more

async def test_two(): ...

# ---- stage 3

def test_three(): helper()
"""


def test_a_statement_by_stages() -> None:
    text = "# Toy\n\nHello.\n\n## Stage 1: a (5 points)\n\nA.\n\n### Deeper\n\n## Stage 10: b\nB.\n"
    statement = Statement.of(text)
    assert statement.opening == "# Toy\n\nHello.\n"
    assert statement.stages == {1: "## Stage 1: a (5 points)\n\nA.\n\n### Deeper\n", 10: "## Stage 10: b\nB.\n"}
    assert statement.up_to(1) == "# Toy\n\nHello.\n\n## Stage 1: a (5 points)\n\nA.\n\n### Deeper\n"
    assert statement.up_to(10) == text


def test_a_statement_without_stages() -> None:
    assert Statement.of("# Toy\n").up_to(4) == "# Toy\n"


def test_a_text_without_stages_is_all_opening() -> None:
    found = Samples.of("import x\n")
    assert (found.opening, found.stages, found.of_stage(1)) == ("import x\n", {}, "")


def test_the_first_stage_is_the_beginning_of_the_file() -> None:
    assert Samples.of(TEXT).of_stage(1) == TEXT[: TEXT.index("# ---- stage 2")].rstrip() + "\n"


def test_a_later_stage_has_what_earlier_ones_define_and_not_their_tests() -> None:
    assert Samples.of(TEXT).of_stage(3) == (
        "import asyncio\n\nLIMIT = 3\n\n# ---- stage 1\n\nclass Fake:\n    def test_it(self): ...\n\n\n"
        "def helper(): ...\n\n# ---- stage 3\n\ndef test_three(): helper()\n"
    )


def test_what_is_no_python_stays() -> None:
    assert "def test_one(:" in Samples.of("# - stage 1\ndef test_one(:\n# - stage 2\npass\n").of_stage(2)


@pytest.mark.parametrize("name", [*LIBRARY.names(), *LIBRARY.drafts()])
def test_each_stage_of_an_exercise_stands_by_itself(name: str, tmp_path: Path) -> None:
    exercise = LIBRARY.exercise(name)
    samples = Samples.of(exercise.samples.read_text("utf-8"))
    stages = range(1, len(exercise.manifest.stages) + 1)
    assert list(samples.stages) == list(stages)
    (tmp_path / f"{name}.py").write_bytes(exercise.reference.read_bytes())
    for stage in stages:
        (tmp_path / f"test_{name}_stage_{stage}.py").write_text(samples.of_stage(stage))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    one = subprocess.run(
        [*command[:-1], "--collect-only", str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert all(f"test_{name}_stage_{stage}.py::" in one.stdout for stage in stages)
