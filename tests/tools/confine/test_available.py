"""What is offered on lesser kernels and other systems, and how `apply` fails."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from burnin import confine
from burnin.confine import confinement, landlock, seccomp
from burnin.confine.landlock import Files, Landlock


@pytest.fixture
def fresh() -> Iterator[None]:
    """Forget what was found out about this machine, before the test and after it."""
    confinement._offer.cache_clear()
    yield
    confinement._offer.cache_clear()


def kernel(abi: int, scopes: int) -> Callable[..., int]:
    """A stand-in for the system call of a kernel that reports `abi` and takes these scopes. Descriptors are real."""

    def syscall(number: int, *arguments: int) -> int:
        assert number == 444
        address, size, flags = arguments
        if flags == 1:
            return abi
        files, tcp, scoped = struct.unpack("=QQQ", ctypes.string_at(address, size).ljust(24, b"\0"))
        assert size == (8 if abi < 4 else 16 if abi < 6 or not scoped else 24)
        if files & ~landlock.rights(abi) or tcp & ~(3 * (abi >= 4)) or scoped & ~scopes:
            raise OSError(errno.EINVAL, "Invalid argument")
        return os.open("/dev/null", os.O_RDONLY)

    return syscall


@pytest.mark.parametrize(
    ("abi", "scopes", "found"),
    [
        (1, 0, (False, False, False)),
        (2, 0, (False, False, False)),
        (3, 0, (False, False, False)),
        (4, 0, (True, False, False)),
        (5, 0, (True, False, False)),
        (6, 3, (True, True, True)),
        (6, 1, (True, False, True)),  # the vendor kernel that says 6 without signals
        (6, 0, (True, False, False)),
        (9, 3, (True, True, True)),
        (40, 3, (True, True, True)),
    ],
)
def test_landlock_is_taken_as_far_as_the_kernel_goes(
    monkeypatch: pytest.MonkeyPatch, abi: int, scopes: int, found: tuple[bool, bool, bool]
) -> None:
    monkeypatch.setattr(landlock, "syscall", kernel(abi, scopes))
    assert landlock.probe() == Landlock(abi, int(landlock.rights(abi)), *found)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_no_landlock(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def syscall(*arguments: int) -> int:
        raise OSError(code, "")

    monkeypatch.setattr(landlock, "syscall", syscall)
    assert landlock.probe() is None


def test_every_right_is_known_at_the_newest_abi() -> None:
    assert landlock.rights(9) == Files((1 << 17) - 1)
    assert landlock.rights(1) == Files((1 << 13) - 1)


WHOLE = Landlock(7, int(landlock.rights(7)), tcp=True, signals=True, abstract_sockets=True)
OLD = Landlock(1, int(landlock.rights(1)), tcp=False, signals=False, abstract_sockets=False)


@pytest.mark.parametrize(
    ("files", "filters", "backend", "first"),
    [
        (WHOLE, True, "landlock+seccomp", "Landlock ABI 7 confines files, TCP, signals, abstract sockets."),
        (OLD, True, "landlock+seccomp", "Landlock ABI 1 confines files."),
        (OLD, False, "landlock", "Landlock ABI 1 confines files."),
        (None, True, "seccomp", "No Landlock in this kernel: files are not confined."),
        (None, False, "none", "No Landlock in this kernel: files are not confined."),
    ],
)
@pytest.mark.usefixtures("fresh")
def test_what_is_offered(
    monkeypatch: pytest.MonkeyPatch, files: Landlock | None, filters: bool, backend: str, first: str
) -> None:
    monkeypatch.setattr(confinement, "is_linux", lambda: True)
    monkeypatch.setattr(landlock, "probe", lambda: files)
    monkeypatch.setattr(seccomp, "supported", lambda: filters)
    monkeypatch.setattr(seccomp, "architecture", lambda: seccomp.ARCHITECTURES[0])
    offered = confine.available()
    assert offered.backend == backend
    assert offered.detail[0] == first
    assert offered.strong == (backend == "landlock+seccomp")


@pytest.mark.usefixtures("fresh")
def test_elsewhere_only_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(confinement, "is_linux", lambda: False)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(confine.Limits, "apply_limits", lambda limits: ("The system refused the limit on memory.",))
    in_force = confine.apply(readable=[], writable=[tmp_path], limits=confine.Limits())
    sentences = ("No kernel confinement on macOS: only resource limits.", "The system refused the limit on memory.")
    assert in_force == confine.Confinement("none", sentences)
    assert not in_force.strong


def applied(body: str) -> str:
    """What a fresh interpreter prints that runs `body` with `apply` at hand and may be confined for it."""
    if confine.available().backend == "none":
        pytest.skip("this kernel cannot confine a process: " + " ".join(confine.available().detail))
    script = textwrap.dedent("""
        from burnin.confine import *
        def confined(*readable):
            return apply(readable=[*python_paths(), *readable], writable=[], limits=Limits())
        def refused(*readable):
            try:
                confined(*readable)
            except ConfinementError as error:
                print(error)
    """)
    command = [sys.executable, "-W", "error", "-c", script + textwrap.dedent(body)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_apply_gives_what_was_offered() -> None:
    assert applied("offered = available(); print(confined() == offered)") == "True\n"


def test_a_missing_path_is_an_error_and_nothing_is_restricted_yet() -> None:
    if "Landlock ABI" not in confine.available().detail[0]:
        pytest.skip("this kernel has no Landlock")
    text = applied("""
        refused("/no/such/folder")
        print(open("/etc/passwd").readable())
    """)
    assert text == "cannot allow /no/such/folder: No such file or directory\nTrue\n"


def test_a_second_thread_is_an_error() -> None:
    text = applied("""
        import threading
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait)
        thread.start()
        refused()
        stop.set()
        thread.join()
    """)
    assert text == "apply() must run before any thread is started: there are 2\n"


def test_a_second_call_is_an_error() -> None:
    assert applied("confined(); refused()").startswith("the kernel refused what it had offered")
