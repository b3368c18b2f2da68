"""The hand-made mutants: the suite notices each, and says it well."""

from __future__ import annotations

from collections.abc import Iterator

from burnin.contribute.cards import STUMBLED
from burnin.contribute.finding import Blocked, Finding
from burnin.contribute.gates.gate import Gate
from burnin.contribute.mutants import load_mutants, mutated
from burnin.contribute.subject import Subject, properties, story_of
from burnin.library import UserError, counted
from burnin.scorecard import PropertyResult

__all__ = ["CAUGHT", "GATES"]

LEAST_MUTANTS = 12
MAX_STORY = 12
CAUGHT = ("failed", "timed_out", "crashed")


def mutants(subject: Subject) -> Iterator[Finding]:
    """At least twelve, each fits the reference and is caught by the property that it names; every property catches one."""
    path = subject.mutants_path
    reference = subject.reference.data.decode()
    if not path.is_file():
        raise Blocked("there is no mutants.toml", "layout")
    try:
        listed = load_mutants(subject.exercise)
    except UserError as error:
        yield subject.finding(path, None, _sentence(error), "mend the file")
        return
    fitting = True
    for mutant in listed:
        try:
            mutated(mutant, reference)
        except UserError as error:
            fitting = False
            yield subject.finding(
                path, f'name = "{mutant.name}"', _sentence(error), "mend the edit, or drop the mutant"
            )
    if not fitting:
        return
    if len(listed) < LEAST_MUTANTS:
        what = f"the exercise has {counted(len(listed), 'mutant')}, and should have at least {LEAST_MUTANTS}"
        yield subject.finding(path, None, what, "add mistakes that a good engineer makes", missing=True)
    for mutant, result in subject.mutant_results():
        at = f'name = "{mutant.name}"'
        if result is None:
            yield subject.finding(
                path, at, f"there is no property {mutant.caught_by}", "name the property that must catch it"
            )
        elif result.status not in CAUGHT:
            what = f"{result.id} does not notice the mutant {mutant.name}: {mutant.mistake.rstrip('.')}"
            yield subject.finding(
                path, at, what, "let the scripts provoke it, let the property look at it, or name another property"
            )
        elif result.counterexample is not None and result.counterexample.expected == STUMBLED:
            place, text = subject.property_place(result.id)
            what = f"{result.id} stumbles over the mutant {mutant.name}: {result.counterexample.got}"
            yield subject.finding(
                place, text, what, "let the property check the value before it uses it, with `require`"
            )
    named = {mutant.caught_by for mutant in listed}
    for id in properties(subject.listed):
        if id not in named:
            place, text = subject.property_place(id)
            yield subject.finding(
                place, text, f"no mutant shows that {id} can fail", f'add one with caught_by = "{id}"', missing=True
            )


def stories(subject: Subject) -> Iterator[Finding]:
    """Each mutant's story has at most twelve lines, and says what was expected and why."""
    for mutant, result in subject.mutant_results():
        if result is None or result.status not in CAUGHT:
            continue  # the gate `mutants` says so
        wrong = _badly_told(result)
        if wrong is not None:
            place, text = subject.property_place(result.id)
            yield subject.finding(
                place,
                text,
                f"the story of the mutant {mutant.name} {wrong}",
                "call `require` with what was expected, what was seen and when",
            )


def _badly_told(result: PropertyResult) -> str | None:
    story = story_of(result)
    if len(story) > MAX_STORY:
        return f"has {len(story)} lines, and at most {MAX_STORY} should be"
    if not story[-1].startswith("why:"):
        return "does not end with why"
    if not any(line.startswith(("expected: ", "got: ")) and line.partition(":")[2].strip() for line in story):
        return "does not say what was expected"
    if result.status == "failed" and not any(
        line.startswith("expected:") and line.partition(":")[2].strip() for line in story
    ):
        return "does not say what was expected"
    return None


def _sentence(error: UserError) -> str:
    return str(error).rstrip(".")


GATES = (
    Gate(
        "mutants",
        "At least twelve mutants, each caught by the property that it names, and every property catches one",
        mutants,
    ),
    Gate("stories", "Each mutant's story is at most 12 lines and says what was expected and why", stories),
)
