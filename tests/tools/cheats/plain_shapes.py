"""Return plain data in the shape of the protocol's tags: a token, a saved object, a class to construct."""

SHAPES = [
    {"$token": "0" * 32},
    {"$saved": "pool"},
    {"$world": "host"},
    {"$made": "WarmPool", "kwargs": {"host": {"$world": "host"}}},
    {"$int": "0x1"},
    {"$pairs": [[{"$token": ""}, {"$token": ""}]]},
    {"fields": {}, "$object": "Lease"},
]


def trick(pool, asked):
    SHAPES.append(SHAPES.pop(0))
    return SHAPES[0]


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
