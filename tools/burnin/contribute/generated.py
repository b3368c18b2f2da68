"""Mutation adequacy: a suite notices the generated mutants of its reference, but for those that are recorded with a reason.

A mutant is graded by the real grader: first the properties that killed its neighbours, then the cheapest; first with the scripts of the
quick effort, which are the first ones of every effort; and no further than to the first property that fails. At `DEEP`, it goes on to the
second one, so that a mutant that one property alone notices is known for sure: all others have passed.

At `STANDARD`, a recorded survivor is looked at with the scripts of the quick effort only; at `DEEP` with all.

What a mutant came to is kept under a hash of all that has a say in it, so that a second run takes seconds.

`survivors.toml`, beside the hidden suite, says why a mutant survives:

    [[survivor]]
    before = "if size > self._budget:"
    after = "if size >= self._budget:"
    verdict = "allowed"
    because = "Whether a model of exactly the budget fits is left open."

`verdict` is `equivalent` (no caller could tell the two apart) or `allowed` (the statement permits what the mutant does).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from burnin.contribute.mutations import Mutation, mutations
from burnin.grade.grader import Grader, GraderFailed, Options
from burnin.library import Exercise, UserError
from burnin.scorecard import PropertyResult

__all__ = [
    "DEEP",
    "LEAST_KILLED",
    "STANDARD",
    "Adequacy",
    "Complaint",
    "Depth",
    "Fate",
    "Survivor",
    "adequacy",
    "entry",
    "load_survivors",
]

LEAST_KILLED = 0.95
"""The part of a reference's mutants that its suite must kill."""


@dataclass(frozen=True)
class Depth:
    """How far mutants are graded."""

    name: str
    effort: str
    seed: int = 0
    alone: bool = False
    """Whether to look for a second property that notices a mutant."""
    recorded_too: bool = False
    """Whether recorded survivors are graded as far as others."""
    limit: int | None = None
    """How many mutants to grade: a sample that depends on nothing but the mutants, and the recorded survivors. None is all."""


STANDARD = Depth("standard", "standard")
DEEP = Depth("deep", "standard", alone=True, recorded_too=True)


class Survivor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A recorded survivor. `before` and `after` are those of one `Mutation`, but for empty lines at their ends."""

    before: str
    after: str
    verdict: Literal["equivalent", "allowed"]
    because: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.before.strip("\n"), self.after.strip("\n")


class Fate(msgspec.Struct, frozen=True):
    """What a mutant came to: killed by one or two properties; by none; or it could not be imported, and is no mutant."""

    killers: tuple[str, ...] = ()
    """The first property that failed, and another one if there is one."""
    imported: bool = True


class Complaint(msgspec.Struct, frozen=True):
    """What keeps an exercise from being adequate. `path` is a file of the exercise; the sentences have no full stop."""

    path: Path
    line: int | None
    wrong: str
    todo: str


@dataclass(frozen=True)
class Adequacy:
    """How a suite did against the generated mutants of its reference."""

    made: int
    """All mutants that the tool makes."""
    fates: tuple[tuple[Mutation, Fate], ...]
    """Those that were graded and could be imported: all, or a sample."""
    properties: tuple[str, ...]
    recorded: tuple[Survivor, ...]
    complaints: tuple[Complaint, ...]

    @property
    def graded(self) -> int:
        """How many mutants were graded."""
        return len(self.fates)

    @property
    def killed(self) -> int:
        """How many of them were killed."""
        return sum(bool(fate.killers) for _, fate in self.fates)

    @property
    def survivors(self) -> list[Mutation]:
        """Those that were not, in the order of their lines."""
        return [mutation for mutation, fate in self.fates if not fate.killers]

    @property
    def killed_alone(self) -> Counter[str]:
        """For each property, the mutants that it alone kills; 0 for one that could be left out."""
        counted = Counter(dict.fromkeys(self.properties, 0))
        counted.update(fate.killers[0] for _, fate in self.fates if len(fate.killers) == 1)
        return counted


def load_survivors(exercise: Exercise) -> tuple[Survivor, ...]:
    """The recorded survivors; none if there is no `survivors.toml`.

    Raises `UserError` for a file that is not as the module's docstring says, or records one change twice.
    """
    path = survivors_path(exercise)
    if not path.exists():
        return ()
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File).survivor
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a list of survivors: {error}.") from None
    for (before, _), times in Counter(it.key for it in found).items():
        if times > 1:
            raise UserError(f"{path} records a change of `{_first_line(before)}` {times} times; keep one of them.")
    return found


def survivors_path(exercise: Exercise) -> Path:
    """Where an exercise records its survivors."""
    return exercise.suite / "survivors.toml"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    survivor: tuple[Survivor, ...] = ()


def adequacy(
    exercise: Exercise,
    *,
    depth: Depth = STANDARD,
    jobs: int = 0,
    kept: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Adequacy:
    """Grade the generated mutants of the reference, and compare the survivors with the recorded ones.

    `kept` is a folder for what mutants came to. `progress(done, of)` hears of each mutant, from any thread.

    Raises `UserError` for a reference or a record that cannot be read, and `GraderFailed` for a suite that cannot be run or whose
    reference does not pass it.
    """
    recorded = load_survivors(exercise)
    made = _made(exercise)
    known = {it.key for it in recorded}
    chosen = made if depth.limit is None else _sample(made, depth.limit, known)
    with _Kept(exercise, depth, kept) as store:
        fates = _fates(exercise, [(it, _key(it) in known) for it in chosen], depth, jobs, store, progress)
    mutants = tuple((mutation, fate) for mutation, fate in fates if fate.imported)
    complaints = _complaints(exercise, mutants, recorded)
    return Adequacy(len(made), mutants, store.properties, recorded, tuple(complaints))


def _made(exercise: Exercise) -> list[Mutation]:
    try:
        return mutations(exercise.reference.read_text("utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{exercise.reference} cannot be mutated: {error}.") from None


def _sample(made: list[Mutation], limit: int, wanted: set[tuple[str, str]]) -> list[Mutation]:
    """The mutants of the smallest hashes: a change of the reference changes few of them."""
    chosen = {it.digest for it in sorted(made, key=lambda it: hashlib.sha256(repr(_key(it)).encode()).digest())[:limit]}
    return [it for it in made if it.digest in chosen or _key(it) in wanted]


def _key(mutation: Mutation) -> tuple[str, str]:
    return mutation.before.strip("\n"), mutation.after.strip("\n")


# ---- what it means


def _complaints(
    exercise: Exercise, fates: Sequence[tuple[Mutation, Fate]], recorded: Sequence[Survivor]
) -> list[Complaint]:
    found = []
    path = survivors_path(exercise)
    fate_of = {_key(mutation): fate for mutation, fate in fates}
    for survivor in recorded:
        fate = fate_of.get(survivor.key)
        what = f"`{_first_line(survivor.key[0])}` by `{_first_line(survivor.key[1])}`"
        if fate is None:
            wrong, todo = f"the recorded survivor {what} is not made any more", "take it out, or copy its text anew"
        elif fate.killers:
            wrong, todo = f"the recorded survivor {what} is killed by {fate.killers[0]}", "take it out"
        elif not survivor.because.strip():
            wrong, todo = f"the recorded survivor {what} has no reason", "say why no property need notice it"
        else:
            continue
        found.append(Complaint(path, _line_of(path, survivor.before), wrong, todo))
    known = {survivor.key for survivor in recorded}
    for mutation, fate in fates:
        if not fate.killers and _key(mutation) not in known:
            wrong = f"nothing notices `{_first_line(mutation.before)}` by `{_first_line(mutation.after)}` in {mutation.where or 'the module'}"
            todo = f"strengthen a property, or record it in {path.name} with a reason:\n{entry(mutation)}"
            found.append(Complaint(exercise.reference, mutation.line, wrong, todo))
    killed = sum(bool(fate.killers) for _, fate in fates)
    if killed < LEAST_KILLED * len(fates):
        wrong = f"{killed} of {len(fates)} generated mutants are killed, which is less than {LEAST_KILLED:.0%}"
        found.append(Complaint(exercise.reference, None, wrong, "strengthen the properties"))
    return found


def entry(mutation: Mutation) -> str:
    """The mutation as an entry of `survivors.toml`, with its reason left to say."""
    lines = ["[[survivor]]"]
    for name, text in (("before", mutation.before), ("after", mutation.after)):
        lines.append(f"{name} = {_toml(text.strip(chr(10)))}")
    return "\n".join([*lines, 'verdict = "equivalent"', 'because = ""'])


def _toml(text: str) -> str:
    """The text as a TOML string, which may have several lines."""
    if "'''" in text or text.endswith("'"):
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"""\n{escaped}"""'
    return f"'''\n{text}'''" if "\n" in text or "'" in text else f"'{text}'"


def _first_line(text: str) -> str:
    """The first line that says something, shortened."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f"{line[:77]}..." if len(line) > 80 else line


def _line_of(path: Path, text: str) -> int | None:
    """The line of the file in which this text begins."""
    whole = path.read_text("utf-8")
    at = whole.find(text)
    return None if at < 0 else whole.count("\n", 0, at) + 1


# ---- grading


def _fates(
    exercise: Exercise,
    wanted: Sequence[tuple[Mutation, bool]],
    depth: Depth,
    jobs: int,
    store: _Kept,
    progress: Callable[[int, int], None],
) -> list[tuple[Mutation, Fate]]:
    """What each mutant came to, from a few threads with a grader each. With a mutant comes whether it is a recorded survivor."""
    waiting: queue.SimpleQueue[tuple[Mutation, bool]] = queue.SimpleQueue()
    missing = [pair for pair in wanted if store.get(*pair) is None]
    for pair in missing:
        waiting.put(pair)
    experience, lock = _Experience(), threading.Lock()
    done = len(wanted) - len(missing)
    progress(done, len(wanted))

    def work() -> None:
        nonlocal done
        with _Executioner(exercise, depth, experience) as executioner:
            store.properties = executioner.properties
            for mutation, recorded in _emptied(waiting):
                store.put(mutation, recorded, executioner.fate(mutation, recorded))
                with lock:
                    done += 1
                    progress(done, len(wanted))

    threads = min(jobs or _cores(), len(missing))
    with ThreadPoolExecutor(max(1, threads), "burnin-mutants") as pool:
        running = [pool.submit(work) for _ in range(threads)]
        try:
            for future in running:
                future.result()
        finally:  # after a failure, or an interruption, the others end with the mutant at hand
            for _ in _emptied(waiting):
                pass
    fates = []
    for mutation, recorded in wanted:
        fate = store.get(mutation, recorded)
        assert fate is not None
        fates.append((mutation, fate))
    return fates


def _emptied(waiting: queue.SimpleQueue[tuple[Mutation, bool]]) -> Iterator[tuple[Mutation, bool]]:
    """What waits, until nothing does."""
    with contextlib.suppress(queue.Empty):
        while True:
            yield waiting.get_nowait()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2


class _Experience:
    """What the threads learn together. It has a say in the order in which properties are asked, and never in what comes out."""

    def __init__(self) -> None:
        self._killers: dict[str, list[str]] = {}

    def learn(self, where: str, killer: str) -> None:
        """This property killed a mutant in this function."""
        before = self._killers.get(where, [])
        self._killers[where] = [killer, *(it for it in before if it != killer)]

    def first(self, where: str) -> list[str]:
        """What killed the mutants in this function, the latest killer first; and then in its class."""
        own = self._killers.get(where, [])
        top = where.partition(".")[0]
        near = [it for other, found in list(self._killers.items()) if other.partition(".")[0] == top for it in found]
        return [*own, *near]


class _Executioner:
    """Grades mutants of one exercise with one grader, as a context manager."""

    def __init__(self, exercise: Exercise, depth: Depth, experience: _Experience) -> None:
        self._exercise, self._depth, self._experience = exercise, depth, experience
        self._grader = Grader(exercise, jobs=1)
        self._cheapest: list[str] = []
        self.properties: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="burnin-mutants-")
        self._grader.__enter__()
        try:
            self._prepare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._grader.__exit__(kind, error, traceback)
        self._folder.cleanup()

    def fate(self, mutation: Mutation, recorded: bool) -> Fate:
        """Look for the properties that the mutant fails: with few scripts, and then, unless it is a recorded survivor, with all."""
        wanted = 2 if self._depth.alone else 1
        killers: list[str] = []
        for effort in dict.fromkeys(["quick", self._depth.effort]):
            if effort != "quick" and recorded and not self._depth.recorded_too:
                break
            rest = [it for it in self.properties if it not in killers]
            while len(killers) < wanted and rest:
                passed, killer, imported = self._ask(mutation, effort, rest)
                if not imported:
                    return Fate(imported=False)
                if killer is None:
                    break
                self._experience.learn(mutation.where, killer)
                killers.append(killer)
                rest = [it for it in rest if it not in passed and it != killer]
        return Fate(tuple(killers))

    def _prepare(self) -> None:
        """Grade the reference: it must pass, and how long its properties take is their order."""
        seconds: dict[str, float] = {}
        failed: list[str] = []

        def heard(result: PropertyResult, stage: int, number: int) -> None:
            nonlocal before
            now = time.perf_counter()
            seconds[result.id], before = now - before, now
            if result.status != "passed":
                failed.append(result.id)

        listed = self._grader.grade(self._exercise.reference, Options(only=("",)))
        every = tuple(found.id for stage in listed.stages for found in stage.properties)
        before = time.perf_counter()
        options = Options(effort=self._depth.effort, seed=self._depth.seed, only=every)
        card = self._grader.grade(self._exercise.reference, options, heard)
        if failed or card.problem:
            why = card.problem or f"{failed[0]} fails"
            raise GraderFailed(f"The reference of {self._exercise.name} does not pass its suite: {why.rstrip('.')}.")
        self.properties = every
        self._cheapest = sorted(every, key=seconds.__getitem__)

    def _ask(self, mutation: Mutation, effort: str, properties: Sequence[str]) -> tuple[list[str], str | None, bool]:
        """The properties that passed, the one that did not, and whether the mutant could be imported."""
        heard: list[PropertyResult] = []
        card = self._grader.grade(
            self._written(mutation),
            Options(
                effort=effort,
                seed=self._depth.seed,
                only=tuple(properties),
                first=tuple(dict.fromkeys([*self._experience.first(mutation.where), *self._cheapest])),
                until_failure=True,
            ),
            lambda result, *_: heard.append(result),
        )
        failed = next((number for number, result in enumerate(heard) if result.status != "passed"), len(heard))
        killer = heard[failed].id if failed < len(heard) else None
        return [result.id for result in heard[:failed]], killer, card.problem is None

    def _written(self, mutation: Mutation) -> Path:
        path = Path(self._folder.name) / f"{self._exercise.name}.py"
        path.write_text(mutation.text, "utf-8")
        return path


# ---- keeping it


class _Kept:
    """What mutants came to, by the hash of their text, in a file that is written at the end. Use it as a context manager."""

    def __init__(self, exercise: Exercise, depth: Depth, folder: Path | None) -> None:
        name = f"generated-{exercise.name}-{depth.name}-{depth.seed}.json"
        self._path = None if folder is None else folder / name
        self._basis, self._full = _basis(exercise, depth), depth.recorded_too
        self._fates: dict[str, Fate] = {}
        self.properties: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        if self._path is not None and self._path.is_file():
            try:
                found = msgspec.json.decode(self._path.read_bytes(), type=_KeptFile)
            except msgspec.MsgspecError:
                found = _KeptFile("", (), {})  # of another version
            if found.basis == self._basis:
                self._fates, self.properties = found.fates, found.properties
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = _KeptFile(self._basis, self.properties, self._fates)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, delete=False) as made:
                made.write(msgspec.json.encode(file))
            os.replace(made.name, self._path)  # whole or not at all, whoever else writes

    def get(self, mutation: Mutation, recorded: bool) -> Fate | None:
        """What it came to, if it is known."""
        return self._fates.get(self._key(mutation, recorded))

    def put(self, mutation: Mutation, recorded: bool, fate: Fate) -> None:
        """Keep what it came to."""
        self._fates[self._key(mutation, recorded)] = fate

    def _key(self, mutation: Mutation, recorded: bool) -> str:
        return mutation.digest + (" recorded" if recorded and not self._full else "")


class _KeptFile(msgspec.Struct):
    basis: str
    properties: tuple[str, ...]
    fates: dict[str, Fate]


def _basis(exercise: Exercise, depth: Depth) -> str:
    """SHA-256 of all that has a say in a fate but the mutant."""
    digest = hashlib.sha256(f"{_tools()} {depth}".encode())
    digest.update(msgspec.json.encode([stage.points for stage in exercise.manifest.stages]))
    for path in sorted(exercise.suite.rglob("*.py")):
        digest.update(
            f"{path.relative_to(exercise.suite).as_posix()}\0{path.stat().st_size}\0".encode() + path.read_bytes()
        )
    return digest.hexdigest()


@cache
def _tools() -> str:
    """The same of the tools: their sources, but for the rooms that have no say, the interpreter, and the packages that grades use."""
    digest = hashlib.sha256(sys.version.encode())
    digest.update(
        " ".join(f"{name} {version(name)}" for name in ("anyio", "hypothesis", "msgspec", "pytest", "trio")).encode()
    )
    home = Path(__file__).resolve().parents[1]
    for path in sorted(home.rglob("*.py")):
        if path == Path(__file__).resolve() or path.relative_to(home).parts[0] not in (
            "commands",
            "contribute",
            "practice",
        ):
            digest.update(path.read_bytes())
    return digest.hexdigest()
