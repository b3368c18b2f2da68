"""Landlock: which files a worker may reach, and from newer kernels on, TCP, signals and abstract sockets.

Sources: the kernel's `Documentation/userspace-api/landlock.rst` and `include/uapi/linux/landlock.h`, landlock(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from burnin.confine.errors import ConfinementError
from burnin.confine.kernel import syscall

__all__ = ["Files", "Landlock", "probe", "restrict", "rights"]

# The numbers are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_LOG_SAME_EXEC_OFF = 1

_NET_BIND_TCP, _NET_CONNECT_TCP = 1, 2
_SCOPE_ABSTRACT_UNIX_SOCKET, _SCOPE_SIGNAL = 1, 2


class Files(IntFlag):
    """LANDLOCK_ACCESS_FS_*."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15
    RESOLVE_UNIX = 1 << 16


_FIRST_ABI_RIGHTS = Files(Files.REFER - 1)
_ADDED_BY_ABI = {2: Files.REFER, 3: Files.TRUNCATE, 5: Files.IOCTL_DEV, 9: Files.RESOLVE_UNIX}
_TCP_ABI, _SCOPE_ABI, _LOG_ABI = 4, 6, 7

# EXECUTE is never given: execve is denied anyway, and mapping a shared library needs only READ_FILE.
# Plain integers from here on: a freshly forked worker pays for each page that it touches, and flags touch many.
_READ = int(Files.READ_FILE | Files.READ_DIR)
_WRITE = _READ | int(
    Files.WRITE_FILE
    | Files.TRUNCATE
    | Files.MAKE_REG
    | Files.MAKE_DIR
    | Files.MAKE_SYM
    | Files.REMOVE_FILE
    | Files.REMOVE_DIR
    | Files.REFER
)
_FOR_A_FILE = int(Files.READ_FILE | Files.WRITE_FILE | Files.TRUNCATE)

# What the standard library and C extensions open without being told to.
_READABLE_DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")
_WRITABLE_DEVICES = ("/dev/null",)


def rights(abi: int) -> Files:
    """Every filesystem right that the kernel's Landlock ABI knows, among those known here (up to ABI 9)."""
    found = _FIRST_ABI_RIGHTS
    for since, right in _ADDED_BY_ABI.items():
        if abi >= since:
            found |= right
    return found


@dataclass(frozen=True)
class Landlock:
    """What this kernel's Landlock takes: its ABI version, the file rights it knows, and what else it can confine."""

    abi: int
    files: int
    tcp: bool
    signals: bool
    abstract_sockets: bool

    def attributes(self) -> bytes:
        """`struct landlock_ruleset_attr`, only as long as this ABI knows it."""
        network = (_NET_BIND_TCP | _NET_CONNECT_TCP) * self.tcp
        scopes = _SCOPE_ABSTRACT_UNIX_SOCKET * self.abstract_sockets | _SCOPE_SIGNAL * self.signals
        whole = struct.pack("=QQQ", self.files, network, scopes)
        return whole[: 24 if scopes else 16 if network else 8]


@contextmanager
def _ruleset(landlock: Landlock) -> Iterator[int]:
    """The descriptor of a new, empty ruleset; `OSError` if the kernel does not take its attributes."""
    attributes = ctypes.create_string_buffer(landlock.attributes())
    # The buffer's closing zero byte is not part of the structure.
    descriptor = syscall(_CREATE_RULESET, ctypes.addressof(attributes), len(attributes) - 1, 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def probe() -> Landlock | None:
    """What Landlock offers here, or None. Nothing is restricted: rulesets are created and thrown away.

    Each claim is tried, because a kernel may report an ABI without all of it: one vendor's 5.14 says 6 but has no
    signals.
    """
    try:
        abi = syscall(_CREATE_RULESET, 0, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return None  # ENOSYS: not built in; EOPNOTSUPP: built in but off at boot; EPERM: a container's filter
    tcp, scoped = abi >= _TCP_ABI, abi >= _SCOPE_ABI
    for signals, sockets in ((scoped, scoped), (False, scoped), (False, False)):
        landlock = Landlock(abi, int(rights(abi)), tcp, signals, sockets)
        try:
            with _ruleset(landlock):
                return landlock
        except OSError as error:
            if error.errno != errno.EINVAL:
                return None
    return None


def restrict(landlock: Landlock, readable: Sequence[str | Path], writable: Sequence[str | Path]) -> None:
    """Confine this thread and all that it starts to these paths, for good. Needs no_new_privs.

    Raises `ConfinementError` for a path that cannot be opened, before anything is restricted; `OSError` if the kernel
    refuses.
    """
    allowed: list[tuple[str | Path, int]] = [(path, _READ) for path in readable]
    allowed += [(path, _WRITE) for path in writable]
    allowed += [(path, _READ) for path in _READABLE_DEVICES if os.path.exists(path)]
    allowed += [(path, _WRITE) for path in _WRITABLE_DEVICES if os.path.exists(path)]
    with _ruleset(landlock) as ruleset:
        for path, wanted in allowed:
            _allow(ruleset, path, wanted & landlock.files)
        # The kernel would log each denial to the machine's audit log; a submission could flood it.
        syscall(_RESTRICT_SELF, ruleset, _LOG_SAME_EXEC_OFF if landlock.abi >= _LOG_ABI else 0)


def _allow(ruleset: int, path: str | Path, wanted: int) -> None:
    """Add the rule that allows `wanted` on `path` and everything beneath it."""
    if sys.platform != "linux":
        raise ConfinementError("Landlock exists only on Linux")
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError as error:
        raise ConfinementError(f"cannot allow {path}: {error.strerror}") from error
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            wanted &= _FOR_A_FILE
        # struct landlock_path_beneath_attr is packed: 12 bytes.
        rule = ctypes.create_string_buffer(struct.pack("=Qi", wanted, descriptor))
        syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.addressof(rule), 0)
    finally:
        os.close(descriptor)
