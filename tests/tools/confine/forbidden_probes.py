"""What a confined child tries and must not achieve. Each probe takes the test's folder and lets the error out.

Where a system call is made by number, the numbers are those of x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import queue
import resource
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

Probe = Callable[[Path], object]

LIBC = ctypes.CDLL(None, use_errno=True)

# linux/sched.h
CLONE_VM, CLONE_VFORK, CLONE_NEWUSER, CLONE_NEWNET = 0x100, 0x4000, 0x10000000, 0x40000000
THREAD_FLAGS = 0x3D0F00

# linux/prctl.h, linux/ptrace.h, linux/sockios.h, linux/fs.h, asm-generic/socket.h, linux/personality.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
PTRACE_ATTACH = 16
FIOSETOWN = 0x8901
FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x40086602, 0x10
SO_ATTACH_FILTER = 26
ADDR_NO_RANDOMIZE = 0x0040000


def c(result: int) -> int:
    """The result of a C call, or its errno as an `OSError`."""
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def call(x86_64: int, aarch64: int, *arguments: int) -> int:
    """A system call by number, past the wrappers of the C library."""
    number = x86_64 if os.uname().machine == "x86_64" else aarch64
    return c(LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, arguments)))


def process(made: int) -> object:
    """End a child that should not have been made, and wait for it in the parent."""
    if made == 0:
        os._exit(0)
    return os.waitpid(made, 0)


def opened(path: str | Path, flags: int = os.O_RDONLY) -> int:
    return os.open(path, flags)


def shell() -> object:
    # `system` tells by its result alone that no process could be made.
    if os.system("true") != 0:
        raise PermissionError(errno.EPERM, "the shell did not run")
    return "ran"


def read_through_symlink(folder: Path) -> object:
    (folder / "scratch/link").symlink_to(folder / "hidden/file")
    return (folder / "scratch/link").read_text()


def read_through_dots(folder: Path) -> object:
    os.chdir(folder / "scratch")
    return Path("../hidden/file").read_text()


def read_from_a_thread(folder: Path) -> object:
    answers: queue.Queue[str | OSError] = queue.Queue()

    def read() -> None:
        try:
            answers.put((folder / "hidden/file").read_text())
        except OSError as error:
            answers.put(error)

    threading.Thread(target=read).start()
    answer = answers.get()
    if isinstance(answer, OSError):
        raise answer
    return answer


def fchmodat2(folder: Path) -> object:
    path = ctypes.create_string_buffer(os.fsencode(folder / "shown/file"))
    return call(452, 452, 0, ctypes.addressof(path), 0o777, 0)


def message_queue(folder: Path) -> object:
    name = ctypes.create_string_buffer(b"burnin")
    return call(240, 180, ctypes.addressof(name), os.O_RDWR | os.O_CREAT, 0o600, 0)


def io_uring_setup(folder: Path) -> object:
    parameters = ctypes.create_string_buffer(120)
    return call(425, 425, 1, ctypes.addressof(parameters))


def call_through_the_32_bit_door(folder: Path) -> object:
    """getpid on x86_64 by `mov eax, 20; int 0x80; ret`."""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()


def pair() -> socket.socket:
    """One end of a stream pair; the other may go."""
    return socket.socketpair()[0]


DENIED_BY_LANDLOCK: dict[str, Probe] = {
    "read hidden": lambda folder: (folder / "hidden/file").read_text(),
    "read the checkout": lambda folder: Path(__file__).read_text(),
    "read /etc/passwd": lambda folder: opened("/etc/passwd"),
    "read its own memory": lambda folder: opened("/proc/self/mem"),
    "read the parent's environment": lambda folder: opened(f"/proc/{os.getppid()}/environ"),
    "read the parent's memory": lambda folder: opened(f"/proc/{os.getppid()}/mem"),
    "read through a symlink": read_through_symlink,
    "read through ..": read_through_dots,
    "read from a thread": read_from_a_thread,
    "list hidden": lambda folder: os.listdir(folder / "hidden"),
    "list the parent folder": lambda folder: os.listdir(folder),
    "list /proc": lambda folder: os.listdir("/proc"),
    "write hidden": lambda folder: (folder / "hidden/file").write_text("changed"),
    "write shown": lambda folder: (folder / "shown/file").write_text("changed"),
    "append to shown": lambda folder: opened(folder / "shown/file", os.O_WRONLY | os.O_APPEND),
    "make a file in shown": lambda folder: (folder / "shown/new").write_text(""),
    "make a file in /tmp": lambda folder: Path(f"/tmp/burnin-probe-{os.getpid()}").write_text(""),
    "make a file in /dev/shm": lambda folder: Path(f"/dev/shm/burnin-probe-{os.getpid()}").write_text(""),
    "make a nameless file outside": lambda folder: opened(folder, os.O_TMPFILE | os.O_RDWR),
    "make a folder outside": lambda folder: (folder / "new").mkdir(),
    "remove shown": lambda folder: (folder / "shown/file").unlink(),
    "rename out of scratch": lambda folder: (folder / "scratch/file").rename(folder / "shown/new"),
    "rename into scratch": lambda folder: (folder / "hidden/file").rename(folder / "scratch/new"),
    "rename scratch": lambda folder: (folder / "scratch").rename(folder / "other"),
    "open the terminal": lambda folder: opened("/dev/tty", os.O_RDWR),
}

# EXDEV: the link would give more rights than the file has where it is (landlock(7), LANDLOCK_ACCESS_FS_REFER).
DENIED_AS_ANOTHER_DEVICE: dict[str, Probe] = {
    "hard link to hidden": lambda folder: os.link(folder / "hidden/file", folder / "scratch/link"),
    "hard link to shown": lambda folder: os.link(folder / "shown/file", folder / "scratch/link"),
}

DENIED_BY_FILTER: dict[str, Probe] = {
    # files: what Landlock leaves open, or opens only to newer kernels
    "truncate shown": lambda folder: os.truncate(folder / "shown/file", 0),
    "truncate shown by reading": lambda folder: opened(folder / "shown/file", os.O_RDONLY | os.O_TRUNC),
    "truncate its own by reading": lambda folder: opened(folder / "scratch/file", os.O_RDONLY | os.O_TRUNC),
    "chmod": lambda folder: (folder / "shown/file").chmod(0o777),
    "fchmod": lambda folder: os.fchmod(opened(folder / "shown/file"), 0o777),
    "fchmodat2": fchmodat2,
    "chown": lambda folder: os.chown(folder / "shown/file", os.getuid(), os.getgid()),
    "utime": lambda folder: os.utime(folder / "shown/file", (0, 0)),
    "setxattr": lambda folder: os.setxattr(folder / "shown/file", "user.burnin", b"1"),
    "set file flags": lambda folder: fcntl.ioctl(
        opened(folder / "scratch/file"), FS_IOC_SETFLAGS, struct.pack("l", FS_IMMUTABLE_FL)
    ),
    "flock": lambda folder: fcntl.flock(opened(folder / "shown/file"), fcntl.LOCK_EX | fcntl.LOCK_NB),
    "make a device": lambda folder: os.mknod(folder / "scratch/null", 0o20666, os.makedev(1, 3)),
    "make a fifo": lambda folder: os.mkfifo(folder / "scratch/fifo"),
    "chroot": lambda folder: os.chroot(folder / "scratch"),
    "open by handle": lambda folder: call(304, 265, 0, 0, 0),
    "inotify": lambda folder: c(LIBC.inotify_init()),
    "memfd": lambda folder: os.memfd_create("program"),
    # processes
    "fork": lambda folder: process(os.fork()),
    "fork by clone": lambda folder: process(call(56, 220, signal.SIGCHLD, 0, 0, 0, 0)),
    "vfork by clone": lambda folder: process(call(56, 220, CLONE_VM | CLONE_VFORK | signal.SIGCHLD, 0, 0, 0, 0)),
    "thread in a namespace": lambda folder: call(56, 220, THREAD_FLAGS | CLONE_NEWNET, 0, 0, 0, 0),
    "subprocess": lambda folder: subprocess.run([sys.executable, "-c", ""], check=True),
    "system": lambda folder: shell(),
    "posix_spawn": lambda folder: process(os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})),
    "execve": lambda folder: os.execv(sys.executable, [sys.executable, "-c", ""]),
    "execveat": lambda folder: call(322, 281, 0, 0, 0, 0, 0),
    "setsid": lambda folder: os.setsid(),
    "setpgid": lambda folder: os.setpgid(0, 0),
    "unshare": lambda folder: c(LIBC.unshare(CLONE_NEWUSER)),
    "setns": lambda folder: c(LIBC.setns(0, 0)),
    "forget the parent's death": lambda folder: c(LIBC.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)),
    "become dumpable": lambda folder: c(LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)),
    "setpriority": lambda folder: os.setpriority(os.PRIO_PROCESS, os.getppid(), 5),
    "sched_setaffinity": lambda folder: os.sched_setaffinity(os.getppid(), {0}),
    "sched_setscheduler": lambda folder: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    # signals and other processes
    "kill parent": lambda folder: os.kill(os.getppid(), signal.SIGUSR1),
    "signal 0 to parent": lambda folder: os.kill(os.getppid(), 0),
    "kill everything": lambda folder: os.kill(-1, 0),
    "kill its group": lambda folder: os.killpg(0, 0),
    "tkill": lambda folder: call(200, 130, os.getppid(), 0),
    "tgkill": lambda folder: call(234, 131, os.getppid(), os.getppid(), 0),
    "rt_sigqueueinfo": lambda folder: call(129, 138, os.getppid(), 0, 0),
    "pidfd_open": lambda folder: os.pidfd_open(os.getppid()),
    "pidfd_send_signal": lambda folder: call(424, 424, 0, 0, 0, 0),
    "F_SETOWN": lambda folder: fcntl.fcntl(pair(), fcntl.F_SETOWN, os.getppid()),
    "FIOSETOWN": lambda folder: fcntl.ioctl(pair(), FIOSETOWN, struct.pack("i", os.getppid())),
    "F_SETSIG": lambda folder: fcntl.fcntl(pair(), fcntl.F_SETSIG, signal.SIGKILL),
    "ptrace": lambda folder: c(LIBC.ptrace(PTRACE_ATTACH, os.getppid(), 0, 0)),
    "process_vm_readv": lambda folder: call(310, 270, os.getppid(), 0, 0, 0, 0, 0),
    "kcmp": lambda folder: call(312, 272, os.getppid(), os.getpid(), 0, 0, 0),
    "prlimit of the parent": lambda folder: resource.prlimit(os.getppid(), resource.RLIMIT_CORE, (0, 0)),
    "type into the terminal": lambda folder: fcntl.ioctl(0, termios.TIOCSTI, b"x"),
    # network
    "AF_INET": lambda folder: socket.socket(socket.AF_INET),
    "AF_INET6": lambda folder: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "AF_UNIX": lambda folder: socket.socket(socket.AF_UNIX),
    "AF_NETLINK": lambda folder: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "datagram pair": lambda folder: socket.socketpair(type=socket.SOCK_DGRAM),
    "connect": lambda folder: pair().connect(str(folder / "socket")),
    "bind": lambda folder: pair().bind(str(folder / "scratch/socket")),
    "listen": lambda folder: pair().listen(),
    "sendto an address": lambda folder: pair().sendto(b"x", str(folder / "socket")),
    "socket filter": lambda folder: pair().setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(16)),
    # what outlives a process
    "shmget": lambda folder: call(29, 194, 0, 4096, 0o1600),
    "semget": lambda folder: call(64, 190, 0, 1, 0o1600),
    "msgget": lambda folder: call(68, 186, 0, 0o1600),
    "mq_open": message_queue,
    "keyctl": lambda folder: call(250, 219, 0, 0),
    # the rest of the kernel
    "io_uring_setup": io_uring_setup,
    "io_uring_enter": lambda folder: call(426, 426, 0, 0, 0, 0, 0),
    "bpf": lambda folder: call(321, 280, 0, 0, 0),
    "mount": lambda folder: c(LIBC.mount(b"none", os.fsencode(folder / "scratch"), b"tmpfs", 0, None)),
    "userfaultfd": lambda folder: call(323, 282, 0),
    "perf_event_open": lambda folder: call(298, 241, 0, 0, 0, 0, 0),
    "seccomp": lambda folder: call(317, 277, 1, 0, 0),
    "personality": lambda folder: c(LIBC.personality(ADDR_NO_RANDOMIZE)),
    "setuid": lambda folder: os.setuid(os.getuid()),
}

ABSENT: dict[str, Probe] = {
    "clone3": lambda folder: call(435, 435, 0, 0),
    "newer than the list": lambda folder: call(9999, 9999),
    "x32": lambda folder: call(0x40000000 + 39, 9999),
}

OTHERS: dict[str, Probe] = {"32-bit door": call_through_the_32_bit_door}

PROBES = DENIED_BY_LANDLOCK | DENIED_AS_ANOTHER_DEVICE | DENIED_BY_FILTER | ABSENT | OTHERS
