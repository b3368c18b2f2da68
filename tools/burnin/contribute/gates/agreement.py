"""Agreement: where the statement determines the answer, all solutions give the same.

The suite's `answers.py` defines `answers(script, history)`: as plain data, what the statement determines in this play, or None where it leaves
something free.
"""

from __future__ import annotations

from collections.abc import Iterator

from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.gates.bounds import played
from burnin.contribute.gates.gate import Gate
from burnin.contribute.subject import Subject

__all__ = ["GATES"]


def agreement(subject: Subject) -> Iterator[Finding]:
    """The reference and each alternate agree on random scripts, others than those of a grade."""
    path = subject.exercise.suite / "answers.py"
    found = played(subject)
    if found.problem is not None:
        raise Blocked("bounds.py or answers.py fails", "bounds")
    if found.disagreements is None:
        todo = "write it: answers(script, history) gives what the statement determines, or None"
        yield subject.finding(path, None, "nothing says where the statement determines the answer", todo, missing=True)
        return
    if found.compared == 0:
        yield subject.finding(
            path,
            None,
            "it determines the answer of no script",
            "let it return what the statement determines for some scripts",
        )
    for one in found.disagreements:
        where = subject.exercise.solutions / f"{one.label}.py"
        what = f"{one.label} and the reference disagree after {one.script}: {one.answer}, and the reference {one.reference}"
        yield subject.finding(
            where, None, what, "one of them is wrong by the statement's words: mend it, or determine less in answers.py"
        )


GATES = (
    Gate("agreement", "The reference and the alternates agree wherever the statement determines the answer", agreement),
)
