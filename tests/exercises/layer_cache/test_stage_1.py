"""Stage 1: blobs by digest."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import History, Play, promise, require

from .expected import disk_of, turns
from .scripts import sequential
from .world import digest_of

CALLS = sequential(holds=False)


@promise(stage=1, points=4, level="core", rule="Verified", scripts=CALLS, scale=0.8, tags=("failure",))
def test_verified(play: Play, script: Script) -> None:
    "Putting bytes that are not those of the digest raises BadDigest, and writes and deletes nothing."
    for turn in turns(play(script)):
        bad = turn.call.raised("BadDigest")
        if turn.kind == "bad":
            expected = f"{turn.asked} of other bytes to raise BadDigest and leave the disk alone"
            require(bad and not turn.changes, expected, turn.did, turn.call.ended)
        else:
            require(not bad, f"{turn.asked} to find its bytes right", turn.did, turn.call.ended)


@promise(stage=1, points=4, level="core", rule="Served whole", scripts=CALLS, scale=0.8, tags=("failure",))
def test_served_whole(play: Play, script: Script) -> None:
    "A cached blob is served, whole; one that has rotted is never served: it is deleted, and None is returned."
    for turn in turns(play(script)):
        if turn.call.do != "get":
            continue
        value, digest = turn.call.value, turn.call.args[0]
        right = type(value) is bytes and digest_of(value) == digest
        match turn.kind:
            case "cached":
                require(right, f"{turn.asked} to return the blob's bytes", turn.did, turn.call.ended)
            case "rotten":
                gone = turn.evicted == [turn.letter]
                require(
                    value is None and gone,
                    f"{turn.asked} to delete the file, which has rotted, and return None",
                    turn.did,
                    turn.call.ended,
                )
            case _:
                require(
                    value is None and not turn.changes,
                    f"{turn.asked} to return None, as it is not cached",
                    turn.did,
                    turn.call.ended,
                )


@promise(stage=1, points=2, level="core", rule="Once", scripts=CALLS, scale=0.8, tags=("cost",))
def test_once(play: Play, script: Script) -> None:
    "Putting a blob that is cached writes and deletes nothing, and does not look at the file; any other is written."
    for turn in turns(play(script)):
        if turn.call.do == "put" and turn.kind == "cached":
            quiet = turn.call.outcome == "returned" and not turn.changes and not turn.reads
            require(quiet, f"{turn.asked} to leave the disk alone, as it is cached", turn.did, turn.call.ended)
        elif turn.kind == "write":
            written = any(change.name == turn.call.args[0] and change.kind != "delete" for change in turn.changes)
            require(written, f"{turn.asked} to be written to the file of its digest", turn.did, turn.call.ended)


@promise(stage=1, points=3, level="core", rule="Budget", scripts=CALLS, scale=0.8, tags=("memory", "boundaries"))
def test_budget(play: Play, script: Script) -> None:
    "The bytes in use never exceed the budget, not even for a moment: room is made before anything is written."
    history = play(script)
    check_disk_rules(history)
    for _ in turns(history):
        pass


@promise(stage=1, points=4, level="core", rule="Least recently used", scripts=CALLS, scale=0.8, tags=("order",))
def test_least_recently_used(play: Play, script: Script) -> None:
    "Room is made by evicting the least recently used blobs, no more of them than needed, and nothing is deleted for any other reason but rot."
    check_victims(play(script))


@promise(stage=1, points=3, level="core", rule="Too large", scripts=CALLS, scale=0.8, tags=("boundaries",))
def test_too_large(play: Play, script: Script) -> None:
    "Putting a blob that is larger than the budget raises TooLarge, and writes and deletes nothing."
    for turn in turns(play(script)):
        refused = turn.call.raised("TooLarge")
        if turn.kind == "too large":
            expected = f"{turn.asked} to raise TooLarge and leave the disk alone"
            require(refused and not turn.changes, expected, turn.did, turn.call.ended)
        else:
            require(not refused, f"{turn.asked} to fit the budget", turn.did, turn.call.ended)


def check_disk_rules(history: History, *rules: str) -> None:
    """None of these rules of the disk was broken, or none at all if none is named."""
    disk = disk_of(history)
    expected = {
        "budget": f"at most {disk.budget} bytes in use",
        "names": "no files but blobs and partials",
        "whole": "the blob's bytes in the file of its digest",
    }
    for breach in disk.breaches:
        require(bool(rules) and breach.rule not in rules, expected[breach.rule], breach.text, breach.at)


def check_victims(history: History) -> None:
    """Each call evicted what it had to, in order, and nothing else."""
    for turn in turns(history):
        wanted = [turn.letter] if turn.kind == "rotten" else turn.victims
        order = f"; by last use: {', '.join(turn.idle)}" if wanted else ""
        require(
            turn.evicted == wanted,
            f"{turn.asked} to evict {', '.join(wanted) or 'nothing'}{order}",
            turn.did,
            turn.call.ended,
        )
