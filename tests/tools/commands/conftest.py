"""A library with toy exercises, and `burnin` with what it printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from burnin.commands import main

from .fakes import FakeGrader, Ran, Run, add_exercise


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library with the exercises `toy` and `zoo`, as the current folder."""
    root = tmp_path / "my library"
    add_exercise(root, "toy")
    add_exercise(root, "zoo", "phone")
    monkeypatch.chdir(root)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("BURNIN_DEBUG", raising=False)
    return root


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `burnin` with these arguments in the library."""

    def run_main(*args: str) -> Ran:
        code = main(args)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run_main


@pytest.fixture
def grader(monkeypatch: pytest.MonkeyPatch) -> FakeGrader:
    """The fake, in place."""
    fake = FakeGrader()
    monkeypatch.setattr("burnin.grade.grade", fake)
    return fake
