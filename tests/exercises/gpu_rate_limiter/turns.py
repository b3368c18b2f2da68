"""A history call by call: what each call had to do, what it did, and what had happened to its tenant and its class before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from burnin.script import Made, Script
from burnin.suite import Call, History, require

from .model import Model, Must
from .world import Clock, Said, said


@dataclass
class Turn:
    """One call.

    `tags` is what had happened before, to its tenant or (names beginning with "slot") its class: denied, refund, debt, again (settled twice), same
    (reserved twice), over (a request that is not known any more), revoked, others (another tenant called), gained (the bucket has gained credits), capped (up to its burst), slot back, slot denied.
    """

    call: Call
    must: Must
    tags: frozenset[str]
    readings: int
    held: int  # slots of the class that are held before the call
    slots: int | None  # that the class has

    @property
    def decision(self) -> Said | None:
        """What it was told."""
        return said(self.call)

    def check_kind(self) -> None:
        """The call raises what it must, and only then; what it returns is of the right kind."""
        got = self.call.error or ("None" if self.call.value is None else repr(self.call.value))
        if self.must.error is not None:
            require(
                self.call.raised(self.must.error), f"{self} {self.must}", f"{self.decision or got}", self.call.ended
            )
        elif self.must.said is not None:
            require(self.decision is not None, f"{self} to return a Decision", got, self.call.ended)
        elif self.must.kind == "balance":
            require(type(self.call.value) is int, f"{self} to return an integer", got, self.call.ended)
        else:
            require(self.call.outcome == "returned", f"{self} to return", got, self.call.ended)

    def check_admitted(self) -> None:
        """Admitted if it must be, with the right slot; or the right error, or the right balance."""
        self.check_kind()
        if self.must.said is not None and self.decision is not None:
            require(
                self.decision.admitted == self.must.said.admitted,
                f"{self} {self.must}",
                str(self.decision),
                self.call.ended,
            )
            if self.must.victims:
                require(
                    self.decision.revoked in self.must.victims,
                    f"{self} {self.must}",
                    str(self.decision),
                    self.call.ended,
                )
            else:
                require(
                    self.decision.revoked == self.must.said.revoked,
                    f"{self} {self.must}",
                    str(self.decision),
                    self.call.ended,
                )
        elif self.must.kind == "balance":
            require(self.call.value == self.must.value, f"{self} {self.must}", str(self.call.value), self.call.ended)

    def check(self) -> None:
        """All of it, `retry_after` too."""
        self.check_admitted()
        if self.must.said is not None and self.decision is not None:
            require(
                self.decision.retry_after == self.must.said.retry_after,
                f"{self} {self.must}",
                str(self.decision),
                self.call.ended,
            )

    def __str__(self) -> str:
        return f"{self.call.do}({', '.join(map(repr, self.call.args))})"


def model_of(script: Script) -> Model:
    """The model of the limiter that the script sets up."""
    made = script.setup[0]

    def quota(value: Any) -> tuple[int, int]:
        assert isinstance(value, Made)
        return value.kwargs["rate"], value.kwargs["burst"]

    given = list(made.args) + [None] * 6
    quotas = {"": quota(given[1]), **{tenant: quota(one) for tenant, one in given[2].items()}}
    gpus = {
        name: (gpu.kwargs["price"], gpu.kwargs["vram"], gpu.kwargs.get("slots"))
        for name, gpu in (given[3] or {}).items()
    }
    return Model(quotas, gpus, given[5] or {}, given[4] or 0)


def clock_of(history: History) -> Clock:
    """The clock of the play."""
    clock = history.worlds["clock"]
    assert isinstance(clock, Clock)
    return clock


def expect(model: Model, call: Call, reading: int) -> Must:
    """What the call must do."""
    match call.do, call.args:
        case "acquire", (tenant, cost):
            return model.must_acquire(tenant, cost, reading)
        case "reserve", (request, tenant, gpu, vram, millis):
            return model.must_reserve(request, tenant, gpu, vram, millis, reading)
        case "settle", (request, _):
            return model.must_settle(request)
        case "balance", (tenant,):
            return model.must_balance(tenant)
    raise ValueError(call.do)


def follow(model: Model, call: Call) -> None:
    """Let the model go the way of what the limiter said."""
    decision = said(call)
    match call.do, call.args:
        case "acquire", (tenant, cost) if decision is not None and decision.admitted:
            model.charge(tenant, cost)
        case "reserve", (request, tenant, gpu, _, millis) if decision is not None and decision.admitted:
            if request not in model.known and gpu in model.gpus:
                model.admit(request, tenant, gpu, millis, decision)
        case "settle", (request, millis) if call.outcome == "returned":
            model.settle(request, millis)


_turns: WeakKeyDictionary[History, list[Turn]] = WeakKeyDictionary()


def turns(history: History) -> list[Turn]:
    """Each call of a script that makes one call after the other, but for `tracked`. Properties that share a history share them."""
    if history not in _turns:
        _turns[history] = list(_walk(history))
    return _turns[history]


def _walk(history: History) -> Iterator[Turn]:
    model, clock = model_of(history.script), clock_of(history)
    taken = [effect.began_seq for effect in history.effects_of("read")]
    tags: dict[str, set[str]] = {}
    owner: dict[str, tuple[str, str]] = {}  # request to its tenant and class
    for call in history.calls[1:]:
        if call.do == "tracked":
            continue
        reading, before, unread = clock.reads(call.began), model.time, model.copy()
        for name in model.read(reading):
            tags[owner[name][0]].add("over")
            tags.setdefault(f"slot {owner[name][1]}", set()).add("slot back")
        if call.do == "reserve":
            owner.setdefault(call.args[0], (call.args[1], call.args[2]))
        tenant, gpu = (call.args[0], "") if call.do in ("acquire", "balance") else owner.get(call.args[0], ("", ""))
        mine, cards = tags.setdefault(tenant, set()), tags.setdefault(f"slot {gpu}", set())
        if model.time != before and tenant in model.levels and model.level(tenant) > model.levels[tenant][0]:
            mine.add("gained")
            if model.full(tenant):
                mine.add("capped")
        must = expect(model, call, reading)
        readings = sum(call.began_seq < seq < call.ended_seq for seq in taken)
        held, slots = (len(model.holders(gpu)), model.gpus[gpu][2]) if gpu in model.gpus else (0, None)
        yield Turn(call, must, frozenset(mine | cards), readings, held, slots)
        _tag(call, must, model, mine, cards, tags, owner)
        for name, others in tags.items():
            if name != tenant and not name.startswith("slot"):
                others.add("others")
        follow(model, call)
        if must.error is not None and not readings:
            model = unread  # a call that raises need not read the clock, and then the limiter does not know the time


def _tag(
    call: Call,
    must: Must,
    model: Model,
    mine: set[str],
    cards: set[str],
    tags: dict[str, set[str]],
    owner: dict[str, tuple[str, str]],
) -> None:
    decision = said(call)
    if must.kind in ("same", "again"):
        mine.add(must.kind)
    if must.kind == "denied":
        mine.add("denied")
        cards.add("slot denied")
    if must.kind == "settled":
        more = call.args[1] * model.gpus[owner[call.args[0]][1]][0] - model.known[call.args[0]].cost
        mine.add("debt" if more > 0 else "refund")
        cards.add("slot back")
    if decision is not None and decision.revoked in owner:
        tags[owner[decision.revoked][0]].add("revoked")
