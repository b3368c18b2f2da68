"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from burnin.script import Script
from burnin.suite import History

from .turns import clock_of, follow, model_of
from .world import Client, said


@dataclass(frozen=True)
class Moment:
    """How things stand when a call begins. Amounts are thousandths of a credit; None where the call has none."""

    do: str
    level: int | None = None
    cost: int | None = None
    burst: int | None = None
    refund: int | None = None
    held: int | None = None
    slots: int | None = None
    left: int | None = None
    """Milliseconds for which the request is still known; 0 at the first instant at which it is not."""


def moments(history: History) -> Iterator[Moment]:
    """Each call of a script that makes one call after the other."""
    if history.script.mode == "threads":
        return
    model, clock = model_of(history.script), clock_of(history)
    ends: dict[str, int] = {}
    for call in history.calls[1:]:
        if call.do == "tracked":
            continue
        model.read(clock.reads(call.began))
        assert model.time is not None
        name = call.args[0]
        known = model.known.get(name)
        left = ends[name] - model.time if name in ends else None
        if call.do == "settle":
            paid = None if known is None or known.settled else (known.cost - model.cost(known.gpu, call.args[1])) * 1000
            level = None if known is None else model.level(known.tenant)
            burst = None if known is None else _burst(model.quotas, known.tenant)
            yield Moment("settle", level, None, burst, paid, left=left)
        elif call.do == "acquire":
            yield Moment("take", model.level(name), call.args[1] * 1000, _burst(model.quotas, name))
        elif call.do == "reserve" and call.args[2] in model.gpus and known is None:
            _, tenant, gpu, _, millis = call.args
            cost, held, slots = model.cost(gpu, millis) * 1000, len(model.holders(gpu)), model.gpus[gpu][2]
            yield Moment("take", model.level(tenant), cost, _burst(model.quotas, tenant), None, held, slots, left)
        follow(model, call)
        if call.do == "reserve" and known is None and name in model.known:
            ends[name] = model.known[name].ends


def _burst(quotas: dict[str, tuple[int, int]], tenant: str) -> int:
    return quotas.get(tenant, quotas[""])[1] * 1000


def some(test: Callable[[Moment], bool]) -> Callable[[Script, History], bool]:
    """Whether the test holds at some moment."""
    return lambda script, history: any(test(moment) for moment in moments(history))


def takes(test: Callable[[int, int, int], bool]) -> Callable[[Script, History], bool]:
    """Whether the test of level, cost and burst holds when credits are asked for."""
    return some(lambda it: it.do == "take" and test(it.level or 0, it.cost or 0, it.burst or 0))


def refunds(test: Callable[[int, int], bool]) -> Callable[[Script, History], bool]:
    """Whether the test of what the bucket would hold, and its burst, holds when a request is settled for less than it reserved."""
    return some(
        lambda it: bool(it.refund and it.refund > 0) and test((it.level or 0) + (it.refund or 0), it.burst or 0)
    )


def probed(script: Script, history: History) -> bool:
    """Whether a denied call was made again one millisecond before, and at, the instant that it was told."""
    client = history.worlds.get("client")
    return isinstance(client, Client) and bool(client.probes)


def told_one(script: Script, history: History) -> bool:
    """Whether a call was told the least time that there is, one millisecond."""
    decisions = [said(call) for call in history.calls]
    return any(decision is not None and decision.retry_after == 1 for decision in decisions)


BOUNDS = {
    ("Burst", "holds just the cost"): takes(lambda level, cost, burst: level == cost),
    ("Burst", "less than a credit is missing"): takes(lambda level, cost, burst: 0 < cost - level < 1000),
    ("Impossible", "costs as much as burst"): takes(lambda level, cost, burst: cost == burst),
    ("Impossible", "costs one credit more than burst"): takes(lambda level, cost, burst: cost == burst + 1000),
    ("Retry after", "one millisecond early and in time"): probed,
    ("Retry after", "the least, one millisecond"): told_one,
    ("Settle", "gives back just as much as fits"): refunds(lambda after, burst: after == burst),
    ("Settle", "gives back more than fits"): refunds(lambda after, burst: after > burst),
    ("Settle once", "the last instant at which it is known"): some(lambda it: it.left == 1),
    ("Settle once", "the first at which it is not"): some(lambda it: it.left == 0),
    ("Slots", "the last one is free"): some(lambda it: it.slots is not None and it.held == it.slots - 1),
    ("Slots", "none is free"): some(lambda it: it.slots is not None and it.held == it.slots),
}
NO_BOUND = {
    "One reading": "counted in every call",
    "Cost": "measured with two numbers of tenants, no script is near it",
}
