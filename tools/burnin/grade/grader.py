"""One grade: hand the suite's properties out to judge processes and put their results together."""

from __future__ import annotations

import contextlib
import hashlib
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from burnin.grade.submission import read_submission
from burnin.grade.types import TypeChecker
from burnin.judge.protocol import Judged, Listed, Request, SuiteProperty
from burnin.library import Exercise
from burnin.scorecard import Confinement, Counterexample, PropertyResult, Scorecard, StageResult, Submission

__all__ = ["GraderFailed", "Options", "grade"]


class GraderFailed(Exception):
    """The grader itself, or the suite, is at fault. Exit code 3."""


@dataclass(frozen=True)
class Options:
    """How to grade. `jobs` judge processes run side by side; the result does not depend on how many."""

    effort: str = "standard"
    seed: int = 0
    jobs: int = 0
    confined: bool = True
    only: tuple[str, ...] = ()
    """Judge only these properties (by id), and no types; the others count as not attempted. For checks of suites, never for a score."""


OnResult = Callable[[PropertyResult, int, int], None]


def grade(exercise: Exercise, path: Path, options: Options, on_result: OnResult | None = None) -> Scorecard:
    """Grade the file at `path`. `on_result(result, stage, number of properties)` hears each property as it is judged.

    Raises `GraderFailed` when the suite or a judge is at fault, never for what the submission does.
    """
    began = time.perf_counter()
    data, problem = read_submission(path)
    digest = hashlib.sha256(data).hexdigest()
    with tempfile.TemporaryDirectory(prefix="burnin-grade-") as folder:
        copy = Path(folder) / f"{exercise.name}.py"
        copy.write_bytes(data if problem is None else b"")
        wanted = problem is None and not options.only
        with TypeChecker(copy) if wanted else contextlib.nullcontext() as types:
            results = _Judges(exercise, copy, options, on_result).run()
            checked = types.result() if types is not None else TypeChecker.skipped()
    backends = {(judged.backend, tuple(judged.details)) for judged in results.judged.values() if judged.backend}
    backend, details = min(backends) if backends else ("none", ())
    stages = _stages(exercise, results.listed, results.judged)
    return Scorecard(
        exercise=exercise.name,
        submission=Submission(digest),
        score=sum(stage.score for stage in stages),
        possible=sum(stage.possible for stage in stages),
        stages=stages,
        types=checked,
        confinement=Confinement(backend, _strong(backend), list(details)),
        effort=options.effort,
        seed=options.seed,
        suite=exercise.suite_hash(),
        seconds=round(time.perf_counter() - began, 3),
        problem=problem or results.import_problem,
    )


def _strong(backend: str) -> bool:
    return backend == "landlock+seccomp"


def _stages(exercise: Exercise, listed: list[SuiteProperty], judged: dict[str, Judged]) -> list[StageResult]:
    stages = []
    for number, stage in enumerate(exercise.manifest.stages, 1):
        results = [_result(found, judged.get(found.id)) for found in listed if found.stage == number]
        score, possible = sum(result.score for result in results), sum(result.possible for result in results)
        stages.append(StageResult(number, stage.title, score, possible, results))
    return stages


def _result(listed: SuiteProperty, judged: Judged | None) -> PropertyResult:
    status = "not_attempted" if judged is None else judged.status
    return PropertyResult(
        listed.id,
        listed.title,
        listed.level,  # type: ignore[arg-type]  # checked where the promise was made
        listed.rule,
        status,
        listed.points if status == "passed" else 0,
        listed.points,
        None if judged is None else judged.counterexample,
        listed.tags,
    )


class _Judges:
    """The judge processes of one grade."""

    def __init__(self, exercise: Exercise, copy: Path, options: Options, on_result: OnResult | None) -> None:
        self._exercise, self._copy, self._options, self._on_result = exercise, copy, options, on_result
        self.listed: list[SuiteProperty] = []
        self.judged: dict[str, Judged] = {}
        self.import_problem: str | None = None
        self._waiting: list[list[str]] | None = None  # batches
        self._running: list[_Judge] = []

    def run(self) -> _Judges:
        """Judge every property; each judge gets the next batch when it is done with its last."""
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        jobs = self._options.jobs or min(4, len(cores) or 2)
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            for number in range(jobs):
                core = cores[(os.getpid() + number) % len(cores)] if jobs <= len(cores) else None
                self._start(selector, stack, core)
            while self._running:
                for key, _ in selector.select():
                    self._hear(key.data, selector, stack)
        if self._waiting is None or self._waiting:
            raise GraderFailed("The judges ended before everything was judged.")
        return self

    def _start(self, selector: selectors.BaseSelector, stack: contextlib.ExitStack, core: int | None) -> None:
        judge = _Judge(self._request(core), self._copy.parent)
        stack.callback(judge.close)
        self._running.append(judge)
        selector.register(judge.output, selectors.EVENT_READ, judge)

    def _request(self, core: int | None) -> Request:
        exercise, options = self._exercise, self._options
        return Request(
            str(exercise.suite), str(self._copy), exercise.name, options.effort, options.seed, options.confined, core
        )

    def _hear(self, judge: _Judge, selector: selectors.BaseSelector, stack: contextlib.ExitStack) -> None:
        lines = judge.lines()
        for line in lines or []:
            message = msgspec.json.decode(line, type=Listed | Judged)
            if isinstance(message, Listed):
                self._list(message)
            else:
                self._take(message)
                judge.asked.remove(message.id)
        if lines is None:
            selector.unregister(judge.output)
            self._running.remove(judge)
            self._lost(judge, selector, stack)
        elif lines and not judge.asked:
            assert self._waiting is not None
            judge.ask(self._waiting.pop(0) if self._waiting else [])

    def _list(self, message: Listed) -> None:
        if message.problem is not None:
            raise GraderFailed(f"The suite of {self._exercise.name} cannot be run: {message.problem}")
        if self._waiting is None:
            self.listed = message.properties
            stages = len(self._exercise.manifest.stages)
            for found in self.listed:
                if not 1 <= found.stage <= stages:
                    raise GraderFailed(
                        f"The suite of {self._exercise.name} cannot be run: {found.id} belongs to stage {found.stage}, "
                        f"and exercise.toml has {stages}."
                    )
            only = self._options.only
            batches: dict[int, list[str]] = {}
            for found in self.listed:
                if not only or found.id in only:
                    batches.setdefault(found.batch, []).append(found.id)
            self._waiting = list(batches.values())

    def _take(self, message: Judged) -> None:
        self.judged[message.id] = message
        if message.import_problem is not None:
            self.import_problem = message.import_problem
        if self._on_result is not None:
            listed = next(found for found in self.listed if found.id == message.id)
            self._on_result(_result(listed, message), listed.stage, len(self.listed))

    def _lost(self, judge: _Judge, selector: selectors.BaseSelector, stack: contextlib.ExitStack) -> None:
        """A judge has ended: in order, by its own fault, or killed by a submission that nothing confined."""
        code = judge.stop()
        if not judge.asked and code == 0:
            return
        if code >= 0 or not judge.asked:
            raise GraderFailed(f"A judge ended with code {code}: {judge.complaint()}")
        name = signal.Signals(-code).name
        lost, *others = judge.asked
        self._take(Judged(lost, "crashed", self._ended(lost, name), 0.0, 0, "", []))
        assert self._waiting is not None
        self._waiting += [others] if others else []
        if self._waiting:
            self._start(selector, stack, None)

    def _ended(self, lost: str, signal_name: str) -> Counterexample:
        found = next(found for found in self.listed if found.id == lost)
        got = f"the judge process was ended by {signal_name}"
        why = f"why:      {found.title} (stage {found.stage}, {found.rule})"
        return Counterexample(None, [], found.title, got, [f"got:      {got}", why])


class _Judge:
    """One judge process. What it writes, it writes into `home`, which goes with the grade whatever becomes of the judge."""

    def __init__(self, request: Request, home: Path) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # it is read when the judge has ended
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "burnin.judge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONHASHSEED": "0", "TMPDIR": str(home), "HYPOTHESIS_STORAGE_DIRECTORY": str(home)},
        )
        self.asked: list[str] = []
        self._partial = b""
        self._write(msgspec.json.encode(request))

    @property
    def output(self) -> IO[bytes]:
        """Where its messages come from."""
        assert self._process.stdout is not None
        return self._process.stdout

    def lines(self) -> list[bytes] | None:
        """The complete lines that have come, or None when it has closed its output."""
        data = os.read(self.output.fileno(), 1 << 20)
        if not data:
            return None
        *lines, self._partial = (self._partial + data).split(b"\n")
        return lines

    def ask(self, batch: list[str]) -> None:
        """Have it judge these properties next; an empty batch lets it end."""
        self.asked = list(batch)
        if batch:
            self._write(" ".join(batch).encode())
        else:
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended; its output says so
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()

    def complaint(self) -> str:
        """The last line that it wrote to its standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """End it at once, whatever it does, and let go of it."""
        if self.asked:
            self._process.kill()
        self.stop()
        self.output.close()
        self._errors.close()

    def stop(self) -> int:
        """End it, if it runs; returns its exit code, negative for a signal."""
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.close()
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
