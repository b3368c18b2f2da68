"""Layer cache: container image layers within a byte budget. The statement is README.md beside this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

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


class Hold:
    """Keeps the layers of an image in the cache until `release`. Returned by `hold` and `pull`; how it is made is up to you."""

    manifest: Manifest

    def missing(self) -> list[str]:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError


class LayerCache:
    """Stages 1, 2 and 4."""

    def __init__(self, store: Store, budget: int, *, policy: Policy | None = None) -> None:
        raise NotImplementedError

    def put(self, digest: str, data: bytes) -> None:
        raise NotImplementedError

    def get(self, digest: str) -> bytes | None:
        raise NotImplementedError

    def hold(self, manifest: Manifest) -> Hold:
        raise NotImplementedError


class Puller:
    """Stages 3 and 4."""

    def __init__(self, cache: LayerCache, registry: Registry) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        raise NotImplementedError

    async def pull(self, manifest: Manifest) -> Hold:
        raise NotImplementedError


class ValuePolicy:
    """Stage 4: weighs what a layer costs to fetch again and how likely that is against the bytes that it takes."""

    def requested(self, manifest: Manifest) -> None:
        raise NotImplementedError

    def victims(self, candidates: Sequence[Candidate], needed: int) -> list[str]:
        raise NotImplementedError
