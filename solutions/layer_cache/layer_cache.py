"""Layer cache: books over a disk, and a puller whose downloads are tasks. Blobs are written to partials and renamed."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NoReturn, Protocol, Self

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

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


def _digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _different(manifest: Manifest) -> dict[str, Layer]:
    """The layers by digest, each once, in the manifest's order."""
    return {layer.digest: layer for layer in manifest.layers}


class Hold:
    """Keeps the layers of an image in the cache until `release`."""

    def __init__(self, manifest: Manifest, cache: "LayerCache") -> None:
        self.manifest = manifest
        self._cache = cache
        self._released = False

    def missing(self) -> list[str]:
        return [digest for digest in _different(self.manifest) if not self._cache._has(digest)]

    def release(self) -> None:
        if self._released:
            raise HoldError(f"the hold of {self.manifest.image} has been released before")
        self._released = True
        self._cache._let_go(self.manifest)


class LayerCache:
    """Stages 1, 2 and 4. Plain calls: between two of them the books below say exactly what is on the disk.

    A blob is written to its partial and renamed, so that the file named by a digest is whole at any moment.
    """

    def __init__(self, store: Store, budget: int, *, policy: Policy | None = None) -> None:
        self._store = store
        self._budget = budget
        self.policy = policy
        self._blobs: dict[str, int] = {}  # digest to size, the least recently used first
        self._partials: dict[str, int] = {}  # digest to bytes so far
        self._downloads: dict[str, int] = {}  # digest to whole size, while it is being downloaded
        self._holds: Counter[str] = Counter()
        self.when_released: Callable[[], None] = lambda: None
        """Called after each release of a hold: somebody may be waiting for the room."""
        for name in store.names():
            if name.endswith(PART):
                self._partials[name.removesuffix(PART)] = store.size(name)
            else:
                self._blobs[name] = store.size(name)
        self._make_room(0)

    # -- blobs

    def put(self, digest: str, data: bytes) -> None:
        if _digest_of(data) != digest:
            raise BadDigest(digest)
        if len(data) > self._budget:
            raise TooLarge(f"{digest} has {len(data)} bytes of {self._budget}")
        if digest in self._blobs:
            self._use(digest)
            return
        if not self._make_room(self._to_come(digest, len(data)), keep=[digest]):
            raise CacheBusy(digest)
        self._store.write(digest + PART, data)
        self._partials[digest] = len(data)
        self._publish(digest)

    def get(self, digest: str) -> bytes | None:
        if digest not in self._blobs:
            return None
        data = self._store.read(digest)  # once: a second reading may give other bytes
        if _digest_of(data) != digest:
            self._evict(digest)
            return None
        self._use(digest)
        return data

    def _has(self, digest: str) -> bool:
        """Whether the blob is cached."""
        return digest in self._blobs

    def _publish(self, digest: str) -> None:
        self._store.rename(digest + PART, digest)
        self._blobs[digest] = self._partials.pop(digest)

    def _use(self, digest: str) -> None:
        if digest in self._blobs:
            self._blobs[digest] = self._blobs.pop(digest)

    # -- holds

    def hold(self, manifest: Manifest) -> Hold:
        if self.policy is not None:
            self.policy.requested(manifest)
        self._check_fits(manifest)
        return self._take(manifest)

    def _check_fits(self, manifest: Manifest) -> None:
        """Raises `TooLarge` for an image that can never be held."""
        size = sum(layer.size for layer in _different(manifest).values())
        if size > self._budget:
            raise TooLarge(f"{manifest.image} has {size} bytes of {self._budget}")

    def _take(self, manifest: Manifest) -> Hold:
        """A hold, with nothing asked."""
        self._holds.update(_different(manifest).keys())
        return Hold(manifest, self)

    def _let_go(self, manifest: Manifest) -> None:
        """The end of a hold."""
        self._holds.subtract(_different(manifest).keys())
        for layer in manifest.layers:
            self._use(layer.digest)
        self.when_released()

    # -- room

    def _make_room(self, needed: int, *, keep: Collection[str] = ()) -> bool:
        """Evict until `needed` bytes are free, sparing what is in `keep`; nothing at all if that is not enough."""
        reserved = sum(self._to_come(digest, size) for digest, size in self._downloads.items())
        missing = needed + reserved + sum(self._blobs.values()) + sum(self._partials.values()) - self._budget
        partials = {d: size for d, size in self._partials.items() if d not in self._downloads and d not in keep}
        blobs = {d: size for d, size in self._blobs.items() if not self._holds[d] and d not in keep}
        if sum(partials.values()) + sum(blobs.values()) < missing:
            return False
        for digest in _first_enough(partials, missing):
            self._store.delete(digest + PART)
            missing -= self._partials.pop(digest)
        if missing > 0:
            for digest in self._victims(blobs, missing):
                self._evict(digest)
        return True

    def _victims(self, blobs: dict[str, int], missing: int) -> list[str]:
        if self.policy is None:
            return _first_enough(blobs, missing)
        return self.policy.victims([Candidate(digest, size) for digest, size in blobs.items()], missing)

    def _evict(self, digest: str) -> None:
        self._store.delete(digest)
        del self._blobs[digest]

    # -- downloads: what the puller does to the books

    def _to_come(self, digest: str, size: int) -> int:
        """The bytes of a blob that are not in its partial yet."""
        return size - self._partials.get(digest, 0)

    def _begin_download(self, layer: Layer) -> None:
        """Reserves what is to come; there must be room for it."""
        self._downloads[layer.digest] = layer.size

    def _end_download(self, digest: str) -> None:
        """What has not come by now is not reserved any more; the partial stays."""
        del self._downloads[digest]

    def _add(self, digest: str, data: bytes) -> None:
        """More bytes of a blob that is being downloaded."""
        if len(data) > self._to_come(digest, self._downloads[digest]):
            self._spoil(digest)
        self._store.append(digest + PART, data)
        self._partials[digest] = self._partials.get(digest, 0) + len(data)

    def _complete(self, digest: str) -> None:
        """All bytes have come: the partial becomes the blob. Raises `BadDigest` if they are not the right ones."""
        if digest not in self._partials:  # no byte was needed
            self._add(digest, b"")
        if _digest_of(self._store.read(digest + PART)) != digest:
            self._spoil(digest)
        self._publish(digest)

    def _spoil(self, digest: str) -> NoReturn:
        if self._partials.pop(digest, None) is not None:
            self._store.delete(digest + PART)
        raise BadDigest(digest)


def _first_enough(sizes: dict[str, int], needed: int) -> list[str]:
    """As many, from the first on, as it takes to free `needed` bytes; all if they do not."""
    chosen = []
    for digest, size in sizes.items():
        if needed <= 0:
            break
        chosen.append(digest)
        needed -= size
    return chosen


@dataclass(eq=False)
class _Pull:
    """One call of `pull`: in line until it has a hold, then waiting for downloads, then done."""

    manifest: Manifest
    hold: Hold | None = None
    waits_for: set[str] = field(default_factory=set)
    done: anyio.Event = field(default_factory=anyio.Event)
    error: Exception | None = None


@dataclass(eq=False)
class _Download:
    """One layer's download, in a task of the puller's, so that no caller's cancellation can reach it."""

    layer: Layer
    pulls: list[_Pull] = field(default_factory=list)
    abandoned: bool = False  # cancelled, but `fetch` has not ended yet: nobody can join it
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))


class Puller:
    """Stages 3 and 4. Every change of state is plain code without an `await`, so no other task sees half of it."""

    def __init__(self, cache: LayerCache, registry: Registry) -> None:
        self._cache = cache
        self._registry = registry
        self._open = False
        self._line: list[_Pull] = []  # those that have not begun, in the order in which they came
        self._downloads: dict[str, _Download] = {}
        self._tasks: TaskGroup

    async def __aenter__(self) -> Self:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        self._open = True
        self._cache.when_released = self._settle
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open = False
        waiting = [pull for download in self._downloads.values() for pull in download.pulls]
        for pull in [*self._line, *waiting]:
            self._end(pull, PullerClosed(f"the puller was closed before {pull.manifest.image} was pulled"))
        # The block's exception is not for the task group, which would wrap it; and a cancellation of this task must not
        # take that exception's place. All tasks are ending: the wait is short.
        self._tasks.cancel_scope.shield = True
        await self._tasks.__aexit__(None, None, None)
        self._cache.when_released = lambda: None

    async def pull(self, manifest: Manifest) -> Hold:
        if self._cache.policy is not None:
            self._cache.policy.requested(manifest)
        await anyio.lowlevel.checkpoint_if_cancelled()  # nothing is evicted for somebody who has gone
        if not self._open:
            raise PullerClosed(manifest.image)
        self._cache._check_fits(manifest)
        pull = _Pull(manifest)
        self._line.append(pull)
        self._settle()
        try:
            await pull.done.wait()
        except BaseException:  # cancelled
            self._end(pull)
            raise
        if pull.error is not None:
            raise pull.error
        assert pull.hold is not None
        return pull.hold

    def _settle(self) -> None:
        """To be called after every change that may let a pull begin."""
        while self._open:
            pull = next(filter(self._can_begin, self._candidates()), None)
            if pull is None:
                return
            self._begin(pull)

    def _candidates(self) -> list[_Pull]:
        """Those in line that may begin now: all that have nothing to fetch, and the first of the others."""
        ready = [pull for pull in self._line if not self._to_fetch(pull)]
        others = [pull for pull in self._line if self._to_fetch(pull)]
        return ready + others[:1]

    def _fresh(self, pull: _Pull) -> list[Layer]:
        """The layers that would be downloaded for this pull."""
        different = _different(pull.manifest).values()
        return [it for it in different if not self._cache._has(it.digest) and it.digest not in self._downloads]

    def _to_fetch(self, pull: _Pull) -> int:
        return sum(self._cache._to_come(layer.digest, layer.size) for layer in self._fresh(pull))

    def _can_begin(self, pull: _Pull) -> bool:
        """Whether it can; makes the room for it."""
        layers = _different(pull.manifest)
        if any(digest in self._downloads and self._downloads[digest].abandoned for digest in layers):
            return False
        needed = self._to_fetch(pull)
        return not needed or self._cache._make_room(needed, keep=layers)

    def _begin(self, pull: _Pull) -> None:
        self._line.remove(pull)
        fresh = self._fresh(pull)
        pull.hold = self._cache._take(pull.manifest)
        for layer in fresh:
            self._cache._begin_download(layer)
            self._downloads[layer.digest] = download = _Download(layer)
            self._tasks.start_soon(self._download, download)
        pull.waits_for = set(pull.hold.missing())
        for digest in pull.waits_for:
            self._downloads[digest].pulls.append(pull)
        if not pull.waits_for:
            pull.done.set()

    async def _download(self, download: _Download) -> None:
        digest, size = download.layer.digest, download.layer.size
        error: Exception | None = None
        try:
            with download.scope:
                while to_come := self._cache._to_come(digest, size):
                    self._cache._add(digest, await self._registry.fetch(digest, size - to_come))
                self._cache._complete(digest)
        except Exception as caught:  # FetchFailed, BadDigest, or a bug in the registry, which its callers must see too
            error = caught
        finally:
            # Also when cancelled: the room was in use until here.
            del self._downloads[digest]
            self._cache._end_download(digest)
            for pull in download.pulls.copy():
                if error is not None:
                    self._end(pull, error)
                else:
                    self._arrived(pull, digest)
            self._settle()

    def _arrived(self, pull: _Pull, digest: str) -> None:
        pull.waits_for.remove(digest)
        if not pull.waits_for:
            pull.done.set()

    def _end(self, pull: _Pull, error: Exception | None = None) -> None:
        """The pull comes to nothing: it leaves the line, or lets go of its layers and of the downloads it waits for."""
        if pull.error is not None:
            return
        pull.error = error
        pull.done.set()
        if pull in self._line:
            self._line.remove(pull)
        for digest in pull.waits_for:
            download = self._downloads.get(digest)
            if download is not None and pull in download.pulls:  # it may be a new one of the same layer
                download.pulls.remove(pull)
                if not download.pulls:
                    download.abandoned = True
                    download.scope.cancel()
        if pull.hold is not None:
            pull.hold.release()
        self._settle()


class ValuePolicy:
    """Evicts first what saves the fewest fetch seconds per byte: fetch seconds x likelihood / size.

    The likelihood that a layer is asked for next is taken from how often it was, where the past fades: popularity changes.
    """

    FADE = 0.97  # what a request still counts after the next one

    def __init__(self) -> None:
        self._now = 0
        self._asked: dict[str, tuple[float, int]] = {}  # digest to faded count, and the request at which it was taken
        self._seconds: dict[str, float] = {}

    def requested(self, manifest: Manifest) -> None:
        self._now += 1
        for digest, layer in _different(manifest).items():
            self._asked[digest] = (self._count(digest) + 1, self._now)
            self._seconds[digest] = layer.fetch_seconds

    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]:
        return _first_enough({it.digest: it.size for it in sorted(candidates, key=self._worth)}, needed)

    def _count(self, digest: str) -> float:
        count, at = self._asked.get(digest, (0.0, self._now))
        return count * self.FADE ** (self._now - at)

    def _worth(self, candidate: Candidate) -> float:
        return self._seconds.get(candidate.digest, 0.0) * self._count(candidate.digest) / max(candidate.size, 1)
