"""A layer cache without books: it asks the disk what is there. Pulls share one monitor, in which each looks for itself whether it may go on."""

import hashlib
import itertools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Protocol, Self

import anyio
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

PART = ".part"


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _sizes(manifest: Manifest) -> dict[str, int]:
    return {layer.digest: layer.size for layer in manifest.layers}


class Hold:
    """Keeps the layers of an image in the cache until `release`. Two holds are never equal."""

    def __init__(self, manifest: Manifest, cache: "LayerCache") -> None:
        self.manifest = manifest
        self._cache = cache
        cache.live.append(self)

    def missing(self) -> list[str]:
        files = self._cache._files()
        return [digest for digest in _sizes(self.manifest) if digest not in files]

    def release(self) -> None:
        if self not in self._cache.live:
            raise HoldError(self.manifest.image)
        self._cache.live.remove(self)
        self._cache._use(*(layer.digest for layer in self.manifest.layers))
        self._cache.changed()


class LayerCache:
    """Asks the disk whenever it wants to know what is there; in memory are only the holds, the reservations and who was used when."""

    def __init__(self, store: Store, budget: int, *, policy: Policy | None = None) -> None:
        self.store = store
        self.budget = budget
        self.policy = policy
        self.live: list[Hold] = []
        self.reserved: dict[str, int] = {}  # whole sizes of the blobs that are being downloaded
        self.changed: Callable[[], None] = lambda: None
        self._clock = itertools.count(1)
        self._used: dict[
            str, int
        ] = {}  # file to the time of its last use; what an earlier process left is older than anything
        self._free(0, ())

    def _files(self) -> dict[str, int]:
        """All files with their sizes, the least recently used first."""
        names = sorted(self.store.names(), key=lambda name: self._used.get(name, 0))
        return {name: self.store.size(name) for name in names}

    def _use(self, *names: str) -> None:
        for name in names:
            self._used[name] = next(self._clock)

    def put(self, digest: str, data: bytes) -> None:
        if _sha256(data) != digest:
            raise BadDigest(digest)
        if len(data) > self.budget:
            raise TooLarge(digest)
        files = self._files()
        if digest not in files:
            if not self._free(len(data) - files.get(digest + PART, 0), (digest,)):
                raise CacheBusy(digest)
            self.store.write(digest + PART, data)
            self.store.rename(digest + PART, digest)
        self._use(digest)

    def get(self, digest: str) -> bytes | None:
        if digest.endswith(PART) or digest not in self.store.names():
            return None
        data = self.store.read(digest)
        if _sha256(data) == digest:
            self._use(digest)
            return data
        self.store.delete(digest)
        return None

    def hold(self, manifest: Manifest) -> Hold:
        self._announce(manifest)
        self._refuse_what_never_fits(manifest)
        return Hold(manifest, self)

    def _announce(self, manifest: Manifest) -> None:
        if self.policy is not None:
            self.policy.requested(manifest)

    def _refuse_what_never_fits(self, manifest: Manifest) -> None:
        if sum(_sizes(manifest).values()) > self.budget:
            raise TooLarge(manifest.image)

    def _free(self, needed: int, kept: Collection[str]) -> bool:
        """Makes sure that `needed` bytes are free, without evicting layers in `kept`. False, and nothing done, if that cannot be."""
        files = self._files()
        to_come = sum(size - files.get(digest + PART, 0) for digest, size in self.reserved.items())
        lacking = needed + to_come + sum(files.values()) - self.budget
        untouchable = set(kept).union(*(_sizes(hold.manifest) for hold in self.live))
        blobs = {name: size for name, size in files.items() if not name.endswith(PART) and name not in untouchable}
        untouchable = {*kept, *self.reserved}
        partials = {
            name: size
            for name, size in files.items()
            if name.endswith(PART) and name.removesuffix(PART) not in untouchable
        }
        if lacking > sum(blobs.values()) + sum(partials.values()):
            return False
        for name, size in partials.items():
            if lacking > 0:
                self.store.delete(name)
                lacking -= size
        if lacking > 0:
            for name in self._victims(blobs, lacking):
                self.store.delete(name)
        return True

    def _victims(self, blobs: dict[str, int], lacking: int) -> list[str]:
        if self.policy is not None:
            return self.policy.victims([Candidate(*blob) for blob in blobs.items()], lacking)
        freed = itertools.accumulate(blobs.values(), initial=0)
        return [name for name, before in zip(blobs, freed, strict=False) if before < lacking]


@dataclass(eq=False)
class _Flight:
    """A download: in the end it has landed, or failed with an error, or was given up."""

    digest: str
    size: int
    users: int = 0
    landed: bool = False
    error: Exception | None = None
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))


class Puller:
    """A monitor: whenever anything has changed everybody looks again whether it may go on."""

    def __init__(self, cache: LayerCache, registry: Registry) -> None:
        self._cache = cache
        self._registry = registry
        self._closed = True
        self._news = anyio.Event()
        self._line: list[Manifest] = []
        self._flights: dict[str, _Flight] = {}

    async def __aenter__(self) -> Self:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._closed = False
        self._cache.changed = self._tell
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed = True
        for flight in self._flights.values():
            flight.scope.cancel()
        self._tell()
        self._group.cancel_scope.shield = True
        await self._group.__aexit__(None, None, None)
        self._cache.changed = lambda: None

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def pull(self, manifest: Manifest) -> Hold:
        self._cache._announce(manifest)
        if self._closed:
            raise PullerClosed(manifest.image)
        self._cache._refuse_what_never_fits(manifest)
        await anyio.lowlevel.checkpoint_if_cancelled()
        turn = replace(manifest)  # an object of its own: one image can be in line twice
        self._line.append(turn)
        try:
            while (joined := self._begin(turn)) is None:
                await self._news.wait()
                self._check_open(turn)
        finally:
            self._line = [other for other in self._line if other is not turn]
            self._tell()
        hold, flights = joined
        try:
            while not all(flight.landed for flight in flights):
                await self._news.wait()
                for flight in flights:
                    if flight.error is not None:
                        raise flight.error
                if not all(flight.landed for flight in flights):
                    self._check_open(turn)
            await anyio.lowlevel.checkpoint()
        except BaseException:
            for flight in flights:
                flight.users -= 1
                if not flight.users:
                    flight.scope.cancel()
            hold.release()
            raise
        return hold

    def _check_open(self, turn: Manifest) -> None:
        if self._closed:
            raise PullerClosed(turn.image)

    def _to_fetch(self, manifest: Manifest) -> dict[str, int]:
        """The layers that are neither cached nor being downloaded, with the bytes that their partials lack."""
        files = self._cache._files()
        fresh = {
            digest: size
            for digest, size in _sizes(manifest).items()
            if digest not in files and digest not in self._flights
        }
        return {digest: size - files.get(digest + PART, 0) for digest, size in fresh.items()}

    def _begin(self, turn: Manifest) -> tuple[Hold, list[_Flight]] | None:
        """Begins the pull if it may: its hold, and the downloads that it waits for."""
        sizes = _sizes(turn)
        if any(digest in self._flights and not self._flights[digest].users for digest in sizes):
            return None  # one that was given up has not ended yet
        fresh = self._to_fetch(turn)
        needed = sum(fresh.values())
        if needed:
            first = next(other for other in self._line if sum(self._to_fetch(other).values()))
            if first is not turn or not self._cache._free(needed, sizes):
                return None
        hold = Hold(turn, self._cache)
        self._line = [other for other in self._line if other is not turn]
        for digest in fresh:
            self._cache.reserved[digest] = sizes[digest]
            self._flights[digest] = flight = _Flight(digest, sizes[digest])
            self._group.start_soon(self._fly, flight)
        flights = [self._flights[digest] for digest in sizes if digest in self._flights]
        for flight in flights:
            flight.users += 1
        return hold, flights

    async def _fly(self, flight: _Flight) -> None:
        store, part = self._cache.store, flight.digest + PART
        try:
            with flight.scope:
                store.append(part, b"")
                while (size := store.size(part)) < flight.size:
                    data = await self._registry.fetch(flight.digest, size)
                    if size + len(data) > flight.size:
                        self._spoil(flight)
                    store.append(part, data)
                if _sha256(store.read(part)) != flight.digest:
                    self._spoil(flight)
                store.rename(part, flight.digest)
                self._cache._use(flight.digest)
                flight.landed = True
        except Exception as error:
            flight.error = error
        self._cache._use(part)
        del self._cache.reserved[flight.digest]
        del self._flights[flight.digest]
        self._tell()

    def _spoil(self, flight: _Flight) -> None:
        self._cache.store.delete(flight.digest + PART)
        raise BadDigest(flight.digest)


class ValuePolicy:
    """Keeps what saves most per byte: fetch seconds / (size x expected wait).

    The wait for a layer's next request is its mean gap so far, or half the time since its last one if that is longer.
    """

    def __init__(self) -> None:
        self._requests = 0
        self._seen: dict[
            str, tuple[int, int, float]
        ] = {}  # digest to times asked for, the last of them, and seconds to fetch

    def requested(self, manifest: Manifest) -> None:
        self._requests += 1
        for layer in {layer.digest: layer for layer in manifest.layers}.values():
            times = self._seen[layer.digest][0] if layer.digest in self._seen else 0
            self._seen[layer.digest] = (times + 1, self._requests, layer.fetch_seconds)

    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]:
        named: list[str] = []
        for candidate in sorted(candidates, key=self._worth):
            if needed > 0:
                named.append(candidate.digest)
                needed -= candidate.size
        return named

    def _worth(self, candidate: Candidate) -> float:
        times, last, seconds = self._seen.get(candidate.digest, (0, 0, 0.0))
        wait = max(self._requests / (times + 1), (self._requests - last) / 2, 1)
        return seconds / (max(candidate.size, 1) * wait)
