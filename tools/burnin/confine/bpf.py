"""A small assembler for seccomp's classic BPF: straight blocks that each end in an answer, so no labels are needed.

Source: the kernel's `Documentation/userspace-api/seccomp_filter.rst` and `Documentation/networking/filter.rst`. A
filter reads `struct seccomp_data`: the number at byte 0, the architecture at 4, and six 64-bit arguments from 16. Both
supported architectures are little-endian, so an argument's low word comes first.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = [
    "ALLOW",
    "ARCH_OFFSET",
    "KILL_PROCESS",
    "NUMBER_OFFSET",
    "Instruction",
    "Where",
    "encode",
    "for_number",
    "for_numbers",
    "jump_equal",
    "jump_greater",
    "load",
    "refuse",
    "ret",
    "where",
]

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000

NUMBER_OFFSET: Final = 0
ARCH_OFFSET: Final = 4
_ARGUMENTS_OFFSET: Final = 16

# linux/bpf_common.h: class | size or operation | mode or source
_LOAD_WORD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_JUMP_AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_RETURN = 0x06  # BPF_RET | BPF_K


class Instruction(NamedTuple):
    """One `struct sock_filter`: operation, instructions to skip if true and if false, and the constant."""

    code: int
    if_true: int
    if_false: int
    constant: int


def load(offset: int) -> Instruction:
    """Load the 32-bit word at `offset` of `struct seccomp_data`."""
    return Instruction(_LOAD_WORD, 0, 0, offset)


def ret(answer: int) -> Instruction:
    """Answer the system call: `ALLOW`, `KILL_PROCESS`, or `refuse(errno)`."""
    return Instruction(_RETURN, 0, 0, answer)


def refuse(errno: int) -> int:
    """The answer that makes a system call fail with `errno`."""
    return _ERRNO | errno


def jump_equal(constant: int, if_true: int, if_false: int) -> Instruction:
    """Skip `if_true` instructions when the loaded word equals `constant`, else `if_false`."""
    return Instruction(_JUMP_EQUAL, if_true, if_false, constant)


def jump_greater(constant: int, if_true: int, if_false: int) -> Instruction:
    """Skip `if_true` instructions when the loaded word is greater than `constant` (unsigned), else `if_false`."""
    return Instruction(_JUMP_GREATER, if_true, if_false, constant)


@dataclass(frozen=True)
class Where:
    """A demand on one argument: its masked 32-bit word (the low one, unless `high`) must be among `values`."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    high: bool = False


def where(*conditions: Where, otherwise: int) -> list[Instruction]:
    """A block that allows the call if every condition holds, and answers `otherwise` if one does not."""
    block: list[Instruction] = []
    for condition in conditions:
        block.append(load(_ARGUMENTS_OFFSET + 8 * condition.argument + 4 * condition.high))
        if condition.mask != 0xFFFFFFFF:
            block.append(Instruction(_AND, 0, 0, condition.mask))
        values = condition.values
        block += [jump_equal(value, len(values) - place, 0) for place, value in enumerate(values)]
        block.append(ret(otherwise))
    return [*block, ret(ALLOW)]


def for_number(number: int, block: Sequence[Instruction]) -> list[Instruction]:
    """Run `block` (which must end in an answer) if the loaded word is `number`; else skip it."""
    return [jump_equal(number, 0, len(block)), *block]


def for_numbers(numbers: Iterable[int], *, answer: int, otherwise: int) -> list[Instruction]:
    """The last block: `answer` if the loaded word is among `numbers`, else `otherwise`."""
    block: list[Instruction] = []
    for low, high in _intervals(numbers):
        block += [
            jump_greater(high, 3, 0),
            Instruction(_JUMP_AT_LEAST, 0, 1, low),
            ret(answer),
            ret(otherwise),
        ]
    return [*block, ret(otherwise)]


def _intervals(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The numbers as ascending closed intervals."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def encode(program: Sequence[Instruction]) -> bytes:
    """The program as an array of `struct sock_filter`; `struct.error` if a jump exceeds its 8 bits."""
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
