"""A scratch folder goes away whatever a submission did in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from burnin.judge.scratch import remove


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def test_a_folder_nested_deeper_than_recursion_and_paths_go(
    scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scratch)
    for _ in range(3_000):
        Path("folder").mkdir()
        Path("file").touch()
        os.chdir("folder")
    os.chdir(tmp_path)
    remove(scratch)
    assert list(tmp_path.iterdir()) == []


def test_folders_without_permissions(scratch: Path, tmp_path: Path) -> None:
    inner = scratch / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    for folder in (inner, *inner.parents[:3]):
        folder.chmod(0)
    remove(scratch)
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_not_followed(scratch: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    (scratch / "inner").mkdir()
    (scratch / "inner" / "link").symlink_to(other)
    (scratch / "link").symlink_to(other)
    remove(scratch)
    assert [path.name for path in tmp_path.rglob("*")] == ["other", "kept"]


def test_a_link_in_its_place(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    scratch = tmp_path / "scratch"
    scratch.symlink_to(other)
    remove(scratch)
    assert list(tmp_path.iterdir()) == [other]


def test_names_that_are_no_text(scratch: Path, tmp_path: Path) -> None:
    os.mkdir(os.fsencode(scratch) + b"/\xff\n")
    os.mkdir(os.fsencode(scratch) + b"/\xff\n/" + b"n" * 250)
    remove(scratch)
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_gone_already(tmp_path: Path) -> None:
    remove(tmp_path / "scratch")
