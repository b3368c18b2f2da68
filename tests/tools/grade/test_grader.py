"""A grade from end to end, over a library with one small exercise."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from small_library import REFERENCE, STUB, SUITE, WRONG, SmallLibrary, results, statuses

from burnin.grade import GraderFailed
from burnin.scorecard import PropertyResult, Scorecard

pytestmark = pytest.mark.usefixtures("no_types")

MORE = """
import os
import signal

import pytest
from hypothesis import strategies as st

from burnin.script import Script, Step
from burnin.suite import promise, require

{}
"""


def more(code: str) -> str:
    """A file of the suite."""
    return MORE.format(code)


def promise(name: str, body: str, scripts: str = "None") -> str:
    """A property of stage 2 worth ten points."""
    return f"""
@promise(stage=2, points=10, level="core", rule="More", scripts={scripts})
def test_{name}(play{", script" if scripts != "None" else ""}):
    "The sentence of {name}."
    {body}
"""


def call(function: str) -> str:
    """Call one function of the submission."""
    return f'play(Script(setup=(), actors={{"A": (Step("{function}"),)}}))'


def without_seconds(card: Scorecard) -> Scorecard:
    return msgspec.structs.replace(card, seconds=0.0)


# ---- scores


def test_the_reference_has_all_points(small_library: SmallLibrary) -> None:
    card = small_library.grade(REFERENCE)
    assert (card.score, card.possible, card.problem) == (100, 100, None)
    assert [(stage.number, stage.title, stage.score, stage.possible) for stage in card.stages] == [
        (1, "Count", 60, 60),
        (2, "Report", 40, 40),
    ]
    assert [(result.id, result.title, result.level, result.rule) for result in card.stages[0].properties] == [
        ("adds", "add returns the new total.", "core", "Adding"),
        ("refuses", "add raises Full when the total would pass the limit.", "senior", "Limit"),
    ]
    assert card.suite == small_library.exercise.suite_hash()
    assert card.effort == "quick"


def test_a_suite_may_use_what_suites_share(small_library: SmallLibrary) -> None:
    small_library.share("limits.py", "LEAST = 5\n")
    small_library.add(
        "test_more.py",
        more("from ..shared.limits import LEAST")
        + promise(
            "five", 'require(LEAST == 5, "5"); ' + call("Counter").replace('"Counter"', '"Counter", args=(LEAST, 0)')
        ),
    )
    assert results(small_library.grade(REFERENCE))["five"].status == "passed"
    folder = small_library.exercise.suite
    listing = (
        f"from pathlib import Path; from burnin.replay import load_suite; print(*load_suite(Path({str(folder)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["adds", "refuses", "reports", "five"]


def test_the_stub_has_none_and_nothing_was_attempted(small_library: SmallLibrary) -> None:
    card = small_library.grade(STUB)
    assert card.score == 0
    assert set(statuses(card).values()) == {"not_attempted"}
    assert all(result.counterexample is None for result in results(card).values())


def test_a_mistake_costs_its_property_and_is_told_by_the_smallest_story(small_library: SmallLibrary) -> None:
    card = small_library.grade(WRONG)
    assert (card.score, statuses(card)) == (70, {"adds": "passed", "refuses": "failed", "reports": "passed"})
    shown = results(card)["refuses"].counterexample
    assert shown is not None
    assert shown.story == [
        "Counter(5, log)",
        "     0 s  A: counter.add(6) -> 0",
        "expected: Full",
        "got:      0",
        "why:      add raises Full when the total would pass the limit. (stage 1, Limit)",
    ]
    assert shown.script["actors"] == {"A": [{"do": "add", "on": "counter", "args": [6]}]}
    assert [event["kind"] for event in shown.history] == ["call", "return", "call", "return"]


ALL_WAYS = (
    REFERENCE
    + """
import os

def fine():
    return 1

def leave():
    os._exit(3)

def spin():
    while True:
        pass
"""
)


def test_each_way_to_end_costs_that_property_alone(small_library: SmallLibrary) -> None:
    names = {
        "fine": "passed",
        "leave": "crashed",
        "again": "passed",
        "spin": "timed_out",
        "lacks": "not_attempted",
        "wrong": "failed",
    }
    body = {name: call(name) for name in names} | {
        "again": call("fine"),
        "wrong": f'require({call("fine")} is None, "nothing")',
    }
    small_library.add("test_more.py", more("".join(promise(name, body[name]) for name in names)))
    card = small_library.grade(ALL_WAYS)
    assert statuses(card) == {"adds": "passed", "refuses": "passed", "reports": "passed"} | names
    assert (card.score, card.possible) == (120, 160)
    crashed, timed_out = results(card)["leave"].counterexample, results(card)["spin"].counterexample
    assert crashed is not None
    assert timed_out is not None
    assert crashed.got == "it ended its process with code 3"
    assert crashed.expected == "The sentence of leave."
    assert timed_out.got.startswith("it computed on without giving control back at counter.py:")


def test_only_some_properties_may_be_asked_for(small_library: SmallLibrary) -> None:
    assert statuses(small_library.grade(REFERENCE, only=("refuses",))) == {
        "adds": "not_attempted",
        "refuses": "passed",
        "reports": "not_attempted",
    }


def test_results_are_heard_as_they_come(small_library: SmallLibrary) -> None:
    from burnin.grade import Options, grade

    heard: list[tuple[str, int, int]] = []

    def hear(result: PropertyResult, stage: int, count: int) -> None:
        heard.append((result.id, stage, count))

    grade(small_library.exercise, small_library.submission(REFERENCE), Options(effort="quick", jobs=1), hear)
    assert heard == [("adds", 1, 3), ("refuses", 1, 3), ("reports", 2, 3)]


# ---- the same score


def test_two_judges_and_other_folders_give_the_same_scorecard(
    small_library: SmallLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = without_seconds(small_library.grade(WRONG, jobs=1))
    assert without_seconds(small_library.grade(WRONG, jobs=2)) == first
    other = SmallLibrary(tmp_path / "tests" / "other")
    shutil.copyfile(other.submission(WRONG), tmp_path / "counter.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert without_seconds(other.grade(Path("counter.py"), jobs=2)) == first


def test_another_seed_ends_at_the_same_smallest_failure(small_library: SmallLibrary) -> None:
    one, other = (results(small_library.grade(WRONG, seed=seed))["refuses"].counterexample for seed in (0, 3))
    assert one is not None
    assert other is not None
    assert one.script == other.script  # it is the smallest, from wherever the search began


def test_nothing_of_the_users_has_a_say(small_library: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what pytest would read beside the submission or in the working folder, nor its settings in the environment."""
    path = small_library.submission(WRONG)
    for folder in (path.parent, small_library.root):
        (folder / "conftest.py").write_text("raise SystemExit('the conftest was read')\n")
        (folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")
        (folder / "sitecustomize.py").write_text("raise SystemExit('the sitecustomize was read')\n")
        (folder / "msgspec.py").write_text("raise SystemExit('the msgspec was read')\n")
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--collect-only -k nothing")
    monkeypatch.setenv("PYTEST_PLUGINS", "nothing_of_that_name")
    assert small_library.grade(path).score == 70


# ---- what is left


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this test alone."""
    folder = tmp_path / "temporary files, ü"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_grade_leaves_nothing_behind(small_library: SmallLibrary, temporary: Path, elsewhere: Path) -> None:
    path = small_library.submission(ALL_WAYS + "open('note', 'w').close()\n")
    small_library.add(
        "test_more.py", more(promise("leave", call("leave")) + promise("kill", "os.kill(os.getpid(), signal.SIGKILL)"))
    )
    before = files(small_library.root)
    small_library.grade(path, jobs=2)
    assert list(temporary.iterdir()) == []
    assert list(elsewhere.iterdir()) == []
    assert files(small_library.root) == before


def files(root: Path) -> set[Path]:
    """All but what Python and pytest cache beside a suite."""
    return {path for path in root.rglob("*") if "__pycache__" not in path.parts}


GRADE_IN_A_CHILD = """
import ctypes, os, sys
from pathlib import Path
if os.getuid() == 0:  # root may write anywhere, unless it gives that up for what it starts: PR_CAPBSET_DROP of CAP_DAC_OVERRIDE
    assert ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) == 0
    if sys.argv[-1] != "again":
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], "again"])
root, path = map(Path, sys.argv[1:3])
try:
    (root / "note").touch()
except OSError:
    pass
else:
    raise SystemExit("the library can be written to")
from burnin.grade import Options, grade
from burnin.library import Library
print(grade(Library.find(root, root).exercise("counter"), path, Options(effort="quick", jobs=1)).score)
"""


@pytest.fixture
def read_only(small_library: SmallLibrary) -> Iterator[SmallLibrary]:
    """The library, in folders that nobody may write to."""
    small_library.submission(WRONG)
    folders = [small_library.root, *(path for path in small_library.root.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield small_library
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.skipif(os.getuid() == 0 and sys.platform != "linux", reason="root cannot give its rights up here")
def test_the_library_need_not_be_writable(read_only: SmallLibrary) -> None:
    path = read_only.root / "attempts ß" / "my counter.py"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ran = subprocess.run(
        [sys.executable, "-c", GRADE_IN_A_CHILD, str(read_only.root), str(path)],
        cwd=read_only.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("70\n", "")
    assert not list(read_only.root.rglob("__pycache__"))


# ---- a suite that is wrong


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("test_bad.py", "def f(:\n", "test_bad.py:1: SyntaxError: invalid syntax"),
        ("test_bad.py", "x = 1\n\nx / 0\n", "test_bad.py:3: ZeroDivisionError: division by zero"),
        ("test_bad.py", "import nothing_of_that_name\n", "test_bad.py:1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("test_bad.py", "def test_this():\n    pass\n", "test_bad.py: test_this has no @promise, so it is no property"),
        ("test_bad.py", more(promise("adds", "pass")), "test_counter.py: test_adds has the name of a property in test_bad.py"),
        ("test_bad.py", more(promise("x", "pass")).replace('"core"', '"middling"'), "ValueError: level 'middling'"),
        ("test_bad.py", more(promise("x", "pass")).replace('"The sentence of x."', ""), "ValueError: test_x needs a docstring"),
        ("test_bad.py", more(promise("x", "pass")).replace("stage=2", "stage=3"), "x belongs to stage 3, and exercise.toml has 2"),
        ("test_counter.py", "", "it has no property"),
        ("conftest.py", "import nothing_of_that_name\n", "No module named 'nothing_of_that_name'"),
    ],
    ids=["syntax", "error", "import", "no promise", "name", "level", "docstring", "stage", "empty", "conftest"],
)  # fmt: skip
def test_a_suite_that_cannot_be_run_is_the_graders_failure_with_file_and_reason(
    small_library: SmallLibrary, name: str, text: str, sentence: str
) -> None:
    small_library.add(name, text)
    with pytest.raises(GraderFailed) as caught:
        small_library.grade(REFERENCE)
    assert sentence in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_suite_that_is_not_there_is_the_graders_failure(small_library: SmallLibrary) -> None:
    shutil.rmtree(small_library.exercise.suite)
    with pytest.raises(GraderFailed, match="counter"):
        small_library.grade(REFERENCE)


def test_a_judge_that_leaves_is_the_graders_failure(small_library: SmallLibrary) -> None:
    small_library.add("test_more.py", more(promise("leave", "os._exit(5)")))
    with pytest.raises(GraderFailed, match="A judge ended with code 5"):
        small_library.grade(REFERENCE)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (promise("stumbles", "[][1]"), "test_more.py:15: IndexError: list index out of range"),
        (promise("stumbles", "1 / 0", "st.just(Script(setup=(), actors={}))"), "test_more.py:15: ZeroDivisionError"),
        (promise("stumbles", "pass", "st.integers(5, 1)"), "InvalidArgument"),
        ("@pytest.fixture(autouse=True)\ndef broken():\n    raise OSError('no room')\n" + promise("stumbles", "pass"), "OSError: no room"),
    ],
    ids=["check", "scripts", "strategy", "fixture"],
)  # fmt: skip
def test_a_check_that_stumbles_fails_its_property_and_says_where(
    small_library: SmallLibrary, code: str, reason: str
) -> None:
    small_library.add("test_more.py", more(code))
    card = small_library.grade(REFERENCE)
    assert statuses(card) == {"adds": "passed", "refuses": "passed", "reports": "passed", "stumbles": "failed"}
    shown = results(card)["stumbles"].counterexample
    assert shown is not None
    assert reason in shown.got


def test_what_a_suite_prints_disturbs_nobody(small_library: SmallLibrary, capfd: pytest.CaptureFixture[str]) -> None:
    small_library.add(
        "test_more.py",
        "import os, sys\nprint('{}')\nos.write(1, b'no message\\n')\nsys.__stdout__.write('{}')\n"
        + more(promise("prints", "print('x' * 99); os.write(1, b'y')")),
    )
    assert statuses(small_library.grade(REFERENCE))["prints"] == "passed"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_judge_that_is_killed_costs_the_property_at_hand(small_library: SmallLibrary, jobs: int) -> None:
    """As a submission could that nothing confines, or a system that is out of memory."""
    shared = "SCRIPTS"
    body = f"SCRIPTS = st.just(Script(setup=(), actors={{}}))\n{promise('first', 'pass', shared)}{promise('kill', 'os.kill(os.getpid(), signal.SIGKILL)', shared)}{promise('last', 'pass', shared)}"
    small_library.add("test_more.py", more(body))
    card = small_library.grade(REFERENCE, jobs=jobs)
    expected = dict.fromkeys(["adds", "refuses", "reports", "first", "last"], "passed") | {"kill": "crashed"}
    assert statuses(card) == expected
    shown = results(card)["kill"].counterexample
    assert shown is not None
    assert shown.got == "the judge process was ended by SIGKILL"
    assert card.confinement.backend == small_library.grade(REFERENCE).confinement.backend


def test_the_suites_text_is_what_these_tests_think(small_library: SmallLibrary) -> None:
    """The line numbers above."""
    assert more(promise("stumbles", "[][1]")).splitlines()[14].strip() == "[][1]"
    assert (small_library.exercise.suite / "test_counter.py").read_text() == SUITE


def test_a_grade_that_is_interrupted_ends_its_judges(small_library: SmallLibrary, temporary: Path) -> None:
    from burnin.grade import Options, grade

    def interrupt(result: PropertyResult, stage: int, count: int) -> None:
        raise KeyboardInterrupt

    small_library.add("test_more.py", more(promise("spin", call("spin"))))
    with contextlib.suppress(KeyboardInterrupt):
        grade(small_library.exercise, small_library.submission(ALL_WAYS), Options(effort="quick", jobs=2), interrupt)
    assert list(temporary.iterdir()) == []
