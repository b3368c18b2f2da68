"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from burnin.script import Script
from burnin.suite import History

from .facts import Run, run_of

Holds = Callable[[Script, History], bool]


def some_run(test: Callable[[Run], bool]) -> Holds:
    """Whether the test holds for the play's call of `handle`, if it makes one."""
    return lambda script, history: bool(history.calls_of("handle")) and test(run_of(history))


def in_flight(run: Run, seq: int) -> int:
    """The events in flight at this point of the history."""
    return sum(made.seq <= seq for made in run.made) - sum(send.effect.ended_seq <= seq for send in run.sent)


def room(run: Run) -> Iterator[int]:
    """Each time that `next` returns a chunk: how many more events could be in flight."""
    for effect in run.nexts:
        if effect.outcome == "returned" and effect.value is not None:
            yield run.kwargs.get("ahead", 8) - in_flight(run, effect.ended_seq)


def spare(run: Run) -> Iterator[float]:
    """For each call of `next` that has a timeout: the seconds that were left of it."""
    for number, effect in enumerate(run.nexts):
        yield effect.began + run.timeout(number) - effect.ended


def resumes(at_the_end: bool) -> Holds:
    """Whether a client resumes that has the whole answer, or that has not."""

    def test(run: Run) -> bool:
        text = any(made.told.kind == "text" for made in run.made)
        return run.kwargs.get("last_event_id") is not None and not run.bad_id and text != at_the_end

    return some_run(test)


BOUNDS = {
    ("Bounded", "`next` is called when there is room for one more"): some_run(
        lambda run: any(in_flight(run, effect.began_seq) == run.kwargs.get("ahead", 8) - 1 for effect in run.nexts)
    ),
    ("Bounded", "there is no room when `next` has returned"): some_run(
        lambda run: any(left <= 0 for left in room(run))
    ),
    ("Timeouts", "over a quarter of a second before"): some_run(lambda run: any(left == 0.25 for left in spare(run))),
    ("Timeouts", "not over in time"): some_run(
        lambda run: any(run.timed_out(number) for number in range(len(run.nexts)))
    ),
    ("Resume", "from the end of the answer"): resumes(at_the_end=True),
    ("Resume", "from before the end"): resumes(at_the_end=False),
}
NO_BOUND = {"Reads ahead": "the other side of `Bounded`"}
