"""A layer cache that writes in place and hashes everything when it opens. Pulls send messages to one dispatcher, which alone decides who goes on."""

import hashlib
import math
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import anyio

# ---- given: leave this part as it is


class BadDigest(Exception):
    """The bytes are not those that the digest names."""


class TooLarge(Exception):
    """It can never fit the budget."""


class CacheBusy(Exception):
    """It does not fit now, because of layers that are held."""


class HoldError(Exception):
    """The hold has been released before."""


class FetchFailed(Exception):
    """`registry.fetch` failed."""


class PullerClosed(Exception):
    """The puller is not open."""


@dataclass(frozen=True)
class Layer:
    """A layer as a manifest names it: its digest, its size in bytes, and how long fetching it takes, in seconds."""

    digest: str
    size: int
    fetch_seconds: float = 1.0


@dataclass(frozen=True)
class Manifest:
    """An image: its name, and its layers from the lowest to the highest. A layer may be in it more than once."""

    image: str
    layers: Sequence[Layer]


@dataclass(frozen=True)
class Candidate:
    """A cached blob that could be evicted (stage 4)."""

    digest: str
    size: int


class Store(Protocol):
    """A disk with named files."""

    def names(self) -> list[str]: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str) -> bytes: ...
    def write(self, name: str, data: bytes) -> None: ...
    def append(self, name: str, data: bytes) -> None: ...
    def rename(self, old: str, new: str) -> None: ...
    def delete(self, name: str) -> None: ...


class Registry(Protocol):
    """Where layers come from (stages 3 and 4)."""

    async def fetch(self, digest: str, offset: int) -> bytes: ...


class Policy(Protocol):
    """Chooses what to evict (stage 4)."""

    def requested(self, manifest: Manifest) -> None: ...
    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]: ...


# ---- yours


def _name_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _part_of(digest: str) -> str:
    return digest + ".part"


class Hold:
    """Keeps the layers of an image in the cache until `release`."""

    def __init__(self, manifest: Manifest, cache: "LayerCache") -> None:
        self.manifest = manifest
        self.digests = list(dict.fromkeys(layer.digest for layer in manifest.layers))
        self._cache: LayerCache | None = cache
        self._missing = cache._missing

    def missing(self) -> list[str]:
        return self._missing(self.digests)

    def release(self) -> None:
        if self._cache is None:
            raise HoldError(f"{self.manifest.image} is not held by this any more")
        cache, self._cache = self._cache, None
        cache._give_back(self)


@dataclass
class _Growing:
    """A partial that is being downloaded. `whole` is the size that it shall have."""

    size: int
    whole: int


class LayerCache:
    """Stages 1, 2 and 4. Writes blobs in place, and hashes everything when it opens instead: what is not whole is deleted."""

    def __init__(self, store: Store, budget: int, *, policy: Policy | None = None) -> None:
        self._store = store
        self._budget = budget
        self._policy = policy
        self._free = budget
        self._blobs: OrderedDict[str, int] = OrderedDict()  # the least recently used first
        self._idle_partials: OrderedDict[str, int] = OrderedDict()  # the one that stopped first first
        self._flying: dict[str, _Growing] = {}  # what is being downloaded
        self._keepers: defaultdict[str, set[Hold]] = defaultdict(set)
        self.on_release: list[Callable[[], None]] = []
        for name in store.names():
            if name.endswith(".part"):
                self._idle_partials[name.removesuffix(".part")] = store.size(name)
            elif _name_of(store.read(name)) == name:
                self._blobs[name] = store.size(name)
            else:
                store.delete(name)
        self._free -= sum(self._blobs.values()) + sum(self._idle_partials.values())
        self._make_room(0, set())

    def put(self, digest: str, data: bytes) -> None:
        if _name_of(data) != digest:
            raise BadDigest(digest)
        if len(data) > self._budget:
            raise TooLarge(digest)
        if digest not in self._blobs:
            if not self._make_room(len(data) - self._idle_partials.get(digest, 0), {digest}):
                raise CacheBusy(digest)
            self._drop_partial(digest)
            self._store.write(digest, data)
            self._blobs[digest] = len(data)
            self._free -= len(data)
        self._blobs.move_to_end(digest)

    def get(self, digest: str) -> bytes | None:
        if digest in self._blobs:
            data = self._store.read(digest)
            if _name_of(data) == digest:
                self._blobs.move_to_end(digest)
                return data
            self._drop_blob(digest)
        return None

    def hold(self, manifest: Manifest) -> Hold:
        self._tell_policy(manifest)
        self._must_fit(manifest)
        return self._keep(manifest)

    def _tell_policy(self, manifest: Manifest) -> None:
        if self._policy is not None:
            self._policy.requested(manifest)

    def _must_fit(self, manifest: Manifest) -> None:
        if sum({layer.digest: layer.size for layer in manifest.layers}.values()) > self._budget:
            raise TooLarge(manifest.image)

    def _keep(self, manifest: Manifest) -> Hold:
        hold = Hold(manifest, self)
        for digest in hold.digests:
            self._keepers[digest].add(hold)
        return hold

    def _give_back(self, hold: Hold) -> None:
        for digest in hold.digests:
            self._keepers[digest].discard(hold)
        for layer in hold.manifest.layers:
            if layer.digest in self._blobs:
                self._blobs.move_to_end(layer.digest)
        for tell in self.on_release:
            tell()

    def _missing(self, digests: Iterable[str]) -> list[str]:
        return [digest for digest in digests if digest not in self._blobs]

    # -- room

    def _make_room(self, needed: int, spared: set[str]) -> bool:
        partials = [(digest, size) for digest, size in self._idle_partials.items() if digest not in spared]
        blobs = [
            Candidate(*blob) for blob in self._blobs.items() if not self._keepers[blob[0]] and blob[0] not in spared
        ]
        if self._free + sum(size for _, size in partials) + sum(blob.size for blob in blobs) < needed:
            return False
        for digest, _ in partials:
            if self._free < needed:
                self._drop_partial(digest)
        if self._free < needed and self._policy is not None:
            for digest in self._policy.victims(blobs, needed - self._free):
                self._drop_blob(digest)
        for blob in blobs:
            if self._free < needed and blob.digest in self._blobs:
                self._drop_blob(blob.digest)
        return True

    def _drop_blob(self, digest: str) -> None:
        self._store.delete(digest)
        self._free += self._blobs.pop(digest)

    def _drop_partial(self, digest: str) -> None:
        if digest in self._idle_partials:
            self._store.delete(_part_of(digest))
            self._free += self._idle_partials.pop(digest)

    # -- downloads

    def _lacks(self, layer: Layer) -> int:
        """How many bytes a download of the layer would fetch."""
        return layer.size - self._idle_partials.get(layer.digest, 0)

    def _take_off(self, layer: Layer) -> _Growing:
        """A download begins: the whole size is taken from what is free."""
        has = self._idle_partials.pop(layer.digest, 0)
        self._free -= layer.size - has
        self._flying[layer.digest] = file = _Growing(has, layer.size)
        return file

    def _has_of(self, digest: str) -> int:
        """The bytes of it that have come, while it is being downloaded."""
        return self._flying[digest].size

    def _append(self, digest: str, data: bytes) -> None:
        file = self._flying[digest]
        if file.size + len(data) > file.whole:
            self._spoilt(digest)
        self._store.append(_part_of(digest), data)
        file.size += len(data)

    def _finish(self, digest: str) -> None:
        if not self._flying[digest].size:
            self._store.write(_part_of(digest), b"")
        if _name_of(self._store.read(_part_of(digest))) != digest:
            self._spoilt(digest)
        self._store.rename(_part_of(digest), digest)
        self._blobs[digest] = self._flying.pop(digest).whole

    def _land(self, digest: str) -> None:
        """The download is over. If it has not been finished, what it did not fetch is free again."""
        file = self._flying.pop(digest, None)
        if file is not None:
            self._free += file.whole - file.size
            if _part_of(digest) in self._store.names():
                self._idle_partials[digest] = file.size

    def _spoilt(self, digest: str) -> None:
        file = self._flying[digest]
        if _part_of(digest) in self._store.names():
            self._store.delete(_part_of(digest))
        self._free += file.size
        file.whole -= file.size
        file.size = 0
        raise BadDigest(digest)


@dataclass(eq=False)
class _Request:
    """A pull, as the dispatcher sees it. `answered` comes with a hold or an error."""

    manifest: Manifest
    answered: anyio.Event = field(default_factory=anyio.Event)
    hold: Hold | None = None
    error: Exception | None = None

    @property
    def layers(self) -> dict[str, Layer]:
        return {layer.digest: layer for layer in self.manifest.layers}


@dataclass(eq=False)
class _Download:
    layer: Layer
    scope: anyio.CancelScope
    dying: bool = False


class Puller:
    """Stages 3 and 4. Callers and downloads send messages; one task, the dispatcher, reads them and alone decides who goes on."""

    def __init__(self, cache: LayerCache, registry: Registry) -> None:
        self._cache = cache
        self._registry = registry
        self._open = False
        self._waiting: list[_Request] = []  # without a hold, first come first
        self._served: list[_Request] = []  # with a hold, and downloads to wait for
        self._downloads: dict[str, _Download] = {}
        self._send, self._inbox = anyio.create_memory_object_stream[Callable[[], None]](math.inf)

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        self._tasks.start_soon(self._dispatch)
        self._open = True
        self._cache.on_release.append(self._poke)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        self._cache.on_release.remove(self._poke)
        for request in [*self._waiting, *self._served]:
            self._fail(request, PullerClosed(request.manifest.image))
        for download in self._downloads.values():
            download.scope.cancel()
        self._send.close()
        self._tasks.cancel_scope.shield = True
        await self._tasks.__aexit__(None, None, None)
        self._inbox.close()

    async def pull(self, manifest: Manifest) -> Hold:
        self._cache._tell_policy(manifest)
        if not self._open:
            raise PullerClosed(manifest.image)
        self._cache._must_fit(manifest)
        request = _Request(manifest)
        self._waiting.append(request)
        self._poke()
        try:
            await request.answered.wait()
        except BaseException:
            self._leave(request)
            raise
        if request.error is not None:
            raise request.error
        assert request.hold is not None
        return request.hold

    def _leave(self, request: _Request) -> None:
        """The caller was cancelled."""
        if request.answered.is_set():
            if request.error is None and request.hold is not None:
                request.hold.release()
        else:
            self._fail(request, None)
        self._poke()

    # -- the dispatcher

    def _poke(self) -> None:
        """Have the dispatcher look whether anybody may go on."""
        self._tell(lambda: None)

    def _tell(self, message: Callable[[], None]) -> None:
        if self._open:
            self._send.send_nowait(message)

    async def _dispatch(self) -> None:
        with anyio.CancelScope(shield=True):
            async for message in self._inbox:
                if self._open:
                    message()
                    self._cancel_orphans()
                    while self._serve_one():
                        pass

    def _fail(self, request: _Request, error: Exception | None) -> None:
        if request.answered.is_set():
            return
        request.error = error
        request.answered.set()
        if request in self._waiting:
            self._waiting.remove(request)
        if request in self._served:
            self._served.remove(request)
            assert request.hold is not None
            request.hold.release()

    def _cancel_orphans(self) -> None:
        wanted = {digest for request in self._served for digest in request.layers}
        for digest, download in self._downloads.items():
            if digest not in wanted:
                download.dying = True
                download.scope.cancel()

    def _fresh(self, request: _Request) -> list[Layer]:
        missing = self._cache._missing(request.layers)
        return [request.layers[digest] for digest in missing if digest not in self._downloads]

    def _serve_one(self) -> bool:
        """Let one of those who wait begin, if one can."""
        somebody_waits = False
        for request in self._waiting:
            needed = sum(map(self._cache._lacks, self._fresh(request)))
            if needed and somebody_waits:
                continue
            somebody_waits = somebody_waits or needed > 0
            if any(self._downloads[digest].dying for digest in request.layers if digest in self._downloads):
                continue
            if not needed or self._cache._make_room(needed, set(request.layers)):
                self._begin(request)
                return True
        return False

    def _begin(self, request: _Request) -> None:
        self._waiting.remove(request)
        self._served.append(request)
        fresh = self._fresh(request)
        request.hold = self._cache._keep(request.manifest)
        for layer in fresh:
            self._cache._take_off(layer)
            self._downloads[layer.digest] = download = _Download(layer, anyio.CancelScope(shield=True))
            self._tasks.start_soon(self._fetch, download)
        self._answer_the_served()

    def _answer_the_served(self) -> None:
        for request in self._served.copy():
            if not self._cache._missing(request.layers):
                self._served.remove(request)
                request.answered.set()

    async def _fetch(self, download: _Download) -> None:
        layer, error = download.layer, None
        offset = self._cache._has_of(layer.digest)
        try:
            with download.scope:
                while offset < layer.size:
                    data = await self._registry.fetch(layer.digest, offset)
                    self._cache._append(layer.digest, data)
                    offset += len(data)
                self._cache._finish(layer.digest)
        except Exception as caught:
            error = caught
        self._cache._land(layer.digest)
        self._tell(lambda: self._landed(download, error))
        if not self._open:
            self._downloads.pop(layer.digest)

    def _landed(self, download: _Download, error: Exception | None) -> None:
        del self._downloads[download.layer.digest]
        if error is not None:
            for request in self._served.copy():
                if download.layer.digest in request.layers:
                    self._fail(request, error)
        self._answer_the_served()


class ValuePolicy:
    """Keeps what would be missed most: fetch seconds per byte, times how often the layer was among the last images asked for.

    Of these, the latest counts most: the n-th last one has the weight 1 / (n + 10).
    """

    MEMORY = 200

    def __init__(self) -> None:
        self._images: deque[frozenset[str]] = deque(maxlen=self.MEMORY)  # the latest first
        self._seconds: dict[str, float] = {}

    def requested(self, manifest: Manifest) -> None:
        self._images.appendleft(frozenset(layer.digest for layer in manifest.layers))
        self._seconds.update({layer.digest: layer.fetch_seconds for layer in manifest.layers})

    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]:
        likelihood: defaultdict[str, float] = defaultdict(float)
        for age, image in enumerate(self._images):
            for digest in image:
                likelihood[digest] += 1 / (age + 10)

        def worth(candidate: Candidate) -> float:
            return self._seconds.get(candidate.digest, 0.0) * likelihood[candidate.digest] / max(candidate.size, 1)

        named = []
        for candidate in sorted(candidates, key=worth):
            if needed > 0:
                named.append(candidate.digest)
                needed -= candidate.size
        return named
