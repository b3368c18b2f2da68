"""Public signatures: what the stub shows is what the solutions have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from burnin.contribute.finding import Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.subject import Subject
from burnin.contribute.syntax import parse

__all__ = ["GATES", "YOURS", "is_given_protocol", "public_functions", "top_level"]

YOURS = "# ---- yours"
"""The comment of a stub after which everything is the candidate's; what comes before is given, and stays as it is."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def top_level(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """The public classes and functions of a module."""
    for node in tree.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and not node.name.startswith("_"):
            yield node.name, node


def public_functions(name: str, node: Definition) -> Iterator[tuple[str, Function]]:
    """A function, or the methods of a class that a caller may use, with their full names. Special methods count."""
    if not isinstance(node, ast.ClassDef):
        yield name, node
        return
    for member in node.body:
        if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)):
            special = member.name.startswith("__") and member.name.endswith("__")
            if special or not member.name.startswith("_"):
                yield f"{name}.{member.name}", member


def is_given_protocol(node: Definition) -> bool:
    """Whether it only types what a candidate is given."""
    return isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("Protocol") for base in node.bases)


def signatures(subject: Subject) -> Iterator[Finding]:
    """The reference and each alternate have the stub's public signatures. What else a solution defines is its own business."""
    stub = subject.exercise.stub
    tree = subject.tree(stub)
    yours = subject.line(stub, YOURS) or 0
    for path in [subject.exercise.reference, *subject.exercise.alternates]:
        if path.is_file():
            yield from _compared(subject, path, tree, yours)


def _compared(subject: Subject, path: Path, stub: ast.Module, yours: int) -> Iterator[Finding]:
    found = dict(top_level(subject.tree(path)))
    wanted = dict(top_level(stub))
    for name, node in wanted.items():
        if name not in found:
            yield subject.finding(
                path, None, f"it has no {name}, which the stub has", f"define {name} as the stub does"
            )
        elif node.lineno < yours:
            if _bare(node) != _bare(found[name]):
                yield subject.finding(
                    path,
                    found[name].lineno,
                    f"{name} is given in the stub and is not the same here",
                    "copy it from the stub",
                )
        else:
            yield from _definition(subject, path, name, node, found[name])


def _definition(subject: Subject, path: Path, name: str, stub: Definition, here: Definition) -> Iterator[Finding]:
    wanted, found = dict(public_functions(name, stub)), dict(public_functions(name, here))
    for full, function in wanted.items():
        if full not in found:
            if not function.name.startswith("__"):
                yield subject.finding(
                    path, here.lineno, f"it has no {full}, which the stub has", f"define {full} as the stub does"
                )
        elif signature(function) != signature(found[full]):
            what = f"{full} is `{signature(found[full])}`, and in the stub `{signature(function)}`"
            yield subject.finding(path, found[full].lineno, what, "make the two the same")
    if isinstance(stub, ast.ClassDef):
        names = {
            getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
            for node in ast.walk(here)
        }
        for field in stub.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id not in names:
                yield subject.finding(
                    path,
                    here.lineno,
                    f"it has no {name}.{field.target.id}, which the stub has",
                    "give it this attribute",
                )


def signature(function: Function) -> str:
    """A function's signature as one would write it, with its decorators that matter to a caller."""
    decorators = "".join(
        f"@{ast.unparse(one)} "
        for one in function.decorator_list
        if ast.unparse(one) in ("property", "staticmethod", "classmethod")
    )
    generates = any(
        isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(function)
    )  # calling it awaits nothing
    kind = "async def" if isinstance(function, ast.AsyncFunctionDef) and not generates else "def"
    returns = f" -> {ast.unparse(function.returns)}" if function.returns is not None else ""
    return f"{decorators}{kind} {function.name}({ast.unparse(function.args)}){returns}"


def _own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function's body without those of functions in it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _bare(node: Definition) -> str:
    """A definition without its docstrings."""
    copy = parse(ast.unparse(node))
    for part in ast.walk(copy):
        if (
            isinstance(part, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
            and ast.get_docstring(part) is not None
        ):
            part.body = part.body[1:] or [ast.Expr(ast.Constant(...))]
    return ast.dump(copy)


GATES = (Gate("signatures", "Stub, reference and alternates have the same public signatures", signatures),)
