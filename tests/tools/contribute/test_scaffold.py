"""`new` writes an exercise that is well formed whatever its name, and refuses names that cannot be one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from burnin.contribute.scaffold import TEMPLATE, scaffold
from burnin.library import Library, UserError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    (tmp_path / "exercises").mkdir()
    return Library(tmp_path)


@pytest.mark.parametrize("name", ["a", "zebra", "a_meter_with_a_rather_long_name", "gpu2_meter"])
def test_what_it_writes_passes_ruff_and_mypy(library: Library, name: str) -> None:
    written = scaffold(library, name)
    assert all(path.is_file() for path in written)
    assert not [path for path in written if "@name@" in path.read_text() or "@Class@" in path.read_text()]
    config = ROOT / "pyproject.toml"
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = run("ruff", *command, "--config", str(config), ".", cwd=library.root)
        assert done.returncode == 0, done.stdout
    done = run(
        "mypy", "--config-file", str(config), "--cache-dir", "cache", "-p", f"tests.exercises.{name}", cwd=library.root
    )
    assert done.returncode == 0, done.stdout


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "MYPYPATH": str(ROOT / "tools")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def test_it_is_a_draft(library: Library) -> None:
    scaffold(library, "meter")
    assert (library.names(), library.drafts()) == ([], ["meter"])
    exercise = library.exercise("meter")
    assert exercise.draft
    assert exercise.manifest_path.name == "draft.toml"
    assert exercise.manifest.title == "Meter"


def test_what_a_package_has_of_the_template_is_no_leak(library: Library) -> None:
    """As in Burnin's own repository, whose package holds the template."""
    shutil.copytree(TEMPLATE, library.root / "published" / "template")
    (library.root / "pyproject.toml").write_text('[tool.hatch.build.targets.wheel]\npackages = ["published"]\n')
    scaffold(library, "meter")
    done = run("burnin", "check", "meter", "--gate", "leaks", cwd=library.root)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["", "Meter", "my-meter", "2fast", "_x", "x_", "../x", "füße"])
def test_a_name_that_is_no_modules_name(library: Library, name: str) -> None:
    with pytest.raises(UserError, match="use small letters, digits and underscores"):
        scaffold(library, name)


def test_a_name_that_is_a_keyword(library: Library) -> None:
    with pytest.raises(UserError, match=r"^class is a keyword of Python; give the exercise another name\.$"):
        scaffold(library, "class")


@pytest.mark.parametrize("name", ["json", "anyio", "shared", "ledger"])
def test_a_name_that_is_taken_by_a_module(library: Library, name: str) -> None:
    with pytest.raises(UserError, match="give the exercise another name"):
        scaffold(library, name)


def test_nothing_is_overwritten(library: Library) -> None:
    (library.root / "solutions" / "meter").mkdir(parents=True)
    with pytest.raises(UserError, match="There is a folder solutions/meter already"):
        scaffold(library, "meter")
    assert library.drafts() == []
