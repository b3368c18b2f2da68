"""Measure the grader: ratios from one run, with the machine named.

    nox -s bench                    python tools/bench.py [--rounds 5] [EXERCISE]

(a) a grade of the reference against the same properties in one process, by plain pytest without workers; (b) a grade as a whole process,
to its first verdict and to its end; (c) scripts played per second by one worker, by mode; (d) the cost of a script against its length.
The two sides of a ratio are measured in turn, A B A B, and the median of the pairs is printed.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis.internal.conjecture.data import ConjectureData
from rich.console import Console
from rich.table import Table

from burnin.judge.player import WorkerPlayer
from burnin.judge.plugin import JudgePlugin
from burnin.judge.processes import Template
from burnin.judge.protocol import Ask, SuiteProperty
from burnin.library import Exercise, Library
from burnin.replay import LocalPlayer, load_suite, prepare
from burnin.script import Script, Step
from burnin.worker.serve import import_submission


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("exercise", nargs="?", default="warm_pool")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one-process", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    exercise = Library.find(None, Path(__file__).parent).exercise(options.exercise)
    if options.one_process:
        return one_process(exercise, Path(options.one_process))
    console = Console(width=max(100, Console().width))
    console.print(
        f"{platform.machine()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"
    )
    console.print(against_one_process(exercise, options.rounds))
    console.print(whole_process(exercise, options.rounds))
    console.print(plays_per_second(exercise))
    console.print(cost_by_length(exercise))
    return 0


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "an unnamed processor"
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "an unnamed processor")


def timed(command: list[str]) -> float:
    """Wall seconds of a command that must end with code 0."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def against_one_process(exercise: Exercise, rounds: int) -> Table:
    """(a)"""
    reference = str(exercise.reference)
    grade = [sys.executable, "-m", "burnin", "grade", reference, "--json"]
    alone = [sys.executable, __file__, exercise.name, "--one-process", reference]
    commands = {"two judges, confined workers": grade, "one judge, confined workers": [*grade, "--jobs", "1"]}
    table = Table("(a) grade of the reference", "seconds", "one process, plain pytest", "ratio (goal 1.3)")
    for name, command in commands.items():
        pairs = [(timed(command), timed(alone)) for _ in range(rounds)]
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(a / b for a, b in pairs)
        table.add_row(name, f"{ours:.2f}", f"{theirs:.2f}", f"{ratio:.2f}")
    return table


def one_process(exercise: Exercise, submission: Path) -> int:
    """The properties of the suite, with the submission imported into this process. What (a) is compared with."""
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"{exercise.name}.py"
        copy.write_bytes(submission.read_bytes())
        module, problem = import_submission(copy, guarded=False)
        assert module is not None, problem
        del sys.modules[exercise.name]  # the suite's package has this name too
        batches: dict[int, Ask] = {}
        failed: list[str] = []

        def listed(properties: list[SuiteProperty]) -> None:
            for found in properties:
                batches.setdefault(found.batch, Ask([])).batch.append(found.id)

        plugin = JudgePlugin(
            lambda: LocalPlayer(module),
            orders=(ask for ask in iter(lambda: batches.pop(next(iter(batches), -1), None), None)),
            listed=listed,
            judged=lambda judged: failed.append(judged.id) if judged.status != "passed" else None,
        )
        options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--import-mode=importlib"]
        pytest.main([*options, "--rootdir", str(exercise.suite), str(exercise.suite)], plugins=[plugin])
    print(f"{exercise.name} in one process: failed {failed or 'nothing'}")
    return 1 if failed else 0


def whole_process(exercise: Exercise, rounds: int) -> Table:
    """(b)"""
    command = [sys.executable, "-m", "nox", "-s", "grade", "--", str(exercise.reference), "--json"]
    firsts, totals = [], []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        with subprocess.Popen(command, cwd=exercise.root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.communicate()
        totals.append(time.perf_counter() - began)
        firsts.append(first_verdict(exercise))
    table = Table("(b) whole process, nothing changed", "seconds (median)", "goal")
    table.add_row("nox -s grade, to the end", f"{statistics.median(totals[1:]):.2f}", "5")
    table.add_row("burnin grade, to the first verdict", f"{statistics.median(firsts[1:]):.2f}", "1.5")
    return table


def first_verdict(exercise: Exercise) -> float:
    """Seconds from the start of a process to the first property's result."""
    code = (
        "import sys, os; from pathlib import Path; from burnin.grade import grade, Options; from burnin.library import Library\n"
        "def heard(result, stage, number): print(result.id, flush=True); os.close(1); os.open(os.devnull, os.O_WRONLY)\n"
        f"exercise = Library.find(None, Path({str(exercise.root)!r})).exercise({exercise.name!r})\n"
        "grade(exercise, exercise.reference, Options(), heard)\n"
    )
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.stdout.read()
    return seconds


def plays_per_second(exercise: Exercise, plays: int = 300) -> Table:
    """(c)"""
    groups: dict[str, list[Script]] = {}
    for promise in load_suite(exercise.suite).values():
        if promise.scripts is None:
            continue
        promise.scripts.validate()
        for number in range(60):
            script = ConjectureData(random=random.Random(f"bench {number}")).draw(promise.scripts)
            kind = f"{script.mode} on {script.backend}" if script.mode == "tasks" else script.mode
            groups.setdefault(kind, []).append(script)
    table = Table("(c) one worker, the suite's own scripts", "plays a second", "events a play")
    with Template(exercise.name, exercise.reference.read_bytes()) as template:
        for kind, scripts in sorted(groups.items()):
            chosen = [scripts[number % len(scripts)] for number in range(plays)]
            player = WorkerPlayer(template)
            player(chosen[0])
            began = time.perf_counter()
            events = sum(len(player(script).events) for script in chosen)
            table.add_row(kind, f"{plays / (time.perf_counter() - began):.0f}", f"{events / plays:.0f}")
            player.close()
    return table


def cost_by_length(exercise: Exercise) -> Table:
    """(d): rests only, so that nothing but the grader's own cost is seen; the last column would be constant if cost is linear."""
    table = Table("(d) script of n steps, calls", "milliseconds", "microseconds a step")
    with Template(exercise.name, exercise.reference.read_bytes()) as template:
        player = WorkerPlayer(template)
        for length in (10, 40, 160, 640, 2_560):
            script = Script(setup=(), actors={"A": tuple(Step(after=(1.0, 0)) for _ in range(length))})
            seconds = median_of(lambda script=script: player(script), 9)  # type: ignore[misc]  # bound per length
            table.add_row(str(length), f"{seconds * 1e3:.2f}", f"{seconds / length * 1e6:.1f}")
        player.close()
    return table


def median_of(action: Callable[[], object], rounds: int) -> float:
    """The median of the action's seconds, after one run that is not counted."""
    action()
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())
