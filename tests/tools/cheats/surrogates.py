"""Return lone surrogates, which cannot be written as UTF-8, in texts, names of types and names of attributes."""

TEXT = "\ud800\udfff\udc00"
Lease = type(TEXT, (), {"model": TEXT, "handle": TEXT, "release": lambda self: TEXT, TEXT: TEXT})
Error = type("Error" + TEXT, (Exception,), {})


def trick(pool, asked):
    try:
        pool.host.load(TEXT)
    except Exception:
        pass
    if asked == "a":
        raise Error(TEXT)
    return Lease()


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
