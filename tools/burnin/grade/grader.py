"""One grade: hand the suite's properties out to judge processes and put their results together."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from burnin.grade.submission import read_submission
from burnin.grade.types import TypeChecker
from burnin.judge.protocol import (
    Ask,
    Enough,
    Failing,
    Glance,
    Glanced,
    HandIn,
    Judged,
    Listed,
    Recheck,
    Request,
    SuiteProperty,
)
from burnin.library import Exercise
from burnin.scorecard import Confinement, Counterexample, PropertyResult, Scorecard, StageResult, Submission

__all__ = ["GLANCE", "JUDGE_ENDED", "Abandoned", "Grader", "GraderFailed", "Options", "grade", "processor_cores"]

JUDGE_ENDED = "the judge process was ended by"
"""What a property got whose judge was killed: by a submission that nothing confined, or by somebody who stopped the whole grade."""
ABANDON, HURRY = b"!", b"h"
"""What another thread calls to a grade."""
GLANCE = 8
"""Plays of each property in a glance for somebody who waits: most mistakes show in one of the first few. A play in a glance counts for the grade too."""


class GraderFailed(Exception):
    """The grader itself, or the suite, is at fault. Exit code 3."""


class Abandoned(Exception):
    """The grade was abandoned by another thread; the grader is of no use any more."""


@dataclass(frozen=True)
class Options:
    """How to grade. `jobs` judge processes run side by side; the result does not depend on how many."""

    effort: str = "standard"
    seed: int = 0
    jobs: int = 0
    confined: bool = True
    only: tuple[str, ...] = ()
    """Judge only these properties (by id), and no types; the others count as not attempted. For checks of suites, never for a score."""
    first: tuple[str, ...] = ()
    """Judge the batches of these properties first, in this order; the result is the same."""
    until_failure: bool = False
    """Stop when a property has not passed; what was not judged counts as not attempted."""
    shrink: bool = True
    """Look for the smallest play that shows a failure; otherwise its story is that of the first one. The score is the same."""
    types: bool = True
    """Check the types too, beside the judges. Who waits for the score can do it afterwards (`TypeChecker`): it takes a twentieth of the time."""
    glance: int = 0
    """So many plays of each property come before everything, and what fails in one of them is judged first; the result is the same."""


OnResult = Callable[[PropertyResult, int, int], None]
OnFailing = Callable[[PropertyResult, int], None]


def grade(
    exercise: Exercise,
    path: Path,
    options: Options,
    on_result: OnResult | None = None,
    on_failing: OnFailing | None = None,
) -> Scorecard:
    """Grade the file at `path`. `on_result(result, stage, number of properties)` hears each property as it is judged, and
    `on_failing(result, stage)`, as in `Grader.grade`, that one fails.

    Raises `GraderFailed` when the suite or a judge is at fault, never for what the submission does.
    """
    with Grader(exercise, jobs=options.jobs, confined=options.confined) as grader:
        return grader.grade(path, options, on_result, on_failing)


def processor_cores() -> list[int]:
    """The processor cores that this process may use; empty where the system does not tell them apart."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


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


class Grader:
    """Grades any number of submissions of one exercise with the same judge processes, as a context manager.

    A judge starts in half a second and then draws each script once, so that a second grade is much faster than a first; its result is
    the same. One thread at a time may use a grader; `abandon` and `hurry` may be called by any. Each judge stays on a core of its own, or
    all on the one that is given: who uses several graders at a time knows best which of them work side by side.
    """

    def __init__(self, exercise: Exercise, *, jobs: int = 0, confined: bool = True, core: int | None = None) -> None:
        self._exercise, self._confined = exercise, confined
        cores = processor_cores()
        self._jobs = jobs or min(4, len(cores) or 2)
        self._cores = [core] if core is not None else cores if self._jobs <= len(cores) else []
        self._stack = contextlib.ExitStack()
        self._selector = selectors.DefaultSelector()
        self._judges: list[_Judge] = []
        self._listed: list[SuiteProperty] | None = None
        self._seconds: dict[str, float] = {}
        """How long each property took when it last passed."""
        self._graded = 0
        self._turn: _Turn | None = None

    def __enter__(self) -> Self:
        self._stack.enter_context(self._selector)
        self._calls, self._alarm = (self._stack.enter_context(end) for end in socket.socketpair())
        self._selector.register(self._calls, selectors.EVENT_READ, None)
        self._home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="burnin-grade-")))
        self._stack.callback(self._close)
        for _ in range(self._jobs):
            self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def grade(
        self,
        path: Path,
        options: Options,
        on_result: OnResult | None = None,
        on_failing: OnFailing | None = None,
    ) -> Scorecard:
        """Grade the file at `path` with these options, but for `jobs` and `confined`, which are the grader's own.

        `on_failing(result, stage)` hears that a property fails as soon as that is known, with the play that was met first; its result
        follows when the smallest has been found. After a glance it may hear of a property that then passes: a submission that carries
        something over from play to play met the same play in other company.

        Raises `GraderFailed` when the suite or a judge is at fault, never for what the submission does. The grader is of no use then.
        """
        began = time.perf_counter()
        data, problem = read_submission(path)
        copy = self._copy(data if problem is None else b"")
        wanted = problem is None and options.types and not options.only
        with TypeChecker(copy) if wanted else contextlib.nullcontext() as types:
            turn = self._run(copy, _Turn(options, on_result, on_failing))
            checked = types.result() if types is not None else TypeChecker.skipped()
        backends = {(judged.backend, tuple(judged.details)) for judged in turn.judged.values() if judged.backend}
        backend, details = min(backends) if backends else ("none", ())
        assert self._listed is not None
        stages = _stages(self._exercise, self._listed, turn.judged)
        return Scorecard(
            exercise=self._exercise.name,
            submission=Submission(hashlib.sha256(data).hexdigest()),
            score=sum(stage.score for stage in stages),
            possible=sum(stage.possible for stage in stages),
            stages=stages,
            types=checked,
            confinement=Confinement(backend, _strong(backend), list(details)),
            effort=options.effort,
            seed=options.seed,
            suite=self._exercise.suite_hash(),
            seconds=round(time.perf_counter() - began, 3),
            problem=problem or turn.import_problem,
        )

    def abandon(self) -> None:
        """Have the grade in progress, or the next, raise `Abandoned` at once, however long the submission takes; to be called by any thread."""
        self._call(ABANDON)

    def hurry(self) -> None:
        """Have the grade in progress, or the next, look for no smaller failures any longer; to be called by any thread. The score is the same."""
        self._call(HURRY)

    def _call(self, what: bytes) -> None:
        with contextlib.suppress(OSError):  # closed
            self._alarm.send(what)

    def recheck(self, path: Path, failed: PropertyResult) -> PropertyResult:
        """Judge one property that failed by the script of its counterexample alone: milliseconds, but a pass by it is no pass.

        The failure must have a script. Raises `GraderFailed` as `grade` does, and `ValueError` for a failure without a script.
        """
        if failed.counterexample is None or failed.counterexample.script is None:
            raise ValueError(f"the failure of {failed.id} has no script to check again")
        data, problem = read_submission(path)
        copy = self._copy(data if problem is None else b"")
        turn = self._run(copy, _Turn(Options(only=(failed.id,), jobs=1), script=failed.counterexample.script))
        assert self._listed is not None
        listed = next(found for found in self._listed if found.id == failed.id)
        return _result(listed, turn.judged[failed.id])

    def _copy(self, data: bytes) -> Path:
        self._graded += 1
        folder = self._home / str(self._graded)
        folder.mkdir()
        copy = folder / f"{self._exercise.name}.py"
        copy.write_bytes(data)
        return copy

    def _run(self, copy: Path, turn: _Turn) -> _Turn:
        """Judge the properties that the options ask for; each judge gets the next batch when it is done with its last."""
        self._turn, options = turn, turn.options
        turn.hand_in = HandIn(str(copy), options.effort, options.seed, options.until_failure, options.shrink)
        if self._listed is not None:
            self._plan()
        for judge in self._judges:
            judge.begun = []
            judge.write(turn.hand_in)
            self._next(judge)
        while turn.waiting is None or turn.waiting or any(judge.asked or judge.glancing for judge in self._judges):
            if not self._judges:
                raise GraderFailed("The judges ended before everything was judged.")
            for key, _ in self._selector.select():
                if key.data is None:
                    self._called()
                else:
                    self._hear(key.data)
        return turn

    def _called(self) -> None:
        """Another thread has called."""
        if ABANDON in self._calls.recv(100):
            raise Abandoned
        for judge in self._judges:
            if judge.asked:
                judge.write(Enough())

    def _start(self) -> None:
        core = self._cores[next(_PINS) % len(self._cores)] if self._cores else None
        request = Request(str(self._exercise.suite), self._exercise.name, self._confined, core)
        judge = _Judge(request, self._home)
        self._judges.append(judge)
        self._selector.register(judge.output, selectors.EVENT_READ, judge)
        if self._turn is not None:
            judge.write(self._turn.hand_in)

    def _next(self, judge: _Judge) -> None:
        """Have a judge that is at leisure judge the next batch, if there is one."""
        turn = self._turn
        assert turn is not None
        if not judge.ready or judge.asked or judge.glancing or not turn.waiting:
            return
        if turn.glances:
            judge.glancing, judge.begun = True, turn.glances.pop(0)
            judge.write(Glance(judge.begun, turn.options.glance))
            return
        batch = turn.take(judge.begun)
        judge.asked = list(batch)
        judge.write(Ask(batch) if turn.script is None else Recheck(batch[0], turn.script))

    def _hear(self, judge: _Judge) -> None:
        lines = judge.lines()
        for line in lines or []:
            message = msgspec.json.decode(line, type=Listed | Judged | Failing | Glanced)
            if isinstance(message, Listed):
                self._list(message)
                judge.ready = True
            elif isinstance(message, Failing):
                self._tell_failing(message)
            elif isinstance(message, Glanced):
                judge.glancing = False
                assert self._turn is not None
                self._turn.prefer(message.failed)
            else:
                self._take(message)
                judge.asked.remove(message.id)
        if lines is None:
            self._selector.unregister(judge.output)
            self._judges.remove(judge)
            self._lost(judge)
        else:
            self._next(judge)

    def _list(self, message: Listed) -> None:
        name = self._exercise.name
        if message.problem is not None:
            raise GraderFailed(f"The suite of {name} cannot be run: {message.problem}")
        if self._listed is None:
            self._listed = message.properties
            stages = len(self._exercise.manifest.stages)
            for found in self._listed:
                if not 1 <= found.stage <= stages:
                    raise GraderFailed(
                        f"The suite of {name} cannot be run: {found.id} belongs to stage {found.stage}, and exercise.toml has {stages}."
                    )
        assert self._turn is not None
        if self._turn.waiting is None:
            self._plan()

    def _plan(self) -> None:
        assert self._turn is not None and self._listed is not None
        self._turn.plan(self._listed, self._jobs, self._seconds)

    def _take(self, message: Judged) -> None:
        turn = self._turn
        assert turn is not None and self._listed is not None
        turn.judged[message.id] = message
        if message.import_problem is not None:
            turn.import_problem = message.import_problem
        if message.status == "passed":
            self._seconds[message.id] = message.seconds
        if turn.options.until_failure and message.status != "passed":
            turn.waiting = []
        if turn.on_result is not None:
            listed = next(found for found in self._listed if found.id == message.id)
            turn.on_result(_result(listed, message), listed.stage, len(self._listed))

    def _tell_failing(self, message: Failing) -> None:
        assert self._turn is not None and self._listed is not None
        if self._turn.on_failing is not None:
            listed = next(found for found in self._listed if found.id == message.id)
            met = Judged(message.id, message.status, message.counterexample, 0.0, 0, "", [])
            self._turn.on_failing(_result(listed, met), listed.stage)

    def _lost(self, judge: _Judge) -> None:
        """A judge has ended by its own fault, or was killed by a submission that nothing confined."""
        code = judge.stop()
        complaint = judge.complaint()
        judge.close()
        if code >= 0 or not (judge.asked or judge.glancing):
            raise GraderFailed(f"A judge ended with code {code}: {complaint}")
        turn = self._turn
        assert turn is not None and turn.waiting is not None
        if judge.asked:
            lost, *others = judge.asked
            self._take(Judged(lost, "crashed", self._ended(lost, signal.Signals(-code).name), 0.0, 0, "", []))
            turn.waiting += [others] if others else []
        if turn.waiting:
            self._start()

    def _ended(self, lost: str, signal_name: str) -> Counterexample:
        assert self._listed is not None
        found = next(found for found in self._listed if found.id == lost)
        got = f"{JUDGE_ENDED} {signal_name}"
        why = f"why:      {found.title} (stage {found.stage}, {found.rule})"
        return Counterexample(None, [], found.title, got, [f"got:      {got}", why])

    def _close(self) -> None:
        for judge in self._judges:
            judge.let_end()
        for judge in self._judges:
            judge.close()


_PINS = itertools.count(os.getpid())
"""Spreads the judges of all graders of this process over the cores, and those of many processes too."""


class _Turn:
    """One submission's way through the judges."""

    hand_in: HandIn

    def __init__(
        self,
        options: Options,
        on_result: OnResult | None = None,
        on_failing: OnFailing | None = None,
        script: Any = None,
    ) -> None:
        self.options, self.on_result, self.on_failing, self.script = options, on_result, on_failing, script
        self.judged: dict[str, Judged] = {}
        self.import_problem: str | None = None
        self.waiting: list[list[str]] | None = None
        """The batches that nobody has been asked for yet; None until the suite is known."""
        self.glances: list[list[str]] = []
        """The properties that each judge is still to glance at."""

    def plan(self, listed: list[SuiteProperty], judges: int, seconds: dict[str, float]) -> None:
        """Cut the properties that the options ask for into batches.

        Those that are asked for first come first, and then the longest by the `seconds` that are known, so that the judges end together.
        """
        only, first = self.options.only, self.options.first
        batches: dict[int, list[str]] = {}
        for found in listed:
            if not only or found.id in only:
                batches.setdefault(found.batch, []).append(found.id)
        rank = {id: number for number, id in enumerate(first)}
        self.waiting = sorted(batches.values(), key=lambda batch: -sum(seconds.get(id, 0.0) for id in batch))
        self.waiting.sort(key=lambda batch: min(rank.get(id, len(rank)) for id in batch))
        if self.options.glance:
            shares = [self.waiting[first::judges] for first in range(judges)]
            self.glances = [[id for batch in share for id in batch] for share in shares if share]

    def take(self, begun: list[str]) -> list[str]:
        """The next batch for a judge that has begun those of these properties; when they are done, one that another has begun."""
        assert self.waiting
        batch = next((batch for batch in self.waiting if batch[0] in begun), self.waiting[0])
        self.waiting.remove(batch)
        return batch

    def prefer(self, failed: str | None) -> None:
        """Have the batch of this property judged next."""
        assert self.waiting is not None
        self.waiting.sort(key=lambda batch: failed not in batch)


class _Judge:
    """One judge process. What it writes, it writes into `home`, which goes with the grader whatever becomes of the judge."""

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
        """What it has been asked for and has not answered."""
        self.ready = False
        """Whether it has read the suite."""
        self.glancing = False
        """Whether it plays the first few scripts of some properties."""
        self.begun: list[str] = []
        """The properties that it has glanced at."""
        self._partial = b""
        self.write(request)

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

    def write(self, message: Request | HandIn | Ask | Recheck | Glance | Enough) -> None:
        """Send it a line."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended; its output says so
            self._process.stdin.write(msgspec.json.encode(message) + b"\n")
            self._process.stdin.flush()

    def complaint(self) -> str:
        """The last line that it wrote to its standard error."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def let_end(self) -> None:
        """Tell it that nothing more comes; what it is at is not wanted any more."""
        if self.asked or self.glancing or not self.ready:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.close()

    def close(self) -> None:
        """End it at once, whatever it does, and let go of it."""
        self.let_end()
        self.stop()
        self.output.close()
        self._errors.close()

    def stop(self) -> int:
        """Wait for its end; returns its exit code, negative for a signal."""
        try:
            return self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
