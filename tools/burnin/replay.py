"""Play a script in this very process, so that `breakpoint()` works in the submission; and the replay scripts that do it.

This is the one place where a submission's code and the judge's run in one process. Nothing here is ever part of a score.
"""

from __future__ import annotations

import contextlib
import importlib
import pprint
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from burnin.history import Event, History
from burnin.judge.explore import Batch, Seeded, checked
from burnin.judge.player import conclude
from burnin.judge.promise import Promise, promise_of
from burnin.judge.session import Session
from burnin.judge.story import nicknames, show
from burnin.judge.verdict import Broken, Verdict
from burnin.library import Exercise
from burnin.scorecard import PropertyResult
from burnin.script import Script, script_from_data
from burnin.worker.serve import import_submission, play
from burnin.worker.simulation import current, foreign, threads

__all__ = ["LocalPlayer", "load_suite", "prepare", "replay", "suite_module", "write_replay"]


class LocalPlayer:
    """A `Play` without a worker process: no isolation and no limits, so only for a submission of one's own.

    `on_message(session, message)` hears each message of the play. Call `prepare()` before the submission is imported.
    """

    def __init__(
        self, module: types.ModuleType, on_message: Callable[[Session, Any], None] = lambda session, message: None
    ) -> None:
        self._module = module
        self._on_message = on_message
        self.last: Session | None = None
        self.confined = None
        self.import_problem = None
        self.plays = 0

    def __call__(self, script: Script) -> History:
        self.plays += 1
        self.last = session = Session(script)

        def ask(message: Any) -> Any:
            reply = session.answer(message)
            self._on_message(session, message)
            return reply

        session.answer(play(session.opening(), self._module, ask, guarded=False))
        return conclude(session)

    def memory(self) -> int:
        """None of its own."""
        return 0

    def close(self) -> None:
        """Nothing is held."""


def prepare() -> None:
    """Put clocks, threads and event loops under virtual time, as a worker does; before the submission is imported."""
    current.install()
    threads.install()
    foreign.install()


def load_suite(folder: Path) -> dict[str, Promise]:
    """Import the properties of a hidden suite, and return them by id."""
    found = {}
    for path in sorted(folder.glob("test_*.py")):
        for member in vars(suite_module(folder, path.stem)).values():
            promise = promise_of(member)
            if promise is not None:
                found[promise.id] = promise
    return found


def suite_module(folder: Path, name: str) -> types.ModuleType:
    """Import a module of a hidden suite, as a part of the package `suites`: its own name is the submission's, and it may import from `..shared`.

    One process can import the suites of one library.
    """
    if "suites" not in sys.modules:
        suites = types.ModuleType("suites")
        suites.__path__ = [str(folder.parent)]
        sys.modules["suites"] = suites
    return importlib.import_module(f"suites.{folder.name}.{name}")


_TEMPLATE = '''\
#!{interpreter}
"""Replays the smallest failure of the property {id} in one process: put breakpoint() into the submission and run this file.

{story}
"""

from burnin.replay import replay

SCRIPT = {script}

if __name__ == "__main__":
    raise SystemExit(
        replay(
            submission={submission!r},
            suite={suite!r},
            property_id={id!r},
            script=SCRIPT,
        )
    )
'''


def write_replay(exercise: Exercise, submission: Path, result: PropertyResult, target: Path) -> Path:
    """Write the replay script of a failed property to `target`, which must not exist, and return it.

    Raises `ValueError` if the result has no script to replay.
    """
    found = result.counterexample
    if found is None or found.script is None:
        raise ValueError(f"{result.id} has no script to replay")
    script = pprint.pformat(found.script, width=110, sort_dicts=False)
    text = _TEMPLATE.format(
        interpreter=sys.executable,
        id=result.id,
        story="\n".join(found.story).replace("\\", "\\\\").replace('"""', "'''"),
        script=script,
        submission=str(submission.resolve()),
        suite=str(exercise.suite.resolve()),
    )
    with target.open("x") as file:
        file.write(text)
    target.chmod(0o755)
    return target


def replay(*, submission: str, suite: str, property_id: str, script: Any) -> int:
    """Play the script against the submission in this process, telling each event as it happens, and say how it ends.

    Returns an exit code: 0 if the property holds now, 1 if it is still broken, 2 if the files are not there.
    """
    if not Path(submission).is_file() or not Path(suite).is_dir():
        print(
            f"This replay needs {submission} and the suite in {suite}; grade again and replay from there.",
            file=sys.stderr,
        )
        return 2
    prepare()
    promise = load_suite(Path(suite)).get(property_id)
    if promise is None:
        print(f"The suite has no property {property_id} any more; grade again.", file=sys.stderr)
        return 2
    with _importable(Path(submission).parent):
        module, problem = import_submission(Path(submission), guarded=False)
    if module is None:
        print(f"The submission cannot be imported: {problem}")
        return 1
    told = 0
    chosen = script_from_data(script)
    names = nicknames(chosen)

    def tell(session: Session, _message: Any) -> None:
        nonlocal told
        for event in session.history.events[told:]:
            print(_line(event, names))
        told = len(session.history.events)

    player = LocalPlayer(module, tell)
    try:
        if promise.scripts is not None:
            checked(promise.check, Batch(Seeded(promise.scripts, ""), player), chosen)
        else:  # it chooses its scripts itself: tell this one, and check them all
            player(chosen)
            promise.check(LocalPlayer(module))
    except Verdict as verdict:
        if isinstance(verdict, Broken):
            print(f"\nexpected: {verdict.expected}")
        print(f"got:      {verdict.got if isinstance(verdict, Broken) else verdict}\nwhy:      {promise.title}")
        return 1
    print(f"\n{property_id} holds for this script now.")
    return 0


@contextlib.contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _line(event: Event, names: Mapping[str, str]) -> str:
    who = f"{event.actor}: " if event.actor else ""
    value = "" if event.value is None else f" {show(event.value, names)}"
    return f"{event.t:>8g} s  {who}{event.kind} {event.what}{value}"
