"""Reach into the run that owns virtual time and set its clock: back, far ahead, to NaN."""

import gc
import itertools

from burnin.worker.simulation import current

TIMES = itertools.cycle([-1.0, 1e12, float("nan"), 0.0, float("inf")])


def trick(pool, asked):
    for run in [current.current(), *gc.get_objects()]:
        if type(run).__name__ in ("CallsRun", "AsyncioRun", "TrioRun", "ThreadRun"):
            for name in ("time", "_time"):
                if hasattr(run, name):
                    setattr(run, name, next(TIMES))
    return None


class WarmPool:
    def __init__(self, host, budget):
        self.host = host

    def get(self, model):
        return trick(self, model)

    acquire = get


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host = host

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def acquire(self, model):
        return trick(self, model)


class KeepWarmPolicy:
    def requested(self, model, now):
        trick(self, model)

    def victims(self, candidates, needed, now):
        return trick(self, needed)
