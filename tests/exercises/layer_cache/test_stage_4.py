"""Stage 4: crashes and value."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Play, promise, require

from ..shared.eviction import Spent, check_beside_lru, check_beside_optimum
from .checks import check_goes_on, check_nobody_waits_in_vain, check_reserved
from .expected import disk_of, turns
from .facts import check_alive, told, walk
from .scripts_stage_4 import crashing, reopened, resumed, shrunk, with_policy
from .test_stage_1 import check_disk_rules
from .traces import plain_traces, scripts
from .world import PART, Disk, RankedPolicy, Trace, digest_of

CRASHES = crashing()


@promise(stage=4, points=4, level="core", rule="Reopened", scripts=CRASHES, scale=0.6, tags=("failure",))
def test_reopened(play: Play, script: Script) -> None:
    "After a crash at any write the new cache serves every blob that the old one had cached and had not begun to evict."
    before, files = died(play, script)
    after = reopen(play, before, reopened(script, files, before.budget))
    for call in after.calls_of("get"):
        if call.args[0] in before.survivors:
            letter = before.letter(call.args[0])
            require(
                type(call.value) is bytes and digest_of(call.value) == call.args[0],
                f"get({letter}) to return the blob",
                _value(call, before),
                call.ended,
            )
    for call, digest, missing in _missing(after):
        lost = missing and digest in before.survivors
        require(not lost, f"{before.letter(digest)} not to be missing", _value(call, before), call.ended)


@promise(stage=4, points=4, level="core", rule="Reopened", scripts=CRASHES, scale=0.6, tags=("failure",))
def test_nothing_torn(play: Play, script: Script) -> None:
    "What was being written when the process died is cached whole or not at all: nothing torn is served, or left out by `missing`; and it can be put again."
    before, files = died(play, script)
    after = reopen(play, before, reopened(script, files, before.budget))
    cached = {name for name, data in files.items() if digest_of(data) == name}
    for call in after.calls_of("get"):
        letter = before.letter(call.args[0])
        right = call.value is None or (type(call.value) is bytes and digest_of(call.value) == call.args[0])
        require(right, f"get({letter}) to return the whole blob or None", _value(call, before), call.ended)
    for call, digest, missing in _missing(after):
        require(
            digest in cached or missing,
            f"{before.letter(digest)} to be missing",
            _value(call, before),
            call.ended,
        )


@promise(stage=4, points=3, level="senior", rule="Leftovers", scripts=CRASHES, scale=0.6, tags=("memory", "failure"))
def test_leftovers(play: Play, script: Script) -> None:
    "What a crash leaves counts as in use and is evicted, resumed or replaced; a complete partial is renamed without a fetch; in the end the whole budget can be used."
    before, files = died(play, script)
    check_disk_rules(reopen(play, before, reopened(script, files, before.budget)))
    history = play(resumed(script, files, before.budget))
    check_disk_rules(history)
    for mark, state in walk(history):
        if mark.kind == "fetch" and mark.fetch is not None:
            check_goes_on(mark.fetch, state)
        if mark.kind == "settled":
            check_reserved(mark, state)
            check_nobody_waits_in_vain(mark, state)
    for call in history.calls_of("pull"):
        require(call.outcome == "returned", f"the pull of {told(call)} to return", str(call.error), call.ended)


@promise(stage=4, points=3, level="senior", rule="Smaller", scripts=CRASHES, scale=0.6, tags=("boundaries",))
def test_smaller(play: Play, script: Script) -> None:
    "A new cache with a smaller budget deletes what does not fit, partials first and no more than needed, before its constructor returns."
    before, files = died(play, script)
    budget = max(1, before.budget // 2)
    history = reopen(play, before, shrunk(script, files, budget))
    disk = disk_of(history)
    check_disk_rules(history)
    made = history.calls[0]
    left = {name: len(data) for name, data in files.items()}
    whole = {name for name, data in files.items() if digest_of(data) == name}
    gone = [change for change in disk.changes if change.seq < made.ended_seq]
    for change in gone:
        require(
            change.kind == "delete",
            "the constructor to delete what does not fit",
            f"{change.kind} of {disk.letter(change.name)}",
            made.ended,
        )
        left.pop(change.name)
    in_use = sum(left.values())
    require(in_use <= budget, f"at most {budget} bytes when the cache is made", f"{in_use}", made.ended)
    evicted = [change for change in gone if change.name in whole]
    partials = [name for name, size in left.items() if name.endswith(PART) and size]
    if evicted:
        letter = disk.letter(evicted[-1].name)
        require(not partials, f"the partials to go before {letter}", f"{letter} is deleted", made.ended)
    room = [change for change in gone if change.name in whole or change.name.endswith(PART)]
    if room and room[-1].size:
        letter = disk.letter(room[-1].name)
        require(
            in_use + room[-1].size > budget,
            f"{letter} to stay, as it fits {budget} bytes",
            f"{in_use} without it",
            made.ended,
        )
    for call in history.calls_of("get"):
        if call.args[0] in whole and call.args[0] in left:
            require(
                type(call.value) is bytes,
                f"get({disk.letter(call.args[0])}) to return the blob",
                _value(call, disk),
                call.ended,
            )


@promise(stage=4, points=4, level="core", rule="Policy", scripts=with_policy(), scale=0.5, tags=("policy",))
def test_policy(play: Play, script: Script) -> None:
    "The policy hears of every hold and pull once, is asked only when there is enough to evict, gets exactly what could be evicted, and its answer is followed."
    history = play(script)
    policy = history.worlds["policy"]
    assert isinstance(policy, RankedPolicy)
    for call in history.calls_of("hold", "pull"):
        image = call.args[0].kwargs["image"]
        heard = [one for seq, one in policy.requests if call.began_seq < seq < call.ended_seq and one == image]
        others = [one for one in history.calls_of("pull") if one is not call and one.args[0].kwargs["image"] == image]
        overlap = [one for one in others if one.began_seq < call.ended_seq and one.ended_seq > call.began_seq]
        right = len(heard) == 1 or (overlap and heard)
        require(bool(right), f"the policy to hear of the {call.do} of {image} once", f"{len(heard)} times", call.began)
    asked = len(history.calls_of("hold", "pull"))
    require(len(policy.requests) == asked, f"{asked} calls of requested", f"{len(policy.requests)}", history.end)
    if script.mode == "calls":
        _check_asked_in_turn(history, policy)
    else:
        _check_asked_by_pulls(history, policy)


def _check_asked_in_turn(history: History, policy: RankedPolicy) -> None:
    for turn in turns(history):
        questions = [one for one in policy.asked if turn.call.began_seq < one.seq < turn.call.ended_seq]
        expected = int(bool(turn.victims))
        require(
            len(questions) == expected,
            f"{turn.asked} to ask for victims {expected} times",
            f"{len(questions)} times",
            turn.call.ended,
        )
        for one in questions:
            offered = sorted(turn.disk.letter(digest) for digest, _ in one.candidates)
            sizes = all(
                turn.disk.letters.get(digest) and len(turn.disk.blobs[turn.disk.letters[digest]]) == size
                for digest, size in one.candidates
            )
            require(
                offered == sorted(turn.idle) and sizes,
                f"the candidates {', '.join(sorted(turn.idle))}",
                ", ".join(offered),
                one.at,
            )
            require(one.needed == turn.needed, f"{turn.needed} bytes to be needed", f"{one.needed}", one.at)
        named = [turn.disk.letter(digest) for one in questions for digest in one.named]
        rot = [turn.letter] if turn.kind == "rotten" else []
        require(
            sorted(turn.evicted) == sorted(named or rot),
            f"{turn.asked} to evict {', '.join(named) or 'nothing'}",
            turn.did,
            turn.call.ended,
        )


def _check_asked_by_pulls(history: History, policy: RankedPolicy) -> None:
    named: dict[str, float] = {}
    questions = list(policy.asked)
    for mark, state in walk(history):
        while questions and questions[0].seq < mark.seq:
            one = questions.pop(0)
            held = {digest for digests in state.holds.values() for digest in digests}
            held |= {digest for call in state.callers() if call.id in state.begun for digest in call_layers(call)}
            for digest, size in one.candidates:
                letter = state.disk.letter(digest)
                require(
                    state.files.get(digest) == size and digest not in held,
                    f"candidates that are cached and not held, not {letter}",
                    "it is one",
                    one.at,
                )
            enough = sum(size for _, size in one.candidates) >= one.needed > 0
            require(enough, f"{one.needed} bytes to be asked for only if there are enough", "there are not", one.at)
            named |= dict.fromkeys(one.named, one.at)
        change = mark.change
        if mark.kind == "change" and change is not None and change.kind == "delete" and not change.name.endswith(PART):
            letter = state.disk.letter(change.name)
            require(
                named.pop(change.name, None) == mark.at,
                f"{letter} to stay, which the policy did not name",
                "it is deleted",
                mark.at,
            )
        if mark.kind == "settled":
            spared = [state.disk.letter(digest) for digest in named]
            require(not spared, f"{', '.join(spared)} to be evicted, as the policy says", "it is not", mark.at)
            check_nobody_waits_in_vain(mark, state)


@promise(stage=4, points=3, level="core", rule="Better than LRU", tags=("policy",), shares="traces")
def test_better_than_lru(play: Play) -> None:
    "Over all traces, the policy spends at most 80 % of the fetch seconds of least-recently-used eviction."
    check_beside_lru(spend(play), plain_traces(), 0.8, "fetching")


@promise(stage=4, points=4, level="senior", rule="Close to the best", tags=("policy",), shares="traces")
def test_close_to_the_best(play: Play) -> None:
    "Over all traces, the policy spends at most 1.45 times the fetch seconds of the offline optimum."
    check_beside_optimum(spend(play), plain_traces(), 1.45, "fetching")


def spend(play: Play) -> Spent:
    """What the policy spends on fetching over all traces."""
    spent = 0.0
    for script in scripts():
        driven = play(script).worlds["trace"]
        assert isinstance(driven, Trace)
        require(driven.wrong is None, "victims among the candidates that free enough", driven.wrong or "", 0)
        spent += driven.cost
    return Spent(spent, f"on the last trace it fetched {driven.dearest()}")


def died(play: Play, script: Script) -> tuple[Disk, dict[str, bytes]]:
    """The disk of the process that would have died, and what is on it then. Without a crash in the play, it dies at the end."""
    history = play(script)
    if script.mode == "calls":
        for _ in turns(history):
            pass  # what is asked of a live cache
    else:
        check_alive(history)
    before = disk_of(history)
    if before.crashed is None:
        before.survivors = {name for name in before.files if before.whole(name)}
        return before, dict(before.files)
    return before, before.crashed


def reopen(play: Play, before: Disk, script: Script) -> History:
    """What a new cache on what a crash left does; it must be one that keeps what is put."""
    budget = script.worlds["store"].kwargs["budget"]
    if budget not in before.reopened:  # properties that look at one crash share this play too
        before.reopened[budget] = play(script)
    history = before.reopened[budget]
    puts = history.calls_of("put")
    disk = disk_of(history)
    for call in puts:
        require(
            call.outcome == "returned", f"put({disk.letter(call.args[0])}) to find room", str(call.error), call.ended
        )
    last = puts[-1].args[0] if puts else None
    require(last is None or disk.whole(last), "what was put last to be cached", "it is not", history.end)
    return history


def call_layers(call: Call) -> list[str]:
    """The digests of the image that a pull asks for."""
    return [layer.kwargs["digest"] for layer in call.args[0].kwargs["layers"]]


def _missing(history: History) -> list[tuple[Call, str, bool]]:
    """The calls of `missing`, with each layer of their hold and whether it is said to be missing."""
    held = {call.save: call_layers(call) for call in history.calls_of("hold")}
    calls = [(call, call.value if isinstance(call.value, list) else []) for call in history.calls_of("missing")]
    return [(call, digest, digest in said) for call, said in calls for digest in held[call.on]]


def _value(call: Call, disk: Disk) -> str:
    """What came of a call of `get` or `missing`, for people."""
    if call.outcome == "raised":
        return str(call.error)
    if isinstance(call.value, list):
        return f"[{', '.join(disk.letter(str(one)) for one in call.value)}]"[:60]
    return f"{call.value!r}"[:60]
