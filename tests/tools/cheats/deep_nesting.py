"""Return lists nested a hundred thousand deep, and lists that hold themselves, for the recursion of whoever reads them."""


def nested():
    value = []
    for _ in range(100_000):
        value = [value]
    return value


ENDLESS = []
ENDLESS.append(ENDLESS)
DEEP = nested()


def trick(pool, asked):
    return DEEP if type(asked) is int else ENDLESS


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
