"""Generated mutants: what a mutation tool makes of a reference solution, one small change at a time.

The operators are those of mutmut 3 (a number by its neighbour, `<` by `<=`, `and` by `or`, an argument by None or left out, an assigned
value by None, ...). Three of our own make what they leave out: a statement is removed, a condition is negated, None is returned.

What is left out, because no property could be expected to notice it:

- what comes before `# ---- yours`: it is given, and not the reference's own;
- imports, annotations, decorators, docstrings, `__all__`, type variables and new types;
- assertions, and the text of an exception: the arguments of the call in a `raise`;
- False by None: the two are one in a condition;
- a change after which the module is the same program, or none.
"""

from __future__ import annotations

import ast
import hashlib
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from burnin.contribute.syntax import check_tree, parse
from burnin.library import UserError

try:
    import libcst as cst
    from libcst.metadata import CodeRange, MetadataWrapper, WhitespaceInclusivePositionProvider
    from mutmut.mutation.mutators import mutation_operators
except ModuleNotFoundError:
    raise UserError(
        "Checking an exercise needs mutmut; install it with `pip install -e '.[dev]'` in the clone of Burnin."
    ) from None

__all__ = ["GIVEN_ENDS", "Mutation", "mutations"]

GIVEN_ENDS = "# ---- yours"
"""The comment of a stub, and of its solutions, before which everything is given."""

_TYPE_MAKERS = frozenset({"NewType", "ParamSpec", "TypeVar", "TypeVarTuple"})


@dataclass(frozen=True)
class Mutation:
    """One change of the reference, and the whole module with it."""

    line: int
    """The first line of `before`, from 1."""
    where: str
    """The function or class that it is in, with its full name."""
    before: str
    """The lines that change, with as many lines around them as make this change the only one of its text; dedented."""
    after: str
    """The same lines after the change; dedented."""
    text: str
    """The changed module."""

    @property
    def digest(self) -> str:
        """SHA-256 of the changed module."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def mutations(
    reference: str, remember: Callable[[Callable[[], list[int]]], list[int]] = lambda compute: compute()
) -> list[Mutation]:
    """All mutations of this module's text, in the order of their lines, each program once.

    `remember` may know from before what it is given to compute, which takes most of the time: which of the changed texts are programs.
    Raises `SyntaxError` for what is no Python.
    """
    parse(reference)
    texts = list(_texts(reference))
    return _quoted(reference, [texts[number] for number in remember(lambda: _programs(reference, texts))])


def _programs(reference: str, texts: Sequence[tuple[str, str]]) -> list[int]:
    """The numbers of the texts that are programs other than the reference and than those before them."""
    known = {_program(reference)}
    found = []
    for number, (_, text) in enumerate(texts):
        try:
            program = _program(text)
        except SyntaxError:
            continue  # a keyword argument before a positional one
        if program not in known:
            known.add(program)
            found.append(number)
    return found


def _program(text: str) -> str:
    """The module as its syntax tree, for which places, comments and redundant parentheses do not count."""
    tree = parse(text)
    check_tree(tree)
    return ast.dump(tree)


# ---- making them


def _texts(reference: str) -> Iterator[tuple[str, str]]:
    """Where each change is, and the module with it."""
    wrapper = MetadataWrapper(cst.parse_module(reference))
    ranges = wrapper.resolve(WhitespaceInclusivePositionProvider)
    given = reference.find(GIVEN_ENDS)
    first_line = 1 if given < 0 else reference.count("\n", 0, given) + 2
    finder = _Finder(ranges, first_line)
    wrapper.module.visit(finder)
    starts = [0]
    for line in reference.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for where, node, changed in finder.found:
        span = ranges[node]
        start, end = starts[span.start.line - 1] + span.start.column, starts[span.end.line - 1] + span.end.column
        if reference[start:end] == wrapper.module.code_for_node(node):
            yield where, reference[:start] + wrapper.module.code_for_node(changed) + reference[end:]
        else:  # a block, whose text depends on its indentation: right, but some 40 ms each
            made = wrapper.module.deep_replace(node, changed)
            assert isinstance(made, cst.Module)
            yield where, made.code


class _Finder(cst.CSTVisitor):
    """Walks a module and keeps what the operators make of its nodes."""

    def __init__(self, ranges: object, first_line: int) -> None:
        super().__init__()
        self._ranges, self._first_line = ranges, first_line
        self._names: list[str] = []
        self.found: list[tuple[str, cst.CSTNode, cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if _left_out(node) or (isinstance(node, cst.BaseStatement) and self._is_given(node)):
            return False
        if isinstance(node, (cst.ClassDef, cst.FunctionDef)):
            self._names.append(node.name.value)
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                for changed in operator(node):
                    if not _false_by_none(node, changed):
                        self.found.append((".".join(self._names), node, changed))
        return not (isinstance(node, cst.Raise) and isinstance(node.exc, cst.Call))

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, (cst.ClassDef, cst.FunctionDef)) and not self._is_given(original_node):
            self._names.pop()

    def _is_given(self, node: cst.CSTNode) -> bool:
        span = self._ranges[node]  # type: ignore[index]  # a mapping from nodes; libcst types its values by provider
        assert isinstance(span, CodeRange)
        return span.end.line < self._first_line


def _left_out(node: cst.CSTNode) -> bool:
    """Whether nothing in this node is changed."""
    match node:
        case cst.Annotation() | cst.Decorator() | cst.Import() | cst.ImportFrom() | cst.Assert():
            return True
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
            return True
        case cst.Assign(value=cst.Call(func=cst.Name(value=maker))) if maker in _TYPE_MAKERS:
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
            return True
    return False


def _false_by_none(node: cst.CSTNode, changed: cst.CSTNode) -> bool:
    match node, changed:
        case cst.Call(), cst.Call():
            pairs = zip(node.args, changed.args, strict=False) if len(node.args) == len(changed.args) else ()
            return any(_is_name(old.value, "False") and _is_name(new.value, "None") for old, new in pairs)
        case ((cst.Assign() | cst.AnnAssign()), (cst.Assign() | cst.AnnAssign())):
            return _is_name(node.value, "False") and _is_name(changed.value, "None")
    return False


def _is_name(node: cst.CSTNode | None, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


# ---- our own operators


def _removed_statement(node: cst.Expr | cst.AugAssign | cst.Del | cst.Raise) -> Iterable[cst.CSTNode]:
    """A call for its effect, an augmented assignment, `del` and `raise` by `pass`."""
    if not isinstance(node, cst.Expr) or isinstance(node.value, (cst.Call, cst.Await)):
        yield cst.Pass(semicolon=node.semicolon)


def _nothing_returned(node: cst.Return) -> Iterable[cst.CSTNode]:
    """A returned value by None."""
    if node.value is not None and not _is_name(node.value, "None"):
        yield node.with_changes(value=cst.Name("None"))


def _negated_condition(node: cst.If | cst.While | cst.CompIf) -> Iterable[cst.CSTNode]:
    """A condition by its opposite, where mutmut does not make that of its operator."""
    test = node.test
    match test:
        case cst.UnaryOperation(operator=cst.Not()) | cst.Name(value="True" | "False"):
            return
        case cst.Comparison(comparisons=[cst.ComparisonTarget(operator=operator)]):
            if isinstance(operator, (cst.Equal, cst.NotEqual, cst.Is, cst.IsNot, cst.In, cst.NotIn)):
                return
    inner = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    negated = cst.UnaryOperation(operator=cst.Not(), expression=inner)
    yield node.with_deep_changes(node, test=negated)


OPERATORS: list[tuple[type | tuple[type, ...], Callable[[Any], Iterable[cst.CSTNode]]]] = [
    *mutation_operators,
    ((cst.Expr, cst.AugAssign, cst.Del, cst.Raise), _removed_statement),
    (cst.Return, _nothing_returned),
    ((cst.If, cst.While, cst.CompIf), _negated_condition),
]


# ---- quoting them


def _quoted(reference: str, texts: list[tuple[str, str]]) -> list[Mutation]:
    """The mutations with the lines that tell them apart."""
    old = reference.split("\n")
    spans = [_changed_lines(old, text.split("\n")) for _, text in texts]
    waiting = list(range(len(texts)))
    quotes: dict[int, tuple[str, str]] = {}
    around = 0
    while waiting:
        for number in waiting:
            quotes[number] = _quote(old, texts[number][1].split("\n"), spans[number], around)
        times = Counter(quotes.values())
        waiting = [number for number in waiting if times[quotes[number]] > 1]
        around += 1
    made = [Mutation(spans[number][0] + 1, where, *quotes[number], text) for number, (where, text) in enumerate(texts)]
    return sorted(made, key=lambda it: it.line)


def _changed_lines(old: list[str], new: list[str]) -> tuple[int, int, int]:
    """The first line that differs, from 0, and the ends of what differs in the old and in the new lines."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    same = 0
    while same < min(len(old), len(new)) - start and old[-1 - same] == new[-1 - same]:
        same += 1
    return start, len(old) - same, len(new) - same


def _quote(old: list[str], new: list[str], span: tuple[int, int, int], around: int) -> tuple[str, str]:
    start, old_end, new_end = span
    first = max(0, start - around)
    before, after = old[first : old_end + around], new[first : new_end + around]
    margin = len(_margin([*before, *after]))
    return "\n".join(line[margin:] for line in before), "\n".join(line[margin:] for line in after)


def _margin(lines: list[str]) -> str:
    """The indentation that all of these lines have."""
    text = "\n".join(f"{line.rstrip()}." if line.strip() else "" for line in lines)
    dedented = textwrap.dedent(text)
    first = next((number for number, line in enumerate(text.split("\n")) if line), None)
    if first is None:
        return ""
    whole, rest = text.split("\n")[first], dedented.split("\n")[first]
    return whole[: len(whole) - len(rest)]
