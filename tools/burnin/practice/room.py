"""The room on a terminal: statement, clock, score by stage, and the failure of the moment as a story and a timeline.

It is a view of a session and keeps nothing itself. What comes from a submission is put into `rich.text.Text` only, which knows no
markup, and with what does not print escaped.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Label, Markdown, OptionList, Static
from textual.widgets.option_list import Option

from burnin.grade.render import clean
from burnin.library import UserError, shown
from burnin.practice.clock import Moment, as_clock
from burnin.practice.interview import Question
from burnin.practice.session import Session
from burnin.practice.snapshot import Snapshot, StageView
from burnin.practice.timeline import lanes
from burnin.practice.timeline_drawing import text as timeline_text
from burnin.staged import Statement

__all__ = ["Room", "clock_line", "stage_line", "verdict"]

WIDE = 110
"""Columns from which the panes stand side by side."""
_KEPT = "; it stays in the notes"


class Changed(Message):
    """The session has a new snapshot."""


class Told(ModalScreen[None]):
    """Something the interviewer says; any key closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,space,q", "dismiss", "Close")]

    def __init__(self, title: str, text: str, more: str = "") -> None:
        super().__init__()
        self._title, self._text, self._more = title, text, more

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box"):
            yield Label(Text(self._title, "bold"))
            yield Static(Text(self._text))
            yield Label(Text(f"Escape closes this{self._more}.", "dim"))


class Sure(ModalScreen[bool]):
    """Asks before something that cannot be undone."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes"),
        Binding("n,escape,q", "dismiss(False)", "No"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """The box."""
        with Vertical(classes="box"):
            yield Static(Text(self._text))
            yield Label(Text("y yes   n no", "dim"))


class Questions(ModalScreen[str | None]):
    """The clarifying questions; the one that is chosen is asked."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Close")]

    def __init__(self, questions: tuple[Question, ...], asked: tuple[Question, ...]) -> None:
        super().__init__()
        self._questions, self._asked = questions, asked

    def compose(self) -> ComposeResult:
        """The box."""
        options = [
            Option(Text(f"{'✓' if question in self._asked else ' '} {question.ask}"), id=question.topic)
            for question in self._questions
        ]
        with Vertical(classes="box"):
            yield Label(Text("Ask the interviewer", "bold"))
            yield OptionList(*options)
            yield Label(Text("Enter asks, Escape closes.", "dim"))

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Ask it."""
        self.dismiss(event.option.id)


class Room(App[None]):
    """The application; its session must be at work."""

    TITLE = "Burnin"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "ask", "Ask"),
        Binding("h", "hint", "Hint"),
        Binding("n", "next", "Next stage"),
        Binding("p", "pause", "Pause"),
        Binding("s", "switch", "Statement"),
        Binding("f", "finish", "Finish"),
        Binding("g", "give_up", "Give up"),
        Binding("q,ctrl+c", "quit", "Leave"),
    ]
    CSS = """
    #clock { height: 3; padding: 0 1; background: $panel; }
    #panes { height: 1fr; }
    .pane { padding: 0 1; border: round $panel; }
    .pane:focus { border: round $accent; }
    .-wide #panes { layout: horizontal; }
    .-narrow #panes { layout: vertical; }
    .-narrow #words { height: 1fr; }
    .-narrow #facts { height: 2fr; }
    #words { width: 1fr; }
    .-wide #words { max-width: 64; }
    #facts { width: 1fr; }
    #panes.reading #facts { display: none; }
    #panes.reading #words { max-width: 100%; height: 1fr; }
    #statement { height: auto; }
    #reference { display: none; }
    ModalScreen { align: center middle; }
    .box { width: 80%; max-width: 100; height: auto; max-height: 80%; border: round $accent; padding: 1 2; background: $surface; }
    .box OptionList { height: auto; max-height: 20; }
    .box Static { margin: 1 0; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._over = False
        self._unsubscribe: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """Clock above, statement and facts, keys below."""
        yield Static(id="clock")
        with Horizontal(id="panes"):
            with VerticalScroll(id="words", classes="pane"):
                yield Vertical(id="statement")
                yield Static(id="reference")
            with VerticalScroll(id="facts", classes="pane"):
                yield Static(id="stages")
                yield Static(id="failure")
                yield Static(id="notes")
        yield Footer()

    async def on_mount(self) -> None:
        """Begin to follow the session."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, NotImplementedError):  # not in the main thread, as in a test
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self.exit)
        self._unsubscribe = self._session.subscribe(lambda _: self._hear())
        self.set_interval(0.5, self._show_clock)
        await self._show()

    def on_unmount(self) -> None:
        """Stop following it."""
        self._unsubscribe()

    def on_resize(self) -> None:
        """What is drawn to a width is drawn again."""
        self.call_after_refresh(self.post_message, Changed())

    def _hear(self) -> None:
        self.post_message(Changed())  # from any thread

    @on(Changed)
    async def _show(self) -> None:
        if not self._stands():
            return
        now = self._session.snapshot
        self._show_clock()
        facts = self.query_one("#facts")
        width = max(40, facts.scrollable_content_region.width)
        self.query_one("#stages", Static).update(Group(*map(stage_line, now.stages), Text()))
        self.query_one("#failure", Static).update(verdict(now, width))
        self.query_one("#notes", Static).update(notes(now))
        await self._show_stages(now)
        if now.reference is not None and not self.query_one("#reference", Static).has_class("filled"):
            self.query_one("#reference", Static).add_class("filled").update(
                Group(Text("The reference\n", "bold"), Syntax(now.reference, "python", word_wrap=True))
            )
            self.query_one("#panes").remove_class("reading")
            self._switch(reference=True)

    async def _show_stages(self, now: Snapshot) -> None:
        """Each stage is a text of its own; the view goes to one that is new."""
        statement = Statement.of(now.statement)
        texts = [statement.opening, *statement.stages.values()]
        box = self.query_one("#statement")
        for text in texts[len(box.children) :]:
            added = Markdown(text)
            await box.mount(added)
            if len(box.children) > 2:
                self.call_after_refresh(added.scroll_visible, top=True, animate=False)

    def _stands(self) -> bool:
        """Whether there is anything to draw on: not so while the room is opened or left, when news may come all the same."""
        return all(
            self.query(f"#{name}") for name in ("clock", "facts", "stages", "failure", "notes", "words", "reference")
        )

    def _show_clock(self) -> None:
        if not self._stands():
            return
        now = self._session.snapshot
        over = now.mark.at(Moment.now()).minute > now.record.minutes
        if over and not self._over and now.record.finished is None:
            self.notify("The time is over. What follows is shown apart; f finishes.", timeout=20)
            self.bell()
        self._over = over
        self.query_one("#clock", Static).update(clock_line(now, Moment.now(), self.size.width - 2))

    # ---- keys

    def action_ask(self) -> None:
        """Choose a question, and hear the answer."""
        now = self._session.snapshot
        if not now.questions:
            self._tell("No questions", "This exercise has no clarifying questions yet.")
            return

        def chosen(topic: str | None) -> None:
            if topic is not None:
                self._do(lambda: self._answer(topic))

        self.push_screen(Questions(now.questions, now.asked), chosen)

    def _answer(self, topic: str) -> None:
        question = self._session.ask(topic)
        self.push_screen(Told(question.ask, question.answer, _KEPT))

    def action_hint(self) -> None:
        """The next hint for the stage."""
        self._do(self._hint)

    def _hint(self) -> None:
        given = self._session.hint()
        self.push_screen(Told(f"Stage {given.stage}, {given.grade}", given.text, _KEPT))

    def action_next(self) -> None:
        """Show the next stage."""
        self._sure("Show the next stage, though this one has not passed? It is recorded.", self._session.next_stage)

    def action_pause(self) -> None:
        """Stop the clock, or let it go on."""
        running = self._session.snapshot.mark.running
        self._do(self._session.pause if running else self._session.unpause)

    def action_switch(self) -> None:
        """The statement on the whole screen and back; in the end from the statement to the reference and back."""
        if self._session.snapshot.reference is not None:
            self._switch(reference=not self.query_one("#reference").display)
        else:
            self.query_one("#panes").toggle_class("reading")

    def _switch(self, *, reference: bool) -> None:
        self.query_one("#reference").display = reference
        self.query_one("#statement").display = not reference
        self.query_one("#words", VerticalScroll).scroll_home(animate=False)

    def action_finish(self) -> None:
        """End the attempt."""
        self._sure("End the attempt? What is saved and graded by now is the result.", self._session.finish)

    def action_give_up(self) -> None:
        """End the attempt and see the reference."""
        self._sure("Give up, and see the reference?", lambda: self._session.finish(give_up=True))

    def _sure(self, text: str, deed: Callable[[], object]) -> None:
        self.push_screen(Sure(text), lambda sure: self._do(deed) if sure else None)

    def _tell(self, title: str, text: str) -> None:
        self.push_screen(Told(title, text))

    def _do(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except UserError as error:
            self._tell("That cannot be done", str(error))


def clock_line(now: Snapshot, moment: Moment, width: int) -> Text:
    """The clock against the par times, the score and the state of the clock, in three lines."""
    record, mark = now.record, now.mark.at(moment)
    score = now.card.score if now.card is not None else 0
    possible = now.card.possible if now.card is not None else 100
    minute = mark.minute if record.finished is None else record.finished
    over = minute - record.minutes
    time = f"{as_clock(minute)} of {record.minutes}:00"
    if record.finished is not None:
        state, style = f"ended at {time}", "bold"
    elif not mark.running:
        state, style = f"{time}  PAUSED (p goes on)", "bold yellow"
    elif over > 0:
        state, style = f"{time}, {as_clock(over)} over time", "bold red"
    else:
        state, style = time, "bold"
    total = f"{score} of {possible}"
    if record.result is not None and (over > 0 or record.finished is not None):
        total = f"result {record.result} of {possible}" + (f", now {score}" if score != record.result else "")
    title = f"{now.title}, attempt {record.number}"
    first = Text.assemble((title, "bold"), "   ", (state, style))
    first.truncate(max(1, width - len(total) - 1), overflow="ellipsis")
    first.append(" " * max(1, width - first.cell_len - len(total)) + total, "bold")
    return Text("\n").join([first, _bar(now, minute, width), _par(now, minute)])


def _bar(now: Snapshot, minute: float, width: int) -> Text:
    """The minutes as a line, with a mark where each stage should be done."""
    width = max(10, width)
    per_minute = width / max(now.record.minutes, 1)
    done = min(width, int(minute * per_minute))
    in_time = [stage for stage in now.stages if stage.par_until <= now.record.minutes]
    pars = {min(width - 1, int(stage.par_until * per_minute)): stage.number for stage in in_time}
    text = Text()
    for column in range(width):
        mark = f"{pars[column]}" if column in pars else ("━" if column < done else "─")
        text.append(mark, "bold" if column in pars else ("green" if column < done else "dim"))
    return text


def _par(now: Snapshot, minute: float) -> Text:
    open_ones = [stage for stage in now.stages if not stage.passed]
    if not open_ones:
        return Text("Every stage has passed.", "green")
    stage = open_ones[0]
    left = stage.par_until - minute
    pace = f"{as_clock(left)} left of par" if left >= 0 else f"{as_clock(-left)} behind par"
    return Text(f"Stage {stage.number} by {stage.par_until}:00: {pace}", "" if left >= 0 else "yellow")


def stage_line(stage: StageView) -> Text:
    """A stage with its points."""
    mark, style = ("✓", "green") if stage.passed else ("·", "")
    if stage.shown is None:
        return Text(f"  Stage {stage.number}: not shown yet", "dim")
    points = f"{stage.score} of {stage.possible}" if stage.possible else "not graded yet"
    return Text(f"{mark} Stage {stage.number}: {clean(stage.title)}, {points}", style)


def verdict(now: Snapshot, width: int) -> RenderableType:
    """What is known of the last save: how far the grade is, and the failure as a story and a timeline."""
    grading, failure = now.grading, now.grading.failure
    parts: list[RenderableType] = []
    if now.problem is not None:
        parts.append(Text(clean(now.problem), "bold red"))
    parts.append(_headline(now))
    if grading.message:
        parts.append(Text(clean(grading.message), "bold yellow"))
    if failure is not None and failure.counterexample is not None and grading.phase != "not scored":
        found = failure.counterexample
        parts += [Text(), Text(clean(failure.title), "bold")]
        parts += [Text(clean(line)) for line in found.story]
        drawn = timeline_text(lanes(found), width)
        parts += [Text(), *(Text(clean(line), no_wrap=True) for line in drawn)] if drawn else []
    if now.card is not None and now.card.types.status != "unknown" and grading.phase == "graded":
        count = len(now.card.types.problems)
        complaints = f"{count} complaint{'s' * (count != 1)}" if count else "no complaint"
        parts += [Text(), Text(f"mypy --strict has {complaints}.", "yellow" if count else "dim")]
    parts.append(Text())
    return Group(*parts)


def _headline(now: Snapshot) -> Text:
    grading = now.grading
    progress = f" ({grading.judged} of {grading.of})" if grading.of else ""
    if grading.phase == "waiting":
        return Text(f"Save {now.record.exercise}.py and it is graded.", "dim")
    if grading.phase == "not scored":
        return Text("Not scored.", "bold yellow")
    if grading.failure is None:
        if grading.phase == "grading":
            return Text(f"Grading{progress} ...", "dim")
        done = now.card is not None and now.card.score == now.card.possible and now.record.finished is None
        return Text(f"Everything passes{'; f finishes' * done}.", "bold green")
    if grading.failure.status == "not_attempted":
        word = "Not attempted yet"
    else:
        word = "Still red, same story" if grading.same_story else "Red"
    seconds = "" if grading.first_word is None else f", after {grading.first_word:.1f} s"
    more = f"; grading{progress} ..." if grading.phase == "grading" else ""
    if grading.shrinking:
        more = "; looking for the smallest play ..."
    return Text(f"{word}{seconds}{more}", "dim" if grading.failure.status == "not_attempted" else "bold red")


def notes(now: Snapshot) -> RenderableType:
    """What was asked and what hints were given, to read again."""
    lines = [Text(f"{question.ask}  {question.answer}") for question in now.asked]
    lines += [Text(f"Hint for stage {hint.stage}, {hint.grade}: {hint.text}") for hint in now.hints]
    submission = shown(now.record.folder / f"{now.record.exercise}.py")
    where = Text(f"Edit {submission} in your editor; each save is graded.", "dim")
    return Group(*([Text("Notes", "bold"), *lines, Text()] if lines else []), where)
