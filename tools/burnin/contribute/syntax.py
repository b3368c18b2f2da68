"""Reading Python in several threads."""

from __future__ import annotations

import ast
import threading

__all__ = ["check_tree", "parse"]

_LOCK = threading.Lock()


def parse(text: str) -> ast.Module:
    """The syntax tree of a module, as `ast.parse` gives it, and with the same errors.

    Gates run in threads, and in Python 3.11 two trees that are made at once can raise SystemError (gh-106905): the depth of
    recursion is counted for the whole interpreter.
    """
    with _LOCK:
        return ast.parse(text)


def check_tree(tree: ast.Module) -> None:
    """Raise `SyntaxError` or `ValueError` for a tree that is no program: `return` outside of a function, say."""
    with _LOCK:
        compile(tree, "tree", "exec", dont_inherit=True)
