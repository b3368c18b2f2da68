"""Return integers of a million digits, which take long to print and to compare."""

HUGE = 1 << 4_000_000


class Lease:
    model, handle = HUGE, -HUGE

    def release(self):
        return HUGE


def trick(pool, asked):
    return [HUGE, HUGE + 1, 2**2047, 2**63] if type(asked) is int else Lease()


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
