"""Plots for the pages, drawn by pygal: SVG without scripts, in an image of its own, so that a page's policy need not allow its styles.

An image says little to who cannot see it: each page that shows one has the same figures in a table beside it.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal
from xml.etree import ElementTree

__all__ = ["Line", "chart"]

Point = tuple[float, float]

_THEME = "inline:svg{color:#1f2328}@media (prefers-color-scheme:dark){svg{color:#e6edf3}}.guides,.guide{stroke:currentColor!important;stroke-opacity:.3}"
_COLOURS = ("#2f6fdf", "#8a8f98", "#d9480f", "#2b8a3e", "#9c36b5", "#0b7285")


@dataclass(frozen=True)
class Line:
    """One line of a chart. A dashed one is something to compare with; one of dots alone marks moments."""

    name: str
    points: Sequence[Point]
    kind: Literal["line", "dashed", "dots"] = "line"


def chart(lines: Sequence[Line], *, x: str, y: str, x_labels: Sequence[float], top: float, dates: bool = False) -> str:
    """A chart of these lines as a `data:` address for an `img`. `top` is the largest y; `x_labels` are where the x axis is labelled.

    With `dates`, x are seconds since 1970 and are labelled as dates.
    """
    pygal = _pygal()
    style = pygal.style.Style(
        background="transparent",
        plot_background="transparent",
        foreground="currentColor",
        foreground_strong="currentColor",
        foreground_subtle="currentColor",
        colors=_COLOURS,
        font_family="system-ui, sans-serif",
        label_font_size=13,
        major_label_font_size=13,
        title_font_size=14,
        legend_font_size=14,
    )
    plot = pygal.XY(
        style=style,
        js=[],
        css=["file://style.css", "file://graph.css", _THEME],
        no_prefix=True,
        width=820,
        height=380,
        margin=10,
        x_title=x,
        y_title=y,
        range=(0, top),
        x_labels=list(x_labels),
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        truncate_legend=-1,
        dots_size=3,
        show_x_guides=True,
        **({"x_value_formatter": _date, "x_label_rotation": 30} if dates else {}),
    )
    for line in lines:
        stroke = {"dasharray": "6 5", "width": 1.5} if line.kind == "dashed" else {"width": 2}
        dots = {"stroke": False, "dots_size": 6} if line.kind == "dots" else {}
        plot.add(line.name, list(line.points), stroke_style=stroke, **dots)
    root = plot.render_tree()
    _without_scripts(root)
    return "data:image/svg+xml;base64," + base64.b64encode(ElementTree.tostring(root)).decode()


def _without_scripts(element: ElementTree.Element) -> None:
    """pygal writes its settings into a script even if no script is to use them."""
    for child in list(element):
        if str(child.tag).rpartition("}")[2] == "script":
            element.remove(child)
        else:
            _without_scripts(child)


@cache
def _pygal() -> Any:
    """pygal, without the finder that it adds to the import system: it is for maps, and of a kind that Python warns of."""
    import pygal  # type: ignore[import-untyped]  # it has no types

    # that one alone: what importlib_metadata adds takes the place of Python's own
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
    return pygal


def _date(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%d %b %Y}"
