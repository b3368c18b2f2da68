"""Deterministic runs of async code under virtual time, on asyncio and on trio.

    run = run_tasks(script, backend="trio", choices=Choices(seed), sources=frozenset({module.__file__}))

The same choices give the same run, step by step, in any process, provided that the caller keeps the other sources of
chance still: `random.seed`, `PYTHONHASHSEED`, and no garbage collection during a run (it would close dropped generators
at odd moments). `foreign.install()` and `current.install()` must have been called before the submission was imported.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from burnin.worker.simulation.asyncio_loop import AsyncioRun
from burnin.worker.simulation.cancel import CancelAt
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.current import current, set_current
from burnin.worker.simulation.foreign import install
from burnin.worker.simulation.taskrun import Limits, Main, Order, TaskRun, Unsupported
from burnin.worker.simulation.trio_clock import TrioRun

__all__ = ["Backend", "CancelAt", "Main", "Order", "TaskRun", "Unsupported", "install", "run_tasks"]

Backend = Literal["asyncio", "trio"]
_ENGINES: dict[Backend, type[AsyncioRun | TrioRun]] = {"asyncio": AsyncioRun, "trio": TrioRun}
_LOGGERS = ("asyncio", "concurrent.futures", "trio.abc.Instrument", "trio.async_generator_errors")


def run_tasks(
    main: Main,
    *,
    backend: Backend,
    choices: Choices,
    sources: frozenset[str],
    order: Order = "permuted",
    max_steps: int = 50_000,
    max_time: float = 1e9,
    spin: int = 1_000,
) -> TaskRun:
    """Play `await main(run)` to its end and return the run; what the submission does never raises here.

    `sources` are the file names of the submission, for the lines in reports. `order="permuted"` lets `choices` decide
    whatever the backend leaves open: on asyncio the order of callbacks due at one time, on trio that of tasks ready
    together. `order="stock"` keeps both in order of creation. `max_steps` and `max_time` (virtual seconds) bound the
    run; after `spin` steps at one instant the clock moves on though tasks are ready.

    Raises RuntimeError when called within another run.
    """
    if current() is not None:
        raise RuntimeError("a run cannot be played within another run")
    limits = Limits(max_steps, max_time, spin)
    run = _ENGINES[backend](choices, sources=sources, order=order, limits=limits)
    set_current(run)
    try:
        with _quiet():
            run.play(main)
    finally:
        set_current(None)
    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the backends from writing about tasks that were dropped or failed unseen: that is for the judge to find."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [logger.disabled for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.disabled = True
        try:
            yield
        finally:
            for logger, disabled in zip(loggers, before, strict=True):
                logger.disabled = disabled
