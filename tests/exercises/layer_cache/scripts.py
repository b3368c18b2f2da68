"""Scripts of calls one after the other (stages 1 and 2), and what the scripts of all stages are drawn from.

Blobs and budgets are small, so that capacity is often exactly full, and times are few, so that much meets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from burnin.script import Made, Pause, Script, Step, WorldRef

from .world import PART, Disk, digest_of

Draw = Callable[[Any], Any]
T = TypeVar("T")
LETTERS = "abcdef"
TIMES = (0.0, 0.5, 1.0, 1.0, 2.0)
TICKS = (0, 0, 0, 1, 2, 3)
ERRORS = ("BadDigest", "TooLarge", "CacheBusy", "HoldError")

# Strategies are made once: making one costs more than drawing from it.
INTEGERS = {(low, high): st.integers(low, high) for low in range(5) for high in range(low, 40)}


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


def some_blobs(draw: Draw, budget: int, *, largest: int, least: int = 0) -> dict[str, bytes]:
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
    blobs = some_blobs(draw, budget, largest=budget * 2 // 3 if holds else budget + 2)
    images = [_holdable(draw, blobs, budget) for _ in range(between(draw, 2, 4))] if holds else []
    wrong = not holds or pick(draw, [False, False, True])
    rots = some(draw, range(6), 2) if wrong else []
    steps = some_calls(draw, blobs, images, wrong=wrong, most=26 if holds else 16)
    return plain(blobs, budget, steps, rots=rots)


def plain(blobs: dict[str, bytes], budget: int, steps: Sequence[Step], **disk: Any) -> Script:
    """A script of these calls, one after the other; `disk` is what else the disk is made from."""
    return Script(
        setup=(Step("LayerCache", args=(WorldRef("store"), budget), save="cache"),),
        actors={"": tuple(steps)},
        worlds={"store": Disk.of(blobs=blobs, budget=budget, **disk)},
        errors=ERRORS,
    )


def _holdable(draw: Draw, blobs: dict[str, bytes], budget: int) -> str:
    """An image of two or three layers that fits, or one with a layer twice, or one of too many."""
    kind = pick(draw, ["fits", "twice", "fits", "twice", "all"])
    image = "".join(sorted(blobs)) if kind == "all" else some_image(draw, blobs, 3)
    while kind != "all" and sum(len(blobs[letter]) for letter in set(image)) > budget:
        image = image[1:]
    return image + image[:1] if kind == "twice" else image


def some_image(draw: Draw, blobs: dict[str, bytes], most: int) -> str:
    """An image, as the letters of its layers from the lowest to the highest."""
    return "".join(some(draw, sorted(blobs), most, least=1))


def some_calls(draw: Draw, blobs: dict[str, bytes], images: list[str], *, wrong: bool, most: int) -> list[Step]:
    """About `most` calls or a part of that, of which the last few may be more; holds are of these images."""
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
    again = (
        _put(first, blobs) if pick(draw, [False, True]) else Step("get", on="cache", args=(digest_of(blobs[first]),))
    )
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
