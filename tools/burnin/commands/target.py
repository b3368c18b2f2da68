"""What is to be graded: the user's words turned into an exercise, a file and, if it is in one, an attempt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from burnin.commands.options import latest_attempt
from burnin.library import Exercise, Library, UserError, shown
from burnin.practice import Attempt, Attempts

__all__ = ["Target", "find_target"]


@dataclass(frozen=True)
class Target:
    """A file to grade. `attempt` is where its score is recorded."""

    exercise: Exercise
    path: Path
    attempt: Attempt | None = None


def find_target(library: Library, words: str | None, *, exercise: str | None = None, reference: bool = False) -> Target:
    """What the user means.

    Nothing is the latest attempt; the name of an exercise its latest attempt; anything else is a path to a file or to a folder
    that holds `<exercise>.py`. `exercise` says which exercise a path belongs to; `reference` takes the exercise's reference instead.

    Raises `UserError` if that leads to no file that can be read.
    """
    if reference:
        target = _reference(library, words or exercise)
    elif words is None:
        target = _latest(library, exercise)
    elif words in library.names():
        if exercise not in (None, words):
            raise UserError(f"{words} and --exercise {exercise} are two exercises; leave one of them out.")
        target = _latest(library, words)
    elif os.path.lexists(words) or os.sep in words or words.endswith(".py"):
        target = _path(library, Path(words), exercise)
    else:
        target = _latest(library, library.exercise(words).name)  # raises: the name is not known
    return _readable(target)


def _reference(library: Library, name: str | None) -> Target:
    if name is None:
        raise UserError(f"--reference needs the name of an exercise: `burnin grade --reference NAME{library.option}`.")
    found = library.exercise(name)
    if not found.reference.is_file():
        raise UserError(f"This library has no reference for {name}: there is no file {shown(found.reference)}.")
    return Target(found, found.reference)


def _latest(library: Library, name: str | None) -> Target:
    attempt = latest_attempt(library, name)
    if not os.path.lexists(attempt.submission):
        raise UserError(
            f"{shown(attempt.folder)} has no {attempt.submission.name} any more; put it back, "
            f"or begin again with `burnin start {attempt.name}{library.option}`."
        )
    return Target(attempt.exercise, attempt.submission, attempt)


def _path(library: Library, path: Path, name: str | None) -> Target:
    if not path.exists():
        raise UserError(
            f"There is no file {path}; give the path of a submission or the name of an exercise (`burnin list{library.option}`)."
        )
    if name is not None:
        library.exercise(name)
    if path.is_dir() and path.suffix != ".py":
        path = _in_folder(library, path, name)
    attempts = Attempts(library)
    attempt = attempts.at(path.parent)
    if attempt is not None and name in (None, attempt.name):
        if path.resolve() == attempt.submission:
            return Target(library.exercise(attempt.name), path, attempt)
        return Target(library.exercise(attempt.name), path)
    if name is None and path.stem not in library.names():
        raise UserError(f"{path.name} is not named after an exercise; say which one it is for with --exercise NAME.")
    return Target(library.exercise(name or path.stem), path)


def _in_folder(library: Library, folder: Path, name: str | None) -> Path:
    wanted = [name] if name is not None else library.names()
    found = [folder / f"{stem}.py" for stem in wanted if os.path.lexists(folder / f"{stem}.py")]
    if not found:
        what = f"no {name}.py" if name is not None else "no file that is named after an exercise"
        raise UserError(f"The folder {folder} holds {what}; give the path of the submission itself.")
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise UserError(f"The folder {folder} holds {names}; give the path of the one that is meant.")
    return found[0]


def _readable(target: Target) -> Target:
    """A folder in a file's place is graded, and scores nothing; but a pipe or a device could be read for ever."""
    path = target.path
    if path.is_dir():
        return target
    if not path.is_file():
        raise UserError(f"{shown(path)} is not an ordinary file; give the path of a Python file.")
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{shown(path)} cannot be read ({error.strerror}); make it readable.") from None
    return target
