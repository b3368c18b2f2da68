"""Recurse without end, with the limit on recursion lifted."""

SLOW = True

import sys


def deeper(depth):
    return deeper(depth + 1) + 1


def trick(pool, asked):
    if asked == "b":
        sys.setrecursionlimit(10**8)
    return deeper(0)


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
