"""Scripts for the warm pool. Small models and budgets, so that capacity is often exactly full, and few times, so that much meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from burnin.script import Backend, Cancel, Pause, Script, Step, WorldRef

from .world import Host, RankedPolicy

Draw = Callable[[Any], Any]
T = TypeVar("T")
MODELS = ["a", "b", "c", "d"]
WHOLE = "whole"  # as large as the budget: it fits only when nothing is leaked

BACKENDS: tuple[Backend, ...] = ("asyncio", "trio")
TIMES = (0.0, 0.5, 1.0, 1.0, 2.0)
HOLDS = (0.0, 0.5, 1.0, 2.0, 4.0)
KINDS_OF_CANCELLED = ("line", "behind", "flight", "anew", "room", "line", "behind", "anew", "room", "room")
SIZES = ("any", "equal", "line")
LENGTHS = (2, 6, 10, 12, 14, 15)
SHORT = (0.0, 0.0, 0.5, 2.0)
LONG = (8.0, 2.0, 8.0)
TICKS = (0, 0, 0, 1, 2, 3)
KINDS = ("get", *["acquire"] * 3, *["release"] * 3, "release again")
SECONDS = (0.5, 1.0, 2.0)

# Strategies are made once: making one costs more than drawing from it.
INTEGERS = {(low, high): st.integers(low, high) for low in range(4) for high in range(low, 16)}
SEEDS = st.integers(0, 1 << 16)
ORDERS = {count: st.permutations(MODELS[:count]) for count in range(1, 5)}


def pick(draw: Draw, items: Sequence[T]) -> T:
    """One of the items; shrinks towards the first."""
    return items[draw(INTEGERS[0, len(items) - 1])]


def between(draw: Draw, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return int(draw(INTEGERS[low, high]))


def some(draw: Draw, items: Sequence[T], most: int, *, least: int = 0) -> list[T]:
    """From `least` to `most` of the items, perhaps the same more than once."""
    return [pick(draw, items) for _ in range(between(draw, least, most))]


def pause(draw: Draw) -> Pause:
    """A short time with some jitter."""
    return pick(draw, TIMES), pick(draw, TICKS)


def _sizes(draw: Draw, budget: int, *, largest: int, most: int = 4, kinds: Sequence[str] = SIZES) -> dict[str, int]:
    """Sizes of two to `most` models: any, or equal, so that it always matters which one goes, or such that a line forms.

    In a line the first model leaves little room, which the second does not fit and the third does.
    """
    models = MODELS[: pick(draw, [2, 3, most, most])]
    match pick(draw, kinds):
        case "equal":
            return dict.fromkeys(models, budget // pick(draw, [2, 3, 2, 3, 1]))
        case "line":
            room = between(draw, 1, budget // 2)
            sizes = [budget - room, room + 1, *(between(draw, 1, room) for _ in models[2:])]
            return dict(zip(models, sizes, strict=True))
        case _:
            return {model: between(draw, 1, largest) for model in models}


@st.composite
def sequential(draw: Draw, *, leases: bool) -> Script:
    """Calls one after the other: `get` alone, or leases too."""
    budget = between(draw, 3, 8)
    sizes = _sizes(draw, budget, largest=budget + 2, kinds=("any", "equal", "equal", "line") if leases else SIZES)
    failing = some(draw, range(6), 2)
    steps: list[Step] = []
    held: list[str] = []
    ended: list[str] = []
    for number in range(pick(draw, LENGTHS)):
        kind = pick(draw, KINDS) if leases else "get"
        if kind == "acquire":
            held.append(f"lease {number}")
            steps.append(_acquire(pick(draw, sorted(sizes)), held[-1]))
        elif kind == "release" and held:
            ended.append(held.pop(min(pick(draw, [1, 1, 0]), len(held) - 1)))  # not always the oldest first
            steps.append(Step("release", on=ended[-1]))
        elif kind == "release again" and ended:
            steps.append(Step("release", on=pick(draw, ended[-3:])))
        else:
            steps.append(Step("get", on="pool", args=(pick(draw, sorted(sizes)),)))
    return Script(
        setup=(Step("WarmPool", args=(WorldRef("host"), budget), save="pool"),),
        actors={"": tuple(steps)},
        worlds={"host": _host(sizes, budget, failing)},
        errors=("ModelTooLarge", "LoadFailed", "PoolBusy", "LeaseError"),
    )


@st.composite
def threaded(draw: Draw) -> Script:
    """Two or three threads on one pool; leases are released by their own thread and sometimes by another too.

    Rivals take turns at models of which no two fit, so that each acquire unloads what another has just given back.
    """
    budget = between(draw, 3, 6)
    kind = pick(draw, ["own leases", "at once", "shared", "rivals", "at once", "rivals", "at once"])
    sizes = dict.fromkeys("ab", budget) if kind == "rivals" else _sizes(draw, budget, largest=budget)
    shared, at_once = kind in ("shared", "at once"), kind == "at once"  # all release the shared lease first
    setup = [Step("WarmPool", args=(WorldRef("host"), budget), save="pool")]
    if shared:
        setup.append(_acquire(pick(draw, sorted(sizes)), "shared"))
    actors = {}
    for name in "ABC"[: between(draw, 2, 3)]:
        steps: list[Step] = []
        for number in range(1 if at_once else 3 if kind == "rivals" else between(draw, 1, 2)):
            after = (pick(draw, [0.0, 0.0, 1.0]), between(draw, 0, 2))
            steps.append(_acquire(pick(draw, sorted(sizes)), f"{name}{number}", after))
            steps.append(Step("release", on=f"{name}{number}"))
        if shared:
            steps.insert(0 if at_once else between(draw, 0, len(steps)), Step("release", on="shared"))
        actors[name] = tuple(steps)
    return Script(
        mode="threads",
        seed=draw(SEEDS),
        gap=pick(draw, [16, 32] if at_once else [32, 64] if kind == "rivals" else [8, 32, 32]),
        setup=tuple(setup),
        actors=actors,
        finale=(*((Step("release", on="shared"),) if shared else ()), Step("get", on="pool", args=(WHOLE,))),
        worlds={"host": _host({**sizes, WHOLE: budget}, budget, [], seconds=pick(draw, [0.0, 1.0]))},
        errors=("PoolBusy", "LeaseError"),
    )


@st.composite
def concurrent(
    draw: Draw,
    *,
    failing: bool = False,
    cancelling: bool = False,
    pinned: bool = False,
    idle: bool = False,
    policy: bool = False,
    releasing_twice: bool = False,
) -> Script:
    """Async callers that come, wait, are cancelled, hold their leases for a while, and release them.

    In a line each asks for another model than the one before, a little later, while the first is held; or all come at one instant.
    """
    budget = between(draw, 3, 8)
    shape = pick(draw, ["any", "line", "together", "line"])
    kinds = ["line", "equal", "line"] if shape == "line" else ["any", "equal"]
    sizes = _sizes(draw, budget, largest=budget, most=2 if idle else 3 if cancelling else 4, kinds=kinds)
    names = sorted(sizes)
    pins = sorted(set(some(draw, names, 2))) if pinned else []
    while sum(sizes[pin] for pin in pins) >= budget:
        pins.pop()
    actors = {}
    at, line = pick(draw, TIMES), pick(draw, [names, names, [*names[:1], *names[:0:-1]]])
    for rank, name in enumerate("ABCD"[: pick(draw, [2, 3, 3] if idle else [2, 3, 4, 4])]):
        steps: list[Step] = []
        for number in range(pick(draw, [1, 2, 3] if idle else [1, 1, 2])):
            lease = f"{name}{number}"
            model, after = pick(draw, names), pause(draw)
            hold = pick(draw, HOLDS)
            if shape == "line" and number == 0:
                model, after = line[rank % len(line)], (rank * 0.5, after[1])
                hold = hold if rank else 4.0
            elif shape == "together" and number == 0:
                model, after = pick(draw, names[:2]), (at, after[1])
            cancel = _cancel(draw) if cancelling and between(draw, 0, 1) else None
            steps.append(_acquire(model, lease, after, cancel))
            steps.append(Step("release", on=lease, after=(hold, pick(draw, TICKS))))
            if releasing_twice and between(draw, 0, 3) == 3:
                steps.append(Step("release", on=lease, after=(pick(draw, TIMES), 0)))
        actors[name] = tuple(steps)
    failures = some(draw, range(5), 2, least=1) if failing else []
    return _with_pool(draw, budget, sizes, actors, pins=pins, failing=failures, idle=idle, policy=policy)


@st.composite
def in_turn(draw: Draw, *, pinned: bool = False, idle: bool = False, policy: bool = False) -> Script:
    """A asks for one model after the other and mostly gives it back soon, so that several are idle when room is made; B may hold one meanwhile.

    There is room for all models but one, or for both where they go when they were idle long enough. One may be as large as two.
    """
    kept = 2 if idle else pick(draw, [2, 3, 2] if policy else [3, 2, 3])
    size = between(draw, 1, 3)
    budget = kept * size + between(draw, 0, size - 1)
    models = MODELS[: kept if idle else kept + 1]
    pins = [pick(draw, models)] if pinned and between(draw, 0, 1 if policy or idle else 7) else []
    if pins and kept > 2 and between(draw, 0, 3):
        pins = sorted({*pins, pick(draw, models)})
    asked = draw(ORDERS[len(models)])
    for _ in range(between(draw, 0, 3)):
        asked.append(pick(draw, models if idle else [model for model in models if model != asked[-1]]))
    callers: dict[str, list[Step]] = {"A": []}
    for number, model in enumerate(asked):
        callers["A"].append(_acquire(model, f"A{number}", pause(draw)))
        callers["A"].append(Step("release", on=f"A{number}", after=(pick(draw, SHORT), pick(draw, TICKS))))
    if between(draw, 0, 2):
        held = Step("release", on="B0", after=(pick(draw, LONG), pick(draw, TICKS)))
        callers["B"] = [_acquire(pick(draw, models[:2]), "B0", (pick(draw, TIMES), pick(draw, TICKS))), held]
    sizes = dict.fromkeys(models, size)
    large = models[-1] if between(draw, 0, 2) else ""
    if large and large not in pins and (len(pins) + 2) * size <= budget and not idle:
        sizes[large] = 2 * size
    actors = {name: tuple(steps) for name, steps in callers.items()}
    return _with_pool(draw, budget, sizes, actors, pins=pins, idle=idle, policy=policy)


def _with_pool(
    draw: Draw,
    budget: int,
    sizes: dict[str, int],
    actors: dict[str, tuple[Step, ...]],
    *,
    pins: list[str],
    failing: Sequence[int] = (),
    idle: bool,
    policy: bool,
) -> Script:
    """A script of callers at a pool that is open. In the end somebody asks for a model as large as the budget, or all that is idle may go."""
    kwargs: dict[str, Any] = {"pinned": pins} if pins else {}
    ttl = pick(draw, [0.5, 1.0, 1.5, 3.0]) if idle else None
    finale: tuple[Step, ...] = (_acquire(WHOLE, "last"), Step("release", on="last"))
    if ttl is not None:
        kwargs["idle_ttl"] = ttl
        finale = (Step(after=(ttl + 1, 0)),)
    seconds = {model: pick(draw, SECONDS) for model in sizes}
    worlds = {"host": _host({**sizes, WHOLE: budget}, budget, list(failing), some(draw, TICKS, 3), per_model=seconds)}
    if policy:
        kwargs["policy"] = WorldRef("policy")
        worlds["policy"] = RankedPolicy.of(ranking=[*sorted(sizes, key=lambda _: between(draw, 0, 3)), WHOLE])
    return Script(
        mode="tasks",
        backend=pick(draw, BACKENDS),
        seed=draw(SEEDS),
        setup=_pool(budget, kwargs),
        actors=actors,
        finale=() if pins else finale,
        worlds=worlds,
        errors=("ModelTooLarge", "LoadFailed", "LeaseError", "PoolClosed"),
    )


@st.composite
def cancelled(draw: Draw) -> Script:
    """B is cancelled, while A's lease keeps its load in line or, without A, while its load is in flight.

    The others come in time to share it, or later, or just then. Or nobody else wants that load: they wait behind it, want its room, or
    all come just then, to begin it anew.
    """
    budget = between(draw, 3, 8)
    room = between(draw, 1, budget // 2)
    kind = pick(draw, KINDS_OF_CANCELLED)
    in_line = kind in ("line", "behind")
    first, wanted = {"line": ("bc", "bbc"), "behind": ("cc", "ccb"), "room": ("ac", "aac")}.get(kind, ("bb", "bbca"))
    b_size = room + 1 if in_line else budget - room if kind == "room" else pick(draw, [room, budget - room])
    sizes = {"a": budget - room, "b": b_size, "c": between(draw, 1, room)}
    patience = pick(draw, [1.0, 1.5] if kind == "line" else [0.5, 1.0, 1.5])
    just_then = 0.5 + patience
    in_flight = kind in ("anew", "room")  # for certain, when B is cancelled
    cancel = Cancel(after=(patience, between(draw, 0, 1) if in_flight else pick(draw, TICKS)))
    actors: dict[str, tuple[Step, ...]] = {
        "B": (_acquire("b", "B0", (0.5, 0), cancel), Step("release", on="B0", after=(1.0, 0)))
    }
    if in_line:
        actors["A"] = (_acquire("a", "A0"), Step("release", on="A0", after=(pick(draw, [1.0, 2.0, 4.0]), 0)))
    for rank, name in enumerate("CDE"[: pick(draw, [2, 3] if kind == "line" else [1, 2, 3, 2])]):
        steps: list[Step] = []
        for number in range(pick(draw, [1, 1, 2])):
            comes = [just_then] if kind == "anew" else [0.5, 1.0] if kind == "line" else [0.5, 1.0, just_then]
            after = pause(draw) if number else (pick(draw, comes), between(draw, 0, 3))
            again = _cancel(draw) if between(draw, 0, 3) == 3 else None
            model = first[rank] if number == 0 and rank < len(first) and between(draw, 0, 2) else pick(draw, wanted)
            steps.append(_acquire(model, f"{name}{number}", after, again))
            steps.append(Step("release", on=f"{name}{number}", after=(pick(draw, HOLDS), pick(draw, TICKS))))
        actors[name] = tuple(steps)
    seconds = {model: pick(draw, [1.0, 2.0, 2.0]) for model in sizes}
    if in_flight:
        seconds["b"] = 2.0
    return Script(
        mode="tasks",
        backend=pick(draw, BACKENDS),
        seed=draw(SEEDS),
        setup=_pool(budget, {}),
        actors=dict(sorted(actors.items())),
        finale=(_acquire(WHOLE, "last"), Step("release", on="last")),
        worlds={"host": _host({**sizes, WHOLE: budget}, budget, [], some(draw, TICKS, 3), per_model=seconds)},
    )


@st.composite
def closing(draw: Draw) -> Script:
    """The block is left while callers wait, hold leases, and still come."""
    budget = between(draw, 3, 6)
    sizes = _sizes(draw, budget, largest=budget)
    server = (
        Step("__aenter__", on="pool"),
        Step(
            "__aexit__", on="pool", args=(None, None, None), after=(pick(draw, [1.5, 2.0, 2.5, 4.0]), pick(draw, TICKS))
        ),
    )
    actors: dict[str, tuple[Step, ...]] = {"server": server}
    for name in "ABC"[: between(draw, 1, 3)]:
        lease = _acquire(pick(draw, sorted(sizes)), f"{name}0", (1.0 + pick(draw, TIMES), pick(draw, TICKS)))
        actors[name] = (
            lease,
            Step("release", on=f"{name}0", after=pause(draw)),
            _acquire(pick(draw, sorted(sizes)), f"{name}1", (pick(draw, [0.0, 3.0]), 0)),
            Step("release", on=f"{name}1", after=(pick(draw, TIMES), 0)),
        )
    seconds = {model: pick(draw, SECONDS) for model in sizes}
    return Script(
        mode="tasks",
        backend=pick(draw, BACKENDS),
        seed=draw(SEEDS),
        setup=(Step("AsyncWarmPool", args=(WorldRef("host"), budget), save="pool"),),
        actors=actors,
        worlds={"host": _host(sizes, budget, [], some(draw, TICKS, 3), per_model=seconds)},
        errors=("LoadFailed", "PoolClosed"),
    )


@st.composite
def entering(draw: Draw) -> Script:
    """A pool with pinned models is entered, which may fail; then one caller asks for a model."""
    budget = between(draw, 3, 8)
    sizes = _sizes(draw, budget, largest=budget + 2)
    names = sorted(sizes)
    pins = sorted(set(some(draw, names, 3, least=1)))
    failing = some(draw, range(3), 1)
    seconds = {model: pick(draw, SECONDS) for model in names}
    return Script(
        mode="tasks",
        backend=pick(draw, BACKENDS),
        seed=draw(SEEDS),
        setup=_pool(budget, {"pinned": pins}),
        actors={"A": (_acquire(pick(draw, names), "A0"), Step("release", on="A0"))},
        worlds={"host": _host(sizes, budget, failing, some(draw, TICKS, 3), per_model=seconds)},
        errors=("ModelTooLarge", "LoadFailed", "PoolClosed"),
    )


def _acquire(model: str, lease: str, after: Pause = (0.0, 0), cancel: Cancel | None = None) -> Step:
    return Step("acquire", on="pool", args=(model,), save=lease, read=("model", "handle"), after=after, cancel=cancel)


def _cancel(draw: Draw) -> Cancel:
    if bool(between(draw, 0, 1)):
        return Cancel(at_await=pick(draw, [1, 1, 1, 2, 3]))
    return Cancel(after=(pick(draw, [0.0, 0.5, 1.0, 2.0]), pick(draw, TICKS)))


def _pool(budget: int, kwargs: dict[str, Any]) -> tuple[Step, ...]:
    made = Step("AsyncWarmPool", args=(WorldRef("host"), budget), kwargs=kwargs, save="pool")
    return made, Step(on="pool", enter=True)


def _host(
    sizes: dict[str, int],
    budget: int,
    failing: list[int],
    ticks: list[int] | None = None,
    *,
    seconds: float = 1.0,
    per_model: dict[str, float] | None = None,
) -> Any:
    times = {model: (per_model or {}).get(model, seconds) for model in sizes}
    return Host.of(sizes=sizes, seconds=times, budget=budget, failing=failing, ticks=ticks or [])
