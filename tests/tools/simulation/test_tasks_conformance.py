"""CPython's own asyncio tests pass on our loop, whose core overrides private methods of the standard library's."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

QUICK = [
    "test_locks",
    "test_queues",
    "test_taskgroups",
    "test_timeouts",
    "test_waitfor",
    "test_futures2",
    "test_context",
]
AT_LEAST = 150  # tests in QUICK, of which 3.11.7 has 200; a loop that ran none of them would pass too

needs_cpython_tests = pytest.mark.skipif(
    importlib.util.find_spec("test") is None or importlib.util.find_spec("test.test_asyncio") is None,
    reason="this Python comes without its own test suite (package `test`)",
)


def conform(seed: int, *modules: str) -> dict[str, object]:
    """The result of `conform.py`."""
    present = [module for module in modules if importlib.util.find_spec(f"test.test_asyncio.{module}") is not None]
    program = Path(__file__).with_name("conform.py")
    found = subprocess.run(
        [sys.executable, str(program), str(seed), *present], capture_output=True, text=True, check=True, timeout=300
    )
    result: dict[str, object] = json.loads(found.stdout.splitlines()[-1])
    return result


@needs_cpython_tests
def test_cpython_s_primitives_work_on_the_loop() -> None:
    result = conform(1, *QUICK)
    assert result["failed"] == []
    assert isinstance(result["ran"], int)
    assert isinstance(result["loops"], int)
    assert result["loops"] > AT_LEAST
    assert result["ran"] > AT_LEAST


@needs_cpython_tests
@pytest.mark.sweep
@pytest.mark.parametrize("seed", [1, 2])
def test_cpython_s_tasks_work_on_the_loop(seed: int) -> None:
    result = conform(seed, "test_tasks", "test_futures", "test_runners", *QUICK)
    assert result["failed"] == []
