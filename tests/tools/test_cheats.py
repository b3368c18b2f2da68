"""No cheat scores above the stub, stops the grade, or leaves a process or a file behind."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cheats.table import CHEATS, EXERCISE, Cheat, corpus, grade_cheat

from burnin.confine import available
from burnin.library import Library

CORPUS = corpus()
FEW = ("warm", "pinned")
"""Properties of two batches, for cheats that make every batch wait for a limit."""

ESCAPES = {
    "acts_after_the_grade",
    "becomes_another_program",
    "closes_the_socket",
    "finishes_early",
    "forks_a_daemon",
    "gigabytes_of_output",
    "kills_its_group",
    "kills_its_parent",
    "leaves_the_group",
    "obedient_worker",
    "opens_descriptors",
    "patches_time",
    "removes_itself",
    "replaces_the_player",
    "says_it_was_loaded",
    "starts_a_program",
    "stubborn_files",
    "two_workers",
}
"""Cheats whose trick comes to more without confinement; a sweep grades the others so too."""

TYPES = {"company_it_keeps", "exponential_types", "switches_mypy_off"}
"""Cheats that are after the type checker."""

MARK = "burnin-cheat"
"""What the names of all files begin with that cheats write where they should not."""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of the grade at hand and of nothing else."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def handed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the submission lies in; it is also the working folder, as it is for most candidates."""
    folder = tmp_path / "handed in"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


confinement = pytest.mark.skipif(not available().strong, reason="this system cannot confine a worker")
everybody = pytest.mark.parametrize("cheat", CORPUS, ids=lambda cheat: cheat.name)


@confinement
@everybody
@pytest.mark.usefixtures("no_types")
def test_confined(cheat: Cheat, temporary: Path, handed_in: Path) -> None:
    check(cheat, temporary, handed_in, confined=True, only=FEW if cheat.slow else (), shrink=False)


@pytest.mark.parametrize("cheat", [one for one in CORPUS if one.name in ESCAPES], ids=lambda cheat: cheat.name)
@pytest.mark.usefixtures("no_types")
def test_unconfined(cheat: Cheat, temporary: Path, handed_in: Path) -> None:
    check(cheat, temporary, handed_in, confined=False, only=FEW if cheat.slow else ())


@pytest.mark.parametrize("cheat", [one for one in CORPUS if one.name in TYPES], ids=lambda cheat: cheat.name)
def test_types(cheat: Cheat, temporary: Path, handed_in: Path) -> None:
    check(cheat, temporary, handed_in, confined=available().strong, only=FEW)


@pytest.mark.sweep
@confinement
@everybody
def test_confined_in_full(cheat: Cheat, temporary: Path, handed_in: Path) -> None:
    check(cheat, temporary, handed_in, confined=True)


@pytest.mark.sweep
@pytest.mark.parametrize("cheat", [one for one in CORPUS if one.safe_unconfined], ids=lambda cheat: cheat.name)
def test_unconfined_in_full(cheat: Cheat, temporary: Path, handed_in: Path) -> None:
    check(cheat, temporary, handed_in, confined=False)


def test_each_cheat_says_its_trick() -> None:
    assert len(CORPUS) >= 40
    assert {cheat.name for cheat in CORPUS if cheat.safe_unconfined} >= ESCAPES
    assert {cheat.name for cheat in CORPUS} >= TYPES
    assert all(cheat.trick.endswith(".") for cheat in CORPUS)
    assert len({cheat.trick for cheat in CORPUS}) == len(CORPUS)


def check(
    cheat: Cheat, temporary: Path, handed_in: Path, *, confined: bool, only: tuple[str, ...] = (), shrink: bool = True
) -> None:
    """Grade it, and look for what it gained and for what it left."""
    before, running = files(handed_in), set(processes(temporary))
    card = grade_cheat(cheat, handed_in, confined=confined, only=only, shrink=shrink)
    try:
        assert card.score == 0, [one.id for stage in card.stages for one in stage.properties if one.score]
        assert card.possible == 100
        assert card.confinement.backend == (available().backend if confined else "none")
        assert [path.name for path in temporary.iterdir()] == []
        assert files(handed_in) - before == {handed_in / f"{EXERCISE}.py", *(handed_in / name for name in cheat.beside)}
        assert list(marked()) == []
        assert left(temporary, running) == set()
    finally:
        clean_up(temporary, running)


def files(folder: Path) -> set[Path]:
    """Everything beneath the folder."""
    return set(folder.rglob("*"))


def marked() -> Iterator[Path]:
    """Files that a cheat wrote elsewhere: into the checkout, the home folder, or a folder that is everybody's."""
    root = Library.find(None, CHEATS).root
    folders = [root, root / "tests", root / "exercises", root / "solutions", root / "tools", Path.home()]
    folders += [root / "exercises" / EXERCISE, root / "solutions" / EXERCISE, root / "tests" / "exercises" / EXERCISE]
    for folder in [*folders, *map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/run"))]:
        yield from folder.glob(f"{MARK}*")


def processes(temporary: Path) -> Iterator[int]:
    """Processes that a grade has left: children of this one, and whatever was started with its folder for temporary files."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(folder.name)
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            named = str(temporary).encode()
            if pid != os.getpid() and (
                parent == os.getpid()
                or named in (folder / "environ").read_bytes()
                or named in (folder / "cmdline").read_bytes()
                or named in os.fsencode(os.readlink(folder / "cwd"))
            ):
                yield pid


def left(temporary: Path, running: set[int]) -> set[int]:
    """Processes that a grade has left, after those that were killed have had time to go: nobody waits for an orphan."""
    for _ in range(100):
        found = set(processes(temporary)) - running
        if not found:
            break
        time.sleep(0.1)
    return found


def clean_up(temporary: Path, running: set[int]) -> None:
    """So that one cheat that got through does not spoil the tests that follow."""
    for path in marked():
        path.unlink()
    for pid in set(processes(temporary)) - running:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
