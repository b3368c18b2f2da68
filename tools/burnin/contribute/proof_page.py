"""The proof as a page: Markdown for the repository's own pages, and one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from burnin.contribute.generated import LEAST_KILLED
from burnin.contribute.proof import Proof, Row

__all__ = ["as_html", "as_markdown"]

COLUMNS = (
    ("properties", "Behaviours that the statement promises and the suite checks."),
    ("hand-made mutants killed", "Mistakes that a good engineer makes, each caught by the property that it names."),
    (
        "generated mutants killed",
        "Small changes of the reference, made by mutmut's operators and three of our own. In brackets the survivors: each is recorded with its reason, either that no caller could tell it from the reference, or that the statement allows what it does. At least 95 % of those that are not equivalent must be killed.",
    ),
    (
        "solutions accepted",
        "The reference and the alternates, which have other designs: all points at every seed. In brackets how many alternates were written blind, from the statement, the stub and the sample tests alone.",
    ),
    (
        "identical grades",
        "Grades of the reference and of three mutants in processes of their own, with other folders, hash seeds and numbers of judges: how many were the same, to the byte, as one by judges that had graded others before.",
    ),
    ("seconds", "Real time of a full grade of the reference by two judges, from cold: the median of a few."),
    ("gates passed", "The sentences that `burnin check` proves."),
)
STYLE = """
:root { color-scheme: light dark; --ink: #1d2126; --paper: #ffffff; --line: #d5dae0; --soft: #5b6570; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --paper: #14171a; --line: #363c43; --soft: #9aa4af; --good: #56d364; --bad: #ff8a80; }
}
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 70rem; color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p, dd, li { max-width: 46rem; } dt { font-weight: 600; margin-top: .6rem; } dd { margin: 0; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: right; padding: .4rem .6rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; vertical-align: top; }
th { font-size: .85rem; color: var(--soft); } th:first-child, td:first-child { text-align: left; } td:first-child code { white-space: nowrap; }
.all { color: var(--good); } .short { color: var(--bad); font-weight: 600; } .soft { color: var(--soft); }
@media (max-width: 44rem) {
  thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border: 1px solid var(--line); border-radius: .5rem; margin-bottom: 1rem; padding: .3rem 0; }
  td { display: flex; justify-content: space-between; gap: 1rem; border: 0; padding: .2rem .8rem; }
  td:first-child { font-weight: 600; } td:not(:first-child)::before { content: attr(data-label); color: var(--soft); text-align: left; }
}
"""


def as_markdown(proof: Proof) -> str:
    """The page for a place that shows Markdown."""
    names = [name for name, _ in COLUMNS]
    lines = [
        "# Proof",
        "",
        _introduction(proof),
        "",
        "| exercise | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for row in proof.rows:
        cells = [f"**{text}**" if not good else text for text, good in _cells(row)]
        lines.append(f"| `{row.name}` | " + " | ".join(cells) + " |")
    lines += ["", "A number in bold falls short.", "", "## What the columns say", ""]
    lines += [f"- **{name}**: {text}" for name, text in COLUMNS]
    lines += ["", "## Properties", "", *(f"- {text}" for text in _alone(proof.rows))]
    lines += ["", "## Where", "", *(f"- {text}" for text in _where(proof)), ""]
    return "\n".join(lines)


def as_html(proof: Proof) -> str:
    """The page as one file, without scripts and without anything from a network."""
    names = [name for name, _ in COLUMNS]
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in ["exercise", *names])
    rows = []
    for row in proof.rows:
        cells = [
            f'<td data-label="{escape(name)}"><span class="{"all" if good else "short"}">{escape(text)}</span></td>'
            for name, (text, good) in zip(names, _cells(row), strict=True)
        ]
        rows.append(f"<tr><td><code>{escape(row.name)}</code></td>{''.join(cells)}</tr>")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Burnin: proof</title><style>{STYLE}</style></head><body>",
        "<h1>Proof</h1>",
        f"<p>{_coded(_introduction(proof))}</p>",
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>",
        '<p class="soft">A number in bold and red falls short.</p>',
        "<h2>What the columns say</h2>",
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{_coded(text)}</dd>" for name, text in COLUMNS) + "</dl>",
        "<h2>Properties</h2>",
        _list(_alone(proof.rows)),
        "<h2>Where</h2>",
        _list(_where(proof)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _introduction(proof: Proof) -> str:
    return (
        f"Measured on {proof.measured} with `burnin proof`. Depth: {proof.depth}. "
        "Every number is written by that command from what it measured; none is by hand."
    )


def _cells(row: Row) -> list[tuple[str, bool]]:
    """The cells of a row but for its name, and whether each is as it should be."""
    sampled = f" of {row.generated_made} made" if row.generated < row.generated_made else ""
    return [
        (str(row.properties), row.properties > 0),
        (f"{row.hand_made_killed} of {row.hand_made}", row.hand_made_killed == row.hand_made > 0),
        (
            f"{row.generated_killed} of {row.generated}{sampled} ({row.equivalent} equivalent, {row.allowed} allowed)",
            row.generated_killed + row.equivalent + row.allowed == row.generated
            and row.generated_killed >= LEAST_KILLED * (row.generated - row.equivalent) > 0,
        ),
        (
            f"{row.accepted} of {row.solutions} at {row.seeds} seeds ({row.blind} blind)",
            row.accepted == row.solutions > row.alternates >= 2,
        ),
        (f"{row.identical} of {row.repeated}", row.identical == row.repeated > 0),
        (f"{row.seconds:.1f}", row.seconds <= 5),
        (f"{row.gates_passed} of {row.gates}", row.gates_passed == row.gates),
    ]


def _alone(rows: Sequence[Row]) -> list[str]:
    """For each exercise, what its properties add to one another, as far as generated mutants can tell."""
    told = []
    for row in rows:
        some = [f"`{name}` {number}" for name, number in row.killed_alone.items() if number]
        none = [f"`{name}`" for name, number in row.killed_alone.items() if not number]
        told.append(f"`{row.name}`: generated mutants that one property alone kills: {', '.join(some) or 'none'}.")
        if none:
            told.append(f"`{row.name}`: whatever these kill, another property kills too: {', '.join(none)}.")
    return told


def _where(proof: Proof) -> list[str]:
    machine = proof.machine
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    processor = f", {machine.processor}" if machine.processor else ""
    suites = ", ".join(f"{row.name} {row.version} (`{row.suite[:12]}`)" for row in proof.rows)
    return [
        f"{machine.system}{processor}, {machine.cores} cores; confinement: {machine.confinement}",
        f"Python {machine.python}; {packages}",
        f"Exercises, with the hash of each suite: {suites}",
    ]


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{_coded(item)}</li>" for item in items) + "</ul>"


def _coded(text: str) -> str:
    """The text as HTML; what stands between backticks is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if number % 2 else piece for number, piece in enumerate(pieces))
