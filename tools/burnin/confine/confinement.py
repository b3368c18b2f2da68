"""`available` and `apply`: what confinement there is here, and putting it in force."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from burnin.confine import landlock, seccomp
from burnin.confine.errors import ConfinementError
from burnin.confine.kernel import drop_capabilities, is_linux, prctl
from burnin.confine.landlock import Landlock
from burnin.confine.limits import Limits

__all__ = ["Backend", "Confinement", "apply", "available"]

Backend = Literal["landlock+seccomp", "landlock", "seccomp", "none"]

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True)
class Confinement:
    """What holds a worker: the kernel interfaces in force, and plain sentences on what they do and do not cover."""

    backend: Backend
    detail: tuple[str, ...]

    @property
    def strong(self) -> bool:
        """Whether files, network, processes and signals are all confined, as `--require-sandbox` demands.

        Only both interfaces together do that: a filter cannot tell one path from another, and Landlock neither forbids
        processes nor, before its ABI 6, signals, nor any network but TCP.
        """
        return self.backend == "landlock+seccomp"


@dataclass(frozen=True)
class _Offer:
    """What the kernel offers: None for what it lacks, and the `Confinement` that this makes."""

    landlock: Landlock | None
    machine: seccomp.Architecture | None
    confinement: Confinement


@cache
def _offer() -> _Offer:
    if not is_linux():
        system = {"Darwin": "macOS"}.get(platform.system(), platform.system())
        return _Offer(None, None, Confinement("none", (f"No kernel confinement on {system}: only resource limits.",)))
    files = landlock.probe()
    machine = seccomp.architecture() if seccomp.supported() else None
    if machine is not None:
        seccomp.program(machine, os.getpid())  # makes what all workers share, in the process that forks them
    backend: Backend
    match files, machine:
        case None, None:
            backend = "none"
        case None, _:
            backend = "seccomp"
        case _, None:
            backend = "landlock"
        case _:
            backend = "landlock+seccomp"
    return _Offer(files, machine, Confinement(backend, (*_landlock_detail(files), *_seccomp_detail(machine))))


def _landlock_detail(files: Landlock | None) -> tuple[str, ...]:
    if files is None:
        return ("No Landlock in this kernel: files are not confined.",)
    also = [
        name
        for name, held in (
            ("TCP", files.tcp),
            ("signals", files.signals),
            ("abstract sockets", files.abstract_sockets),
        )
        if held
    ]
    return (
        f"Landlock ABI {files.abi} confines {', '.join(['files', *also])}.",
        "Whether a path exists, its size and its dates can still be seen anywhere.",
    )


def _seccomp_detail(machine: seccomp.Architecture | None) -> tuple[str, ...]:
    if machine is None:
        return (f"No seccomp filter on this machine ({platform.machine()}): network and processes are not confined.",)
    return (
        "A seccomp filter denies sockets, new processes and programs, signals to others, and tracing.",
        "It also denies changing permissions and dates of files, and every other call that a worker does not need.",
    )


def available() -> Confinement:
    """What `apply` would put in force on this machine. Nothing is restricted; the answer is kept for the process."""
    return _offer().confinement


def apply(*, readable: Sequence[str | Path], writable: Sequence[str | Path], limits: Limits) -> Confinement:
    """Confine this process and all its descendants, for good, and say what is in force.

    Beneath `readable` files may be read and folders listed; beneath `writable` also written, made, renamed and removed.
    All else is out of reach, but for a few devices (/dev/null, /dev/zero, /dev/random, /dev/urandom).

    It must be called by the only thread of the process, because Landlock and capabilities are properties of a thread.
    It does not touch what the process already has: the caller first closes every descriptor and drops every object that
    the submission must not have. An inherited socket must be a stream (see `seccomp.py` on datagrams).

    Raises `ConfinementError` (which see) if something that `available` promises cannot be done; never because this
    system offers nothing: then only the limits are set.
    """
    offer = _offer()
    if offer.landlock is None and offer.machine is None:
        return _with_limits(offer.confinement, limits)
    if (threads := _threads()) != 1:
        raise ConfinementError(f"apply() must run before any thread is started: there are {threads}")
    try:
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        prctl(_PR_SET_DUMPABLE, 0)
        if offer.landlock is not None:
            landlock.restrict(offer.landlock, readable, writable)
        in_force = _with_limits(offer.confinement, limits)
        drop_capabilities()
        if offer.machine is not None:
            seccomp.install(offer.machine)
    except OSError as error:
        raise ConfinementError(f"the kernel refused what it had offered: {error.strerror}") from error
    return in_force


def _with_limits(confinement: Confinement, limits: Limits) -> Confinement:
    return replace(confinement, detail=(*confinement.detail, *limits.apply_limits()))


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        # No /proc, or a second call, which the first one keeps from seeing it.
        return threading.active_count()
