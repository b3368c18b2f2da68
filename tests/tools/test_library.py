"""A library is found, and its exercises are read or refused with a sentence that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_library import MANIFEST, SmallLibrary

from burnin.library import Library, UserError


@pytest.fixture
def library(small_library: SmallLibrary) -> Library:
    return Library(small_library.root)


def manifest(library: Library) -> Path:
    return library.root / "exercises" / "counter" / "exercise.toml"


def test_an_exercise_knows_its_folders(library: Library) -> None:
    exercise, root = library.exercise("counter"), library.root
    assert exercise.stub == root / "exercises" / "counter" / "counter.py"
    assert exercise.reference == root / "solutions" / "counter" / "counter.py"
    assert exercise.suite == root / "tests" / "exercises" / "counter"
    assert (exercise.manifest.title, exercise.manifest.minutes) == ("Counter", 20)
    assert [(stage.title, stage.points) for stage in exercise.manifest.stages] == [("Count", 60), ("Report", 40)]


def test_alternates_come_in_order(library: Library) -> None:
    for name in ("alternate_b.py", "alternate_a.py", "counter.py", "discussion.md", "other.py"):
        (library.exercise("counter").solutions / name).touch()
    assert [path.name for path in library.exercise("counter").alternates] == ["alternate_a.py", "alternate_b.py"]


def test_only_folders_with_a_manifest_are_exercises(library: Library) -> None:
    (library.root / "exercises" / "notes").mkdir()
    (library.root / "exercises" / "README.md").touch()
    assert library.names() == ["counter"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("conter", "did you mean counter?"), ("Counter", "did you mean counter?"), ("xyz", "`burnin list` shows")],
)
def test_a_wrong_name_gets_a_hint(library: Library, name: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        library.exercise(name)
    assert str(caught.value).startswith(f"There is no exercise named {name}; ")
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["../exercises/counter", "/etc", ".", ""])
def test_a_name_is_no_path(library: Library, name: str) -> None:
    with pytest.raises(UserError, match="There is no exercise named"):
        library.exercise(name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"title = ", "Invalid value"),
        (b"\xff", "decode"),
        (MANIFEST.replace("minutes", "hours").encode(), "hours"),
        (MANIFEST.replace("version = 1\n", "").encode(), "version"),
        (MANIFEST.replace("points = 60", 'points = "many"').encode(), "points"),
        (MANIFEST.replace("summary", "colour = 1\nsummary").encode(), "colour"),
    ],
    ids=["toml", "encoding", "unknown", "missing", "type", "more"],
)
def test_a_manifest_that_is_wrong_is_named_with_the_reason(library: Library, text: bytes, reason: str) -> None:
    manifest(library).write_bytes(text)
    with pytest.raises(UserError) as caught:
        library.exercise("counter")
    assert str(manifest(library)) in str(caught.value)
    assert reason in str(caught.value)


def test_the_library_is_the_one_around_the_current_folder(library: Library, tmp_path: Path) -> None:
    inside = library.root / "attempts" / "counter" / "1"
    inside.mkdir(parents=True)
    assert Library.find(None, inside).root == library.root.resolve()
    around_this_package = Library.find(None, tmp_path).root
    assert around_this_package == Path(__file__).resolve().parents[2]


def test_a_library_that_is_named_has_to_be_one(library: Library, tmp_path: Path) -> None:
    assert Library.find(library.root, tmp_path).root == library.root.resolve()
    with pytest.raises(UserError, match="has no folder named exercises"):
        Library.find(tmp_path, library.root)


def test_the_hash_of_a_suite_is_that_of_its_files_and_of_nothing_else(library: Library) -> None:
    exercise = library.exercise("counter")
    first = exercise.suite_hash()
    (exercise.suite / "__pycache__").mkdir()
    (exercise.suite / "__pycache__" / "test_counter.pyc").write_bytes(b"x")
    assert exercise.suite_hash() == first
    hashes = {first}
    (exercise.suite / "a").write_text("bc")
    hashes.add(exercise.suite_hash())
    (exercise.suite / "a").rename(exercise.suite / "ab")
    (exercise.suite / "ab").write_text("c")
    hashes.add(exercise.suite_hash())
    (exercise.suite / "ab").unlink()
    assert len(hashes) == 3
    assert exercise.suite_hash() == first


def test_what_suites_share_is_in_their_hash_and_no_exercise(library: Library) -> None:
    exercise = library.exercise("counter")
    hashes = {exercise.suite_hash()}
    shared = exercise.suite.parent / "shared"
    shared.mkdir()
    for text in ("x = 1", "x = 2"):
        (shared / "model.py").write_text(text)
        hashes.add(exercise.suite_hash())
    assert len(hashes) == 3
    assert library.names() == ["counter"]
    assert library.drafts() == []


def test_the_hash_of_a_suite_does_not_depend_on_where_it_is(library: Library, tmp_path: Path) -> None:
    assert SmallLibrary(tmp_path / "elsewhere").exercise.suite_hash() == library.exercise("counter").suite_hash()
