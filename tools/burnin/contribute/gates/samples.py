"""The sample tests: what a candidate runs first."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from burnin.contribute.cards import Source
from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.subject import Subject
from burnin.staged import Samples

__all__ = ["GATES"]

SECONDS = 60.0
"""Real seconds after which a run of the samples counts as failed: a submission may hang."""
STRIDE = 8
ABREAST = 8
"""Mutants that are tried at a time, until every sample test has failed."""


class Run(msgspec.Struct):
    """One run of the sample tests: the outcome by test function, and the last words."""

    outcomes: dict[str, str]
    output: str


def samples(subject: Subject) -> Iterator[Finding]:
    """They pass on the solutions and fail on the stub with NotImplementedError, and each stage has some."""
    path = subject.exercise.samples
    yield from _without_samples(subject)
    sources = [Source.at(subject.exercise.stub), subject.reference, *subject.alternates]
    stub, *solutions = _runs(subject, sources)
    for source, run in zip(sources[1:], solutions, strict=True):
        for name, outcome in run.outcomes.items():
            if outcome != "passed":
                what = f"{name} {outcome} on {source.label}: {_last(run)}"
                yield subject.finding(path, f"def {name}(", what, "mend the sample test, or the solution")
        if not run.outcomes:
            yield subject.finding(
                path, None, f"no sample test was run on {source.label}: {_last(run)}", "mend the sample tests"
            )
    for name, outcome in stub.outcomes.items():
        if outcome != "failed":
            yield subject.finding(
                path, f"def {name}(", f"{name} {outcome} on the stub", "let it call something that is to be written"
            )
    if stub.outcomes and "NotImplementedError" not in stub.output:
        yield subject.finding(
            path,
            None,
            "the stub does not fail the sample tests by NotImplementedError",
            "import only what the stub defines",
        )


def _without_samples(subject: Subject) -> Iterator[Finding]:
    """The stages without a sample test under a heading of their own."""
    path = subject.exercise.samples
    if not path.is_file():
        return  # the gate `layout` says so
    found = Samples.of(path.read_text("utf-8"))
    for number, stage in enumerate(subject.exercise.manifest.stages, 1):
        if "def test" not in found.stages.get(number, ""):
            what = f"stage {number}, {stage.title}, has no sample test"
            todo = f"write one under a line `# ---- stage {number}`: a candidate gets the samples of a stage with the stage"
            yield subject.finding(path, None, what, todo, missing=True)


def sample_subset(subject: Subject) -> Iterator[Finding]:
    """Each sample test fails on a mutant that a property catches: what it checks is graded."""
    tests = [
        node.name
        for node in ast.walk(subject.tree(subject.exercise.samples))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    left = set(tests)
    # mutants of one stage stand together, so every eighth soon breaks the samples of all stages
    sources = [source for first in range(STRIDE) for _, source in subject.mutants[first::STRIDE]]
    for start in range(0, len(sources), ABREAST):
        if not left:
            return
        for run in _runs(subject, sources[start : start + ABREAST]):
            left -= {name for name, outcome in run.outcomes.items() if outcome == "failed"}
    for name in tests:
        if name in left:
            what = f"{name} fails on no mutant, so nothing shows that what it checks is graded"
            yield subject.finding(
                subject.exercise.samples,
                f"def {name}(",
                what,
                "take it out, or add a mutant that breaks it and a property that catches that",
                missing=True,
            )


def _runs(subject: Subject, sources: list[Source]) -> list[Run]:
    text, stub, name = subject.exercise.samples, subject.exercise.stub.name, subject.exercise.name
    if not text.is_file():
        raise Blocked("there are no sample tests", "layout")
    later = [
        subject.cards.later(
            ["samples", name, text.read_text("utf-8"), source.data.decode("utf-8", "replace")],
            Run,
            lambda source=source: _run(text, stub, source),  # type: ignore[misc]  # bound now, not when it runs
            waits=True,
        )
        for source in sources
    ]
    return [future.result() for future in later]


def _run(samples: Path, module: str, source: Source) -> Run:
    """The sample tests, as a candidate runs them, on this submission."""
    with tempfile.TemporaryDirectory(prefix="burnin-samples-") as folder:
        Path(folder, module).write_bytes(source.data)
        copy = shutil.copy(samples, folder)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rA",
            "--tb=line",
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            copy,
        ]
        env = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_ADDOPTS": "",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        try:
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return Run({}, f"they did not end within {SECONDS:.0f} s")
    output = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    outcomes: dict[str, str] = {}
    for outcome, name in re.findall(r"^(PASSED|FAILED|ERROR|SKIPPED|XFAIL) \S+::(\w+)", output, re.MULTILINE):
        outcomes[name] = "failed" if outcome != "PASSED" or outcomes.get(name) == "failed" else "passed"
    return Run(outcomes, output[-2000:])


def _last(run: Run) -> str:
    lines = [line.strip() for line in run.output.splitlines() if line.strip().startswith(("FAILED", "ERROR", "E "))]
    return (lines or run.output.strip().splitlines() or ["it said nothing"])[-1][:200]


GATES = (
    Gate("samples", "The sample tests pass on every solution and fail on the stub, and each stage has some", samples),
    Gate("sample_subset", "What the sample tests check is graded: each of them fails on a mutant", sample_subset),
)
