"""The store loses nothing that was recorded, imports what older versions left, and says what is wrong with a database."""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from burnin.library import Library, UserError
from burnin.practice import Moment, Store

from .fakes import NOON, card, later


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path)


@pytest.fixture
def store(library: Library) -> Store:
    """A store with attempt 1 at `toy`, of 60 minutes."""
    store = Store(library)
    begin(store, 1)
    return store


def begin(store: Store, number: int, now: Moment = NOON) -> None:
    store.start("toy", number, version=3, minutes=60, now=now, staged=True, stages=1)


def test_reading_makes_no_file(library: Library) -> None:
    store = Store(library)
    assert (store.all(), store.best("toy"), store.numbers()) == ([], None, {})
    assert list(library.root.iterdir()) == []
    with pytest.raises(UserError, match="There is no attempt 1 at toy"):
        store.attempt("toy", 1)


def test_a_grade_comes_back_whole(store: Store) -> None:
    store.grade("toy", 1, card(60), "x = 'ß'\n".encode(), later(12.5).wall, 12.5)
    found = store.attempt("toy", 1).grades[0]
    assert (found.minute, found.score, found.possible, found.overtime) == (12.5, 60, 100, False)
    assert found.when.isoformat() == "2025-03-01T12:12:30+02:00"
    assert found.scorecard() == card(60)
    assert found.submission() == "x = 'ß'\n"
    assert [(stage.number, stage.score) for stage in found.stages] == [(1, 60)]


def test_the_result_is_the_score_at_the_end_of_the_minutes(store: Store) -> None:
    assert store.attempt("toy", 1).result is None
    for minute, score, effort in [
        (10, 70, "standard"),
        (59, 40, "standard"),
        (60, 99, "quick"),
        (60.1, 100, "standard"),
    ]:
        store.grade("toy", 1, card(score, effort=effort), b"", later(minute).wall, minute)
    record = store.attempt("toy", 1)
    assert record.result == 40
    assert [grade.overtime for grade in record.grades] == [False, False, False, True]
    assert store.best("toy") == 100


def test_what_comes_after_the_end_is_not_the_result(store: Store) -> None:
    store.grade("toy", 1, card(40), b"", later(10).wall, 10.0)
    store.event("toy", 1, "finished", "", later(20))
    store.event("toy", 1, "finished", "", later(30))
    store.grade("toy", 1, card(100), b"", later(40).wall, 40.0)
    record = store.attempt("toy", 1)
    assert (record.finished, record.result) == (20, 40)
    assert [event.kind for event in record.events].count("finished") == 1


def test_a_pause_is_taken_out_and_kept(store: Store) -> None:
    store.event("toy", 1, "paused", "", later(10))
    store.event("toy", 1, "paused", "", later(15))
    store.event("toy", 1, "unpaused", "", later(25))
    store.event("toy", 1, "unpaused", "", later(26))
    store.event("toy", 1, "asked", "size", later(27))
    events = store.attempt("toy", 1).events[2:]
    assert [(event.kind, event.minute) for event in events] == [("paused", 10), ("unpaused", 10), ("asked", 12)]
    assert store.mark("toy", 1).at(later(30)).minute == 15


@pytest.mark.parametrize("hours", [-48, 3])
def test_a_system_clock_that_is_set_changes_no_result(store: Store, hours: int) -> None:
    wrong = replace(later(50), wall=NOON.wall + timedelta(hours=hours))
    store.beat("toy", 1, wrong)
    minute = store.mark("toy", 1).at(replace(later(59), wall=wrong.wall)).minute
    store.grade("toy", 1, card(80), b"", wrong.wall, minute)
    record = store.attempt("toy", 1)
    assert (record.grades[0].minute, record.result, record.by_wall) == (59, 80, 0)


def test_sleep_counts_and_a_pause_does_not(store: Store) -> None:
    store.event("toy", 1, "saved", "", later(10))
    store.event("toy", 1, "paused", "", later(90))  # the lid was closed for eighty minutes
    store.event("toy", 1, "unpaused", "", later(200))
    assert store.mark("toy", 1).at(later(201)).minute == 91


def test_a_restart_of_the_machine_is_told(store: Store) -> None:
    store.beat("toy", 1, later(10))
    now = replace(later(14), boot="second boot", monotonic=9.0)
    store.event("toy", 1, "saved", "", now)
    record = store.attempt("toy", 1)
    assert (record.minute, record.by_wall) == (14, 4)
    assert [(event.kind, event.detail) for event in record.events[2:]] == [
        ("resumed", "the machine was restarted; 4.0 minutes are taken from the system clock"),
        ("saved", ""),
    ]


def test_answers_are_kept_and_can_be_changed(store: Store) -> None:
    store.assess("toy", 1, {"clarify": "no", "commit": "yes"})
    store.assess("toy", 1, {"clarify": "a little"})
    assert store.attempt("toy", 1).assessment == {"clarify": "a little", "commit": "yes"}


def test_all_are_in_the_order_of_their_start(store: Store) -> None:
    begin(store, 2, later(-5))
    store.start("zoo", 1, version=1, minutes=30, now=later(-2), staged=False, stages=4)
    assert [(record.exercise, record.number) for record in store.all()] == [("toy", 2), ("zoo", 1), ("toy", 1)]
    assert [record.number for record in store.all("toy")] == [2, 1]


def test_writers_in_many_processes_lose_nothing(store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        pool.map(write_many, [(store.root.parent, name) for name in "abc"], chunksize=1)
    details = [event.detail for event in store.attempt("toy", 1).events if event.kind == "asked"]
    assert sorted(details) == sorted(f"{name}{number}" for name in "abc" for number in range(10))


def write_many(job: tuple[Path, str]) -> None:
    root, name = job
    for number in range(10):
        Store(Library(root)).event("toy", 1, "asked", f"{name}{number}", NOON)


def test_killed_at_any_moment_it_has_all_that_was_said(store: Store) -> None:
    """What a process said that it wrote, after the write returned, is there when it was killed; and nothing is half there."""
    code = f"""
        from pathlib import Path
        from burnin.library import Library
        from burnin.practice import Moment, Store
        store = Store(Library(Path({str(store.root.parent)!r})))
        for number in range(100000):
            store.event("toy", 1, "asked", str(number), Moment.now())
            print(number, flush=True)
    """
    written = 0
    for delay in (0.02, 0.1, 0.3):
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"0\n"
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            said = [0, *map(int, process.stdout.read().splitlines())]
        found = [int(event.detail) for event in store.attempt("toy", 1).events if event.kind == "asked"][written:]
        assert found[: len(said)] == said
        assert len(found) - len(said) in (0, 1)
        written += len(found)
    with contextlib.closing(sqlite3.connect(store.path)) as db, db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# ---- a database that cannot be used


def test_a_database_of_a_newer_version(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as db, db:
        db.execute("PRAGMA user_version = 99")
    before = store.path.read_bytes()
    for use in (store.all, lambda: store.event("toy", 1, "asked", "", NOON)):
        with pytest.raises(UserError, match=r"was written by a newer Burnin \(schema 99\); update this one"):
            use()
    assert store.path.read_bytes() == before


def test_a_database_that_is_none(store: Store) -> None:
    store.path.write_text("my notes, which are long enough to be a header" * 50)
    with pytest.raises(UserError, match=r"cannot be used \(file is not a database\)"):
        store.all()
    assert store.path.read_text().startswith("my notes")


@pytest.mark.skipif(os.getuid() == 0, reason="root writes anywhere")
def test_a_database_that_is_read_only(store: Store) -> None:
    store.path.chmod(0o444)
    store.root.chmod(0o555)
    assert len(store.all()) == 1
    with pytest.raises(UserError, match="make it and its folder writable"):
        store.event("toy", 1, "asked", "", NOON)


# ---- attempts of an older version

OLD = {"exercise": "toy", "number": 4, "started": "2025-02-01T09:00:00+01:00", "minutes": 45, "version": 2}
SCORE = {
    "when": "2025-02-01T09:12:34+01:00",
    "minutes": 12.6,
    "score": 40,
    "possible": 100,
    "sha256": "ab" * 32,
    "effort": "standard",
    "suite": "cd" * 32,
    "stages": [{"number": 1, "score": 40, "possible": 60}, {"number": 2, "score": 0, "possible": 40}],
}


def old_attempt(library: Library, clock: bytes = json.dumps(OLD).encode(), scores: bytes = b"") -> Path:
    folder = library.root / "attempts" / "toy" / "4"
    folder.mkdir(parents=True)
    (folder / "attempt.json").write_bytes(clock)
    (folder / "scores.jsonl").write_bytes(scores)
    return folder


def test_an_old_attempt_is_imported_once_and_left_as_it_is(library: Library) -> None:
    late = SCORE | {"minutes": 50.0, "score": 60}
    torn = json.dumps(SCORE).encode() + b'\n{"when":"2025-\xff\n' + json.dumps(late).encode() + b"\n"
    folder = old_attempt(library, scores=torn)
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    for _ in range(2):
        (record,) = Store(library).all()
        assert (record.exercise, record.number, record.minutes, record.version) == ("toy", 4, 45, 2)
        assert (record.imported, record.finished, record.result) == (True, None, 40)
        assert record.started.isoformat() == "2025-02-01T09:00:00+01:00"
        assert [(grade.score, grade.minute, grade.overtime) for grade in record.grades] == [
            (40, 12.6, False),
            (60, 50, True),
        ]
        assert (record.grades[0].scorecard(), record.grades[0].submission()) == (None, None)
        assert record.stages_shown() == {1: 0, 2: 0}
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()} == before
    assert Store(library).mark("toy", 4).at(NOON).by_wall > 0
    assert Store(library).ends() == {("toy", 4): record.started}


@pytest.mark.parametrize(
    "clock",
    [
        b"",
        b'{"exercise": "toy"',
        b"\xff",
        json.dumps(OLD | {"exercise": "zoo"}).encode(),
        json.dumps(OLD | {"number": 2}).encode(),
        json.dumps(OLD | {"started": "2025-03-01T12:00:00"}).encode(),
    ],
)
def test_an_old_clock_that_makes_no_sense_is_no_attempt(library: Library, clock: bytes) -> None:
    old_attempt(library, clock)
    assert Store(library).all() == []
