"""One grader, many submissions: each result is what a grader of its own would give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from small_library import REFERENCE, STUB, SUITE, WRONG, SmallLibrary, results, statuses

from burnin.grade import Abandoned, Grader, Options
from burnin.scorecard import PropertyResult, Scorecard

pytestmark = pytest.mark.usefixtures("no_types")
QUICK = Options(effort="quick")


@pytest.fixture
def grader(small_library: SmallLibrary) -> Iterator[Grader]:
    with Grader(small_library.exercise, jobs=2) as found:
        yield found


def written(folder: Path, text: str) -> Path:
    path = folder / "handed_in.py"
    path.write_text(text)
    return path


def without_seconds(card: Scorecard) -> Scorecard:
    return msgspec.structs.replace(card, seconds=0.0)


def test_what_came_before_does_not_matter(small_library: SmallLibrary, grader: Grader, tmp_path: Path) -> None:
    texts = [WRONG, REFERENCE, STUB, "syntax error", "import os; os._exit(3)", WRONG, REFERENCE]
    for text in texts:
        card = grader.grade(written(tmp_path, text), QUICK)
        assert without_seconds(card) == without_seconds(small_library.grade(text))


def test_seed_and_effort_are_those_of_each_grade(grader: Grader, tmp_path: Path) -> None:
    path = written(tmp_path, WRONG)
    for options in (Options(effort="quick", seed=3), Options(effort="standard", seed=0)):
        card = grader.grade(path, options)
        assert (card.effort, card.seed) == (options.effort, options.seed)


def test_a_grade_can_begin_with_what_matters_now(small_library: SmallLibrary, tmp_path: Path) -> None:
    heard: list[str] = []
    with Grader(small_library.exercise, jobs=1) as grader:
        first = grader.grade(written(tmp_path, WRONG), QUICK)
        options = Options(effort="quick", first=("reports",))
        card = grader.grade(written(tmp_path, WRONG), options, lambda result, *_: heard.append(result.id))
    assert heard[0] == "reports"
    assert without_seconds(card) == without_seconds(first)


def test_a_grade_can_stop_at_the_first_failure(small_library: SmallLibrary, tmp_path: Path) -> None:
    options = Options(effort="quick", until_failure=True, first=("refuses",))
    with Grader(small_library.exercise, jobs=1) as grader:
        card = grader.grade(written(tmp_path, WRONG), options)
        assert statuses(card) == {"adds": "passed", "refuses": "failed", "reports": "not_attempted"}
        assert grader.grade(written(tmp_path, REFERENCE), options).score == 100


def test_a_failure_can_be_left_as_it_was_found(small_library: SmallLibrary, grader: Grader, tmp_path: Path) -> None:
    path = written(tmp_path, WRONG)
    found = grader.grade(path, Options(effort="quick", shrink=False))
    smallest = grader.grade(path, QUICK)
    assert statuses(found) == statuses(smallest)
    large, small = (results(card)["refuses"].counterexample for card in (found, smallest))
    assert large is not None
    assert small is not None
    assert len(str(large.script)) > len(str(small.script))


def test_a_failure_is_checked_again_by_its_own_script(grader: Grader, tmp_path: Path) -> None:
    failed = results(grader.grade(written(tmp_path, WRONG), QUICK))["refuses"]
    again = grader.recheck(written(tmp_path, WRONG), failed)
    assert again == failed
    assert grader.recheck(written(tmp_path, REFERENCE), failed).status == "passed"
    assert grader.recheck(written(tmp_path, STUB), failed).status == "not_attempted"
    assert grader.recheck(written(tmp_path, "syntax error"), failed).status == "crashed"


def test_what_has_no_script_cannot_be_checked_again(grader: Grader, tmp_path: Path) -> None:
    passed = results(grader.grade(written(tmp_path, REFERENCE), QUICK))["refuses"]
    with pytest.raises(ValueError, match="refuses has no script"):
        grader.recheck(written(tmp_path, WRONG), passed)


def test_a_grade_can_be_abandoned_however_long_the_submission_takes(small_library: SmallLibrary) -> None:
    path = small_library.submission(REFERENCE.replace("self.total += number", "while True: pass"))
    with Grader(small_library.exercise, jobs=1) as grader:
        timer = threading.Timer(0.5, grader.abandon)
        timer.start()
        with pytest.raises(Abandoned):
            grader.grade(path, Options())
    timer.join()
    grader.abandon()  # of a grader that is closed: nothing


def test_a_failure_is_told_before_its_smallest_play_is_looked_for(small_library: SmallLibrary, grader: Grader) -> None:
    heard: list[tuple[str, PropertyResult]] = []
    grader.grade(
        small_library.submission(WRONG),
        QUICK,
        lambda result, stage, of: heard.append(("judged", result)),
        lambda result, stage: heard.append((f"failing in stage {stage}", result)),
    )
    (first, met), (second, judged) = [(what, result) for what, result in heard if result.id == "refuses"]
    assert (first, met.status, second, judged.status) == ("failing in stage 1", "failed", "judged", "failed")
    assert [what for what, _ in heard].count("judged") == 3
    assert met.counterexample is not None
    assert judged.counterexample is not None
    assert len(str(met.counterexample.script)) > len(str(judged.counterexample.script))


def test_a_grade_in_a_hurry_has_the_same_score_and_not_the_smallest_play(
    small_library: SmallLibrary, grader: Grader
) -> None:
    slow = WRONG.replace("        if self.total", "        for _ in range(1_000_000): pass\n        if self.total")
    hurried = grader.grade(small_library.submission(slow), QUICK, None, lambda failing, stage: grader.hurry())
    smallest = grader.grade(small_library.submission(WRONG), QUICK)
    assert statuses(hurried) == statuses(smallest)
    large, small = (results(card)["refuses"].counterexample for card in (hurried, smallest))
    assert large is not None
    assert small is not None
    assert len(str(large.script)) > len(str(small.script))


def test_what_fails_at_a_glance_is_judged_first(small_library: SmallLibrary, tmp_path: Path) -> None:
    heard: list[str] = []
    path = written(tmp_path, WRONG)
    with Grader(small_library.exercise, jobs=1) as grader:
        plain = grader.grade(path, QUICK)
        card = grader.grade(
            path,
            Options(effort="quick", glance=25, first=("reports",)),
            lambda result, *_: heard.append(f"judged {result.id}"),
            lambda result, stage: heard.append(f"failing {result.id} in stage {stage}"),
        )
    assert heard[0] == "failing refuses in stage 1"
    assert heard.index("judged refuses") < heard.index("judged reports")
    assert without_seconds(card) == without_seconds(plain)


@pytest.mark.parametrize("text", [REFERENCE, STUB, WRONG, "syntax error", "import os; os._exit(3)"])
def test_a_glance_changes_no_result(small_library: SmallLibrary, grader: Grader, tmp_path: Path, text: str) -> None:
    card = grader.grade(written(tmp_path, text), Options(effort="quick", glance=3))
    assert without_seconds(card) == without_seconds(small_library.grade(text))


@pytest.mark.parametrize("plays", [1, 7, 25])
@pytest.mark.parametrize("strays", [False, True])
def test_how_a_grade_goes_changes_nothing_for_what_remembers_its_plays(
    small_library: SmallLibrary, tmp_path: Path, plays: int, strays: bool
) -> None:
    """In each worker the submission adds wrong in a few plays, and does not refuse in some later ones, whatever is played."""
    if strays:  # a check that plays a script of its own after that of the batch
        stray = SUITE.replace("for call, fits, total in", "play(ASIDE)\n    for call, fits, total in")
        small_library.add("test_counter.py", stray.replace("SCRIPTS =", "ASIDE = script(5, [1])\nSCRIPTS ="))
    when = (4, 6, 10, 12) if strays else (8, 9, 10, 11)
    wrong = REFERENCE.replace("self.total = limit, log, 0", "self.total = limit, log, 0\n        PLAYS.append(self)")
    wrong = wrong.replace("return self.total", f"return self.total + (len(PLAYS) in {when})")
    wrong = wrong.replace("raise Full", "if 14 <= len(PLAYS) <= 20:\n                return 0\n            raise Full")
    path = written(tmp_path, f"PLAYS = []\n{wrong}")
    with Grader(small_library.exercise, jobs=1) as grader:
        plain = grader.grade(path, QUICK)
        glanced = grader.grade(path, Options(effort="quick", glance=plays))
        unshrunk = grader.grade(path, Options(effort="quick", shrink=False))
    assert statuses(plain)["adds"] == "failed"
    assert without_seconds(glanced) == without_seconds(plain)
    assert statuses(unshrunk) == statuses(plain)


@pytest.mark.parametrize(("kept", "workers"), [(1 << 10, 2), (250 << 20, 4)])
def test_a_worker_that_glanced_goes_on_unless_it_is_large(
    small_library: SmallLibrary, tmp_path: Path, kept: int, workers: int
) -> None:
    """Two batches: one is glanced at, for two properties, and one chooses its scripts itself."""
    log = tmp_path / "imports"
    path = written(tmp_path, f"open({str(log)!r}, 'a').write('.')\nKEPT = b'x' * {kept}\n{REFERENCE}")
    with Grader(small_library.exercise, jobs=1, confined=False) as grader:
        card = grader.grade(path, Options(effort="quick", glance=3))
    assert card.score == 100
    assert log.read_text() == "." * workers


def test_a_glance_at_what_hangs_says_so(small_library: SmallLibrary, grader: Grader) -> None:
    heard: list[PropertyResult] = []
    path = small_library.submission(REFERENCE.replace("self.total += number", "while True: pass"))
    card = grader.grade(path, Options(effort="quick", glance=1), None, lambda result, stage: heard.append(result))
    assert {result.status for result in heard} == {"timed_out"}
    assert results(card)[heard[0].id].status == "timed_out"


def test_a_judge_that_is_lost_in_a_glance_is_replaced(small_library: SmallLibrary, tmp_path: Path) -> None:
    kills = "import os, signal\n"
    told = (
        "def judge() -> int:\n    return int(open(f'/proc/{os.getppid()}/stat').read().rpartition(')')[2].split()[1])\n"
    )
    flag = tmp_path / "killed"
    once = f"if not os.path.exists({str(flag)!r}):\n    open({str(flag)!r}, 'w').close()\n    os.kill(judge(), signal.SIGKILL)\n"
    path = written(tmp_path, kills + told + once + REFERENCE)
    with Grader(small_library.exercise, jobs=1, confined=False) as grader:
        card = grader.grade(path, Options(effort="quick", glance=2))
    assert flag.exists()
    assert card.score == 100
