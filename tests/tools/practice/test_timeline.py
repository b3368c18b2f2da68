"""Timelines: what is drawn, where, and that hostile text stays text."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnin.practice.timeline import Lane, Span, Timeline, lanes
from burnin.practice.timeline_drawing import svg, text
from burnin.scorecard import Counterexample
from burnin.script import Saved, Script, Step, WorldRef, WorldSpec, script_to_data

SCRIPT = Script(
    setup=(Step("Pool", args=(WorldRef("host"), 3), save="pool"), Step(on="pool", enter=True)),
    actors={
        "A": (
            Step("acquire", on="pool", args=("a",), save="A0"),
            Step("release", on="A0"),
            Step("give", args=(Saved("A0"),)),
        ),
        "B": (Step("acquire", on="pool", args=("b",), save="B0"), Step("release", on="B0")),
    },
    finale=(Step("acquire", on="pool", args=("whole",), save="last"),),
    worlds={"host": WorldSpec("Host", {})},
    mode="tasks",
)

HANDLES = {name: {"$object": "handle", "fields": {"number": number, "about": name}} for number, name in enumerate("ab")}


def history(*events: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Events from (t, kind, actor, call, what, value, effect)."""
    fields = ("t", "kind", "actor", "call", "what", "value", "effect")
    missing = (0.0, "", "", 0, "", None, 0)
    return [
        {"seq": seq, **dict(zip(fields, [*event, *missing[len(event) :]], strict=True))}
        for seq, event in enumerate(events)
    ]


EVENTS = history(
    (0.0, "call", "", 1, "Pool"),
    (0.0, "return", "", 1, "Pool", {"$object": "Pool"}),
    (0.0, "call", "", 2, "enter"),
    (0.0, "return", "", 2, "enter"),
    (0.0, "call", "A", 3, "acquire"),
    (0.0, "call", "B", 4, "acquire"),
    (0.0, "effect", "", 0, "host.load", ["a"], 1),
    (0.0, "effect", "", 0, "host.load", ["b"], 2),
    (0.5, "cancel", "B", 4, "acquire"),
    (0.5, "cancelled", "B", 4, "acquire"),
    (1.0, "answer", "", 0, "host.load", HANDLES["b"], 2),
    (1.0, "answer", "", 0, "host.load", HANDLES["a"], 1),
    (1.0, "return", "A", 3, "acquire", {"$object": "Lease"}),
    (1.0, "call", "A", 5, "release"),
    (1.0, "raise", "A", 5, "release", "LeaseError: twice"),
    (2.0, "call", "", 6, "acquire"),
    (2.0, "return", "", 6, "acquire", {"$object": "Lease"}),
)


def example(events: list[dict[str, Any]] = EVENTS, script: Script | None = SCRIPT, **more: Any) -> Counterexample:
    """A counterexample with this history."""
    data = None if script is None else script_to_data(script)
    return Counterexample(data, events, "e", "g", ["told <so>"], **more)


def spans(timeline: Timeline, lane: str) -> list[tuple[str, str, str]]:
    """Label, outcome and result of a lane's spans."""
    found = next(one for one in timeline.lanes if one.name == lane)
    return [(span.label, span.outcome, span.result) for row in found.rows for span in row]


def test_actors_come_first_and_then_worlds_and_the_set_up_is_left_out() -> None:
    """The lanes are the script's actors in its order, then what is nobody's, then the worlds."""
    assert [lane.name for lane in lanes(example()).lanes] == ["A", "B", "afterwards", "host"]


def test_calls_have_their_arguments_and_what_they_gave() -> None:
    """The events of a history do not hold the arguments; they are the script's."""
    timeline = lanes(example())
    assert spans(timeline, "A") == [("acquire('a')", "returned", "A0"), ("A0.release()", "raised", "LeaseError")]
    assert spans(timeline, "B") == [("acquire('b')", "cancelled", "cancelled")]
    assert spans(timeline, "afterwards") == [("acquire('whole')", "returned", "last")]


def test_long_strings_have_the_names_that_the_story_gives_them() -> None:
    """In what is called, in what a world is asked, and in what comes back."""
    events = history(
        (0.0, "call", "", 1, "Pool"),
        (0.0, "return", "", 1, "Pool"),
        (0.0, "call", "A", 2, "acquire"),
        (0.0, "effect", "", 0, "host.load", ["a"], 1),
        (0.0, "answer", "", 0, "host.load", "a", 1),
        (0.0, "return", "A", 2, "acquire", "a"),
    )
    script = Script(setup=SCRIPT.setup[:1], actors={"A": (Step("acquire", on="pool", args=("a",)),)})
    timeline = lanes(example(events, script, names={"a": "layer"}))
    assert spans(timeline, "A") == [("acquire(layer)", "returned", "layer")]
    assert spans(timeline, "host") == [("load(layer)", "returned", "layer")]


def test_world_calls_that_overtake_each_other_keep_their_own_ends() -> None:
    """Two loads that end in another order than they began."""
    assert spans(lanes(example()), "host") == [
        ("load('a')", "returned", "<0: a>"),
        ("load('b')", "returned", "<1: b>"),
    ]


def test_a_step_that_could_not_be_taken_lends_its_label_to_none() -> None:
    """B's release is passed over, as there is no lease; and a step may need what its arguments name."""
    events = history(
        (0.0, "call", "", 1, "Pool"),
        (0.0, "return", "", 1, "Pool"),
        (0.0, "call", "A", 2, "acquire"),
        (0.0, "raise", "A", 2, "acquire", "Busy: no"),
        (0.0, "call", "A", 3, "later"),
        (0.0, "return", "A", 3, "later"),
    )
    later = (Step("acquire", on="pool", save="A0"), Step("later", args=(Saved("A0"),)), Step("later", args=(1,)))
    script = Script(setup=(Step("Pool", save="pool"),), actors={"A": later})
    assert [label for label, _, _ in spans(lanes(example(events, script)), "A")] == ["acquire()", "later(1)"]


def test_a_set_up_that_fails_is_shown() -> None:
    """It is the reason then."""
    events = history((0.0, "call", "", 1, "Pool"), (0.0, "raise", "", 1, "Pool", "TypeError: two arguments"))
    assert spans(lanes(example(events)), "set-up") == [("Pool(host, 3)", "raised", "TypeError")]


def test_the_only_actor_of_plain_calls_has_no_name_of_its_own() -> None:
    """Its lane is called calls."""
    events = history((0.0, "call", "", 1, "C"), (0.0, "return", "", 1, "C"), (0.0, "call", "", 2, "get"))
    script = Script(setup=(Step("C", save="c"),), actors={"": (Step("get", on="c", args=(1,)),)})
    timeline = lanes(example(events, script))
    assert spans(timeline, "calls") == [("get(1)", "open", "not ended")]


def test_what_only_answers_a_question_is_left_out() -> None:
    """As in stories."""
    events = [{**event, "shown": event["effect"] != 2} for event in EVENTS]
    assert [label for label, _, _ in spans(lanes(example(events)), "host")] == ["load('a')"]


@pytest.mark.parametrize(
    ("at", "seq", "times"),
    [(1.0, None, {1.0}), (0.7, None, {0.5}), (None, 6, {0.0}), (None, None, {2.0}), (-1.0, None, set())],
)
def test_the_moment_is_that_of_the_property(at: float | None, seq: int | None, times: set[float]) -> None:
    """By its time, by its event, or else the last thing that happened."""
    timeline = lanes(example(at=at, at_seq=seq))
    if not times:
        assert timeline.moment is None
        assert timeline.lanes == ()
        return
    assert timeline.moment is not None
    first, last = timeline.moment
    assert set(timeline.times[first : last + 1]) == times
    pointer = text(timeline, 100)[-1]
    assert pointer.strip().startswith("▲")
    assert pointer.endswith(f"here, at {times.pop():g} s")


def test_what_began_after_the_moment_is_left_out_and_what_ended_after_it_is_not() -> None:
    """A call that ended late shows how late."""
    timeline = lanes(example(at=0.5))
    assert [lane.name for lane in timeline.lanes] == ["A", "B", "host"]
    assert spans(timeline, "A") == [("acquire('a')", "returned", "A0")]


def test_a_terminal_sees_this() -> None:
    """The whole picture, once."""
    assert text(lanes(example(at=0.5)), 100) == [
        "     0 s             0.5 s 1 s",
        "A    ├acquire('a')─────────────┤A0",
        "B      ├acquire('b')─⊘cancelled",
        "host     ├load('a')──────────┤<0: a>",
        "           ├load('b')──────┤<1: b>",
        "                     ▲ here, at 0.5 s",
    ]


def test_a_terminal_without_line_drawing_sees_ascii() -> None:
    """Nothing else is written."""
    lines = text(lanes(example(at=0.5)), 60, ascii_only=True)
    assert "".join(lines).isascii()
    assert lines[1] == "A    |acquire('a')-------------|A0"


def test_no_play_is_no_picture() -> None:
    """A property that needed no script, and a script of another version."""
    assert text(lanes(example([], None)), 80) == []
    assert svg(lanes(example([], None))) == ""
    unknown = lanes(Counterexample({"setup": []}, EVENTS, "e", "g", []))
    assert ("acquire(...)", "returned", "a Lease") in spans(unknown, "A")


def test_the_last_calls_of_a_long_play_are_kept() -> None:
    """And the number of those left out is told."""
    events = history(*(event for n in range(100) for event in ((n, "call", "A", n, "go"), (n, "return", "A", n, "go"))))
    lines = text(lanes(example(events)), 80)
    assert lines[0].endswith("earlier calls left out)")
    assert "99 s" in lines[1]
    assert "left out" in svg(lanes(example(events)))


HOSTILE = "</desc></svg><script>alert(1)</script>\x1b[2J\u202e'\"&\n"


def test_hostile_text_is_text() -> None:
    """Names, values and exceptions are the submission's."""
    events = history(
        (0.0, "call", "", 1, "Pool"),
        (0.0, "return", "", 1, "Pool"),
        (0.0, "call", HOSTILE, 2, HOSTILE),
        (0.0, "effect", "", 0, f"host.{HOSTILE}", [HOSTILE], 1),
        (0.0, "fail", "", 0, "host.x", HOSTILE, 1),
        (1.0, "raise", HOSTILE, 2, HOSTILE, HOSTILE),
        (1.0, "stop", "", 0, HOSTILE),
        (1.0, "blocked", "", 0, "", [1.0, HOSTILE]),
    )
    counterexample = example(events)
    counterexample.story = [HOSTILE]
    timeline = lanes(counterexample)
    drawn = svg(timeline)
    root = ElementTree.fromstring(drawn)
    allowed = {"svg", "title", "desc", "line", "rect", "path", "text"}
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == allowed
    assert all(char.isprintable() for char in drawn)
    assert all(char.isprintable() for line in text(timeline, 100) for char in line)


def test_a_page_can_hold_several_and_each_is_named_and_described() -> None:
    """The story is what a screen reader reads."""
    root = ElementTree.fromstring(svg(lanes(example()), "one"))
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "one-title one-about"
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert named["one-about"] == "told <so>"
    assert set(named) == {"one-title", "one-about"}


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """Any lanes with spans that do not overlap within a row."""
    count = draw(st.integers(1, 12))
    times = sorted(draw(st.lists(st.sampled_from([0.0, 0.5, 1.0, 3600.25]), min_size=count, max_size=count)))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        row, place = [], 0
        while place < count and draw(st.booleans()):
            first = draw(st.integers(place, count - 1))
            last = draw(st.integers(first, count))
            outcome = draw(st.sampled_from(["returned", "raised", "cancelled", "open"]))
            row.append(Span("l" * draw(st.integers(1, 30)), first, last, outcome, "r" * draw(st.integers(0, 20))))
            place = last + 1
        if row:
            rows.append(tuple(row))
    assume_rows = tuple(rows) or ((Span("l", 0, 0, "returned"),),)
    first = draw(st.integers(0, count - 1))
    lane = Lane("x" * draw(st.integers(1, 30)), "actor", assume_rows)
    return Timeline((lane,), tuple(times), (first, draw(st.integers(first, count - 1))), 0, ())


@settings(deadline=None, max_examples=200)
@given(timelines(), st.integers(40, 140))
def test_no_line_is_too_long_and_nothing_is_written_over(timeline: Timeline, width: int) -> None:
    """Each label and result that is drawn is there, if cut."""
    lines = text(timeline, width)
    assert max(map(len, lines)) <= width
    drawn = "\n".join(lines)
    if "left out" in drawn:
        return
    for row in timeline.lanes[0].rows:
        for span in row:
            assert any(f"{span.label[:5]}" in line for line in lines)
    results = sum(bool(span.result) for row in timeline.lanes[0].rows for span in row)
    body = "".join(lines[1:-1])
    assert sum(body[place] == "r" and body[place - 1] != "r" for place in range(1, len(body))) == results
    ElementTree.fromstring(svg(timeline))
