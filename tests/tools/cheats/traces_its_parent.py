"""Attach to the parent with ptrace and read its memory through /proc."""

SAFE_UNCONFINED = False

import ctypes
import os

PTRACE_ATTACH, PTRACE_DETACH = 16, 17


def trick(pool, asked):
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getppid()
    if libc.ptrace(PTRACE_ATTACH, parent, 0, 0) == 0:
        os.waitpid(parent, 0)
        libc.ptrace(PTRACE_DETACH, parent, 0, 0)
        os._exit(0)
    with open(f"/proc/{parent}/mem", "rb") as memory:
        return memory.read(1)


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
