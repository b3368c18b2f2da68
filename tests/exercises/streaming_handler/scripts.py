"""Scripts for the streaming handler. Few letters, so that stop strings occur and straddle; few times, so that much meets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from burnin.script import Backend, Cancel, Consume, Pause, Script, Step, WorldRef, WorldSpec

from .expected import whole
from .world import Billing, Client, Upstream

Draw = Callable[[Any], Any]
T = TypeVar("T")

BACKENDS: tuple[Backend, ...] = ("asyncio", "trio")
# Of one to four bytes; what JSON escapes; what some libraries take for a line end; what would end an event if it were not escaped.
WORDS = (
    "a",
    "b",
    "ab",
    "aa",
    "\u00e9",
    "\u20ac",
    "\U0001f600",
    "\n\n",
    '"\\',
    "\u2028",
    "\r\n",
    "\ufeff",
    "\nid: 9\n",
    "\0",
)
STOPS = (
    (),
    (),
    (),
    (),
    ("ab",),
    ("aba", "bb"),
    ("\u00e9a", "aaa"),
    ("\U0001f600\u20ac", "bb"),
    ("\n",),
    ("abab", "b\u00e9"),
)
PIECES: dict[Sequence[str], tuple[str, ...]] = {
    stop: (*"".join(stop), *stop, *(string[:-1] for string in stop), "a", "\u20ac") if stop else WORDS for stop in STOPS
}
LONG = b"Hello, world"
"""An answer that is always cut everywhere: more events than the default `ahead`."""
TIMES = (0.0, 0.5, 1.0, 1.0, 2.0)
TICKS = (0, 0, 0, 1, 2, 3)
# No call of `next` is over exactly at its timeout: whether it was in time then is left open, and both have consequences.
LIMITS = (
    ("first_timeout", (None, 1.25, 2.75)),
    ("idle_timeout", (None, 0.75, 1.25, 2.25)),
    ("heartbeat", (None, 0.5, 0.75, 1.0)),
)

# Strategies are made once: making one costs more than drawing from it.
INTEGERS = {(low, high): st.integers(low, high) for low in range(4) for high in range(low, 48)}
SEEDS = st.integers(0, 1 << 16)


def pick(draw: Draw, items: Sequence[T]) -> T:
    """One of the items; shrinks towards the first."""
    return items[draw(INTEGERS[0, len(items) - 1])]


def between(draw: Draw, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return int(draw(INTEGERS[low, high]))


def pause(draw: Draw, times: Sequence[float] = TIMES) -> Pause:
    """A short time with some jitter."""
    return pick(draw, times), pick(draw, TICKS)


def text(draw: Draw, stop: Sequence[str] = ()) -> bytes:
    """The bytes of an answer, rich in pieces of the stop strings; now and then they end within a character."""
    pieces = PIECES[tuple(stop)]
    first = "" if stop else pick(draw, ("", "", "", "", "\ufeff"))  # where a decoder may take it for a mark
    words = (first + "".join(pick(draw, pieces) for _ in range(between(draw, 0, 6)))).encode()
    return words + pick(draw, (b"", b"", b"", b"\xf0\x9f", b"\xe2\x82", b"\xc3"))


def cut(draw: Draw, data: bytes) -> list[bytes]:
    """The bytes cut anywhere, sometimes everywhere; some of the chunks may be empty."""
    if data == LONG or (len(data) <= 12 and between(draw, 0, 3) == 3):
        return [data[at : at + 1] for at in range(len(data))]
    cuts = sorted(between(draw, 0, min(len(data), 47)) for _ in range(between(draw, 0, 5)))
    return [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def upstream(draw: Draw, data: bytes, *, fails: bool = False, times: Sequence[float] = TIMES) -> WorldSpec:
    """A model that writes these bytes, or fails before all of them are written."""
    chunks = [(chunk, between(draw, 0, 3), pause(draw, times)) for chunk in cut(draw, data)]
    failing = max(between(draw, 0, len(chunks)), between(draw, 0, len(chunks))) if fails else None
    return Upstream.of(chunks=chunks, fails=failing, last=pause(draw, times), closing=pause(draw, (0.5, 0.0, 1.0)))


def client(draw: Draw, gone: int | None = None, times: Sequence[float] = TIMES) -> WorldSpec:
    """A client that is quick or slow."""
    return Client.of(pauses=[pause(draw, times) for _ in range(between(draw, 1, 3))], gone=gone)


@st.composite
def consumed(draw: Draw) -> Script:
    """`events`, and a consumer that takes its time."""
    stop = pick(draw, STOPS)
    rests = tuple(pause(draw) for _ in range(between(draw, 0, 3)))
    step = Step("events", args=(WorldRef("upstream"),), kwargs=_stop(stop), consume=Consume(rests))
    return _script(draw, step, {"upstream": upstream(draw, text(draw, stop))})


@st.composite
def handled(draw: Draw) -> Script:
    """`handle`, undisturbed; now and then with the default `ahead`, and a client so slow that all of it is used."""
    ahead = pick(draw, (1, 2, 3, 1, 2, 3, None))
    if ahead is None:
        return _handle(draw, {"upstream": upstream(draw, LONG), "client": client(draw, times=(4.0, 8.0))}, {})
    stop = pick(draw, STOPS)
    worlds = {"upstream": upstream(draw, text(draw, stop)), "client": client(draw)}
    return _handle(draw, worlds, {"ahead": ahead, **_stop(stop)})


@st.composite
def stopped(draw: Draw) -> Script:
    """`handle`, cancelled somewhere, or with a client that goes away, or both, or neither."""
    stop = pick(draw, STOPS)
    gone = pick(draw, (None, None, 0, 1, 2))
    cancel = _cancel(draw)
    worlds = {"upstream": upstream(draw, text(draw, stop)), "client": client(draw, gone)}
    return _handle(draw, worlds, {"ahead": between(draw, 1, 3), **_stop(stop)}, cancel)


@st.composite
def failing(draw: Draw) -> Script:
    """`handle` with timeouts and heartbeats, and a model that is slow or fails; now and then the client goes away too."""
    stop = pick(draw, STOPS)
    kwargs: dict[str, Any] = {"ahead": pick(draw, (1, 3, 4)), **_stop(stop)}
    for name, values in LIMITS:
        value = pick(draw, values)
        if value is not None:
            kwargs[name] = value
    fails = pick(draw, (True, True, False))
    gone = pick(draw, (None, None, None, 0, 1, 3))
    reading, sending = pick(draw, (((0.0, 0.5), (1.0, 2.0)), ((0.0, 0.5, 1.0, 2.0, 4.0), TIMES)))
    worlds = {
        "upstream": upstream(draw, text(draw, stop), fails=fails, times=reading),
        "client": client(draw, gone, sending),
    }
    return _handle(draw, worlds, kwargs)


@st.composite
def resumed(draw: Draw) -> Script:
    """`handle` from some character on: at most from the end of the answer."""
    stop = pick(draw, STOPS)
    data = text(draw, stop)
    offset = between(draw, 0, min(len(whole([data], stop)), 47))
    kwargs = {"last_event_id": str(offset), "ahead": between(draw, 1, 3), **_stop(stop)}
    return _handle(draw, {"upstream": upstream(draw, data), "client": client(draw)}, kwargs)


@st.composite
def broken_off(draw: Draw) -> Script:
    """`handle` that is broken off by the model, the client or its caller."""
    stop = pick(draw, STOPS)
    how = pick(draw, ("fails", "fails", "timeout", "gone", "cancel"))
    times = (0.0, 0.5, 1.0, 4.0) if how == "timeout" else TIMES
    worlds = {
        "upstream": upstream(draw, text(draw, stop), fails=how == "fails", times=times),
        "client": client(draw, between(draw, 0, 2) if how == "gone" else None),
    }
    kwargs: dict[str, Any] = {"idle_timeout": 2.0} if how == "timeout" else {}
    if how == "cancel":
        kwargs = {"idle_timeout": 1.25, "heartbeat": 0.5}  # more to be cancelled in
    cancel = _cancel(draw) if how == "cancel" else None
    return _handle(draw, worlds, {**kwargs, **_stop(stop)}, cancel)


@st.composite
def misdirected(draw: Draw) -> Script:
    """`handle` with an id that it cannot have given out."""
    bad = pick(draw, ("", "x", "-1", "+1", " 1", "1\n", "1_0", "1.0", "\u0661", "\u00b2", "0x1", "None"))
    worlds = {"upstream": upstream(draw, text(draw)), "client": client(draw)}
    return _handle(draw, worlds, {"last_event_id": bad, "heartbeat": 0.5})


def again(script: Script, last_event_id: str | None, cuts: int) -> Script:
    """The client comes back with the last id that it got, and the model writes the same answer, cut anew and without failing."""
    (name, steps), *_ = script.actors.items()
    made = script.worlds["upstream"].kwargs
    data = b"".join(chunk for chunk, _, _ in made["chunks"])
    size = 1 + cuts % 4
    chunks = [(data[at : at + size], 0, (0.5, 0)) for at in range(0, len(data), size)]
    kwargs = {"stop": steps[0].kwargs.get("stop", ()), "last_event_id": last_event_id}
    step = msgspec.structs.replace(steps[0], kwargs=kwargs, cancel=None)
    worlds = {
        "upstream": Upstream.of(chunks=chunks, fails=None, last=(0.0, 0), closing=(0.0, 0)),
        "client": Client.of(pauses=[(0.0, 0)], gone=None),
        "billing": script.worlds["billing"],
    }
    return msgspec.structs.replace(script, actors={name: (step,)}, worlds=worlds)


def _stop(stop: Sequence[str]) -> dict[str, Any]:
    return {"stop": list(stop)} if stop else {}


def _cancel(draw: Draw) -> Cancel | None:
    match between(draw, 0, 3):
        case 0:
            return None
        case 1:
            return Cancel(after=(between(draw, 0, 12) / 2, pick(draw, TICKS)))
        case _:
            return Cancel(at_await=between(draw, 1, 14))


def _handle(draw: Draw, worlds: dict[str, WorldSpec], kwargs: dict[str, Any], cancel: Cancel | None = None) -> Script:
    args = (WorldRef("upstream"), WorldRef("client"), WorldRef("billing"))
    worlds["billing"] = Billing.of(pause=pause(draw, (0.5, 0.0, 1.0)))
    return _script(draw, Step("handle", args=args, kwargs=kwargs, cancel=cancel), worlds)


def _script(draw: Draw, step: Step, worlds: dict[str, WorldSpec]) -> Script:
    return Script(
        mode="tasks",
        backend=pick(draw, BACKENDS),
        seed=draw(SEEDS),
        setup=(),
        actors={"": (step,)},
        worlds=worlds,
        errors=("ClientGone", "BadEventId"),
    )
