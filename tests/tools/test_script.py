"""A script is data: it can be written down and read again."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from burnin.script import (
    Cancel,
    Consume,
    Made,
    Saved,
    Script,
    Step,
    WorldRef,
    WorldSpec,
    script_from_data,
    script_to_data,
)

NAMES = st.sampled_from(["pool", "a", "b c", "é"])
PAUSES = st.tuples(st.floats(0, 1e6), st.integers(0, 5))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | NAMES | st.binary(max_size=4)
    | st.builds(Saved, NAMES) | st.builds(WorldRef, NAMES),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2) | st.builds(Made, NAMES, st.dictionaries(NAMES, inner, max_size=2)),
    max_leaves=4,
)  # fmt: skip
KWARGS = st.dictionaries(NAMES, VALUES, max_size=2)
STEPS = st.builds(
    Step,
    do=NAMES,
    on=st.none() | NAMES,
    args=st.lists(VALUES, max_size=2).map(tuple),
    kwargs=KWARGS,
    after=PAUSES,
    save=st.none() | NAMES,
    read=st.lists(NAMES, max_size=2).map(tuple),
    cancel=st.none() | st.builds(Cancel, after=st.none() | PAUSES, at_await=st.none() | st.integers(1, 9)),
    consume=st.none()
    | st.builds(Consume, pauses=st.lists(PAUSES, max_size=2).map(tuple), limit=st.none() | st.integers(1, 9)),
    enter=st.booleans(),
)
WORLDS = st.dictionaries(NAMES, st.builds(WorldSpec, NAMES, KWARGS), max_size=2)
SCRIPTS = st.builds(
    Script,
    setup=st.lists(STEPS, max_size=1).map(tuple),
    actors=st.dictionaries(NAMES, st.lists(STEPS, max_size=2).map(tuple), max_size=2),
    finale=st.lists(STEPS, max_size=1).map(tuple),
    worlds=WORLDS,
    drivers=WORLDS,
    mode=st.sampled_from(["calls", "tasks", "threads"]),
    backend=st.sampled_from(["asyncio", "trio"]),
    seed=st.none() | st.integers(0, 2**32),
    tape=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    errors=st.lists(NAMES, max_size=2).map(tuple),
    gap=st.integers(1, 99),
    drift=st.booleans(),
)


@given(SCRIPTS)
def test_a_script_comes_back_from_json_as_it_was(script: Script) -> None:
    text = json.dumps(script_to_data(script), allow_nan=False)
    assert script_from_data(json.loads(text)) == script


@pytest.mark.parametrize("value", [math.inf, -math.inf, 2**64, b"\0" * 2_000, Made("C", {"x": math.inf})])
def test_values_that_json_lacks_come_back(value: Any) -> None:
    script = Script(setup=(Step("f", args=(value,)),), actors={}, worlds={"w": WorldSpec("W", {"x": value})})
    assert script_from_data(json.loads(json.dumps(script_to_data(script), allow_nan=False))) == script


def test_tuples_in_arguments_become_lists() -> None:
    script = Script(setup=(Step("f", args=((1, 2),)),), actors={})
    assert script_from_data(script_to_data(script)).setup[0].args == ([1, 2],)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"setup": []},
        {"setup": [], "actors": {}, "mode": "magic"},
        {"setup": [{"after": 1}], "actors": {}},
    ],
)
def test_what_is_no_script_is_refused(data: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        script_from_data(data)
