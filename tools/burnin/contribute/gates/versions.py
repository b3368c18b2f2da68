"""Versions: a score means the same as long as the version is the same.

`verdicts.json` beside the suite keeps, for a version, what every known submission gets: the properties that each solution and each kept wrong
submission (`wrong/*.py`) passes, and whether each mutant is caught by the property that it names. A change that alters one of them raises the version.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.gates.mutants import CAUGHT
from burnin.contribute.subject import Subject, properties

__all__ = ["GATES", "Verdicts"]


class Verdicts(msgspec.Struct):
    """`verdicts.json`."""

    version: int
    passed: dict[str, list[str]]
    """The properties that a submission passes, by its label; for a mutant, of the one that it names."""


def versions(subject: Subject) -> Iterator[Finding]:
    """The verdicts are those that were recorded for this version, and the changelog tells of it."""
    exercise, path = subject.exercise, subject.exercise.suite / "verdicts.json"
    version, manifest = exercise.manifest.version, exercise.manifest_path
    changelog = exercise.folder / "CHANGELOG.md"
    command = f"run `burnin check {exercise.name} --accept{exercise.option}`"
    now = Verdicts(version, _verdicts(subject))
    if path.is_file():
        try:
            before = msgspec.json.decode(path.read_bytes(), type=Verdicts)
        except msgspec.MsgspecError as error:
            yield subject.finding(path, None, f"it cannot be read: {error}", f"remove it, and {command}")
            return
    else:
        if not subject.accept:
            yield subject.finding(path, None, "the verdicts are not recorded yet", command, missing=True)
            return
        before = now
    altered = sorted(
        label for label in now.passed if label in before.passed and now.passed[label] != before.passed[label]
    )
    told = changelog.is_file() and re.search(
        rf"^[-#*]+ *(version )?{version}\b", changelog.read_text("utf-8"), re.MULTILINE | re.IGNORECASE
    )
    if version < before.version or (altered and version == before.version):
        what = (
            f"the verdict on {', '.join(altered)} is not what it was at version {before.version}"
            if altered
            else f"version {before.version} was recorded before"
        )
        lost = _changes(before, now, altered)
        todo = f"raise `version` to {before.version + 1}, add a line `- {before.version + 1}: what has changed` to CHANGELOG.md beside it, and {command}"
        yield subject.finding(manifest, "version", what + lost, todo)
    elif version > 1 and not told:
        yield subject.finding(
            changelog,
            None,
            f"it does not say what version {version} changed",
            f"add a line `- {version}: what has changed`",
        )
    elif subject.accept:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(now)) + b"\n")
    elif version != before.version or not now.passed.keys() <= before.passed.keys():
        new = sorted(now.passed.keys() - before.passed.keys())
        what = (
            f"the recorded verdicts do not know {', '.join(new)}"
            if new
            else f"the verdicts are recorded for version {before.version}"
        )
        yield subject.finding(path, None, what, command)


def _verdicts(subject: Subject) -> dict[str, list[str]]:
    sources = [subject.reference, *subject.alternates, *subject.wrong]
    cards = [cards[0] for cards in subject.full(sources)]
    found = {
        source.label: sorted(result.id for result in properties(card).values() if result.status == "passed")
        for source, card in zip(sources, cards, strict=True)
    }
    for mutant, result in subject.mutant_results():
        if result is not None:
            found[f"mutant {mutant.name}"] = [] if result.status in CAUGHT else [result.id]
    return found


def _changes(before: Verdicts, now: Verdicts, altered: list[str]) -> str:
    told = []
    for label in altered[:3]:
        old, new = set(before.passed[label]), set(now.passed[label])
        told.append(
            f"{label} now passes {', '.join(sorted(new - old)) or 'nothing more'} and fails {', '.join(sorted(old - new)) or 'nothing more'}"
        )
    return f" ({'; '.join(told)})" if told else ""


GATES = (
    Gate(
        "versions", "Verdicts on known submissions are those of this version, and the changelog tells of it", versions
    ),
)
