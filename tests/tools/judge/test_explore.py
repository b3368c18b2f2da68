"""Exploring finds what breaks a promise, makes it small, and does so alike each time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume
from hypothesis import strategies as st

from burnin.history import Event, History
from burnin.judge import explore as module
from burnin.judge.explore import EFFORTS, Batch, Effort, Failure, Once, Seeded, explore
from burnin.judge.session import Session
from burnin.judge.verdict import Broken, Crashed, NotAttempted, Stuck, TimedOut, Verdict
from burnin.script import Script, Step
from burnin.suite import Play

FEW = Effort(seeded=100, generated=0)


def script_of(numbers: list[int]) -> Script:
    return Script(setup=(), actors={"A": tuple(Step("f", args=(number,)) for number in numbers)})


NUMBERS = st.lists(st.integers(0, 100), max_size=6)
SCRIPTS = NUMBERS.map(script_of)


def numbers_of(script: Script) -> list[int]:
    return [step.args[0] for step in script.actors["A"]]


class Recorder:
    """Plays without a worker: the history is empty, and `verdict(numbers)` may end a play."""

    def __init__(self, verdict: Callable[[list[int]], Verdict | None] = lambda numbers: None) -> None:
        self._verdict = verdict
        self.played: list[list[int]] = []
        self.last: Session | None = None

    def __call__(self, script: Script) -> History:
        self.played.append(numbers_of(script))
        self.last = Session(script)
        verdict = self._verdict(numbers_of(script))
        if verdict is not None:
            raise verdict
        return self.last.history


def at_most_a_hundred(play: Play, script: Script) -> None:
    play(script)
    if sum(numbers_of(script)) > 100:
        raise Broken("a sum of at most 100", str(sum(numbers_of(script))))


def anything(play: Play, script: Script) -> None:
    """A property that no history breaks."""
    play(script)


def failure(check: module.Property, play: Play, *, effort: Effort = FEW, seed: str = "0", batch: str = "0") -> Failure:
    with pytest.raises(Failure) as caught:
        explore(check, Batch(Seeded(SCRIPTS, batch), play), effort=effort, seed=seed)
    return caught.value


def test_what_holds_is_played_as_often_as_the_effort_says() -> None:
    play = Recorder()
    explore(anything, Batch(Seeded(SCRIPTS, "0"), play), effort=FEW, seed="0")
    assert len(play.played) == 100
    assert len({tuple(numbers) for numbers in play.played}) > 80


@pytest.mark.parametrize(("scale", "plays"), [(0.5, 50), (2.0, 200), (0.0, 1)])
def test_a_property_may_ask_for_more_or_less(scale: float, plays: int) -> None:
    play = Recorder()
    explore(anything, Batch(Seeded(SCRIPTS, "0"), play), effort=FEW, seed="0", scale=scale)
    assert len(play.played) == plays


def test_a_failure_is_shrunk_to_the_smallest_script() -> None:
    found = failure(at_most_a_hundred, Recorder())
    assert found.script is not None
    assert sorted(numbers_of(found.script)) == [1, 100]
    assert isinstance(found.verdict, Broken)
    assert found.verdict.got == "101"
    assert found.history is not None
    assert found.history.script is found.script


@st.composite
def counted(draw: Callable[[st.SearchStrategy[int]], int]) -> Script:
    """All that is drawn. Numbers say how many follow, so that leaving one out may make a longer script."""
    drawn = [draw(st.integers(0, 3))]
    drawn += [draw(st.integers(0, 8)) for _ in range(drawn[0])]
    for most in (2, 15):
        drawn.append(draw(st.integers(0, most)))
        drawn += [draw(st.integers(0, 3)) for _ in range(drawn[-1])]
    return script_of(drawn)


@pytest.mark.parametrize("seed", range(12))
def test_the_smallest_failure_met_is_told_wherever_a_shrink_ends(seed: int) -> None:
    def never(play: Play, script: Script) -> None:
        play(script)
        if sum(numbers_of(script)) > 8:
            raise Broken("anything else")

    for plays in (5, 10, 20, 40):
        play = Recorder()
        with pytest.raises(Failure) as caught:
            explore(never, Batch(Seeded(counted(), str(seed)), play, shrink_plays=plays), effort=FEW, seed="0")
        assert caught.value.script is not None
        failing = [numbers for numbers in play.played if sum(numbers) > 8]
        assert numbers_of(caught.value.script) == min(failing, key=lambda numbers: (len(numbers), numbers))


def test_a_shrink_has_a_bounded_number_of_plays() -> None:
    play = Recorder()
    with pytest.raises(Failure) as caught:
        explore(at_most_a_hundred, Batch(Seeded(SCRIPTS, "0"), play, shrink_plays=7), effort=FEW, seed="0")
    first = next(index for index, numbers in enumerate(play.played) if sum(numbers) > 100)
    assert len(play.played) <= first + 1 + 7
    assert caught.value.script is not None
    assert sum(numbers_of(caught.value.script)) > 100


def test_a_shrink_ends_with_what_it_has_when_it_is_told_to() -> None:
    play = Recorder()
    found: list[int] = []
    batch = Batch(
        Seeded(SCRIPTS, "0"),
        play,
        found=lambda failure: found.append(len(play.played)),
        enough=lambda: len(play.played) >= found[0] + 4,
    )
    with pytest.raises(Failure) as caught:
        explore(at_most_a_hundred, batch, effort=FEW, seed="0")
    assert len(play.played) == found[0] + 4
    assert caught.value.script is not None
    assert sum(numbers_of(caught.value.script)) > 100


def test_nothing_is_drawn_for_a_shrink_that_has_had_its_plays() -> None:
    drawn: list[list[int]] = []

    def noted(numbers: list[int]) -> Script:
        drawn.append(numbers)
        return script_of(numbers)

    play = Recorder()
    with pytest.raises(Failure):
        explore(at_most_a_hundred, Batch(Seeded(NUMBERS.map(noted), "0"), play, shrink_plays=7), effort=FEW, seed="0")
    assert len(drawn) <= len(play.played) + 1


def test_a_failure_may_be_left_as_it_was_found() -> None:
    play = Recorder()
    with pytest.raises(Failure) as caught:
        explore(at_most_a_hundred, Batch(Seeded(SCRIPTS, "0"), play, shrink_plays=0), effort=FEW, seed="0")
    assert caught.value.script is not None
    assert numbers_of(caught.value.script) == play.played[-1]


def test_scripts_are_drawn_once_for_all_batches() -> None:
    seeded = Seeded(SCRIPTS, "0")
    first, second = Recorder(), Recorder()
    explore(anything, Batch(seeded, first), effort=FEW, seed="0")
    drawn = [seeded.script(number) for number in range(100)]
    explore(anything, Batch(seeded, second), effort=FEW, seed="0")
    assert second.played == first.played
    assert all(seeded.script(number) is drawn[number] for number in range(100))


def test_the_same_is_found_each_time_whatever_was_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis would draw numbers that it finds in local modules."""
    first = Recorder()
    found = failure(at_most_a_hundred, first)
    (tmp_path / "full_of_numbers.py").write_text(f"NUMBERS = {list(range(2, 100))}\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("full_of_numbers")
    second = Recorder()
    again = failure(at_most_a_hundred, second)
    del sys.modules["full_of_numbers"]
    assert second.played == first.played
    assert again.script == found.script


def test_the_seed_decides_which_scripts_are_played() -> None:
    one, other = Recorder(), Recorder()
    for play, seed in ((one, "0"), (other, "1")):
        explore(anything, Batch(Seeded(SCRIPTS, seed), play), effort=EFFORTS["quick"], seed=seed)
    assert one.played != other.played


@pytest.mark.parametrize("verdict", [Crashed("it crashed"), TimedOut("it hung"), NotAttempted("there is no f")])
def test_any_other_verdict_is_reported_as_it_was_found(verdict: Verdict) -> None:
    play = Recorder(lambda numbers: verdict if len(numbers) > 3 else None)
    found = failure(anything, play)
    assert found.verdict is verdict
    assert found.script is not None
    assert numbers_of(found.script) == play.played[-1]
    assert [len(numbers) > 3 for numbers in play.played].count(True) == 1


def test_a_crash_while_shrinking_ends_the_shrink_with_the_failure_found_so_far() -> None:
    """A worker that crashes takes long to replace, and what is broken stays broken."""
    crashes = Recorder(lambda numbers: Crashed("it crashed") if len(numbers) == 3 else None)
    play = Recorder()

    def crashing(play: Play, script: Script) -> None:
        (crashes if shrinking else play)(script)
        shrinking.extend(numbers for numbers in [numbers_of(script)] if sum(numbers) > 100)
        at_most_a_hundred(play, script)

    shrinking: list[list[int]] = []
    found = failure(crashing, play)
    assert isinstance(found.verdict, Broken)
    assert len(crashes.played[-1]) == 3
    assert [len(numbers) for numbers in crashes.played].count(3) == 1


def test_the_generated_phase_finds_what_the_seeded_one_missed() -> None:
    def never_a_hundred(play: Play, script: Script) -> None:
        play(script)
        if 100 in numbers_of(script):
            raise Broken("no 100")

    play = Recorder()
    explore(never_a_hundred, Batch(Seeded(SCRIPTS, "3"), play), effort=Effort(2, 0), seed="3")
    found = failure(never_a_hundred, play, effort=Effort(2, 300), seed="3", batch="3")
    assert found.script is not None
    assert numbers_of(found.script) == [100]


def test_a_crash_in_the_generated_phase_ends_it() -> None:
    play = Recorder(lambda numbers: Crashed("it crashed") if len(numbers) == 6 else None)
    found = failure(anything, play, effort=Effort(1, 300), batch="5")
    assert isinstance(found.verdict, Crashed)
    assert [len(numbers) for numbers in play.played].count(6) == 1


def test_a_strategy_may_give_scripts_up() -> None:
    @st.composite
    def even(draw: Callable[[st.SearchStrategy[list[int]]], list[int]]) -> Script:
        numbers = draw(NUMBERS)
        assume(sum(numbers) % 2 == 0)
        return script_of(numbers)

    play = Recorder()
    explore(anything, Batch(Seeded(even(), "0"), play), effort=Effort(100, 20), seed="0")
    assert len(play.played) > 40
    assert all(sum(numbers) % 2 == 0 for numbers in play.played)
    with pytest.raises(Failure) as caught:
        explore(at_most_a_hundred, Batch(Seeded(even(), "0"), play), effort=FEW, seed="0")
    assert caught.value.script is not None
    assert sum(numbers_of(caught.value.script)) == 102


def test_properties_of_one_batch_share_their_plays() -> None:
    play = Recorder(lambda numbers: TimedOut("it hung") if len(numbers) == 5 else None)
    batch = Batch(Seeded(SCRIPTS, "0"), play)
    seen: list[History] = []

    def look(play: Play, script: Script) -> None:
        seen.append(play(script))

    for _ in range(2):
        with pytest.raises(Failure) as caught:
            explore(look, batch, effort=FEW, seed="0")
        assert isinstance(caught.value.verdict, TimedOut)
        assert batch.last is not None
        assert caught.value.history is batch.last.history
    assert len(seen) == 2 * (len(play.played) - 1)
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]


def test_properties_that_choose_the_same_scripts_share_their_plays() -> None:
    play = Recorder(lambda numbers: TimedOut("it hung") if numbers == [2] else None)
    once, scripts = Once(play), [script_of([1]), script_of([2])]
    for _ in range(2):
        assert once(scripts[0]) is once(scripts[0])
        with pytest.raises(TimedOut):
            once(scripts[1])
        assert once.last is not None
        assert once.last.script is scripts[1]
    assert play.played == [[1], [2]]


def stuck(numbers: list[int]) -> Verdict | None:
    """Nothing comes to its end; what was played shows in the history all the same."""
    history = History(script_of(numbers), {})
    history.events.append(Event(0, 0.0, "stop"))
    return Stuck("every call to come to an end", "a deadlock", history)


def test_what_is_wrong_in_a_play_that_got_stuck_is_told_before_that_it_did() -> None:
    def sums(play: Play, script: Script) -> None:
        at_most_a_hundred(play, play(script).script)

    batch = Batch(Seeded(st.just(script_of([99, 99])), "0"), Recorder(stuck))
    with pytest.raises(Failure) as caught:
        explore(sums, batch, effort=FEW, seed="0")
    assert isinstance(caught.value.verdict, Broken)
    assert caught.value.verdict.got == "198"
    with pytest.raises(Failure) as caught:
        explore(anything, batch, effort=FEW, seed="0")
    assert isinstance(caught.value.verdict, Stuck)
    with pytest.raises(Failure) as caught:
        explore(lambda play, script: print(play(script).calls[0]), batch, effort=FEW, seed="0")
    assert isinstance(caught.value.verdict, Stuck)
