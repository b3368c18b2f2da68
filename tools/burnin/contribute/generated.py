"""Mutation adequacy: a suite notices the generated mutants of its reference, but for those that are recorded with a reason.

A mutant is graded by the real grader: first the properties that killed its neighbours, then the cheapest; first with the scripts of the
quick effort, which are the first ones of every effort; and no further than to the first property that fails. At `DEEP`, it goes on to the
second one, so that a mutant that one property alone notices is known for sure: all others have passed.

At `STANDARD`, a recorded survivor is looked at with the scripts of the quick effort only; at `DEEP` with all.

`Cards` keeps what each mutant came to, so that a second run takes seconds.

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
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal, Self

import msgspec

from burnin.contribute.cards import Ask, Cards, Source, suite_digest
from burnin.contribute.finding import Finding
from burnin.contribute.mutations import Mutation, mutations
from burnin.contribute.subject import properties
from burnin.grade.grader import Grader, GraderFailed, Options
from burnin.library import Exercise, UserError
from burnin.scorecard import PropertyResult

__all__ = [
    "DEEP",
    "LEAST_KILLED",
    "STANDARD",
    "Adequacy",
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


@dataclass(frozen=True)
class Adequacy:
    """How a suite did against the generated mutants of its reference."""

    depth: Depth
    made: int
    """All mutants that the tool makes."""
    fates: tuple[tuple[Mutation, Fate], ...]
    """Those that were graded and could be imported: all, or a sample."""
    properties: tuple[str, ...]
    recorded: tuple[Survivor, ...]
    findings: tuple[Finding, ...]

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


def adequacy(exercise: Exercise, cards: Cards, depth: Depth = STANDARD) -> Adequacy:
    """Grade the generated mutants of the reference, and compare the survivors with the recorded ones.

    Raises `UserError` for a reference or a record that cannot be read, and `GraderFailed` for a suite that cannot be run or whose
    reference does not pass it.
    """
    recorded = load_survivors(exercise)
    known = {it.key for it in recorded}
    made = _made(exercise)
    chosen = made if depth.limit is None else _sample(made, depth.limit, known)
    every = cards.card(exercise, Ask(Source.at(exercise.stub), effort="quick"))
    with _Executioners(exercise, depth, tuple(properties(every))) as executioners:
        running = []
        for mutation in chosen:
            lenient = _key(mutation) in known and not depth.recorded_too
            parts = [
                "generated",
                _source(),
                exercise.name,
                suite_digest(exercise),
                mutation.digest,
                f"{depth} {lenient}",
            ]
            running.append(cards.later(parts, Fate, partial(executioners.fate, mutation, lenient)))
        try:
            fates = [(mutation, future.result()) for mutation, future in zip(chosen, running, strict=True)]
        finally:
            for future in running:  # after a failure, or an interruption
                future.cancel()
            wait(running)
    mutants = tuple((mutation, fate) for mutation, fate in fates if fate.imported)
    findings = _findings(exercise, mutants, recorded)
    return Adequacy(depth, len(made), mutants, executioners.properties, recorded, tuple(findings))


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


def _findings(
    exercise: Exercise, fates: Sequence[tuple[Mutation, Fate]], recorded: Sequence[Survivor]
) -> list[Finding]:
    found: list[Finding] = []
    path = survivors_path(exercise)

    def shown(file: Path) -> str:
        return file.relative_to(exercise.root).as_posix()

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
        found.append(Finding(shown(path), _line_of(path, survivor.before), wrong, todo))
    known = {survivor.key for survivor in recorded}
    for mutation, fate in fates:
        if not fate.killers and _key(mutation) not in known:
            wrong = f"nothing notices `{_first_line(mutation.before)}` by `{_first_line(mutation.after)}` in {mutation.where or 'the module'}"
            todo = f"strengthen a property, or record it in {path.name} with a reason:\n{entry(mutation)}"
            found.append(Finding(shown(exercise.reference), mutation.line, wrong, todo, missing=True))
    killed = sum(bool(fate.killers) for _, fate in fates)
    if killed < LEAST_KILLED * len(fates):
        wrong = f"{killed} of {len(fates)} generated mutants are killed, which is less than {LEAST_KILLED:.0%}"
        found.append(Finding(shown(exercise.reference), None, wrong, "strengthen the properties", missing=True))
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


class _Executioners:
    """Grades mutants of one exercise, from any number of threads, as a context manager."""

    def __init__(self, exercise: Exercise, depth: Depth, every: tuple[str, ...]) -> None:
        self.properties = every
        self._exercise, self._depth, self._experience = exercise, depth, _Experience()
        self._idle: list[_Executioner] = []
        self._stack = contextlib.ExitStack()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def fate(self, mutation: Mutation, lenient: bool) -> Fate:
        """What the mutant comes to, by a grader that is at leisure or by a new one."""
        with self._lock:
            executioner = self._idle.pop() if self._idle else None
        if executioner is None:
            executioner = _Executioner(self._exercise, self._depth, self.properties, self._experience)
            with self._lock:
                self._stack.callback(executioner.close)
            executioner.prepare()
        found = executioner.fate(mutation, lenient)
        self._idle.append(executioner)
        return found


class _Executioner:
    """Grades mutants of one exercise with one grader. It has begun when it is made; close it."""

    def __init__(self, exercise: Exercise, depth: Depth, every: tuple[str, ...], experience: _Experience) -> None:
        self._exercise, self._depth, self._properties, self._experience = exercise, depth, every, experience
        self._folder = tempfile.TemporaryDirectory(prefix="burnin-mutants-")
        self._cheapest: list[str] = []
        self._grader = Grader(exercise, jobs=1).__enter__()

    def close(self) -> None:
        """Let go of the grader."""
        self._grader.__exit__(None, None, None)
        self._folder.cleanup()

    def prepare(self) -> None:
        """Grade the reference: it must pass, and how long its properties take is their order."""
        seconds: dict[str, float] = {}
        failed: list[str] = []
        before = time.perf_counter()

        def heard(result: PropertyResult, stage: int, number: int) -> None:
            nonlocal before
            now = time.perf_counter()
            seconds[result.id], before = now - before, now
            if result.status != "passed":
                failed.append(result.id)

        options = Options(effort=self._depth.effort, seed=self._depth.seed, only=self._properties)
        card = self._grader.grade(self._exercise.reference, options, heard)
        if failed or card.problem:
            why = card.problem or f"{failed[0]} fails"
            raise GraderFailed(f"The reference of {self._exercise.name} does not pass its suite: {why.rstrip('.')}.")
        self._cheapest = sorted(self._properties, key=seconds.__getitem__)

    def fate(self, mutation: Mutation, lenient: bool) -> Fate:
        """Look for the properties that the mutant fails: with few scripts, and then, unless it is to be lenient, with all."""
        wanted = 2 if self._depth.alone else 1
        killers: list[str] = []
        for effort in ["quick"] if lenient else dict.fromkeys(["quick", self._depth.effort]):
            rest = [it for it in self._properties if it not in killers]
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

    def _ask(self, mutation: Mutation, effort: str, wanted: Sequence[str]) -> tuple[list[str], str | None, bool]:
        """The properties that passed, the one that did not, and whether the mutant could be imported."""
        heard: list[PropertyResult] = []
        card = self._grader.grade(
            self._written(mutation),
            Options(
                effort=effort,
                seed=self._depth.seed,
                only=tuple(wanted),
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


@cache
def _source() -> str:
    """SHA-256 of this module, which has a say in what mutants come to."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
