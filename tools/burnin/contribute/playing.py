"""Plays a suite's scripts outside of a grade: counts which bounds they reach, and compares solutions on them.

python -m burnin.contribute.playing, with a `Wanted` as JSON on standard input; writes a `Played`. It is a process of its own because
the names of a suite's worlds are known to a whole process.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from burnin.history import History
from burnin.judge.explore import Seeded
from burnin.judge.player import WorkerPlayer
from burnin.judge.processes import Template
from burnin.judge.promise import Promise
from burnin.judge.story import show
from burnin.judge.verdict import Verdict
from burnin.plain import Opaque
from burnin.replay import load_suite, suite_module
from burnin.script import Script

__all__ = ["Bound", "Disagreement", "Played", "Wanted"]


class Wanted(msgspec.Struct):
    """What to play: the suite's folder, the module's name, the submissions by label, and how many scripts of each strategy."""

    suite: str
    name: str
    submissions: dict[str, str]
    """The first is the reference, on which the bounds are counted."""
    scripts: int


class Bound(msgspec.Struct):
    """One side of a bound: how often the scripts of its best strategy reach it."""

    rule: str
    side: str
    reached: int


class Disagreement(msgspec.Struct):
    """Two solutions give different answers to one script."""

    label: str
    script: str
    reference: str
    answer: str


class Played(msgspec.Struct):
    """What came of it."""

    bounds: list[Bound] | None
    """None if the suite has no `bounds.py`."""
    no_bound: dict[str, str]
    disagreements: list[Disagreement] | None
    """None if the suite has no `answers.py`; at most one for each submission."""
    compared: int
    """How many scripts the statement determines the answer of."""
    problem: str | None = None


Answers = Callable[[Script, History], Any]


def main() -> int:
    """Play. Exit code 0."""
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted)
    try:
        played = _play(wanted)
    except Exception as error:
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(wanted.suite)
        ]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}: " if frames else ""
        played = Played(None, {}, None, 0, f"{where}{type(error).__name__}: {error}")
    sys.stdout.buffer.write(msgspec.json.encode(played))
    return 0


def _play(wanted: Wanted) -> Played:
    promises = load_suite(Path(wanted.suite))
    bounds_module, answers_module = _part(wanted, "bounds"), _part(wanted, "answers")
    bounds: dict[tuple[str, str], Callable[[Script, History], bool]] = getattr(bounds_module, "BOUNDS", {})
    answers: Answers | None = getattr(answers_module, "answers", None)
    reached = dict.fromkeys(bounds, 0)
    found: dict[str, Disagreement] = {}
    compared = 0
    with contextlib.ExitStack() as stack:
        templates = {
            label: stack.enter_context(Template(wanted.name, text.encode()))
            for label, text in wanted.submissions.items()
        }
        reference, *others = (_Player(label, template) for label, template in templates.items())
        for script_of in _strategies(promises):
            drawn = [made[0] for number in range(wanted.scripts) if (made := script_of(number)) is not None]
            seen = dict.fromkeys(bounds, 0)
            determined: list[tuple[Script, Any]] = []
            for script in drawn:
                history = reference.play(script)
                for key, holds in bounds.items():
                    seen[key] += _holds(holds, script, history)
                expected = None if answers is None else _answer(answers, script, history)
                if expected is not None:
                    determined.append((script, expected))
            reference.rest()
            compared += len(determined)
            for other in others:
                for script, expected in determined:
                    given = None if answers is None else _answer(answers, script, other.play(script))
                    if given != expected and other.label not in found:
                        found[other.label] = Disagreement(other.label, _told(script), *_difference(expected, given))
                other.rest()
            reached = {key: max(reached[key], seen[key]) for key in bounds}
    return Played(
        None if bounds_module is None else [Bound(rule, side, number) for (rule, side), number in reached.items()],
        getattr(bounds_module, "NO_BOUND", {}),
        None if answers is None else list(found.values()),
        compared,
    )


def _part(wanted: Wanted, name: str) -> Any:
    suite = Path(wanted.suite)
    return suite_module(suite, name) if (suite / f"{name}.py").is_file() else None


def _strategies(promises: dict[str, Promise]) -> list[Callable[[int], Any]]:
    """What draws the script of a number, for each strategy of the suite. The scripts are others than a grade's."""
    strategies = {id(promise.scripts): promise.scripts for promise in promises.values() if promise.scripts is not None}
    return [Seeded(strategy, f"check {number}").script for number, strategy in enumerate(strategies.values())]


class _Player:
    """Plays on one submission; a lost play is its verdict."""

    def __init__(self, label: str, template: Template) -> None:
        self.label, self._player = label, WorkerPlayer(template)

    def play(self, script: Script) -> History | Verdict:
        try:
            return self._player(script)
        except Verdict as verdict:
            return verdict

    def rest(self) -> None:
        self._player.close()


def _holds(holds: Callable[[Script, History], bool], script: Script, history: History | Verdict) -> bool:
    """Whether the bound is reached. The facts of a suite may raise a verdict on a play that they do not expect: it is not, then."""
    try:
        return isinstance(history, History) and bool(holds(script, history))
    except Verdict:
        return False


def _answer(answers: Answers, script: Script, history: History | Verdict) -> Any:
    return f"{type(history).__name__}: {history}" if isinstance(history, Verdict) else answers(script, history)


def _difference(expected: Any, given: Any) -> tuple[str, str]:
    """The first place where two answers differ, if they are lists, or else both."""
    if isinstance(expected, list) and isinstance(given, list):
        for left, right in zip(expected, given, strict=False):
            if left != right:
                return _short(left), _short(right)
    return _short(expected), _short(given)


def _short(value: Any) -> str:
    text = show(value) if isinstance(value, Opaque) else repr(value)
    return text if len(text) <= 200 else text[:197] + "..."


def _told(script: Script) -> str:
    steps = [step for actor in (script.setup, *script.actors.values()) for step in actor]
    return _short("; ".join(f"{step.do}({', '.join(map(show, step.args))})" for step in steps if step.do))


if __name__ == "__main__":
    sys.exit(main())
