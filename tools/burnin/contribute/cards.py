"""Everything that is expensive goes through `Cards`: grades, plays and measurements, computed side by side and kept on disk.

A result is kept under a hash of all that can change it: the sources of the tools that make it, the interpreter and the packages that
matter, the suite, the manifest, the submission, and what was asked. So gates are plain functions over results, and running them again when
nothing has changed takes no time. Where a gate wants a fresh run it gives a repeat number, and each number is a run of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from burnin.grade.grader import JUDGE_ENDED, Grader, Options, processor_cores
from burnin.library import Exercise
from burnin.scorecard import Scorecard

__all__ = ["STUMBLED", "Apart", "Ask", "Cards", "Source", "cache_of", "suite_digest"]

STUMBLED = "values that the statement describes"
"""What a property expects, in words of the judge, when its check stumbled over what the submission returned, or over the machine."""

KEPT_SECONDS = 30 * 86_400
"""How long a result stays on disk after its last use."""
MOST_AT_LEISURE = 12
"""Graders that are kept waiting, of a hundred megabytes each: what comes next is often of the same few exercises."""
RELEVANT = ("anyio", "hypothesis", "msgspec", "mypy", "pytest", "trio")
TOOLS = Path(__file__).resolve().parents[1]
ROOMS_WITHOUT_SAY = ("commands", "contribute", "practice")
"""The rooms of the tools that have no say in a grade."""

T = TypeVar("T")
_HERE = threading.local()


@dataclass(frozen=True)
class Source:
    """A submission by what it is called in findings, and its text."""

    label: str
    data: bytes

    @classmethod
    def at(cls, path: Path) -> Source:
        """The file; one that is not there is empty."""
        return cls(path.stem, path.read_bytes() if path.is_file() else b"")


@dataclass(frozen=True)
class Ask:
    """A grade that a gate wants."""

    source: Source
    effort: str = "standard"
    seed: int = 0
    only: tuple[str, ...] = ()


class Apart(msgspec.Struct):
    """A grade in a process of its own: the scorecard, and what it cost."""

    card: Scorecard
    seconds: float
    """Real seconds of the whole grade."""
    processor: float
    """Seconds of processor time of everything that the grade started."""
    first_failure: float | None
    """Seconds from the start of the suite until it is known that a property does not pass; of a grade of few properties. Real seconds, or
    those of processor time if they are fewer, because then the machine was busy with something else."""
    pace: float
    """How many times as long as on the machine that limits are meant for a fixed piece of work took, around the grade; at least 1."""


class Cards:
    """Results for one library. `folder` keeps them; None keeps nothing. Use it as a context manager."""

    def __init__(self, folder: Path | None, jobs: int = 0) -> None:
        cores = processor_cores()
        jobs = jobs or len(cores) or os.cpu_count() or 2
        self._folder = folder
        places = iter(cores if jobs <= len(cores) else [None] * jobs)
        self._pool = ThreadPoolExecutor(jobs, "burnin-cards", initializer=lambda: setattr(_HERE, "core", next(places)))
        self._aside = ThreadPoolExecutor(jobs, "burnin-aside")
        """For what mostly waits, while the others compute."""
        self._lock = threading.Lock()
        self._asked: dict[str, Future[Any]] = {}
        self._idle: list[tuple[tuple[str, int | None], Grader]] = []
        self.computed = 0
        """How many results were not on disk."""

    def __enter__(self) -> Cards:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for pool in (self._pool, self._aside):
            pool.shutdown()
        for _kind, grader in self._idle:
            grader.__exit__(None, None, None)
        self._forget_old()

    def stop(self) -> None:
        """Compute nothing more; who waits for a result gets `CancelledError`."""
        for pool in (self._pool, self._aside):
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def asked(self) -> int:
        """How many results have been asked for."""
        return len(self._asked)

    @property
    def done(self) -> int:
        """How many of them are there."""
        return sum(future.done() for future in list(self._asked.values()))

    def card(self, exercise: Exercise, ask: Ask) -> Scorecard:
        """The scorecard of one grade. Raises `GraderFailed` when the suite is at fault."""
        return self.cards(exercise, [ask])[0]

    def cards(self, exercise: Exercise, asks: Iterable[Ask]) -> list[Scorecard]:
        """The scorecards of these grades, made side by side."""
        return [future.result() for future in [self._grade(exercise, ask) for ask in asks]]

    def apart(self, exercise: Exercise, ask: Ask, repeats: Sequence[int], *, side_by_side: bool = True) -> list[Apart]:
        """Grades in fresh processes, one for each repeat number; what surrounds a process varies with the number."""
        results = []
        for repeat in repeats:
            parts = ["apart", *self._parts(exercise, ask), str(repeat)]
            results.append(self.later(parts, Apart, lambda number=repeat: _apart(exercise, ask, number)))  # type: ignore[misc]  # the number is bound now, not when it runs
            if not side_by_side:
                results[-1].result()
        return [result.result() for result in results]

    def forget_apart(self, exercise: Exercise, ask: Ask, repeats: Sequence[int]) -> None:
        """Do not keep these grades of `apart`: the next run makes them anew."""
        for repeat in repeats:
            key = _key(["apart", *self._parts(exercise, ask), str(repeat)])
            with self._lock:
                self._asked.pop(key, None)
            path = self._path(key)
            if path is not None:
                path.unlink(missing_ok=True)

    def remember(self, parts: Sequence[str], kind: type[T], compute: Callable[[], T]) -> T:
        """The result of `compute`, or the one that was kept for these parts. They must name all that can change it."""
        return self.later(parts, kind, compute).result()

    def later(self, parts: Sequence[str], kind: type[T], compute: Callable[[], T], *, waits: bool = False) -> Future[T]:
        """Like `remember`, without waiting for it. What mostly `waits` for real time is done beside what computes."""
        key = _key(parts)
        with self._lock:
            if key not in self._asked:
                self._asked[key] = (self._aside if waits else self._pool).submit(self._kept, key, kind, compute)
            return self._asked[key]

    def _grade(self, exercise: Exercise, ask: Ask) -> Future[Scorecard]:
        return self.later(["card", *self._parts(exercise, ask)], Scorecard, lambda: self._graded(exercise, ask))

    @contextlib.contextmanager
    def grader(self, exercise: Exercise, suite: str) -> Iterator[Grader]:
        """A grader for the suite of this digest: one that has graded by it before, if one is at leisure. To be used by one thread of these."""
        kind = f"{exercise.root} {exercise.name} {suite}", _own_core()
        grader = self._at_leisure(kind) or Grader(exercise, jobs=1, core=_own_core()).__enter__()
        try:
            yield grader
        except BaseException:
            grader.__exit__(None, None, None)  # it is of no use any more
            raise
        with self._lock:
            self._idle.append((kind, grader))

    def _graded(self, exercise: Exercise, ask: Ask) -> Scorecard:
        with (
            tempfile.TemporaryDirectory(prefix="burnin-check-") as folder,
            self.grader(exercise, suite_digest(exercise)) as grader,
        ):
            path = Path(folder) / f"{exercise.name}.py"
            path.write_bytes(ask.source.data)
            return grader.grade(path, Options(effort=ask.effort, seed=ask.seed, only=ask.only))

    def _at_leisure(self, kind: tuple[str, int | None]) -> Grader | None:
        """A grader for this suite that waits on this core, if there is one; of others not more than a few are kept waiting."""
        with self._lock:
            found = next((entry for entry in self._idle if entry[0] == kind), None)
            if found is not None:
                self._idle.remove(found)
            surplus, self._idle = self._idle[:-MOST_AT_LEISURE], self._idle[-MOST_AT_LEISURE:]
        for _, grader in surplus:
            grader.__exit__(None, None, None)
        return None if found is None else found[1]

    def _parts(self, exercise: Exercise, ask: Ask) -> list[str]:
        return [
            exercise.name,
            suite_digest(exercise),
            hashlib.sha256(ask.source.data).hexdigest(),
            ask.effort,
            str(ask.seed),
            " ".join(ask.only),
        ]

    def _kept(self, key: str, kind: type[T], compute: Callable[[], T]) -> T:
        path = self._path(key)
        if path is not None and path.is_file():
            try:
                found = msgspec.json.decode(path.read_bytes(), type=kind)
            except msgspec.MsgspecError:
                path.unlink(missing_ok=True)  # written by a machine that stopped half way
            else:
                os.utime(path)
                return found
        result = compute()
        self.computed += 1
        if path is not None and not _stumbled(result):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                file.write(msgspec.json.encode(result))
            os.replace(file.name, path)  # whole or not at all, whoever else writes
        return result

    def _path(self, key: str) -> Path | None:
        return None if self._folder is None else self._folder / key[:2] / f"{key}.json"

    def _forget_old(self) -> None:
        if self._folder is not None:
            limit = time.time() - KEPT_SECONDS
            for path in self._folder.glob("??/*.json"):
                if path.stat().st_mtime < limit:
                    path.unlink(missing_ok=True)


def _own_core() -> int | None:
    """The core on which the judges of this thread work, so that threads do not get into each other's way; None for any core."""
    core: int | None = getattr(_HERE, "core", None)
    return core


def _key(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([_foundation(), *parts]).encode()).hexdigest()


def _stumbled(result: object) -> bool:
    """Whether a check stumbled in it, or its judge was killed: that may be the machine's fault, so it is tried again next time."""
    card = result.card if isinstance(result, Apart) else result
    if not isinstance(card, Scorecard):
        return False
    failures = [found.counterexample for stage in card.stages for found in stage.properties]
    return any(
        failure is not None and (failure.expected == STUMBLED or failure.got.startswith(JUDGE_ENDED))
        for failure in failures
    )


def cache_of(root: Path) -> Path | None:
    """The folder of a library that keeps results, or None if it cannot be written. Git ignores it without an entry anywhere else."""
    home = root / ".burnin"
    try:
        home.mkdir(exist_ok=True)
        (home / ".gitignore").write_text("*\n")
    except OSError:
        return None
    return home / "cache"


def suite_digest(exercise: Exercise) -> str:
    """SHA-256 over the Python files of the suite and of what suites share, and the manifest's stages: all that has a say in a grade."""
    digest = hashlib.sha256(msgspec.json.encode([stage.points for stage in exercise.manifest.stages]))
    for name, text in exercise.suite_files():
        if name.endswith(".py"):
            digest.update(f"{name}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()


@cache
def _foundation() -> str:
    """The tools' own sources, the interpreter, and the packages that grades are made with."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(" ".join(f"{name} {version(name)}" for name in RELEVANT).encode())
    own = [Path(__file__), Path(__file__).with_name("apart.py"), Path(__file__).with_name("playing.py")]
    rooms = [path for path in sorted(TOOLS.rglob("*.py")) if path.relative_to(TOOLS).parts[0] not in ROOMS_WITHOUT_SAY]
    for path in [*rooms, *own]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _apart(exercise: Exercise, ask: Ask, repeat: int) -> Apart:
    """Grade in a fresh process, with a folder, a number of judges and a hash seed that depend on the repeat number."""
    with tempfile.TemporaryDirectory(prefix=f"burnin-{'x' * (repeat % 5)} ") as folder:
        path = Path(folder) / f"{exercise.name}.py"
        path.write_bytes(ask.source.data)
        wanted = {
            "root": str(exercise.root),
            "exercise": exercise.name,
            "path": str(path),
            "effort": ask.effort,
            "seed": ask.seed,
            "only": ask.only,
            "jobs": 2 if repeat < 0 else 1 + repeat % 3,
        }
        done = subprocess.run(
            [sys.executable, "-m", "burnin.contribute.apart"],
            input=json.dumps(wanted).encode(),
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": str(abs(repeat)), "PYTHONPATH": str(TOOLS.parent)},
            capture_output=True,
            check=False,
        )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(
            f"a grade apart ended with code {done.returncode}: {lines[-1] if lines else 'it said nothing'}"
        )
    return msgspec.json.decode(done.stdout, type=Apart)
