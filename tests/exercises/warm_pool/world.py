"""What the pool talks to: a host that keeps account of GPU memory, a policy to ask, and a trace that drives a policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from burnin.script import Made, Pause, Step
from burnin.suite import Call, Cancelled, Fails, Handle, Opaque, World, call


@dataclass
class Load:
    """One load, from `host.load` to its end."""

    model: str
    began: float
    began_seq: int
    ended: float = float("inf")
    ended_seq: int = 1 << 60
    handle: Handle | None = None
    outcome: str = "open"


@dataclass
class Unload:
    """One `host.unload`."""

    model: str
    handle: Handle
    at: float
    seq: int


@dataclass
class Breach:
    """A rule of the host that the pool broke."""

    rule: str
    text: str
    at: float


class Host(World):
    """Loads and unloads models. `failing` numbers the loads that fail, the first being 0; `pauses` gives each load's jitter."""

    def __init__(
        self,
        sizes: dict[str, int],
        seconds: dict[str, float],
        budget: int,
        failing: Sequence[int] = (),
        ticks: Sequence[int] = (),
    ) -> None:
        self.sizes, self.seconds, self.budget = sizes, seconds, budget
        self._failing, self._ticks = set(failing), ticks
        self.loads: list[Load] = []
        self.unloads: list[Unload] = []
        self.breaches: list[Breach] = []
        self.loaded: dict[int, str] = {}  # handle number to model

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        models = ", ".join(
            f"{model} {size} B {kwargs['seconds'][model]:g} s" for model, size in kwargs["sizes"].items()
        )
        fails = sorted(set(kwargs["failing"]))
        return models + (f"; load {' and '.join(str(number + 1) for number in fails)} fails" if fails else "")

    def in_use(self) -> int:
        """Bytes of the models that are loaded or being loaded."""
        loading = [load.model for load in self.loads if load.outcome == "open"]
        return sum(self.sizes[model] for model in [*loading, *self.loaded.values()])

    @call(constant="sizes")
    def size(self, model: str) -> int:
        return self.sizes[model]

    @call(constant="seconds")
    def load_seconds(self, model: str) -> float:
        return self.seconds[model]

    @call
    def load(self, model: str) -> Generator[Pause, None, Handle]:
        number = len(self.loads)
        pause = (self.seconds[model], self._ticks[number % len(self._ticks)] if self._ticks else 0)
        if (
            any(other.model == model and other.outcome == "open" for other in self.loads)
            or model in self.loaded.values()
        ):
            self._breach("once", f"{model} is loaded while it is loaded or being loaded")
        load = Load(model, self.now, self.seq)
        self.loads.append(load)
        if self.in_use() > self.budget:
            self._breach("budget", f"{self.in_use()} bytes")
        try:
            yield pause
        except Cancelled:
            self._end(load, "cancelled")
            raise
        if number in self._failing:
            self._end(load, "failed")
            raise Fails("LoadFailed", model)
        self._end(load, "loaded")
        load.handle = self.issue(model)
        self.loaded[load.handle.number] = model
        return load.handle

    @call
    def unload(self, handle: Handle) -> None:
        if not isinstance(handle, Handle) or handle.number not in self.loaded:
            self._breach("unload", f"unload of {handle!r}, which is not loaded")
            raise Fails("ValueError", "this handle is not loaded")
        self.unloads.append(Unload(self.loaded.pop(handle.number), handle, self.now, self.seq))

    def _end(self, load: Load, outcome: str) -> None:
        load.ended, load.ended_seq, load.outcome = self.now, self.seq, outcome

    def _breach(self, rule: str, text: str) -> None:
        self.breaches.append(Breach(rule, text, self.now))


@dataclass
class Asked:
    """One question to the policy."""

    at: float
    seq: int
    candidates: list[tuple[str, int, float, float]]  # model, size, load_seconds, last_used
    needed: int
    now: float
    named: list[str]


class RankedPolicy(World):
    """A policy that unloads by a fixed ranking, as few models as needed."""

    def __init__(self, ranking: list[str]) -> None:
        self._ranking = ranking
        self.requests: list[tuple[str, float]] = []
        self.asked: list[Asked] = []

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        return f"unloads the first of {', '.join(kwargs['ranking'])}"

    @call(shown=False)
    def requested(self, model: str, now: float) -> None:
        self.requests.append((model, now))

    @call
    def victims(self, candidates: list[Opaque], needed: int, now: float) -> list[str]:
        rows = [(one.model, one.size, one.load_seconds, one.last_used) for one in candidates]
        named: list[str] = []
        freed = 0
        for model, size, _, _ in sorted(rows, key=lambda row: self._ranking.index(row[0])):
            if freed < needed:
                named.append(model)
                freed += size
        self.asked.append(Asked(self.now, self.seq, rows, needed, now, named))
        return named


class Trace(World):
    """Drives a policy with a trace of requests, as the statement says, and adds up the seconds that loads take."""

    def __init__(
        self, sizes: dict[str, int], seconds: dict[str, float], budget: int, requests: list[tuple[float, str]]
    ) -> None:
        self.sizes, self.seconds, self.budget, self.requests = sizes, seconds, budget, requests
        self.loads: Counter[str] = Counter()
        self.wrong: tuple[float, str] | None = None
        """When the policy named no proper victims, and what was wrong."""

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        models = ", ".join(
            f"{model} {size} B {kwargs['seconds'][model]:g} s" for model, size in kwargs["sizes"].items()
        )
        return f"{len(kwargs['requests'])} requests, {kwargs['budget']} B, {models}"

    @property
    def cost(self) -> float:
        """The seconds spent loading."""
        return sum(self.seconds[model] * times for model, times in self.loads.items())

    def dearest(self) -> str:
        """The three models on which most was spent, for people."""
        spent = sorted(self.loads, key=lambda model: -self.seconds[model] * self.loads[model])[:3]
        return ", ".join(
            f"{model} {self.loads[model]} times ({self.seconds[model] * self.loads[model]:.0f} s)" for model in spent
        )

    def drive(self) -> Generator[Step, Call, None]:
        last_used: dict[str, float] = {}
        before = 0.0
        for now, model in self.requests:
            yield Step("requested", on="policy", args=(model, now), after=(now - before, 0))
            before = now
            if model not in last_used:
                missing = self.sizes[model] - (self.budget - sum(self.sizes[loaded] for loaded in last_used))
                if missing > 0:
                    candidates = [
                        Made(
                            "Candidate",
                            {"model": m, "size": self.sizes[m], "load_seconds": self.seconds[m], "last_used": t},
                        )
                        for m, t in last_used.items()
                    ]
                    asked = yield Step("victims", on="policy", args=(candidates, missing, now))
                    if not self._unload(asked.value, last_used, missing, now):
                        return
                self.loads[model] += 1
            last_used[model] = now

    def _unload(self, named: object, last_used: dict[str, float], missing: int, now: float) -> bool:
        if not isinstance(named, list) or not all(isinstance(model, str) for model in named):
            self.wrong = (now, f"{named!r}")
        elif len(set(named)) < len(named) or not set(named) <= set(last_used):
            self.wrong = (now, f"{named!r}, of the candidates {sorted(last_used)}")
        elif sum(self.sizes[model] for model in named) < missing:
            self.wrong = (now, f"{named!r}, which free less than the {missing} bytes needed")
        else:
            for model in named:
                del last_used[model]
        return self.wrong is None
