"""`mypy --strict` on a submission: what counts, what does not, and that nothing is run or left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from burnin.grade import types as checking
from burnin.grade.types import MAX_MESSAGE, MAX_PROBLEMS, TypeChecker
from burnin.scorecard import TypeCheck


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for this test run, so that it neither needs nor changes the user's."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def private_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


def check(folder: Path, source: str | bytes, name: str = "toy.py") -> TypeCheck:
    path = folder / name
    path.write_bytes(source.encode() if isinstance(source, str) else source)
    with TypeChecker(path) as checker:
        return checker.result()


def lines(found: TypeCheck) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in found.problems]


def test_clean(tmp_path: Path) -> None:
    assert check(tmp_path, "def double(x: int) -> int:\n    return 2 * x\n") == TypeCheck("clean")


def test_strict_problems_by_line(tmp_path: Path) -> None:
    found = check(tmp_path, 'x: int = ""\n\n\ndef f(a):\n    return a\n')
    assert found.status == "problems"
    assert lines(found) == [(1, "assignment"), (4, "no-untyped-def")]


def test_a_note_is_no_problem(tmp_path: Path) -> None:
    assert check(tmp_path, "reveal_type(1)\n") == TypeCheck("clean")


def test_syntax_error(tmp_path: Path) -> None:
    found = check(tmp_path, "def f(:\n")
    assert found.status == "problems"
    assert (1, "syntax") in lines(found)


def test_an_ignore_at_one_line_is_ordinary(tmp_path: Path) -> None:
    assert check(tmp_path, 'x: int = ""  # type: ignore[assignment]\n').status == "clean"


@pytest.mark.parametrize(
    "switch",
    [
        "# mypy: ignore-errors",
        "# mypy: disable-error-code=assignment",
        "# type: ignore",
        "#type:ignore # because",
        "# a remark\n# type: ignore",
    ],
)
def test_switching_the_check_off_is_itself_a_problem(tmp_path: Path, switch: str) -> None:
    at = switch.count("\n") + 1
    found = check(tmp_path, f'{switch}\nx: int = ""\n')
    assert lines(found) == [(at, "inline-config"), (at + 1, "assignment")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_however_its_lines_end(tmp_path: Path, end: str, mark: bytes) -> None:
    source = '# type: ignore\n# mypy: ignore-errors\nx: int = ""\n'.replace("\n", end)
    found = check(tmp_path, mark + source.encode())
    assert lines(found) == [(1, "inline-config"), (2, "inline-config"), (3, "assignment")]


def test_no_configuration_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relaxed = "[mypy]\nignore_errors = True\n"
    for name in ("mypy.ini", ".mypy.ini", "setup.cfg"):
        (tmp_path / name).write_text(relaxed)
    (tmp_path / "pyproject.toml").write_text("[tool.mypy]\nignore_errors = true\n")
    (tmp_path / "helper.py").write_text("VALUE: int = 1\n")
    home = tmp_path / "home"
    (home / ".config" / "mypy").mkdir(parents=True)
    (home / ".config" / "mypy" / "config").write_text(relaxed)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MYPYPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = check(tmp_path, 'import helper\n\nx: int = ""\n')
    assert lines(found) == [(1, "import-not-found"), (3, "assignment")]


def test_the_submission_is_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    check(tmp_path, f"from pathlib import Path\n\nPath({str(trace)!r}).touch()\n")
    assert not trace.exists()


def test_files_of_one_size_and_time_are_told_apart(tmp_path: Path) -> None:
    wrong, right = "x: int = ''\n", "x: int = 10\n"
    assert len(wrong) == len(right)
    assert [check(tmp_path, source).status for source in (right, wrong, right)] == ["clean", "problems", "clean"]


def test_problems_are_capped_and_in_order(tmp_path: Path) -> None:
    long = "a" * 2 * MAX_MESSAGE
    found = check(tmp_path, "".join(f"x{i}: {long} = {i}\n" for i in range(MAX_PROBLEMS + 3)))
    assert [problem.line for problem in found.problems] == list(range(1, MAX_PROBLEMS + 1))
    assert {len(problem.message) for problem in found.problems} == {MAX_MESSAGE}
    assert found.note == "3 more problems are not listed."


def test_surrogates_in_a_message_can_be_written(tmp_path: Path) -> None:
    found = check(tmp_path, 'from typing import Literal\n\nx: Literal["\\ud800"] = 3\n')
    assert lines(found) == [(3, "assignment")]
    assert found.problems[0].message.encode()


def test_no_path_is_told(tmp_path: Path) -> None:
    found = check(tmp_path, "import nowhere\nfrom . import sibling\nx: int = ''\n")
    assert found.problems
    assert not any("/" in problem.message for problem in found.problems)


def test_mypy_that_fails_gives_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, tmp_path, "raise SystemExit(3)")
    assert check(tmp_path, "x = 1\n") == TypeCheck("unknown", [], "mypy failed on this submission.")


def test_a_source_that_breaks_mypy_gives_no_result(tmp_path: Path) -> None:
    assert check(tmp_path, "x = " + "+".join("1" * 30_000)) == TypeCheck(
        "unknown", [], "mypy failed on this submission."
    )


def test_a_limit_gives_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)")
    assert check(tmp_path, "x = 1\n") == TypeCheck("unknown", [], "mypy met its limit on processor time or memory.")


def test_patience_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stands_in(monkeypatch, tmp_path, "import time; time.sleep(1000)")
    monkeypatch.setattr(checking, "PATIENCE", 0.0)
    assert check(tmp_path, "x = 1\n") == TypeCheck("unknown", [], "mypy did not finish within 0 seconds.")


def test_leaving_kills_it_and_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    child = f"import time; pipe = open({str(pipe)!r}, 'wb', 0); pipe.write(b'up'); time.sleep(1000)"
    stands_in(monkeypatch, tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    path = tmp_path / "toy.py"
    path.write_text("x = 1\n")
    with TypeChecker(path) as checker:
        reader = pipe.open("rb", 0)
        assert reader.read(2) == b"up"
        assert checker.skipped().status == "unknown"
    with reader:
        assert reader.read() == b""  # comes when the last writer has ended


def test_nothing_is_left_in_the_temp_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    assert check(tmp_path, "x = 1\n").status == "clean"
    assert list(temp.iterdir()) == []


def test_the_shared_cache_holds_no_submission(cache: Path, tmp_path: Path) -> None:
    check(tmp_path, "very_telling_name = 1\n", "telling.py")
    (primed,) = (cache / "burnin" / "mypy").iterdir()
    kept = b"".join(path.read_bytes() for path in primed.rglob("*") if path.is_file())
    assert b"threading" in kept
    assert b"telling" not in kept


def test_without_a_place_for_the_cache_it_still_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "a file"
    nowhere.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert checking._shared() == tmp_path / f"burnin-mypy-{os.getuid()}"
    monkeypatch.setattr(checking, "_shared", lambda: Path(os.devnull))
    assert check(tmp_path, 'x: int = ""\n').status == "problems"


def test_a_cache_that_is_another_users_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    monkeypatch.setattr("os.getuid", lambda: 123_456_789)
    assert checking._shared() == Path(os.devnull)


@pytest.mark.parametrize("given", ["", "relative/cache"])
def test_the_default_cache_is_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checking._shared() == tmp_path / ".cache" / "burnin" / "mypy"


def stands_in(monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
    """Let this code run in the place of the checker."""
    checker = folder / "stand_in.py"
    checker.write_text(code)
    popen = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return popen([*command[:2], str(checker)], **options)  # type: ignore[call-overload, no-any-return]  # passed through

    monkeypatch.setattr("subprocess.Popen", start)
