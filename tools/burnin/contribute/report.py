"""How a run of the gates is shown: a table and its findings on a terminal, and as Markdown for a pull request."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from burnin.contribute.check import Checked, Report
from burnin.contribute.finding import Outcome

__all__ = ["as_markdown", "as_text"]

MARKS = {"passed": "ok", "failed": "FAILED", "in progress": "in progress", "not run": "not run"}
MOST = 10
"""Findings of one gate that are shown on a terminal."""
SIGNS = {"passed": "✅", "failed": "❌", "in progress": "🚧", "not run": "⏭️"}
"""What a status is called in a table."""


def as_text(report: Report, width: int = 100) -> str:
    """Findings first, the table and the sum at the end, where one looks."""
    lines: list[str] = []
    for checked in report.exercises:
        for outcome in checked.gates:
            if outcome.status == "passed":
                continue
            lines.append(f"{checked.name}  {outcome.gate}: {outcome.rule}.  {MARKS[outcome.status]}")
            for finding in outcome.findings[:MOST]:
                lines.append(f"  {finding.place}")
                lines += _wrapped(f"{finding.wrong}.", width)
                lines += _wrapped(f"-> {finding.todo}.", width)
                lines += [f"       {line}" for line in finding.paste.splitlines()]
            if len(outcome.findings) > MOST:
                lines += _wrapped(f"... and {len(outcome.findings) - MOST} more, which --json shows.", width)
            if outcome.note:
                lines += _wrapped(f"{outcome.note}.", width)
            lines.append("")
    return "\n".join([*lines, *_table(report), "", _sum(report)])


def as_markdown(report: Report) -> str:
    """For a comment on a pull request."""
    names = [f"`{one.name}`" + (" (draft)" if one.draft else "") for one in report.exercises]
    lines = ["### Gates", "", "| gate | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for number, outcome in enumerate(report.exercises[0].gates if report.exercises else []):
        row = [SIGNS[one.gates[number].status] for one in report.exercises]
        lines.append(f"| `{outcome.gate}`: {outcome.rule} | " + " | ".join(row) + " |")
    for one in report.exercises:
        for outcome in one.gates:
            for finding in outcome.findings:
                lines += [
                    "",
                    f"- {SIGNS[outcome.status]} `{finding.place}` ({outcome.gate}): {_escaped(finding.wrong)}. **To do:** {_escaped(finding.todo)}.",
                ]
                if finding.paste:
                    lines += ["", "  ```", *(f"  {line}" for line in finding.paste.splitlines()), "  ```"]
            if outcome.note:
                lines += ["", f"- {SIGNS[outcome.status]} `{one.name}` ({outcome.gate}): {_escaped(outcome.note)}."]
    return "\n".join([*lines, "", _sum(report)])


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ", break_long_words=False)


def _table(report: Report) -> Iterator[str]:
    names = [one.name + (" (draft)" if one.draft else "") for one in report.exercises]
    first = max([len("gate"), *(len(outcome.gate) for one in report.exercises for outcome in one.gates)])
    widths = [max(len(name), len("in progress")) for name in names]
    yield "  ".join(
        [f"{'gate':{first}}", *(f"{name:{width}}" for name, width in zip(names, widths, strict=True))]
    ).rstrip()
    for number, outcome in enumerate(report.exercises[0].gates if report.exercises else []):
        cells = [MARKS[one.gates[number].status] for one in report.exercises]
        yield "  ".join(
            [f"{outcome.gate:{first}}", *(f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))]
        ).rstrip()


def _sum(report: Report) -> str:
    counts = {status: sum(outcome.status == status for outcome in _outcomes(report.exercises)) for status in MARKS}
    told = [f"{number} {status}" for status, number in counts.items() if number]
    return f"{', '.join(told)} ({report.depth}) in {report.seconds:.0f} s"


def _outcomes(exercises: list[Checked]) -> Iterator[Outcome]:
    return (outcome for one in exercises for outcome in one.gates)


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace("@", "@\u200b")
