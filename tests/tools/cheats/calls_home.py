"""Open network connections and abstract sockets, to fetch a solution or to speak with an accomplice."""

import socket
import urllib.request


def trick(pool, asked):
    for family, address in [(socket.AF_INET, ("127.0.0.1", 9)), (socket.AF_UNIX, "\0burnin-cheat")]:
        one = socket.socket(family)
        try:
            one.bind(address)
            one.listen()
        except OSError:
            one.close()
    return urllib.request.urlopen("http://127.0.0.1:9/solution", timeout=1).read()


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
