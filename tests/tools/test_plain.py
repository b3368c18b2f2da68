"""What crosses between judge and worker is plain, whatever a submission makes and whatever a worker sends."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnin import plain
from burnin.plain import Hostile, Made, Opaque, Saved, Token, WorldRef, decode, encode, json_ready
from burnin.wire import MAX_MESSAGE

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = NAMES.filter(lambda name: not name.startswith("$"))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | NAMES
    | st.binary(max_size=8)
    | st.builds(Saved, NAMES)
    | st.builds(WorldRef, NAMES)
    | st.builds(Token, NAMES)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.builds(Made, NAMES, st.dictionaries(KEYS, inner, max_size=3))
    ),
    max_leaves=12,
)
TAGS = [
    "$int",
    "$bytes",
    "$float",
    "$object",
    "$pairs",
    "$made",
    "$saved",
    "$world",
    "$token",
    "$other",
    "fields",
    "kwargs",
]
WIRE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.sampled_from(["", "0x1", "-0x1", "ff", "nan", "inf", "0x" + "f" * 600])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    | st.binary(max_size=4)
    | st.datetimes(timezones=st.just(datetime.UTC)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(TAGS) | st.text(max_size=2), inner, max_size=3)
        | st.dictionaries(st.integers(0, 9) | st.binary(max_size=2), inner, max_size=2)
    ),
    max_leaves=10,
)


def over_the_wire(wire: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(wire))


def is_plain(value: Any) -> bool:
    """Whether a value is made of exactly the types that `decode` may build."""
    kind = type(value)
    if kind is list:
        return all(map(is_plain, value))
    if kind is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if kind is Opaque:
        return type(value.type) is str and is_plain(value.fields)
    if kind is Made:
        return type(value.cls) is str and is_plain(value.kwargs)
    if kind in (Saved, WorldRef):
        return type(value.name) is str
    return value is None or kind in (bool, int, float, str, bytes) or (kind is Token and type(value.token) is str)


# ---- round trips


@given(VALUES)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    assert decode(over_the_wire(encode(value))) == value


@given(VALUES)
def test_plain_data_comes_back_from_json_too(value: Any) -> None:
    text = json.dumps(json_ready(value), allow_nan=False)
    assert decode(json.loads(text)) == value


def test_nan_comes_back() -> None:
    assert math.isnan(decode(over_the_wire(encode(math.nan))))
    assert math.isnan(decode(json.loads(json.dumps(json_ready([math.nan]), allow_nan=False)))[0])


def test_long_bytes_come_back_from_json() -> None:
    data = bytes(range(256)) * 40
    assert decode(json_ready(data)) == data


def test_a_tuple_becomes_a_list() -> None:
    assert decode(encode((1, (2,)))) == [1, [2]]


# ---- objects of a submission


class Everything(int):
    """Equals everything, as a cheat would like it."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Text(str):
    __slots__ = ()


class Pairs(dict[str, int]):
    pass


class Items(list[int]):
    pass


class Real(float):
    pass


@pytest.mark.parametrize("value", [Everything(3), Text("a"), Pairs(a=1), Items([1]), Real(1.0), object(), int, len])
def test_what_only_pretends_to_be_plain_arrives_as_an_opaque_that_equals_nothing(value: Any) -> None:
    arrived = decode(over_the_wire(encode(value)))
    assert type(arrived) is Opaque
    assert arrived.type == type(value).__name__
    assert arrived == arrived
    assert arrived not in (3, "a", {"a": 1}, [1], 1.0, decode(encode(value)))


def test_a_lie_within_a_list_is_found_too() -> None:
    (arrived,) = decode(encode([Everything(3)]))
    assert arrived != 3


def test_a_metaclass_cannot_lie_about_the_name() -> None:
    class Liar(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]  # the lie is the test
            raise RuntimeError

    class Named(metaclass=Liar):
        pass

    assert encode(Named()) == {"$object": "Named"}


def test_a_dataclass_shows_its_fields() -> None:
    @dataclasses.dataclass
    class Lease:
        model: str
        inner: Any

    arrived = decode(over_the_wire(encode(Lease("a", Lease("b", 2**70)))))
    assert (arrived.model, arrived.inner.model, arrived.inner.inner) == ("a", "b", 2**70)
    with pytest.raises(AttributeError, match="Lease was not read for 'other'"):
        _ = arrived.other


def test_a_dataclass_with_impossible_field_names_is_opaque() -> None:
    @dataclasses.dataclass
    class Odd:
        fine: int

    field = Odd.__dataclass_fields__["fine"]
    for name in ("$object", "\ud800", 3):
        field.name = name  # type: ignore[assignment]  # the lie is the test
        assert encode(Odd(1)) == {"$object": "Odd"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("\ud800", "str with surrogates"),
        (2**5000, "int"),
        (-(2**5000), "int"),
        ([0] * 60_000, "large list"),
        (dict.fromkeys(map(str, range(60_000))), "large dict"),
        ("a" * 200_000, "long str"),
        (b"a" * 200_000, "long bytes"),
        (type("N" * 1000, (), {})(), "N" * 200),
    ],
)
def test_what_is_too_large_is_known_by_its_kind_alone(value: Any, said: str) -> None:
    arrived = decode(over_the_wire(encode(value)))
    assert type(arrived) is Opaque
    assert arrived.type == said


def test_integers_of_any_ordinary_size_come_back() -> None:
    for value in (2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**2048 - 1, -(2**2048) + 1):
        assert decode(over_the_wire(encode(value))) == value


def test_a_list_that_holds_itself_ends_somewhere() -> None:
    value: list[Any] = []
    value.append(value)
    assert is_plain(decode(over_the_wire(encode(value))))


def test_a_list_that_holds_itself_many_times_does_not_explode() -> None:
    value: list[Any] = []
    value.extend([value] * 50)
    wire = encode(value)
    assert len(msgspec.msgpack.encode(wire)) < MAX_MESSAGE
    assert is_plain(decode(over_the_wire(wire)))


@pytest.mark.parametrize("keys", [[1], ["$int"], [None, "a"], [("a",)], ["\ud800"], [Text("a")]])
def test_a_map_with_odd_keys_is_an_opaque_dict(keys: list[Any]) -> None:
    arrived = decode(over_the_wire(encode(dict.fromkeys(keys, 7))))
    assert type(arrived) is Opaque
    assert arrived.type == "dict"
    assert [value for _, value in arrived.pairs] == [7] * len(keys)


def nested(levels: int, value: Any) -> Any:
    for _ in range(levels):
        value = [value]
    return value


@given(
    st.recursive(
        LEAVES | st.just("\ud800") | st.just(2**5000) | st.builds(object),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.builds(nested, st.integers(1, 30), inner)
            | st.dictionaries(st.integers() | st.sampled_from(["$int", "a", "\ud800"]), inner, max_size=3)
            | st.builds(tuple, st.lists(inner, max_size=3))
        ),
        max_leaves=15,
    )
)
def test_whatever_is_encoded_can_be_sent_and_is_accepted(value: Any) -> None:
    assert is_plain(decode(over_the_wire(encode(value))))


# ---- what a hostile worker sends


@settings(max_examples=600)
@given(WIRE)
def test_anything_else_is_refused_as_hostile_and_nothing_else_is_raised(wire: Any) -> None:
    try:
        value = decode(over_the_wire(wire))
    except Hostile:
        return
    assert is_plain(value)


@pytest.mark.parametrize(
    "wire",
    [
        {"$int": "5"},
        {"$int": "0x5"},
        {"$int": "0x_ffffffffffffffffff"},
        {"$int": " 0xffffffffffffffffff"},
        {"$int": "0xFFFFFFFFFFFFFFFFFF"},
        {"$int": hex(2**3000)},
        {"$int": "0x" + "f" * 100_000},
        {"$int": hex(2**70), "fields": {}},
        {"$int": 2**60},
        {"$bytes": "F0"},
        {"$bytes": "f 0"},
        {"$bytes": "f"},
        {"$float": "1.0"},
        {"$float": "NaN"},
        {"$object": 1},
        {"$object": "a", "fields": []},
        {"$object": "a", "fields": {1: 2}},
        {"$object": "a", "kwargs": {}},
        {"$object": "a", "more": 1},
        {"$made": "a", "kwargs": {"$pairs": []}},
        {"$made": "a", "kwargs": 3},
        {"$made": "a", "fields": {}},
        {"$pairs": [[1]]},
        {"$pairs": [[1, 2, 3]]},
        {"$pairs": {}},
        {"$pairs": [], "fields": {}},
        {"$saved": "a", "$world": "b"},
        {"$token": ["a"]},
        {"$eval": "a"},
        {"$": "a"},
        {"a": 1, "$int": hex(2**70)},
        {1: 2},
        {b"a": 2},
        2**64 - 1,
        msgspec.msgpack.Ext(1, b""),
        nested(21, 1),
        [[0] * 20_000, [0] * 20_000, [0] * 20_000],
    ],
)
def test_what_no_encoder_makes_is_refused(wire: Any) -> None:
    with pytest.raises(Hostile):
        decode(over_the_wire(wire))


@pytest.mark.parametrize("value", [{1}, 1j, object(), (1, 2), Text("a"), Pairs(), True.__class__])
def test_what_is_no_data_is_refused(value: Any) -> None:
    with pytest.raises(Hostile):
        decode(value)


def test_names_are_resolved_where_somebody_can() -> None:
    wire = encode([Saved("pool"), Made("C", {"x": WorldRef("host")}), Token("t")])
    seen: list[tuple[str, Any]] = []

    def resolve(tag: str, value: Any) -> str:
        seen.append((tag, value))
        return tag

    assert decode(wire, resolve) == ["$saved", "$made", "$token"]
    assert seen == [
        ("$saved", Saved("pool")),
        ("$world", WorldRef("host")),
        ("$made", Made("C", {"x": "$world"})),
        ("$token", Token("t")),
    ]


def test_an_object_of_ours_may_have_a_form_of_its_own() -> None:
    wire = encode([Text("a"), object()], lambda value: {"$token": "t"} if type(value) is Text else None)
    assert decode(wire)[0] == Token("t")
    assert type(decode(wire)[1]) is Opaque


def test_the_name_of_a_type_is_shortened() -> None:
    assert len(plain.opaque("x" * 500, {})["$object"]) == plain.MAX_NAME
