"""Fill the scratch folder with large files and with hundreds of small ones."""

import os

FILLED = []


def trick(pool, asked):
    if FILLED:
        return None
    FILLED.append(True)
    for number in range(2):
        try:
            with open(f"burnin-cheat-large-{number}", "wb") as file:
                file.truncate(1 << 40)
        except OSError:
            pass
        try:
            with open(f"burnin-cheat-full-{number}", "wb") as file:
                file.write(bytes(32 << 20))
        except OSError:
            pass
    for number in range(500):
        os.close(os.open(f"burnin-cheat-small-{number}", os.O_CREAT | os.O_WRONLY))
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
