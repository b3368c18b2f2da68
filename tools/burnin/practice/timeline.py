"""The timeline of a failing play: actors and worlds as lanes, virtual time to the right, the moment that shows the failure marked.

`lanes` reads a counterexample; `timeline_drawing` draws what it gives. As the story does, it leaves out what began after that
moment, and of a long play what is earliest. Columns are events, not seconds: a play may wait for an hour and then do ten things at one instant.
Events at one instant are drawn in the order of this play; that one came after another there does not mean that it must.

Labels hold what a submission returned, so they are hostile text: what does not print is escaped here, and `svg` escapes markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import msgspec

from burnin.judge.story import show
from burnin.plain import Hostile, Saved, decode
from burnin.scorecard import Counterexample
from burnin.script import Script, Step, script_from_data

__all__ = ["MAX_LABEL", "MAX_LANE", "Lane", "Span", "Timeline", "lanes"]

MAX_SPANS = 40
"""Calls in one timeline; of more, the last ones are kept."""
MAX_LABEL = 60
MAX_LANE = 14

SET_UP, CALLS, AFTERWARDS, CANCEL = "set-up", "calls", "afterwards", "cancel"

LaneKind = Literal["actor", "other", "world"]
Outcome = Literal["returned", "raised", "cancelled", "open", "mark"]
"""How a span ended; a mark is a single event that is not a call."""


@dataclass(frozen=True)
class Span:
    """A call from its begin to its end, in columns; `last` equals `first` for one that takes no time and lets nothing happen meanwhile."""

    label: str
    first: int
    last: int
    outcome: Outcome
    result: str = ""
    """What came of it: the name or value that it returned, or the exception."""
    began: float = 0.0
    ended: float | None = None


@dataclass(frozen=True)
class Lane:
    """An actor or a world. `rows` are its spans; those of one row do not overlap."""

    name: str
    kind: LaneKind
    rows: tuple[tuple[Span, ...], ...]


@dataclass(frozen=True)
class Timeline:
    """What is drawn."""

    lanes: tuple[Lane, ...]
    times: tuple[float, ...]
    """The virtual second of each column."""
    moment: tuple[int, int] | None
    """The first and last column of the moment that shows the failure."""
    left_out: int
    """How many earlier calls there were."""
    story: tuple[str, ...]


@dataclass
class _Part:
    """A call, world call or single event while it is read."""

    lane: str
    kind: LaneKind
    label: str
    began: int
    began_at: float
    ended: int | None = None
    ended_at: float | None = None
    outcome: Outcome = "open"
    result: str = ""


def lanes(counterexample: Counterexample) -> Timeline:
    """The timeline of a counterexample. It has no lanes if no play was kept."""
    parts = _up_to_the_moment(_parts(counterexample), counterexample)
    kept = sorted(parts, key=lambda part: part.began)
    kept, left_out = kept[-MAX_SPANS:], max(0, len(kept) - MAX_SPANS)
    column, times = _columns(kept)
    script = _script(counterexample)
    order = [] if script is None else [*script.actors, *script.drivers]
    order = [SET_UP, *(name or CALLS for name in order)]
    names = sorted(
        {(part.kind, part.lane) for part in kept},
        key=lambda lane: (
            ["actor", "other", "world"].index(lane[0]),
            order.index(lane[1]) if lane[1] in order else len(order),
            lane[1],
        ),
    )
    drawn = [
        Lane(_clean(name), kind, _rows([part for part in kept if (part.kind, part.lane) == (kind, name)], column))
        for kind, name in names
    ]
    story = tuple(_clean(line, 400) for line in counterexample.story)
    return Timeline(tuple(drawn), times, _moment(counterexample, column, times), left_out, story)


# ---- reading a history


def _parts(counterexample: Counterexample) -> list[_Part]:
    """What there is to draw, in the order in which it began."""
    script = _script(counterexample)
    names = counterexample.names
    steps = _Steps(script, names)
    calls: dict[int, _Part] = {}
    effects: dict[int, _Part] = {}
    parts = []
    for event in counterexample.history:
        kind, at, seq, actor = event["kind"], event["t"], event["seq"], event.get("actor", "")
        call, effect, what = event.get("call", 0), event.get("effect", 0), _clean(event.get("what", ""))
        match kind:
            case "call":
                lane, label, save = steps.next(actor, event["what"])
                calls[call] = part = _Part(_clean(lane), _kind(lane), label, seq, at, result=save)
                if lane != SET_UP:
                    parts.append(part)
            case "return" | "raise" | "absent" | "cancelled" if call in calls:
                part = calls[call]
                _end_call(part, event, names)
                if kind == "return":
                    steps.returned(actor)
                elif part.lane == SET_UP:
                    parts.append(part)
            case "cancel" if call in calls:
                parts.append(_Part(calls[call].lane, calls[call].kind, CANCEL, seq, at, seq, at, "mark", f"{call}"))
            case "item" if call in calls:
                label = f"item {_shown(event['value'], names)}"
                parts.append(_Part(calls[call].lane, calls[call].kind, label, seq, at, seq, at, "mark"))
            case "effect" if event.get("shown", True):
                world, _, method = what.partition(".")
                arguments = ", ".join(_shown(value, names) for value in event["value"] or [])
                effects[effect] = part = _Part(world, "world", f"{method}({arguments})", seq, at)
                parts.append(part)
            case "answer" | "fail" | "abandoned" if effect in effects:
                _end_effect(effects[effect], event, names)
            case "forged":
                parts.append(_Part(what.partition(".")[0], "world", "handle not issued", seq, at, seq, at, "mark"))
            case "blocked" | "stop" | "dropped":
                parts.append(_Part("run", "other", _told(event), seq, at, seq, at, "mark"))
    return [part for part in parts if not _said_by_its_end(part, calls)]


def _kind(lane: str) -> LaneKind:
    return "other" if lane in (SET_UP, AFTERWARDS) else "actor"


def _said_by_its_end(part: _Part, calls: dict[int, _Part]) -> bool:
    """Whether this is a cancellation that ended its call at once."""
    if part.label != CANCEL or part.outcome != "mark":
        return False
    call = calls[int(part.result)]
    part.result = ""
    return call.outcome == "cancelled" and call.ended_at == part.began_at


def _end_call(part: _Part, event: dict[str, Any], names: Mapping[str, str]) -> None:
    part.ended, part.ended_at = event["seq"], event["t"]
    match event["kind"]:
        case "return":
            value = event["value"]
            part.outcome, part.result = "returned", part.result or ("" if value is None else _shown(value, names))
        case "cancelled":
            part.outcome, part.result = "cancelled", "cancelled"
        case "absent":
            part.outcome, part.result = "raised", "missing"
        case _:
            part.outcome, part.result = "raised", _clean(str(event["value"]).partition(":")[0])


def _end_effect(part: _Part, event: dict[str, Any], names: Mapping[str, str]) -> None:
    part.ended, part.ended_at = event["seq"], event["t"]
    match event["kind"]:
        case "answer":
            value = event["value"]
            part.outcome, part.result = "returned", "" if value is None else _shown(value, names)
        case "abandoned":
            part.outcome, part.result = "cancelled", "cancelled"
        case _:
            part.outcome, part.result = "raised", _clean(str(event["value"]))


def _told(event: dict[str, Any]) -> str:
    if event["kind"] == "blocked":
        seconds, line = event["value"]
        return _clean(f"blocked for {seconds:g} s" + (f" at {line}" if line else ""))
    return _clean(event["what"]) or "actors ended"


class _Steps:
    """Which step of the script each call of a history is, and so what it was called with: the events do not say.

    A step is passed over in a play if an object that it needs was never made.
    """

    def __init__(self, script: Script | None, names: Mapping[str, str]) -> None:
        self._names = names
        self._left: dict[str, list[Step]] = {}
        self._saved: set[str] = set()
        self._saving: dict[str, str] = {}
        self._main: set[str] = set()
        if script is not None:
            self._left = {name: list(steps) for name, steps in script.actors.items()}
            self._left |= {SET_UP: list(script.setup), AFTERWARDS: list(script.finale)}
            self._main = {step.save for step in script.setup if step.save is not None}
        self._began = False

    def next(self, actor: str, what: str) -> tuple[str, str, str]:
        """The lane and label of an actor's next call, and the name under which its result is kept. `what` is what the history calls it.

        The set-up, a script's only actor and what comes after all actors go without a name in a history.
        """
        steps = self._left.get(SET_UP, [])
        if actor or self._began or not steps:
            self._began = True
            lanes = [actor] if actor else ["", AFTERWARDS]
        else:
            lanes = [SET_UP]
        for lane in lanes:
            steps = self._left.get(lane, [])
            while steps:
                step = steps.pop(0)
                if (step.do or what) == what and self._possible(step):
                    self._saving[actor] = step.save or ""
                    return lane or CALLS, self._label(step, what), _clean(step.save or "")
        self._saving[actor] = ""
        return actor or AFTERWARDS, f"{_clean(what)}(...)", ""

    def returned(self, actor: str) -> None:
        """The actor's last call returned, so what it saved is there."""
        self._saved.add(self._saving.get(actor, ""))

    def _possible(self, step: Step) -> bool:
        needed = {step.on} if step.on is not None else set()
        needed |= {value.name for value in [*step.args, *step.kwargs.values()] if isinstance(value, Saved)}
        return needed <= self._saved

    def _label(self, step: Step, what: str) -> str:
        arguments = [show(arg, self._names) for arg in step.args]
        arguments += [f"{key}={show(value, self._names)}" for key, value in step.kwargs.items()]
        target = f"{step.on}." if step.on is not None and step.on not in self._main else ""
        return _clean(f"{target}{what}({', '.join(arguments) if step.do else ''})")


def _script(counterexample: Counterexample) -> Script | None:
    if counterexample.script is None:
        return None
    try:
        return script_from_data(counterexample.script)
    except (msgspec.ValidationError, Hostile):  # of another version of the schema
        return None


def _shown(wire: Any, names: Mapping[str, str]) -> str:
    """A value of a history, short; a handle as the world shows it."""
    if isinstance(wire, dict) and wire.get("$object") == "handle" and "number" in wire.get("fields", {}):
        return _clean(f"<{wire['fields']['number']}: {wire['fields'].get('about')}>")
    try:
        return _clean(show(decode(wire), names))
    except Hostile:
        return "..."


def _clean(text: str, limit: int = MAX_LABEL) -> str:
    """One line of what prints, shortened."""
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[: 2 * limit]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


# ---- the moment


def _up_to_the_moment(parts: list[_Part], counterexample: Counterexample) -> list[_Part]:
    if counterexample.at_seq is not None:
        return [part for part in parts if part.began <= counterexample.at_seq]
    if counterexample.at is not None:
        return [part for part in parts if part.began_at <= counterexample.at]
    return parts


def _moment(counterexample: Counterexample, column: dict[int, int], times: tuple[float, ...]) -> tuple[int, int] | None:
    """The columns of the moment: of the event or the time that the property names, else of the last thing that happened."""
    if not times:
        return None
    if counterexample.at_seq is not None:
        before = [number for seq, number in column.items() if seq <= counterexample.at_seq]
        last = max(before, default=0)
        return last, last
    if counterexample.at is None:
        return len(times) - 1, len(times) - 1
    time = max((time for time in times if time <= counterexample.at), default=times[0])
    found = [number for number, at in enumerate(times) if at == time]
    return found[0], found[-1]


# ---- columns and rows


def _columns(parts: list[_Part]) -> tuple[dict[int, int], tuple[float, ...]]:
    """A column for each begin and end, by its event's number, and the columns' times. What begins and ends at once shares one."""
    points: dict[int, float] = {}
    for part in parts:
        points[part.began] = part.began_at
        if part.ended is not None and part.ended_at is not None:
            points[part.ended] = part.ended_at
    ends = {part.ended: part.began for part in parts if part.ended is not None and part.ended_at == part.began_at}
    column: dict[int, int] = {}
    times: list[float] = []
    previous = None
    for seq in sorted(points):
        if previous is None or ends.get(seq) != previous or seq == previous:
            times.append(points[seq])
        column[seq] = len(times) - 1
        previous = seq
    return column, tuple(times)


def _rows(parts: list[_Part], column: dict[int, int]) -> tuple[tuple[Span, ...], ...]:
    """The spans of one lane, each in the first row that is free from its first column to its last."""
    end = max(column.values(), default=0)
    rows: list[list[Span]] = []
    for part in parts:
        last = end + 1 if part.ended is None else column[part.ended]
        span = Span(
            part.label,
            column[part.began],
            last,
            part.outcome,
            part.result if part.outcome != "open" else "",
            part.began_at,
            part.ended_at,
        )
        if part.outcome == "open":
            span = replace(span, result="not ended")
        row = next((row for row in rows if row[-1].last < span.first), None)
        if row is None:
            rows.append(row := [])
        row.append(span)
    return tuple(map(tuple, rows))
