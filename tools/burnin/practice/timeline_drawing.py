"""Drawing a timeline: `text` for a terminal, `svg` for a page. Both lay out one column for each event, as wide as its labels need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.sax.saxutils import escape

from burnin.practice.timeline import (
    MAX_LABEL,
    MAX_LANE,
    Outcome,
    Span,
    Timeline,
)

__all__ = ["svg", "text"]

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
    yield f'<path class="moment" d="M {middle:g} {bottom + 2:g} l -5 8 h 10 z" {colour}/>'
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
