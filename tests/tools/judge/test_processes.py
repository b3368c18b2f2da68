"""Workers that are made ahead of their submission are workers like others."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from worlds import Worker, calls

from burnin.judge.processes import Template
from burnin.judge.verdict import Crashed
from burnin.script import Step

ONE, TWO = b"def f():\n    return 1\n", b"def f():\n    return 2\n"
SCRIPT = calls(Step("f"))


@pytest.fixture
def template() -> Iterator[Template]:
    with Template("submission", ONE) as made:
        yield made


def played(template: Template) -> object:
    worker = Worker(template)
    try:
        return worker(SCRIPT).calls[0].value
    finally:
        worker.close()


def test_as_many_are_made_ahead_as_a_submission_took(template: Template) -> None:
    assert not template.make_ahead()
    assert [played(template) for _ in range(3)] == [1, 1, 1]
    template.hand_in(TWO)
    assert [template.make_ahead() for _ in range(4)] == [True, True, True, False]
    assert played(template) == 2
    assert [template.make_ahead() for _ in range(2)] == [True, False]


def test_one_that_was_made_ahead_imports_what_is_handed_in_later(template: Template) -> None:
    assert played(template) == 1
    assert template.make_ahead()
    template.hand_in(TWO)
    assert played(template) == 2
    assert template.make_ahead()
    template.hand_in(b"raise SystemExit")
    with pytest.raises(Crashed, match="Importing it raised SystemExit"):
        played(template)


def test_one_that_somebody_has_ended_is_not_the_submissions_fault(template: Template) -> None:
    assert played(template) == 1
    assert template.make_ahead()
    os.kill(template._ahead[0]._pid, signal.SIGKILL)
    while template._ahead[0].waits():
        time.sleep(0.01)
    assert played(template) == 1


def test_they_end_with_the_template() -> None:
    with Template("submission", ONE) as template:
        played(template)
        assert template.make_ahead()
        pid = template._ahead[0]._pid
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
