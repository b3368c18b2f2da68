"""The library: where the exercises, their solutions and their hidden suites are."""

from __future__ import annotations

import difflib
import hashlib
import shlex
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

__all__ = ["Exercise", "Library", "Manifest", "Stage", "UserError", "counted", "shown"]


MANIFEST = "exercise.toml"
DRAFT = "draft.toml"
"""The manifest's name while an exercise is in progress."""
SHARED = "shared"
"""The folder beside the hidden suites with what several of them import; there may be none. No exercise can have this name."""


class UserError(Exception):
    """The user's mistake, in one sentence that says what was wrong and what to do. Exit code 2."""


class Stage(msgspec.Struct, forbid_unknown_fields=True):
    """One follow-up of the interviewer. `par_minutes` is the time that a strong candidate takes for it."""

    title: str
    points: int
    par_minutes: int


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """`exercise.toml`."""

    title: str
    round: str
    summary: str
    version: int
    minutes: int
    stages: list[Stage]


@dataclass(frozen=True)
class Exercise:
    """One exercise of a library: its folders and its manifest."""

    name: str
    root: Path
    manifest: Manifest
    draft: bool = False
    """Whether its manifest is still named `draft.toml`: it can be named, but is not listed."""
    option: str = field(default="", compare=False)
    """The library's `option`."""

    @property
    def folder(self) -> Path:
        """What a candidate gets: statement, stub, sample tests, manifest."""
        return self.root / "exercises" / self.name

    @property
    def manifest_path(self) -> Path:
        """The file that the manifest was read from."""
        return self.folder / (DRAFT if self.draft else MANIFEST)

    @property
    def stub(self) -> Path:
        """The module that a candidate starts from."""
        return self.folder / f"{self.name}.py"

    @property
    def samples(self) -> Path:
        """The sample tests, part of the candidate's copy too."""
        return self.folder / f"test_{self.name}.py"

    @property
    def solutions(self) -> Path:
        """The reference, the alternates and the discussion."""
        return self.root / "solutions" / self.name

    @property
    def reference(self) -> Path:
        """The reference solution."""
        return self.solutions / f"{self.name}.py"

    @property
    def alternates(self) -> list[Path]:
        """Right solutions in other styles."""
        return sorted(self.solutions.glob("alternate_*.py"))

    @property
    def suite(self) -> Path:
        """The hidden suite."""
        return self.root / "tests" / "exercises" / self.name

    def suite_files(self) -> list[tuple[str, bytes]]:
        """The names and contents of the suite's files and of those that all suites share, names relative to the folder of the suites."""
        home = self.suite.parent
        paths = [path for folder in (self.suite, home / SHARED) for path in sorted(folder.rglob("*"))]
        return [
            (path.relative_to(home).as_posix(), path.read_bytes())
            for path in paths
            if path.is_file() and "__pycache__" not in path.parts
        ]

    def suite_hash(self) -> str:
        """SHA-256 over the names and contents of the suite's files, and of those that all suites share."""
        digest = hashlib.sha256()
        for name, data in self.suite_files():
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        return digest.hexdigest()


class Library:
    """A folder with `exercises/`, `solutions/` and `tests/exercises/`: Burnin's own, or a private one of the same layout."""

    def __init__(self, root: Path, option: str = "") -> None:
        """`option` ends each command that is advised: ` --library DIR` where the user named the library so, else nothing."""
        self.root, self.option = root, option

    @classmethod
    def named(cls, given: Path) -> Library:
        """The library in the folder that `--library` names, whether or not something is in it yet."""
        return cls(given.resolve(), f" --library {shlex.quote(str(given))}")

    @classmethod
    def find(cls, given: Path | None, start: Path) -> Library:
        """The library that the user means: the one given, or the one around `start`, or around this package.

        Raises `UserError` if there is none.
        """
        if given is not None:
            if not (given / "exercises").is_dir():
                raise UserError(f"{given} has no folder named exercises; give the folder of a library to --library.")
            return cls.named(given)
        for folder in (start, *start.parents, *Path(__file__).resolve().parents):
            if (folder / "exercises").is_dir() and (folder / "solutions").is_dir():
                return cls(folder.resolve())
        raise UserError("There is no library here; run this in a checkout of Burnin, or name one with --library.")

    def names(self) -> list[str]:
        """The names of all exercises but drafts."""
        return sorted(path.parent.name for path in (self.root / "exercises").glob(f"*/{MANIFEST}"))

    def drafts(self) -> list[str]:
        """The names of the exercises that are still in progress."""
        found = {path.parent.name for path in (self.root / "exercises").glob(f"*/{DRAFT}")}
        return sorted(found - set(self.names()))

    def exercise(self, name: str) -> Exercise:
        """The exercise or draft of this name. Raises `UserError` if there is none, or its manifest is wrong."""
        draft = name in self.drafts()
        path = self.root / "exercises" / name / (DRAFT if draft else MANIFEST)
        if name not in self.names() and not draft:
            near = difflib.get_close_matches(name, [*self.names(), *self.drafts()], 1, 0.4)
            hint = f"did you mean {near[0]}?" if near else f"`burnin list{self.option}` shows those that there are."
            raise UserError(f"There is no exercise named {name}; {hint}")
        try:
            manifest = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Manifest)
        except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not a manifest: {error}.") from None
        return Exercise(name, self.root, manifest, draft, self.option)


def counted(number: int, noun: str, plural: str = "") -> str:
    """The number and the noun; `plural` is the noun with an s by default."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def shown(path: Path) -> str:
    """The path as the user would write it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
