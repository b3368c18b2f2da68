"""Call the worlds with arguments of wrong kinds and numbers, and with keywords that are methods' own, so that the judge stumbles."""

STRANGE = [
    ((), {}),
    (("a", "a", "a"), {}),
    ((["a"],), {}),
    (({"a": 1},), {}),
    ((b"a",), {}),
    ((), {"self": 1}),
    ((), {"model": None}),
    ((), {"": 1, "__class__": 2}),
    ((True,), {}),
    ((2**70,), {}),
]


def trick(pool, asked):
    for method in ("size", "load_seconds", "load", "unload"):
        for args, kwargs in STRANGE:
            try:
                getattr(pool.host, method)(*args, **kwargs)
            except Exception:
                continue
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
