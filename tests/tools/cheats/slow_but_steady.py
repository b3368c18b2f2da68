"""Use almost as much processor time as is allowed in every call, so that the grade takes for ever."""

SLOW = True

import resource


def trick(pool, asked):
    began = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    while sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) < began + 0.1:
        pass
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
