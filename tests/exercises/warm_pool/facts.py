"""What a history says about the pool, step by step: who is loaded, loading, leased, waiting and idle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from burnin.suite import Call, History, Opaque, require

from .world import Host, Load, Unload


@dataclass
class Mark:
    """One thing that happened. `settled` marks are put in where the clock moves on: everything due at `at` has happened."""

    at: float
    seq: int
    kind: str  # begin, end, cancel, release, load, loaded, failed, abandoned, unload, closing, settled
    model: str = ""
    call: Call | None = None
    load: Load | None = None
    unload: Unload | None = None


class Place(NamedTuple):
    """When a model whose load has not begun was first asked for.

    When its callers are cancelled and others come at one instant, the later ones may have been in time to keep the place or
    not: then it is somewhere from `earliest` to `latest`.
    """

    earliest: float
    latest: float


@dataclass
class State:
    """The pool as the judge knows it, before the mark that comes with it."""

    host: Host
    pinned: frozenset[str]
    loaded: dict[str, Any] = field(default_factory=dict)  # model to handle
    loading: dict[str, Load] = field(default_factory=dict)
    leases: dict[str, Call] = field(default_factory=dict)  # lease name to the acquire that gave it
    open: dict[str, list[Call]] = field(default_factory=dict)  # model to the acquires that have not ended
    waiting: dict[str, Place] = field(default_factory=dict)  # models whose load has not begun
    dropped: dict[str, tuple[float, Place]] = field(
        default_factory=dict
    )  # models out of the line, since when, from where
    last_used: dict[str, float] = field(default_factory=dict)
    uses: dict[str, int] = field(default_factory=dict)  # model to the number of the event of its last use
    cancelled_at: float = -1.0
    closing: bool = False

    @property
    def free(self) -> int:
        """Bytes of the budget that are not in use."""
        return self.host.budget - sum(self.host.sizes[model] for model in [*self.loaded, *self.loading])

    def leased(self, model: str) -> bool:
        """Whether a lease on the model is held."""
        return any(call.args[0] == model for call in self.leases.values())

    def callers(self, model: str) -> list[Call]:
        """Those who have asked for the model, have got nothing, and have not been cancelled."""
        return [call for call in self.open.get(model, []) if call.cancelled_seq > self.seq]

    def idle(self) -> list[str]:
        """Loaded models that certainly nobody leases: an acquire that has not ended may hold its lease already."""
        return [
            model
            for model in self.loaded
            if model not in self.pinned and not self.leased(model) and not self.open.get(model)
        ]

    def fits_ever(self, model: str) -> bool:
        """Whether the model could be loaded at all beside the pinned ones."""
        others = sum(self.host.sizes[pin] for pin in self.pinned if pin != model)
        return self.host.sizes[model] + others <= self.host.budget

    seq: int = -1

    def apply(self, mark: Mark) -> None:
        """Let the mark happen."""
        self.seq = mark.seq
        model, call = mark.model, mark.call
        match mark.kind:
            case "begin":
                assert call is not None
                self.open.setdefault(model, []).append(call)
                self._wait(model, mark.at)
            case "end":
                assert call is not None
                self.open[model].remove(call)
                if call.outcome == "returned":
                    if call.do == "acquire" and call.save is not None:
                        self.leases[call.save] = call
                    self._use(model, mark)
                self._nobody(model, mark.at)
            case "cancel":
                self.cancelled_at = mark.at
                if model in self.waiting and all(call.began == mark.at for call in self.callers(model)):
                    self.waiting[model] = Place(self.waiting[model].earliest, mark.at)
                self._nobody(model, mark.at)
            case "release":
                assert call is not None and call.on is not None
                if self.leases.pop(call.on, None) is not None:
                    self._use(model, mark)
            case "load":
                assert mark.load is not None
                self.loading[model] = mark.load
                self.waiting.pop(model, None)
            case "loaded":
                assert mark.load is not None
                self.loading.pop(model, None)
                self.loaded[model] = mark.load.handle
                self._use(model, mark)
            case "failed" | "abandoned":
                self.loading.pop(model, None)
                if any(call.began == mark.at for call in self.callers(model)):
                    self._wait(model, mark.at)
            case "unload":
                self.loaded.pop(model, None)
                if self.callers(model):
                    self._wait(model, mark.at)
            case "closing":
                self.closing = True

    def _use(self, model: str, mark: Mark) -> None:
        self.last_used[model] = mark.at
        self.uses[model] = mark.seq

    def _wait(self, model: str, at: float) -> None:
        if model not in self.loaded and model not in self.loading and self.fits_ever(model):
            dropped_at, place = self.dropped.get(model, (-1.0, Place(at, at)))
            self.waiting.setdefault(model, Place(place.earliest if dropped_at == at else at, at))

    def _nobody(self, model: str, at: float) -> None:
        if not self.callers(model) and model in self.waiting:
            self.dropped[model] = at, self.waiting.pop(model)


def host_of(history: History) -> Host:
    """The host of the play."""
    host = history.worlds["host"]
    assert isinstance(host, Host)
    return host


def walk(history: History) -> Iterator[tuple[Mark, State]]:
    """Each mark of the history, with the state just before it; at the end, that the pool is one (see `check_alive`)."""
    yield from _walk(history)
    check_alive(history)


def check_alive(history: History) -> None:
    """The first call that could be served was served: it gave the handle of a loaded model; and so was every second one of all.

    A pool that does nothing, or turns everybody but the first away, would keep many a promise; this makes each of them worth something.
    """
    call = _turned_away(history)
    if call is not None:
        expected = f"{call.do}({call.args[0]!r}) to give the handle of the loaded model"
        require(False, expected, call.error or repr(call.value), call.ended)


@lru_cache(maxsize=512)
def _turned_away(history: History) -> Call | None:
    """The first call after which fewer than half of those that could be served were; worked out once for all properties of a batch."""
    ends = [(mark.call, _served(mark, state)) for mark, state in _walk(history) if _servable(mark, state, history)]
    served = 0
    for number, (call, right) in enumerate(ends, 1):
        served += right
        if served * 2 < number:
            return call
    return None


def _servable(mark: Mark, state: State, history: History) -> bool:
    """Whether this is the end of a call that had no reason to end with an error."""
    call = mark.call
    if mark.kind != "end" or call is None or call.outcome == "open" or state.closing:
        return False
    failed = any(load.model == mark.model and load.outcome == "failed" for load in state.host.loads)
    may_be_busy = history.script.mode == "threads" or state.leases  # another thread may be loading
    busy = may_be_busy and call.raised("PoolBusy")
    return call.cancelled_at is None and not failed and not busy and state.fits_ever(mark.model)


def _served(mark: Mark, state: State) -> bool:
    """Whether the call gave a handle of the model that it asked for; another thread may have unloaded it since."""
    assert mark.call is not None
    lease = mark.call.value
    handle = lease.fields.get("handle") if isinstance(lease, Opaque) else lease
    given = [load.handle for load in state.host.loads if load.model == mark.model and load.handle is not None]
    return mark.call.outcome == "returned" and any(handle is one for one in given)


def _walk(history: History) -> Iterator[tuple[Mark, State]]:
    """Each mark of the history, with the state just before it."""
    host = host_of(history)
    pinned = history.script.setup[0].kwargs.get("pinned", ())
    state = State(host, frozenset(pinned))
    marks = _marks(history, host)
    for number, mark in enumerate(marks):
        yield mark, state
        state.apply(mark)
        if number + 1 == len(marks) or marks[number + 1].at > mark.at:
            yield Mark(mark.at, mark.seq, "settled"), state


def _marks(history: History, host: Host) -> list[Mark]:
    marks = []
    for call in history.calls_of("get", "acquire"):
        model = call.args[0]
        marks.append(Mark(call.began, call.began_seq, "begin", model, call))
        marks.append(Mark(call.ended, call.ended_seq, "end", model, call))
        if call.cancelled_at is not None:
            marks.append(Mark(call.cancelled_at, call.cancelled_seq, "cancel", model, call))
    leases = {call.save: call for call in history.calls_of("acquire")}
    marks += [
        Mark(call.began, call.began_seq, "release", leases[call.on].args[0], call)
        for call in history.calls_of("release")
    ]
    marks += [Mark(call.began, call.began_seq, "closing", call=call) for call in history.calls_of("leave", "__aexit__")]
    for load in host.loads:
        marks.append(Mark(load.began, load.began_seq, "load", load.model, load=load))
        if load.outcome != "open":
            kind = {"cancelled": "abandoned"}.get(load.outcome, load.outcome)
            marks.append(Mark(load.ended, load.ended_seq, kind, load.model, load=load))
    marks += [Mark(unload.at, unload.seq, "unload", unload.model, unload=unload) for unload in host.unloads]
    return sorted(marks, key=lambda mark: mark.seq)
