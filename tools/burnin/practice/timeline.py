"""The timeline of a failing play: actors and worlds as lanes, virtual time to the right, the moment that shows the failure marked.

`lanes` reads a counterexample, `text` draws it for a terminal and `svg` for a page. As the story does, it leaves out what began after that
moment, and of a long play what is earliest. Columns are events, not seconds: a play may wait for an hour and then do ten things at one instant.
Events at one instant are drawn in the order of this play; that one came after another there does not mean that it must.

Labels hold what a submission returned, so they are hostile text: what does not print is escaped here, and `svg` escapes markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from xml.sax.saxutils import escape

import msgspec

from burnin.judge.story import show
from burnin.plain import Hostile, Saved, decode
from burnin.scorecard import Counterexample
from burnin.script import Script, Step, script_from_data

__all__ = ["Lane", "Span", "Timeline", "lanes", "svg", "text"]

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
    steps = _Steps(script)
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
                _end_call(part, event)
                if kind == "return":
                    steps.returned(actor)
                elif part.lane == SET_UP:
                    parts.append(part)
            case "cancel" if call in calls:
                parts.append(_Part(calls[call].lane, calls[call].kind, CANCEL, seq, at, seq, at, "mark", f"{call}"))
            case "item" if call in calls:
                label = f"item {_shown(event['value'])}"
                parts.append(_Part(calls[call].lane, calls[call].kind, label, seq, at, seq, at, "mark"))
            case "effect" if event.get("shown", True):
                world, _, method = what.partition(".")
                arguments = ", ".join(map(_shown, event["value"] or []))
                effects[effect] = part = _Part(world, "world", f"{method}({arguments})", seq, at)
                parts.append(part)
            case "answer" | "fail" | "abandoned" if effect in effects:
                _end_effect(effects[effect], event)
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


def _end_call(part: _Part, event: dict[str, Any]) -> None:
    part.ended, part.ended_at = event["seq"], event["t"]
    match event["kind"]:
        case "return":
            value = event["value"]
            part.outcome, part.result = "returned", part.result or ("" if value is None else _shown(event["value"]))
        case "cancelled":
            part.outcome, part.result = "cancelled", "cancelled"
        case "absent":
            part.outcome, part.result = "raised", "missing"
        case _:
            part.outcome, part.result = "raised", _clean(str(event["value"]).partition(":")[0])


def _end_effect(part: _Part, event: dict[str, Any]) -> None:
    part.ended, part.ended_at = event["seq"], event["t"]
    match event["kind"]:
        case "answer":
            part.outcome, part.result = "returned", "" if event["value"] is None else _shown(event["value"])
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

    def __init__(self, script: Script | None) -> None:
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
        arguments = [*map(show, step.args), *(f"{key}={show(value)}" for key, value in step.kwargs.items())]
        target = f"{step.on}." if step.on is not None and step.on not in self._main else ""
        return _clean(f"{target}{what}({', '.join(arguments) if step.do else ''})")


def _script(counterexample: Counterexample) -> Script | None:
    if counterexample.script is None:
        return None
    try:
        return script_from_data(counterexample.script)
    except (msgspec.ValidationError, Hostile):  # of another version of the schema
        return None


def _shown(wire: Any) -> str:
    """A value of a history, short; a handle as the world shows it."""
    if isinstance(wire, dict) and wire.get("$object") == "handle" and "number" in wire.get("fields", {}):
        return _clean(f"<{wire['fields']['number']}: {wire['fields'].get('about')}>")
    try:
        return _clean(show(decode(wire)))
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


# ---- laying out, in characters


@dataclass(frozen=True)
class _Layout:
    """Where each column begins, in characters from the end of the lanes' names, and the whole width."""

    at: tuple[int, ...]
    width: int
    cap: int
    """The longest label that there is room for."""
    first: int
    """The first column that is drawn."""


def _layout(timeline: Timeline, width: int) -> _Layout:
    """Room for every label if the width allows it; else shorter labels; else fewer of the first columns."""
    caps = (MAX_LABEL, 30, 22, 16, 12, 9, 6)
    columns = range(len(timeline.times))
    first = next((first for first in columns if _lay(timeline, caps[-1], first).width <= width), columns[-1])
    fitting = (laid for cap in caps if (laid := _lay(timeline, cap, first)).width <= width)
    return next(fitting, _lay(timeline, caps[-1], first))


def _lay(timeline: Timeline, cap: int, first: int) -> _Layout:
    """The leftmost place of each column such that nothing overlaps."""
    count = len(timeline.times)
    apart: list[dict[int, int]] = [{} for _ in range(count + 1)]
    """For each column, how far it is from columns before it at least."""

    def keep(left: int, right: int, room: int) -> None:
        if left >= first:
            apart[right][left] = max(apart[right].get(left, 0), room)

    for number in range(first, count):
        keep(number, number + 1, 2)
    starts = [n for n in range(first, count) if n == first or timeline.times[n - 1] != timeline.times[n]]
    for left, right in zip(starts, [*starts[1:], count], strict=True):
        keep(left, right, len(_tick(timeline.times[left])) + 1)
    for lane in timeline.lanes:
        for row in lane.rows:
            for span, after in zip(row, [*(span.first for span in row[1:]), count], strict=True):
                head, tail = min(len(span.label), cap), min(len(span.result), cap)
                if span.last == span.first:
                    keep(span.first, after, head + (tail + 1 if tail else 0) + 2)
                elif _drawn(span, first):
                    keep(max(span.first, first), span.last, head + 2)
                    keep(span.last, max(after, span.last), tail + 2)
    at = [0] * (count + 1)
    for number in range(first + 1, count + 1):
        at[number] = max(at[left] + room for left, room in apart[number].items() if left < number)
    return _Layout(tuple(at), at[count] + apart[count].get(count, 0), cap, first)


def _drawn(span: Span, first: int) -> bool:
    """Whether something of it is to be seen from this column on; one that began before goes on from there."""
    return span.first >= first or span.last > first


def _tick(seconds: float) -> str:
    return f"{seconds:g} s"


def _cut(text: str, room: int, more: str = "…") -> str:
    return text if len(text) <= room else text[: max(0, room - len(more))] + more[: max(0, room)]


def _ticks(timeline: Timeline, layout: _Layout) -> Iterator[tuple[int, str]]:
    """Where each time begins."""
    previous = None
    for number in range(layout.first, len(timeline.times)):
        if timeline.times[number] != previous:
            yield layout.at[number], _tick(timeline.times[number])
        previous = timeline.times[number]


# ---- the terminal


@dataclass(frozen=True)
class _Ink:
    """The characters to draw with."""

    line: str
    begin: str
    ends: dict[Outcome, str]
    here: str
    guide: str
    more: str


_UNICODE = _Ink("─", "├", {"returned": "┤", "raised": "✗", "cancelled": "⊘", "open": "…", "mark": "◆"}, "▲", "┊", "…")
_ASCII = _Ink("-", "|", {"returned": "|", "raised": "x", "cancelled": "X", "open": ">", "mark": "*"}, "^", ":", "~")


def text(timeline: Timeline, width: int, *, ascii_only: bool = False) -> list[str]:
    """The timeline in lines of at most `width` characters, which should be 40 or more; none if there is nothing to draw.

    `ascii_only` is for a terminal that cannot write line-drawing characters.
    """
    if not timeline.lanes:
        return []
    ink = _ASCII if ascii_only else _UNICODE
    margin = min(MAX_LANE, max(len(lane.name) for lane in timeline.lanes)) + 1
    layout = _layout(timeline, width - margin)
    gone = timeline.left_out + _before(timeline, layout.first)
    lines = [f"({gone} earlier call{'s' * (gone != 1)} left out)"] if gone else []
    canvas = _Canvas(width - margin)
    for at, tick in _ticks(timeline, layout):
        canvas.put(at, tick)
    lines.append(" " * margin + canvas.line())
    for lane in timeline.lanes:
        name = lane.name
        for row in lane.rows:
            canvas = _Canvas(width - margin)
            if timeline.moment is not None and timeline.moment[0] >= layout.first:
                canvas.put(layout.at[timeline.moment[0]], ink.guide)
            drawn = [span for span in row if _drawn(span, layout.first)]
            for span in drawn:
                _draw(canvas, span, layout, ink)
            if drawn or row is lane.rows[0]:
                lines.append(f"{_cut(name, margin - 1, ink.more):<{margin}}" + canvas.line())
                name = ""
    if timeline.moment is not None:
        lines.append(" " * margin + _pointer(timeline, timeline.moment, layout, ink, width - margin))
    if ascii_only:
        lines = [line.encode("ascii", "backslashreplace").decode()[:width] for line in lines]
    return [line.rstrip() for line in lines]


class _Canvas:
    """One line of characters."""

    def __init__(self, width: int) -> None:
        self._cells = [" "] * width

    def put(self, at: int, text: str) -> None:
        for place, char in enumerate(text, at):
            if 0 <= place < len(self._cells):
                self._cells[place] = char

    def line(self) -> str:
        return "".join(self._cells)


def _draw(canvas: _Canvas, span: Span, layout: _Layout, ink: _Ink) -> None:
    label, result = _cut(span.label, layout.cap, ink.more), _cut(span.result, layout.cap, ink.more)
    begin, end = layout.at[max(span.first, layout.first)], layout.at[span.last]
    if span.first == span.last:
        sign = ink.ends[span.outcome] if span.outcome in ("raised", "cancelled", "mark") else ink.begin[0]
        canvas.put(begin, f"{sign}{label} {result}".rstrip())
        return
    inside = end - begin - 1
    canvas.put(
        begin, ink.begin + _cut(label, inside, ink.more).ljust(inside, ink.line) + ink.ends[span.outcome] + result
    )


def _pointer(timeline: Timeline, moment: tuple[int, int], layout: _Layout, ink: _Ink, width: int) -> str:
    """The line that points at the moment from below."""
    begin, end = layout.at[max(moment[0], layout.first)], layout.at[max(moment[1], layout.first)]
    canvas = _Canvas(width)
    canvas.put(begin, ink.here * max(1, end - begin + 1))
    words = f"here, at {_tick(timeline.times[moment[1]])}"
    right = end + 2
    canvas.put(right if right + len(words) <= width or right < len(words) + 2 else begin - len(words) - 1, words)
    return canvas.line()


def _before(timeline: Timeline, first: int) -> int:
    """How many calls are not drawn from this column on."""
    return sum(not _drawn(span, first) for lane in timeline.lanes for row in lane.rows for span in row)


# ---- pages

_WIDE = 150
"""Characters; a page scrolls a wide timeline sideways."""
_CHAR, _ROW, _TOP, _PAD = 7.25, 26, 34, 10


def svg(timeline: Timeline, name: str = "timeline") -> str:
    """The timeline as an SVG element for a page; empty if there is nothing to draw. `name` makes its ids unique in the page.

    Its colours are the text's own and those of the page's variables `--bad`, `--quiet` and `--mark`, if it has them, so it suits light and dark.
    For who cannot see it, its description is the story. It holds no style, script or reference to anything outside.
    """
    if not timeline.lanes:
        return ""
    margin = min(MAX_LANE, max(len(lane.name) for lane in timeline.lanes)) + 2
    layout = _layout(timeline, _WIDE)
    left = _PAD + margin * _CHAR
    rows = [(lane, row, row is lane.rows[0]) for lane in timeline.lanes for row in lane.rows]
    width = left + (layout.width + 2) * _CHAR + _PAD
    bottom = _TOP + len(rows) * _ROW
    height = bottom + 30
    gone = timeline.left_out + _before(timeline, layout.first)
    about = " ".join([*([f"{gone} earlier calls are left out."] if gone else []), *timeline.story])
    box = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    named = f'role="img" aria-labelledby="{name}-title {name}-about"'
    font = 'font-family="ui-monospace, monospace" font-size="12" fill="currentColor"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="timeline" {named} {box} {font}>',
        f'<title id="{name}-title">Timeline: actors and worlds as lanes, virtual time to the right</title>',
        f'<desc id="{name}-about">{_safe(about)}</desc>',
    ]
    parts += _svg_moment(timeline, layout, left, bottom)
    for at, tick in _ticks(timeline, layout):
        x = left + at * _CHAR
        parts.append(
            f'<line x1="{x:g}" y1="{_TOP - 6}" x2="{x:g}" y2="{bottom:g}" stroke="currentColor" stroke-opacity="0.18"/>'
        )
        parts.append(_svg_text(x, _TOP - 12, tick, 'fill="var(--quiet, currentColor)"'))
    for number, (lane, row, first) in enumerate(rows):
        y = _TOP + number * _ROW
        if first:
            parts.append(
                f'<line x1="{_PAD}" y1="{y:g}" x2="{width - _PAD:g}" y2="{y:g}" stroke="currentColor" stroke-opacity="0.18"/>'
            )
            parts.append(_svg_text(_PAD, y + 17, _cut(lane.name, margin - 2), 'font-weight="bold"'))
        for span in row:
            if _drawn(span, layout.first):
                parts += _svg_span(span, layout, left, y)
    return "".join([*parts, "</svg>"])


def _svg_moment(timeline: Timeline, layout: _Layout, left: float, bottom: float) -> Iterable[str]:
    if timeline.moment is None:
        return
    begin, end = (left + layout.at[max(number, layout.first)] * _CHAR for number in timeline.moment)
    yield (
        f'<rect x="{begin - 4:g}" y="{_TOP - 6}" width="{end - begin + 8:g}" height="{bottom - _TOP + 6:g}" '
        'fill="var(--bad, currentColor)" fill-opacity="0.16"/>'
    )
    middle = (begin + end) / 2
    colour = 'fill="var(--bad, currentColor)"'
    yield f'<path d="M {middle:g} {bottom + 2:g} l -5 8 h 10 z" {colour}/>'
    words = f"here, at {_tick(timeline.times[timeline.moment[1]])}"
    fits = middle + 10 + len(words) * _CHAR <= left + (layout.width + 2) * _CHAR
    side = 'font-weight="bold"' if fits else 'font-weight="bold" text-anchor="end"'
    yield _svg_text(middle + 10 if fits else middle - 10, bottom + 14, words, f"{colour} {side}")


def _svg_span(span: Span, layout: _Layout, left: float, y: float) -> Iterable[str]:
    label, result = _cut(span.label, layout.cap), _cut(span.result, layout.cap)
    begin, end = (left + layout.at[number] * _CHAR for number in (max(span.first, layout.first), span.last))
    bad = span.outcome in ("raised", "cancelled", "open")
    colour = "var(--bad, currentColor)" if bad else "var(--mark, currentColor)"
    dashes = ' stroke-dasharray="4 3"' if span.outcome in ("cancelled", "open") else ""
    if span.outcome == "mark":
        yield f'<path d="M {begin:g} {y + 6:g} l 4 7 l -4 7 l -4 -7 z" fill="{colour}"/>'
        yield _svg_text(begin + 7, y + 17, label)
        return
    if span.first == span.last:
        yield f'<rect x="{begin - 1.5:g}" y="{y + 4:g}" width="3" height="18" fill="{colour}"/>'
        yield _svg_text(begin + 5, y + 17, label)
        if result:
            yield _svg_text(begin + 5 + (len(label) + 1) * _CHAR, y + 17, result, f'fill="{colour}" font-weight="bold"')
        return
    yield (
        f'<rect x="{begin:g}" y="{y + 4:g}" width="{end - begin:g}" height="18" rx="3" fill="{colour}" fill-opacity="0.12" '
        f'stroke="{colour}"{dashes}/>'
    )
    yield _svg_text(begin + 5, y + 17, _cut(label, int((end - begin) / _CHAR) - 1))
    if result:
        yield _svg_text(end + 5, y + 17, result, f'fill="{colour}" font-weight="bold"')


def _svg_text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"{" " + more if more else ""}>{_safe(words)}</text>'


def _safe(words: str) -> str:
    return escape(words, {'"': "&quot;", "'": "&#39;"})
