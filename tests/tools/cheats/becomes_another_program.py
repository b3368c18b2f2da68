"""Replace the worker by another program that keeps the judge's socket."""

SLOW = True

import os
import sys


def trick(pool, asked):
    for number in range(3, 128):
        try:
            os.set_inheritable(number, True)
        except OSError:
            continue
    os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(30)"])


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
