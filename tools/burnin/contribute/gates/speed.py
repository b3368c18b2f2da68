"""Speed: a full grade is short, and the first failure comes at once."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from burnin.contribute.cards import Ask
from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.subject import Subject

__all__ = ["GATES"]

FULL_SECONDS = 5.0
FIRST_SECONDS = 1.0
BUSY_CORES = 1.5
"""How much of two cores a grade keeps busy. On a machine that does something else too, a grade's processor time over this is what it would
have taken by itself; the smaller of that and of the real time counts, so that a busy machine does not fail an exercise. Neither does a
slow one: seconds are divided by its pace."""


def speed(subject: Subject) -> Iterator[Finding]:
    """The time of a grade of the reference, and to the first failure of three mutants; of what is too slow, the median of a few."""
    runs = range(-subject.depth.timings, 0)  # two judges each, unlike the repeats
    full = Ask(subject.reference, "standard")
    taken = _full(subject, full, runs[:1])
    if taken > FULL_SECONDS:  # once may be bad luck
        taken = _full(subject, full, runs)
    if taken > FULL_SECONDS:
        subject.forget_apart(full, runs)
        what = f"a full grade of the reference takes {taken:.1f} s on two cores, and at most {FULL_SECONDS:.0f} s should be"
        todo = "let properties share a strategy (and so its plays), make scripts shorter, or lower `scale`"
        yield subject.finding(subject.exercise.suite / "scripts.py", None, what, todo)
    for mutant, source in subject.few_mutants():
        ask = Ask(source, "standard", only=(mutant.caught_by,))
        seconds = _first(subject, ask, runs[:1])
        if seconds > FIRST_SECONDS:
            seconds = _first(subject, ask, runs)
        if seconds > FIRST_SECONDS:
            subject.forget_apart(ask, runs)
            path, text = subject.property_place(mutant.caught_by)
            what = f"{mutant.caught_by} takes {seconds:.1f} s to fail on the mutant {mutant.name}, and at most {FIRST_SECONDS:.0f} s should be"
            yield subject.finding(
                path,
                text,
                what,
                "make its scripts smaller, or have them meet what matters more often, so that they fail sooner",
            )


def _full(subject: Subject, ask: Ask, runs: range) -> float:
    """The median time of a whole grade."""
    grades = subject.apart(ask, runs, side_by_side=False)
    return median(min(grade.seconds, grade.processor / BUSY_CORES) / grade.pace for grade in grades)


def _first(subject: Subject, ask: Ask, runs: range) -> float:
    """The median time until the failure is known; 0 if nothing fails, which another gate says."""
    return median((grade.first_failure or 0.0) / grade.pace for grade in subject.apart(ask, runs, side_by_side=False))


GATES = (
    Gate("speed", "A full grade takes at most 5 s on two cores, and the first failure at most 1 s", speed, alone=True),
)
