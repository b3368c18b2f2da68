"""Scripts of crashes, of what is done with what they leave, and of policies: stage 4."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from burnin.script import Script, Step, WorldRef

from .scripts import ERRORS, Draw, between, blob, manifest, pause, pick, plain, some_blobs, some_calls, some_image
from .scripts_stage_3 import last_pull, open_puller, pull_steps, some_images, some_layers, with_puller
from .world import PART, WHOLE, Disk, RankedPolicy, Registry, digest_of


@st.composite
def crashing(draw: Draw) -> Script:
    """Plain calls or pulls, and a process that would die in one of its changes of the disk."""
    crash = (pick(draw, [2, 4, 3, 2, 4, 5, 6, 1, 0]), pick(draw, [0, 1, 1, 2, 1, 3, 30, -1]))
    if pick(draw, [False, True]):
        budget = between(draw, 4, 9)
        blobs = some_blobs(draw, budget, largest=budget)
        images = [some_image(draw, blobs, 3) for _ in range(between(draw, 1, 2))] if pick(draw, [False, True]) else []
        return plain(blobs, budget, some_calls(draw, blobs, images, wrong=False, most=12), crash=crash)
    budget = between(draw, 4, 9)
    blobs = some_layers(draw, budget)
    images = some_images(draw, blobs, budget)
    actors = {
        name: tuple(pull_steps(draw, pick(draw, images), blobs, f"{name}0", (pick(draw, [0.0, 1.0]), 0), None))
        for name in "ABC"[: between(draw, 1, 3)]
    }
    failing = [1] if pick(draw, [False, True]) else []
    pulls = with_puller(draw, blobs, budget, actors, failing=failing, crash=crash)
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
    return plain(script.worlds["store"].kwargs["blobs"], budget, [*steps, *gets, *puts], files=files)


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
        setup=(Step("LayerCache", args=(WorldRef("store"), budget), save="cache"), *open_puller()),
        actors=actors,
        finale=last_pull(blobs),
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
    blobs = some_layers(draw, budget)
    ranking = [digest_of(blobs[letter]) for letter in sorted(blobs, key=lambda _: between(draw, 0, 3))]
    policy = RankedPolicy.of(ranking=[*ranking, digest_of(blob(WHOLE, budget))])
    images = some_images(draw, blobs, budget)
    if pick(draw, [False, True]):
        script = plain(blobs, budget, some_calls(draw, blobs, images, wrong=False, most=16))
        made = Step("LayerCache", args=(WorldRef("store"), budget), kwargs={"policy": WorldRef("policy")}, save="cache")
        return msgspec.structs.replace(script, setup=(made,), worlds={**script.worlds, "policy": policy})
    actors = {
        name: tuple(
            step
            for number in range(2)
            for step in pull_steps(draw, pick(draw, images), blobs, f"{name}{number}", pause(draw), None)
        )
        for name in "ABC"[: between(draw, 1, 3)]
    }
    return with_puller(draw, blobs, budget, actors, policy=policy)
