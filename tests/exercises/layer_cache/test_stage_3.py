"""Stage 3: concurrent pulls."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Opaque, Play, promise, require

from .checks import (
    check_all_or_nothing,
    check_error_has_cause,
    check_evictions,
    check_given_up,
    check_goes_on,
    check_held_stays,
    check_no_orphan,
    check_nobody_overtaken,
    check_nobody_waits_in_vain,
    check_not_swallowed,
    check_partials_first,
    check_partials_stay,
    check_reserved,
    check_told,
    ending_of,
    lost_at,
    spoiled_at,
)
from .facts import walk, wanted
from .scripts_stage_3 import abandoned, closing, just_fitting, pulling
from .test_stage_1 import check_disk_rules
from .test_stage_2 import check_release_once
from .world import PART

PULLS = pulling() | just_fitting()
WRONG = pulling(wrong=True)
CANCELLED = abandoned() | pulling(cancelling=True)


@promise(
    stage=3,
    points=4,
    level="core",
    rule="Room for all of it",
    scripts=PULLS,
    scale=0.9,
    tags=("concurrency", "boundaries"),
)
def test_room_for_all_of_it(play: Play, script: Script) -> None:
    "A pull begins when there is room for all that it has to fetch, and then holds all its layers; while it waits it holds nothing."
    for mark, state in walk(play(script)):
        check_held_stays(mark, state)
        if mark.kind == "settled" and not state.closing:
            check_all_or_nothing(mark, state)
            check_reserved(mark, state)
        elif mark.kind == "end" and mark.call is not None:
            fits = sum(state.sizes[one] for one in wanted(mark.call)) <= state.disk.budget
            require(
                mark.call.raised("TooLarge") != fits,
                "TooLarge for what can never fit, and for nothing else",
                str(mark.call.error),
                mark.at,
            )


@promise(stage=3, points=4, level="core", rule="At once", scripts=PULLS, scale=0.9, tags=("concurrency", "order"))
def test_at_once(play: Play, script: Script) -> None:
    "A pull with nothing to fetch begins at once, the first in line begins at once when there is room, and one whose layers are cached returns at once."
    for mark, state in walk(play(script)):
        if mark.kind == "settled":
            check_nobody_waits_in_vain(mark, state)


@promise(stage=3, points=3, level="senior", rule="At once", scripts=PULLS, scale=0.9, tags=("order",))
def test_in_order(play: Play, script: Script) -> None:
    "First come, first served: while a pull waits for room, no later one that has something to fetch begins."
    for mark, state in walk(play(script)):
        if mark.kind == "settled":
            check_nobody_overtaken(mark, state)


@promise(stage=3, points=3, level="core", rule="Budget", scripts=PULLS, scale=0.9, tags=("memory",))
def test_reserved_bytes(play: Play, script: Script) -> None:
    "Files and the bytes that downloads in flight still have to fetch never exceed the budget; what is evicted is least recently used, and no more than needed."
    history = play(script)
    check_disk_rules(history)
    for mark, state in walk(history):
        if mark.kind == "settled":
            check_reserved(mark, state)
            check_evictions(mark, state)


@promise(stage=3, points=4, level="core", rule="Single flight", scripts=PULLS, scale=0.9, tags=("concurrency",))
def test_single_flight(play: Play, script: Script) -> None:
    "A layer that is cached is not fetched, and everybody who needs a layer while it is being downloaded shares that download and gets a hold of its own."
    history = play(script)
    check_release_once(history)
    for mark, state in walk(history):
        if mark.kind == "fetch" and mark.fetch is not None:
            letter, digest = state.disk.letter(mark.fetch.digest), mark.fetch.digest
            require(not state.open(digest), f"one fetch of {letter} at a time", "two are in flight", mark.at)
            require(
                not state.cached(digest),
                f"no fetch of {letter}, which is cached",
                f"fetch at {mark.fetch.offset}",
                mark.at,
            )
        if mark.kind == "end" and mark.call is not None and mark.call.outcome == "returned":
            given = mark.call.value
            named = isinstance(given, Opaque) and isinstance(given.fields.get("manifest"), Opaque)
            right = named and given.manifest.fields.get("image") == mark.call.args[0].kwargs["image"]
            require(right, "a hold with the manifest that was asked for", repr(given)[:80], mark.at)


@promise(stage=3, points=3, level="core", rule="Resume", scripts=WRONG, scale=0.8, tags=("failure",))
def test_resume(play: Play, script: Script) -> None:
    "What is fetched is appended to the partial at once; a download goes on from its partial, and partials are evicted before blobs."
    for mark, state in walk(play(script)):
        if mark.kind == "fetch" and mark.fetch is not None:
            check_goes_on(mark.fetch, state)
        if mark.kind == "settled":
            check_partials_stay(mark, state)
            for digest, has in state.partials.items():
                got = state.files.get(digest + PART, 0)
                right = got in state.partial_sizes(digest)
                require(right, f"{has} bytes in the partial of {state.disk.letter(digest)}", f"{got}", mark.at)
            check_partials_first(mark, state)


@promise(stage=3, points=2, level="senior", rule="Bad bytes", scripts=WRONG, scale=0.8, tags=("failure",))
def test_bad_bytes(play: Play, script: Script) -> None:
    "Bytes that are not the digest's, or too many, give BadDigest to everybody who waits for the layer; the partial is deleted and nothing of it is kept."
    history = play(script)
    check_disk_rules(history)
    for mark, state in walk(history):
        change = mark.change
        if mark.kind == "change" and change is not None and change.name.endswith(PART) and change.kind != "delete":
            size = state.sizes.get(change.name.removesuffix(PART), 0)
            letter = state.disk.letter(change.name)
            require(change.size <= size, f"at most {size} bytes in {letter}", f"{change.size}", mark.at)
        if mark.kind == "settled":
            for fetch in spoiled_at(state):
                digest = fetch.digest
                letter = state.disk.letter(digest)
                gone = any(  # somebody may have asked for it anew already, and even given it up again: then there is another partial
                    (change.kind, change.name, change.at) == ("delete", digest + PART, mark.at)
                    and change.seq > fetch.ended_seq
                    for change in state.disk.changes
                )
                require(
                    gone or digest + PART not in state.files or lost_at(fetch, state),
                    f"the partial of {letter} to be deleted",
                    "it is there",
                    mark.at,
                )
                check_told(mark, state, digest, "BadDigest")
            check_nobody_waits_in_vain(mark, state)
        check_error_has_cause(mark, state, "BadDigest", history)


@promise(stage=3, points=3, level="core", rule="Failure", scripts=WRONG, scale=0.8, tags=("failure",))
def test_failure(play: Play, script: Script) -> None:
    "When a fetch fails, everybody who waits for that layer gets FetchFailed, nobody else does, and the room is free again at once."
    history = play(script)
    for mark, state in walk(history):
        check_error_has_cause(mark, state, "FetchFailed", history)
        if mark.kind == "settled":
            for one in state.now:
                if one.kind == "fetched" and one.fetch is not None and one.fetch.outcome == "failed":
                    check_told(mark, state, one.fetch.digest, "FetchFailed")
            check_no_orphan(mark, state)
            check_nobody_waits_in_vain(mark, state)


@promise(stage=3, points=3, level="core", rule="Others go on", scripts=CANCELLED, scale=0.6, tags=("cancellation",))
def test_others_go_on(play: Play, script: Script) -> None:
    "When a pull is cancelled, downloads that another pull waits for go on undisturbed, and the line keeps its order."
    for mark, state in walk(play(script)):
        if mark.kind == "fetched" and mark.fetch is not None and mark.fetch.outcome == "cancelled":
            for call in state.callers():
                waits = mark.fetch.digest in wanted(call) and call.id in state.begun and call.cancelled_at != mark.at
                letter = state.disk.letter(mark.fetch.digest)
                require(
                    state.closing or not waits,
                    f"the download of {letter} to go on, as {call.actor} waits for it",
                    "it was cancelled",
                    mark.at,
                )
        if mark.kind == "settled":
            check_nobody_waits_in_vain(mark, state)
            check_nobody_overtaken(mark, state)


@promise(stage=3, points=2, level="core", rule="Abandoned", scripts=CANCELLED, scale=0.6, tags=("cancellation",))
def test_abandoned(play: Play, script: Script) -> None:
    "A download that nobody waits for any more is cancelled at once, its room is free at once, and a cancelled pull holds nothing."
    history = play(script)
    for mark, state in walk(history):
        check_held_stays(mark, state)
        if mark.kind == "settled":
            check_given_up(mark, state)
    check_not_swallowed(history)


@promise(stage=3, points=2, level="senior", rule="Abandoned", scripts=CANCELLED, scale=0.6, tags=("cancellation",))
def test_nothing_leaks(play: Play, script: Script) -> None:
    "Wherever a cancellation lands, it is not swallowed, and no hold, reservation or unknown partial is left: an image as large as the budget fits in the end."
    history = play(script)
    for mark, state in walk(history):
        if mark.kind == "settled":
            check_given_up(mark, state)
    check_not_swallowed(history)
    check_release_once(history)
    check_disk_rules(history)
    last = history.calls_of("pull")[-1]
    require(
        last.outcome == "returned",
        "an image as large as the budget to be pulled in the end",
        str(last.error),
        last.ended,
    )


@promise(stage=3, points=2, level="core", rule="Closing", scripts=closing(), scale=0.5, tags=("cancellation",))
def test_closing(play: Play, script: Script) -> None:
    "Leaving the block stops the downloads at once; pulls that have not ended, later ones and those before it is entered get PullerClosed; blobs and partials stay."
    history = play(script)
    entered, left = history.calls_of("__aenter__")[0], history.calls_of("__aexit__")[0]
    given = entered.value.type if isinstance(entered.value, Opaque) else str(entered.value)
    require(given == "Puller", "entering the block to give the puller", given, entered.ended)
    for mark, state in walk(history):
        if mark.kind == "settled" and mark.at == left.began:
            flying = [state.disk.letter(digest) for digest in state.flights if state.open(digest)]
            require(not flying, "no download after the block is left", f"{', '.join(flying)} in flight", mark.at)
            require(left.ended == left.began, "the block to be left at once", f"at {left.ended:g} s", mark.at)
            for call in state.waiting:
                require(False, f"PullerClosed for {call.actor} at {mark.at:g} s", ending_of(call), mark.at)
        shut = mark.at > left.began or mark.seq < entered.began_seq
        if mark.kind == "end" and mark.call is not None and state.closing and shut:
            closed = mark.call.raised("PullerClosed") or mark.call.raised("TooLarge")
            require(closed, f"PullerClosed for {mark.call.actor}", ending_of(mark.call), mark.at)
        if mark.kind == "end" and mark.call is not None and not state.closing:
            require(
                not mark.call.raised("PullerClosed"),
                f"the puller to be open for {mark.call.actor}",
                "PullerClosed",
                mark.at,
            )
        if mark.kind == "change" and mark.change is not None and mark.at > left.began:
            require(
                False,
                "the files to stay as they are",
                f"{mark.change.kind} of {state.disk.letter(mark.change.name)}",
                mark.at,
            )
