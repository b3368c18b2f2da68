"""What must hold at each mark of a history of concurrent pulls; the properties of stages 3 and 4 put it together."""

from __future__ import annotations

from burnin.suite import Call, History, require

from .facts import Mark, State, is_bad, registry_of, told, wanted
from .world import PART, Fetch


def check_goes_on(fetch: Fetch, state: State) -> None:
    """A fetch goes on where the partial ends."""
    letter, has = state.disk.letter(fetch.digest), state.partials.get(fetch.digest, 0)
    right = fetch.offset in state.partial_sizes(fetch.digest)
    require(right, f"fetch of {letter} to go on at {has}", f"it is at {fetch.offset}", fetch.began)


def check_nobody_waits_in_vain(mark: Mark, state: State) -> None:
    """When the clock moves on: who has all layers has returned, who has nothing to fetch or comes first and fits has begun."""
    if state.closing:
        return
    line = []
    for call in state.callers():
        if all(state.cached(one) for one in wanted(call)):
            require(
                False, f"pull of {told(call)} to return at {mark.at:g} s, as all is cached", ending_of(call), mark.at
            )
        if not state.provided(call):
            line.append(call)
    for call in line:
        if state.to_fetch(call) == 0:
            require(
                False,
                f"pull of {told(call)} to begin at {mark.at:g} s, as it has nothing to fetch",
                "it waits",
                mark.at,
            )
    first = min((call.began for call in line), default=0.0)
    heads = [call for call in line if call.began == first]
    if heads and all(state.fits(call) for call in heads):
        expected = f"the pull of {told(heads[0])} to begin at {mark.at:g} s, as there is room for its {state.to_fetch(heads[0])} bytes"
        require(False, expected, "it waits", mark.at)


def check_nobody_overtaken(mark: Mark, state: State) -> None:
    """Downloads that began at this instant did so for a pull that no earlier one waits before."""
    if state.closing:
        return
    started = {
        one.fetch.digest for one in state.now if one.kind == "fetch" and one.fetch is not None and _is_first(one, state)
    }
    line = [call for call in state.callers() if not state.provided(call)]
    served = [call for call in state.callers() if call not in line]
    served += [call for call in gone_at_once(state) if call.cancelled_at is not None]
    for digest in started & {one for one in state.flights if state.open(one)}:
        askers = [call for call in served if digest in wanted(call)]
        for call in line:
            if askers and all(asker.began > call.began and asker.id not in state.begun for asker in askers):
                letter = state.disk.letter(digest)
                require(
                    False,
                    f"{told(call)} to begin before {told(askers[0])}, who came later",
                    f"{letter} is fetched first",
                    mark.at,
                )


def gone_at_once(state: State) -> list[Call]:
    """Pulls that came to nothing at this instant, or were cancelled, and had not begun before it.

    They may have begun at it all the same: had room made, and left a download to one that joined it, or had no time for a fetch.
    """
    gone = [one.call for one in state.now if one.kind in ("end", "cancel") and one.call is not None]
    errors = "FetchFailed", "BadDigest"
    return [
        call
        for call in gone
        if call.id not in state.begun and (call.cancelled_at is not None or any(map(call.raised, errors)))
    ]


def _is_first(mark: Mark, state: State) -> bool:
    """Whether a fetch is the first of its download."""
    assert mark.fetch is not None
    for one in state.now:
        if (
            one.kind == "fetched"
            and one.fetch is not None
            and one.fetch.digest == mark.fetch.digest
            and one.fetch.outcome == "returned"
        ):
            return False
    return True


def check_reserved(mark: Mark, state: State) -> None:
    """Files and what is to come fit the budget."""
    require(
        state.in_use <= state.disk.budget,
        f"at most {state.disk.budget} bytes in use",
        f"{state.in_use} with what is to come",
        mark.at,
    )


def check_all_or_nothing(mark: Mark, state: State) -> None:
    """What is in flight belongs to pulls of which everything is cached or in flight."""
    for digest in [one for one in state.flights if state.open(one)]:
        askers = [call for call in state.callers() if digest in wanted(call)]
        whole = [call for call in askers if state.provided(call)]
        if askers and not whole:
            letter = state.disk.letter(digest)
            require(
                False,
                f"{told(askers[0])} to wait until there is room for all its layers",
                f"{letter} is fetched alone",
                mark.at,
            )


def check_held_stays(mark: Mark, state: State) -> None:
    """No layer of a hold, or of a pull that has begun, is deleted."""
    change = mark.change
    if mark.kind == "change" and change is not None and change.kind == "delete" and not change.name.endswith(PART):
        holders = [name for name, digests in state.holds.items() if change.name in digests]
        holders += [call.actor for call in state.callers() if call.id in state.begun and change.name in wanted(call)]
        letter = state.disk.letter(change.name)
        require(not holders, f"{letter} to stay, which {', '.join(holders)} holds", f"{letter} is deleted", mark.at)


def check_evictions(mark: Mark, state: State) -> None:
    """What was deleted at this instant made room that was needed, and nothing that was used longer ago was spared."""
    gone = [
        one.change
        for one in state.now
        if one.kind == "change" and one.change is not None and one.change.kind == "delete"
    ]
    if not gone:
        return
    last = gone[-1]
    free = state.disk.budget - state.in_use
    letter = state.disk.letter(last.name)
    require(
        free < last.size or last.size == 0,
        f"{letter} to stay, as its room is not needed",
        f"{free} bytes are free without it",
        mark.at,
    )
    asked = {digest for call in state.waiting for digest in wanted(call)}
    asked |= {digest for one in state.now if one.kind == "end" and one.call is not None for digest in wanted(one.call)}
    for change in gone:
        for name in state.evictable(*asked):
            older = state.last_used.get(name, -1.0) < state.last_used.get(change.name, -1.0)
            why = f"{state.disk.letter(name)}, last used at {state.last_used.get(name, -1.0):g} s, to be evicted first"
            require(not older or name.endswith(PART), why, f"{state.disk.letter(change.name)} is", mark.at)


def check_partials_first(mark: Mark, state: State) -> None:
    """No blob was evicted at this instant while there is a partial that could be."""
    gone = [
        one.change
        for one in state.now
        if one.kind == "change" and one.change is not None and one.change.kind == "delete"
    ]
    blobs = [change for change in gone if not change.name.endswith(PART)]
    fresh = {one.fetch.digest for one in state.now if one.kind in ("fetch", "fetched") and one.fetch is not None}
    asked = {digest for call in state.waiting for digest in wanted(call)}
    asked |= {
        digest
        for one in state.now
        if one.kind in ("begin", "end") and one.call is not None
        for digest in wanted(one.call)
    }
    for name in state.files:
        digest = name.removesuffix(PART)
        if (
            blobs
            and name.endswith(PART)
            and state.files[name]
            and digest not in fresh | asked
            and not state.open(digest)
        ):
            letter = state.disk.letter(blobs[0].name)
            require(
                False,
                f"the partial of {state.disk.letter(digest)} to be evicted before {letter}",
                f"{letter} is deleted",
                mark.at,
            )


def spoiled_at(state: State) -> list[Fetch]:
    """The fetches of this instant that completed a download with bad bytes."""
    ended = [one.fetch for one in state.now if one.kind == "fetched" and one.fetch is not None]
    return [fetch for fetch in ended if is_bad(fetch, state)]


def lost_at(fetch: Fetch, state: State) -> bool:
    """Whether the bytes of this fetch were lost, as they may be: the download was given up at this instant for another reason than them."""
    ends = [one.call for one in state.now if one.kind in ("end", "cancel") and one.call is not None]
    given_up = [call for call in ends if call.outcome != "returned" and fetch.digest in wanted(call)]
    wrong = {one.fetch.digest for one in state.now if one.fetch is not None and one.fetch.outcome == "failed"}
    wrong |= {other.digest for other in spoiled_at(state)}
    other_reason = any(call.outcome == "cancelled" or (wrong - {fetch.digest}) & set(wanted(call)) for call in given_up)
    return other_reason and state.files[fetch.digest + PART] == fetch.offset


def check_partials_stay(mark: Mark, state: State) -> None:
    """What was deleted at this instant made room for a download that began at it, and not for the same layer's own; or its bytes were bad."""
    gone = [
        one.change
        for one in state.now
        if one.kind == "change" and one.change is not None and one.change.kind == "delete"
    ]
    begun = {one.fetch.digest for one in state.now if one.kind == "fetch" and one.fetch is not None}
    calls = state.waiting + [one.call for one in state.now if one.kind == "end" and one.call is not None]
    needy = [call for call in calls if begun & set(wanted(call))] + gone_at_once(state)
    for change in gone:
        digest = change.name.removesuffix(PART)
        others = [call for call in needy if digest not in wanted(call)]
        spoiled = any(fetch.digest == digest for fetch in spoiled_at(state))
        letter = state.disk.letter(change.name)
        require(
            bool(others) or spoiled, f"{letter} to stay, as nobody else needs its room", f"{letter} is deleted", mark.at
        )


def check_told(mark: Mark, state: State, digest: str, error: str) -> None:
    """Who waited for the download when the clock last moved on has got this error, unless something else ended it at this instant.

    Nobody got a hold: it takes time to fetch the layer anew.
    """
    waits = [
        call
        for call in state.waiting
        if digest in wanted(call) and call.id in state.begun and call.cancelled_at != mark.at
    ]
    ends = [one.call for one in state.now if one.kind == "end" and one.call is not None]
    waits += [call for call in ends if digest in wanted(call) and call.outcome == "returned"]
    if waits and not state.closing:
        require(False, f"{error} for {waits[0].actor} at {mark.at:g} s", ending_of(waits[0]), mark.at)


def check_error_has_cause(mark: Mark, state: State, error: str, history: History) -> None:
    """Who gets this error waited for a layer whose download ended that way just then."""
    call = mark.call
    if mark.kind == "end" and call is not None and call.raised(error):
        causes = [one for one in registry_of(history).fetches if one.ended == call.ended and one.digest in wanted(call)]
        causes = [one for one in causes if one.outcome == "failed" or is_bad(one, state)]
        begun = call.id in state.begun or call.began == mark.at or any(one.kind == "fetch" for one in state.now)
        # Or it was in line until just then: one thing made room for it, and another ended it.
        begun = begun or len([one for one in state.now if _frees_room(one, state)]) > 1
        at_zero = error == "BadDigest" and any(not state.sizes[one] for one in wanted(call))
        require(
            bool(causes and begun) or at_zero,
            f"no {error} for {call.actor}, who waits for nothing that went wrong",
            error,
            call.ended,
        )


def _frees_room(mark: Mark, state: State) -> bool:
    """Whether this was the first cause of an end of holds or downloads."""
    if mark.kind == "fetched" and mark.fetch is not None:
        return mark.fetch.outcome == "failed" or is_bad(mark.fetch, state)
    return mark.kind in ("release", "cancel")


def check_no_orphan(mark: Mark, state: State) -> None:
    """Somebody waits for each download that is in flight."""
    for digest in state.flights:
        asked = any(digest in wanted(call) for call in state.callers())
        letter = state.disk.letter(digest)
        require(
            asked or not state.open(digest),
            f"the download of {letter} to be cancelled, as nobody waits for it",
            "it goes on",
            mark.at,
        )


def check_given_up(mark: Mark, state: State) -> None:
    """Cancelled pulls have ended, and their downloads with them, unless somebody else wants them; nobody waits in vain for the room."""
    for call in state.waiting:
        require(
            call.cancelled_seq > state.seq,
            f"the pull of {told(call)} to end when it is cancelled",
            ending_of(call),
            mark.at,
        )
    check_no_orphan(mark, state)
    check_nobody_waits_in_vain(mark, state)


def check_not_swallowed(history: History) -> None:
    """A pull that is cancelled ends cancelled, unless it ends at that very instant."""
    for call in history.calls_of("pull"):
        swallowed = call.cancelled_at is not None and call.outcome == "returned" and call.ended > call.cancelled_at
        require(not swallowed, f"the pull of {told(call)} to end cancelled", ending_of(call), call.ended)


def ending_of(call: Call) -> str:
    """How and when a call ended, for people."""
    match call.outcome:
        case "open":
            return "it never ended"
        case "returned":
            outcome = "a hold"
        case "raised":
            outcome = str(call.error)
        case _:
            outcome = call.outcome
    return f"{outcome} at {call.ended:g} s"
