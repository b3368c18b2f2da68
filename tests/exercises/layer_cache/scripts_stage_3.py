"""Scripts of concurrent pulls: stage 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from burnin.script import Backend, Cancel, Pause, Saved, Script, Step, WorldRef, WorldSpec

from .scripts import ERRORS, LETTERS, TICKS, TIMES, Draw, between, blob, manifest, pause, pick, some, some_image
from .world import WHOLE, Disk, Registry, digest_of

BACKENDS: tuple[Backend, ...] = ("asyncio", "trio")
HOLDS = (0.0, 0.5, 1.0, 3.0)
SEEDS = st.integers(0, 1 << 16)


@st.composite
def pulling(draw: Draw, *, wrong: bool = False, cancelling: bool = False) -> Script:
    """Callers that pull images, wait, are cancelled, hold their images for a while, and release them.

    Downloads may go wrong: some fetches fail, or some blobs have bad bytes, or both.
    """
    trouble = pick(draw, ["failing", "bad", "failing and bad", "left behind", "failing and bad"]) if wrong else ""
    if trouble == "left behind":
        return _left_behind(draw)
    budget = between(draw, 4, 7)
    shape = pick(draw, ["crowd", "line", "series", "line"])
    blobs, images = _conflicting(draw, budget) if shape == "line" else _any_images(draw, budget)
    actors: dict[str, tuple[Step, ...]] = {}
    # In a line each asks for another image than the one before, a little later; a series is mostly one caller after the other.
    callers, pulls = (
        ("AB", [3, 4]) if shape == "series" and not cancelling else ("ABCD"[: pick(draw, [3, 2, 4, 4])], [1, 2, 2])
    )
    for rank, name in enumerate(callers):
        steps: list[Step] = []
        for number in range(pick(draw, pulls)):
            image, after, hold = pick(draw, images), pause(draw), pick(draw, HOLDS)
            if shape == "line" and number == 0:
                image, after = images[rank], (pick(draw, [1.5, 20.0]) if rank == 3 else rank * 0.5, after[1])
                hold = hold if rank else pick(draw, [3.0, 30.0])
            cancel = _cancel(draw) if cancelling and pick(draw, [False, True]) else None
            steps += pull_steps(draw, image, blobs, f"{name}{number}", after, cancel, hold)
        actors[name] = tuple(steps)
    letters = sorted(blobs)
    return with_puller(
        draw,
        blobs,
        budget,
        actors,
        failing=some(draw, range(12), 4, least=1) if "failing" in trouble else [],
        bad=sorted(set(some(draw, letters, 3, least=1))) if "bad" in trouble else [],
    )


def _any_images(draw: Draw, budget: int) -> tuple[dict[str, bytes], list[str]]:
    """Layers, and images of which most fit."""
    blobs = some_layers(draw, budget)
    images = some_images(draw, blobs, budget)
    if between(draw, 0, 3) == 3:
        images[-1] = "".join(sorted(blobs))  # mostly too large
    return blobs, images


def _conflicting(draw: Draw, budget: int) -> tuple[dict[str, bytes], list[str]]:
    """Four images to be pulled in this order: the second does not fit beside the first and the third does; the fourth shares
    their layers, or is too large by a byte."""
    room = between(draw, 1, budget // 2)
    small = between(draw, 1, room)
    sizes = {"a": budget - room, "b": room + 1, "c": small, "d": max(1, room - small)}
    images = [
        "a",
        pick(draw, ["b", "bc", "bd", "b"]),
        pick(draw, ["c", "d", "cd"]),
        pick(draw, ["a", "ac", "ab", "ad", "b", "ab"]),
    ]
    return {letter: blob(letter, size) for letter, size in sizes.items()}, images


@st.composite
def just_fitting(draw: Draw) -> Script:
    """Images that just fit beside each other, pulled one after the other or while the first is on its way.

    Then one as large as the budget waits for both, and behind it one whose lower layer is cached; or one of the two is pulled
    again, and a small one needs the room of the other; or one of two layers is shared, so that the room is enough for the rest;
    or one with the older of the two needs the room of the younger.
    """
    budget = between(draw, 4, 7)
    size = between(draw, 2, budget - 2)
    blobs = {"a": blob("a", size), "b": blob("b", budget - size), "c": blob("c", budget), "d": b"d"}
    again = pick(draw, ["a", "b"])
    pulls = {"A": ("a", 0.0), "B": ("b", pick(draw, [0.5, 1.0, 2.0])), "E": (again, 30.0)}
    chunks = None
    match pick(draw, ["waiting", "shared", "again", "own", "waiting", "shared"]):
        case "waiting":
            pulls["C"] = ("c", 30.5)
            pulls["D"] = (pick(draw, ["ad", "bd", "d"]), 31.0)
        case "again":
            pulls["F"] = ("d", 35.0)
        case "own":
            blobs["c"] = blob("c", between(draw, 1, budget - size))
            pulls["E"] = ("ac", 30.0)
        case _:
            size = between(draw, 1, budget - 2)
            blobs = {"a": blob("a", size), "b": blob("b", 1), "c": blob("c", budget - size - 1)}
            pulls = {"A": ("ab", 0.0), "B": (pick(draw, ["ac", "bc"]), pick(draw, [1.0, 30.0]))}
            chunks = [1]  # A's downloads are still on their way at 1 s
    return with_puller(draw, blobs, budget, _in_turn(draw, blobs, pulls), chunks=chunks)


def _left_behind(draw: Draw) -> Script:
    """A download fails half-way and leaves its partial beside a blob that is cached. Another image just fits in the partial's room."""
    budget = between(draw, 4, 7)
    size = between(draw, 1, budget - 2)
    part = between(draw, 1, budget - size - 1)
    blobs = {"a": blob("a", size), "b": blob("b", part + 1), "c": blob("c", budget - size)}
    pulls = {"A": ("a", 0.0), "B": ("b", 20.0), "C": (pick(draw, ["c", "b"]), 40.0)}
    return with_puller(draw, blobs, budget, _in_turn(draw, blobs, pulls), failing=[size + part], chunks=[1])


def _in_turn(draw: Draw, blobs: dict[str, bytes], pulls: dict[str, tuple[str, float]]) -> dict[str, tuple[Step, ...]]:
    """Callers that pull one image each, at their times."""
    return {
        name: tuple(pull_steps(draw, image, blobs, f"{name}0", (at, pick(draw, TICKS)), None))
        for name, (image, at) in pulls.items()
    }


@st.composite
def abandoned(draw: Draw) -> Script:
    """B is cancelled while it downloads or waits in line; others share its layers, before or after, or need its room.

    It waits in line behind A; or it is large, and c and d do not fit beside it.
    """
    budget = between(draw, 4, 8)
    room = between(draw, 1, budget // 2)
    in_line, large = pick(draw, [(False, False), (True, False), (False, True)])
    sizes = {
        "a": budget - room,
        "b": budget - room + 1 if large else room + 1 if in_line else room,
        "c": room if large else between(draw, 1, room),
        "d": between(draw, room if large else 1, budget - room),
    }
    blobs = {letter: blob(letter, size) for letter, size in sizes.items()}
    patience = pick(draw, [0.5, 1.0, 1.5])
    actors: dict[str, tuple[Step, ...]] = {
        "B": tuple(pull_steps(draw, "b", blobs, "B0", (0.5, 0), Cancel(after=(patience, pick(draw, TICKS)))))
    }
    if in_line:
        actors["A"] = tuple(pull_steps(draw, "a", blobs, "A0", (0.0, 0), None))
    just_then = 0.5 + patience
    for name in "CDE"[: pick(draw, [2, 1, 3])]:
        steps: list[Step] = []
        for number in range(between(draw, 1, 2)):
            after = pause(draw) if number else (pick(draw, [0.5, 1.0, just_then, just_then]), between(draw, 0, 3))
            again = _cancel(draw) if between(draw, 0, 3) == 3 else None
            image = pick(
                draw, ["b", "b", "bc", "c", "d"] if sizes["b"] + sizes["c"] <= budget else ["b", "b", "c", "d"]
            )
            image = pick(draw, ["c", "d", image]) if large else image
            steps += pull_steps(draw, image, blobs, f"{name}{number}", after, again)
        actors[name] = tuple(steps)
    return with_puller(draw, blobs, budget, dict(sorted(actors.items())))


@st.composite
def closing(draw: Draw) -> Script:
    """The block is left while callers wait, download, hold images, and still come. One came before it was entered.

    Often the images are so large that no two of them fit, so that some of the callers wait in line.
    """
    budget = between(draw, 4, 8)
    blobs = some_layers(draw, budget)
    images = some_images(draw, blobs, budget)
    if pick(draw, [False, True]):
        blobs = {letter: blob(letter, budget // 2 + between(draw, 1, budget // 2)) for letter in "abc"}
        images = ["a", "b", "c"]
    leave = (pick(draw, [1.5, 2.0, 2.5, 4.0]), pick(draw, TICKS))
    actors: dict[str, tuple[Step, ...]] = {
        "server": (
            Step("pull", on="puller", args=(manifest(images[0], blobs),), save="early", read=("manifest",)),
            Step("__aenter__", on="puller"),
            Step("__aexit__", on="puller", args=(None, None, None), after=leave),
        )
    }
    for rank, name in enumerate("ABC"[: pick(draw, [2, 3, 3, 1])]):
        image = pick(draw, [images[rank % len(images)], pick(draw, images)])
        first = pull_steps(draw, image, blobs, f"{name}0", (1.0 + pick(draw, TIMES), pick(draw, TICKS)), None)
        later = pull_steps(draw, pick(draw, images), blobs, f"{name}1", (pick(draw, [0.0, 3.0]), 0), None)
        actors[name] = (*first, *later)
    script = with_puller(draw, blobs, budget, actors)
    return msgspec.structs.replace(script, setup=script.setup[:2], finale=())


def some_layers(draw: Draw, budget: int) -> dict[str, bytes]:
    """A few layers of any size, or more of them that are small; now and then one is empty."""
    count, largest = pick(draw, [(3, budget * 2 // 3), (4, budget * 2 // 3), (5, budget // 3)])
    blobs = {letter: blob(letter, between(draw, 1, max(2, largest))) for letter in LETTERS[:count]}
    return blobs | {"f": b""} if between(draw, 0, 5) == 5 else blobs


def some_images(draw: Draw, blobs: dict[str, bytes], budget: int) -> list[str]:
    """Images that fit, most of them; they share layers, since there are few, and may have one twice."""
    images = []
    for _ in range(between(draw, 2, 4)):
        image = some_image(draw, blobs, 3)
        while sum(len(blobs[letter]) for letter in set(image)) > budget and between(draw, 0, 4) < 4:
            image = image[:-1] or min(blobs)
        images.append(image)
    return images


def pull_steps(
    draw: Draw,
    image: str,
    blobs: dict[str, bytes],
    name: str,
    after: Pause,
    cancel: Cancel | None,
    hold: float | None = None,
) -> list[Step]:
    """A pull of the image, and its release some time after it has returned."""
    hold = pick(draw, HOLDS) if hold is None else hold
    pull = Step(
        "pull", on="puller", args=(manifest(image, blobs),), save=name, read=("manifest",), after=after, cancel=cancel
    )
    return [pull, Step("release", on=name, after=(hold, pick(draw, TICKS)))]


def _cancel(draw: Draw) -> Cancel:
    if pick(draw, [False, True]):
        return Cancel(at_await=pick(draw, [1, 1, 1, 2, 3]))
    return Cancel(after=(pick(draw, [0.0, 0.5, 1.0, 2.0]), pick(draw, TICKS)))


def with_puller(
    draw: Draw,
    blobs: dict[str, bytes],
    budget: int,
    actors: dict[str, tuple[Step, ...]],
    *,
    failing: Sequence[int] = (),
    bad: Sequence[str] = (),
    chunks: Sequence[int] | None = None,
    policy: WorldSpec | None = None,
    **disk: Any,
) -> Script:
    """A script of callers at a puller that is open; in the end somebody pulls an image as large as the budget.

    The fetches numbered in `failing` fail; of the blobs in `bad` the registry has other bytes, or more.
    """
    blobs = {**blobs, WHOLE: blob(WHOLE, budget)}
    kwargs = {"policy": WorldRef("policy")} if policy is not None else {}
    served = {digest_of(data): data for data in blobs.values() if data}
    wrong = [letter for letter in bad if blobs[letter] and pick(draw, [True, False, False])]
    served |= {
        digest_of(blobs[letter]): b"!" + blobs[letter][1:] if letter in wrong else blobs[letter] + b"!!"
        for letter in bad
    }
    worlds = {
        "store": Disk.of(blobs=blobs, budget=budget, bad=wrong, **disk),
        "registry": Registry.of(
            blobs=served,
            chunks=chunks
            or pick(draw, [[2], [1] if failing and not bad else [20], [3, 1], [1] if failing and not bad else [20]]),
            pauses=[pause(draw, (0.5, 1.0, 1.0, 2.0)) for _ in range(between(draw, 1, 3))],
            failing=list(failing),
            whole=[digest_of(blobs[WHOLE])],
        ),
    }
    if policy is not None:
        worlds["policy"] = policy
    return Script(
        mode="tasks",
        backend=pick(draw, BACKENDS),
        seed=draw(SEEDS),
        setup=(
            Step("LayerCache", args=(WorldRef("store"), budget), kwargs=kwargs, save="cache"),
            *open_puller(),
        ),
        actors=actors,
        finale=last_pull(blobs),
        worlds=worlds,
        errors=(*ERRORS, "FetchFailed", "PullerClosed"),
    )


def open_puller() -> tuple[Step, ...]:
    """A puller is made and its block entered."""
    return Step("Puller", args=(Saved("cache"), WorldRef("registry")), save="puller"), Step(on="puller", enter=True)


def last_pull(blobs: dict[str, bytes]) -> tuple[Step, ...]:
    """In the end, an image that is as large as the budget."""
    pull = Step("pull", on="puller", args=(manifest(WHOLE, blobs),), save="last", read=("manifest",))
    return pull, Step("release", on="last")
