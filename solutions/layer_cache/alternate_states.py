"""Layer cache: container image layers within a byte budget. The statement is README.md beside this file.

Every layer that the cache knows is one `_Layer`, a state machine over absent (perhaps with a partial), downloading and stored, and a layer
that is downloading carries the one `_Download` that all pulls that need it share. The cache keeps the sum of all file bytes and of all
reserved bytes, and after whatever may free room the puller looks again which of the pulls that wait can begin.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Protocol, Self

import anyio
import anyio.abc
import anyio.lowlevel

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

PARTIAL = ".part"


def _digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _different(layers: Iterable[Layer]) -> dict[str, Layer]:
    """The different layers by digest, in the order in which they come first."""
    different: dict[str, Layer] = {}
    for layer in layers:
        different.setdefault(layer.digest, layer)
    return different


class _State(Enum):
    ABSENT = auto()
    DOWNLOADING = auto()
    STORED = auto()


@dataclass(eq=False)
class _Layer:
    """What the cache knows of a layer; `partial` is the size of its partial, None if there is none."""

    digest: str
    state: _State = _State.ABSENT
    size: int = 0
    partial: int | None = None
    holds: int = 0
    download: "_Download | None" = None

    @property
    def part(self) -> str:
        return self.digest + PARTIAL

    @property
    def fetched(self) -> int:
        return self.partial or 0

    @property
    def forgettable(self) -> bool:
        return self.state is _State.ABSENT and self.partial is None and not self.holds and self.download is None


@dataclass(eq=False)
class _Download:
    """A download in flight. `layer.download` stays set until its task has ended, so that the next download can wait for that."""

    layer: _Layer
    size: int
    after: "_Download | None"
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    waiters: "set[_Pull]" = field(default_factory=set)
    reserved: int = 0
    live: bool = True


class Hold:
    """Keeps the layers of an image in the cache until `release`. Returned by `hold` and `pull`."""

    def __init__(self, cache: "LayerCache", manifest: Manifest) -> None:
        self.manifest = manifest
        self._cache = cache
        self._digests = [layer.digest for layer in manifest.layers]
        self._released = False
        for digest in dict.fromkeys(self._digests):
            cache._layer(digest).holds += 1
        cache._use(self._digests)

    def missing(self) -> list[str]:
        return [digest for digest in dict.fromkeys(self._digests) if not self._cache._is_stored(digest)]

    def release(self) -> None:
        if self._released:
            raise HoldError("released before")
        self._cache._use(self._digests)
        self._drop()
        self._cache._room_changed()

    def _drop(self) -> None:
        """End the hold without using its layers."""
        self._released = True
        for digest in dict.fromkeys(self._digests):
            layer = self._cache._layer(digest)
            layer.holds -= 1
            self._cache._tidy(layer)


class LayerCache:
    """Blobs in a store, within a budget. What only the puller needs is in the methods below `hold`."""

    def __init__(self, store: Store, budget: int, *, policy: Policy | None = None) -> None:
        self._store = store
        self._budget = budget
        self._policy = policy
        self._layers: dict[str, _Layer] = {}
        self._stored: dict[str, _Layer] = {}  # from the least to the most recently used
        self._in_use = 0  # the bytes of all files and those that are reserved
        self._listener: Callable[[], None] | None = None
        for name in store.names():
            size = store.size(name)
            self._in_use += size
            if name.endswith(PARTIAL):
                self._layer(name.removesuffix(PARTIAL)).partial = size
            else:
                layer = self._layer(name)
                layer.state, layer.size = _State.STORED, size
                self._stored[name] = layer
        if policy is None:  # any order is right for these, and the largest first evicts the fewest
            self._stored = dict(sorted(self._stored.items(), key=lambda item: -item[1].size))
        self._make_room(0, ())

    def put(self, digest: str, data: bytes) -> None:
        if _digest_of(data) != digest:
            raise BadDigest(digest)
        if not self._is_stored(digest):
            if len(data) > self._budget:
                raise TooLarge(digest)
            layer = self._layer(digest)
            try:
                needed = len(data) - layer.fetched
                if needed > self._room({digest}):
                    raise CacheBusy(digest)
                self._make_room(needed, {digest})
                # A write can be left half done by a crash: it must not have the blob's name.
                self._store.write(layer.part, data)
                self._set_partial(layer, len(data))
                self._promote(layer)
            finally:
                self._tidy(layer)
        self._use([digest])

    def get(self, digest: str) -> bytes | None:
        layer = self._stored.get(digest)
        if layer is None:
            return None
        data = self._store.read(digest)
        if _digest_of(data) != digest:
            self._evict(layer)
            return None
        self._use([digest])
        return data

    def hold(self, manifest: Manifest) -> Hold:
        self._request(manifest)
        return Hold(self, manifest)

    # ---- the layers

    def _request(self, manifest: Manifest) -> None:
        if self._policy is not None:
            self._policy.requested(manifest)
        if sum(layer.size for layer in _different(manifest.layers).values()) > self._budget:
            raise TooLarge(manifest.image)

    def _layer(self, digest: str) -> _Layer:
        layer = self._layers.get(digest)
        if layer is None:
            layer = self._layers[digest] = _Layer(digest)
        return layer

    def _tidy(self, layer: _Layer) -> None:
        if layer.forgettable:
            self._layers.pop(layer.digest, None)

    def _is_stored(self, digest: str) -> bool:
        return digest in self._stored

    def _use(self, digests: Iterable[str]) -> None:
        for digest in digests:
            if digest in self._stored:
                self._stored[digest] = self._stored.pop(digest)

    def _room_changed(self) -> None:
        if self._listener is not None:
            self._listener()

    # ---- room

    def _loose_partials(self, own: Collection[str]) -> list[_Layer]:
        """The layers whose partials can be evicted, except those in `own`."""
        return [
            layer
            for layer in self._layers.values()
            if layer.partial is not None and layer.state is not _State.DOWNLOADING and layer.digest not in own
        ]

    def _loose_blobs(self, own: Collection[str]) -> list[_Layer]:
        """The blobs that can be evicted, least recently used first, except those in `own`."""
        return [layer for layer in self._stored.values() if not layer.holds and layer.digest not in own]

    def _room(self, own: Collection[str]) -> int:
        """The bytes that are free or can be made so for somebody whose layers are `own`."""
        partials = sum(layer.fetched for layer in self._loose_partials(own))
        return self._budget - self._in_use + partials + sum(layer.size for layer in self._loose_blobs(own))

    def _make_room(self, needed: int, own: Collection[str]) -> None:
        """Evict until `needed` bytes are free; the caller knows that there is room."""
        if self._in_use + needed <= self._budget:
            return
        # The largest go first: so none is deleted that could have stayed.
        for layer in sorted(self._loose_partials(own), key=lambda layer: -layer.fetched):
            if self._in_use + needed <= self._budget:
                return
            self._delete_partial(layer)
        missing = self._in_use + needed - self._budget
        if missing <= 0:
            return
        blobs = self._loose_blobs(own)
        if self._policy is not None:
            candidates = [Candidate(layer.digest, layer.size) for layer in blobs]
            named = set(self._policy.victims(candidates, missing))
            for layer in [layer for layer in blobs if layer.digest in named]:
                self._evict(layer)
                blobs.remove(layer)
        for layer in blobs:
            if self._in_use + needed <= self._budget:
                return
            self._evict(layer)

    def _evict(self, layer: _Layer) -> None:
        """stored -> absent"""
        self._store.delete(layer.digest)
        del self._stored[layer.digest]
        self._in_use -= layer.size
        layer.state = _State.ABSENT
        layer.size = 0
        self._tidy(layer)

    # ---- partials and downloads

    def _set_partial(self, layer: _Layer, size: int) -> None:
        self._in_use += size - layer.fetched
        layer.partial = size

    def _delete_partial(self, layer: _Layer) -> None:
        if layer.partial is not None:
            self._store.delete(layer.part)
            self._set_partial(layer, 0)
            layer.partial = None
            self._tidy(layer)

    def _promote(self, layer: _Layer) -> None:
        """absent or downloading -> stored: the partial, which is whole, becomes the blob."""
        self._store.rename(layer.part, layer.digest)
        layer.size, layer.partial = layer.fetched, None
        layer.state = _State.STORED
        self._stored[layer.digest] = layer

    def _start(self, layer: _Layer, size: int) -> _Download:
        """absent -> downloading: all that is to be fetched is reserved."""
        download = layer.download = _Download(layer, size, after=layer.download)
        download.reserved = max(0, size - layer.fetched)
        self._in_use += download.reserved
        layer.state = _State.DOWNLOADING
        return download

    def _append(self, download: _Download, data: bytes) -> None:
        layer = download.layer
        self._store.append(layer.part, data)
        download.reserved -= len(data)
        self._in_use -= len(data)
        self._set_partial(layer, layer.fetched + len(data))

    def _complete(self, download: _Download) -> None:
        """downloading -> stored, if the bytes are right"""
        layer = download.layer
        data = b"" if layer.partial is None else self._store.read(layer.part)
        if len(data) > download.size or _digest_of(data) != layer.digest:
            raise BadDigest(layer.digest)
        if layer.partial is None:
            self._store.write(layer.part, b"")
            layer.partial = 0
        self._promote(layer)
        download.live = False

    def _stop(self, download: _Download) -> None:
        """downloading -> absent: the partial stays, the reserved bytes are free again."""
        self._in_use -= download.reserved
        download.reserved = 0
        download.live = False
        download.layer.state = _State.ABSENT

    def _ended(self, download: _Download) -> None:
        """The task of a download is over."""
        download.ended.set()
        if download.layer.download is download:
            download.layer.download = None
            self._tidy(download.layer)


@dataclass(eq=False)
class _Pull:
    """A pull from its call to its end. It waits for room until it has a hold, then for the downloads in `pending`."""

    manifest: Manifest
    layers: dict[str, Layer]
    hold: Hold | None = None
    pending: set[_Download] = field(default_factory=set)
    error: Exception | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)


class Puller:
    """Pulls images into a cache; the downloads are tasks of its own, since they can outlive the pulls that began them."""

    def __init__(self, cache: LayerCache, registry: Registry) -> None:
        self._cache = cache
        self._registry = registry
        self._tasks: anyio.abc.TaskGroup | None = None  # None while the puller is not open
        self._waiting: list[_Pull] = []  # in the order in which they came
        self._begun: set[_Pull] = set()

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        self._cache._listener = self._begin_what_can
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._tasks, None
        assert tasks is not None
        self._cache._listener = None
        for pull in [*self._waiting, *self._begun]:
            self._end(pull, PullerClosed("the puller was closed"))
        tasks.cancel_scope.cancel()
        # What the block raised is not the tasks' affair: it goes on as it is, in no group.
        await tasks.__aexit__(None, None, None)

    async def pull(self, manifest: Manifest) -> Hold:
        if self._tasks is None:
            raise PullerClosed("the puller is not open")
        await anyio.lowlevel.checkpoint_if_cancelled()
        self._cache._request(manifest)
        pull = _Pull(manifest, _different(manifest.layers))
        self._waiting.append(pull)
        self._begin_what_can()
        if not pull.ended.is_set():
            try:
                await pull.ended.wait()
            except BaseException:
                self._leave(pull)
                raise
        if pull.error is not None:
            raise pull.error
        assert pull.hold is not None
        return pull.hold

    # ---- beginning

    def _to_fetch(self, pull: _Pull) -> list[Layer]:
        """The layers that are neither cached nor being downloaded."""
        known = self._cache._layers
        return [
            layer
            for digest, layer in pull.layers.items()
            if digest not in known or known[digest].state is _State.ABSENT
        ]

    def _bytes_to_fetch(self, pull: _Pull) -> int:
        known = self._cache._layers
        return sum(
            max(0, layer.size - (known[layer.digest].fetched if layer.digest in known else 0))
            for layer in self._to_fetch(pull)
        )

    def _begin_what_can(self) -> None:
        """Begin the pulls that have nothing to fetch, and the first that waits if there is room, until neither can be."""
        if self._tasks is None:
            return
        while self._waiting:
            pull = next((pull for pull in self._waiting if not self._bytes_to_fetch(pull)), self._waiting[0])
            needed = self._bytes_to_fetch(pull)
            if needed and needed > self._cache._room(pull.layers):
                return
            self._waiting.remove(pull)
            self._begin(pull, needed)

    def _begin(self, pull: _Pull, needed: int) -> None:
        assert self._tasks is not None
        cache = self._cache
        pull.hold = Hold(cache, pull.manifest)
        self._begun.add(pull)
        if needed:
            cache._make_room(needed, pull.layers)
        for layer in self._to_fetch(pull):
            download = cache._start(cache._layer(layer.digest), layer.size)
            self._tasks.start_soon(self._run, download)
        for digest in pull.layers:
            known = cache._layer(digest)
            if known.state is _State.DOWNLOADING:
                assert known.download is not None
                known.download.waiters.add(pull)
                pull.pending.add(known.download)
        if not pull.pending:
            self._succeed(pull)

    # ---- downloads

    async def _run(self, download: _Download) -> None:
        """The task of a download. From the moment that it is not live any more it touches nothing."""
        try:
            with download.scope:
                if download.after is not None:
                    await download.after.ended.wait()
                    download.after = None
                await self._fetch_all(download)
        except Exception as error:
            if download.live:
                self._fail(download, error)
        finally:
            self._cache._ended(download)

    async def _fetch_all(self, download: _Download) -> None:
        layer = download.layer
        while download.live and layer.fetched < download.size:
            data = await self._registry.fetch(layer.digest, layer.fetched)
            if not download.live:
                return
            if layer.fetched + len(data) > download.size:
                raise BadDigest(layer.digest)
            self._cache._append(download, data)
        if download.live:
            self._cache._complete(download)
            for pull in list(download.waiters):
                pull.pending.discard(download)
                if not pull.pending:
                    self._succeed(pull)
            self._begin_what_can()

    def _fail(self, download: _Download, error: Exception) -> None:
        self._cache._stop(download)
        if isinstance(error, BadDigest):
            self._cache._delete_partial(download.layer)
        for pull in list(download.waiters):
            self._end(pull, error)
        self._begin_what_can()

    # ---- ending

    def _succeed(self, pull: _Pull) -> None:
        self._begun.discard(pull)
        pull.ended.set()

    def _end(self, pull: _Pull, error: Exception) -> None:
        pull.error = error
        self._withdraw(pull)
        pull.ended.set()

    def _leave(self, pull: _Pull) -> None:
        """The caller of a pull was cancelled, perhaps at the instant at which the pull ended."""
        self._withdraw(pull)
        self._begin_what_can()

    def _withdraw(self, pull: _Pull) -> None:
        """The pull holds nothing and waits for nothing any more; what nobody else waits for is stopped."""
        if pull in self._waiting:
            self._waiting.remove(pull)
        self._begun.discard(pull)
        for download in pull.pending:
            download.waiters.discard(pull)
            if download.live and not download.waiters:
                self._cache._stop(download)
                download.scope.cancel()
        pull.pending.clear()
        if pull.hold is not None:
            pull.hold._drop()
            pull.hold = None


class ValuePolicy:
    """Weighs what a layer costs to fetch again and how likely that is against the bytes that it takes.

    How likely an image is to be asked for is the number of times that it was, each of which counts for less the longer ago it is. The layers
    that are kept are the best load that fits: of all sets of victims, one is chosen whose layers cost the least, as expected.
    """

    DECAY = 0.96

    def __init__(self) -> None:
        self._weights: dict[str, float] = {}
        self._images: dict[str, Manifest] = {}

    def requested(self, manifest: Manifest) -> None:
        for image in self._weights:
            self._weights[image] *= self.DECAY
        self._weights[manifest.image] = self._weights.get(manifest.image, 0.0) + 1.0
        self._images[manifest.image] = manifest

    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]:
        costs = self._costs()
        by_value = sorted(candidates, key=lambda it: costs.get(it.digest, 0.0) / max(it.size, 1))
        chosen: list[Candidate] = []
        freed = 0
        for candidate in by_value:
            if freed >= needed:
                break
            if candidate.size:
                chosen.append(candidate)
                freed += candidate.size
        for candidate in sorted(chosen, key=lambda it: -costs.get(it.digest, 0.0)):
            if freed - candidate.size >= needed:
                chosen.remove(candidate)
                freed -= candidate.size
        return [candidate.digest for candidate in chosen]

    def _costs(self) -> dict[str, float]:
        """For each layer the seconds that its eviction is expected to cost."""
        costs: dict[str, float] = {}
        for image, weight in self._weights.items():
            for digest, layer in _different(self._images[image].layers).items():
                costs[digest] = costs.get(digest, 0.0) + weight * layer.fetch_seconds
        return costs
