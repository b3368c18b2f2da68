"""Attempts: `attempts/<exercise>/<number>/` under the root of a library, and what a candidate does in one.

An attempt's folder holds copies of the stub, the statement and the sample tests. It is an attempt from the moment that the store knows
it, which comes last: a folder that the store does not know was left when something stopped in the middle. Such a folder stays as it is and
the next attempt takes the next number. Nothing here overwrites or deletes a file.

In a staged attempt the statement comes as in an interview: README.md ends with stage 1, and each follow-up is a file of its own,
written when it is shown. So are the sample tests.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from burnin.library import Exercise, Library, UserError, counted
from burnin.practice.clock import Mark, Moment
from burnin.practice.interview import GRADES, HintGrade, Interview, Question
from burnin.practice.record import AttemptRecord
from burnin.practice.store import Store
from burnin.scorecard import Scorecard
from burnin.staged import Samples, Statement

__all__ = ["Attempt", "Attempts", "GivenHint"]

PYTEST = """\
# pytest runs the samples by this file, whatever the settings of the folders around it are.
[pytest]
"""
# pytest-asyncio warns where this is not said, and pytest where it is said and there is no such plugin.
if importlib.util.find_spec("pytest_asyncio"):
    PYTEST += "asyncio_default_fixture_loop_scope = function\n"


@dataclass(frozen=True)
class GivenHint:
    """A hint as it was given."""

    stage: int
    grade: HintGrade
    text: str


@dataclass(frozen=True)
class Attempt:
    """One attempt, and everything that can be done in it. Each deed is recorded before it returns; `now` is this moment by default."""

    library: Library = field(repr=False, compare=False)
    store: Store = field(repr=False, compare=False)
    name: str
    """Of the exercise."""
    number: int

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.store.root / self.name / str(self.number)

    @property
    def submission(self) -> Path:
        """The file that is graded."""
        return self.folder / f"{self.name}.py"

    @property
    def exercise(self) -> Exercise:
        """The exercise as it is now. Raises `UserError` if it is gone."""
        return self.library.exercise(self.name)

    def record(self) -> AttemptRecord:
        """Everything that is known about it."""
        return self.store.attempt(self.name, self.number)

    def clock(self, now: Moment | None = None) -> Mark:
        """What the clock shows."""
        return self.store.mark(self.name, self.number).at(now or Moment.now())

    # ---- grades

    def graded(self, card: Scorecard, submission: bytes, when: datetime, minute: float) -> list[int]:
        """Keep a grade of a submission that was read when the clock showed `minute`; returns the stages that it opened."""
        self.store.grade(self.name, self.number, card, submission, when, minute)
        if card.effort == "quick":
            return []
        passed = 0
        for stage in card.stages:
            if not stage.possible or stage.score < stage.possible:
                break
            passed = stage.number
        return self._show(min(passed + 1, len(self.exercise.manifest.stages)), "")

    def retold(self, card: Scorecard) -> None:
        """Keep this scorecard for the last grade of its submission: its failures are told by smaller plays."""
        self.store.retell(self.name, self.number, card)

    def working(self, submission: bytes, now: Moment | None = None) -> None:
        """Somebody saved or graded: whoever works is not paused, and the first change to the stub is an event."""
        now = now or Moment.now()
        self.store.event(self.name, self.number, "unpaused", "work went on", now)
        edited = any(event.kind == "first_edit" for event in self.record().events)
        if not edited and submission != self._stub():
            self.store.event(self.name, self.number, "first_edit", "", now)

    def saved(self, detail: str, now: Moment | None = None) -> None:
        """The submission was saved; `detail` says why it was not scored, or nothing."""
        self.store.event(self.name, self.number, "saved", detail, now or Moment.now())

    # ---- what the interviewer does

    def ask(self, topic: str, now: Moment | None = None) -> Question:
        """Ask a clarifying question. Raises `UserError` if there is none on this topic."""
        question = Interview.of(self.exercise).question(topic)
        self._go_on("ask")
        if question.topic not in {event.detail for event in self.record().events if event.kind == "asked"}:
            self.store.event(self.name, self.number, "asked", question.topic, now or Moment.now())
        return question

    def hint(self, stage: int | None = None, now: Moment | None = None) -> GivenHint:
        """The next hint for a stage: a nudge, then the approach, then the detail, which is given again.

        Without `stage` it is the one that is worked on. Raises `UserError` for a stage without hints, or which was not shown yet.
        """
        shown = self.stage()
        stage = self._worked_on() if stage is None else stage
        stages = len(self.exercise.manifest.stages)
        if not 1 <= stage <= stages:
            raise UserError(f"There is no stage {stage}: {self.name} has {counted(stages, 'stage')}.")
        if stage > shown:
            raise UserError(f"Stage {stage} has not been shown yet; the last is stage {shown}.")
        hint = Interview.of(self.exercise).hint(stage)
        self._go_on("hint")
        given = {event.detail for event in self.record().events if event.kind == "hint"}
        grade = next((grade for grade in GRADES if f"{stage} {grade}" not in given), GRADES[-1])
        if f"{stage} {grade}" not in given:
            self.store.event(self.name, self.number, "hint", f"{stage} {grade}", now or Moment.now())
        return GivenHint(stage, grade, hint.text(grade))

    def stage(self) -> int:
        """The last stage that was shown."""
        return max(self.record().stages_shown(), default=1)

    def _worked_on(self) -> int:
        """The first stage shown that the last grade did not find full. Before a grade the last stage shown, or the first where all are."""
        record = self.record()
        shown = sorted(record.stages_shown()) or [1]
        if not record.grades:
            return shown[-1] if record.staged else shown[0]
        full = {stage.number for stage in record.grades[-1].stages if stage.score == stage.possible > 0}
        return next((number for number in shown if number not in full), shown[-1])

    def next_stage(self, now: Moment | None = None) -> int:
        """Show the next stage on request. Raises `UserError` if all are shown."""
        self._go_on("next")
        shown = self.stage()
        if shown >= len(self.exercise.manifest.stages):
            raise UserError("All stages have been shown.")
        self._show(shown + 1, " on request", now)
        return shown + 1

    def stage_file(self, stage: int) -> Path:
        """Where the statement of a stage can be read."""
        path = self.folder / f"stage_{stage}.md"
        return path if path.exists() else self.folder / "README.md"

    def samples_file(self, stage: int) -> Path:
        """Where the sample tests of a stage are."""
        path = self.folder / f"test_{self.name}_stage_{stage}.py"
        return path if path.exists() else self.folder / f"test_{self.name}.py"

    # ---- the clock

    def pause(self, now: Moment | None = None) -> None:
        """Stop the clock for an interruption."""
        self._go_on("pause")
        self.store.event(self.name, self.number, "paused", "", now or Moment.now())

    def unpause(self, now: Moment | None = None) -> None:
        """Let the clock go on."""
        self._go_on("resume")
        self.store.event(self.name, self.number, "unpaused", "", now or Moment.now())

    def finish(self, *, give_up: bool = False, now: Moment | None = None) -> None:
        """End it. Giving up does so too, and then the reference may be seen; it can follow a finish."""
        self.store.event(self.name, self.number, "gave_up" if give_up else "finished", "", now or Moment.now())

    def _go_on(self, command: str) -> None:
        if self.record().finished is not None:
            raise UserError(
                f"Attempt {self.number} at {self.name} has ended, so there is no {command}; `burnin start {self.name}{self.library.option}` begins another."
            )

    def _show(self, stage: int, why: str, now: Moment | None = None) -> list[int]:
        """Show the stages up to this one, those that were not shown before."""
        record = self.record()
        new = [number for number in range(1, stage + 1) if number not in record.stages_shown()]
        for number in new:
            if record.staged and number > 1:
                self._write_stage(number)
            self.store.event(self.name, self.number, "stage_shown", f"{number}{why}", now or Moment.now())
        return new

    def _write_stage(self, stage: int) -> None:
        exercise = self.exercise
        told = Statement.of((exercise.folder / "README.md").read_text("utf-8")).stages.get(stage, "")
        samples = Samples.of(exercise.samples.read_text("utf-8")).of_stage(stage)
        for name, text in ((f"stage_{stage}.md", told), (f"test_{self.name}_stage_{stage}.py", samples)):
            if text:
                with contextlib.suppress(FileExistsError), (self.folder / name).open("x", encoding="utf-8") as file:
                    file.write(text)

    def _stub(self) -> bytes:
        try:
            return self.exercise.stub.read_bytes()
        except OSError:
            return b""


class Attempts:
    """The attempts of one library."""

    def __init__(self, library: Library) -> None:
        self.library, self.store = library, Store(library)
        self.root = self.store.root

    def start(
        self, exercise: Exercise, now: Moment | None = None, *, minutes: int | None = None, staged: bool = False
    ) -> Attempt:
        """Make the next attempt at an exercise; its clock starts now. `minutes` are the exercise's by default.

        Raises `UserError` if it cannot be written.
        """
        try:
            folder = self._claim(exercise.name)
            # The bytes, and not the mode: that of a read-only checkout is read-only.
            shutil.copyfile(exercise.stub, folder / exercise.stub.name)
            (folder / "pytest.ini").write_text(PYTEST, "utf-8")
            statement, samples = (exercise.folder / "README.md").read_text("utf-8"), exercise.samples.read_text("utf-8")
            if staged:
                statement, samples = Statement.of(statement).up_to(1), Samples.of(samples).of_stage(1) or samples
            (folder / "README.md").write_text(statement, "utf-8")
            (folder / exercise.samples.name).write_text(samples, "utf-8")
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
            raise UserError(
                f"An attempt cannot be written to {self.root} ({reason}); make that folder writable, or work in a copy of the library."
            ) from None
        manifest = exercise.manifest
        number = int(folder.name)
        self.store.start(
            exercise.name,
            number,
            version=manifest.version,
            minutes=minutes or manifest.minutes,
            now=now or Moment.now(),
            staged=staged,
            stages=1 if staged else len(manifest.stages),
        )
        return Attempt(self.library, self.store, exercise.name, number)

    def resume(self, exercise: Exercise, now: Moment | None = None, *, minutes: int | None = None) -> Attempt:
        """The latest attempt at an exercise, if it has not ended; else a new and staged one, of so many minutes.

        Raises `UserError` if the one that goes on has other minutes, or lacks its submission.
        """
        attempt = self.latest(exercise.name)
        record = None if attempt is None else attempt.record()
        if attempt is None or record is None or record.finished is not None:
            return self.start(exercise, now, minutes=minutes, staged=True)
        if minutes not in (None, record.minutes):
            raise UserError(
                f"Attempt {attempt.number} at {exercise.name} goes on, and it lasts {record.minutes} minutes; "
                "leave --minutes out, or begin another attempt with --new."
            )
        if not attempt.submission.is_file():
            raise UserError(
                f"There is no {attempt.submission} any more; put it back, or begin a new attempt with --new."
            )
        self.store.event(exercise.name, attempt.number, "resumed", "", now or Moment.now())
        return attempt

    def latest(self, name: str | None = None) -> Attempt | None:
        """The attempt that was started last, at this exercise or at any."""
        return self._last(self._known(), name)

    def last_ended(self, name: str | None = None) -> Attempt | None:
        """The attempt that ended last, at this exercise or at any."""
        return self._last(self.store.ends(), name)

    def all(self, name: str) -> list[Attempt]:
        """The attempts at an exercise, by number."""
        numbers = sorted(number for which, number in self._known() if which == name)
        return [Attempt(self.library, self.store, name, number) for number in numbers]

    def at(self, folder: Path) -> Attempt | None:
        """The attempt in this folder, or None if it is not one of this library's, or was never made whole."""
        folder = folder.resolve()
        if folder.parent.parent != self.root.resolve() or not folder.name.isdigit():
            return None
        name, number = folder.parent.name, int(folder.name)
        known = (name, number) in self._known() and folder.name == str(number)
        return Attempt(self.library, self.store, name, number) if known else None

    def best(self, name: str) -> int | None:
        """The best score at an exercise, or None before the first. A quick grade looks less closely and does not count."""
        return self.store.best(name)

    def _last(self, times: dict[tuple[str, int], datetime], name: str | None) -> Attempt | None:
        those = [(at, number, which) for (which, number), at in times.items() if name in (None, which)]
        if not those:
            return None
        _, number, which = max(those)
        return Attempt(self.library, self.store, which, number)

    def _known(self) -> dict[tuple[str, int], datetime]:
        return self.store.numbers()

    def _claim(self, name: str) -> Path:
        """Make the folder with the next number. Two processes never get the same one, because only one `mkdir` succeeds."""
        parent = self.root / name
        parent.mkdir(parents=True, exist_ok=True)
        recorded = [number for which, number in self._known() if which == name]
        while True:
            folder = parent / str(max([*_numbers(parent), *recorded], default=0) + 1)
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return folder


def _numbers(parent: Path) -> list[int]:
    """The numbers that are taken, by whatever has such a name."""
    names = os.listdir(parent)
    return [int(name) for name in names if name.isascii() and name.isdigit() and name == str(int(name))]
