"""The statement, the manifest and the debrief: everything that is read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.gates.signatures import is_given_protocol, public_functions, top_level
from burnin.contribute.subject import Subject
from burnin.contribute.syntax import parse
from burnin.grade.grader import GraderFailed

__all__ = ["GATES"]

UNITS = re.compile(
    r"\b(milli|micro|nano)?seconds?\b|\bminutes?\b|\bm?s\b|\btimes? of\b|\bclock\b|\bbytes?\b|\b[KMG]i?B\b|\btokens?\b|\bunits?\b|\b(\w+-)?millis\b"
    r"|\bnumber of\b|\bcounts?\b|\bhow many\b|\bper (second|minute)\b|\bratio\b|%|\b(requests|models|items|entries|pages|blocks|rows|tasks)\b",
    re.IGNORECASE,
)
NUMBERS = re.compile(r"\b(int|float)\b")
SECTIONS = ("Walk-through", "Cost", "interviewers push on", "Follow-ups", "real systems differ")
LEAST_FOLLOW_UPS = 3


def layout(subject: Subject) -> Iterator[Finding]:
    """Every file that an exercise has."""
    exercise = subject.exercise
    wanted = {
        exercise.folder / "README.md": "write the statement",
        exercise.stub: "write the stub: every public name with its types, and bodies that raise NotImplementedError",
        subject.exercise.samples: "write a few sample tests that a candidate can run",
        exercise.reference: "write the reference solution",
        subject.discussion: "write the debrief",
        exercise.suite / "__init__.py": "make the suite a package",
        subject.mutants_path: "write down the mistakes that a good engineer makes, as edits of the reference",
    }
    for path, todo in wanted.items():
        if not path.is_file():
            yield subject.finding(path, None, "this file is not there", todo)
            continue
        try:
            text = path.read_text("utf-8")
            if path.suffix == ".py":
                parse(text)
        except (SyntaxError, ValueError) as error:
            line = error.lineno if isinstance(error, SyntaxError) else None
            kind = "Python" if path.suffix == ".py" else "UTF-8 text"
            yield subject.finding(path, line, f"this is no {kind}: {error}", "mend it")


def stages(subject: Subject) -> Iterator[Finding]:
    """Headings and manifest say the same, points sum to 100, the time is enough, each stage has an example."""
    exercise, statement, path = subject.exercise, subject.statement, subject.statement.path
    manifest, manifest_path = exercise.manifest, exercise.manifest_path
    total = sum(stage.points for stage in manifest.stages)
    if total != 100:
        yield subject.finding(
            manifest_path,
            "points",
            f"the stages sum to {total} points",
            "let them sum to 100, here and in the headings",
        )
    minutes = sum(stage.par_minutes for stage in manifest.stages)
    if minutes > manifest.minutes:
        what = f"the par times sum to {minutes} minutes, and the exercise has {manifest.minutes}"
        yield subject.finding(manifest_path, "minutes", what, "shorten a stage, or give the exercise more time")
    if len(statement.stages) != len(manifest.stages):
        what = f"the statement has {len(statement.stages)} stages, and {manifest_path.name} has {len(manifest.stages)}"
        yield subject.finding(path, "## Stage", what, "begin each with `## Stage 1: title (20 points, par 10 minutes)`")
        return
    for number, (told, stage) in enumerate(zip(statement.stages, manifest.stages, strict=True), 1):
        wanted = f"## Stage {number}: {stage.title} ({stage.points} points, par {stage.par_minutes} minutes)"
        same = (told.number, told.points, told.par_minutes) == (number, stage.points, stage.par_minutes)
        if not same or (told.title or "").casefold() != stage.title.casefold():
            what = f"this heading and {manifest_path.name} do not say the same"
            yield subject.finding(path, told.line, what, f"write `{wanted}`, or mend {manifest_path.name}")
        if not told.has_example:
            yield subject.finding(
                path, told.line, f"stage {number} has no example", "add a paragraph that begins with `Example.`"
            )


def names(subject: Subject) -> Iterator[Finding]:
    """Every public name of the stub is in the statement, and every number comes with a unit."""
    statement = subject.statement
    tree = subject.tree(subject.exercise.stub)
    code = " ".join(re.findall(r"`[^`]+`|^ {4}.+$|\*\w+\*", statement.text, re.MULTILINE))
    blocks = re.split(r"\n\s*\n|\n(?=- |\|)", statement.text)
    for name, node in top_level(tree):
        if not is_given_protocol(node) and not _says(code, name):
            kind = "error" if _is_error(node) else "name"
            yield _unsaid(
                subject,
                node.lineno,
                f"the public {kind} {name}",
                "say what it is for" if kind == "name" else "say when it is raised",
            )
        for member, line in _members(node):
            if not _says(code, member):
                yield _unsaid(subject, line, f"{name}.{member}", "say what it means")
        for owner, function in public_functions(name, node):
            for argument in [*function.args.args, *function.args.kwonlyargs]:
                if argument.annotation is not None and NUMBERS.search(ast.unparse(argument.annotation)):
                    yield from _unit(subject, blocks, argument.arg, argument.lineno, f"{argument.arg} of {owner}")
        if isinstance(node, ast.ClassDef):
            for field in node.body:
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and NUMBERS.search(ast.unparse(field.annotation))
                ):
                    yield from _unit(subject, blocks, field.target.id, field.lineno, f"{name}.{field.target.id}")


def _unit(subject: Subject, blocks: list[str], name: str, line: int, what: str) -> Iterator[Finding]:
    mentions = [block for block in blocks if _says(block, name)]
    if not any(UNITS.search(block) for block in mentions):
        yield _unsaid(
            subject,
            line,
            f"the unit of {what}" if mentions else what,
            "say what it means and in which unit it is counted",
        )


def _unsaid(subject: Subject, line: int, what: str, todo: str) -> Finding:
    return subject.finding(
        subject.exercise.stub, line, f"the statement does not give {what}", f"{todo}, in {subject.statement.path.name}"
    )


def _says(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _is_error(node: ast.AST) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        ast.unparse(base).endswith(("Exception", "Error")) for base in node.bases
    )


def _members(node: ast.AST) -> Iterator[tuple[str, int]]:
    """The public methods and fields of a class."""
    if isinstance(node, ast.ClassDef):
        for member in node.body:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and not member.name.startswith("_"):
                yield member.name, member.lineno
            elif (
                isinstance(member, ast.AnnAssign)
                and isinstance(member.target, ast.Name)
                and not member.target.id.startswith("_")
            ):
                yield member.target.id, member.lineno


def discussion(subject: Subject) -> Iterator[Finding]:
    """The debrief has its sections, and three follow-ups with answers."""
    path = subject.discussion
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Blocked("discussion.md cannot be read", "layout") from None
    parts = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    for section in SECTIONS:
        found = [body for heading, body in parts.items() if section.casefold() in heading.casefold()]
        if not any(body.strip() for body in found):
            yield subject.finding(
                path,
                None,
                f"there is nothing under a heading with `{section}`",
                f"write the section `## {section}`",
                missing=True,
            )
    follow_ups = next((body for heading, body in parts.items() if heading.startswith("Follow-ups")), "")
    answered = [
        item
        for item in re.split(r"^\d+\. ", follow_ups, flags=re.MULTILINE)[1:]
        if len(re.findall(r"[.?!:](?:\*|\s|$)", item)) >= 2
    ]
    if len(answered) < LEAST_FOLLOW_UPS:
        what = f"{len(answered)} follow-ups have an answer, and at least {LEAST_FOLLOW_UPS} should"
        yield subject.finding(
            path, "## Follow-ups", what, "number them, and answer each after the question", missing=True
        )


def suite(subject: Subject) -> Iterator[Finding]:
    """The suite can be run, and its points are the manifest's."""
    exercise = subject.exercise
    try:
        card = subject.stub_card()
    except GraderFailed as error:
        text = str(error)
        place = re.search(r"(\w+\.py):(\d+)", text)
        path = exercise.suite / place[1] if place else exercise.suite / "__init__.py"
        yield subject.finding(
            path,
            int(place[2]) if place else None,
            text.rstrip("."),
            f"mend the suite; `burnin grade --reference {exercise.name}{exercise.option}` says the same",
        )
        return
    for stage, wanted in zip(card.stages, exercise.manifest.stages, strict=True):
        if stage.possible != wanted.points:
            what = f"the properties of stage {stage.number} are worth {stage.possible} points, and {exercise.manifest_path.name} says {wanted.points}"
            paths = [
                path
                for path in sorted(exercise.suite.glob("test_*.py"))
                if subject.line(path, f"stage={stage.number},")
            ]
            path = paths[0] if paths else exercise.suite / "__init__.py"
            yield subject.finding(
                path, f"stage={stage.number},", what, "change `points` of a property, or of the stage"
            )


def rules(subject: Subject) -> Iterator[Finding]:
    """Every rule has a property, and every property a rule."""
    card, so_far = subject.listed, set[str]()
    for stage in subject.statement.stages:
        so_far |= {rule.name for rule in stage.rules}
        here = [found for each in card.stages if each.number == stage.number for found in each.properties]
        for rule in stage.rules:
            if rule.name not in {found.rule for found in here}:
                what = f"no property of stage {stage.number} checks the rule `{rule.name}`"
                yield subject.finding(
                    subject.statement.path, rule.line, what, f'write one with rule="{rule.name}", or take the rule out'
                )
        for found in here:
            if found.rule not in so_far:
                path, text = subject.property_place(found.id)
                what = f"{found.id} checks the rule `{found.rule}`, which the statement does not have up to stage {stage.number}"
                todo = f"begin a list item of the statement with `- **{found.rule}.**`, or name the rule that it checks"
                yield subject.finding(path, text, what, todo)
    for name in sorted({rule.name for rule in subject.statement.rules}):
        for stage in subject.statement.stages:
            if sum(rule.name == name for rule in stage.rules) > 1:
                yield subject.finding(
                    subject.statement.path,
                    f"**{name}.**",
                    f"stage {stage.number} has two rules named `{name}`",
                    "give each its own name",
                )


GATES = (
    Gate("layout", "The exercise has every file that one has", layout),
    Gate("stages", "Headings and manifest agree, the stages sum to 100 points, and each has an example", stages),
    Gate("names", "The statement specifies every public name and error of the stub, and gives units", names),
    Gate("discussion", "The debrief has its sections, and three follow-ups with answers", discussion),
    Gate("suite", "The suite can be run, and its points are the manifest's", suite),
    Gate("rules", "Every rule of the statement has a property, and every property a rule", rules),
)
