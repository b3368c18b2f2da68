"""The corpus of cheats: every other module in this folder is one, a whole submission of `warm_pool` that goes for points with a trick.

    python tests/tools/cheats/table.py [NAME...] [--unconfined]

prints the trick and the score of each. A cheat's docstring is the sentence on its trick. It may say in constants:

- `SAFE_UNCONFINED = False`: without confinement it would harm the machine, or read what anybody on this machine may read;
- `SLOW = True`: it waits or computes until a limit stops it, again for each batch of properties;
- `BESIDE = {name: text}`: files that lie beside it when it is handed in.

Cheats are read, never imported: they are made to do harm.
"""

from __future__ import annotations

import argparse
import ast
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from burnin.grade import Options, grade
from burnin.library import Library
from burnin.scorecard import Scorecard

__all__ = ["CHEATS", "Cheat", "corpus", "grade_cheat", "main"]

CHEATS = Path(__file__).parent
EXERCISE = "warm_pool"
LIBRARY = Path(os.environ["BURNIN_LIBRARY"]) if "BURNIN_LIBRARY" in os.environ else None
"""Another library to take the exercise and its suite from, to try a suite before it is changed here."""


@dataclass(frozen=True)
class Cheat:
    """One module of the corpus."""

    name: str
    trick: str
    source: bytes
    safe_unconfined: bool
    slow: bool
    beside: dict[str, str]

    def hand_in(self, folder: Path) -> Path:
        """Write the submission, and what lies beside it, into the folder; returns the submission's path."""
        for name, text in self.beside.items():
            (folder / name).write_text(text)
        path = folder / f"{EXERCISE}.py"
        path.write_bytes(self.source)
        return path


def corpus() -> list[Cheat]:
    """All cheats, by name."""
    return [_read(path) for path in sorted(CHEATS.glob("*.py")) if path != Path(__file__)]


def _read(path: Path) -> Cheat:
    source = path.read_bytes()
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("SAFE_UNCONFINED", "SLOW", "BESIDE")
    }
    return Cheat(
        path.stem,
        (ast.get_docstring(tree) or "").partition("\n")[0],
        source,
        constants.get("SAFE_UNCONFINED", True),
        constants.get("SLOW", False),
        constants.get("BESIDE", {}),
    )


def grade_cheat(
    cheat: Cheat, folder: Path, *, confined: bool, only: tuple[str, ...] = (), shrink: bool = True
) -> Scorecard:
    """Grade the cheat at quick effort, handed in from this folder; `only` on these properties."""
    exercise = Library.find(LIBRARY, CHEATS).exercise(EXERCISE)
    options = Options(effort="quick", jobs=1, confined=confined, only=only, shrink=shrink)
    return grade(exercise, cheat.hand_in(folder), options)


def main(arguments: Sequence[str]) -> int:
    """Print the table; the exit code is 1 if any trick earns a point."""
    parser = argparse.ArgumentParser(prog="cheats", description="Grade the corpus of cheats.")
    parser.add_argument("names", nargs="*", help="only these cheats")
    parser.add_argument("--unconfined", action="store_true", help="grade those that are safe so without confinement")
    asked = parser.parse_args(arguments)
    chosen = [one for one in corpus() if one.name in asked.names or not asked.names]
    if asked.unconfined:
        chosen = [one for one in chosen if one.safe_unconfined]

    def graded(cheat: Cheat) -> Scorecard:
        with tempfile.TemporaryDirectory() as folder:
            return grade_cheat(cheat, Path(folder), confined=not asked.unconfined)

    earned = 0
    width = max((len(one.name) for one in chosen), default=0)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for cheat, card in zip(chosen, pool.map(graded, chosen), strict=True):
            earned += card.score > 0
            print(f"{card.score:>3}  {cheat.name:<{width}}  {cheat.trick}  ({card.seconds:.1f} s)", flush=True)
    print(f"\n{len(chosen)} cheats, {earned} of them with points; the stub scores 0.")
    return 1 if earned else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
