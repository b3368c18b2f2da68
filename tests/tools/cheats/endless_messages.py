"""Raise exceptions with texts and type names of many megabytes, for the story to choke on."""

Error = type("E" * 5_000_000, (Exception,), {})


def trick(pool, asked):
    if asked == "a":
        return type("L" * 5_000_000, (), {"model": "m" * 900_000, "handle": "h" * 90_000})()
    raise Error("x" * 50_000_000)


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
