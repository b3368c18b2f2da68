"""Scripts for the layer cache. Small blobs and budgets, so that capacity is often exactly full, and few times, so that much meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from burnin.script import Backend, Cancel, Made, Pause, Script, Step, WorldRef, WorldSpec

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
        Made("Layer", {"digest": digest_of(blobs[letter]), "size": len(blobs[letter]), "fetch_seconds": seconds}) for letter in image
    ]
    return Made("Manifest", {"image": image, "layers": layers})


# ---- stages 1 and 2: calls one after the other


@st.composite
def sequential(draw: Draw, *, holds: bool) -> Script:
    """`put` and `get`, with wrong bytes, wrong digests and rot; or images that are held, too."""
    budget = between(draw, 3, 8)
    blobs = _blobs(draw, budget, largest=budget if holds else budget + 2)
    images = [_image(draw, blobs, 4) for _ in range(between(draw, 1, 3))] if holds else []
    wrong = not holds or pick(draw, [False, False, True])
    rots = some(draw, range(6), 2) if wrong else []
    steps = _calls(draw, blobs, images, wrong=wrong, most=16)
    return _plain(blobs, budget, steps, rots=rots)


def _plain(blobs: dict[str, bytes], budget: int, steps: Sequence[Step], **disk: Any) -> Script:
    return Script(
        setup=(Step("LayerCache", args=(WorldRef("store"), budget), save="cache"),),
        actors={"": tuple(steps)},
        worlds={"store": Disk.of(blobs=blobs, budget=budget, **disk)},
        errors=ERRORS,
    )


def _image(draw: Draw, blobs: dict[str, bytes], most: int) -> str:
    return "".join(some(draw, sorted(blobs), most, least=1))


def _calls(draw: Draw, blobs: dict[str, bytes], images: list[str], *, wrong: bool, most: int) -> list[Step]:
    letters = sorted(blobs)
    steps: list[Step] = []
    held: list[str] = []
    ended: list[str] = []
    kinds = ["put", "put", "put", "get", "get"]
    kinds += ["hold", "hold", "missing", "release", "release", "release again"] if images else []
    kinds += ["bad"] if wrong else []
    for number in range(between(draw, 3, most)):
        kind = pick(draw, kinds)
        letter = pick(draw, letters)
        digest = digest_of(blobs[letter])
        match kind:
            case "hold":
                held.append(f"hold {number}")
                steps.append(Step("hold", on="cache", args=(manifest(pick(draw, images), blobs),), save=held[-1], read=("manifest",)))
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
                steps.append(Step("put", on="cache", args=(digest, blobs[letter])))
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
            return Step("put", on="cache", args=(pick(draw, [digest[7:], digest[:-1], "sha512:" + digest[7:], "../x"]), data))
        case 4:
            return Step("put", on="cache", args=(digest, data * 20 + b"large"))
        case 5:
            return Step("get", on="cache", args=(pick(draw, [digest[7:], "sha256:", digest + PART, digest + "0"]),))
        case _:
            return Step("put", on="cache", args=(digest, data[:-1] if data else b"x"))
