"""The system calls that a confined worker may make, with their numbers.

It is a list of what is allowed, not of what is forbidden: a call that nobody thought of is refused. Numbers come from
the kernel's own tables: `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h` (aarch64,
which has no legacy calls; they are None). Calls whose arguments matter are narrowed further in `seccomp.py`.

Absent on purpose, by what they would give a submission:

- a process or program: fork, vfork, execve, execveat (clone is narrowed to threads; clone3 "does not exist", because
  its flags lie in memory that a filter cannot read, and libc then falls back to clone);
- the network or another process's door: socket, connect, bind, listen, accept, sendmmsg, recvmmsg;
- other processes: ptrace, process_vm_*, pidfd_*, kcmp, process_madvise, rt_sigqueueinfo, rt_tgsigqueueinfo,
  setting affinity or priority, setsid and setpgid (a worker must not leave the group that is killed as a whole);
- what Landlock does not restrict: chmod, chown, utime and xattr families, truncate by path (before its ABI 3), flock
  (it would hold up another process that locks the same readable file), mknod;
- what outlives a process: System V and POSIX message queues, semaphores and shared memory; keyrings;
- memory outside the address-space limit: memfd_create, memfd_secret;
- the machine: mounts, namespaces, chroot, modules, bpf, perf, swap, clocks, reboot, quotas, sync, syslog, personality;
- wide or hard to reason about: io_uring, aio, userfaultfd, splice, inotify, fanotify, file handles, seccomp, Landlock.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ALLOWED", "CLONE3", "NEWEST"]

NEWEST: Final = 471
"""The newest number in the kernel's tables when this list was made. Later ones "do not exist": libc probes for new
calls and takes ENOSYS, but not EPERM, as a request to use the old way."""

CLONE3: Final = 435
"""The number of clone3, on every architecture."""

ALLOWED: Final[dict[str, tuple[int | None, int | None]]] = {
    # name: (x86_64, aarch64)
    # Files: Landlock decides which
    "read": (0, 63),
    "write": (1, 64),
    "open": (2, None),
    "openat": (257, 56),
    "close": (3, 57),
    "close_range": (436, 436),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "readv": (19, 65),
    "writev": (20, 66),
    "preadv": (295, 69),
    "pwritev": (296, 70),
    "preadv2": (327, 286),
    "pwritev2": (328, 287),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fchdir": (81, 50),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "fadvise64": (221, 223),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "umask": (95, 166),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    # Waiting, and the loops of asyncio and trio
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create": (213, None),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441),
    "eventfd": (284, None),
    "eventfd2": (290, 19),
    "signalfd": (282, None),
    "signalfd4": (289, 74),
    "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86),
    "timerfd_gettime": (287, 87),
    # Socket pairs, and sockets that were inherited
    "socketpair": (53, 199),
    "sendto": (44, 206),
    "recvfrom": (45, 207),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "shutdown": (48, 210),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "setsockopt": (54, 208),
    "getsockopt": (55, 209),
    # Memory of this process
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "brk": (12, 214),
    "madvise": (28, 233),
    "msync": (26, 227),
    "mseal": (462, 462),
    # Threads of this process
    "clone": (56, 220),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "futex": (202, 98),
    "futex_waitv": (449, 449),
    "futex_wake": (454, 454),
    "futex_wait": (455, 455),
    "futex_requeue": (456, 456),
    "rseq": (334, 293),
    "sched_yield": (24, 124),
    "gettid": (186, 178),
    "arch_prctl": (158, None),
    "prctl": (157, 167),
    # Signals within this process
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137),
    "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "pause": (34, None),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "wait4": (61, 260),
    "waitid": (247, 95),
    # Time
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getitimer": (36, 102),
    "setitimer": (38, 103),
    "alarm": (37, None),
    "timer_create": (222, 107),
    "timer_settime": (223, 110),
    "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109),
    "timer_delete": (226, 111),
    # What this process and this machine are
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getresuid": (118, 148),
    "getresgid": (120, 150),
    "getgroups": (115, 158),
    "capget": (125, 90),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "prlimit64": (302, 261),
    "getrandom": (318, 278),
    "getcpu": (309, 168),
    "getpriority": (140, 141),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
}
