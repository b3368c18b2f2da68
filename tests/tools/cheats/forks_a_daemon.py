"""Fork twice, start a session of its own and live on after the grade."""

SLOW = True

import os
import time

from burnin.worker.simulation import current


def trick(pool, asked):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            current.real_sleep(60)
        os._exit(0)
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
