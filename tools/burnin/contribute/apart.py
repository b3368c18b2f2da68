"""One grade in a process of its own, measured: reads what to grade as JSON from standard input and writes an `Apart`.

python -m burnin.contribute.apart
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import msgspec

from burnin.contribute.cards import Apart
from burnin.grade.grader import Options, grade
from burnin.library import Library
from burnin.scorecard import PropertyResult

NOTHING = ("no property has this name",)


def main() -> int:
    """Grade. Exit code 0."""
    wanted = json.load(sys.stdin)
    exercise, path = Library(Path(wanted["root"])).exercise(wanted["exercise"]), Path(wanted["path"])
    only = tuple(wanted["only"])
    options = Options(effort=wanted["effort"], seed=wanted["seed"], jobs=wanted["jobs"], only=only)
    start = 0.0
    if only:  # the suite's start is when a grade that judges nothing would be done
        began = time.perf_counter()
        grade(exercise, path, Options(effort="quick", jobs=options.jobs, only=NOTHING))
        start = time.perf_counter() - began
    failures: list[float] = []

    def heard(result: PropertyResult, stage: int, number: int) -> None:
        if result.status != "passed":
            failures.append(time.perf_counter() - began)

    before, began = _processor(), time.perf_counter()
    card = grade(exercise, path, options, heard)
    seconds = time.perf_counter() - began
    first = max(0.0, failures[0] - start) if failures else None
    sys.stdout.buffer.write(msgspec.json.encode(Apart(card, seconds, _processor() - before, first)))
    return 0


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main())
