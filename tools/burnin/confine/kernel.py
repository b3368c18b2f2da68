"""Calls into the C library that Python's `os` does not offer: `prctl`, `capset`, and system calls by number."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

__all__ = ["drop_capabilities", "is_linux", "prctl", "syscall"]

# linux/capability.h
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_READ_SEARCH = 2


@cache
def _libc() -> ctypes.CDLL:
    """The C library that this process already runs on; nothing is searched for or loaded."""
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def syscall(number: int, *arguments: int) -> int:
    """Make the system call `number` (Linux only) and return its result; `OSError` with its errno if it fails."""
    return _checked(_libc().syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments)))


def prctl(option: int, *arguments: int) -> int:
    """prctl(2), Linux only; `OSError` if it fails. Missing arguments are zero, as several options demand."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return _checked(_libc().prctl(ctypes.c_int(option), *map(ctypes.c_ulong, padded)))


def drop_capabilities() -> None:
    """Give up every capability but the one to read files of other users (Linux only), capabilities(7).

    For a process that runs as root: without CAP_SYS_RESOURCE it cannot raise its own limits again, and without the
    capabilities of another process it can neither trace it nor open its memory. Reading is kept, because root often
    grades in a container whose mounted folders belong to someone else; Landlock decides what may be read.
    """
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; low words, then high words
    _checked(_libc().capget(header, sets))
    kept = 1 << _CAP_DAC_READ_SEARCH
    reduced = (ctypes.c_uint32 * 6)(sets[0] & kept, sets[1] & kept)
    _checked(_libc().capset(header, reduced))


def is_linux() -> bool:
    """Whether the kernel interfaces of this package can exist here at all."""
    return sys.platform == "linux"
