"""Fair share queue: decide which task runs next on a cluster of GPUs. The statement is README.md beside this file."""

from collections.abc import Mapping
from dataclasses import dataclass

# ---- given: leave this part as it is


class DuplicateTask(Exception):
    """A task of this name waits already."""


class Impossible(Exception):
    """The task can never run."""


@dataclass(frozen=True)
class Run:
    """One start of a task: 1 is its first."""

    task: str
    number: int


@dataclass(frozen=True)
class Plan:
    """What is to be done now; from stage 3 on also which runs are told to stop, and for which task."""

    start: tuple[Run, ...] = ()
    stop: tuple[Run, ...] = ()
    room_for: str | None = None


# ---- yours


class TaskQueue:
    """Stage 1."""

    def __init__(self) -> None:
        raise NotImplementedError

    def put(self, task: str, priority: int) -> None:
        raise NotImplementedError

    def take(self) -> str | None:
        raise NotImplementedError

    def cancel(self, task: str) -> bool:
        raise NotImplementedError

    def waiting(self) -> int:
        raise NotImplementedError


class Scheduler:
    """Stages 2 to 4."""

    def __init__(
        self,
        gpus: int,
        weights: Mapping[str, int],
        *,
        grace: int = 1,
        max_stops: int = 0,
        patience: int | None = None,
        caps: Mapping[str, int] | None = None,
    ) -> None:
        raise NotImplementedError

    def submit(self, task: str, tenant: str, now: int, priority: int = 0, gpus: int = 1) -> None:
        raise NotImplementedError

    def cancel(self, task: str, now: int) -> bool:
        raise NotImplementedError

    def schedule(self, now: int) -> Plan:
        raise NotImplementedError

    def finish(self, run: Run, now: int) -> bool:
        raise NotImplementedError

    def saved(self, run: Run, now: int) -> bool:
        """Stage 3."""
        raise NotImplementedError

    def stopped(self, run: Run, now: int) -> bool:
        """Stage 3."""
        raise NotImplementedError

    def crashed(self, run: Run, now: int) -> bool:
        """Stage 4."""
        raise NotImplementedError
