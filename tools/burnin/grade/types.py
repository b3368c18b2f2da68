"""The types line of a scorecard: `mypy --strict` on the submission alone, beside the judges.

No configuration counts: no file, no environment, and none in the submission's text either. A comment that would switch the
check off for the whole file (`# mypy: ...`, or `# type: ignore` before the first statement) is blanked in the copy that
mypy reads and is reported as a problem at its line, because "clean" is to mean the same for everyone. `# type: ignore`
at one line is ordinary use, and strict mode already complains about one that is not needed.

mypy only reads the submission; it never runs it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
import tokenize
from pathlib import Path
from typing import Any, Self

from burnin.scorecard import TypeCheck, TypeProblem

__all__ = ["MAX_MESSAGE", "MAX_PROBLEMS", "TypeChecker"]

MAX_PROBLEMS = 50
MAX_MESSAGE = 500
"""Characters of one message."""
PATIENCE = 120.0
"""Real seconds for the whole check. Its limit on processor time ends it sooner, so that a busy machine does not change the result."""

_MAX_OUTPUT = 16 << 20
_CONFIG = re.compile(r"# mypy: .*")
_IGNORE_FILE = re.compile(r"#\s*type:\s*ignore")


class TypeChecker:
    """Checks the file `copy` in the background from `__enter__` on; `result` waits for it, `__exit__` ends it."""

    def __init__(self, copy: Path) -> None:
        self._copy = copy
        self._switches: list[TypeProblem] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._cleanup = contextlib.ExitStack()
        self._deadline = 0.0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            home = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="burnin-types-", ignore_cleanup_errors=True))
            )
            text, self._switches = _without_switches(self._copy.read_text("utf-8-sig", "replace"))
            source = home / "source" / self._copy.name
            source.parent.mkdir()
            source.write_text(text, "utf-8")
            self._output = stack.enter_context(tempfile.TemporaryFile())
            checker = Path(__file__).with_name("checker.py")
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(checker), source.name, str(_shared()), str(home / "cache")],
                cwd=source.parent,
                env=_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # one group, killed as a whole, that Ctrl-C does not reach by itself
            )
            stack.callback(_kill, self._process)
            self._deadline = time.monotonic() + PATIENCE
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def wait(self, seconds: float) -> bool:
        """Wait so long at most; whether the result is there."""
        assert self._process is not None, "enter the checker first"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.returncode is not None or time.monotonic() > self._deadline

    def result(self) -> TypeCheck:
        """What mypy found: problems in the order of their lines. `unknown` if mypy failed or met a limit; raises nothing."""
        assert self._process is not None, "enter the checker first"
        try:
            code = self._process.wait(max(0.0, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return TypeCheck("unknown", [], f"mypy did not finish within {PATIENCE:.0f} seconds.")
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return TypeCheck("unknown", [], "mypy met its limit on processor time or memory.")
        self._output.seek(0)
        found = _parse(self._output.read(_MAX_OUTPUT), self._copy.name)
        if code not in (0, 1, 2) or (code == 2 and not found):
            return TypeCheck("unknown", [], "mypy failed on this submission.")
        return _check([*self._switches, *found])

    @staticmethod
    def skipped() -> TypeCheck:
        """The result for a submission whose types are not checked: it cannot be read, or they are not asked for."""
        return TypeCheck("unknown", [], "The types were not checked.")


def _check(problems: list[TypeProblem]) -> TypeCheck:
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.code, problem.message))
    left_out = len(ordered) - MAX_PROBLEMS
    note = f"{left_out} more problems are not listed." if left_out > 0 else ""
    return TypeCheck("problems" if ordered else "clean", ordered[:MAX_PROBLEMS], note)


def _parse(output: bytes, name: str) -> list[TypeProblem]:
    """The errors that mypy's JSON lines report for this file. Its notes, as of `reveal_type`, are no problems."""
    problems = []
    for line in output.splitlines():
        try:
            found: Any = json.loads(line)
            if found["severity"] == "error" and found["file"] == name:
                # a literal type may hold surrogates, which JSON could not write
                message = str(found["message"])[:MAX_MESSAGE].encode("utf-8", "replace").decode()
                problems.append(TypeProblem(int(found["line"]), message, str(found["code"] or "")))
        except (ValueError, KeyError, TypeError):
            continue  # not a message: mypy's last words, or a line that was cut off
    return problems


def _without_switches(text: str) -> tuple[str, list[TypeProblem]]:
    """The source without the comments that configure mypy for the whole file, line for line, and a problem for each."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    problems = []
    for index in sorted(_file_ignores("\n".join(lines)) | {i for i, line in enumerate(lines) if _CONFIG.match(line)}):
        message = f"`{lines[index].strip()}` does not count here: the whole file is checked strictly."
        problems.append(TypeProblem(index + 1, message[:MAX_MESSAGE], "inline-config"))
        lines[index] = "#"
    return "\n".join(lines), problems


def _file_ignores(text: str) -> set[int]:
    """The lines, from 0, of the `# type: ignore` comments before the first statement."""
    found = set()
    with contextlib.suppress(tokenize.TokenError, SyntaxError):  # mypy will say what is wrong
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT and _IGNORE_FILE.match(token.string):
                found.add(token.start[0] - 1)
            elif token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE):
                break
    return found


def _environment(home: Path) -> dict[str, str]:
    """No MYPYPATH, MYPY_CACHE_DIR, PYTHONPATH and the like; HOME stays, for packages that the user installed there."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(home)}


def _shared() -> Path:
    """The folder of this user's primed caches; one that cannot be written if there is no place for it."""
    for folder in (_cache_home() / "burnin" / "mypy", Path(tempfile.gettempdir(), f"burnin-mypy-{os.getuid()}")):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = folder.lstat()
            # a temp folder is everybody's: what another user put there is not trusted
            if stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and os.access(folder, os.W_OK | os.X_OK):
                return folder
    return Path(os.devnull)


def _cache_home() -> Path:
    """The user's folder for caches (XDG Base Directory Specification: a relative path is ignored)."""
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # no HOME, and no entry in the password file
        return Path(os.devnull)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
