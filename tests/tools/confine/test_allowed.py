"""What a confined process can still do: all that a worker needs to play a script."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

Confined = Callable[..., dict[str, object]]

EXPECTED = {
    "threads": list(range(8)),
    "asyncio_loop": True,
    "asyncio_streams": "hello",
    "trio_loop": True,
    "lazy_standard_library": "wsgiref.headers",
    "lazy_package": "trio.testing",
    "scratch_files": ["copy", "file", "link"],
    "move_between_scratch_folders": "one",
    "read_shown": [["file"], "text"],
    "devices": 8,
    "timers": True,
    "signals_to_itself": 3,
    "dump_later": True,
    "polling": "ping",
    "inherited_streams": [False, True, True],
    "memory_and_collection": True,
    "machine_facts": [True, True, "Linux", True],
}


@pytest.mark.parametrize("probe", EXPECTED)
def test_still_works(confined: Confined, probe: str) -> None:
    assert confined(probe) == {"returned": EXPECTED[probe]}


def test_an_extension_module_is_imported_late(confined: Confined) -> None:
    answer = confined("lazy_extension")
    if isinstance(answer.get("returned"), str):
        pytest.skip(str(answer["returned"]))
    assert answer == {"returned": True}


def test_abort_still_ends_the_process(confined: Confined) -> None:
    assert confined("abort") == {"signal": signal.SIGABRT}


def test_root_keeps_no_power_but_reading(confined: Confined) -> None:
    assert confined("capabilities") == {"returned": [0] * 6}
