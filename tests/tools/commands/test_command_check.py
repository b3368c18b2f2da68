"""`burnin check` and `burnin new`: what they print, and their exit codes. The gates themselves are tested in `contribute`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from burnin.commands.checking import touched
from burnin.contribute import check as checking
from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.gates import Gate
from burnin.contribute.subject import Subject

from .fakes import Run


def fine(subject: Subject) -> Iterator[Finding]:
    return iter(())


def wrong(subject: Subject) -> Iterator[Finding]:
    if subject.exercise.name == "toy":
        yield Finding("exercises/toy/README.md", 3, "it is <wrong>", "mend it")


def lacking(subject: Subject) -> Iterator[Finding]:
    yield Finding("exercises/toy/README.md", None, "it is not there yet", "write it", missing=True)


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> list[Gate]:
    """Only these gates are run; a test adds to them."""
    gates = [Gate("fine", "All is well", fine)]
    monkeypatch.setattr(checking, "GATES", gates)
    return gates


def test_all_is_well(run: Run, gates: list[Gate]) -> None:
    ran = run("check")
    assert ran.code == 0
    assert ran.out.splitlines()[:2] == ["gate  toy          zoo", "fine  ok           ok"]
    assert ran.out.splitlines()[-1].startswith("2 passed (standard: 2 seeds")


def test_a_failure_says_where_what_and_what_to_do(run: Run, gates: list[Gate]) -> None:
    gates.append(Gate("wrong", "Nothing is wrong", wrong))
    ran = run("check")
    assert ran.code == 1
    assert ran.out.startswith(
        "toy  wrong: Nothing is wrong.  FAILED\n  exercises/toy/README.md:3\n    it is <wrong>.\n    -> mend it.\n"
    )
    assert "wrong  FAILED       ok" in ran.out
    assert ran.err == "toy: wrong failed (1 finding)\n"
    assert run("check", "zoo").code == 0


def test_one_gate_alone(run: Run, gates: list[Gate]) -> None:
    gates.append(Gate("wrong", "Nothing is wrong", wrong))
    ran = run("check", "toy", "--gate", "fine")
    assert ran.code == 0
    assert "wrong" not in ran.out


def test_a_gate_that_was_not_run_because_another_fails_is_no_success(run: Run, gates: list[Gate]) -> None:
    """Though the other one was not asked for; what this machine cannot run is no failure."""

    def waiting(subject: Subject) -> Iterator[Finding]:
        raise Blocked("there are no files", "wrong")

    def elsewhere(subject: Subject) -> Iterator[Finding]:
        raise Blocked("it needs another Python")

    gates += [Gate("waiting", "It waits", waiting), Gate("elsewhere", "It is for others", elsewhere)]
    ran = run("check", "toy", "--gate", "waiting")
    assert ran.code == 1
    assert "there are no files: the gate `wrong` fails, which comes first." in ran.out
    ran = run("check", "toy", "--gate", "elsewhere")
    assert ran.code == 0
    assert "it needs another Python." in ran.out


def test_json_and_markdown(run: Run, gates: list[Gate]) -> None:
    gates.append(Gate("wrong", "Nothing is wrong", wrong))
    ran = run("check", "toy", "--json")
    assert ran.code == 1
    (toy,) = json.loads(ran.out)["exercises"]
    assert [(gate["gate"], gate["status"]) for gate in toy["gates"]] == [("fine", "passed"), ("wrong", "failed")]
    ran = run("check", "--markdown")
    assert ran.code == 1
    assert "| `wrong`: Nothing is wrong | ❌ | ✅ |" in ran.out
    assert "`exercises/toy/README.md:3` (wrong): it is &lt;wrong>. **To do:** mend it." in ran.out


def test_a_draft_may_lack_something(run: Run, root: Path, gates: list[Gate]) -> None:
    gates.append(Gate("lacking", "Everything is there", lacking))
    assert run("check", "toy").code == 1
    (root / "exercises" / "toy" / "exercise.toml").rename(root / "exercises" / "toy" / "draft.toml")
    ran = run("check", "toy")
    assert ran.code == 0
    assert "lacking  in progress" in ran.out
    assert "\ngate     zoo\n" in run("check").out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["check", "tow"], "There is no exercise named tow; did you mean toy?"),
        (["check", "--library", "nowhere"], "nowhere has no folder named exercises"),
        (["check", "--gate", "fame"], "There is no gate named fame; there are fine."),
        (["check", "--changed", "no-such-revision"], "git cannot say what differs from no-such-revision"),
        (["new", "toy"], "There is a folder exercises/toy already"),
        (["new", "My-Exercise"], "My-Exercise cannot be a module's name"),
    ],
)
def test_mistakes_of_the_user(run: Run, gates: list[Gate], args: list[str], sentence: str) -> None:
    ran = run(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"burnin: {sentence}")
    assert ran.err.count("\n") == 1


def test_a_broken_manifest(run: Run, root: Path, gates: list[Gate]) -> None:
    (root / "exercises" / "toy" / "exercise.toml").write_text("title = ")
    ran = run("check")
    assert ran.code == 2
    assert "is not a manifest" in ran.err


def test_a_library_without_exercises(run: Run, tmp_path: Path, gates: list[Gate]) -> None:
    (tmp_path / "empty" / "exercises").mkdir(parents=True)
    ran = run("check", "--library", str(tmp_path / "empty"))
    told = f"burnin: This library has no exercises yet; `burnin new NAME --library {tmp_path / 'empty'}` begins one.\n"
    assert (ran.code, ran.err) == (2, told)


def test_what_a_git_range_touches(run: Run, root: Path, gates: list[Gate]) -> None:
    def git(*args: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args], cwd=root, check=True, capture_output=True
        )

    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "all")
    ran = run("check", "--changed", "main")
    assert (ran.code, ran.out) == (0, "Nothing to check: no exercise differs from main.\n")
    (root / "solutions" / "zoo" / "zoo.py").write_text("# better\n")
    assert "zoo" in run("check", "--changed", "main").out
    assert "toy" not in run("check", "--changed", "main").out
    (root / "pyproject.toml").write_text("")
    assert "toy" in run("check", "--changed", "main").out


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("exercises/toy/README.md", {"toy"}),
        ("solutions/zoo/zoo.py", {"zoo"}),
        ("tests/exercises/zoo/wrong/a.py", {"zoo"}),
        ("tests/exercises/shared.py", {"toy", "zoo"}),
        ("tests/exercises/common/clock.py", {"toy", "zoo"}),
        ("tools/burnin/script.py", {"toy", "zoo"}),
        ("pyproject.toml", {"toy", "zoo"}),
        ("tests/tools/test_plain.py", set()),
        ("README.md", set()),
        ("exercises/gone/README.md", set()),
    ],
)
def test_touched(path: str, found: set[str]) -> None:
    assert touched([path], ["toy", "zoo"]) == found


@pytest.mark.parametrize("made", [True, False])
def test_new_makes_a_library_of_an_empty_folder(run: Run, tmp_path: Path, gates: list[Gate], *, made: bool) -> None:
    folder = tmp_path / "mine"
    if made:
        folder.mkdir()
    here = ("--library", str(folder))
    assert run("new", "class", *here).code == 2
    assert not (folder / "exercises").exists()
    assert run("new", "meter", *here).code == 0
    assert run("check", "meter", *here).code == 0
    assert run("list", *here).code == 0


def test_new_where_nothing_can_be_written(run: Run, root: Path) -> None:
    (root / "mine").write_text("a file")
    ran = run("new", "meter", "--library", "mine")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"burnin: The exercise cannot be written to {root / 'mine'} (Not a directory)")


def test_new_says_the_next_three_steps(run: Run, root: Path) -> None:
    ran = run("new", "my_meter")
    assert (ran.code, ran.err) == (0, "")
    assert "  1. write   exercises/my_meter/README.md" in ran.out
    assert "  2. solve   solutions/my_meter/my_meter.py" in ran.out
    assert "  3. prove   burnin check my_meter\n" in ran.out
    assert "my_meter" not in run("list").out
