"""The seccomp filter: which system calls a worker may make, and with which arguments.

Sources: seccomp(2), the kernel's `Documentation/userspace-api/seccomp_filter.rst`, and the manual page of each call.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from burnin.confine import bpf
from burnin.confine.bpf import Instruction, Where
from burnin.confine.kernel import prctl
from burnin.confine.syscalls import ALLOWED, CLONE3, NEWEST

__all__ = ["ARCHITECTURES", "Architecture", "Program", "architecture", "install", "program", "supported"]

_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2

_DENIED: Final = bpf.refuse(errno.EPERM)
_ABSENT: Final = bpf.refuse(errno.ENOSYS)

# clone(2): what the C libraries ask for when they start a thread (glibc 0x3D0F00; musl adds CLONE_DETACHED). Any flag
# beyond these (namespaces, CLONE_PARENT, CLONE_PIDFD, an exit signal, CLONE_UNTRACED) is refused.
_CLONE_THREAD = 0x00010000
_THREAD_FLAGS = 0x007D0F00

# openat(2): O_RDONLY|O_TRUNC empties a file that one may only read, and Landlock sees that only from its ABI 3.
_ACCESS_MODE_AND_TRUNCATE = 0o1003
_OPEN_MODES = (0o0, 0o1, 0o2, 0o1001, 0o1002)

# fcntl(2): descriptors, flags, record locks, pipe sizes and seals. Not F_SETOWN and F_SETSIG, which make the kernel
# send any signal to any process of the same user, nor leases and directory notices, which hold up or watch others.
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 36, 37, 38, 1030, 1031, 1032, 1033, 1034)

# ioctl(2): FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, and for `isatty` and terminal width TCGETS, TCGETS2, TIOCGWINSZ. Not
# TIOCSTI (typing into the terminal), FIOSETOWN (as F_SETOWN) or the file-attribute calls.
_IOCTL_REQUESTS = (0x541B, 0x5421, 0x5451, 0x5450, 0x5401, 0x802C542A, 0x5413)

# prctl(2): thread names and names of memory areas. Not PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_PTRACER.
_PRCTL_OPTIONS = (15, 16, 0x53564D41)

_AF_UNIX = 1
_SOCK_STREAM = 1
_SOCK_TYPE_MASK = 0xF
_SOL_SOCKET = 1
_SO_SNDBUF, _SO_RCVBUF = 7, 8


@dataclass(frozen=True)
class Architecture:
    """A machine that the filter is written for: its name, its AUDIT_ARCH value, and its allowed numbers by name."""

    name: str
    audit: int
    numbers: Mapping[str, int]


ARCHITECTURES: Final = (
    Architecture("x86_64", 0xC000003E, {name: pair[0] for name, pair in ALLOWED.items() if pair[0] is not None}),
    Architecture("aarch64", 0xC00000B7, {name: pair[1] for name, pair in ALLOWED.items() if pair[1] is not None}),
)


def architecture() -> Architecture | None:
    """The architecture of this interpreter, or None if there is no filter for it (a 32-bit interpreter has none)."""
    if struct.calcsize("P") != 8:
        return None
    return next((known for known in ARCHITECTURES if known.name == os.uname().machine), None)


def supported() -> bool:
    """Whether the kernel takes filters: with a null pointer it answers EFAULT if it does, and EINVAL if it does not."""
    try:
        prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, 0)
    except OSError as error:
        return error.errno == errno.EFAULT
    return False


def _conditions(pid: int) -> dict[str, tuple[Where, ...]]:
    """What the arguments of an allowed call must be, for the process `pid`; calls that are absent take any."""
    own = Where(0, (pid,))
    return {
        "clone": (Where(0, (_CLONE_THREAD,), mask=_CLONE_THREAD), Where(0, (0,), mask=0xFFFFFFFF ^ _THREAD_FLAGS)),
        "open": (Where(1, _OPEN_MODES, mask=_ACCESS_MODE_AND_TRUNCATE),),
        "openat": (Where(2, _OPEN_MODES, mask=_ACCESS_MODE_AND_TRUNCATE),),
        "fcntl": (Where(1, _FCNTL_COMMANDS),),
        "ioctl": (Where(1, _IOCTL_REQUESTS),),
        "prctl": (Where(0, _PRCTL_OPTIONS),),
        # Only streams: a datagram pair could still address any other socket through sendmsg, whose address lies in
        # memory.
        "socketpair": (Where(0, (_AF_UNIX,)), Where(1, (_SOCK_STREAM,), mask=_SOCK_TYPE_MASK)),
        "sendto": (Where(4, (0,)), Where(4, (0,), high=True)),
        "setsockopt": (Where(1, (_SOL_SOCKET,)), Where(2, (_SO_SNDBUF, _SO_RCVBUF))),
        "kill": (own,),
        "tkill": (own,),
        "tgkill": (own,),
        "prlimit64": (Where(0, (0, pid)),),
    }


@dataclass(frozen=True)
class Program:
    """A filter in two parts: what depends on the process, and what is the same for all processes of a machine."""

    own: list[Instruction]
    common: tuple[Instruction, ...]
    common_code: bytes

    @property
    def instructions(self) -> list[Instruction]:
        """The whole filter."""
        return [*self.own, *self.common]

    def encoded(self) -> bytes:
        """The whole filter as the kernel takes it."""
        return bpf.encode(self.own) + self.common_code


@cache
def _common(architecture_name: str) -> tuple[tuple[Instruction, ...], bytes]:
    """The part of the filter that all processes share, made once in the template rather than in each worker."""
    numbers = next(known.numbers for known in ARCHITECTURES if known.name == architecture_name)
    narrowed = _conditions(0)
    free = [number for name, number in numbers.items() if name not in narrowed]
    block = tuple(bpf.for_numbers(free, answer=bpf.ALLOW, otherwise=_DENIED))
    return block, bpf.encode(block)


def program(machine: Architecture, pid: int) -> Program:
    """The filter for the process `pid` on `machine`.

    A call through another architecture's door (32-bit calls on x86_64) kills the process. The x32 calls of x86_64 have
    bit 30 set in their number, hence count as newer than `NEWEST`.
    """
    code = [
        bpf.load(bpf.ARCH_OFFSET),
        bpf.jump_equal(machine.audit, 1, 0),
        bpf.ret(bpf.KILL_PROCESS),
        bpf.load(bpf.NUMBER_OFFSET),
        bpf.jump_greater(NEWEST, 0, 1),
        bpf.ret(_ABSENT),
        *bpf.for_number(CLONE3, [bpf.ret(_ABSENT)]),
    ]
    for name, conditions in _conditions(pid).items():
        if name in machine.numbers:
            code += bpf.for_number(machine.numbers[name], bpf.where(*conditions, otherwise=_DENIED))
    return Program(code, *_common(machine.name))


def install(machine: Architecture) -> None:
    """Filter this thread and all that it starts, for good. Needs no_new_privs; `OSError` if the kernel refuses."""
    code = program(machine, os.getpid()).encoded()
    instructions = ctypes.create_string_buffer(code)
    # struct sock_fprog: the number of 8-byte instructions as an unsigned short, padding, and a pointer to them.
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(instructions)))
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))
