"""Stage 2: images hold layers."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Opaque, Play, promise, require

from .expected import turns
from .scripts import sequential
from .test_stage_1 import check_victims

HOLDS = sequential(holds=True)


@promise(stage=2, points=5, level="core", rule="Held stays", scripts=HOLDS, tags=("order",))
def test_held_stays(play: Play, script: Script) -> None:
    "No layer of an image is evicted, cached already or put later, until the last hold on it is released."
    for turn in turns(play(script)):
        if turn.call.do == "hold" and turn.kind == "hold":
            given = turn.call.value
            named = isinstance(given, Opaque) and isinstance(given.fields.get("manifest"), Opaque)
            right = named and given.manifest.fields.get("image") == turn.call.args[0].kwargs["image"]
            require(right, "a hold with its manifest", repr(given)[:80], turn.call.ended)
        for letter in turn.evicted:
            if turn.kind != "rotten":
                require(letter not in turn.held, f"{letter} to stay while it is held", turn.did, turn.call.ended)
        if turn.kind == "write":  # a hold that is over, or of other layers, is no reason to refuse
            require(
                turn.call.outcome == "returned",
                f"{turn.asked} to find room, with the layers that are held",
                turn.did,
                turn.call.ended,
            )


@promise(stage=2, points=3, level="core", rule="Missing", scripts=HOLDS, tags=("boundaries",))
def test_missing(play: Play, script: Script) -> None:
    "`missing` gives the layers of the image that are not cached now, each once, in the manifest's order."
    for turn in turns(play(script)):
        if turn.kind == "missing":
            digests = turn.call.value
            got = [turn.disk.letter(str(one)) for one in digests] if isinstance(digests, list) else None
            require(got == turn.missing, f"{turn.asked} to give [{', '.join(turn.missing)}]", str(got), turn.call.ended)


@promise(stage=2, points=2, level="core", rule="Never fits", scripts=HOLDS, tags=("boundaries",))
def test_never_fits(play: Play, script: Script) -> None:
    "An image whose different layers are larger than the budget together is TooLarge, and nothing is held."
    for turn in turns(play(script)):
        if turn.call.do == "hold":
            refused = turn.call.raised("TooLarge")
            sizes = ", ".join(f"{layer.kwargs['size']}" for layer in turn.call.args[0].kwargs["layers"])
            expected = (
                f"hold of layers with {sizes} bytes to {'raise TooLarge' if turn.kind == 'too large' else 'return'}"
            )
            require(refused == (turn.kind == "too large"), expected, turn.did, turn.call.ended)
        elif turn.kind == "write":
            require(turn.call.outcome == "returned", f"{turn.asked} to find room", turn.did, turn.call.ended)


@promise(stage=2, points=4, level="core", rule="Busy", scripts=HOLDS, tags=("boundaries",))
def test_busy(play: Play, script: Script) -> None:
    "If evicting every blob that is not held would not make enough room, CacheBusy is raised, and nothing is written or deleted."
    for turn in turns(play(script)):
        refused = turn.call.raised("CacheBusy")
        if turn.kind == "busy":
            require(
                refused and not turn.changes,
                f"{turn.asked} to raise CacheBusy and leave the disk alone",
                turn.did,
                turn.call.ended,
            )
        else:
            require(not refused, f"{turn.asked} to find room", turn.did, turn.call.ended)


@promise(stage=2, points=3, level="core", rule="Release once", scripts=HOLDS, tags=("failure",))
def test_release_once(play: Play, script: Script) -> None:
    "Releasing a hold a second time raises HoldError and changes nothing, whatever other holds there are."
    history = play(script)
    check_release_once(history)
    for turn in turns(history):
        for letter in turn.evicted:
            if turn.kind != "rotten":
                require(letter not in turn.held, f"{letter} to stay while it is held", turn.did, turn.call.ended)
        if turn.kind == "write":
            require(turn.call.outcome == "returned", f"{turn.asked} to find room", turn.did, turn.call.ended)


@promise(stage=2, points=3, level="core", rule="Use", scripts=HOLDS, tags=("order",))
def test_use(play: Play, script: Script) -> None:
    "Releasing an image uses its layers, from the first to the last; the least recently used blob that is not held is evicted first."
    check_victims(play(script))


def check_release_once(history: History) -> None:
    """The first release of each hold succeeds and no other does."""
    first: dict[str | None, Call] = {}
    for call in history.calls_of("release"):
        if call.on not in first:
            first[call.on] = call
            require(
                call.outcome == "returned", f"the first release of {call.on} to succeed", str(call.error), call.ended
            )
        else:
            require(
                call.raised("HoldError"),
                f"the second release of {call.on} to raise HoldError",
                "it returned",
                call.ended,
            )
