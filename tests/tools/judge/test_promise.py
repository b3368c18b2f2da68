"""What a suite may write, and what it is told when it may not."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from hypothesis import strategies as st

from burnin.judge.promise import Promise, promise_of
from burnin.suite import Broken, broken, promise, require


def mark(**more: Any) -> Any:
    return promise(**{"stage": 1, "points": 5, "level": "core", "rule": "Rule", **more})


def check(play: Any) -> None:
    """The sentence
    of two lines."""


def test_a_promise_is_a_test_with_a_sentence() -> None:
    test = mark(scale=2.0)(check)
    made = promise_of(test)
    assert made == Promise("check", "The sentence of two lines.", 1, 5, "core", "Rule", check, None, 2.0)
    assert list(inspect.signature(test).parameters) == ["judgement"]
    judged: list[Promise] = []
    test(judged.append)
    assert judged == [made]


def test_the_name_is_without_test() -> None:
    def test_budget(play: Any) -> None:
        "A sentence."

    made = promise_of(mark()(test_budget))
    assert made is not None
    assert made.id == "budget"


@pytest.mark.parametrize("other", [check, None, 3, type("X", (), {"__burnin_promise__": "a lie"})])
def test_nothing_else_is_a_promise(other: Any) -> None:
    assert promise_of(other) is None


def test_a_promise_without_a_sentence_is_refused() -> None:
    def test_budget(play: Any) -> None:
        " "

    with pytest.raises(ValueError, match="test_budget needs a docstring"):
        mark()(test_budget)


def test_tags_are_of_the_known_kinds() -> None:
    made = promise_of(mark(tags=("boundaries", "cost"))(check))
    assert made is not None
    assert made.tags == ("boundaries", "cost")
    with pytest.raises(ValueError, match="there is no tag 'luck'"):
        mark(tags=("luck",))


@pytest.mark.parametrize("wrong", [{"level": "middling"}, {"points": 0}, {"points": -1}])
def test_there_are_two_levels_and_points_to_win(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="level"):
        mark(**wrong)


def test_only_properties_that_choose_their_scripts_say_that_they_share_them() -> None:
    with pytest.raises(ValueError, match="share its plays anyhow"):
        mark(scripts=st.nothing(), shares="traces")


def test_a_requirement_breaks_the_promise_unless_it_holds() -> None:
    require(True, "anything")
    with pytest.raises(Broken) as caught:
        require(False, "one", "two", 3.0)
    assert (caught.value.expected, caught.value.got, caught.value.at) == ("one", "two", 3.0)
    assert str(caught.value) == "expected one, got two"
    with pytest.raises(Broken, match=r"^expected one$"):
        broken("one")
