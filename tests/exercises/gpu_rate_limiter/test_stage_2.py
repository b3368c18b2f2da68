"""Stage 2: GPUs, estimates and settlement."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Play, promise

from .scripts import requests
from .test_stage_1 import check_probes
from .turns import turns

REQUESTS = requests()
LATER = {"refund", "debt", "again", "same", "over"}


@promise(stage=2, points=4, level="core", rule="Price", scripts=REQUESTS, tags=("boundaries",))
def test_price(play: Play, script: Script) -> None:
    "A request costs its length times the price of its class, and is admitted, charged or denied by the tenant's bucket."
    for turn in turns(play(script)):
        turn.check_kind()
        if not turn.tags & LATER and turn.call.do != "settle":
            turn.check()


@promise(stage=2, points=3, level="core", rule="Impossible", scripts=REQUESTS, tags=("boundaries",))
def test_gpu_impossible(play: Play, script: Script) -> None:
    "A cost above the burst, more memory than a card has, or a class that there is not raises Impossible and changes nothing."
    refused: set[str] = set()
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.must.kind == "impossible":
            refused.add(turn.call.args[1])
        elif turn.call.do == "balance" and turn.call.args[0] in refused:
            turn.check_admitted()


@promise(stage=2, points=5, level="core", rule="Settle", scripts=REQUESTS, scale=1.5, tags=("order",))
def test_settle(play: Play, script: Script) -> None:
    "Settling for less than was reserved gives the difference back at once, up to the burst."
    for turn in turns(play(script)):
        turn.check_kind()
        if "refund" in turn.tags:
            turn.check_admitted()


@promise(stage=2, points=3, level="core", rule="Debt", scripts=REQUESTS, scale=1.5, tags=("boundaries",))
def test_debt(play: Play, script: Script) -> None:
    "Settling for more than was reserved takes the difference at once, even below zero, and the balance shows it, rounded down."
    for turn in turns(play(script)):
        turn.check_kind()
        if "debt" in turn.tags:
            turn.check_admitted()


@promise(stage=2, points=4, level="core", rule="Debt", scripts=requests(probing=True), scale=2.0, tags=("boundaries",))
def test_debt_retry_after(play: Play, script: Script) -> None:
    "A tenant in debt is denied until the debt is paid and the cost is there: admitted at the instant that it was told, and denied one millisecond before."
    history = play(script)
    check_probes(history)
    for turn in turns(history):
        turn.check()


@promise(stage=2, points=4, level="core", rule="Settle once", scripts=REQUESTS, scale=1.5, tags=("failure",))
def test_settle_once(play: Play, script: Script) -> None:
    "Settling again while the request is known raises nothing and changes nothing, whatever length is given."
    for turn in turns(play(script)):
        turn.check_kind()
        if "again" in turn.tags:
            turn.check_admitted()


@promise(stage=2, points=3, level="senior", rule="Same request", scripts=REQUESTS, scale=1.5, tags=("failure",))
def test_same_request(play: Play, script: Script) -> None:
    "Reserving a known request again, settled or not, returns the same decision and changes nothing."
    for turn in turns(play(script)):
        turn.check_kind()
        if turn.must.kind == "same":
            turn.check()
        elif "same" in turn.tags:
            turn.check_admitted()


@promise(
    stage=2,
    points=4,
    level="senior",
    rule="Expiry",
    scripts=REQUESTS,
    scale=1.5,
    tags=(
        "failure",
        "boundaries",
    ),
)
def test_expiry(play: Play, script: Script) -> None:
    "A request is known for exactly the expiry; then it has cost its estimate, settling it raises UnknownRequest, and its name is free."
    for turn in turns(play(script)):
        turn.check_kind()
        if "over" in turn.tags:
            turn.check_admitted()
