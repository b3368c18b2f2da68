"""What is shown to a worker: what Python needs, and not the checkout."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import pytest

from burnin.confine import python_paths


def shows(paths: list[Path], wanted: Path) -> bool:
    return any(wanted.resolve().is_relative_to(path) for path in paths)


def test_the_standard_library_and_packages_are_shown() -> None:
    paths = python_paths()
    assert shows(paths, Path(os.__file__))
    assert shows(paths, Path(pytest.__file__))
    assert shows(paths, Path(sysconfig.get_path("platlib")))


def test_every_path_exists_and_none_lies_in_another() -> None:
    paths = python_paths()
    assert all(path.exists() for path in paths)
    assert not any(path != other and path.is_relative_to(other) for path in paths for other in paths)


def test_neither_home_nor_root_nor_processes_are_shown() -> None:
    paths = python_paths()
    assert not {Path("/"), Path.home(), Path("/proc"), Path("/etc"), Path("/tmp"), Path("/usr")} & set(paths)


def test_an_editable_installs_source_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "tools")])
    (tmp_path / "tools").mkdir()
    assert not shows(python_paths(), tmp_path / "tools")


def test_an_environment_inside_the_checkout_shows_only_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages = tmp_path / ".nox/tests/lib/python3/site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "tests").mkdir()
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".nox/tests"))
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    paths = python_paths(hidden=[tmp_path])
    assert shows(paths, packages)
    assert not shows(paths, tmp_path / "tests")
    assert not shows(paths, tmp_path / ".nox/tests/bin")


def test_a_path_that_would_show_a_hidden_folder_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages = tmp_path / "site-packages"
    (packages / "checkout").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path, str(packages)])
    assert shows(python_paths(), packages)
    assert not shows(python_paths(hidden=[packages / "checkout"]), packages)
    assert not shows(python_paths(hidden=[packages]), packages)


def test_a_symlink_cannot_bring_a_hidden_folder_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    (tmp_path / "site-packages").symlink_to(tmp_path / "checkout")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site-packages")])
    assert not shows(python_paths(hidden=[tmp_path / "checkout"]), tmp_path / "checkout")
