"""Warm pool: keep the right models loaded on one GPU. The statement is README.md beside this file."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NewType, Protocol, Self

# ---- given: leave this part as it is

Handle = NewType("Handle", object)
"""What the host returns for a loaded model. Opaque."""


class LoadFailed(Exception):
    """`host.load` could not load the model."""


class ModelTooLarge(Exception):
    """The model can never fit the budget."""


class PoolBusy(Exception):
    """The model does not fit now, because of models that are leased."""


class PoolClosed(Exception):
    """The pool has been closed."""


class LeaseError(Exception):
    """The lease has been released before."""


class Host(Protocol):
    """Loads and unloads models (stages 1 and 2)."""

    def size(self, model: str) -> int: ...
    def load_seconds(self, model: str) -> float: ...
    def load(self, model: str) -> Handle: ...
    def unload(self, handle: Handle) -> None: ...


class AsyncHost(Protocol):
    """Loads and unloads models (stages 3 and 4)."""

    def size(self, model: str) -> int: ...
    def load_seconds(self, model: str) -> float: ...
    async def load(self, model: str) -> Handle: ...
    def unload(self, handle: Handle) -> None: ...


@dataclass(frozen=True)
class Candidate:
    """A loaded model that could be unloaded: size in bytes, seconds to load it again, and when it was last used."""

    model: str
    size: int
    load_seconds: float
    last_used: float


class Policy(Protocol):
    """Chooses what to unload (stage 4)."""

    def requested(self, model: str, now: float) -> None: ...
    def victims(self, candidates: Sequence[Candidate], needed: int, now: float) -> list[str]: ...


# ---- yours


class Lease:
    """The right to use a loaded model until `release`. Returned by `acquire`; how it is made is up to you."""

    model: str
    handle: Handle

    def release(self) -> None:
        raise NotImplementedError


class WarmPool:
    """Stages 1 and 2."""

    def __init__(self, host: Host, budget: int) -> None:
        raise NotImplementedError

    def get(self, model: str) -> Handle:
        raise NotImplementedError

    def acquire(self, model: str) -> Lease:
        raise NotImplementedError


class AsyncWarmPool:
    """Stages 3 and 4."""

    def __init__(
        self,
        host: AsyncHost,
        budget: int,
        *,
        pinned: Sequence[str] = (),
        idle_ttl: float | None = None,
        policy: Policy | None = None,
    ) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        raise NotImplementedError

    async def acquire(self, model: str) -> Lease:
        raise NotImplementedError


class KeepWarmPolicy:
    """Stage 4: weighs reload cost and recent request rate."""

    def requested(self, model: str, now: float) -> None:
        raise NotImplementedError

    def victims(self, candidates: Sequence[Candidate], needed: int, now: float) -> list[str]:
        raise NotImplementedError
