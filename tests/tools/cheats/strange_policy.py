"""Tell the policy of the suite of candidates that are no candidates and of times that are no times."""

import anyio


class Lease:
    def __init__(self, model, handle):
        self.model, self.handle = model, handle

    def release(self):
        return None


class WarmPool:
    def __init__(self, host, budget):
        return None

    def get(self, model):
        return None

    acquire = get


class AsyncWarmPool:
    def __init__(self, host, budget, *, pinned=(), idle_ttl=None, policy=None):
        self.host, self.policy = host, policy

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, traceback):
        return None

    async def acquire(self, model):
        if self.policy is not None:
            self.policy.requested([model], None)
            self.policy.requested(None, float("nan"))
            for candidates in ([], [None], "abc", {"model": 1}, [self.policy]):
                try:
                    self.policy.victims(candidates, "much", [])
                except Exception:
                    continue
        return None


class KeepWarmPolicy:
    def requested(self, model, now):
        return {"now": [now]}

    def victims(self, candidates, needed, now):
        return [[candidate.model] for candidate in candidates]
