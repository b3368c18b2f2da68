"""Start programs that outlive the call: a shell, a Python, with all descriptors."""

import os
import subprocess
import sys


def trick(pool, asked):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True, close_fds=False)
    os.system("(sleep 60 &) 2>/dev/null")
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
