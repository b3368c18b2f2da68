"""How a play shows that a bound of the statement was reached: both sides of each must be seen in the generated scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from burnin.script import Script
from burnin.suite import Call, History

from .model import Model, Must
from .turns import clock_of, expect, follow, model_of

Holds = Callable[[Script, History], bool]


class Moment(NamedTuple):
    """A call, what it must do, and the limiter just before it."""

    call: Call
    must: Must
    model: Model

    @property
    def tenant(self) -> str:
        return str(self.call.args[0] if self.call.do == "acquire" else self.call.args[1])

    @property
    def cost(self) -> int:
        """In credits; only for a class that there is."""
        return int(
            self.call.args[1] if self.call.do == "acquire" else self.model.cost(self.call.args[2], self.call.args[4])
        )

    @property
    def free(self) -> int | None:
        """The free slots of the class that is asked for, if it has a number of them."""
        slots = self.model.gpus[self.call.args[2]][2] if self.call.do == "reserve" else None
        return None if slots is None else slots - len(self.model.holders(self.call.args[2]))


def moments(history: History) -> Iterator[Moment]:
    """The calls that ask for credits, in a play that makes one call after the other."""
    if history.script.mode != "calls":
        return
    model, clock = model_of(history.script), clock_of(history)
    for call in history.calls[1:]:
        if call.do == "tracked":
            continue
        reading = clock.reads(call.began)
        model.read(reading)
        if call.do == "acquire" or (call.do == "reserve" and call.args[2] in model.gpus):
            yield Moment(call, expect(model, call, reading), model)
        follow(model, call)


def some(test: Callable[[Moment], bool]) -> Holds:
    """Whether the test holds for some call that asks for credits."""
    return lambda script, history: any(test(moment) for moment in moments(history))


def short(moment: Moment) -> int:
    """The thousandths of a credit that are missing; fewer than none if there are more than enough."""
    return moment.cost * 1000 - moment.model.level(moment.tenant)


def some_settlement(test: Callable[[int, int], bool]) -> Holds:
    """Whether the test holds for some settlement, given what was missing to a full bucket and what was given back, in thousandths of a credit."""

    def holds(script: Script, history: History) -> bool:
        if script.mode != "calls":
            return False
        model, clock, found = model_of(script), clock_of(history), False
        for call in history.calls[1:]:
            model.read(clock.reads(call.began))
            one = model.known.get(call.args[0]) if call.do == "settle" else None
            if one is not None and not one.settled:
                burst = model.quotas.get(one.tenant, model.quotas[""])[1]
                back = one.cost - model.cost(one.gpu, call.args[1])
                found = found or test(burst * 1000 - model.level(one.tenant), back * 1000)
            follow(model, call)
        return found

    return holds


def settled(late: int) -> Holds:
    """Whether a request is settled so many milliseconds after the last instant at which it is known."""

    def holds(script: Script, history: History) -> bool:
        if script.mode != "calls" or script.worlds["clock"].kwargs.get("jumps"):
            return False
        clock, expiry = clock_of(history), model_of(script).expiry
        admitted = {
            moment.call.args[0]: clock.reads(moment.call.began)
            for moment in moments(history)
            if moment.call.do == "reserve" and moment.must.kind == "admitted"
        }
        return any(
            clock.reads(call.began) == admitted[call.args[0]] + expiry - 1 + late
            for call in history.calls_of("settle")
            if call.args[0] in admitted
        )

    return holds


BOUNDS = {
    ("Burst", "the bucket holds exactly the cost"): some(lambda moment: short(moment) == 0),
    ("Burst", "less than a credit is missing"): some(lambda moment: 0 < short(moment) < 1000),
    ("Refill", "the bucket has just become full"): some(lambda moment: moment.model.full(moment.tenant)),
    ("Refill", "less than a credit is missing to be full"): some(
        lambda moment: (
            0
            < moment.model.quotas.get(moment.tenant, moment.model.quotas[""])[1] * 1000
            - moment.model.level(moment.tenant)
            < 1000
        )
    ),
    ("Retry after", "in 1 ms"): some(lambda moment: moment.must.said is not None and moment.must.said.retry_after == 1),
    ("Retry after", "later"): some(lambda moment: moment.must.said is not None and moment.must.said.retry_after > 1),
    ("Impossible", "costs what the bucket can hold"): some(
        lambda moment: moment.cost == moment.model.quotas.get(moment.tenant, moment.model.quotas[""])[1]
    ),
    ("Impossible", "costs more than that"): some(
        lambda moment: moment.cost > moment.model.quotas.get(moment.tenant, moment.model.quotas[""])[1]
    ),
    ("Settle", "gives back beyond the brim"): some_settlement(lambda missing, back: missing < back),
    ("Settle", "what it gives back fits"): some_settlement(lambda missing, back: 0 < back <= missing),
    ("Slots", "one slot is free"): some(lambda moment: moment.free == 1),
    ("Slots", "no slot is free"): some(lambda moment: moment.free == 0),
    ("Expiry", "settled at the last instant at which it is known"): settled(0),
    ("Expiry", "settled a millisecond later"): settled(1),
}
NO_BOUND = {
    "One reading": "every call reads the clock, and twice is twice",
    "Memory": "the calls are made in one go, and the tenants counted after the last that may be needed",
    "Cost": "measured by the steps of fixed scripts",
}
