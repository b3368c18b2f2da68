"""Sample tests for the layer cache. Run them with `python -m pytest`; the grader tries far more than these."""

import hashlib
from collections.abc import Awaitable, Callable

import anyio
import pytest
from layer_cache import (
    BadDigest,
    CacheBusy,
    Candidate,
    FetchFailed,
    HoldError,
    Layer,
    LayerCache,
    Manifest,
    Puller,
    TooLarge,
    ValuePolicy,
)

BACKENDS = ["asyncio", "trio"]
BLOBS = {name: name.encode() * 4 for name in "abcd"}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


DIGESTS = {name: digest_of(data) for name, data in BLOBS.items()}
NAMES = {digest: name for name, digest in DIGESTS.items()}


def image(layers: str, **seconds: float) -> Manifest:
    """An image with the layers of these names, each of 4 bytes."""
    return Manifest(layers, [Layer(DIGESTS[name], 4, seconds.get(name, 1.0)) for name in layers])


class FakeStore:
    """A disk in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def names(self) -> list[str]:
        return sorted(self.files)

    def size(self, name: str) -> int:
        return len(self.read(name))

    def read(self, name: str) -> bytes:
        if name not in self.files:
            raise FileNotFoundError(name)
        return self.files[name]

    def write(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def append(self, name: str, data: bytes) -> None:
        self.files[name] = self.files.get(name, b"") + data

    def rename(self, old: str, new: str) -> None:
        self.read(old)
        self.files[new] = self.files.pop(old)

    def delete(self, name: str) -> None:
        self.read(name)
        del self.files[name]

    def cached(self) -> str:
        """The names of the cached blobs."""
        return "".join(sorted(NAMES[name] for name in self.files if name in NAMES))


def put(cache: LayerCache, names: str) -> None:
    for name in names:
        cache.put(DIGESTS[name], BLOBS[name])


# ---- stage 1


def test_only_what_its_digest_names() -> None:
    store = FakeStore()
    cache = LayerCache(store, 10)
    with pytest.raises(BadDigest):
        cache.put(DIGESTS["a"], b"something else")
    assert cache.get(DIGESTS["a"]) is None
    put(cache, "a")
    assert cache.get(DIGESTS["a"]) == b"aaaa"
    store.files[DIGESTS["a"]] = b"aaab"
    assert cache.get(DIGESTS["a"]) is None
    assert store.files == {}


def test_least_recently_used_makes_room() -> None:
    store = FakeStore()
    cache = LayerCache(store, 10)
    put(cache, "ab")
    cache.get(DIGESTS["a"])
    put(cache, "c")
    assert store.cached() == "ac"
    with pytest.raises(TooLarge):
        cache.put(digest_of(bytes(11)), bytes(11))


# ---- stage 2


def test_held_layers_stay() -> None:
    store = FakeStore()
    cache = LayerCache(store, 10)
    put(cache, "a")
    hold = cache.hold(image("ab"))
    assert hold.missing() == [DIGESTS["b"]]
    put(cache, "b")
    assert hold.missing() == []
    with pytest.raises(CacheBusy):
        put(cache, "c")
    hold.release()
    with pytest.raises(HoldError):
        hold.release()
    put(cache, "c")
    assert store.cached() == "bc"


# ---- stage 3


class FakeRegistry:
    """Gives two bytes at a time; the first `failing` fetches fail."""

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.fetched: list[tuple[str, int]] = []

    async def fetch(self, digest: str, offset: int) -> bytes:
        self.fetched.append((NAMES[digest], offset))
        await anyio.sleep(0.02)
        if self.failing:
            self.failing -= 1
            raise FetchFailed(digest)
        return BLOBS[NAMES[digest]][offset : offset + 2]


def run(backend: str, main: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        with anyio.fail_after(5):
            await main()

    anyio.run(bounded, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_pulls_share_downloads(backend: str) -> None:
    store, registry = FakeStore(), FakeRegistry()

    async def main() -> None:
        async with Puller(LayerCache(store, 12), registry) as puller, anyio.create_task_group() as callers:

            async def call(layers: str) -> None:
                hold = await puller.pull(image(layers))
                assert hold.missing() == []
                hold.release()

            for layers in ("ab", "ac", "ab"):
                callers.start_soon(call, layers)

    run(backend, main)
    assert sorted(registry.fetched) == [("a", 0), ("a", 2), ("b", 0), ("b", 2), ("c", 0), ("c", 2)]
    assert store.cached() == "abc"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_cancelled_pull_leaves_a_partial_to_resume(backend: str) -> None:
    store, registry = FakeStore(), FakeRegistry()

    async def main() -> None:
        async with Puller(LayerCache(store, 4), registry) as puller:
            with anyio.move_on_after(0.03):
                await puller.pull(image("a"))
                raise AssertionError("too early")
            assert store.files == {DIGESTS["a"] + ".part": b"aa"}
            await puller.pull(image("a"))

    run(backend, main)
    assert registry.fetched == [("a", 0), ("a", 2), ("a", 2)]
    assert store.cached() == "a"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_failure_is_told_and_not_kept(backend: str) -> None:
    store, registry = FakeStore(), FakeRegistry(failing=1)

    async def main() -> None:
        async with Puller(LayerCache(store, 4), registry) as puller:
            with pytest.raises(FetchFailed):
                await puller.pull(image("a"))
            (await puller.pull(image("a"))).release()

    run(backend, main)
    assert store.cached() == "a"


# ---- stage 4


def test_a_new_cache_on_an_old_store() -> None:
    store = FakeStore()
    put(LayerCache(store, 12), "ab")
    store.files[DIGESTS["c"] + ".part"] = b"cc"
    cache = LayerCache(store, 8)
    assert cache.get(DIGESTS["a"]) == b"aaaa"
    assert cache.hold(image("ab")).missing() == []
    assert store.cached() == "ab" and len(store.files) == 2


def test_policy_keeps_what_is_slow_to_fetch() -> None:
    policy = ValuePolicy()
    for _ in range(2):
        policy.requested(image("ab", a=40.0, b=2.0))
    policy.requested(image("c"))
    assert policy.victims([Candidate(DIGESTS["a"], 4), Candidate(DIGESTS["b"], 4)], 4) == [DIGESTS["b"]]
