"""Tell mypy in comments to ignore the whole file, to use a plugin and to follow a configuration."""

# mypy: ignore-errors
# mypy: plugins=warm_pool, config_file=./mypy.ini, disable-error-code="attr-defined"
# type: ignore


def trick(pool: int, asked: str) -> bytes:
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
