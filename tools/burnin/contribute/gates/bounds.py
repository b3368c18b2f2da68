"""Bounds: the scripts reach both sides of every bound that the statement names.

The suite's `bounds.py` says how a bound is recognised in a play of the reference:

    BOUNDS = {
        ("Budget", "exactly full"): lambda script, history: ...,
        ("Budget", "one byte short"): lambda script, history: ...,
    }
    NO_BOUND = {"Close to the best": "measured over fixed traces, no script is near it"}

Each is to be seen at least once in 100 scripts of some strategy. `NO_BOUND` names the rules whose words look like a bound and are none, with the reason.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import msgspec

from burnin.contribute.cards import TOOLS, Source, suite_digest
from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.playing import Played, Wanted
from burnin.contribute.subject import Subject

__all__ = ["GATES", "played"]

LIKE_A_BOUND = re.compile(
    r"\b(at most|at least|never exceeds?|larger than|no more than|fewer than|more than|up to \w+ \w+s)\b", re.IGNORECASE
)


def bounds(subject: Subject) -> Iterator[Finding]:
    """Each bound has two sides, and each side is reached; a rule with words of a bound has one."""
    path = subject.exercise.suite / "bounds.py"
    seen = played(subject)
    if seen.problem is not None:
        place, line, what = _placed(seen.problem)
        where = path if place is None else subject.exercise.suite / place
        yield subject.finding(where, line, f"bounds.py or answers.py fails: {what}", "mend it")
        return
    if seen.bounds is None:
        todo = "write it: for each bound of the statement, how both sides are recognised in a play"
        yield subject.finding(path, None, "nothing says how the statement's bounds are reached", todo, missing=True)
        return
    rules = {rule.name: rule for rule in subject.statement.rules}
    sides: dict[str, int] = {}
    for bound in seen.bounds:
        sides[bound.rule] = sides.get(bound.rule, 0) + 1
        at = f'"{bound.side}"'
        if bound.rule not in rules:
            yield subject.finding(path, at, f"the statement has no rule `{bound.rule}`", "name the bold name of a rule")
        if bound.reached * 100 < subject.depth.scripts:
            what = f"`{bound.rule}: {bound.side}` is reached by {bound.reached} of {subject.depth.scripts} scripts, and one in 100 should"
            yield subject.finding(path, at, what, "let a strategy of scripts.py choose values at the bound")
    for name, number in sides.items():
        if number < 2:
            yield subject.finding(
                path, f'("{name}"', f"the bound of `{name}` has one side", "add the other: just within, and just beyond"
            )
    for rule in rules.values():
        words = LIKE_A_BOUND.search(rule.text)
        if words and rule.name not in sides and rule.name not in seen.no_bound:
            what = f"the rule `{rule.name}` says `{words[0]}`, and bounds.py has no bound of it"
            yield subject.finding(
                subject.statement.path,
                rule.line,
                what,
                "add both sides of it to BOUNDS, or say in NO_BOUND why it is none",
            )


def _placed(problem: str) -> tuple[str | None, int | None, str]:
    """The file and line that a problem names first, if it does, and the rest."""
    found = re.match(r"(\w+\.py):(\d+): ", problem)
    return (found[1], int(found[2]), problem[found.end() :]) if found else (None, None, problem)


def played(subject: Subject) -> Played:
    """The plays that count bounds and compare solutions."""
    subject.listed  # noqa: B018  # a suite that cannot be run is one finding
    sources = [subject.reference, *subject.alternates]
    depth, exercise = subject.depth.scripts, subject.exercise
    parts = [
        "playing",
        exercise.name,
        suite_digest(exercise),
        str(depth),
        *(source.data.decode("utf-8", "replace") for source in sources),
    ]
    return subject.cards.remember(parts, Played, lambda: _played(subject, sources, depth))


def _played(subject: Subject, sources: list[Source], scripts: int) -> Played:
    submissions = {source.label: source.data.decode("utf-8", "replace") for source in sources}
    wanted = Wanted(str(subject.exercise.suite), subject.exercise.name, submissions, scripts)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "burnin.contribute.playing"],
        input=msgspec.json.encode(wanted),
        env={**os.environ, "PYTHONPATH": str(TOOLS.parent), "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return Played(None, {}, None, 0, lines[-1] if lines else f"it ended with code {done.returncode}")
    return msgspec.json.decode(done.stdout, type=Played)


GATES = (Gate("bounds", "Every bound that the statement names is reached by the scripts, on both sides", bounds),)
