"""Leave threads, exit handlers and finalisers behind that write a file when the grade is over."""

import atexit
import os
import threading
import weakref

from burnin.worker.simulation import current


def leave():
    for folder in ("/tmp", os.path.expanduser("~"), "."):
        try:
            with open(os.path.join(folder, "burnin-cheat-after"), "w") as file:
                file.write("passed")
        except OSError:
            continue


def later():
    current.real_sleep(5)
    leave()


class Last:
    pass


last = Last()
weakref.finalize(last, leave)
atexit.register(leave)
getattr(threading, "_register_atexit", print)(leave)
threading.Thread(target=later, daemon=False).start()


def trick(pool, asked):
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
