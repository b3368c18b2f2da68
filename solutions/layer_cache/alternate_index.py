"""Layer cache: container image layers within a byte budget, with the store as the only truth.

What is cached, partial, in use and missing is computed from the files each time (`_Index`), and reservations from the downloads that
have a task; in memory are only the holds, the order of use, and who waits for what. A download keeps its reservation until its task has
ended, so nothing ever races with it: whatever changes calls `Puller._advance`, which begins the pulls that can begin.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

import anyio
from anyio.abc import TaskGroup
from anyio.lowlevel import checkpoint_if_cancelled

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
WELL_FORMED = re.compile(r"sha256:[0-9a-f]{64}")


def _digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _sizes_of(manifest: Manifest) -> dict[str, int]:
    """The sizes of the manifest's different layers, in its order."""
    return {layer.digest: layer.size for layer in manifest.layers}


@dataclass(frozen=True)
class _Index:
    """What the store holds: the sizes of the blobs and of the partials, by digest."""

    blobs: dict[str, int]
    partials: dict[str, int]

    @classmethod
    def of(cls, store: Store) -> "_Index":
        sizes = {name: store.size(name) for name in store.names()}
        return cls(
            {name: size for name, size in sizes.items() if not name.endswith(PART)},
            {name.removesuffix(PART): size for name, size in sizes.items() if name.endswith(PART)},
        )

    @property
    def in_use(self) -> int:
        return sum(self.blobs.values()) + sum(self.partials.values())


class Hold:
    """Keeps the layers of an image in the cache until `release`. Returned by `hold` and `pull`."""

    def __init__(self, cache: "LayerCache", manifest: Manifest) -> None:
        self.manifest = manifest
        self._cache = cache

    def missing(self) -> list[str]:
        return self._cache._missing(self.manifest)

    def release(self) -> None:
        self._cache._release(self)


class LayerCache:
    """Stages 1, 2 and 4. The methods below `hold` are for `Hold` and `Puller`."""

    def __init__(self, store: Store, budget: int, *, policy: Policy | None = None) -> None:
        self.budget = budget
        self.on_release: Callable[[], None] = lambda: None
        self._store = store
        self._policy = policy
        self._holds: set[Hold] = set()
        self._used: dict[str, int] = {}  # when each blob was used last, by this cache
        self._uses = 0
        self._make_room(0, ())

    def put(self, digest: str, data: bytes) -> None:
        if _digest_of(data) != digest:
            raise BadDigest(digest)
        if not self._is_cached(digest):
            if len(data) > self.budget:
                raise TooLarge(digest)
            needed = len(data) - self._partial_size(digest)
            if not self._fits(needed, [digest]):
                raise CacheBusy(digest)
            self._make_room(needed, [digest])
            self._store.write(digest + PART, data)
            self._store.rename(digest + PART, digest)
        self._use([digest])

    def get(self, digest: str) -> bytes | None:
        if not self._is_cached(digest):
            return None
        data = self._store.read(digest)
        if _digest_of(data) != digest:
            self._evict(digest)
            return None
        self._use([digest])
        return data

    def hold(self, manifest: Manifest) -> Hold:
        self._admit(manifest)
        return self._hold_now(manifest)

    def _admit(self, manifest: Manifest) -> None:
        """Tell the policy of the request, and refuse what can never fit."""
        if self._policy is not None:
            self._policy.requested(manifest)
        if sum(_sizes_of(manifest).values()) > self.budget:
            raise TooLarge(manifest.image)

    def _hold_now(self, manifest: Manifest) -> Hold:
        hold = Hold(self, manifest)
        self._holds.add(hold)
        self._use_layers(manifest)
        return hold

    def _release(self, hold: Hold) -> None:
        if hold not in self._holds:
            raise HoldError(hold.manifest.image)
        self._use_layers(hold.manifest)
        self._drop(hold)
        self.on_release()

    def _drop(self, hold: Hold) -> None:
        """The hold ends, which is no use of its layers."""
        self._holds.discard(hold)

    def _missing(self, manifest: Manifest) -> list[str]:
        files = set(self._store.names())
        return [digest for digest in _sizes_of(manifest) if digest not in files]

    def _is_cached(self, digest: str) -> bool:
        return WELL_FORMED.fullmatch(digest) is not None and digest in self._store.names()

    def _partial_size(self, digest: str) -> int:
        return _Index.of(self._store).partials.get(digest, 0)

    def _append(self, digest: str, data: bytes) -> None:
        self._store.append(digest + PART, data)

    def _seal(self, digest: str) -> None:
        """Make a blob of the partial, which is complete. If it is not what its digest names, it is deleted."""
        if digest + PART not in self._store.names():
            self._store.append(digest + PART, b"")
        if _digest_of(self._store.read(digest + PART)) != digest:
            self._discard_partial(digest)
            raise BadDigest(digest)
        self._store.rename(digest + PART, digest)
        self._use([digest])

    def _discard_partial(self, digest: str) -> None:
        if digest + PART in self._store.names():
            self._store.delete(digest + PART)

    def _fits(self, needed: int, keep: Collection[str], own: Collection[str] = ()) -> bool:
        """Whether there can be room for so many bytes more while the partials of `keep`, the blobs of `own` and whatever is held stay."""
        index = _Index.of(self._store)
        partials = sum(size for digest, size in index.partials.items() if digest not in keep)
        blobs = sum(candidate.size for candidate in self._candidates(index) if candidate.digest not in own)
        return index.in_use + needed - partials - blobs <= self.budget

    def _make_room(self, needed: int, keep: Collection[str]) -> None:
        """Evict until there is room for so many bytes more: first partials, but not those of `keep`; then blobs that are not held."""
        index = _Index.of(self._store)
        lacking = index.in_use + needed - self.budget
        # The largest go first: so none is deleted that turns out not to have been needed.
        for digest in sorted(index.partials.keys() - set(keep), key=lambda digest: (-index.partials[digest], digest)):
            if lacking <= 0:
                return
            self._store.delete(digest + PART)
            lacking -= index.partials[digest]
        if lacking > 0:
            candidates = self._candidates(index)
            for digest in (
                self._policy.victims(candidates, lacking)
                if self._policy is not None
                else self._oldest(candidates, lacking)
            ):
                self._evict(digest)

    def _candidates(self, index: _Index) -> list[Candidate]:
        held = {layer.digest for hold in self._holds for layer in hold.manifest.layers}
        return [Candidate(digest, size) for digest, size in index.blobs.items() if digest not in held]

    def _oldest(self, candidates: Iterable[Candidate], lacking: int) -> list[str]:
        """The least recently used; those that an earlier cache left come before all others."""
        chosen = []
        for candidate in sorted(
            candidates, key=lambda candidate: (self._used.get(candidate.digest, 0), -candidate.size)
        ):
            if lacking <= 0:
                break
            chosen.append(candidate.digest)
            lacking -= candidate.size
        return chosen

    def _evict(self, digest: str) -> None:
        self._store.delete(digest)
        self._used.pop(digest, None)

    def _use_layers(self, manifest: Manifest) -> None:
        missing = set(self._missing(manifest))
        self._use(layer.digest for layer in manifest.layers if layer.digest not in missing)

    def _use(self, digests: Iterable[str]) -> None:
        for digest in digests:
            self._uses += 1
            self._used[digest] = self._uses


@dataclass(eq=False)
class _Download:
    """A layer that is being fetched by a task. The shield leaves it to the puller alone to cancel it."""

    digest: str
    size: int
    scope: anyio.CancelScope = field(default_factory=lambda: anyio.CancelScope(shield=True))


@dataclass(eq=False)
class _Pull:
    """A call of `pull` that has not ended. It has a hold from when it begins."""

    manifest: Manifest
    hold: Hold | None = None
    missing: set[str] = field(default_factory=set)
    error: BaseException | None = None
    ended: anyio.Event = field(default_factory=anyio.Event)


class Puller:
    """Stages 3 and 4."""

    def __init__(self, cache: LayerCache, registry: Registry) -> None:
        self._cache = cache
        self._registry = registry
        self._tasks: TaskGroup | None = None
        self._open = False
        self._pulls: list[_Pull] = []  # in the order in which they came
        self._downloads: dict[str, _Download] = {}

    async def __aenter__(self) -> Self:
        self._tasks = await anyio.create_task_group().__aenter__()
        self._cache.on_release = self._advance
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._tasks is not None
        self._open = False
        for pull in list(self._pulls):
            self._end(pull, PullerClosed())
        # The group is not told of the block's exception: it would raise it again inside a group of exceptions.
        await self._tasks.__aexit__(None, None, None)

    async def pull(self, manifest: Manifest) -> Hold:
        if not self._open:
            raise PullerClosed
        await checkpoint_if_cancelled()
        self._cache._admit(manifest)
        pull = _Pull(manifest)
        self._pulls.append(pull)
        self._advance()
        try:
            await pull.ended.wait()
        except BaseException as cancelled:
            self._give_up(pull, cancelled)
            raise
        if pull.error is not None:
            raise pull.error
        assert pull.hold is not None
        return pull.hold

    def _give_up(self, pull: _Pull, cancelled: BaseException) -> None:
        """The caller does not want the pull any more, which may have ended just now."""
        if pull in self._pulls:
            self._end(pull, cancelled)
        elif pull.hold is not None:
            self._cache._drop(pull.hold)
        self._advance()

    def _end(self, pull: _Pull, error: BaseException | None = None) -> None:
        self._pulls.remove(pull)
        pull.error = error
        if error is not None and pull.hold is not None:
            self._cache._drop(pull.hold)
        for digest in pull.missing & self._downloads.keys():
            if not any(digest in other.missing for other in self._pulls):
                self._downloads[digest].scope.cancel()
        pull.ended.set()

    def _advance(self) -> None:
        """Begin all pulls that can begin. Each that begins can make it possible for others, also for those before it."""
        while self._open and (pull := self._next()) is not None:
            self._begin(pull)

    def _next(self) -> _Pull | None:
        """The first pull that can begin."""
        somebody_waits = False
        for pull in self._pulls:
            if pull.hold is not None:
                continue
            if not any(self._is_dying(digest) for digest in _sizes_of(pull.manifest)):
                to_fetch = self._to_fetch(pull.manifest)
                if not to_fetch or (not somebody_waits and self._fits(pull, to_fetch)):
                    return pull
            somebody_waits = True
        return None

    def _begin(self, pull: _Pull) -> None:
        assert self._tasks is not None
        to_fetch = self._to_fetch(pull.manifest)
        pull.hold = self._cache._hold_now(pull.manifest)
        pull.missing = set(pull.hold.missing())
        if to_fetch:
            self._cache._make_room(to_fetch + self._reserved(), self._partials_in_need(pull))
        for digest, size in _sizes_of(pull.manifest).items():
            if digest in pull.missing and digest not in self._downloads:
                self._downloads[digest] = _Download(digest, size)
                self._tasks.start_soon(self._run, self._downloads[digest])
        if not pull.missing:
            self._end(pull)

    def _is_dying(self, digest: str) -> bool:
        """Whether a download of the layer was cancelled, but has not come to its end yet."""
        return digest in self._downloads and self._downloads[digest].scope.cancel_called

    def _to_fetch(self, manifest: Manifest) -> int:
        sizes = _sizes_of(manifest)
        return sum(
            max(0, sizes[digest] - self._cache._partial_size(digest))
            for digest in self._cache._missing(manifest)
            if digest not in self._downloads
        )

    def _fits(self, pull: _Pull, to_fetch: int) -> bool:
        return self._cache._fits(to_fetch + self._reserved(), self._partials_in_need(pull), _sizes_of(pull.manifest))

    def _partials_in_need(self, pull: _Pull) -> set[str]:
        return self._downloads.keys() | _sizes_of(pull.manifest).keys()

    def _reserved(self) -> int:
        return sum(
            max(0, download.size - self._cache._partial_size(digest)) for digest, download in self._downloads.items()
        )

    async def _run(self, download: _Download) -> None:
        error: Exception | None = None
        try:
            with download.scope:
                await self._fetch(download)
        except (FetchFailed, BadDigest) as failure:
            error = failure
        except BaseException:
            self._open = False  # the store or the registry is broken: the group ends with this error
            raise
        del self._downloads[download.digest]
        for pull in list(self._pulls):
            if download.digest in pull.missing:
                pull.missing.discard(download.digest)
                if error is not None or not pull.missing:
                    self._end(pull, error)
        self._advance()

    async def _fetch(self, download: _Download) -> None:
        while (offset := self._cache._partial_size(download.digest)) < download.size:
            if download.scope.cancel_called:
                return
            data = await self._registry.fetch(download.digest, offset)
            if offset + len(data) > download.size:
                self._cache._discard_partial(download.digest)
                raise BadDigest(download.digest)
            self._cache._append(download.digest, data)
        if offset > download.size:
            self._cache._discard_partial(download.digest)
            raise BadDigest(download.digest)
        self._cache._seal(download.digest)


class ValuePolicy:
    """Stage 4: weighs what a layer costs to fetch again and how likely that is against the bytes that it takes.

    A layer's worth is its seconds times its rate: how often it was asked for, where a request counts for less with every later one. The cheapest set of candidates that makes enough room goes.
    """

    FADING = 0.97
    FRONTIER = 512

    def __init__(self) -> None:
        self._requests = 0
        self._rates: dict[str, tuple[float, int]] = {}  # the rate, and the number of requests when it was that
        self._seconds: dict[str, float] = {}

    def requested(self, manifest: Manifest) -> None:
        self._requests += 1
        for layer in {layer.digest: layer for layer in manifest.layers}.values():
            self._rates[layer.digest] = (self._rate(layer.digest) + 1.0, self._requests)
            self._seconds[layer.digest] = layer.fetch_seconds

    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]:
        """The best choices so far, each better than all others in bytes or in worth, grow by one candidate after the other."""
        frontier: list[tuple[float, int, tuple[str, ...]]] = [(0.0, 0, ())]
        for candidate in candidates:
            worth = self._rate(candidate.digest) * self._seconds.get(candidate.digest, 0.0)
            grown = [
                (lost + worth, min(needed, freed + candidate.size), (*chosen, candidate.digest))
                for lost, freed, chosen in frontier
                if freed < needed
            ]
            frontier = self._prune(frontier + grown)
        return list(frontier[-1][2])

    def _prune(self, choices: list[tuple[float, int, tuple[str, ...]]]) -> list[tuple[float, int, tuple[str, ...]]]:
        best: list[tuple[float, int, tuple[str, ...]]] = []
        for choice in sorted(choices, key=lambda choice: (choice[0], -choice[1], len(choice[2]))):
            if not best or choice[1] > best[-1][1]:
                best.append(choice)
        step = -(-len(best) // self.FRONTIER)  # 1 unless there are very many
        return best[::-step][::-1]

    def _rate(self, digest: str) -> float:
        rate, when = self._rates.get(digest, (0.0, 0))
        return float(rate * self.FADING ** (self._requests - when))
