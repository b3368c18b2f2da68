"""A session of practice: it watches the submission, grades each save with a grader that stays warm, and tells its views what there is.

There is one session and any number of views of it; a terminal and a browser show the same. A view gets a `Snapshot` whenever
something has changed, asks for nothing in between but the time, and calls the session's methods for what the candidate does.

Two threads work for it: one watches the file, the other grades. What they and the candidate do goes through the attempt, which records
it, so that a session can end at any moment and another can take up where it was.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import math
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from burnin.grade import GLANCE, Abandoned, Grader, GraderFailed, Options, TypeChecker, read_submission
from burnin.library import UserError
from burnin.practice.attempts import Attempt, GivenHint
from burnin.practice.clock import Moment
from burnin.practice.interview import GRADES, Interview, Question
from burnin.practice.snapshot import Grading, Snapshot, StageView
from burnin.practice.watch import moments
from burnin.scorecard import PropertyResult, Scorecard
from burnin.staged import Statement

__all__ = ["Session", "first_failure"]

Result = TypeVar("Result")

SETTLE = 0.04
"""Seconds for which a file must stay the same before it is taken to be saved whole."""
BEAT = 15.0
"""Seconds between two records of the clock."""
MYPY_BEAT = 0.05
"""Seconds between two looks at whether there is a save while mypy is waited for."""
PATIENCE = 4.0
"""Seconds after which a grade is abandoned for a newer save; a shorter one is nearly done."""


class Session:
    """Practice at one attempt, as a context manager: it works from `with` on. `jobs` are the judges side by side."""

    def __init__(self, attempt: Attempt, *, jobs: int = 0) -> None:
        self.attempt = attempt
        self._exercise = attempt.exercise
        self._interview = Interview.of(self._exercise)
        self._statement = Statement.of((self._exercise.folder / "README.md").read_text("utf-8"))
        self._jobs = jobs
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Snapshot], None]] = []
        self._stop, self._saved = threading.Event(), threading.Event()
        self._saved.set()  # what is there is graded first; that also warms the grader up
        self._noticed = self._notice()
        """When the last save was noticed, and what the clock showed."""
        self._grader: Grader | None = None
        self._problem: str | None = None
        self._card = self._last_card()
        self._told = first_failure(self._card, attempt.stage()) if self._card is not None else None
        """The failure that was told last."""
        self._grading = Grading("waiting" if self._card is None else "graded", failure=self._told)
        self._read = b""
        self._busy_since = math.inf
        self._database = 0
        self._snapshot = self._make()
        self._threads = [
            threading.Thread(target=self._guarded, args=(work,), name=f"practice-{work.__name__}", daemon=True)
            for work in (self._watch, self._grade)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._saved.set()
        self._abandon()
        for thread in self._threads:
            thread.join()
        with contextlib.suppress(UserError):  # the clock's last word may be missed
            self.attempt.store.beat(self.attempt.name, self.attempt.number, Moment.now())

    # ---- for views

    @property
    def snapshot(self) -> Snapshot:
        """How things stand."""
        return self._snapshot

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Have this called, by any thread and soon, with each new snapshot; the function that is returned ends that."""
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # ---- what the candidate does; all of it raises `UserError` where it cannot be done

    def ask(self, topic: str) -> Question:
        """Ask a clarifying question."""
        return self._done(self.attempt.ask(topic))

    def hint(self, stage: int | None = None) -> GivenHint:
        """Get the next hint for a stage, or for the last that was shown."""
        return self._done(self.attempt.hint(stage))

    def next_stage(self) -> int:
        """Show the next stage on request."""
        return self._done(self.attempt.next_stage())

    def pause(self) -> None:
        """Stop the clock."""
        self.attempt.pause()
        self._refresh()

    def unpause(self) -> None:
        """Let the clock go on."""
        self.attempt.unpause()
        self._refresh()

    def finish(self, *, give_up: bool = False) -> None:
        """End the attempt."""
        self.attempt.finish(give_up=give_up)
        self._refresh()

    def _done(self, result: Result) -> Result:
        self._refresh()
        return result

    # ---- snapshots

    def _refresh(self) -> None:
        """Tell what the record says now."""
        with self._lock:
            self._tell(self._make())

    def _progress(self, grading: Grading) -> None:
        """Tell how the grading goes. The record is not read for it: there are many of these."""
        with self._lock:
            self._grading = grading
            self._tell(replace(self._snapshot, grading=grading, card=self._card, problem=self._problem))

    def _tell(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        for listener in list(self._listeners):
            listener(snapshot)

    def _make(self) -> Snapshot:
        record, exercise = self.attempt.record(), self._exercise
        self._database = _changed(self.attempt.store.path)
        shown = record.stages_shown()
        asked = {event.detail for event in record.events if event.kind == "asked"}
        hinted = {event.detail for event in record.events if event.kind == "hint"}
        latest = record.grades[-1] if record.grades else self._card  # the stub's grade is not recorded
        scores = {stage.number: stage for stage in latest.stages} if latest is not None else {}
        stages, par = [], 0
        for number, stage in enumerate(exercise.manifest.stages, 1):
            par += stage.par_minutes
            score = scores.get(number)
            points = (score.score, score.possible) if score is not None else (0, 0)
            stages.append(StageView(number, stage.title, par, *points, shown.get(number)))
        return Snapshot(
            record=record,
            mark=self.attempt.clock(),
            title=exercise.manifest.title,
            stages=tuple(stages),
            statement=self._statement.up_to(max(shown, default=1)),
            questions=tuple(self._interview.questions),
            asked=tuple(question for question in self._interview.questions if question.topic in asked),
            hints=tuple(
                GivenHint(hint.stage, grade, hint.text(grade))
                for hint in self._interview.hints
                for grade in GRADES
                if f"{hint.stage} {grade}" in hinted
            ),
            grading=self._grading,
            card=self._card,
            reference=None if record.finished is None else _text(exercise.reference),
            problem=self._problem,
        )

    def _last_card(self) -> Scorecard | None:
        grades = self.attempt.record().grades
        return grades[-1].scorecard() if grades else None

    # ---- the thread that watches

    def _watch(self) -> None:
        beaten = time.monotonic()
        for changed in moments(self.attempt.submission, self._stop):
            if self._stop.is_set():
                return
            if changed:
                self._noticed = self._notice()
                self._saved.set()
                if self._grading.shrinking and self._grader is not None:
                    self._grader.hurry()
            if self._saved.is_set() and self._outdated():
                self._abandon()
            if time.monotonic() - beaten > BEAT:
                beaten = time.monotonic()
                self.attempt.store.beat(self.attempt.name, self.attempt.number, Moment.now())
            if _changed(self.attempt.store.path) != self._database:  # by a command in another window, perhaps
                self._refresh()

    def _notice(self) -> tuple[Moment, float]:
        now = Moment.now()
        return now, self.attempt.clock(now).minute

    def _outdated(self) -> bool:
        """Whether a grade has taken long, and there is something newer to grade."""
        long = time.monotonic() - self._busy_since > PATIENCE
        return long and _bytes(self.attempt.submission) != self._read

    def _abandon(self) -> None:
        grader = self._grader
        if grader is not None:
            grader.abandon()

    def _guarded(self, work: Callable[[], None]) -> None:
        """A thread goes on after a failure, which is shown: a full disk may have room again."""
        while not self._stop.is_set():
            try:
                work()
            except Exception as error:
                kind = "" if isinstance(error, UserError) else f"The session failed ({type(error).__name__}). "
                self._problem = f"{kind}{error}"
                self._progress(self._grading)
                self._stop.wait(1)

    # ---- the thread that grades

    def _grade(self) -> None:
        """Grade what is there, and then each save, with one grader for as long as it is of use."""
        try:
            with Grader(self._exercise, jobs=self._jobs) as self._grader:
                while self._wait():
                    try:
                        self._look()
                    finally:
                        self._busy_since = math.inf
        except Abandoned:
            self._again()
        except GraderFailed as error:
            self._progress(replace(self._grading, phase="not scored", message=f"The grader failed: {error}"))
        finally:
            self._grader = None

    def _wait(self) -> bool:
        """Wait for a save; whether there was one, and not the end."""
        self._saved.wait()
        self._saved.clear()
        return not self._stop.is_set()

    def _again(self) -> None:
        self._read = b""
        self._saved.set()

    def _look(self) -> None:
        """Grade the file as it is now, unless it is what was graded last."""
        data = _settled(self.attempt.submission)
        if data is None:
            gone = f"{self.attempt.submission.name} is not there."
            self._progress(replace(self._grading, phase="not scored", message=gone))
            self._read = b""
        if data is None or data == self._read:
            return
        now, minute = self._noticed
        self._read, self._busy_since = data, time.monotonic()
        with tempfile.TemporaryDirectory(prefix="burnin-save-") as folder:
            copy = Path(folder) / self.attempt.submission.name
            copy.write_bytes(data)
            problem = read_submission(copy)[1] or _does_not_parse(data)
            new = self._is_new(data)
            if new:
                self.attempt.working(data, now)
                self.attempt.saved(problem or "", now)
            if problem is not None:
                self._progress(replace(self._grading, phase="not scored", message=problem))
                return
            card = self._judge(copy, now)
            if self._was_half(data):
                self._saved.set()
                return
            if new and self._is_new(data):  # another room at this attempt may have been quicker
                self.attempt.graded(card, data, now.wall, minute)
            before, self._card, self._problem = self._told, card, None
            failure = first_failure(card, self.attempt.stage())
            self._grading = Grading(
                "graded",
                message=card.problem or "",
                failure=failure,
                same_story=_same_story(failure, before),
                first_word=self._grading.first_word or _since(now),
                seconds=_since(now),
                shrinking=failure is not None and failure.counterexample is not None,
            )
            self._told = failure
            self._refresh()
            with TypeChecker(copy) as types:  # a core is idle while a judge shrinks
                if self._grading.shrinking:
                    self._shrink(copy, before)
                self._add_types(types)

    def _add_types(self, types: TypeChecker) -> None:
        """Put what mypy says on the scorecard; a save that comes before it has said it is more important."""
        assert self._card is not None
        self._busy_since = math.inf  # no judge works
        while not types.wait(MYPY_BEAT):
            if self._saved.is_set():
                return
        self._card = msgspec.structs.replace(self._card, types=types.result())
        self.attempt.retold(self._card)
        self._refresh()

    def _shrink(self, copy: Path, before: PropertyResult | None) -> None:
        """Find the smallest play of each failure, the one that is told first, until there is another save. The score stays as it is."""
        assert self._grader is not None and self._card is not None and self._told is not None
        told, card = self._told, self._card
        failed = [found for found in _results(card) if found.counterexample is not None]
        try:
            for failure in sorted(failed, key=lambda found: found.id != told.id):
                if self._saved.is_set():
                    break
                self._busy_since = time.monotonic()
                alone = self._grader.grade(copy, Options(only=(failure.id,)))
                smaller = next(found for found in _results(alone) if found.id == failure.id)
                if smaller.status != failure.status:  # in other company; the play that was met stands
                    continue
                card = _with(card, smaller)
                if failure.id == told.id:
                    self._told, same = smaller, self._grading.same_story or _same_story(smaller, before)
                    self._progress(replace(self._grading, failure=smaller, same_story=same))
        finally:
            self._card = card
            self.attempt.retold(card)
            self._progress(replace(self._grading, shrinking=False))

    def _was_half(self, data: bytes) -> bool:
        """Whether more was written since: what paused in the middle of a save, and parsed, is not a score."""
        later = _settled(self.attempt.submission)
        return later is not None and later != data and later.startswith(data)

    def _judge(self, copy: Path, saved: Moment) -> Scorecard:
        """Replay the last failure by its script; then glance at everything; then the rest of its stage, and then the others."""
        assert self._grader is not None
        last = self._told
        self._progress(Grading("grading", failure=last))
        if last is not None and last.counterexample is not None and last.counterexample.script is not None:
            again = self._grader.recheck(copy, last)
            if again.status == "passed":
                self._progress(Grading("grading", message="The play that failed last passes now."))
            elif again.status != "not_attempted":
                self._progress(
                    Grading("grading", failure=again, same_story=_same_story(again, last), first_word=_since(saved))
                )

        shown = self._snapshot.stage

        def hear(result: PropertyResult, stage: int, of: int) -> None:
            grading = replace(self._grading, judged=self._grading.judged + 1, of=of)
            if grading.first_word is None and result.status not in ("passed", "not_attempted") and stage <= shown:
                same = _same_story(result, last)
                grading = replace(grading, failure=result, same_story=same, message="", first_word=_since(saved))
            self._progress(grading)

        def hear_failing(result: PropertyResult, stage: int) -> None:
            if self._grading.first_word is None and stage <= shown:
                first = replace(self._grading, failure=result, same_story=False, message="", first_word=_since(saved))
                self._progress(first)

        options = Options(first=self._order(), glance=GLANCE, shrink=False, types=False)
        card = self._grader.grade(copy, options, hear, hear_failing)
        told = self._grading.failure
        met = None if told is None else next((found for found in _results(card) if found.id == told.id), None)
        if told is not None and met is not None and told.status == met.status:
            card = _with(card, told)  # the play that is on the screen
        return card

    def _order(self) -> tuple[str, ...]:
        """The properties that matter most now, in their order: what failed last and its stage, or the one that is worked on."""
        if self._card is None:
            return ()
        told = "" if self._told is None else self._told.id
        home = next((stage for stage in self._card.stages if any(told == found.id for found in stage.properties)), None)
        at_work = home or next((stage for stage in self._card.stages if stage.score < stage.possible), None)
        ids = [found.id for found in at_work.properties] if at_work is not None else []
        return tuple(sorted(ids, key=lambda id: id != told))

    def _is_new(self, data: bytes) -> bool:
        """Whether this is to be recorded; not the stub, nor what was graded last when the room is opened again."""
        digest = hashlib.sha256(data).hexdigest()
        grades = self.attempt.record().grades
        return grades[-1].sha256 != digest if grades else data != self._exercise.stub.read_bytes()


def first_failure(card: Scorecard, shown: int) -> PropertyResult | None:
    """The failure to look at first, of the stages up to `shown`: in the order of the suite, but what was not attempted comes last."""
    results = [result for stage in card.stages[:shown] for result in stage.properties if result.status != "passed"]
    return next(iter(sorted(results, key=lambda result: result.status == "not_attempted")), None)


def _results(card: Scorecard) -> list[PropertyResult]:
    return [result for stage in card.stages for result in stage.properties]


def _with(card: Scorecard, result: PropertyResult) -> Scorecard:
    """The card with this result in the place of the property's own."""
    stages = [
        msgspec.structs.replace(
            stage, properties=[result if found.id == result.id else found for found in stage.properties]
        )
        for stage in card.stages
    ]
    return msgspec.structs.replace(card, stages=stages)


def _same_story(failure: PropertyResult | None, before: PropertyResult | None) -> bool:
    return failure is not None and before is not None and _story(failure) == _story(before)


def _story(result: PropertyResult) -> tuple[str, ...]:
    story = result.counterexample.story if result.counterexample is not None else []
    return (result.id, result.status, *story)


def _settled(path: Path) -> bytes | None:
    """The file's bytes once they stay the same for a moment; None if there is no file."""
    data = _bytes(path)
    while data is not None:
        time.sleep(SETTLE)
        before, data = data, _bytes(path)
        if data == before:
            break
    return data


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _does_not_parse(data: bytes) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape in a string is the type checker's business
        try:
            ast.parse(data)
        except SyntaxError as error:
            return f"does not parse: line {error.lineno}: {error.msg}"
        except (ValueError, RecursionError, MemoryError) as error:
            return f"does not parse: {error or type(error).__name__}"
    return None


def _since(moment: Moment) -> float:
    """Seconds since a moment of this boot."""
    return Moment.now().monotonic - moment.monotonic


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
