"""What one does in an attempt besides grading: `burnin clock`, `ask`, `hint`, `next`, `pause`, `resume` and `finish`."""

from __future__ import annotations

from pathlib import Path

import click

from burnin.commands.options import exercise_option, latest_attempt, library_option, open_library
from burnin.library import UserError, shown
from burnin.practice import Attempt, AttemptRecord, Mark, as_clock

__all__ = ["COMMANDS", "told_result", "told_stage"]


@click.command()
@exercise_option
@library_option
def clock(exercise_name: str | None, library_folder: Path | None) -> int:
    """Show the clock of the latest attempt, against the par times."""
    attempt = _latest(library_folder, exercise_name)
    record, mark = attempt.record(), attempt.clock()
    click.echo(f"{attempt.name}, attempt {attempt.number}: {_time(record, mark)}.")
    shown_at, par = record.stages_shown(), 0
    for number, stage in enumerate(attempt.exercise.manifest.stages, 1):
        par += stage.par_minutes
        state = f"shown at {as_clock(shown_at[number])}" if number in shown_at else "not shown yet"
        score = (
            next((found for found in record.grades[-1].stages if found.number == number), None)
            if record.grades
            else None
        )
        points = f", {score.score} of {score.possible} points" if score is not None else ""
        click.echo(f"  stage {number}  {state}, par until {par}:00{points}")
    if record.by_wall:
        click.echo(f"{record.by_wall:.1f} minutes are taken from the system clock, because the machine was restarted.")
    return 0


@click.command()
@click.argument("topic", required=False)
@exercise_option
@library_option
def ask(topic: str | None, exercise_name: str | None, library_folder: Path | None) -> int:
    """Ask the interviewer about TOPIC, or see what can be asked."""
    from burnin.practice.interview import Interview

    attempt = _latest(library_folder, exercise_name)
    if topic is not None:
        question = attempt.ask(topic)
        click.echo(question.ask)
        click.echo(f"  {question.answer}")
        return 0
    questions = Interview.of(attempt.exercise).questions
    if not questions:
        raise UserError(f"{attempt.name} has no clarifying questions yet.")
    width = max(len(question.topic) for question in questions)
    for question in questions:
        click.echo(f"{question.topic:{width}}  {question.ask}")
    return 0


@click.command()
@click.argument("stage", type=click.IntRange(min=1), required=False)
@exercise_option
@library_option
def hint(stage: int | None, exercise_name: str | None, library_folder: Path | None) -> int:
    """Get the next hint for STAGE.

    First comes a nudge, then the approach, then the detail. The default is the first stage that has not passed.
    """
    given = _latest(library_folder, exercise_name).hint(stage)
    click.echo(f"Stage {given.stage}, {given.grade}: {given.text}")
    return 0


@click.command("next")
@exercise_option
@library_option
def next_stage(exercise_name: str | None, library_folder: Path | None) -> int:
    """Show the next stage, though this one has not passed."""
    attempt = _latest(library_folder, exercise_name)
    click.echo(told_stage(attempt, attempt.next_stage()))
    return 0


@click.command()
@exercise_option
@library_option
def pause(exercise_name: str | None, library_folder: Path | None) -> int:
    """Stop the clock for a real interruption; the record shows it."""
    attempt = _latest(library_folder, exercise_name)
    attempt.pause()
    option = attempt.library.option
    click.echo(f"{_time(attempt.record(), attempt.clock())}; `burnin resume{option}` or a grade lets the clock go on.")
    return 0


@click.command()
@exercise_option
@library_option
def resume(exercise_name: str | None, library_folder: Path | None) -> int:
    """Let the clock go on after a pause."""
    attempt = _latest(library_folder, exercise_name)
    attempt.unpause()
    click.echo(f"{_time(attempt.record(), attempt.clock())}.")
    return 0


@click.command()
@click.option("--give-up", is_flag=True, help="End it and see the reference.")
@exercise_option
@library_option
def finish(give_up: bool, exercise_name: str | None, library_folder: Path | None) -> int:
    """End the latest attempt."""
    attempt = _latest(library_folder, exercise_name)
    attempt.finish(give_up=give_up)
    record = attempt.record()
    click.echo(f"{attempt.name}, attempt {attempt.number}: {_time(record, attempt.clock())}. {told_result(record)}")
    exercise = attempt.exercise
    for what, path in (("reference", exercise.reference), ("discussion", exercise.solutions / "discussion.md")):
        if path.exists():
            click.echo(f"  {what:10}  {shown(path)}")
    click.echo(f"  {'debrief':10}  burnin debrief{exercise.option}")
    return 0


COMMANDS = [clock, ask, hint, next_stage, pause, resume, finish]


def told_stage(attempt: Attempt, stage: int) -> str:
    """Where a stage that was just shown can be read, and tried."""
    title = attempt.exercise.manifest.stages[stage - 1].title
    return f"Stage {stage}, {title}: read {shown(attempt.stage_file(stage))}, try {shown(attempt.samples_file(stage))}"


def told_result(record: AttemptRecord) -> str:
    """The result in a sentence, and what came after the time apart."""
    if record.result is None:
        text = "Nothing was graded in time."
    else:
        text = f"The result is {record.result} of {record.possible}."
    late = [grade.score for grade in record.grades if grade.overtime and grade.effort != "quick"]
    return text + (f" Later, and not counted: {max(late)}." if late else "")


def _time(record: AttemptRecord, mark: Mark) -> str:
    if record.finished is not None:
        return f"ended at {as_clock(record.finished)} of {record.minutes}:00"
    over = mark.minute - record.minutes
    state = "" if mark.running else ", paused"
    late = f", {as_clock(over)} over time" if over > 0 else ""
    return f"{as_clock(mark.minute)} of {record.minutes}:00{late}{state}"


def _latest(library_folder: Path | None, name: str | None) -> Attempt:
    return latest_attempt(open_library(library_folder), name)
