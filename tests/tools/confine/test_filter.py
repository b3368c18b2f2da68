"""The seccomp filter, judged by an interpreter of its code, so that both architectures are tested on either."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from burnin.confine import bpf, seccomp, syscalls
from burnin.confine.seccomp import ARCHITECTURES, Architecture

PID = 4711
SIGCHLD = 17
THREAD = 0x3D0F00  # what glibc asks for
EPERM, ENOSYS = bpf.refuse(errno.EPERM), bpf.refuse(errno.ENOSYS)

each_architecture = pytest.mark.parametrize("machine", ARCHITECTURES, ids=lambda machine: machine.name)


def judge(machine: Architecture, number: int, *arguments: int, audit: int | None = None) -> int:
    """The filter's answer to one system call of the process `PID`."""
    data = struct.pack("<IIQ6Q", number, audit or machine.audit, 0, *(*arguments, 0, 0, 0, 0, 0, 0)[:6])
    code = seccomp.program(machine, PID).encoded()
    program = list(struct.iter_unpack("<HBBI", code))
    word = place = 0
    while True:
        operation, if_true, if_false, constant = program[place]
        place += 1
        match operation:
            case 0x20:
                (word,) = struct.unpack_from("<I", data, constant)
            case 0x54:
                word &= constant
            case 0x15:
                place += if_true if word == constant else if_false
            case 0x25:
                place += if_true if word > constant else if_false
            case 0x35:
                place += if_true if word >= constant else if_false
            case 0x06:
                return int(constant)
            case _:
                raise AssertionError(f"an operation that the assembler does not know: {operation:#x}")


CASES = [
    ("clone", (THREAD,), bpf.ALLOW),
    ("clone", (THREAD | 0x400000,), bpf.ALLOW),  # musl
    ("clone", (SIGCHLD,), EPERM),
    ("clone", (THREAD | SIGCHLD,), EPERM),
    ("clone", (THREAD | 0x10000000,), EPERM),  # CLONE_NEWUSER
    ("clone", (THREAD & ~0x10000,), EPERM),
    ("kill", (PID,), bpf.ALLOW),
    ("kill", (PID + 1,), EPERM),
    ("kill", (0,), EPERM),
    ("kill", (0xFFFFFFFF,), EPERM),
    ("kill", (0xFFFFFFFF_FFFFFFFF,), EPERM),
    ("tgkill", (PID, 1), bpf.ALLOW),
    ("tgkill", (1, PID), EPERM),
    ("tkill", (PID,), bpf.ALLOW),
    ("tkill", (1,), EPERM),
    ("prlimit64", (0,), bpf.ALLOW),
    ("prlimit64", (PID,), bpf.ALLOW),
    ("prlimit64", (1,), EPERM),
    ("socketpair", (1, 1), bpf.ALLOW),
    ("socketpair", (1, 1 | 0o2004000), bpf.ALLOW),  # SOCK_CLOEXEC | SOCK_NONBLOCK
    ("socketpair", (1, 2), EPERM),
    ("socketpair", (2, 1), EPERM),
    ("sendto", (3, 1, 1, 0, 0), bpf.ALLOW),
    ("sendto", (3, 1, 1, 0, 1), EPERM),
    ("sendto", (3, 1, 1, 0, 1 << 32), EPERM),
    ("setsockopt", (3, 1, 7), bpf.ALLOW),
    ("setsockopt", (3, 6, 7), EPERM),
    ("setsockopt", (3, 1, 26), EPERM),
    ("openat", (0, 0, 0o2000000), bpf.ALLOW),  # O_CLOEXEC
    ("openat", (0, 0, 0o1101), bpf.ALLOW),  # O_WRONLY | O_CREAT | O_TRUNC
    ("openat", (0, 0, 0o1000), EPERM),
    ("openat", (0, 0, 0o1003), EPERM),
    ("fcntl", (3, 4), bpf.ALLOW),
    ("fcntl", (3, 8), EPERM),
    ("fcntl", (3, 10), EPERM),
    ("fcntl", (3, 15), EPERM),
    ("ioctl", (3, 0x5421), bpf.ALLOW),
    ("ioctl", (0, 0x5412), EPERM),
    ("prctl", (15,), bpf.ALLOW),
    ("prctl", (1,), EPERM),
    ("read", (), bpf.ALLOW),
    ("futex", (), bpf.ALLOW),
]


@each_architecture
@pytest.mark.parametrize(("name", "arguments", "answer"), CASES)
def test_arguments(machine: Architecture, name: str, arguments: tuple[int, ...], answer: int) -> None:
    assert judge(machine, machine.numbers[name], *arguments) == answer


@each_architecture
def test_every_call_is_answered_by_the_table(machine: Architecture) -> None:
    narrowed = {name for name, _, _ in CASES} - {"read", "futex"} | {"open"}
    free = {number for name, number in machine.numbers.items() if name not in narrowed}
    others = {machine.numbers[name] for name in narrowed if name in machine.numbers} | {syscalls.CLONE3}
    for number in set(range(syscalls.NEWEST + 1)) - others:
        assert judge(machine, number) == (bpf.ALLOW if number in free else EPERM), number


@each_architecture
def test_an_unknown_number_does_not_exist(machine: Architecture) -> None:
    for number in (syscalls.CLONE3, syscalls.NEWEST + 1, 0x40000000, 0x40000000 + 57, 0xFFFFFFFF):
        assert judge(machine, number) == ENOSYS


@each_architecture
def test_another_architecture_is_killed(machine: Architecture) -> None:
    assert judge(machine, machine.numbers["read"], audit=0x40000003) == bpf.KILL_PROCESS


@each_architecture
def test_the_kernel_accepts_the_length(machine: Architecture) -> None:
    assert len(seccomp.program(machine, PID).instructions) <= 4096  # BPF_MAXINSNS


def test_a_jump_that_is_too_far_is_an_error_not_a_hole() -> None:
    with pytest.raises(struct.error):
        bpf.encode(bpf.for_number(0, [bpf.ret(bpf.ALLOW)] * 256))


# Names of the generic header that differ from the common ones.
GENERIC_NAMES = {"fstatat": "newfstatat"}


@pytest.mark.parametrize(
    ("place", "paths"),
    [
        (0, ["/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "/usr/include/asm/unistd_64.h"]),
        (1, ["/usr/include/asm-generic/unistd.h"]),
    ],
    ids=["x86_64", "aarch64"],
)
def test_numbers_agree_with_the_kernel_headers(place: int, paths: list[str]) -> None:
    header = next((Path(path) for path in paths if Path(path).exists()), None)
    if header is None:
        pytest.skip(f"no kernel header of this architecture here: {paths[-1]}")
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(), re.MULTILINE)
    numbers = {GENERIC_NAMES.get(name, name): int(number) for name, number in found}
    newest = max(number for name, number in numbers.items() if name != "syscalls")
    for name, pair in syscalls.ALLOWED.items():
        number = pair[place]
        # A call that is newer than the header is missing from it; one that the architecture never had is missing too.
        if number is None or number <= newest:
            assert numbers.get(name) == number, name
