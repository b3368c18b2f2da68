"""A library with one small exercise, `counter`, to grade with end to end."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from burnin.grade import Options, grade
from burnin.library import Exercise, Library
from burnin.scorecard import PropertyResult, Scorecard

__all__ = ["REFERENCE", "STUB", "SUITE", "WRONG", "SmallLibrary", "results", "statuses"]

MANIFEST = """\
title = "Counter"
round = "phone screen"
summary = "Count up to a limit."
version = 1
minutes = 20
[[stages]]
title = "Count"
points = 60
par_minutes = 10
[[stages]]
title = "Report"
points = 40
par_minutes = 10
"""

SUITE = '''
"""The hidden suite of `counter`."""

from hypothesis import strategies as st

from burnin.script import Script, Step, WorldRef
from burnin.suite import World, call, promise, require


class Log(World):
    def __init__(self):
        self.totals = []

    @call
    def note(self, total):
        self.totals.append(total)


def script(limit, numbers):
    return Script(
        setup=(Step("Counter", args=(limit, WorldRef("log")), save="counter"),),
        actors={"A": tuple(Step("add", on="counter", args=(number,)) for number in numbers)},
        worlds={"log": Log.of()},
        errors=("Full",),
    )


SCRIPTS = st.builds(script, st.integers(5, 20), st.lists(st.integers(1, 9), max_size=6))


def model(history):
    """Each call with whether it fits, and the total after it."""
    total = 0
    for call in history.calls_of("add"):
        fits = total + call.args[0] <= history.script.setup[0].args[0]
        total += call.args[0] * fits
        yield call, fits, total


@promise(stage=1, points=30, level="core", rule="Adding", scripts=SCRIPTS)
def test_adds(play, script):
    "add returns the new total."
    for call, fits, total in model(play(script)):
        require(not fits or call.value == total, f"{total}", f"{call.value}", call.ended)


@promise(stage=1, points=30, level="senior", rule="Limit", scripts=SCRIPTS)
def test_refuses(play, script):
    "add raises Full when the total would pass the limit."
    for call, fits, total in model(play(script)):
        require(call.raised("Full") == (not fits), "Full" if not fits else f"{total}", call.error or f"{call.value}", call.ended)


@promise(stage=2, points=40, level="core", rule="Report")
def test_reports(play):
    "Each new total is noted in the log."
    history = play(script(10, [1, 2, 3]))
    require(history.worlds["log"].totals == [1, 3, 6], "[1, 3, 6] in the log", f"{history.worlds['log'].totals}")
'''

REFERENCE = """
class Full(Exception):
    pass

class Counter:
    def __init__(self, limit, log):
        self.limit, self.log, self.total = limit, log, 0

    def add(self, number):
        if self.total + number > self.limit:
            raise Full
        self.total += number
        self.log.note(self.total)
        return self.total
"""

STUB = """
class Counter:
    def __init__(self, limit, log):
        raise NotImplementedError
"""

WRONG = REFERENCE.replace("            raise Full\n", "            return self.total\n")
"""Refuses without a word."""


class SmallLibrary:
    """The library in a folder, and what a test wants to do with it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        exercise, suite = root / "exercises" / "counter", root / "tests" / "exercises" / "counter"
        for folder in (exercise, suite, root / "solutions" / "counter"):
            folder.mkdir(parents=True)
        (exercise / "exercise.toml").write_text(MANIFEST)
        (exercise / "counter.py").write_text(STUB)
        (suite / "__init__.py").write_text("")
        (suite / "test_counter.py").write_text(SUITE)

    @property
    def exercise(self) -> Exercise:
        """The exercise, read anew."""
        return Library.find(self.root, self.root).exercise("counter")

    def add(self, name: str, text: str) -> Path:
        """Put a file into the suite, or another in its place."""
        path = self.exercise.suite / name
        path.write_text(textwrap.dedent(text))
        return path

    def share(self, name: str, text: str) -> Path:
        """Put a module beside the suite, where `from ..shared` finds it."""
        folder = self.exercise.suite.parent / "shared"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder.parent / "__init__.py").touch()
        path = folder / name
        path.write_text(textwrap.dedent(text))
        return path

    def submission(self, content: str | bytes) -> Path:
        """Write a submission; its folder's name needs care too."""
        folder = self.root / "attempts ß"
        folder.mkdir(exist_ok=True)
        path = folder / "my counter.py"
        path.write_bytes(textwrap.dedent(content).encode() if isinstance(content, str) else content)
        return path

    def grade(self, content: str | bytes | Path, **options: Any) -> Scorecard:
        """Grade a submission, with few scripts and by one judge unless the test says otherwise."""
        path = content if isinstance(content, Path) else self.submission(content)
        return grade(self.exercise, path, Options(**{"effort": "quick", "jobs": 1, **options}))


def results(card: Scorecard) -> dict[str, PropertyResult]:
    """The properties by their ids."""
    return {result.id: result for stage in card.stages for result in stage.properties}


def statuses(card: Scorecard) -> dict[str, str]:
    """How each property went."""
    return {name: result.status for name, result in results(card).items()}
