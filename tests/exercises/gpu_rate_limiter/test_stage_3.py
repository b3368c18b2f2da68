"""Stage 3: shared cards."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Play, promise, require

from .scripts import cards
from .test_stage_1 import check_probes
from .turns import turns

CARDS = cards()


@promise(stage=3, points=6, level="core", rule="Slots", scripts=CARDS, scale=1.5, tags=("boundaries",))
def test_slots(play: Play, script: Script) -> None:
    "Never more slots of a class are held than it has: if none is free, a tenant that is not below its share is denied. The last one is given."
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.slots is not None and turn.decision is not None and turn.must.kind in ("admitted", "denied"):
            more = turn.decision.admitted and turn.decision.revoked is None
            got = f"{turn.held + 1} after {turn}"
            require(not more or turn.held < turn.slots, f"at most {turn.slots} slots to be held", got, turn.call.ended)
            if turn.held == turn.slots - 1 or turn.must.slot == "none":
                turn.check_admitted()


@promise(stage=3, points=5, level="core", rule="Idle slots are lent", scripts=CARDS, scale=1.5, tags=("policy",))
def test_idle_slots_are_lent(play: Play, script: Script) -> None:
    "While a slot is free it is given to whoever asks and has the credits, whatever the guarantees, and nothing is revoked."
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.must.slot == "free" and turn.must.credits:
            turn.check_admitted()


@promise(stage=3, points=5, level="core", rule="Guaranteed", scripts=CARDS, scale=1.5, tags=("policy",))
def test_guaranteed(play: Play, script: Script) -> None:
    "A tenant below its share is never denied for want of a slot: if none is free, one request of a tenant above its share loses its own, and is named."
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.must.slot == "guaranteed" or turn.must.kind == "admitted":
            turn.check_admitted()


@promise(stage=3, points=4, level="senior", rule="Revoked", scripts=CARDS, scale=1.5, tags=("policy",))
def test_revoked(play: Play, script: Script) -> None:
    "A request that is revoked loses its slot and nothing else: it is known and settled as before, and its tenant holds one slot less."
    for turn in turns(play(script)):
        turn.check_kind()
        if "revoked" in turn.tags or turn.must.slot == "guaranteed" or not turn.held:
            turn.check_admitted()


@promise(stage=3, points=3, level="core", rule="Slots come back", scripts=CARDS, scale=1.5, tags=("memory",))
def test_slots_come_back(play: Play, script: Script) -> None:
    "A slot is held until its request is settled, revoked or no longer known, and no longer."
    for turn in turns(play(script)):
        turn.check_kind()
        if "slot back" in turn.tags or not turn.held:
            turn.check_admitted()


@promise(stage=3, points=4, level="senior", rule="All or nothing", scripts=CARDS, scale=1.5, tags=("failure",))
def test_all_or_nothing(play: Play, script: Script) -> None:
    "Denied for want of credits a request takes no slot and revokes nothing; denied for want of a slot it costs no credits."
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.must.kind == "denied" or turn.tags & {"denied", "slot denied"} or not turn.held:
            turn.check_admitted()


@promise(stage=3, points=3, level="senior", rule="Retry after", scripts=cards(probing=True), tags=("boundaries",))
def test_slot_retry_after(play: Play, script: Script) -> None:
    "With slots too, a denied request is admitted at the instant that it was told, and still denied one millisecond before."
    history = play(script)
    check_probes(history)
    for turn in turns(history):
        turn.check()
