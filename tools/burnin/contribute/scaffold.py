"""`new`: a small exercise that works, to be replaced piece by piece.

The files are in `template/`; `@name@`, `@Class@` and `@Title@` in them stand for the exercise's own names.
"""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from burnin.library import Library, UserError

__all__ = ["TEMPLATE", "scaffold"]

TEMPLATE = Path(__file__).parent / "template"
FILES = {
    "exercises/@name@/README.md": "README.md.in",
    "exercises/@name@/draft.toml": "draft.toml.in",
    "exercises/@name@/@name@.py": "stub.py.in",
    "exercises/@name@/test_@name@.py": "samples.py.in",
    "solutions/@name@/@name@.py": "reference.py.in",
    "solutions/@name@/discussion.md": "discussion.md.in",
    "tests/exercises/@name@/world.py": "world.py.in",
    "tests/exercises/@name@/scripts.py": "scripts.py.in",
    "tests/exercises/@name@/expected.py": "expected.py.in",
    "tests/exercises/@name@/test_stage_1.py": "test_stage_1.py.in",
    "tests/exercises/@name@/test_stage_2.py": "test_stage_2.py.in",
    "tests/exercises/@name@/bounds.py": "bounds.py.in",
    "tests/exercises/@name@/answers.py": "answers.py.in",
    "tests/exercises/@name@/mutants.toml": "mutants.toml.in",
}
TAKEN = {
    "exhausted",
    "fake_ledger",
    "ledger",
    "anyio",
    "burnin",
    "conftest",
    "exercises",
    "hypothesis",
    "msgspec",
    "mypy",
    "pytest",
    "shared",
    "suites",
    "tests",
    "trio",
}
"""Names of the miniature itself, and modules that a submission or a suite imports."""


def scaffold(library: Library, name: str) -> list[Path]:
    """Write the draft of a new exercise and return its files. Raises `UserError` if the name cannot be one or is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise UserError(
            f"{name} cannot be a module's name; use small letters, digits and underscores, as in warm_pool."
        )
    if keyword.iskeyword(name):
        raise UserError(f"{name} is a keyword of Python; give the exercise another name.")
    if name in TAKEN or name in sys.stdlib_module_names:
        raise UserError(f"{name} is the name of a module that Python programs import; give the exercise another name.")
    folders = {path.rpartition("/")[0].replace("@name@", name) for path in FILES}
    for folder in sorted(folders):
        if (library.root / folder).exists():
            raise UserError(
                f"There is a folder {folder} already; give the exercise another name, or remove the folder."
            )
    made = name.title().replace("_", "")
    words = {
        "@name@": name,
        "@Class@": made,
        "@Title@": name.replace("_", " ").capitalize(),
        "@imports@": ", ".join(sorted([made, "Exhausted"])),
    }
    written = []
    for target, source in FILES.items():
        path = library.root / _filled(target, words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled((TEMPLATE / source).read_text("utf-8"), words), "utf-8")
        written.append(path)
    package = library.root / "tests" / "exercises" / name / "__init__.py"
    package.write_text(f'"""The hidden suite of {name}."""\n', "utf-8")
    return [*written, package]


def _filled(text: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text
