"""The scorecard on a screen: what it says, that it fits, and that a submission's text stays text."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import msgspec
import pytest

from burnin.grade.render import ScorecardConsole, Streaming, clean, show_scorecard
from burnin.scorecard import (
    Confinement,
    Counterexample,
    PropertyResult,
    Scorecard,
    StageResult,
    Status,
    Submission,
    TypeCheck,
    TypeProblem,
)

SENTENCE = "The bytes in use never exceed the budget, not even for the moment in which one model replaces another."
HOSTILE = "[red]look[/red] :boom: \x1b[2J\x1b]0;title\x07 \r\n\u202edesrever \ud800"
ESCAPE = "\x1b"


@dataclass
class Screen(io.StringIO):
    """A stand-in for standard output with an encoding of its own."""

    name: str = "utf-8"

    def __post_init__(self) -> None:
        super().__init__()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # StringIO has None
        return self.name


def told(
    name: str, *, possible: int = 5, status: Status = "failed", level: str = "core", title: str = SENTENCE
) -> PropertyResult:
    """A property whose story is one line that names it."""
    story = (
        Counterexample(None, [], "e", "g", [f"story of {name}"])
        if status in ("failed", "timed_out", "crashed")
        else None
    )
    score = possible if status == "passed" else 0
    return PropertyResult(name, title, level, "Budget", status, score, possible, story)  # type: ignore[arg-type]  # a level


def card(*stages: list[PropertyResult]) -> Scorecard:
    results = [
        StageResult(number, f"Stage {number}", sum(p.score for p in found), sum(p.possible for p in found), found)
        for number, found in enumerate(stages, 1)
    ]
    return Scorecard(
        exercise="toy",
        submission=Submission("ab"),
        score=sum(stage.score for stage in results),
        possible=sum(stage.possible for stage in results),
        stages=results,
        types=TypeCheck("clean"),
        confinement=Confinement("landlock+seccomp", True, ["Landlock ABI 6."]),
        effort="standard",
        seed=0,
        suite="cd",
        seconds=1.26,
    )


def shown(what: Scorecard, *, everything: bool = False, terminal: bool = False, encoding: str = "utf-8") -> str:
    screen = Screen(encoding)
    show_scorecard(what, ScorecardConsole(screen, terminal=terminal), everything=everything)
    return screen.getvalue()


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


MIXED = card(
    [told("a", status="passed", title="Warm."), told("b", title="Cold."), told("c", level="senior", title="Hot.")],
    [told("d", status="not_attempted", title="Lukewarm."), told("e", status="timed_out", title="Tepid.")],
    [told("f", status="crashed", level="senior", title="Frozen.")],
)


def test_a_whole_scorecard() -> None:
    assert (
        shown(MIXED)
        == """\
toy  5 of 30  in 1.3 s

1 Stage 1                                                                5 of 15
  ✓ Warm.                                                         core    5 of 5
  ✗ Cold.                                                         core    0 of 5
      story of b
  ✗ Hot.                                                        senior    0 of 5

2 Stage 2                                                                0 of 10
  · Lukewarm. (not attempted)                                     core    0 of 5
  ✗ Tepid. (timed out)                                            core    0 of 5
      story of e

3 Stage 3                                                                 0 of 5
  ✗ Frozen. (crashed)                                           senior    0 of 5
      story of f

Everything a mid-level answer needs (core): 1 of 4; what a senior one adds: 0 of
2.
Types: mypy --strict has no complaint.
Confinement: files, network, processes and signals were confined
(landlock+seccomp).
"""
    )


def test_a_stage_that_nobody_tried_is_one_line() -> None:
    untried = card(
        [told("a", status="not_attempted", title="Lukewarm."), told("b", status="not_attempted", title="Tepid.")]
    )
    assert "2 properties, not attempted" in shown(untried)
    assert "Lukewarm" not in shown(untried)
    assert "Lukewarm. (not attempted)" in shown(untried, everything=True)


def test_a_submission_that_did_not_run_is_told_by_its_problem() -> None:
    broken = card([told("a", status="crashed", title="Frozen.")])
    broken.problem = "It has a syntax error at line 1: invalid syntax."
    assert broken.problem in shown(broken)
    assert "Frozen" not in shown(broken)
    assert "Frozen" in shown(broken, everything=True)


def test_all_stories_when_asked() -> None:
    assert re.findall("story of (.)", shown(MIXED, everything=True)) == ["b", "c", "e", "f"]


def test_a_full_score_tells_no_story() -> None:
    text = shown(card([told("a", status="passed")]))
    assert text.startswith("toy  5 of 5  in 1.3 s\n")
    assert "story" not in text


def test_no_stages_at_all() -> None:
    assert shown(card()).startswith("toy  0 of 0  in 1.3 s\n\nTypes:")


def test_why_it_could_not_be_graded() -> None:
    what = msgspec.structs.replace(MIXED, problem="toy.py is a binary file; a submission is Python source text.")
    assert shown(what).splitlines()[1] == "toy.py is a binary file; a submission is Python source text."


@pytest.mark.parametrize("columns", [40, 60, 80, 110, 300])
@pytest.mark.parametrize("terminal", [False, True])
def test_it_fits_and_loses_no_word(monkeypatch: pytest.MonkeyPatch, columns: int, terminal: bool) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    what = card([told("a", status="passed"), told("b")])
    assert what.stages[0].properties[1].counterexample is not None
    what.stages[0].properties[1].counterexample.story = [f"why:      {SENTENCE}"]
    text = re.sub(rf"{ESCAPE}\[[0-9;]*m", "", shown(what, terminal=terminal))
    assert max(map(len, text.splitlines())) <= min(columns, 110)
    left = re.sub(r" +(core +[05] of 5)?", " ", text)  # what stands in the columns at the right
    assert " ".join(left.split()).count(SENTENCE) == 3
    assert "…" not in text


def test_a_line_of_a_story_goes_on_beneath_its_text() -> None:
    what = told("a", title="Warm.")
    assert what.counterexample is not None
    what.counterexample.story = [f"   1.5 s  {'x ' * 40}", f"why:      {'y ' * 40}", "z " * 40]
    assert [len(line) - len(line.lstrip()) for line in shown(card([what])).splitlines()[4:10]] == [9, 16, 6, 16, 6, 6]


def test_a_long_word_is_folded() -> None:
    text = shown(card([told("a", title="x" * 300)]))
    assert text.count("x") == 300
    assert max(map(len, text.splitlines())) == 80


def test_piped_lines_have_no_padding() -> None:
    assert not [line for line in shown(MIXED).splitlines() if line != line.rstrip()]


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ESCAPE not in shown(MIXED)
    assert f"{ESCAPE}[32m" in shown(MIXED, terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(rf"{ESCAPE}\[[0-9;]*3[0-9]m", shown(MIXED, terminal=True))


def test_marks_that_the_encoding_has() -> None:
    text = shown(MIXED, encoding="ascii")
    assert text.isascii()
    assert re.findall(r"^  ([+x-]) (\w+)", text, re.MULTILINE) == [
        ("+", "Warm"),
        ("x", "Cold"),
        ("x", "Hot"),
        ("-", "Lukewarm"),
        ("x", "Tepid"),
        ("x", "Frozen"),
    ]


@pytest.mark.parametrize("terminal", [False, True])
def test_text_of_a_submission_stays_text(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    hostile = told("a", title=HOSTILE)
    assert hostile.counterexample is not None
    hostile.counterexample.story = [HOSTILE]
    what = msgspec.structs.replace(
        card([hostile]),
        problem=HOSTILE,
        types=TypeCheck("problems", [TypeProblem(1, HOSTILE, HOSTILE)]),
        confinement=Confinement("none", False, [HOSTILE]),
    )
    text = shown(what, terminal=terminal, everything=True)
    bare = re.sub(rf"{ESCAPE}\[[0-9;]*m", "", text)  # colours, of the renderer's own
    assert " ".join(bare.split()).count(" ".join(clean(HOSTILE).split())) == 6
    assert all(char.isprintable() or char == "\n" for char in bare)


def test_clean_shows_what_does_not_print() -> None:
    assert clean(HOSTILE) == r"[red]look[/red] :boom: \x1b[2J\x1b]0;title\x07 \r\n\u202edesrever \ud800"
    assert clean("naïve 模型 ✓") == "naïve 模型 ✓"


def test_type_problems() -> None:
    problems = [TypeProblem(line, f"Wrong {line}", "misc") for line in range(1, 8)]
    what = msgspec.structs.replace(MIXED, types=TypeCheck("problems", problems))
    few, all_of_them = shown(what), shown(what, everything=True)
    assert "Types: mypy --strict has 7 complaints.\n      line 1: Wrong 1 [misc]\n" in few
    assert "line 5: Wrong 5 [misc]\n      ... and 2 more; --all shows them\n" in few
    assert "line 7: Wrong 7 [misc]\nConfinement" in all_of_them


def test_one_type_problem_and_more_that_are_not_listed() -> None:
    what = TypeCheck("problems", [TypeProblem(1, "Wrong", "misc")], "3 more problems are not listed.")
    text = shown(msgspec.structs.replace(MIXED, types=what))
    assert "Types: mypy --strict has 1 complaint, and 3 more problems are not listed.\n" in text


def test_types_that_are_not_known() -> None:
    text = shown(msgspec.structs.replace(MIXED, types=TypeCheck("unknown", [], "mypy failed on this submission.")))
    assert "\nTypes: not known. mypy failed on this submission.\n" in text


@pytest.mark.parametrize(
    ("confinement", "sentence"),
    [
        (
            Confinement("none", False, ["No kernel confinement on macOS: only resource limits."]),
            (
                "Confinement: none beyond a process of its own with limits on time, memory and output. "
                "No kernel confinement on macOS: only resource limits."
            ),
        ),
        (
            Confinement("seccomp", False, ["No Landlock in this kernel: files are not confined."]),
            "Confinement: partial (seccomp). No Landlock in this kernel: files are not confined.",
        ),
    ],
)
def test_weak_confinement_is_said_plainly(confinement: Confinement, sentence: str) -> None:
    text = shown(msgspec.structs.replace(MIXED, confinement=confinement))
    assert sentence in " ".join(text.split())


def test_effort_and_seed_only_when_not_the_default() -> None:
    assert "Effort" not in shown(MIXED)
    assert "Seed" not in shown(MIXED)
    text = shown(msgspec.structs.replace(MIXED, effort="deep", seed=7))
    assert text.endswith("Effort: deep.\nSeed 7: an exploration, which is not a score.\n")


def test_streaming_shows_the_last_result_on_a_terminal() -> None:
    screen = Screen()
    with Streaming(ScorecardConsole(screen, terminal=True)) as streaming:
        streaming.heard(told("a", status="passed", title=HOSTILE), 1, 2)
        first = screen.getvalue()
        streaming.heard(told("b", title="Cold."), 2, 2)
        second = screen.getvalue()[len(first) :]
    assert "1/2" in first
    assert "stage 1: [red]look[/red] :boom: " in first
    assert f"{ESCAPE}[2J" not in first
    assert "2/2" in second
    assert "stage 2: Cold." in second
    assert screen.getvalue().endswith(f"{ESCAPE}[1A{ESCAPE}[2K")  # the line is taken away


def test_what_fails_is_shown_before_it_is_judged_and_stays() -> None:
    screen = Screen()
    with Streaming(ScorecardConsole(screen, terminal=True)) as streaming:
        streaming.failing(told("b", title="Cold."), 2)
        first = screen.getvalue()
        streaming.heard(told("a", status="passed", title="Warm."), 1, 2)
        second = screen.getvalue()[len(first) :]
    assert "stage 2: Cold." in first
    assert "1/2" in second
    assert "stage 2: Cold." in second


def test_what_failed_at_a_glance_and_then_passes_is_shown_no_longer() -> None:
    screen = Screen()
    with Streaming(ScorecardConsole(screen, terminal=True)) as streaming:
        streaming.failing(told("b", title="Cold."), 2)
        first = screen.getvalue()
        streaming.heard(told("b", status="passed", title="Cold."), 2, 2)
    assert "✗" in first
    assert "✗" not in screen.getvalue()[len(first) :]


def test_streaming_says_nothing_into_a_pipe() -> None:
    screen = Screen()
    with Streaming(ScorecardConsole(screen)) as streaming:
        streaming.heard(told("a"), 1, 2)
    assert screen.getvalue() == ""
