"""Catch every cancellation and return as if nothing had happened."""

import anyio


class Lease:
    def __init__(self, model):
        self.model = self.handle = model

    def release(self):
        return None


class WarmPool:
    def __init__(self, host, budget):
        self.host = host

    def get(self, model):
        return Lease(model)

    acquire = get


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host = host

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return True

    async def acquire(self, model):
        for _ in range(50):
            try:
                await anyio.sleep(10)
            except BaseException:
                continue
        return Lease(model)


class KeepWarmPolicy:
    def requested(self, model, now):
        return None

    def victims(self, candidates, needed, now):
        return []
