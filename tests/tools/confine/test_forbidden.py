"""What a confined process cannot do, and the errno that it gets."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import forbidden_probes
import pytest

Confined = Callable[..., dict[str, object]]


@pytest.mark.parametrize("probe", forbidden_probes.DENIED_BY_LANDLOCK)
def test_landlock_denies(confined: Confined, probe: str) -> None:
    assert confined(probe) == {"errno": "EACCES"}


@pytest.mark.parametrize("probe", forbidden_probes.DENIED_AS_ANOTHER_DEVICE)
def test_a_hard_link_cannot_bring_a_file_into_scratch(confined: Confined, folder: Path, probe: str) -> None:
    assert confined(probe) == {"errno": "EXDEV"}
    assert not (folder / "scratch/link").exists()


@pytest.mark.parametrize("probe", forbidden_probes.DENIED_BY_FILTER)
def test_the_filter_denies(confined: Confined, probe: str) -> None:
    assert confined(probe) == {"errno": "EPERM"}


@pytest.mark.parametrize("probe", forbidden_probes.ABSENT)
def test_a_call_that_the_filter_cannot_judge_does_not_exist(confined: Confined, probe: str) -> None:
    assert confined(probe) == {"errno": "ENOSYS"}


def test_a_denied_attempt_leaves_everything_as_it_was(confined: Confined, folder: Path) -> None:
    before = (folder / "shown/file").stat()
    for probe in ("write shown", "truncate shown", "truncate shown by reading", "remove shown", "chmod", "utime"):
        confined(probe)
    for name in ("hidden", "shown"):
        assert os.listdir(folder / name) == ["file"]
        assert (folder / name / "file").read_text() == "text"
    after = (folder / "shown/file").stat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86_64 has a second door for 32-bit calls")
def test_a_32_bit_call_kills_the_process(confined: Confined) -> None:
    """SIGSYS from the filter, or SIGSEGV from a kernel that was built without 32-bit calls."""
    assert confined("32-bit door") in ({"signal": signal.SIGSYS}, {"signal": signal.SIGSEGV})
