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
YARDSTICK_LOOPS = 1_000_000
YARDSTICK_SECONDS = 0.055
"""Processor time of a yardstick on the machine that limits of seconds are meant for: two cores of a current server, otherwise idle."""


def main() -> int:
    """Grade. Exit code 0."""
    wanted = json.load(sys.stdin)
    exercise, path = Library(Path(wanted["root"])).exercise(wanted["exercise"]), Path(wanted["path"])
    only = tuple(wanted["only"])
    options = Options(
        effort=wanted["effort"],
        seed=wanted["seed"],
        jobs=wanted["jobs"],
        only=only,
        shrink=not only,  # a failure is told before its smallest play is looked for
    )
    began, before = time.perf_counter(), _processor()
    if only:  # the suite's start is when a grade that judges nothing would be done
        grade(exercise, path, Options(effort="quick", jobs=options.jobs, only=NOTHING))
    start, start_processor = time.perf_counter() - began, _processor() - before
    yardsticks = [yardstick()]
    failures: list[float] = []

    def heard(result: PropertyResult, stage: int, number: int) -> None:
        if result.status != "passed":
            failures.append(time.perf_counter() - began)

    before, began = _processor(), time.perf_counter()
    card = grade(exercise, path, options, heard)
    seconds = time.perf_counter() - began
    processor = _processor() - before
    yardsticks.append(yardstick())
    pace = max(1.0, sum(yardsticks) / len(yardsticks) / YARDSTICK_SECONDS)
    first = max(0.0, min(failures[0] - start, processor - start_processor)) if failures else None
    sys.stdout.buffer.write(msgspec.json.encode(Apart(card, seconds, processor, first, pace)))
    return 0


def yardstick() -> float:
    """Seconds of processor time of a fixed piece of work: a virtual machine may have half of its usual speed for minutes."""
    began, total = time.process_time(), 0
    for number in range(YARDSTICK_LOOPS):
        total += number * number % 7
    return time.process_time() - began


def _processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    sys.exit(main())
