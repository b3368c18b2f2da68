"""The scorecard on a terminal or in a pipe.

Much of its text comes from a submission. It is only ever put into `rich.text.Text`, which knows no markup, and every character that
does not print, such as the escape that begins a terminal's control codes, is shown as its Python escape.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import IO, Self

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TaskID
from rich.table import Table
from rich.text import Text

from burnin.library import counted
from burnin.scorecard import PropertyResult, Scorecard, StageResult, Status, TypeCheck

__all__ = ["ScorecardConsole", "Streaming", "clean", "show_scorecard"]

MAX_WIDTH = 110
"""Columns; sentences are hard to read in wider lines."""
TYPE_PROBLEMS = 5
"""How many complaints of the type checker are shown unless all are asked for."""

_MARKS: dict[Status, tuple[str, str, str]] = {
    "passed": ("✓", "+", "green"),
    "failed": ("✗", "x", "bold red"),
    "not_attempted": ("·", "-", "dim"),
    "timed_out": ("✗", "x", "bold red"),
    "crashed": ("✗", "x", "bold red"),
}
"""Mark, mark where only ASCII can be written, style."""
_WORDS: dict[Status, str] = {
    "passed": "",
    "failed": "",
    "not_attempted": " (not attempted)",
    "timed_out": " (timed out)",
    "crashed": " (crashed)",
}

_LEAD = re.compile(r"(expected|got|why): {1,8}| {0,12}[0-9.e+-]{1,12} s {1,8}")
"""What a line of a story begins with: a label, or the virtual time."""


def clean(text: str) -> str:
    """The text with every character that does not print as an escape, in one line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


class ScorecardConsole(Console):
    """A console without markup, emoji codes and highlighting, at most `MAX_WIDTH` wide. It honours NO_COLOR and COLUMNS."""

    def __init__(self, file: IO[str] | None = None, *, stderr: bool = False, terminal: bool | None = None) -> None:
        super().__init__(file=file, stderr=stderr, force_terminal=terminal, markup=False, emoji=False, highlight=False)
        self.width = min(self.width, MAX_WIDTH)


class Streaming:
    """Results as they come: on a terminal a bar with the last result beside it, or the first that fails, which goes away when the scorecard comes.

    Use it as a context manager, and `heard` and `failing` as the grader's `on_result` and `on_failing`. Where the console is no terminal it shows nothing: who reads
    a pipe wants the scorecard, and the order in which results come depends on how busy the machine is.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = Text()
        self._failing: str | None = None
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def heard(self, result: PropertyResult, stage: int, of: int) -> None:
        """Show that this property of so many has been judged."""
        if result.id == self._failing and result.status == "passed":
            self._failing = None
        if self._failing is None:
            self._tell(result, stage)
        self._update(total=of, advance=1)

    def failing(self, result: PropertyResult, stage: int) -> None:
        """Show that this property fails, from now on: whoever waits may look at the submission already."""
        if self._failing is None:
            self._tell(result, stage)
            self._update()

    def _tell(self, result: PropertyResult, stage: int) -> None:
        self._last = Text.assemble(_mark(self._console, result.status), f" stage {stage}: {clean(result.title)}")
        if result.status not in ("passed", "not_attempted"):
            self._failing = result.id

    def _update(self, total: float | None = None, advance: float | None = None) -> None:
        if not self._console.is_terminal:
            return
        if self._progress is None:
            # refreshed by each result, not by a thread: the grader starts processes meanwhile
            columns = (BarColumn(20), MofNCompleteColumn(), _Last(lambda: self._last))
            self._progress = Progress(*columns, console=self._console, transient=True, auto_refresh=False)
            self._task = self._progress.add_task("", total=None)
            self._progress.start()
        self._progress.update(self._task, total=total, advance=advance, refresh=True)


class _Last(ProgressColumn):
    """The last result, cut off at the end of the line: the scorecard shows it whole."""

    def __init__(self, last: Callable[[], Text]) -> None:
        super().__init__()
        self._text = last

    def render(self, task: object) -> Text:
        text = self._text()
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


def show_scorecard(card: Scorecard, console: Console, *, everything: bool = False) -> None:
    """Print the scorecard. `everything` shows the story of each failure, not only of the first one in each stage."""
    with console.capture() as captured:
        for part in _parts(card, console, everything):
            console.print(part, overflow="fold")
    text = captured.get()
    if not console.is_terminal:  # the padding of columns is noise in a file
        text = "".join(f"{line.rstrip()}\n" for line in text.splitlines())
    console.file.write(text)
    console.file.flush()


def _parts(card: Scorecard, console: Console, everything: bool) -> Iterable[RenderableType]:
    yield _header(card)
    if card.problem is not None:
        yield Text(clean(card.problem), "bold red")
        if not everything:  # nothing ran: the properties have nothing to add
            yield from (Text(), *_types(card.types, everything), *_footer(card))
            return
    for stage in card.stages:
        yield Text()
        yield _stage(stage)
        told = _told(stage, everything)
        if not everything and all(result.status == "not_attempted" for result in stage.properties):
            yield Padding(
                Text(f"{counted(len(stage.properties), 'property', 'properties')}, not attempted", "dim"), (0, 0, 0, 2)
            )
            continue
        for result in stage.properties:
            yield _property(result, console)
            if result.id in told:
                yield _story(result)
    yield Text()
    yield from (*_levels(card), *_types(card.types, everything), *_footer(card))


def _header(card: Scorecard) -> Text:
    style = "bold green" if card.score == card.possible else "bold"
    return Text.assemble(
        (clean(card.exercise), "bold"), "  ", (f"{card.score} of {card.possible}", style), f"  in {card.seconds:.1f} s"
    )


def _line(lead: Text, text: Text, level: str, points: Text) -> Table:
    """A line of the scorecard: a text that wraps between a lead at the left and two columns at the right that do not."""
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column(no_wrap=True)
    line.add_column(ratio=1, overflow="fold")
    line.add_column(justify="right", no_wrap=True, min_width=6)
    line.add_column(justify="right", no_wrap=True, min_width=9)
    line.add_row(lead, text, Text(level, "dim"), points)
    return line


def _stage(stage: StageResult) -> Table:
    points = Text(f"{stage.score} of {stage.possible}", "bold")
    return _line(Text(str(stage.number), "bold"), Text(clean(stage.title), "bold"), "", points)


def _property(result: PropertyResult, console: Console) -> RenderableType:
    text = Text(clean(result.title) + _WORDS[result.status], "dim" if result.status == "not_attempted" else "")
    points = Text(f"{result.score} of {result.possible}")
    return Padding(_line(_mark(console, result.status), text, result.level, points), (0, 0, 0, 2))


def _mark(console: Console, status: Status) -> Text:
    mark, plain, style = _MARKS[status]
    return Text(mark if console.encoding.startswith("utf") else plain, style)


def _told(stage: StageResult, everything: bool) -> list[str]:
    """The ids of the properties whose story is shown."""
    failed = [
        result.id for result in stage.properties if result.status != "passed" and result.counterexample is not None
    ]
    return failed if everything else failed[:1]


def _story(result: PropertyResult) -> RenderableType:
    """The story's lines; one that wraps goes on beneath its text, not beneath its time or label."""
    assert result.counterexample is not None
    return Padding(Group(*(_told_line(clean(line)) for line in result.counterexample.story)), (0, 0, 0, 6))


def _told_line(line: str) -> RenderableType:
    match = _LEAD.match(line)
    if match is None:
        return Text(line)
    row = Table.grid()
    row.add_column(no_wrap=True)
    row.add_column(overflow="fold")
    row.add_row(Text(match[0]), Text(line[match.end() :]))
    return row


def _levels(card: Scorecard) -> Iterable[Text]:
    results = [result for stage in card.stages for result in stage.properties]
    of = {
        level: [result.status == "passed" for result in results if result.level == level]
        for level in ("core", "senior")
    }
    if results:
        core, senior = of["core"], of["senior"]
        text = f"Everything a mid-level answer needs (core): {sum(core)} of {len(core)}; what a senior one adds: {sum(senior)} of {len(senior)}."
        yield Text(text)


def _types(types: TypeCheck, everything: bool) -> Iterable[RenderableType]:
    if types.status == "unknown":
        yield Text(f"Types: not known. {clean(types.note)}")
        return
    if types.status == "clean":
        yield Text("Types: mypy --strict has no complaint.")
        return
    shown = types.problems if everything else types.problems[:TYPE_PROBLEMS]
    count = len(types.problems)
    yield Text(
        f"Types: mypy --strict has {count} complaint{'s' * (count != 1)}"
        + (f", and {types.note}" if types.note else ".")
    )
    for problem in shown:
        yield Padding(
            Text(f"line {problem.line}: {clean(problem.message)} [{clean(problem.code)}]", "dim"), (0, 0, 0, 6)
        )
    if len(shown) < count:
        yield Padding(Text(f"... and {count - len(shown)} more; --all shows them", "dim"), (0, 0, 0, 6))


def _footer(card: Scorecard) -> Iterable[Text]:
    confinement = card.confinement
    if confinement.strong:
        what = f"files, network, processes and signals were confined ({confinement.backend})."
    elif confinement.backend == "none":
        what = "none beyond a process of its own with limits on time, memory and output."
    else:
        what = f"partial ({confinement.backend})."
    details = "" if confinement.strong else "".join(f" {clean(detail)}" for detail in confinement.details)
    yield Text(f"Confinement: {what}{details}", "" if confinement.strong else "yellow")
    if card.effort != "standard":
        yield Text(f"Effort: {clean(card.effort)}.")
    if card.seed:
        yield Text(f"Seed {card.seed}: an exploration, which is not a score.")
