"""The room on a terminal: what it shows, and what its keys do. Textual's pilot presses the keys; the session below is real."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio.to_thread
import msgspec
import pytest
from rich.console import Console, RenderableType
from small_library import REFERENCE, WRONG
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Markdown, Static

from burnin.practice import Attempt, Moment
from burnin.practice.room import Room, clock_line, stage_line, verdict
from burnin.practice.session import Session
from burnin.practice.snapshot import Snapshot, StageView

from .rooms import Heard, counter_library, started

pytestmark = [pytest.mark.usefixtures("no_types"), pytest.mark.asyncio]


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return started(counter_library(tmp_path))


class Hand:
    """Presses keys and reads the screen."""

    def __init__(self, pilot: Pilot[None], session: Session, attempt: Attempt) -> None:
        self.pilot, self.session, self.attempt, self.heard = pilot, session, attempt, Heard(session)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def graded(self, score: int) -> None:
        await anyio.to_thread.run_sync(self.heard.graded, score)
        await self.pilot.pause()

    def shown(self, name: str) -> str:
        """The text of a part of the room."""
        return plain(self.pilot.app.query_one(f"#{name}", Static).content)  # type: ignore[arg-type]  # all parts are drawn with rich

    def statement(self) -> str:
        return "\n".join(text.source for text in self.pilot.app.query(Markdown))

    def box(self) -> str:
        """The text of the box in front."""
        return "\n".join(plain(part.content) for part in self.pilot.app.screen.query(Static))  # type: ignore[arg-type]  # all parts are drawn with rich

    def kinds(self) -> list[str]:
        return [f"{event.kind} {event.detail}".rstrip() for event in self.attempt.record().events]


def plain(content: RenderableType, width: int = 140) -> str:
    console = Console(width=width, color_system=None, legacy_windows=False)
    with console.capture() as captured:
        console.print(content)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


@asynccontextmanager
async def entered(attempt: Attempt, size: tuple[int, int] = (140, 50)) -> AsyncIterator[Hand]:
    session = Session(attempt, jobs=1)
    with session:
        async with Room(session).run_test(size=size) as pilot:
            hand = Hand(pilot, session, attempt)
            await hand.graded(0)
            yield hand


async def test_it_shows_the_first_stage_and_the_clock(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        assert "Count." in hand.statement()
        assert "Stage 2" not in hand.statement()
        assert re.search(r"Counter, attempt 1   0:\d\d of 20:00 .* 0 of 100\n", hand.shown("clock"))
        assert "Stage 1 by 10:00: 9:" in hand.shown("clock")
        assert hand.shown("stages").startswith("· Stage 1: Count, 0 of 60\n  Stage 2: not shown yet")
        assert "Not attempted yet" in hand.shown("failure")


async def test_a_save_shows_its_first_failure_as_a_story_and_a_timeline(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        attempt.submission.write_text(WRONG)
        await hand.graded(70)
        failure = hand.shown("failure")
        assert re.match(
            r"Red, after \d+\.\d s\n\nadd raises Full when the total would pass the limit.\nCounter\(", failure
        )
        assert "expected: Full\n" in failure
        assert "▲" in failure
        assert "70 of 100" in hand.shown("clock")
        attempt.submission.write_text(WRONG + "#")
        await hand.graded(70)
        await anyio.to_thread.run_sync(
            hand.heard.until, lambda now: now.grading.same_story and now.grading.phase == "graded"
        )
        await hand.pilot.pause()
        assert hand.shown("failure").startswith("Still red, same story, after ")
        attempt.submission.write_text(REFERENCE)
        await hand.graded(100)
        assert hand.shown("failure").startswith("Everything passes; f finishes.\n\nmypy --strict has no complaint.")
        assert "## Stage 2" in hand.statement()
        assert hand.shown("stages").startswith("✓ Stage 1: Count, 60 of 60\n✓ Stage 2: Report, 40 of 40")
        assert "Every stage has passed." in hand.shown("clock")


@pytest.mark.parametrize("size", [(140, 50), (80, 24)])
async def test_the_statement_can_have_the_whole_screen(attempt: Attempt, size: tuple[int, int]) -> None:
    async with entered(attempt, size) as hand:
        words = hand.pilot.app.query_one("#words")
        before = words.size
        await hand.pilot.press("s")
        await hand.pilot.pause()
        assert words.size.width >= size[0] - 6
        assert words.size.height >= size[1] - 7
        await hand.pilot.press("s")
        await hand.pilot.pause()
        assert words.size == before


async def test_a_file_that_does_not_parse(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        attempt.submission.write_text("def")
        await anyio.to_thread.run_sync(hand.heard.until, lambda now: now.grading.phase == "not scored")
        await hand.pilot.pause()
        assert hand.shown("failure").startswith("Not scored.\ndoes not parse: line 1: invalid syntax")


async def test_ask(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        await hand.press("a")
        await hand.press("escape")
        assert "asked limit" not in hand.kinds()
        await hand.press("a", "enter")
        assert "May it be reached?\nYes.\n" in hand.box()
        await hand.press("escape")
        assert hand.kinds()[-1] == "asked limit"
        assert "May it be reached?  Yes." in hand.shown("notes")


async def test_hint(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        await hand.press("h")
        assert "Look at the limit." in hand.box()
        await hand.press("escape", "h", "escape")
        assert hand.kinds()[-2:] == ["hint 1 nudge", "hint 1 approach"]
        assert "Hint for stage 1, approach: Compare before you add." in hand.shown("notes")


async def test_the_next_stage_is_shown_on_request(attempt: Attempt) -> None:
    async with entered(attempt, (140, 20)) as hand:
        await hand.press("n", "n")
        assert "## Stage 2" not in hand.statement()
        await hand.press("n", "y")
        assert "## Stage 2" in hand.statement()
        assert hand.kinds()[-1] == "stage_shown 2 on request"
        await hand.press("n", "y")
        assert "All stages have been shown." in hand.box()
        await hand.press("h")  # the box is in front
        assert hand.kinds()[-1] == "stage_shown 2 on request"
        await hand.press("escape", "h")
        assert "There are no hints for stage 2." in hand.box()


async def test_pause(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        await hand.press("p")
        assert "PAUSED (p goes on)" in hand.shown("clock")
        await hand.press("p")
        assert "PAUSED" not in hand.shown("clock")
        assert hand.kinds()[-2:] == ["paused", "unpaused"]


@pytest.mark.parametrize(("key", "kind"), [("f", "finished"), ("g", "gave_up")])
async def test_the_end_shows_the_reference(attempt: Attempt, key: str, kind: str) -> None:
    async with entered(attempt) as hand:
        await hand.press("s")
        await hand.press(key, "n")
        assert attempt.record().finished is None
        await hand.press(key, "y")
        assert hand.kinds()[-1] == kind
        assert "# the reference" in hand.shown("reference")
        assert "ended at 0:0" in hand.shown("clock")
        assert hand.pilot.app.query_one("#reference").display
        await hand.press("s")
        assert not hand.pilot.app.query_one("#reference").display
        await hand.press("p")
        assert "has ended" in hand.box()


async def test_leaving_ends_nothing(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        await hand.press("q")
    assert attempt.record().finished is None


@pytest.mark.parametrize(("columns", "side_by_side"), [(140, True), (80, False)])
async def test_the_panes_fit_the_terminal(attempt: Attempt, columns: int, side_by_side: bool) -> None:
    async with entered(attempt, (columns, 30)) as hand:
        words, facts = (hand.pilot.app.query_one(name, VerticalScroll).region for name in ("#words", "#facts"))
        assert (words.y == facts.y) is side_by_side
        assert min(words.height, facts.height) >= 5
        assert facts.right <= columns


async def test_what_a_submission_says_cannot_draw(attempt: Attempt) -> None:
    async with entered(attempt) as hand:
        attempt.submission.write_text(REFERENCE.replace("raise Full", 'raise ValueError("[red]\\x1b[2J")'))
        await hand.graded(40)
        assert "ValueError: [red]\\x1b[2J at counter.py" in hand.shown("failure")


# ---- the lines, for moments that a test cannot wait for


@pytest.fixture
def now(attempt: Attempt) -> Snapshot:
    return Session(attempt).snapshot


Later = Callable[[float], str]


@pytest.fixture
def at(now: Snapshot) -> Later:
    def line(minutes: float) -> str:
        moment = now.mark.moment
        return plain(clock_line(now, replace(moment, monotonic=moment.monotonic + minutes * 60 - now.mark.active), 80))

    return line


async def test_the_clock_against_par(at: Later) -> None:
    assert at(0).splitlines()[1] == "─" * 40 + "1" + "─" * 38 + "2"
    assert at(5.1).splitlines()[1].startswith("━" * 20 + "─")
    assert at(9.5).endswith("Stage 1 by 10:00: 0:30 left of par")
    assert at(12).endswith("Stage 1 by 10:00: 2:00 behind par")
    assert "   21:30 of 20:00, 1:30 over time " in at(21.5)
    assert max(map(len, at(21.5).splitlines())) == 80


async def test_overtime_is_shown_apart(attempt: Attempt) -> None:
    store = attempt.store
    with Session(attempt, jobs=1) as session:
        heard = Heard(session)
        attempt.submission.write_text(WRONG)
        card = heard.graded(70).card
        assert card is not None
    store.grade(attempt.name, 1, msgspec.structs.replace(card, score=100), b"", Moment.now().wall, 25.0)
    late = Session(attempt).snapshot
    moment = replace(late.mark.moment, monotonic=late.mark.moment.monotonic + 1500)
    assert "result 70 of 100, now 100" in plain(clock_line(late, moment, 80))


async def test_a_stage_says_how_it_stands() -> None:
    stage = StageView(2, "Report", 20, 40, 40, 3.0)
    assert stage_line(stage).plain == "✓ Stage 2: Report, 40 of 40"
    assert stage_line(replace(stage, score=0)).plain == "· Stage 2: Report, 0 of 40"
    assert stage_line(replace(stage, shown=None)).plain == "  Stage 2: not shown yet"


async def test_a_fault_of_the_tools_is_shown(now: Snapshot) -> None:
    assert plain(verdict(replace(now, problem="The disk is full."), 80)).startswith(
        "The disk is full.\nSave counter.py"
    )
