"""Scripts for the layer cache. Small blobs and budgets, so that capacity is often exactly full, and few times, so that much meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from burnin.script import Backend, Cancel, Made, Pause, Saved, Script, Step, WorldRef, WorldSpec

from .world import PART, Disk, RankedPolicy, Registry, digest_of

Draw = Callable[[Any], Any]
T = TypeVar("T")
LETTERS = "abcdef"
WHOLE = "W"  # as large as the budget: it fits only when nothing is leaked

BACKENDS: tuple[Backend, ...] = ("asyncio", "trio")
TIMES = (0.0, 0.5, 1.0, 1.0, 2.0)
HOLDS = (0.0, 0.5, 1.0, 3.0)
TICKS = (0, 0, 0, 1, 2, 3)
ERRORS = ("BadDigest", "TooLarge", "CacheBusy", "HoldError")

# Strategies are made once: making one costs more than drawing from it.
INTEGERS = {(low, high): st.integers(low, high) for low in range(5) for high in range(low, 40)}
SEEDS = st.integers(0, 1 << 16)


def pick(draw: Draw, items: Sequence[T]) -> T:
    """One of the items; shrinks towards the first."""
    return items[draw(INTEGERS[0, len(items) - 1])]


def between(draw: Draw, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return int(draw(INTEGERS[low, high]))


def some(draw: Draw, items: Sequence[T], most: int, *, least: int = 0) -> list[T]:
    """From `least` to `most` of the items, perhaps the same more than once."""
    return [pick(draw, items) for _ in range(between(draw, least, most))]


def pause(draw: Draw, times: Sequence[float] = TIMES) -> Pause:
    """A short time with some jitter."""
    return pick(draw, times), pick(draw, TICKS)


def blob(letter: str, size: int) -> bytes:
    """The bytes of a blob; its letter and size make it one of a kind."""
    return (letter.encode() * size)[:size]


def _blobs(draw: Draw, budget: int, *, largest: int, least: int = 0) -> dict[str, bytes]:
    """Two to five blobs: of any size, or equal, so that it always matters which one goes. At most one is empty."""
    letters = LETTERS[: pick(draw, [3, 2, 4, 5, 5])]
    if pick(draw, [False, True]):
        return {letter: blob(letter, max(1, budget // between(draw, 2, 3))) for letter in letters}
    sizes = [between(draw, least if number == 0 else 1, largest) for number, _ in enumerate(letters)]
    return {letter: blob(letter, size) for letter, size in zip(letters, sizes, strict=True)}


def manifest(image: str, blobs: dict[str, bytes], seconds: float = 1.0) -> Made:
    """An image with the layers of these letters, as the submission's record."""
    layers = [
        Made("Layer", {"digest": digest_of(blobs[letter]), "size": len(blobs[letter]), "fetch_seconds": seconds})
        for letter in image
    ]
    return Made("Manifest", {"image": image, "layers": layers})


# ---- stages 1 and 2: calls one after the other


@st.composite
def sequential(draw: Draw, *, holds: bool) -> Script:
    """`put` and `get`, with wrong bytes, wrong digests and rot; or images that are held, too."""
    budget = between(draw, 3, 8)
    blobs = _blobs(draw, budget, largest=budget * 2 // 3 if holds else budget + 2)
    images = [_holdable(draw, blobs, budget) for _ in range(between(draw, 2, 4))] if holds else []
    wrong = not holds or pick(draw, [False, False, True])
    rots = some(draw, range(6), 2) if wrong else []
    steps = _calls(draw, blobs, images, wrong=wrong, most=26 if holds else 16)
    return _plain(blobs, budget, steps, rots=rots)


def _plain(blobs: dict[str, bytes], budget: int, steps: Sequence[Step], **disk: Any) -> Script:
    return Script(
        setup=(Step("LayerCache", args=(WorldRef("store"), budget), save="cache"),),
        actors={"": tuple(steps)},
        worlds={"store": Disk.of(blobs=blobs, budget=budget, **disk)},
        errors=ERRORS,
    )


def _holdable(draw: Draw, blobs: dict[str, bytes], budget: int) -> str:
    """An image of two or three layers that fits, or one with a layer twice, or one of too many."""
    kind = pick(draw, ["fits", "twice", "fits", "twice", "all"])
    image = "".join(sorted(blobs)) if kind == "all" else _image(draw, blobs, 3)
    while kind != "all" and sum(len(blobs[letter]) for letter in set(image)) > budget:
        image = image[1:]
    return image + image[:1] if kind == "twice" else image


def _image(draw: Draw, blobs: dict[str, bytes], most: int) -> str:
    return "".join(some(draw, sorted(blobs), most, least=1))


def _calls(draw: Draw, blobs: dict[str, bytes], images: list[str], *, wrong: bool, most: int) -> list[Step]:
    letters = sorted(blobs)
    steps: list[Step] = []
    held: list[str] = []
    ended: list[str] = []
    kinds = (
        ["put", "put", "put", "put", "hold", "hold", "missing", "release", "release again", "run", "run", "get"]
        if images
        else ["put", "put", "put", "get", "get", "use"]
    )
    kinds += ["bad"] if wrong else []
    length = pick(draw, [most // 4, most // 2, most, most])
    while len(steps) < length:
        kind, number = pick(draw, kinds), len(steps)
        letter = pick(draw, letters)
        digest = digest_of(blobs[letter])
        match kind:
            case "hold":
                held.append(f"hold {number}")
                steps.append(
                    Step(
                        "hold",
                        on="cache",
                        args=(manifest(pick(draw, images), blobs),),
                        save=held[-1],
                        read=("manifest",),
                    )
                )
                steps += [Step("missing", on=held[-1])] if pick(draw, [False, True]) else []
            case "run":
                steps += _run(draw, pick(draw, images), blobs, f"run {number}")
            case "use":
                steps += _use(draw, blobs)
            case "missing" if held:
                steps.append(Step("missing", on=pick(draw, held[-2:])))
            case "release" if held:
                ended.append(held.pop(between(draw, 0, min(2, len(held) - 1))))
                steps.append(Step("release", on=ended[-1]))
            case "release again" if ended:
                steps.append(Step("release", on=pick(draw, ended[-3:])))
            case "bad":
                steps.append(_bad(draw, digest, blobs))
            case "get":
                steps.append(Step("get", on="cache", args=(digest,)))
            case _:
                steps.append(_put(letter, blobs))
    return steps


def _put(letter: str, blobs: dict[str, bytes]) -> Step:
    return Step("put", on="cache", args=(digest_of(blobs[letter]), blobs[letter]))


def _use(draw: Draw, blobs: dict[str, bytes]) -> list[Step]:
    """Two blobs are put, the first of them is used again, and another one is put."""
    letters = sorted(blobs)
    start = between(draw, 0, len(letters) - 1)
    first, second, *others = [*letters[start:], *letters[:start]]
    again = _put(first, blobs) if pick(draw, [False, True]) else Step("get", on="cache", args=(digest_of(blobs[first]),))
    return [_put(first, blobs), _put(second, blobs), again, *(_put(letter, blobs) for letter in others[:1])]


def _run(draw: Draw, image: str, blobs: dict[str, bytes], name: str) -> list[Step]:
    """An image is put from its top to its bottom and held, or held and then put; and released, perhaps while another hold on it stays.

    Then others are put, the smallest first: while the layers are held, what can be evicted is often not enough for the next.
    """
    hold = Step("hold", on="cache", args=(manifest(image, blobs),), save=name, read=("manifest",))
    missing = Step("missing", on=name)
    puts = [_put(letter, blobs) for letter in reversed(image)]
    steps = [*puts, hold] if pick(draw, [True, False]) else [hold, missing, *puts, missing]
    twice = pick(draw, [False, True])
    if twice:
        steps.append(msgspec.structs.replace(hold, save=f"{name} again"))
    steps += [Step("release", on=name)] * between(draw, 1, 2)
    others = sorted((letter for letter in blobs if letter not in image), key=lambda letter: len(blobs[letter]))
    steps += [_put(letter, blobs) for letter in others[: between(draw, 1, 3)]]
    if twice:
        steps += [Step("release", on=f"{name} again"), *(_put(letter, blobs) for letter in others[-1:])]
    return steps


def _bad(draw: Draw, digest: str, blobs: dict[str, bytes]) -> Step:
    """Bytes that are not the digest's: cut short, another blob's, of a digest that is malformed, or too many of them."""
    data = next(data for data in blobs.values() if digest_of(data) == digest)
    match between(draw, 0, 6):
        case 0:
            return Step("put", on="cache", args=(digest, data + b"x"))
        case 1:
            return Step("put", on="cache", args=(digest, blobs[pick(draw, sorted(blobs))] + b"!"))
        case 2:
            return Step("put", on="cache", args=("sha256:" + digest[7:].upper(), data))
        case 3:
            return Step(
                "put", on="cache", args=(pick(draw, [digest[7:], digest[:-1], "sha512:" + digest[7:], "../x"]), data)
            )
        case 4:
            return Step("put", on="cache", args=(digest, data * 20 + b"large"))
        case 5:
            return Step("get", on="cache", args=(pick(draw, [digest[7:], "sha256:", digest + PART, digest + "0"]),))
        case _:
            return Step("put", on="cache", args=(digest, data[:-1] if data else b"x"))


# ---- stage 3: pulls


@st.composite
def pulling(draw: Draw, *, wrong: bool = False, cancelling: bool = False) -> Script:
    """Callers that pull images, wait, are cancelled, hold their images for a while, and release them.

    Downloads may go wrong: some fetches fail, or some blobs have bad bytes, or both.
    """
    if not (wrong or cancelling) and pick(draw, [False, True, False, True, False]):
        return _just_fitting(draw)
    trouble = pick(draw, ["failing", "bad", "failing and bad", "left behind"]) if wrong else ""
    if trouble == "left behind":
        return _left_behind(draw)
    budget = between(draw, 4, 7)
    blobs = _layers(draw, budget)
    images = _images(draw, blobs, budget)
    if between(draw, 0, 3) == 3:
        images[-1] = "".join(sorted(blobs))  # mostly too large
    actors: dict[str, tuple[Step, ...]] = {}
    shape = pick(draw, ["crowd", "line", "series"])
    # In a line each asks for another image than the one before, a little later; a series is mostly one caller after the other.
    callers, pulls = (
        ("AB", [3, 4]) if shape == "series" and not cancelling else ("ABCD"[: pick(draw, [3, 2, 4, 4])], [1, 2, 2])
    )
    for rank, name in enumerate(callers):
        steps: list[Step] = []
        for number in range(pick(draw, pulls)):
            image, after = pick(draw, images), pause(draw)
            if shape == "line" and number == 0:
                image, after = images[rank % len(images)], (rank * 0.5, after[1])
            cancel = _cancel(draw) if cancelling and pick(draw, [False, True]) else None
            steps += _pull(draw, image, blobs, f"{name}{number}", after, cancel)
        actors[name] = tuple(steps)
    letters = sorted(blobs)
    return _tasks(
        draw,
        blobs,
        budget,
        actors,
        failing=some(draw, range(12), 4, least=1) if "failing" in trouble else [],
        bad=sorted(set(some(draw, letters, 3, least=1))) if "bad" in trouble else [],
    )


def _just_fitting(draw: Draw) -> Script:
    """Images that just fit beside each other, pulled one after the other or while the first is on its way.

    Then one as large as the budget waits for both, and behind it one whose lower layer is cached; or one of the two is pulled
    again, and a small one needs the room of the other; or one of two layers is shared, so that the room is enough for the rest.
    """
    budget = between(draw, 4, 7)
    size = between(draw, 2, budget - 2)
    blobs = {"a": blob("a", size), "b": blob("b", budget - size), "c": blob("c", budget), "d": b"d"}
    again = pick(draw, ["a", "b"])
    pulls = {"A": ("a", 0.0), "B": ("b", pick(draw, [0.5, 1.0, 2.0])), "E": (again, 30.0)}
    match pick(draw, ["waiting", "again", "shared", "waiting"]):
        case "waiting":
            pulls["C"] = ("c", 30.5)
            pulls["D"] = (pick(draw, ["ad", "bd", "d"]), 31.0)
        case "again":
            pulls["F"] = ("d", 35.0)
        case _:
            size = between(draw, 1, budget - 2)
            blobs = {"a": blob("a", size), "b": blob("b", 1), "c": blob("c", budget - size - 1)}
            pulls = {"A": ("ab", 0.0), "B": (pick(draw, ["ac", "bc"]), pick(draw, [1.0, 30.0]))}
    return _tasks(draw, blobs, budget, _in_turn(draw, blobs, pulls))


def _left_behind(draw: Draw) -> Script:
    """A download fails half-way and leaves its partial beside a blob that is cached. Another image just fits in the partial's room."""
    budget = between(draw, 4, 7)
    size = between(draw, 1, budget - 2)
    part = between(draw, 1, budget - size - 1)
    blobs = {"a": blob("a", size), "b": blob("b", part + 1), "c": blob("c", budget - size)}
    pulls = {"A": ("a", 0.0), "B": ("b", 20.0), "C": (pick(draw, ["c", "b"]), 40.0)}
    return _tasks(draw, blobs, budget, _in_turn(draw, blobs, pulls), failing=[size + part], chunks=[1])


def _in_turn(draw: Draw, blobs: dict[str, bytes], pulls: dict[str, tuple[str, float]]) -> dict[str, tuple[Step, ...]]:
    """Callers that pull one image each, at their times."""
    return {
        name: tuple(_pull(draw, image, blobs, f"{name}0", (at, pick(draw, TICKS)), None))
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
        "B": tuple(_pull(draw, "b", blobs, "B0", (0.5, 0), Cancel(after=(patience, pick(draw, TICKS)))))
    }
    if in_line:
        actors["A"] = tuple(_pull(draw, "a", blobs, "A0", (0.0, 0), None))
    just_then = 0.5 + patience
    for name in "CDE"[: pick(draw, [2, 1, 3])]:
        steps: list[Step] = []
        for number in range(between(draw, 1, 2)):
            after = pause(draw) if number else (pick(draw, [0.5, 1.0, just_then, just_then]), between(draw, 0, 3))
            again = _cancel(draw) if between(draw, 0, 3) == 3 else None
            image = pick(draw, ["b", "b", "bc", "c", "d"] if sizes["b"] + sizes["c"] <= budget else ["b", "b", "c", "d"])
            image = pick(draw, ["c", "d", image]) if large else image
            steps += _pull(draw, image, blobs, f"{name}{number}", after, again)
        actors[name] = tuple(steps)
    return _tasks(draw, blobs, budget, dict(sorted(actors.items())))


@st.composite
def closing(draw: Draw) -> Script:
    """The block is left while callers wait, download, hold images, and still come. One came before it was entered.

    Often the images are so large that no two of them fit, so that some of the callers wait in line.
    """
    budget = between(draw, 4, 8)
    blobs = _layers(draw, budget)
    images = _images(draw, blobs, budget)
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
        first = _pull(draw, image, blobs, f"{name}0", (1.0 + pick(draw, TIMES), pick(draw, TICKS)), None)
        later = _pull(draw, pick(draw, images), blobs, f"{name}1", (pick(draw, [0.0, 3.0]), 0), None)
        actors[name] = (*first, *later)
    script = _tasks(draw, blobs, budget, actors)
    return msgspec.structs.replace(script, setup=script.setup[:2], finale=())


def _layers(draw: Draw, budget: int) -> dict[str, bytes]:
    """A few layers of any size, or more of them that are small; now and then one is empty."""
    count, largest = pick(draw, [(3, budget * 2 // 3), (4, budget * 2 // 3), (5, budget // 3)])
    blobs = {letter: blob(letter, between(draw, 1, max(2, largest))) for letter in LETTERS[:count]}
    return blobs | {"f": b""} if between(draw, 0, 5) == 5 else blobs


def _images(draw: Draw, blobs: dict[str, bytes], budget: int) -> list[str]:
    """Images that fit, most of them; they share layers, since there are few, and may have one twice."""
    images = []
    for _ in range(between(draw, 2, 4)):
        image = _image(draw, blobs, 3)
        while sum(len(blobs[letter]) for letter in set(image)) > budget and between(draw, 0, 4) < 4:
            image = image[:-1] or min(blobs)
        images.append(image)
    return images


def _pull(
    draw: Draw, image: str, blobs: dict[str, bytes], name: str, after: Pause, cancel: Cancel | None
) -> list[Step]:
    pull = Step(
        "pull", on="puller", args=(manifest(image, blobs),), save=name, read=("manifest",), after=after, cancel=cancel
    )
    return [pull, Step("release", on=name, after=(pick(draw, HOLDS), pick(draw, TICKS)))]


def _cancel(draw: Draw) -> Cancel:
    if pick(draw, [False, True]):
        return Cancel(at_await=pick(draw, [1, 1, 1, 2, 3]))
    return Cancel(after=(pick(draw, [0.0, 0.5, 1.0, 2.0]), pick(draw, TICKS)))


def _tasks(
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
            chunks=chunks or pick(draw, [[2], [20] if bad else [1], [3, 1], [1] if failing and not bad else [20]]),
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
            *_puller(),
        ),
        actors=actors,
        finale=_whole(blobs),
        worlds=worlds,
        errors=(*ERRORS, "FetchFailed", "PullerClosed"),
    )


def _puller() -> tuple[Step, ...]:
    return Step("Puller", args=(Saved("cache"), WorldRef("registry")), save="puller"), Step(on="puller", enter=True)


def _whole(blobs: dict[str, bytes]) -> tuple[Step, ...]:
    """In the end, an image that is as large as the budget."""
    pull = Step("pull", on="puller", args=(manifest(WHOLE, blobs),), save="last", read=("manifest",))
    return pull, Step("release", on="last")


# ---- stage 4: crashes and policies


@st.composite
def crashing(draw: Draw) -> Script:
    """Plain calls or pulls, and a process that would die in one of its changes of the disk."""
    crash = (pick(draw, [2, 4, 3, 2, 4, 5, 6, 1, 0]), pick(draw, [0, 1, 1, 2, 1, 3, 30, -1]))
    if pick(draw, [False, True]):
        budget = between(draw, 4, 9)
        blobs = _blobs(draw, budget, largest=budget)
        images = [_image(draw, blobs, 3) for _ in range(between(draw, 1, 2))] if pick(draw, [False, True]) else []
        return _plain(blobs, budget, _calls(draw, blobs, images, wrong=False, most=12), crash=crash)
    budget = between(draw, 4, 9)
    blobs = _layers(draw, budget)
    images = _images(draw, blobs, budget)
    actors = {
        name: tuple(_pull(draw, pick(draw, images), blobs, f"{name}0", (pick(draw, [0.0, 1.0]), 0), None))
        for name in "ABC"[: between(draw, 1, 3)]
    }
    failing = [1] if pick(draw, [False, True]) else []
    pulls = _tasks(draw, blobs, budget, actors, failing=failing, crash=crash)
    return msgspec.structs.replace(pulls, finale=())


def reopened(script: Script, files: dict[str, bytes], budget: int) -> Script:
    """A new cache on what a crash left: images of all blobs are asked for what is missing, each blob is got, and some are put.

    Put are one that fills what is free, those of which there is a part, which is to be replaced, and the largest.
    """
    blobs = {letter: data for letter, data in script.worlds["store"].kwargs["blobs"].items() if len(data) <= budget}
    steps: list[Step] = []
    for image in _packed(blobs, budget):
        hold = f"hold {image}"
        steps.append(Step("hold", on="cache", args=(manifest(image, blobs),), save=hold, read=("manifest",)))
        steps += [Step("missing", on=hold), Step("release", on=hold)]
    return _reopened(script, files, budget, blobs, steps)


def shrunk(script: Script, files: dict[str, bytes], budget: int) -> Script:
    """The same with a smaller budget, and no images."""
    blobs = {letter: data for letter, data in script.worlds["store"].kwargs["blobs"].items() if len(data) <= budget}
    return _reopened(script, files, budget, blobs, [])


def _reopened(
    script: Script, files: dict[str, bytes], budget: int, blobs: dict[str, bytes], steps: list[Step]
) -> Script:
    gets = [Step("get", on="cache", args=(digest_of(data),)) for data in blobs.values()]
    by_size = sorted(blobs.values(), key=len)
    free = budget - sum(map(len, files.values()))
    parts = [data for data in by_size if digest_of(data) + PART in files]
    others = [data for data in by_size if data not in parts and digest_of(data) not in files]
    filling = [data for data in others if 0 < len(data) <= free][-1:]
    put = [*filling, *parts, *by_size[-1:]]
    puts = [Step("put", on="cache", args=(digest_of(data), data)) for data in put]
    return _plain(script.worlds["store"].kwargs["blobs"], budget, [*steps, *gets, *puts], files=files)


def _packed(blobs: dict[str, bytes], budget: int) -> list[str]:
    """Images that fit the budget and have each blob once between them."""
    images = [""]
    for letter, data in blobs.items():
        if sum(len(blobs[one]) for one in images[-1]) + len(data) > budget:
            images.append("")
        images[-1] += letter
    return images


def resumed(script: Script, files: dict[str, bytes], budget: int) -> Script:
    """A new cache and puller on what a crash left: the images are pulled again, side by side."""
    blobs = dict(script.worlds["store"].kwargs["blobs"])
    letters = [letter for letter in blobs if letter != WHOLE and len(blobs[letter]) <= budget]
    actors: dict[str, tuple[Step, ...]] = {}
    for number, letter in enumerate(letters):
        image = (
            letter + letters[number - 1] if len(blobs[letter]) + len(blobs[letters[number - 1]]) <= budget else letter
        )
        pull = Step(
            "pull", on="puller", args=(manifest(image, blobs),), save=letter, read=("manifest",), after=(number // 2, 0)
        )
        actors[f"pull {image}"] = (pull, Step("release", on=letter, after=(0.5, 0)))
    blobs[WHOLE] = blob(WHOLE, budget)
    return Script(
        mode="tasks",
        backend=script.backend,
        seed=script.seed,
        setup=(Step("LayerCache", args=(WorldRef("store"), budget), save="cache"), *_puller()),
        actors=actors,
        finale=_whole(blobs),
        worlds={
            "store": Disk.of(blobs=blobs, budget=budget, files=files),
            "registry": Registry.of(
                blobs={digest_of(data): data for data in blobs.values() if data},
                chunks=[2],
                pauses=[(0.5, 0), (1.0, 0)],
                whole=[digest_of(blobs[WHOLE])],
            ),
        },
        errors=ERRORS,
    )


@st.composite
def with_policy(draw: Draw) -> Script:
    """Plain calls or pulls, with a policy that has its own ranking."""
    budget = between(draw, 4, 9)
    blobs = _layers(draw, budget)
    ranking = [digest_of(blobs[letter]) for letter in sorted(blobs, key=lambda _: between(draw, 0, 3))]
    policy = RankedPolicy.of(ranking=[*ranking, digest_of(blob(WHOLE, budget))])
    images = _images(draw, blobs, budget)
    if pick(draw, [False, True]):
        script = _plain(blobs, budget, _calls(draw, blobs, images, wrong=False, most=16))
        made = Step("LayerCache", args=(WorldRef("store"), budget), kwargs={"policy": WorldRef("policy")}, save="cache")
        return msgspec.structs.replace(script, setup=(made,), worlds={**script.worlds, "policy": policy})
    actors = {
        name: tuple(
            step
            for number in range(2)
            for step in _pull(draw, pick(draw, images), blobs, f"{name}{number}", pause(draw), None)
        )
        for name in "ABC"[: between(draw, 1, 3)]
    }
    return _tasks(draw, blobs, budget, actors, policy=policy)
