"""Sample tests for the warm pool. Run them with `python -m pytest`; the grader tries far more than these."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from warm_pool import (
    AsyncWarmPool,
    Candidate,
    Handle,
    KeepWarmPolicy,
    LeaseError,
    LoadFailed,
    ModelTooLarge,
    PoolBusy,
    WarmPool,
)

BACKENDS = ["asyncio", "trio"]


class FakeHost:
    """Remembers what was loaded and unloaded, as ("load", "a") and ("unload", "a")."""

    def __init__(self, sizes: dict[str, int], *, seconds: float = 0.0, failing: int = 0) -> None:
        self.sizes, self.seconds, self.failing = sizes, seconds, failing
        self.log: list[tuple[str, str]] = []
        self.names: dict[int, str] = {}

    def size(self, model: str) -> int:
        return self.sizes[model]

    def load_seconds(self, model: str) -> float:
        return self.seconds

    def load(self, model: str) -> Handle:
        self.log.append(("load", model))
        if self.failing:
            self.failing -= 1
            raise LoadFailed(model)
        handle = object()
        self.names[id(handle)] = model
        return Handle(handle)

    def unload(self, handle: Handle) -> None:
        self.log.append(("unload", self.names.pop(id(handle))))


class AsyncFakeHost(FakeHost):
    async def load(self, model: str) -> Handle:  # type: ignore[override]  # the async host differs in just this
        await anyio.sleep(self.seconds)
        return super().load(model)


# ---- stage 1


def test_warm_model_is_returned_without_a_load() -> None:
    host = FakeHost({"a": 4})
    pool = WarmPool(host, 10)
    assert pool.get("a") is pool.get("a")
    assert host.log == [("load", "a")]


def test_least_recently_used_makes_room() -> None:
    host = FakeHost({"a": 4, "b": 4, "c": 4})
    pool = WarmPool(host, 10)
    for model in "abacb":
        pool.get(model)
    assert host.log == [("load", "a"), ("load", "b"), ("unload", "b"), ("load", "c"), ("unload", "a"), ("load", "b")]


def test_too_large_and_failed_load() -> None:
    host = FakeHost({"a": 4, "huge": 11}, failing=1)
    pool = WarmPool(host, 10)
    with pytest.raises(ModelTooLarge):
        pool.get("huge")
    with pytest.raises(LoadFailed):
        pool.get("a")
    pool.get("a")
    assert host.log == [("load", "a"), ("load", "a")]


# ---- stage 2


def test_leased_models_stay() -> None:
    host = FakeHost({"a": 4, "b": 4, "c": 4})
    pool = WarmPool(host, 10)
    first, second = pool.acquire("a"), pool.acquire("b")
    with pytest.raises(PoolBusy):
        pool.acquire("c")
    first.release()
    with pytest.raises(LeaseError):
        first.release()
    assert pool.acquire("c").model == "c"
    assert host.log == [("load", "a"), ("load", "b"), ("unload", "a"), ("load", "c")]
    assert second.model == "b"


# ---- stage 3


def run(backend: str, main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with anyio.fail_after(5):
            await main()

    anyio.run(bounded, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_callers_share_one_load(backend: str) -> None:
    host = AsyncFakeHost({"a": 4}, seconds=0.05)

    async def main() -> None:
        async with AsyncWarmPool(host, 10) as pool, anyio.create_task_group() as callers:

            async def call() -> None:
                (await pool.acquire("a")).release()

            for _ in range(5):
                callers.start_soon(call)

    run(backend, main)
    assert host.log == [("load", "a"), ("unload", "a")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_caller_does_not_cancel_the_others(backend: str) -> None:
    host = AsyncFakeHost({"a": 4}, seconds=0.1)
    leased: list[str] = []

    async def main() -> None:
        async with AsyncWarmPool(host, 10) as pool, anyio.create_task_group() as callers:

            async def patient() -> None:
                lease = await pool.acquire("a")
                leased.append(lease.model)

            async def impatient() -> None:
                with anyio.move_on_after(0.02):
                    await pool.acquire("a")
                    leased.append("too early")

            callers.start_soon(impatient)
            await anyio.sleep(0.01)
            callers.start_soon(patient)

    run(backend, main)
    assert leased == ["a"]


# ---- stage 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_idle_models_go_and_pinned_models_stay(backend: str) -> None:
    host = AsyncFakeHost({"a": 4, "p": 4})

    async def main() -> None:
        async with AsyncWarmPool(host, 10, pinned=["p"], idle_ttl=0.05) as pool:
            (await pool.acquire("a")).release()
            (await pool.acquire("p")).release()
            await anyio.sleep(0.2)
            assert host.log == [("load", "p"), ("load", "a"), ("unload", "a")]

    run(backend, main)


def test_policy_keeps_what_is_slow_to_load() -> None:
    policy = KeepWarmPolicy()
    for now in (10.0, 20.0):
        policy.requested("x", now)
        policy.requested("y", now)
    slow, quick = Candidate("x", 4, 40.0, 20.0), Candidate("y", 4, 2.0, 20.0)
    assert policy.victims([slow, quick], 4, 30.0) == ["y"]
