"""Read memory, descriptors, command lines and environments of the judge and of itself from /proc."""

SAFE_UNCONFINED = False

import glob
import os


def trick(pool, asked):
    found = []
    for pid in {os.getpid(), os.getppid(), 1, *(int(name) for name in os.listdir("/proc") if name.isdigit())}:
        for name in ("cmdline", "environ", "maps", "mem", "fd/0", "fd/3", "fd/4"):
            try:
                with open(f"/proc/{pid}/{name}", "rb") as file:
                    found.append(file.read(1000))
            except OSError:
                continue
    return found


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
