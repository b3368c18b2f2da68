"""Limits hold a bomb, and a worker cannot raise them again even when it runs as root."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable

import pytest

from burnin.confine import Limits

Confined = Callable[..., dict[str, object]]


def test_memory_is_bounded(confined: Confined) -> None:
    assert confined("memory_bomb", memory_bytes=1 << 30)["raised"] == "MemoryError"


def test_a_limit_cannot_be_raised(confined: Confined) -> None:
    assert confined("raise_own_limit", memory_bytes=1 << 30)["raised"] == "ValueError"


def test_file_size_is_bounded(confined: Confined) -> None:
    assert confined("file_bomb", file_bytes=1 << 20) == {"errno": "EFBIG"}


def test_open_files_are_bounded(confined: Confined) -> None:
    assert confined("descriptor_bomb", open_files=64) == {"errno": "EMFILE"}


def test_processor_time_is_bounded(confined: Confined) -> None:
    assert confined("processor_bomb", cpu_seconds=0) == {"signal": signal.SIGXCPU}


Calls = dict[int, tuple[int, int]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What would have been set, in a process whose ceilings are 1,000."""
    made: Calls = {}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (500, 1000))
    monkeypatch.setattr(resource, "setrlimit", made.__setitem__)
    return made


def test_only_core_dumps_are_limited_unless_asked(calls: Calls) -> None:
    assert Limits().apply_limits() == ()
    assert calls == {resource.RLIMIT_CORE: (0, 0)}


def test_a_limit_is_soft_and_hard_and_processor_time_has_a_second_of_grace(calls: Calls) -> None:
    Limits(open_files=64, cpu_seconds=10).apply_limits()
    assert calls[resource.RLIMIT_NOFILE] == (64, 64)
    assert calls[resource.RLIMIT_CPU] == (10, 11)


def test_a_lower_ceiling_stays(calls: Calls) -> None:
    assert Limits(file_bytes=5000, cpu_seconds=1000).apply_limits() == ()
    assert calls[resource.RLIMIT_FSIZE] == (1000, 1000)
    assert calls[resource.RLIMIT_CPU] == (1000, 1000)


def test_a_refused_limit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(which: int, values: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    told = "The system refused the limit on core dumps: current limit exceeds maximum limit."
    assert Limits().apply_limits() == (told,)
