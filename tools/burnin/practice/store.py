"""The store: all attempts of a library in one SQLite database, `attempts/burnin.sqlite3`.

Every write is one transaction that is on the disk when the call returns, so a process may be killed at any moment. Each call opens a
connection of its own: any number of processes and threads may use the store at once. The attempts' files lie beside it, in
`attempts/<exercise>/<number>/`. An attempt of an older Burnin, whose folder has `attempt.json` and `scores.jsonl`, is taken in when
it is first seen; its files stay as they are.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from burnin.library import Library, UserError
from burnin.practice.clock import Mark, Moment
from burnin.practice.older import OldAttempt, old_attempts
from burnin.practice.record import AttemptRecord, EventKind, EventRecord, GradeRecord, StageScore
from burnin.scorecard import Scorecard

__all__ = ["Store"]

_MIGRATIONS = [
    """
    CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        exercise TEXT NOT NULL,
        number INTEGER NOT NULL,
        version INTEGER NOT NULL,
        minutes INTEGER NOT NULL,
        started TEXT NOT NULL,
        imported INTEGER NOT NULL,
        finished REAL,                      -- the minute
        assessment TEXT NOT NULL DEFAULT '{}',
        -- the clock's last mark
        active REAL NOT NULL,               -- seconds
        by_wall REAL NOT NULL,              -- seconds
        running INTEGER NOT NULL,
        wall TEXT NOT NULL,
        boot TEXT NOT NULL,
        monotonic REAL NOT NULL,
        UNIQUE (exercise, number)
    );
    CREATE TABLE grade (
        id INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL REFERENCES attempt,
        at TEXT NOT NULL,
        minute REAL NOT NULL,
        overtime INTEGER NOT NULL,
        score INTEGER NOT NULL,
        possible INTEGER NOT NULL,
        stages TEXT NOT NULL,               -- JSON
        sha256 TEXT NOT NULL,
        effort TEXT NOT NULL,
        suite TEXT NOT NULL,
        scorecard BLOB NOT NULL,            -- JSON, deflated
        submission BLOB NOT NULL            -- deflated
    );
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL REFERENCES attempt,
        at TEXT NOT NULL,
        minute REAL NOT NULL,
        kind TEXT NOT NULL,
        detail TEXT NOT NULL
    );
    CREATE INDEX grade_of ON grade (attempt);
    CREATE INDEX event_of ON event (attempt);
    """,
]
"""What brings a database from each version of the schema to the next; its version is `PRAGMA user_version`."""

_PATIENCE = 20.0
"""Seconds to wait for another process that is writing."""


class Store:
    """The attempts of one library. Reading makes no file; all methods raise `UserError` for a database that cannot be used."""

    def __init__(self, library: Library) -> None:
        self.root = library.root / "attempts"
        self.path = self.root / "burnin.sqlite3"
        self._import()

    # ---- reading

    def attempt(self, exercise: str, number: int) -> AttemptRecord:
        """One attempt, whole. Raises `UserError` if there is none."""
        with self._reading() as db:
            if db is not None:
                for row in db.execute("SELECT * FROM attempt WHERE exercise = ? AND number = ?", (exercise, number)):
                    return self._record(db, row)
        raise UserError(f"There is no attempt {number} at {exercise}.")

    def all(self, exercise: str | None = None) -> list[AttemptRecord]:
        """All attempts, or those at one exercise, whole, in the order in which they were started."""
        with self._reading() as db:
            if db is None:
                return []
            rows = db.execute("SELECT * FROM attempt WHERE ? IS NULL OR exercise = ?", (exercise, exercise)).fetchall()
            records = [self._record(db, row) for row in rows]
        return sorted(records, key=lambda record: (record.started, record.number))

    def numbers(self) -> dict[tuple[str, int], datetime]:
        """The exercise and number of each attempt, and when it was started."""
        with self._reading() as db:
            if db is None:
                return {}
            rows = db.execute("SELECT exercise, number, started FROM attempt").fetchall()
        return {(row["exercise"], row["number"]): datetime.fromisoformat(row["started"]) for row in rows}

    def ends(self) -> dict[tuple[str, int], datetime]:
        """The exercise and number of each attempt that has ended, and when; for one that an older Burnin recorded, when it was started."""
        query = """
            SELECT exercise, number, event.at, min(event.id) FROM attempt JOIN event ON attempt.id = event.attempt
            WHERE kind IN ('finished', 'gave_up') GROUP BY attempt.id
            -- min makes it the row of the first of them: giving up can follow a finish
            UNION ALL SELECT exercise, number, started, 0 FROM attempt WHERE imported AND finished IS NULL
        """
        with self._reading() as db:
            rows = [] if db is None else db.execute(query).fetchall()
        return {(row["exercise"], row["number"]): datetime.fromisoformat(row["at"]) for row in rows}

    def best(self, exercise: str) -> int | None:
        """The best score that any grade of an attempt had, in time or not; quick ones do not count."""
        query = (
            "SELECT max(score) FROM grade JOIN attempt ON attempt.id = attempt WHERE exercise = ? AND effort != 'quick'"
        )
        with self._reading() as db:
            return None if db is None else db.execute(query, (exercise,)).fetchone()[0]

    def mark(self, exercise: str, number: int) -> Mark:
        """The clock as it was last recorded. Raises `UserError` if there is no such attempt."""
        with self._reading() as db:
            if db is not None:
                return _mark(_find(db, exercise, number))
        raise UserError(f"There is no attempt {number} at {exercise}.")

    # ---- writing

    def start(
        self, exercise: str, number: int, *, version: int, minutes: int, now: Moment, staged: bool, stages: int
    ) -> None:
        """Add an attempt; its clock starts now, and so many stages are shown."""
        with self._writing() as db:
            attempt = _insert(db, exercise, number, version, minutes, Mark(now), imported=False)
            _event(db, attempt, now.wall, 0.0, "started", "staged" if staged else "whole statement")
            for stage in range(1, stages + 1):
                _event(db, attempt, now.wall, 0.0, "stage_shown", f"{stage}")

    def beat(self, exercise: str, number: int, now: Moment) -> Mark:
        """Record what the clock shows. What passes between two beats is lost to nothing but a restart of the machine with a wrong clock."""
        with self._writing() as db:
            return _beat(db, _find(db, exercise, number), now)

    def event(self, exercise: str, number: int, kind: EventKind, detail: str, now: Moment) -> None:
        """Add an event. `paused` stops the clock, `unpaused` lets it go on, `finished` and `gave_up` end the attempt; each does so once."""
        with self._writing() as db:
            row = _find(db, exercise, number)
            mark = _beat(db, row, now)
            if (kind == "paused" and not mark.running) or (kind == "unpaused" and mark.running):
                return
            if kind in ("paused", "unpaused"):
                db.execute("UPDATE attempt SET running = ? WHERE id = ?", (kind == "unpaused", row["id"]))
            if kind in ("finished", "gave_up"):
                if kind == "finished" and row["finished"] is not None:
                    return
                db.execute("UPDATE attempt SET finished = coalesce(finished, ?) WHERE id = ?", (mark.minute, row["id"]))
            _event(db, row["id"], now.wall, mark.minute, kind, detail)

    def grade(
        self, exercise: str, number: int, card: Scorecard, submission: bytes, when: datetime, minute: float
    ) -> None:
        """Add a grade of a submission that was read at that time, when the clock showed that minute."""
        stages = [StageScore(stage.number, stage.score, stage.possible) for stage in card.stages]
        with self._writing() as db:
            row = _find(db, exercise, number)
            finished = row["finished"]
            overtime = minute > row["minutes"] or (finished is not None and minute > finished)
            _grade(
                db,
                row["id"],
                GradeRecord(
                    when,
                    minute,
                    overtime,
                    card.score,
                    card.possible,
                    stages,
                    card.submission.sha256,
                    card.effort,
                    card.suite,
                    zlib.compress(msgspec.json.encode(card)),
                    zlib.compress(submission),
                ),
            )

    def retell(self, exercise: str, number: int, card: Scorecard) -> None:
        """Put this scorecard, of the same scores, in the place of that of the last grade of its submission, if there is one."""
        with self._writing() as db:
            row = _find(db, exercise, number)
            of = (row["id"], card.submission.sha256, card.effort, card.suite, card.score)
            packed = zlib.compress(msgspec.json.encode(card))
            db.execute(
                "UPDATE grade SET scorecard = ? WHERE id = (SELECT max(id) FROM grade "
                "WHERE attempt = ? AND sha256 = ? AND effort = ? AND suite = ? AND score = ?)",
                (packed, *of),
            )

    def assess(self, exercise: str, number: int, answers: dict[str, str]) -> None:
        """Keep answers to the questions of `ASSESSMENT`; a later answer takes the place of an earlier one."""
        with self._writing() as db:
            row = _find(db, exercise, number)
            kept = msgspec.json.decode(row["assessment"], type=dict[str, str]) | answers
            db.execute(
                "UPDATE attempt SET assessment = ? WHERE id = ?", (msgspec.json.encode(kept).decode(), row["id"])
            )

    # ---- the database

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that reads one state of the database, or None if there is no database yet."""
        if not self.path.is_file():
            yield None
            return
        with self._connected() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:  # another process is making it
                yield None
                return
            self._understand(version)
            db.execute("BEGIN")
            yield db

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction; it is made durable at the end of the block, and undone if that raises."""
        try:
            self.root.mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"{self.root} cannot be made ({error.strerror}); make its parent writable.") from None
        with self._connected() as db:
            db.execute("BEGIN IMMEDIATE")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            self._understand(version)
            for statements in _MIGRATIONS[version:]:
                for statement in statements.split(";"):
                    db.execute(statement)
            if version < len(_MIGRATIONS):
                db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            yield db
            db.execute("COMMIT")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            db = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)
            try:
                db.row_factory = sqlite3.Row
                # A rollback journal needs no files beside the database while nobody writes; EXTRA also syncs the folder, so that
                # what was committed stays committed through a power cut.
                db.execute("PRAGMA synchronous = EXTRA")
                db.execute("PRAGMA fullfsync = ON")
                db.execute("PRAGMA foreign_keys = ON")
                yield db
            finally:
                db.close()  # undoes what was not committed
        except sqlite3.Error as error:
            raise UserError(
                f"The record of attempts, {self.path}, cannot be used ({error}); make it and its folder writable, or move it away to begin a new one."
            ) from None

    def _understand(self, version: int) -> None:
        if version > len(_MIGRATIONS):
            raise UserError(f"{self.path} was written by a newer Burnin (schema {version}); update this one.")

    def _import(self) -> None:
        """Take in the attempts of an older Burnin that are not here yet."""
        found = [old for old in old_attempts(self.root) if (old.exercise, old.number) not in self.numbers()]
        if not found:
            return
        with self._writing() as db:
            for old in found:
                known = (old.exercise, old.number)
                if not db.execute("SELECT 1 FROM attempt WHERE exercise = ? AND number = ?", known).fetchone():
                    _import(db, old)

    def _record(self, db: sqlite3.Connection, row: sqlite3.Row) -> AttemptRecord:
        mark = _mark(row)
        of = (row["id"],)
        return AttemptRecord(
            exercise=row["exercise"],
            number=row["number"],
            folder=self.root / row["exercise"] / str(row["number"]),
            version=row["version"],
            started=datetime.fromisoformat(row["started"]),
            minutes=row["minutes"],
            finished=row["finished"],
            running=mark.running,
            minute=mark.minute,
            by_wall=mark.by_wall / 60,
            imported=bool(row["imported"]),
            assessment=msgspec.json.decode(row["assessment"], type=dict[str, str]),
            grades=[_graded(found) for found in db.execute("SELECT * FROM grade WHERE attempt = ? ORDER BY id", of)],
            events=[
                EventRecord(datetime.fromisoformat(found["at"]), found["minute"], found["kind"], found["detail"])
                for found in db.execute("SELECT * FROM event WHERE attempt = ? ORDER BY id", of)
            ],
        )


def _find(db: sqlite3.Connection, exercise: str, number: int) -> sqlite3.Row:
    query = "SELECT * FROM attempt WHERE exercise = ? AND number = ?"
    row: sqlite3.Row | None = db.execute(query, (exercise, number)).fetchone()
    if row is None:
        raise UserError(f"There is no attempt {number} at {exercise}.")
    return row


def _insert(
    db: sqlite3.Connection, exercise: str, number: int, version: int, minutes: int, mark: Mark, *, imported: bool
) -> int:
    moment = mark.moment
    values: list[Any] = [exercise, number, version, minutes, moment.wall.isoformat(), imported]
    values += [mark.active, mark.by_wall, mark.running, moment.wall.isoformat(), moment.boot, moment.monotonic]
    cursor = db.execute(
        "INSERT INTO attempt (exercise, number, version, minutes, started, imported, active, by_wall, running, wall, boot, monotonic) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _mark(row: sqlite3.Row) -> Mark:
    moment = Moment(datetime.fromisoformat(row["wall"]), row["boot"], row["monotonic"])
    return Mark(moment, row["active"], row["by_wall"], bool(row["running"]))


def _beat(db: sqlite3.Connection, row: sqlite3.Row, now: Moment) -> Mark:
    """Move the mark to now; a stretch that only the system clock knows is an event, too."""
    before = _mark(row)
    mark = before.at(now)
    db.execute(
        "UPDATE attempt SET active = ?, by_wall = ?, wall = ?, boot = ?, monotonic = ? WHERE id = ?",
        (mark.active, mark.by_wall, now.wall.isoformat(), now.boot, now.monotonic, row["id"]),
    )
    if mark.by_wall > before.by_wall and not row["imported"]:
        minutes = (mark.by_wall - before.by_wall) / 60
        detail = f"the machine was restarted; {minutes:.1f} minutes are taken from the system clock"
        _event(db, row["id"], now.wall, mark.minute, "resumed", detail)
    return mark


def _event(db: sqlite3.Connection, attempt: int, when: datetime, minute: float, kind: EventKind, detail: str) -> None:
    values = (attempt, when.isoformat(), minute, kind, detail)
    db.execute("INSERT INTO event (attempt, at, minute, kind, detail) VALUES (?, ?, ?, ?, ?)", values)


def _grade(db: sqlite3.Connection, attempt: int, grade: GradeRecord) -> None:
    values: list[Any] = [attempt, grade.when.isoformat(), grade.minute, grade.overtime, grade.score, grade.possible]
    values += [msgspec.json.encode(grade.stages).decode(), grade.sha256, grade.effort, grade.suite]
    values += [grade.packed_scorecard, grade.packed_submission]
    db.execute(
        "INSERT INTO grade (attempt, at, minute, overtime, score, possible, stages, sha256, effort, suite, scorecard, submission) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )


def _graded(row: sqlite3.Row) -> GradeRecord:
    return GradeRecord(
        datetime.fromisoformat(row["at"]),
        row["minute"],
        bool(row["overtime"]),
        row["score"],
        row["possible"],
        msgspec.json.decode(row["stages"], type=list[StageScore]),
        row["sha256"],
        row["effort"],
        row["suite"],
        row["scorecard"],
        row["submission"],
    )


def _import(db: sqlite3.Connection, old: OldAttempt) -> None:
    mark = Mark(Moment(old.started, "", 0.0))  # of no known boot: only the system clock was kept
    attempt = _insert(db, old.exercise, old.number, old.version, old.minutes, mark, imported=True)
    _event(db, attempt, old.started, 0.0, "started", "whole statement")
    stages = {stage.number for score in old.scores for stage in score.stages} or {1}
    for stage in sorted(stages):
        _event(db, attempt, old.started, 0.0, "stage_shown", f"{stage}")
    for score in old.scores:
        _grade(
            db,
            attempt,
            GradeRecord(
                score.when,
                score.minutes,
                score.minutes > old.minutes,
                score.score,
                score.possible,
                score.stages,
                score.sha256,
                score.effort,
                score.suite,
            ),
        )
