"""Stories: what they call a play's long strings."""

from __future__ import annotations

from typing import Any

from hand import SETUP, Hand

from burnin.judge.story import nicknames, show, story
from burnin.judge.verdict import Broken
from burnin.plain import Made, Opaque
from burnin.script import Script, Step, WorldRef
from burnin.suite import World, call

LONG = "sha256:" + "ab" * 32


class Shelf(World):
    """Keeps things that have long names."""

    def __init__(self, things: dict[str, str]) -> None:
        self.things = things

    @classmethod
    def nicknames(cls, **kwargs: Any) -> dict[str, str]:
        return {long: short for short, long in kwargs["things"].items()}

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        return ", ".join(kwargs["things"])

    @call
    def find(self, thing: str) -> list[str]:
        return [thing]


SCRIPT = Script(
    setup=(Step("Cache", args=(WorldRef("shelf"), LONG), save="cache"),),
    actors={"": (Step("get", on="cache", args=(LONG,)),)},
    worlds={"shelf": Shelf.of(things={"a": LONG}), "desk": Shelf.of(things={"b": "another"})},
)


def test_a_story_calls_long_strings_what_the_worlds_call_them() -> None:
    """In what is called, what worlds are asked and what comes back, without quotes."""
    hand = Hand(SCRIPT)
    hand.next(SETUP)
    hand.returned(1, {"$object": "Cache"})
    hand.next(0)
    hand.world("find", LONG, world="shelf")
    hand.returned(2, LONG)
    lines = story("All is found.", "stage 1, Found", Broken("a", "b", None), SCRIPT, hand.history)
    assert lines[:3] == [
        "Cache(shelf, a); shelf: a; desk: b",
        "     0 s  cache.get(a) -> a",
        "     0 s      shelf.find(a) -> [a]",
    ]


def test_the_names_of_all_worlds_go_together() -> None:
    """A script with no such world has none."""
    assert nicknames(SCRIPT) == {LONG: "a", "another": "b"}
    assert nicknames(Script(setup=(), actors={})) == {}


def test_only_whole_strings_are_named() -> None:
    """Wherever they stand; what merely contains one is shown as it is, shortened."""
    names = {LONG: "a"}
    made = Made("Image", {"layers": [Made("Layer", {"digest": LONG})]})
    assert show(made, names) == "Image(layers=[Layer(digest=a)])"
    assert show(Opaque("Hold", {"of": {LONG: LONG}}), names) == "Hold(of={a: a})"
    assert show(LONG + "!", names) == f"'{LONG}!'"
    assert show(LONG.encode(), names) == repr(LONG.encode())
    assert show(LONG) == f"'{LONG}'"
