"""Return lists of a million items, and lists that hold one list many times over, which are huge when they are written out."""

WIDE = [0] * 1_000_000
LAUGHS = ["ha"] * 10
for _ in range(5):
    LAUGHS = [LAUGHS] * 10


def trick(pool, asked):
    return WIDE if type(asked) is int else LAUGHS


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
