"""Results are computed once, kept by all that can change them, and read again by the next run."""

from __future__ import annotations

import os
import time
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Event

import msgspec
import pytest
from small_library import REFERENCE, STUB, SmallLibrary

from burnin.contribute.cards import KEPT_SECONDS, Ask, Cards, Source, cache_of, suite_digest
from burnin.grade import GraderFailed
from burnin.grade.grader import JUDGE_ENDED
from burnin.scorecard import Counterexample, Scorecard

pytestmark = pytest.mark.usefixtures("no_types")


def ask(text: str = REFERENCE, **options: str) -> Ask:
    return Ask(Source("it", text.encode()), effort="quick", **options)  # type: ignore[arg-type]  # options by name


def test_a_grade_is_made_once_and_kept(small_library: SmallLibrary, tmp_path: Path) -> None:
    exercise = small_library.exercise
    with Cards(tmp_path, jobs=1) as cards:
        first = cards.card(exercise, ask())
        assert cards.card(exercise, ask()) == first
        assert (cards.asked, cards.done, cards.computed) == (1, 1, 1)
    with Cards(tmp_path, jobs=1) as cards:
        assert cards.card(exercise, ask()) == first
        assert cards.card(exercise, ask(STUB)).score == 0
        assert (cards.asked, cards.computed) == (2, 1)
    assert first.score == 100


def test_without_a_folder_nothing_is_kept(small_library: SmallLibrary, tmp_path: Path) -> None:
    for _ in range(2):
        with Cards(None, jobs=1) as cards:
            cards.remember(["a"], int, lambda: 1)
            assert cards.computed == 1


def test_a_broken_file_is_made_anew(tmp_path: Path) -> None:
    with Cards(tmp_path) as cards:
        assert cards.remember(["a"], int, lambda: 1) == 1
    (path,) = tmp_path.glob("*/*.json")
    path.write_text("{")
    with Cards(tmp_path) as cards:
        assert cards.remember(["a"], int, lambda: 2) == 2
    assert path.read_text() == "2"


def test_what_nobody_asks_for_any_more_goes(tmp_path: Path) -> None:
    with Cards(tmp_path) as cards:
        cards.remember(["a"], int, lambda: 1)
    (path,) = tmp_path.glob("*/*.json")
    long_ago = time.time() - KEPT_SECONDS - 1
    os.utime(path, (long_ago, long_ago))
    with Cards(tmp_path):
        pass
    assert not path.exists()


def test_the_key_is_what_has_a_say(small_library: SmallLibrary) -> None:
    exercise = small_library.exercise
    before = suite_digest(exercise)
    small_library.add("stories.txt", "no code\n")
    assert suite_digest(exercise) == before
    small_library.add("more.py", "x = 1\n")
    after = suite_digest(exercise)
    assert after != before
    small_library.share("limits.py", "LEAST = 5\n")
    assert suite_digest(exercise) != after


def test_a_suite_at_fault_is_told_each_time(small_library: SmallLibrary, tmp_path: Path) -> None:
    small_library.add("test_more.py", "raise OSError\n")
    for _ in range(2):
        with Cards(tmp_path, jobs=1) as cards, pytest.raises(GraderFailed):
            cards.card(small_library.exercise, ask())


def test_a_grade_whose_judge_was_killed_is_not_kept(small_library: SmallLibrary, tmp_path: Path) -> None:
    whole = small_library.grade(REFERENCE)
    stages = msgspec.structs.replace(whole.stages[0])
    killed = Counterexample(None, [], "it adds", f"{JUDGE_ENDED} SIGTERM", [])
    stages.properties = [
        msgspec.structs.replace(found, status="crashed", counterexample=killed) for found in stages.properties
    ]
    cut_off = msgspec.structs.replace(whole, stages=[stages])
    for made, card in enumerate([cut_off, cut_off, whole], 1):
        with Cards(tmp_path) as cards:
            assert cards.remember(["a"], Scorecard, lambda card=card: card) == card, made  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    with Cards(tmp_path) as cards:
        assert cards.remember(["a"], Scorecard, lambda: cut_off) == whole


def test_grades_apart_differ_in_their_surroundings_only(small_library: SmallLibrary, tmp_path: Path) -> None:
    with Cards(tmp_path) as cards:
        first, second = cards.apart(small_library.exercise, ask(), range(2))
    assert first.card.stages == second.card.stages
    assert first.seconds > 0
    assert first.processor > 0
    assert first.first_failure is None


def test_grades_apart_can_be_forgotten(small_library: SmallLibrary, tmp_path: Path) -> None:
    exercise = small_library.exercise
    with Cards(tmp_path, jobs=1) as cards:
        cards.apart(exercise, ask(), [0, 1])
        cards.forget_apart(exercise, ask(), [1])
        cards.apart(exercise, ask(), [0, 1])
        assert cards.computed == 3
    with Cards(tmp_path, jobs=1) as cards:
        cards.forget_apart(exercise, ask(), [0, 1])
        cards.apart(exercise, ask(), [0])
        assert cards.computed == 1


def test_the_cache_of_a_library_ignores_itself(tmp_path: Path) -> None:
    assert cache_of(tmp_path) == tmp_path / ".burnin" / "cache"
    assert (tmp_path / ".burnin" / ".gitignore").read_text() == "*\n"


def test_a_library_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / ".burnin").write_text("a file in its place")
    assert cache_of(tmp_path) is None


def test_after_a_stop_nothing_more_is_computed() -> None:
    with Cards(None, jobs=1) as cards:
        began, go_on = Event(), Event()
        first = cards.later(["a"], bool, lambda: began.set() or go_on.wait(60))
        second = cards.later(["b"], bool, lambda: True)
        assert began.wait(60)
        cards.stop()
        go_on.set()
        assert first.result()
        with pytest.raises(CancelledError):
            second.result()
