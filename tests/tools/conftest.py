"""Fixtures of the core's tests: real workers, and a small library to grade with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from small_library import SmallLibrary
from worlds import Worker, Workers

from burnin.grade import grader
from burnin.practice import session
from burnin.scorecard import TypeCheck

# The same examples each time, however slow the machine is.
settings.register_profile(
    "tests", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Workers by the text of their submission; a template process for each text lives as long as the module."""
    with Workers() as made:
        yield made


@pytest.fixture
def worker(workers: Workers) -> Iterator[Worker]:
    """A fresh worker for the submission in `worker/submission.py`."""
    with workers.of((Path(__file__).parent / "worker" / "submission.py").read_text()) as made:
        yield made


class NoTypes:
    """Stands in for the type checker where a test is not about types: mypy takes as long as all the rest."""

    def __init__(self, copy: Path) -> None:
        self.copy = copy

    def __enter__(self) -> NoTypes:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def wait(self, seconds: float) -> bool:
        return True

    def result(self) -> TypeCheck:
        return TypeCheck("clean")

    @staticmethod
    def skipped() -> TypeCheck:
        return TypeCheck("unknown")


@pytest.fixture
def no_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grade without mypy."""
    monkeypatch.setattr(grader, "TypeChecker", NoTypes)
    monkeypatch.setattr(session, "TypeChecker", NoTypes)


@pytest.fixture
def small_library(tmp_path: Path) -> SmallLibrary:
    """A library with one exercise, in a folder with a name that tests its handling."""
    return SmallLibrary(tmp_path / "a library, größer")
