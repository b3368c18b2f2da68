"""HTML pages that stand alone: one file, nothing from the network, no script unless the page is the room's.

What a submission wrote is hostile text. Templates escape everything that is put into them; the few pieces that are markup already are made
here or in `timeline`, from escaped text. Beyond that the page's policy (CSP) forbids scripts, and every style but its own.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from pygments import highlight  # type: ignore[import-untyped]  # pygments has no types
from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]  # pygments has no types
from pygments.lexers import PythonLexer  # type: ignore[import-untyped]  # pygments has no types

from burnin.library import UserError
from burnin.practice.timeline import Timeline
from burnin.practice.timeline_drawing import svg

__all__ = ["PAGES", "code", "markdown", "parts", "picture", "policy", "render", "shown", "write_page"]

PAGES = Path(__file__).parent / "pages"
"""The templates, the style and the script."""
MAX_CODE = 100_000
"""Characters of code that a page shows."""


def render(template: str, **values: Any) -> str:
    """The page made from a template of `pages/`. `values` are escaped unless they are `Markup`."""
    style = Markup(_style())  # noqa: S704  # our own file
    return _templates().get_template(template).render(values, style=style, policy=values.get("policy", policy()))


def parts(template: str) -> Any:
    """The macros of a template, by name; each gives `Markup`."""
    return _templates().get_template(template).module


def policy(*, script: str = "", connect: str = "", form: str = "'none'") -> str:
    """The page's Content-Security-Policy. `script` and `connect` are sources beyond none, for the web room."""
    parts = {
        "default-src": "'none'",
        "style-src": f"'sha256-{_hash(_style())}'",
        "img-src": "data:",
        "script-src": script,
        "connect-src": connect,
        "form-action": form,
        "base-uri": "'none'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in parts.items() if sources)


def picture(timeline: Timeline, name: str) -> Markup:
    """A timeline for a page. `name` makes its ids unique in the page."""
    return Markup(svg(timeline, name))  # noqa: S704  # it escapes


def markdown(text: str, *, deeper: int = 0) -> Markup:
    """Markdown as HTML, its headings so many levels down. Markup in it is shown, not obeyed; pictures are left out."""
    tokens = _markdown().parse(text)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(6, int(token.tag[1:]) + deeper)}"
    return Markup(_markdown().renderer.render(tokens, _markdown().options, {}))  # noqa: S704  # it escapes


def shown(text: str) -> str:
    """One line of what prints: everything else, such as marks that turn the direction of writing, as its escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def code(text: str) -> Markup:
    """Python code with its syntax coloured and its lines numbered."""
    lines = _shown_lines(text[:MAX_CODE])
    more = "" if len(text) <= MAX_CODE else f"\n# ... {len(text) - MAX_CODE} more characters are not shown"
    formatter = HtmlFormatter(cssclass="code", linenos="inline", wrapcode=True)
    return Markup(highlight(lines + more, PythonLexer(), formatter))  # noqa: S704  # it escapes


def write_page(path: Path, page: str, marker: str) -> None:
    """Write a page, whole or not at all. A file that is there is replaced only if it is a page of ours, which bears `marker`.

    Raises `UserError` if something else is there, or if it cannot be written.
    """
    try:
        if os.path.lexists(path) and (path.is_symlink() or not path.is_file() or not _is_ours(path, marker)):
            raise UserError(f"{path} is there already and is not Burnin's; move it away, or name another file.")
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            file.write(page)
        try:
            os.replace(file.name, path)
        except OSError:
            os.unlink(file.name)
            raise
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror}); make its folder writable.") from None


def _is_ours(path: Path, marker: str) -> bool:
    with path.open("rb") as file:
        return f'<meta name="generator" content="{escape(marker)}">'.encode() in file.read(2_000)


def _shown_lines(text: str) -> str:
    return "\n".join(shown(line.replace("\t", "    ")) for line in text.replace("\r\n", "\n").split("\n"))


@cache
def _templates() -> jinja2.Environment:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"shown": shown, "shown_lines": _shown_lines}
    return templates


@cache
def _style() -> str:
    """The pages' style, with the colours of code for light and dark."""
    light = HtmlFormatter(style="default").get_style_defs(".code")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".code")
    return f"{(PAGES / 'style.css').read_text('utf-8')}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
