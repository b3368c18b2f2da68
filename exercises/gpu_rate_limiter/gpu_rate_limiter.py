"""GPU rate limiter: decide which tenant may use which GPU now. The statement is README.md beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

# ---- given: leave this part as it is


class Impossible(Exception):
    """The request can never be admitted."""


class UnknownRequest(Exception):
    """There is no such request, or not any more."""


class Clock(Protocol):
    """Tells the time."""

    def read(self) -> int:
        """Milliseconds."""
        ...


@dataclass(frozen=True)
class Quota:
    """A tenant's bucket: at most `burst` credits, gaining `rate` credits per second."""

    rate: int
    burst: int


@dataclass(frozen=True)
class Gpu:
    """A class of cards: credits per millisecond, GB of memory of a card, and how many cards there are (None: no limit)."""

    price: int
    vram: int
    slots: int | None = None


@dataclass(frozen=True)
class Decision:
    """Whether a request may run now; if not, in how many milliseconds; and whose slot it took (stage 3)."""

    admitted: bool
    retry_after: int = 0
    revoked: str | None = None


# ---- yours


class RateLimiter:
    """Stage 1."""

    def __init__(self, clock: Clock, default: Quota, quotas: Mapping[str, Quota] | None = None) -> None:
        raise NotImplementedError

    def acquire(self, tenant: str, cost: int) -> Decision:
        raise NotImplementedError


class GpuRateLimiter:
    """Stages 2 to 4."""

    def __init__(
        self,
        clock: Clock,
        default: Quota,
        quotas: Mapping[str, Quota],
        gpus: Mapping[str, Gpu],
        expiry: int,
        shares: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        raise NotImplementedError

    def reserve(self, request: str, tenant: str, gpu: str, vram: int, millis: int) -> Decision:
        raise NotImplementedError

    def settle(self, request: str, millis: int) -> None:
        raise NotImplementedError

    def balance(self, tenant: str) -> int:
        raise NotImplementedError

    def tracked(self) -> int:
        raise NotImplementedError
