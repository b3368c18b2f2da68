"""What a call on the synchronous pool must do, from the statement's rules and the state before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from burnin.suite import Call, History

from .facts import State, host_of, walk
from .world import Load


@dataclass
class Turn:
    """One `get` or `acquire`: what it must do, and what it did."""

    call: Call
    kind: str  # warm, cold, busy, too large
    idle: list[str]  # the models without a lease, the least recently used first
    victims: list[str]  # what it must unload, in order
    handle: object  # of a warm model
    unloaded: list[str]
    loads: list[Load]
    after_failure: bool  # whether a load has failed before

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.call.args[0])

    @property
    def expected_victims(self) -> str:
        """What it must unload, for people."""
        order = f"; by last use: {', '.join(self.idle)}" if self.victims else ""
        return f"{self.call.do}({self.model!r}) to unload {', '.join(self.victims) or 'nothing'}{order}"

    @property
    def host_calls(self) -> str:
        """What it asked of the host, for people."""
        told = [f"unload {model}" for model in self.unloaded] + [f"load {load.model}" for load in self.loads]
        return ", ".join(told) or "no load and no unload"


def turns(history: History) -> Iterator[Turn]:
    """Each call of a script that runs one call after the other."""
    host = host_of(history)
    for mark, state in walk(history):
        if mark.kind == "begin" and mark.call is not None:
            call = mark.call
            idle = sorted((one for one in state.loaded if not state.leased(one)), key=lambda one: state.uses[one])
            kind, victims = _rule(state, mark.model, idle)
            yield Turn(
                call,
                kind,
                idle,
                victims,
                state.loaded.get(mark.model),
                [one.model for one in host.unloads if call.began_seq < one.seq < call.ended_seq],
                [one for one in host.loads if call.began_seq < one.began_seq < call.ended_seq],
                any(load.outcome == "failed" and load.ended_seq < call.began_seq for load in host.loads),
            )


def _rule(state: State, model: str, idle: list[str]) -> tuple[str, list[str]]:
    sizes = state.host.sizes
    if sizes[model] > state.host.budget:
        return "too large", []
    if model in state.loaded:
        return "warm", []
    missing = sizes[model] - state.free
    if sum(sizes[one] for one in idle) < missing:
        return "busy", []
    victims = []
    for one in idle:
        if missing > 0:
            victims.append(one)
            missing -= sizes[one]
    return "cold", victims
