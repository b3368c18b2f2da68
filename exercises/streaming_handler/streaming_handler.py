"""Streaming handler: pass a model's answer on as server-sent events. The statement is README.md beside this file."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

# ---- given: leave this part as it is


class UpstreamFailed(Exception):
    """The model failed in the middle of its answer."""


class ClientGone(Exception):
    """The client's connection is lost."""


class BadEventId(Exception):
    """The client asked to resume after an id that no event can have."""


@dataclass(frozen=True)
class Chunk:
    """Some bytes of the answer, and the tokens that they cost."""

    data: bytes
    tokens: int


class Upstream(Protocol):
    """The model, writing one answer."""

    async def next(self) -> Chunk | None: ...
    async def close(self) -> None: ...


class Client(Protocol):
    """The connection to the client."""

    async def send(self, data: bytes) -> None: ...


class Billing(Protocol):
    """Where usage is charged."""

    async def charge(self, tokens: int) -> None: ...


# ---- yours


def events(upstream: Upstream, *, stop: Sequence[str] = ()) -> AsyncIterator[bytes]:
    """Stage 1. You will want `async def` and `yield`."""
    raise NotImplementedError


async def handle(
    upstream: Upstream,
    client: Client,
    billing: Billing,
    *,
    stop: Sequence[str] = (),
    ahead: int = 8,
    first_timeout: float | None = None,
    idle_timeout: float | None = None,
    heartbeat: float | None = None,
    last_event_id: str | None = None,
) -> None:
    """Stages 2 to 4."""
    raise NotImplementedError
