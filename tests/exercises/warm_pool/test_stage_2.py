"""Stage 2: leases and threads."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Opaque, Play, promise, require

from .expected import turns
from .facts import host_of, walk
from .scripts import sequential, threaded

LEASES = sequential(leases=True)
THREADS = threaded()


@promise(stage=2, points=5, level="core", rule="Leased stays", scripts=LEASES, tags=("order",))
def test_leased_stays(play: Play, script: Script) -> None:
    "A lease has the model and its handle, and a model with a lease that has not been released is never unloaded."
    history = play(script)
    check_leases_hold(history)
    check_busy_for_a_reason(history)


@promise(stage=2, points=5, level="core", rule="Busy", scripts=LEASES, scale=1.5, tags=("boundaries",))
def test_busy(play: Play, script: Script) -> None:
    "If unloading every model without a lease would not make enough room, PoolBusy is raised, and nothing is loaded or unloaded."
    for turn in turns(play(script)):
        refused = turn.call.raised("PoolBusy")
        if turn.kind == "busy":
            expected = f"{turn.call.do}({turn.model!r}) to raise PoolBusy with no load and no unload"
            got = turn.host_calls if refused or turn.unloaded or turn.loads else str(turn.call.error)
            require(refused and not turn.unloaded and not turn.loads, expected, got, turn.call.ended)
        elif turn.kind == "too large":
            require(turn.call.raised("ModelTooLarge"), "ModelTooLarge", str(turn.call.error), turn.call.ended)
        else:
            require(not refused, f"{turn.call.do}({turn.model!r}) to find room", "PoolBusy", turn.call.ended)


@promise(stage=2, points=4, level="core", rule="Release once", scripts=LEASES, tags=("failure",))
def test_release_once(play: Play, script: Script) -> None:
    "Releasing a lease a second time raises LeaseError and changes nothing, whatever other leases there are."
    history = play(script)
    check_release_once(history)
    check_leases_hold(history)
    check_busy_for_a_reason(history)


@promise(stage=2, points=3, level="core", rule="Use", scripts=LEASES, scale=1.5, tags=("order",))
def test_use(play: Play, script: Script) -> None:
    "A model is used when it is acquired and when a lease on it is released, and the least recently used model without a lease is unloaded first."
    for turn in turns(play(script)):
        expected = turn.expected_victims
        require(turn.unloaded == turn.victims, expected, turn.host_calls, turn.call.ended)


@promise(stage=2, points=5, level="senior", rule="Threads", scripts=THREADS, tags=("concurrency",))
def test_threads(play: Play, script: Script) -> None:
    "Whatever threads do at once, the budget holds, no model is loaded twice at a time, and a model with a lease stays."
    history = play(script)
    check_host_rules(history)
    check_leases_hold(history)
    last = history.calls[-1]  # a pool that refuses everybody keeps nothing
    require(last.outcome == "returned", "every model to fit when no lease is held", str(last.error), last.ended)


@promise(stage=2, points=3, level="senior", rule="Threads", scripts=THREADS, tags=("concurrency",))
def test_threads_release(play: Play, script: Script) -> None:
    "When two threads release one lease, exactly one succeeds and the other gets LeaseError; when all leases are released, every model can be unloaded."
    history = play(script)
    check_release_once(history, in_order=False)
    last = history.calls[-1]
    loaded = any(last.value is load.handle for load in host_of(history).loads if load.model == last.args[0])
    require(
        last.outcome == "returned" and loaded,
        "a model as large as the budget to be loaded, as no lease is held",
        last.error or repr(last.value),
        last.ended,
    )


def check_host_rules(history: History, *rules: str) -> None:
    """None of these rules of the host was broken, or none at all if none is named."""
    host = host_of(history)
    expected = {
        "budget": f"at most {host.budget} bytes in use",
        "once": "one load of a model at a time",
        "unload": "each handle to be unloaded at most once",
    }
    for breach in host.breaches:
        require(bool(rules) and breach.rule not in rules, expected[breach.rule], breach.text, breach.at)


def check_leases_hold(history: History) -> None:
    """Each lease names its model and a handle that is loaded, and what is leased is not unloaded (unless the pool closes)."""
    for mark, state in walk(history):
        call = mark.call
        if mark.kind == "end" and call is not None and call.outcome == "returned" and not state.closing:
            lease = call.value
            if call.do == "acquire":
                named = isinstance(lease, Opaque) and lease.fields.get("model") == mark.model
                require(named, f"a lease of {mark.model!r}", repr(lease), call.ended)
            handle = lease.fields.get("handle") if isinstance(lease, Opaque) else lease
            require(handle is state.loaded.get(mark.model), "the handle of the loaded model", repr(handle), call.ended)
        if mark.kind == "unload" and not state.closing:
            require(
                not state.leased(mark.model),
                f"{mark.model} to stay while it is leased",
                f"unload of {mark.model}",
                mark.at,
            )


def check_busy_for_a_reason(history: History) -> None:
    """Only leases that are held make the pool busy."""
    for turn in turns(history):
        busy = turn.call.raised("PoolBusy")
        require(
            not busy or turn.kind == "busy",
            f"{turn.model} to find room, with the leases that are held",
            "PoolBusy",
            turn.call.ended,
        )


def check_release_once(history: History, *, in_order: bool = True) -> None:
    """Of the releases of each lease exactly one, the first where they are in order, succeeds."""
    releases: dict[str | None, list[Call]] = {}
    for call in history.calls_of("release"):
        releases.setdefault(call.on, []).append(call)
    for calls in releases.values():
        good = [call for call in calls if call.outcome == "returned"]
        if len(good) > 1:
            require(
                False,
                "the second release of the lease to raise LeaseError",
                "it returned",
                history.events[good[1].ended_seq],
            )
        require(len(good) == 1, "one release of the lease to succeed", "LeaseError", calls[-1].ended)
        if in_order:
            require(good[0] is calls[0], "the first release of the lease to succeed", "LeaseError", calls[0].ended)
