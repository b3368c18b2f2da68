"""Play CPython's own asyncio tests on `VirtualLoop`, as a program: `conform.py SEED MODULE...`.

Prints one line of JSON: how many tests ran, were skipped, and which failed, with the last line of each failure. It
changes the process (event loop policy, logging), hence the process of its own.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import unittest
import warnings
from collections.abc import Iterator

from burnin.worker.simulation.asyncio_loop import AsyncioRun, VirtualLoop
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.taskrun import Limits

EXCLUDED = {
    "RunCoroutineThreadsafeTests": "calls into the loop from a second running thread, which the loop refuses",
}


def main(seed: int, modules: list[str]) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")

    class Policy(asyncio.DefaultEventLoopPolicy):
        made = 0

        def new_event_loop(self) -> VirtualLoop:
            Policy.made += 1
            limits = Limits(steps=10**7)
            return AsyncioRun(Choices(seed), sources=frozenset(), order="permuted", limits=limits).loop

    ran = skipped = 0
    failed: list[list[str]] = []
    for module in modules:
        asyncio.set_event_loop_policy(Policy())  # each module resets it when it is done
        result = unittest.TestResult()
        loaded = unittest.defaultTestLoader.loadTestsFromName(f"test.test_asyncio.{module}")
        unittest.TestSuite(test for test in flat(loaded) if not excluded(test)).run(result)
        ran += result.testsRun
        skipped += len(result.skipped)
        failed += [[test.id(), trace.strip().splitlines()[-1]] for test, trace in result.failures + result.errors]
    print(json.dumps({"ran": ran, "skipped": skipped, "loops": Policy.made, "failed": failed}))


def flat(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def excluded(test: unittest.TestCase) -> bool:
    return any(name in test.id() for name in EXCLUDED)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
