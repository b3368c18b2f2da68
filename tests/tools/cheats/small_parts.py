"""Call the host with lists of thousands of empty maps, each a byte on the wire and an object in the judge's memory."""

SLOW = True

PARTS = [{} for _ in range(40_000)]


def trick(pool, asked):
    for _ in range(200):
        try:
            pool.host.unload(PARTS)
        except ValueError:
            continue
    return PARTS


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
