"""Generated mutants: which are made, what they come to, and what the records of survivors must say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from miniature import Miniature
from small_library import REFERENCE, SmallLibrary

from burnin.contribute.cards import Cards
from burnin.contribute.finding import Blocked
from burnin.contribute.generated import DEEP, STANDARD, Adequacy, Depth, adequacy, entry, load_survivors
from burnin.contribute.mutations import Mutation, mutations
from burnin.library import UserError

pytestmark = pytest.mark.usefixtures("no_types")
QUICK = replace(STANDARD, name="quick", effort="quick")
QUICK_ALONE = replace(DEEP, name="quick deep", effort="quick")


def changes(text: str) -> list[tuple[str, str]]:
    """The lines that change, before and after."""
    return [(it.before, it.after) for it in mutations(text)]


# ---- making


def test_operators_of_the_tool_and_our_own() -> None:
    found = changes("def f(x):\n    if x < 3:\n        x += 1\n        g(x)\n    return x\n")
    assert {
        ("    if x < 3:", "    if x <= 3:"),
        ("    if x < 3:", "    if x < 4:"),
        ("    if x < 3:", "    if not (x < 3):"),
        ("    x += 1", "    x -= 1"),
        ("    x += 1", "    pass"),
        ("    g(x)", "    pass"),
        ("    g(x)", "    g(None)"),
        ("    return x", "    return None"),
    } <= {(f"    {before.strip()}", f"    {after.strip()}") for before, after in found}


@pytest.mark.parametrize(
    "text",
    [
        "import math",
        "from math import inf",
        "def f(x: int | None, y: 'list[int]') -> int | None: ...",
        "x: dict[str, int]",
        '"""A docstring."""',
        "'one' 'two'",
        "@functools.lru_cache(maxsize=7)\ndef f(): ...",
        '__all__ = ["f"]',
        'T = TypeVar("T", bound=int)',
        "assert x < 3, 'too large'",
        "x = 3\n# ---- yours",
        "def f():\n    return 3\n\n\n# ---- yours",
    ],
)
def test_what_no_property_could_notice_is_left_alone(text: str) -> None:
    assert changes(f"{text}\n") == []


def test_an_exception_keeps_its_text_but_not_its_place() -> None:
    assert changes("if x:\n    raise Full(f'{x + 1} left', 3)\n") == [
        ("if x:", "if not (x):"),
        ("    raise Full(f'{x + 1} left', 3)".strip(), "pass"),
    ]


def test_false_by_none_is_not_made() -> None:
    assert changes("f(False)\nx = False\n") == [
        ("f(False)", "pass"),
        ("f(False)", "f(True)"),
        ("x = False", "x = True"),
    ]


def test_each_program_is_made_once() -> None:
    texts = [it.text for it in mutations("while x is None and (y):\n    z(x)\n")]
    assert len(texts) == len(set(texts))
    assert "while x is not None and (y):\n    z(x)\n" in texts


def test_what_is_no_program_is_no_mutant() -> None:
    assert all(it.text != "f(, y=2)\n" for it in mutations("f(1, y=2)\n"))
    for it in mutations(REFERENCE):
        compile(it.text, "mutant", "exec")


def test_a_mutation_says_where_it_is() -> None:
    source = "class A:\n    def f(self):\n        def g():\n            return 1\n        return g\n\n\ndef h():\n    return 2\n"
    assert {(it.line, it.where) for it in mutations(source)} == {(4, "A.f.g"), (5, "A.f"), (9, "h")}


def test_a_quote_has_the_lines_that_tell_it_apart() -> None:
    source = "def f():\n    a()\n    c()\n    b()\n    c()\n"
    quoted = [(it.before, it.after) for it in mutations(source)]
    assert ("a()\nc()\nb()", "a()\npass\nb()") in quoted
    assert ("b()\nc()\n", "b()\npass\n") in quoted
    assert len(quoted) == len(set(quoted))


def test_a_quote_is_in_the_reference(small_library: SmallLibrary) -> None:
    for it in mutations(REFERENCE):
        first = it.before.split("\n")[0].strip()
        assert REFERENCE.split("\n")[it.line - 1].strip() == first


def test_no_python_is_an_error() -> None:
    with pytest.raises(SyntaxError):
        mutations("def f(:\n")


# ---- killing


class Bench:
    """The small library with its reference, and what its mutants come to."""

    def __init__(self, library: SmallLibrary, cards: Cards) -> None:
        self.library, self.cards = library, cards
        self.write(REFERENCE)

    def write(self, text: str) -> None:
        """Take another reference."""
        self.library.exercise.reference.write_text(text)

    def record(self, text: str) -> None:
        """Write the recorded survivors."""
        (self.library.exercise.suite / "survivors.toml").write_text(text)

    def run(self, depth: Depth = QUICK) -> Adequacy:
        return adequacy(self.library.exercise, self.cards, depth)


@pytest.fixture
def bench(small_library: SmallLibrary, tmp_path: Path) -> Iterator[Bench]:
    with Cards(tmp_path / "cards") as cards:
        yield Bench(small_library, cards)


SURVIVING = REFERENCE.replace(
    "        self.total += number\n", "        self.total += number\n        self.last = number\n"
)
"""Notes something that nobody can see."""


def test_a_suite_kills_the_mutants_of_its_reference(bench: Bench) -> None:
    found = bench.run()
    assert (found.survivors, found.findings) == ([], ())
    assert found.graded == found.killed == found.made > 10


def test_what_cannot_be_imported_is_no_mutant(bench: Bench) -> None:
    bench.write(f"LIMIT = int('3')\n{REFERENCE}")
    found = bench.run()
    assert found.made - found.graded >= 2  # int(None), int('XX3XX')
    assert all("int(None)" not in mutation.after for mutation, _ in found.fates)


def test_a_survivor_is_a_finding_with_its_entry_to_copy(bench: Bench) -> None:
    bench.write(SURVIVING)
    (survivor,) = bench.run().survivors
    assert (survivor.before, survivor.after) == ("self.last = number", "self.last = None")
    finding = bench.run().findings[0]
    assert finding.place == "solutions/counter/counter.py:13"
    assert finding.missing
    assert finding.paste == entry(survivor)


def test_a_recorded_survivor_is_none(bench: Bench) -> None:
    bench.write(SURVIVING)
    (survivor,) = bench.run().survivors
    bench.record(entry(survivor).replace('because = ""', 'because = "Nobody reads it."'))
    found = bench.run()
    assert found.findings == ()
    assert (found.survived("equivalent"), found.survived("allowed")) == (1, 0)


@pytest.mark.parametrize(
    ("before", "after", "because", "wrong"),
    [
        ("self.last = number", "self.last = None", " ", "has no reason"),
        ("self.last = number", "self.last = 7", "Nobody reads it.", "is not made any more"),
        ("raise Full", "pass", "Nobody looks.", "is killed by"),
    ],
)
def test_a_stale_record_is_a_finding(bench: Bench, before: str, after: str, because: str, wrong: str) -> None:
    bench.write(SURVIVING)
    good = '[[survivor]]\nbefore = "self.last = number"\nafter = "self.last = None"\nverdict = "equivalent"\nbecause = "x"\n\n'
    stale = f'[[survivor]]\nbefore = "{before}"\nafter = "{after}"\nverdict = "equivalent"\nbecause = "{because}"\n'
    bench.record(stale if because == " " else good + stale)
    (finding,) = bench.run().findings
    assert wrong in finding.wrong
    assert finding.place == f"tests/exercises/counter/survivors.toml:{1 if because == ' ' else 7}"


def test_too_few_killed_is_a_finding(bench: Bench) -> None:
    bench.library.add(
        "test_counter.py",
        'from burnin.suite import promise\n\n@promise(stage=1, points=100, level="core", rule="x")\ndef test_nothing(play):\n    "Nothing."\n',
    )
    found = bench.run()
    assert found.killed == 0
    assert "0 of" in found.findings[-1].wrong
    assert "less than 95%" in found.findings[-1].wrong


def test_a_property_that_kills_nothing_alone_is_named(bench: Bench) -> None:
    suite = (bench.library.exercise.suite / "test_counter.py").read_text()
    again = suite[suite.index('@promise(stage=1, points=30, level="senior"') : suite.index("@promise(stage=2")]
    bench.library.add("test_counter.py", f"{suite}\n\n{again.replace('test_refuses', 'test_refuses_again')}")
    alone = bench.run(QUICK_ALONE).killed_alone
    assert alone["refuses"] == alone["refuses_again"] == 0
    assert alone["adds"] > 0


def test_two_killers_are_looked_for_only_when_asked(bench: Bench) -> None:
    assert {len(fate.killers) for _, fate in bench.run().fates} == {1}
    assert {len(fate.killers) for _, fate in bench.run(QUICK_ALONE).fates} == {1, 2}


def test_a_sample_does_not_depend_on_the_rest(bench: Bench) -> None:
    depth = replace(QUICK, limit=6)
    before = {mutation.after for mutation, _ in bench.run(depth).fates}
    bench.write(f"{REFERENCE}\n\ndef unused():\n    return 1\n")
    after = {mutation.after for mutation, _ in bench.run(depth).fates}
    assert len(before) == 6
    assert len(before & after) >= 4


def test_a_recorded_survivor_outside_of_the_sample_is_looked_at_and_not_counted(bench: Bench) -> None:
    bench.write(SURVIVING)
    bench.record(
        '[[survivor]]\nbefore = "self.last = number"\nafter = "self.last = None"\nverdict = "allowed"\nbecause = "x"\n'
    )
    found = bench.run(replace(QUICK, limit=0))
    assert (found.graded, found.findings) == (0, ())
    bench.record("[[survivor]]\nbefore = 'raise Full'\nafter = 'pass'\nverdict = 'allowed'\nbecause = 'x'\n")
    found = bench.run(replace(QUICK, limit=0))
    assert found.graded == 0
    assert "is killed by" in found.findings[0].wrong


def test_a_second_run_grades_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.run()
    folder = bench.cards._folder
    monkeypatch.setattr("burnin.contribute.killing._Executioner.fate", lambda *_: pytest.fail("it was graded again"))
    with Cards(folder) as cards:
        again = adequacy(bench.library.exercise, cards, QUICK)
        assert cards.computed == 0
    assert again == first


def test_a_change_of_the_suite_counts(bench: Bench) -> None:
    bench.run()
    done = bench.cards.computed
    bench.library.add("notes.toml", "")
    bench.run()
    assert bench.cards.computed == done
    bench.library.add("more.py", "")
    bench.run()
    assert bench.cards.computed > done


def test_a_reference_that_does_not_pass_blocks(bench: Bench) -> None:
    bench.write(REFERENCE.replace("> self.limit", ">= self.limit"))
    with pytest.raises(Blocked, match="the reference does not pass its suite"):
        bench.run()


def test_a_reference_that_is_no_python_is_an_error(bench: Bench) -> None:
    bench.write("def f(:")
    with pytest.raises(UserError, match="cannot be mutated"):
        bench.run()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("survivor = 3", "is not a list of survivors"),
        ("[[survivor]]\nbefore = 'a'\nafter = 'b'\nverdict = 'no idea'\nbecause = 'c'", "is not a list of survivors"),
        ("[[survivor]]\nbefore = 'a'\nafter = 'b'\nverdict = 'allowed'\nbecause = 'c'\n" * 2, "2 times"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error(bench: Bench, text: str, why: str) -> None:
    bench.record(text)
    with pytest.raises(UserError, match=why):
        load_survivors(bench.library.exercise)


@pytest.mark.parametrize("text", ["a", "it's", "a\nb", "x = '''a'''", 'say "no"\\n', "ends with '"])
def test_an_entry_is_read_as_it_was_written(bench: Bench, text: str) -> None:
    bench.record(entry(Mutation(1, "", text, f"{text} "[::-1], "")))
    (found,) = load_survivors(bench.library.exercise)
    assert found.key == (text, f"{text} "[::-1].strip("\n"))


# ---- the gate


def unseen(miniature: Miniature) -> None:
    """Let the reference do something that nobody can see."""
    miniature.edit("reference", "self._left -= units", "self._left -= units\n        self._last = units")


def test_the_gate_of_a_draft_is_in_progress(miniature: Miniature) -> None:
    (outcome,) = miniature.check("generated").gates
    assert (outcome.status, outcome.findings) == ("passed", [])
    unseen(miniature)
    (outcome,) = miniature.check("generated").gates
    assert outcome.status == "in progress"
    assert "nothing notices `self._last = units`" in outcome.findings[0].wrong


def test_the_gate_of_an_exercise_fails(miniature: Miniature) -> None:
    miniature.path("draft").rename(miniature.path("manifest"))
    unseen(miniature)
    assert "generated" in miniature.failed("generated")


def test_the_gate_fails_for_a_stale_record_even_of_a_draft(miniature: Miniature) -> None:
    miniature.path("survivors.toml").write_text(
        "[[survivor]]\nbefore = 'a'\nafter = 'b'\nverdict = 'allowed'\nbecause = 'c'\n"
    )
    assert miniature.failed("generated")["generated"].findings[0].place.endswith("survivors.toml:1")
    miniature.path("survivors.toml").write_text("survivor = 3")
    assert "is not a list of survivors" in miniature.failed("generated")["generated"].findings[0].wrong


def test_the_gate_waits_for_a_reference_that_passes(miniature: Miniature) -> None:
    miniature.edit("reference", "self._left -= units", "self._left -= 1")
    (outcome,) = miniature.check("generated").gates
    assert (outcome.status, outcome.waits_for) == ("not run", "reference")
    miniature.path("reference").write_text("def f(:")
    (outcome,) = miniature.check("generated").gates
    assert (outcome.status, outcome.waits_for) == ("not run", "layout")
