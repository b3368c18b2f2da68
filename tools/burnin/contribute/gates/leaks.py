"""Nothing of the answer where a candidate looks, and no block of code twice."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.gates.signatures import YOURS, public_functions, top_level
from burnin.contribute.scaffold import TEMPLATE
from burnin.contribute.subject import Subject

__all__ = ["GATES"]

LEAKED_LINES, LEAKED_LETTERS = 4, 80
"""So many lines of the reference in a row, with so many characters, are no accident."""
COPIED_LINES = 12
READABLE = (".py", ".md", ".toml", ".txt", ".json", ".html", ".in")


class _Line(NamedTuple):
    number: int
    text: str


def leaks(subject: Subject) -> Iterator[Finding]:
    """No reference code in the stub, beside it, or in the package that is published."""
    stub = subject.exercise.stub
    yours = subject.line(stub, YOURS) or 0
    answers = {
        _body(function)
        for path in [subject.exercise.reference, *subject.exercise.alternates]
        for name, node in top_level(subject.tree(path))
        for _, function in public_functions(name, node)
    }
    for name, node in top_level(subject.tree(stub)):
        for full, function in public_functions(name, node):
            if node.lineno >= yours and not _is_open(function) and _body(function) in answers:
                todo = "let it raise NotImplementedError, or move it above `# ---- yours` if it is given"
                yield subject.finding(stub, function.lineno, f"{full} has the body of a solution", todo)
    known = {line.text for path in [stub, subject.exercise.samples] if path.is_file() for line in _lines(path)}
    secret = [
        [line for line in _lines(path) if line.text not in known]
        for path in [subject.exercise.reference, *subject.exercise.alternates]
        if path.is_file()
    ]
    secret += [_lines(path) for path in [subject.exercise.reference] if path.is_file()]
    for path in [*_beside(subject), *_published(subject)]:
        if path != stub:
            for solution in secret:
                at = _run(
                    _lines(path),
                    solution,
                    LEAKED_LINES,
                    LEAKED_LETTERS,
                    known if path.suffix == ".py" and path != subject.exercise.samples else set(),
                )
                if at is not None:
                    yield subject.finding(
                        path, at, "this is code of a solution", "take it out: the candidate can read this file"
                    )
                    break


def _is_open(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the body is left to the candidate."""
    body = [node for node in function.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    return not body or (
        len(body) == 1 and isinstance(body[0], ast.Raise) and "NotImplementedError" in ast.unparse(body[0])
    )


def _body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.unparse(ast.Module(function.body, []))


def _beside(subject: Subject) -> list[Path]:
    """What a candidate gets, and the hints."""
    hints = subject.exercise.solutions / "interview.toml"
    return [path for path in [*sorted(subject.exercise.folder.rglob("*")), hints] if _is_text(path)]


def _published(subject: Subject) -> Iterator[Path]:
    """What goes into the wheel of the library's own project, if it has one; not what every new exercise begins with."""
    project = subject.library.root / "pyproject.toml"
    given = {path.read_bytes() for path in TEMPLATE.rglob("*") if _is_text(path)}
    if project.is_file():
        build = tomllib.loads(project.read_text("utf-8")).get("tool", {}).get("hatch", {}).get("build", {})
        for package in build.get("targets", {}).get("wheel", {}).get("packages", []):
            every = [path for path in sorted((subject.library.root / package).rglob("*")) if _is_text(path)]
            yield from (path for path in every if path.read_bytes() not in given)


def _is_text(path: Path) -> bool:
    return path.suffix in READABLE and path.is_file() and "__pycache__" not in path.parts


def _lines(path: Path) -> list[_Line]:
    """The lines that say something: no blank ones, comments, imports or lone brackets."""
    lines = enumerate(path.read_text("utf-8", "replace").splitlines(), 1)
    stripped = (_Line(number, " ".join(line.split())) for number, line in lines)
    return [
        line
        for line in stripped
        if len(line.text) > 4 and not line.text.startswith(("#", "import ", "from ", "@", '"""', "pass", "return None"))
    ]


def _run(text: list[_Line], solution: list[_Line], least: int, letters: int, ignored: set[str]) -> int | None:
    """The line where `least` lines of the solution stand in a row, with at least so many letters together."""
    runs = {tuple(line.text for line in solution[start : start + least]) for start in range(len(solution) - least + 1)}
    kept = [line for line in text if line.text not in ignored]
    for start in range(len(kept) - least + 1):
        run = tuple(line.text for line in kept[start : start + least])
        if run in runs and sum(map(len, run)) >= letters:
            return kept[start].number
    return None


def copies(subject: Subject) -> Iterator[Finding]:
    """No block of this exercise's code is another exercise's too. A draft is not compared with other drafts."""
    own = _code(subject, subject.exercise.name)
    for other in sorted({*subject.library.names()} - {subject.exercise.name}):
        theirs = {
            tuple(line.text for line in lines[start : start + COPIED_LINES]): (path, lines[start].number)
            for path, lines in _code(subject, other)
            for start in range(len(lines) - COPIED_LINES + 1)
        }
        for path, lines in own:
            for start in range(len(lines) - COPIED_LINES + 1):
                where = theirs.get(tuple(line.text for line in lines[start : start + COPIED_LINES]))
                if where is not None:
                    what = f"these {COPIED_LINES} lines or more are in {subject.shown(where[0])}:{where[1]} too"
                    yield subject.finding(
                        path,
                        lines[start].number,
                        what,
                        "move them to one place that both import, or do without",
                        missing=True,
                    )
                    break


def _code(subject: Subject, name: str) -> list[tuple[Path, list[_Line]]]:
    root = subject.library.root
    folders = [root / "exercises" / name, root / "solutions" / name, root / "tests" / "exercises" / name]
    return [
        (path, _lines(path))
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        if "__pycache__" not in path.parts
    ]


GATES = (
    Gate("leaks", "No reference code in the stub, the samples, the hints or the published package", leaks),
    Gate("copies", "No block of code is copied from another exercise", copies),
)
