"""Scripts for the GPU rate limiter. Small buckets and few slots, so that both are often just enough, and times around the ones that matter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from burnin.script import Made, Script, Step, WorldRef

from .world import Client, Clock

Draw = Callable[[Any], Any]
T = TypeVar("T")
TENANTS = ["a", "b", "c"]
ERRORS = ("Impossible", "UnknownRequest")
EXPIRY = 1000
STARTS = (0, 7, 1_700_000_000_000)  # the last is more than a float can multiply without loss
RATES = (1, 3, 250, 400, 999, 1000, 1500)
SLOW, FAST = (0, 0, 1, 166, 333, 334, 500, 500, 1000, 2500), (0, 0, 1, 1, 2, 3, 4, 1, 2, 500)
"""Milliseconds between two calls: in each a bucket of a slow rate, or of a fast one, often gains less than a credit, or just one."""
AROUND_EXPIRY = (0, 0, 0, 0, 0, 1, 2, 100, 500, 999, 1000)
CLASSES = [("t4", 1), ("t4", 16), ("h100", 80), ("h100", 1), ("t4", 2), ("h100", 2), ("t4", 17), ("l4", 1)]
"""A class and an amount of its memory; the last two are impossible."""

# Strategies are made once: making one costs more than drawing from it.
INTEGERS = {(low, high): st.integers(low, high) for low in range(5) for high in range(low, 40)}
SEEDS = st.integers(0, 1 << 16)

Move = tuple[str, list[Any], int]
"""A method, its arguments, and the milliseconds before it."""


def pick(draw: Draw, items: Sequence[T]) -> T:
    """One of the items; shrinks towards the first."""
    return items[draw(INTEGERS[0, len(items) - 1])]


def between(draw: Draw, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return int(draw(INTEGERS[low, high]))


def _quota(rate: int, burst: int) -> Made:
    return Made("Quota", {"rate": rate, "burst": burst})


def _gpu(price: int, vram: int, slots: int | None = None) -> Made:
    return Made("Gpu", {"price": price, "vram": vram, **({} if slots is None else {"slots": slots})})


def _script(setup: Step, moves: list[Move], *, probing: bool = False, **clock: Any) -> Script:
    worlds = {"clock": Clock.of(**clock)}
    if probing:
        return Script(
            setup=(setup,), actors={}, drivers={"client": Client.of(moves=moves)}, worlds=worlds, errors=ERRORS
        )
    return Script(setup=(setup,), actors={"": tuple(_steps(moves))}, worlds=worlds, errors=ERRORS)


def _steps(moves: list[Move]) -> list[Step]:
    return [Step(do, on="limiter", args=tuple(args), after=(millis / 1000, 0)) for do, args, millis in moves]


def _limiter(
    default: Made,
    quotas: dict[str, Made],
    gpus: dict[str, Made],
    expiry: int,
    shares: dict[str, dict[str, int]] | None = None,
) -> Step:
    args = (WorldRef("clock"), default, quotas, gpus, expiry, *(() if shares is None else (shares,)))
    return Step("GpuRateLimiter", args=args, save="limiter")


def _known(draw: Draw, asked: dict[str, list[Any]]) -> str:
    """A request that was made, mostly one of the last three."""
    return pick(draw, pick(draw, [list(asked)[-3:], list(asked)[-3:], list(asked)]))


@st.composite
def buckets(draw: Draw, *, probing: bool = False) -> Script:
    """Stage 1: some tenants spend from small buckets."""
    burst, rate = pick(draw, [1, 2, 3, 5, 10]), pick(draw, RATES)
    pauses = SLOW if rate < 10 else FAST
    quotas = {"b": _quota(pick(draw, RATES), between(draw, 1, 6))} if between(draw, 0, 1) else {}
    moves: list[Move] = [
        ("acquire", [pick(draw, "aaaabc"), pick(draw, [1, 1, 1, 2, burst, burst, burst + 1])], pick(draw, pauses))
        for _ in range(between(draw, 1, 4 if probing else 10))
    ]
    setup = Step("RateLimiter", args=(WorldRef("clock"), _quota(rate, burst), quotas), save="limiter")
    return _script(setup, moves, probing=probing, start=pick(draw, STARTS))


@st.composite
def requests(draw: Draw, *, probing: bool = False, jumping: bool = False) -> Script:
    """Stage 2: two tenants reserve, reserve again, settle for less, for more and again, and come too late. With `jumping` the clock is not to be trusted."""
    burst = between(draw, 4, 12)
    asked: dict[str, list[Any]] = {}
    moves: list[Move] = []
    odd = not (probing or jumping)
    for number in range(between(draw, 2, 6 if probing else 10)):
        kind = pick(
            draw,
            ["reserve", "settle", "balance", "reserve", "settle", "settle", "again"] if odd else ["reserve", "settle"],
        )
        pause = pick(draw, AROUND_EXPIRY)
        if kind == "balance":
            moves.append(("balance", [pick(draw, "aab")], pause))
        elif kind == "reserve" or not asked:
            gpu, vram = pick(draw, CLASSES if odd else CLASSES[:-2])
            largest = burst // (3 if gpu == "h100" else 1)
            millis = pick(draw, [1, 2, 1, 2, 3, largest, *([largest + 1] if odd else [])])
            asked[f"r{number}"] = [f"r{number}", pick(draw, "aab"), gpu, vram, max(1, millis)]
            moves.append(("reserve", asked[f"r{number}"], pause))
        elif kind == "again":
            moves.append(("reserve", asked[pick(draw, sorted(asked))], pause))
        else:
            moves.append(("settle", [_known(draw, asked), pick(draw, [0, 1, 2, 5, 30])], pause))
    gpus = {"t4": _gpu(1, 16), "h100": _gpu(3, 80)}
    quotas = {"b": _quota(pick(draw, RATES), 100)} if between(draw, 0, 1) else {}
    setup = _limiter(_quota(pick(draw, RATES), burst), quotas, gpus, EXPIRY)
    jumps: dict[str, Any] = {}
    if jumping:
        jumps["jumps"] = [
            (between(draw, 0, 3) * 500, pick(draw, [-1, -400, -2000, 700, 100_000])) for _ in range(between(draw, 1, 2))
        ]
    if not probing:
        moves += [("balance", [tenant], 0) for tenant in "ab"]
    return _script(setup, moves, probing=probing, start=pick(draw, STARTS), **jumps)


@st.composite
def cards(draw: Draw, *, probing: bool = False) -> Script:
    """Stage 3: three tenants, one or two of them with guarantees, on one class or two with few slots; credits are mostly, but not always, plenty.

    Often the slots are full before a tenant with a guarantee asks for the first time.
    """
    burst = pick(draw, [3, 1000, 2] if probing else [1000, 1000, 3])
    gpus, shares = {}, {}
    for gpu in ["x", "y"][: between(draw, 1, 2) if not probing else 1]:
        slots = pick(draw, [1, 2, 2, 2, 3])
        gpus[gpu] = _gpu(1, 80, slots)
        first = pick(draw, [1, 1, slots, 0])
        shares[gpu] = {
            name: share for name, share in {"a": first, "b": between(draw, 0, slots - first)}.items() if share
        }
    asked: dict[str, list[Any]] = {}
    moves: list[Move] = []
    if between(draw, 0, 2):
        for gpu, made in gpus.items():
            tenants = [pick(draw, "bcc") for _ in range(made.kwargs["slots"])] + ["a"]
            asked |= {f"{gpu}{place}": [f"{gpu}{place}", tenant, gpu, 1, 1] for place, tenant in enumerate(tenants)}
        moves += [("reserve", args, 0) for args in asked.values()]
    for number in range(between(draw, 2, 5 if probing else 12)):
        kind = pick(draw, ["reserve", "reserve", "reserve", "reserve", "settle", "settle", "again"])
        pause = pick(draw, (0, 0, 0, 0, 0, 0, 0, 1, 100, 500, 999, 1000))
        if kind == "reserve" or not asked:
            asked[f"r{number}"] = [f"r{number}", pick(draw, "abcc"), pick(draw, sorted(gpus)), 1, pick(draw, [1, 2])]
            moves.append(("reserve", asked[f"r{number}"], pause))
        elif kind == "again":
            moves.append(("reserve", asked[pick(draw, sorted(asked))], pause))
        else:
            moves.append(("settle", [_known(draw, asked), pick(draw, [0, 1, 3])], pause))
    if not probing:
        moves += [("balance", [tenant], 0) for tenant in TENANTS]
    setup = _limiter(_quota(pick(draw, [1, 400, 1000]), burst), {}, gpus, EXPIRY, shares)
    return _script(setup, moves, probing=probing, start=pick(draw, STARTS))


@st.composite
def threaded(draw: Draw) -> Script:
    """Two or three threads reserve and settle, some of it the same, while credits and slots are scarce. No time passes but between their calls."""
    burst = pick(draw, [3, 3, 4])
    slots = pick(draw, [None, None, 3])
    shares = {"x": {"a": 1}} if slots and between(draw, 0, 1) else {}
    quotas = {"c": _quota(1, 100)}
    setup = [_limiter(_quota(1, burst), quotas, {"x": _gpu(1, 80, slots)}, EXPIRY, shares)]
    setup += _steps([("reserve", [request, "a", "x", 1, 1], 0) for request in ("old", "older")])
    used = pick(draw, [4, 4, 0])
    actors = {}
    for name in "ABC"[: between(draw, 2, 3)]:
        moves: list[Move] = []
        for number in range(between(draw, 1, 2)):
            kind = pick(draw, ["reserve", "reserve", "settle", "reserve", "settle", "shared"])
            if kind == "settle":
                moves.append(("settle", [pick(draw, ["old", "older"]), used], 0))
            elif kind == "shared":
                moves.append(("reserve", ["shared", "a", "x", 1, 1], 0))
            else:
                request = f"{name}{number}"
                moves.append(("reserve", [request, pick(draw, "aaac"), "x", 1, pick(draw, [1, 2])], 0))
                if between(draw, 0, 1):
                    moves.append(("settle", [request, pick(draw, [0, 1, 4])], 0))
        actors[name] = tuple(_steps(moves))
    finale = _steps([("balance", ["a"], 0), ("balance", ["c"], 0), ("reserve", ["last", "c", "x", 1, 1], 0)])
    return Script(
        mode="threads",
        seed=draw(SEEDS),
        gap=pick(draw, [32, 64, 96]),
        setup=tuple(setup),
        actors=actors,
        finale=tuple(finale),
        worlds={"clock": Clock.of(start=pick(draw, STARTS))},
        errors=ERRORS,
    )


@st.composite
def crowds(draw: Draw) -> Script:
    """Some tenants call once and most of them fall idle; then a few call often; then all call again. `tracked` is asked before and after the second part."""
    names = [f"t{number}" for number in range(pick(draw, [3, 2, 2, 3, 5, 5, 8, 20]))]
    burst = between(draw, 2, 6)
    moves: list[Move] = []
    for number, name in enumerate(names):
        moves.append(("reserve", [f"r{number}", name, "x", 1, pick(draw, [1, 1, 2, burst])], pick(draw, (0, 0, 1))))
        if between(draw, 0, 3) == 0:
            moves.append(("settle", [f"r{number}", pick(draw, [0, 1, 9])], 0))
    moves += [
        ("tracked", [], 0),
        ("reserve", ["r", pick(draw, names), "x", 1, 1], pick(draw, (1000, 1000, 3000))),
        ("tracked", [], 0),
    ]
    late = pick(draw, (0, 0, 0, 900))
    few = ["busy", pick(draw, names)][: between(draw, 1, 2)]
    for number in range(2 * (len(names) + 1) + 8):
        moves.append(("reserve", [f"s{number}", few[number % len(few)], "x", 1, 1], late if number == 3 else 0))
    moves.append(("tracked", [], 0))
    for number, name in enumerate(names[:6]):
        moves.append(("balance", [name], 0))
        moves.append(("reserve", [f"u{number}", name, "x", 1, between(draw, 1, burst)], 0))
        moves.append(("balance", [name], 1))
    quotas = {names[0]: _quota(1, 4)} if between(draw, 0, 1) else {}
    setup = _limiter(_quota(pick(draw, (1000, 700, 999, 400, 3000)), burst), quotas, {"x": _gpu(1, 80)}, EXPIRY)
    return _script(setup, moves, start=pick(draw, STARTS))


METER = "meter"
METERED = 100
"""The steps of the interpreter between two ticks of the meter."""


def metered(tenants: int, calls: int, ticks: int) -> Script:
    """Busy tenants, each with a request that is known, and two threads: one makes calls, the other ticks. They take turns of fifty
    steps of the interpreter each (the tape says so), so the ticks until the calls are over count the steps that the calls took."""
    moves: list[Move] = [("reserve", [f"r{number}", f"t{number}", "x", 1, 2], 0) for number in range(tenants)]
    busy: list[Move] = [("reserve", [f"s{number}", f"t{number}", "x", 1, 1 + number % 3], 0) for number in range(calls)]
    setup = _limiter(_quota(1, 4), {}, {"x": _gpu(1, 80)}, 10**9)
    return Script(
        mode="threads",
        tape=(50,) * 4_000,
        gap=50,
        setup=(setup, *_steps(moves)),
        actors={"caller": tuple(_steps(busy)), METER: tuple(Step(after=(0.0, METERED)) for _ in range(ticks))},
        worlds={"clock": Clock.of(start=0)},
        errors=ERRORS,
    )
