"""Snapshots: the stories of failing mutants are pinned, so that a change that makes a message worse is seen."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import version

from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.gates.mutants import CAUGHT
from burnin.contribute.subject import Subject, story_of

__all__ = ["GATES"]

HEADER = "# The story of each mutant. `burnin check NAME --accept` writes this file; read the difference before you commit it."


def snapshots(subject: Subject) -> Iterator[Finding]:
    """The stories are those of `stories.txt`."""
    path = subject.exercise.suite / "stories.txt"
    stories = {
        mutant.name: story_of(result)
        for mutant, result in subject.mutant_results()
        if result is not None and result.status in CAUGHT
    }
    if subject.accept:
        parts = [HEADER, made_with(), *(f"\n== {name}\n" + "\n".join(story) for name, story in sorted(stories.items()))]
        path.write_text("\n".join(parts) + "\n", "utf-8")
        return
    command = f"run `burnin check {subject.exercise.name} --accept{subject.exercise.option}`"
    accept = f"read it; if it is as good as before, {command}"
    if not path.is_file():
        yield subject.finding(
            path,
            None,
            "the stories are not pinned yet",
            command,
            missing=True,
        )
        return
    pinned, tools = _read(path.read_text("utf-8"))
    if tools != made_with():
        raise Blocked(
            f"the stories were pinned with {tools.removeprefix('# ')}, and this is {made_with().removeprefix('# ')}"
        )
    for name, story in stories.items():
        before = pinned.get(name)
        if before is None:
            yield subject.finding(path, None, f"the story of the mutant {name} is not pinned yet", accept)
        elif before != story:
            old, new = next(
                ((old, new) for old, new in zip([*before, ""], [*story, ""], strict=False) if old != new), ("", "")
            )
            what = f"the story of the mutant {name} has changed: `{new.strip()}`, and it was `{old.strip()}`"
            yield subject.finding(path, f"== {name}", what, accept)
    for name in pinned.keys() - stories.keys():
        yield subject.finding(path, f"== {name}", f"the mutant {name} has no story any more", accept)


def made_with() -> str:
    """What the shape of a story depends on beside our own code: interleavings on the interpreter, shrinking on Hypothesis."""
    return f"# Python {sys.version_info.major}.{sys.version_info.minor}, Hypothesis {version('hypothesis')}"


def _read(text: str) -> tuple[dict[str, list[str]], str]:
    head, *parts = re.split(r"^== ", text, flags=re.MULTILINE)
    tools = next((line for line in head.splitlines() if line.startswith("# Python")), "# an unknown Python")
    stories = {part.splitlines()[0]: part.rstrip("\n").splitlines()[1:] for part in parts}
    return stories, tools


GATES = (Gate("snapshots", "The stories of the mutants are those that were pinned", snapshots),)
