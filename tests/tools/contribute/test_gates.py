"""Every gate is tripped by a small exercise that is broken in one way, and by that no other gate is tripped."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from miniature import Miniature

from burnin.contribute.apart import YARDSTICK_LOOPS
from burnin.contribute.gates import GATES

Break = Callable[[Miniature], None]
DEAR = ("generated", "repeat", "speed")
"""Gates that take long. They are run where they are to be tripped, and on the exercise that passes all."""
BROKEN: list[tuple[str, str, Break]] = []
"""The gates that fail, the place that the first finding names, and what breaks the exercise."""


def broken(gates: str, place: str) -> Callable[[Break], Break]:
    def add(change: Break) -> Break:
        BROKEN.append((gates, place, change))
        return change

    return add


# ---- texts


@broken("layout", "solutions/quota_meter/discussion.md")
def no_discussion(it: Miniature) -> None:
    it.path("discussion").unlink()


@broken("stages", "exercises/quota_meter/README.md:11")
def heading_with_other_points(it: Miniature) -> None:
    it.edit("statement", "(60 points,", "(50 points,")


@broken("stages", "exercises/quota_meter/README.md:22")
def stage_without_example(it: Miniature) -> None:
    it.edit("statement", "Example. With a limit of 10, after", "With a limit of 10, after")


@broken("names", "exercises/quota_meter/quota_meter.py:8")
def error_that_is_not_named(it: Miniature) -> None:
    it.edit("statement", "`Exhausted`", "an error")


@broken("names", "exercises/quota_meter/quota_meter.py:27")
def number_without_unit(it: Miniature) -> None:
    for what in ("stub", "reference", "counting", "listing"):
        it.edit(what, "def take(self, units: int)", "def take(self, units: int, patience: float = 0.0)")
    it.edit(
        "statement",
        "Example. With a limit of 10, `take",
        "The argument `patience` makes no difference.\n\nExample. With a limit of 10, `take",
    )


@broken("discussion", "solutions/quota_meter/discussion.md:21")
def finished_without_follow_ups(it: Miniature) -> None:
    it.finish()
    it.edit("discussion", "3. *Many machines share one limit. How?*", "Many machines share one limit.")


@broken("suite", "tests/exercises/quota_meter/test_stage_2.py:14")
def points_that_do_not_add_up(it: Miniature) -> None:
    it.edit("test_stage_2.py", 'points=20, level="senior"', 'points=19, level="senior"')


@broken("suite", "tests/exercises/quota_meter/expected.py:5")
def suite_that_cannot_be_imported(it: Miniature) -> None:
    it.edit("expected.py", "from collections.abc import Iterator", "from collections.abc import Iterater")


@broken("rules", "exercises/quota_meter/README.md:25")
def rule_without_property(it: Miniature) -> None:
    it.edit("statement", "- **Ceiling.**", "- **Fairness.** Nobody is preferred.\n- **Ceiling.**")


@broken("rules", "tests/exercises/quota_meter/test_stage_1.py:15")
def property_without_rule(it: Miniature) -> None:
    it.edit("statement", "- **Remaining.** `take", "- `take")


@broken("signatures", "solutions/quota_meter/alternate_counting.py:37")
def drifted_signature(it: Miniature) -> None:
    it.edit("counting", "def give(self, units: int)", "def give(self, units: int, /)")


@broken("signatures", "solutions/quota_meter/alternate_listing.py:8")
def given_part_that_differs(it: Miniature) -> None:
    it.edit("listing", "class Exhausted(Exception):", "class Exhausted(RuntimeError):")


# ---- leaks


def solution(it: Miniature) -> str:
    text = it.path("reference").read_text()
    return text[text.index("        if units >") : text.index("    def give")]


@broken("leaks", "exercises/quota_meter/README.md:29")
def answer_in_the_statement(it: Miniature) -> None:
    with it.path("statement").open("a") as file:
        file.write("\n" + solution(it))


@broken("leaks", "solutions/quota_meter/interview.toml:2")
def answer_in_a_hint(it: Miniature) -> None:
    it.path("hints").write_text(f"hint = '''\n{solution(it)}'''\n")


@broken("leaks", "published/package.py:2")
def answer_in_the_published_package(it: Miniature) -> None:
    (it.library.root / "published").mkdir()
    (it.library.root / "published" / "package.py").write_text("def take(self, units):\n" + solution(it))
    (it.library.root / "pyproject.toml").write_text('[tool.hatch.build.targets.wheel]\npackages = ["published"]\n')


@broken("leaks stub samples", "exercises/quota_meter/quota_meter.py:24")
def stub_that_is_the_answer(it: Miniature) -> None:
    shutil.copy(it.path("reference"), it.path("stub"))


@broken("copies", "exercises/quota_meter/test_quota_meter.py:7")
def twin(it: Miniature) -> None:
    it.finish()
    root = it.library.root
    for folder in ("exercises", "solutions", "tests/exercises"):
        shutil.copytree(root / folder / "quota_meter", root / folder / "twin")


# ---- stub and samples


@broken("stub", "exercises/quota_meter/quota_meter.py:30")
def stub_with_a_wrong_type(it: Miniature) -> None:
    it.edit(
        "stub",
        "def give(self, units: int) -> int:\n        raise NotImplementedError",
        "def give(self, units: int) -> int: ...",
    )


@broken("stub samples", "tests/exercises/quota_meter/test_stage_1.py:15")
def stub_that_does_something(it: Miniature) -> None:
    it.edit("stub", "        raise NotImplementedError", "        return None  # type: ignore[return-value]")
    it.edit(
        "stub",
        "limit: int) -> None:\n        return None  # type: ignore[return-value]",
        "limit: int) -> None:\n        return None",
    )


@broken("samples", "exercises/quota_meter/test_quota_meter.py:20")
def sample_that_is_wrong(it: Miniature) -> None:
    it.edit("samples", "assert meter.take(4) == 6", "assert meter.take(4) == 5")


@broken("samples", "exercises/quota_meter/test_quota_meter.py")
def stage_without_a_sample(it: Miniature) -> None:
    it.edit("samples", "# ---- stage 2\n", "# ---- more\n")
    it.finish()


@broken("sample_subset", "exercises/quota_meter/test_quota_meter.py:44")
def sample_of_what_is_not_graded(it: Miniature) -> None:
    with it.path("samples").open("a") as file:
        file.write("\n\ndef test_it_has_a_name() -> None:\n    assert type(QuotaMeter(FakeLedger(), 1)).__name__\n")
    it.finish()


# ---- scripts


@broken("bounds", "tests/exercises/quota_meter/bounds.py:41")
def bound_that_is_not_reached(it: Miniature) -> None:
    it.edit(
        "bounds.py",
        '    ("Ceiling", "one unit beyond"):',
        '    ("Limit", "a thousand more"): lambda script, history: _taken(history, 1000),\n    ("Ceiling", "one unit beyond"):',
    )


@broken("bounds", "exercises/quota_meter/README.md:18")
def bound_that_is_not_looked_for(it: Miniature) -> None:
    it.edit("statement", "is called exactly once in", "is called at most once in")


@broken("agreement", "solutions/quota_meter/alternate_counting.py")
def alternate_that_disagrees(it: Miniature) -> None:
    it.edit("counting", "raise Exhausted(units)", 'raise type("TooMuch", (Exhausted,), {})')


# ---- solutions and mutants


@broken("reference", "solutions/quota_meter/quota_meter.py:25")
def reference_with_a_type_problem(it: Miniature) -> None:
    it.edit("reference", "= ledger, limit, limit\n", "= ledger, limit, limit  # type: ignore[misc]\n")


@broken("alternates", "solutions/quota_meter/alternate_counting.py")
def alternate_that_loses_points(it: Miniature) -> None:
    it.edit(
        "counting",
        "        self._ledger.note(units)\n",
        "        self._ledger.note(units)\n        self._ledger.note(units)\n",
    )
    it.path("answers.py").unlink()


@broken("alternates", "solutions/quota_meter/alternate_*.py")
def one_alternate(it: Miniature) -> None:
    it.finish()
    it.path("listing").unlink()


@broken("mutants", "tests/exercises/quota_meter/mutants.toml:61")
def property_that_cannot_fail(it: Miniature) -> None:
    text = it.path("test_stage_2.py").read_text()
    it.path("test_stage_2.py").write_text(text[: text.rindex("    for turn in turns")] + "    turns(play(script))\n")


@broken("mutants", "tests/exercises/quota_meter/mutants.toml:20")
def mutant_that_does_not_fit(it: Miniature) -> None:
    it.edit(
        "mutants",
        'replace = "if units > self._left:"\nwith = "if units >= self._left:"',
        'replace = "if units > self.left:"\nwith = ""',
    )


@broken("mutants", "tests/exercises/quota_meter/mutants.toml")
def eleven_mutants(it: Miniature) -> None:
    it.finish()
    text = it.path("mutants").read_text()
    it.path("mutants").write_text(text[: text.rindex("[[mutant]]")])
    it.failed("snapshots", accept=True)


@broken("stories", "tests/exercises/quota_meter/test_stage_1.py:24")
def story_that_expects_nothing(it: Miniature) -> None:
    it.edit("test_stage_1.py", 'f"take({turn.units}) to be granted"', '""')


# ---- what stays the same


@broken("snapshots", "tests/exercises/quota_meter/stories.txt:14")
def story_that_got_worse(it: Miniature) -> None:
    it.finish()
    it.edit("test_stage_1.py", 'f"take({turn.units}) to be granted"', '"something else"')


@broken("versions", "exercises/quota_meter/exercise.toml:5")
def verdict_that_changes(it: Miniature) -> None:
    it.path("wrong").mkdir()
    wrong = (
        it.path("reference")
        .read_text()
        .replace("return self._left", "return float(self._left)  # type: ignore[return-value]")
    )
    (it.path("wrong") / "returns_floats.py").write_text(wrong)
    it.finish()
    it.edit("test_stage_1.py", "turn.call.value == turn.after", "repr(turn.call.value) == repr(turn.after)")


@broken("repeat", "tests/exercises/quota_meter/test_stage_1.py:17")
def flaky_property(it: Miniature) -> None:
    it.edit("test_stage_1.py", "from burnin.script", "import os\n\nfrom burnin.script")
    it.edit(
        "test_stage_1.py", 'f"take({turn.units}) to return', 'f"take({turn.units}) in process {os.getpid()} to return'
    )


@pytest.mark.parametrize(("gates", "place", "change"), BROKEN, ids=[change.__name__ for _, _, change in BROKEN])
def test_a_broken_exercise_trips_its_gate_and_no_other(
    miniature: Miniature, gates: str, place: str, change: Break
) -> None:
    change(miniature)
    failed = miniature.failed(*(gate.id for gate in GATES if gate.id not in DEAR or gate.id in gates))
    told = {id: [(finding.place, finding.wrong) for finding in outcome.findings] for id, outcome in failed.items()}
    assert sorted(failed) == sorted(gates.split()), told
    first = failed[gates.split()[0]].findings[0]
    assert first.place == place, told
    assert first.wrong, told
    assert first.todo, told


def test_a_slow_suite(miniature: Miniature) -> None:
    """Each play does as much as two yardsticks, so that the grade takes too long at any pace of the machine."""
    burning = f"    total = 0\n    for number in range({2 * YARDSTICK_LOOPS}):\n        total += number * number % 7\n"
    text = miniature.path("test_stage_2.py").read_text()
    at = text.index("    for turn in turns")
    miniature.path("test_stage_2.py").write_text(text[:at] + burning + text[at:])
    failed = miniature.failed("layout", "suite", "speed")
    assert list(failed) == ["speed"]
    assert "a full grade of the reference takes" in failed["speed"].findings[0].wrong


def test_every_gate_has_been_tripped() -> None:
    tripped = {gate for gates, _, _ in BROKEN for gate in gates.split()} | {"speed", "generated"}
    assert tripped == {gate.id for gate in GATES}


def test_a_finished_exercise_passes_every_gate(miniature: Miniature) -> None:
    miniature.finish()
    ids = [gate.id for gate in GATES if gate.id != "speed"]  # a busy machine is no fault of the exercise
    checked = miniature.check(*ids)
    assert {outcome.gate: outcome.status for outcome in checked.gates} == dict.fromkeys(ids, "passed")


def test_what_a_draft_lacks_is_in_progress(miniature: Miniature) -> None:
    miniature.path("listing").unlink()
    miniature.path("bounds.py").unlink()
    statuses = {
        outcome.gate: outcome.status for outcome in miniature.check("alternates", "bounds", "versions", "rules").gates
    }
    assert statuses == {
        "alternates": "in progress",
        "bounds": "in progress",
        "versions": "in progress",
        "rules": "passed",
    }


def test_what_is_to_be_done_names_the_library_that_was_named(miniature: Miniature) -> None:
    miniature.library.option = " --library lib"
    name = miniature.exercise.name
    for outcome in miniature.check("snapshots", "versions").gates:
        assert f"`burnin check {name} --accept --library lib`" in outcome.findings[0].todo
    miniature.edit("reference", "        self._ledger.note(units)\n", "")
    todo = miniature.failed("reference")["reference"].findings[0].todo
    assert f"`burnin grade {miniature.path('reference')} --exercise {name} " in todo
    assert "--library lib`" in todo


def test_gates_that_wait_for_another_are_not_run(miniature: Miniature) -> None:
    suite_that_cannot_be_imported(miniature)
    outcomes = {outcome.gate: outcome for outcome in miniature.check("suite", "rules", "mutants", "reference").gates}
    assert {id: outcome.status for id, outcome in outcomes.items()} == {
        "suite": "failed",
        "rules": "not run",
        "mutants": "not run",
        "reference": "not run",
    }
    assert outcomes["rules"].note == "the suite cannot be run: the gate `suite` fails, which comes first"


def test_a_raised_version_is_recorded_with_a_line_in_the_changelog(miniature: Miniature) -> None:
    verdict_that_changes(miniature)
    miniature.edit("manifest", "version = 1", "version = 2")
    assert (
        "does not say what version 2 changed" in miniature.failed("versions", accept=True)["versions"].findings[0].wrong
    )
    miniature.path("changelog").write_text("# Changes\n\n- 2: a number that is left is an integer.\n")
    assert not miniature.failed("versions", accept=True)
    assert not miniature.failed("versions")
