"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from burnin.script import Script
from burnin.suite import History

from .expected import whole
from .facts import Run, run_of


def room(run: Run) -> Iterator[tuple[str, int]]:
    """At each call of `next`, and after each event that was made, how many more events may be in flight."""
    marks = [(effect.began_seq, "next") for effect in run.nexts] + [(made.seq, "made") for made in run.made]
    for seq, kind in sorted(marks):
        made = sum(made.seq <= seq for made in run.made)
        sent = sum(send.effect.ended_seq < seq for send in run.sent)
        yield kind, run.ahead - (made - sent)


def in_flight(*wanted: tuple[str, int]) -> Callable[[Script, History], bool]:
    """Whether one of these is seen."""
    return lambda script, history: bool(
        history.calls_of("handle") and any(mark in wanted for mark in room(run_of(history)))
    )


def by_default(holds: Callable[[Script, History], bool]) -> Callable[[Script, History], bool]:
    """Whether that is seen in a call that leaves `ahead` out."""
    return lambda script, history: "ahead" not in history.calls[0].kwargs and holds(script, history)


def resumes(before_the_end: int) -> Callable[[Script, History], bool]:
    """Whether a call resumes so many characters before the end of the answer."""

    def holds(script: Script, history: History) -> bool:
        kwargs = history.calls[0].kwargs
        given = kwargs.get("last_event_id")
        if given is None or not (given.isascii() and given.isdigit()):
            return False
        chunks = [data for data, _, _ in script.worlds["upstream"].kwargs["chunks"]]
        return len(whole(chunks, kwargs.get("stop", ()))) - int(given) == before_the_end

    return holds


BOUNDS = {
    ("Bounded", "`next` is called when there is room for just one"): in_flight(("next", 1)),
    ("Bounded", "there is no room"): in_flight(("made", 0)),
    ("Bounded", "one more is in flight, of a chunk that made two"): in_flight(("made", -1)),
    ("Bounded", "there is room for just one of the default"): by_default(in_flight(("next", 1))),
    ("Bounded", "there is no room, by default"): by_default(in_flight(("made", 0))),
    ("Resume", "everything but the last character is there"): resumes(1),
    ("Resume", "everything is there"): resumes(0),
}
NO_BOUND = {"Reads ahead": "it is the other side of Bounded"}
