"""Killing what a worker leaves behind, for the template process that forks workers.

Where there is a seccomp filter a worker has no children. Where there is none, it may start a process that leaves its
group and its parent; killpg(2) then misses it. As a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER) the template becomes
the parent of such an orphan, and can find it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from glob import glob
from pathlib import Path

from burnin.confine.kernel import is_linux, prctl

__all__ = ["become_subreaper", "reap_descendants"]

_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper() -> bool:
    """Adopt every orphan among the descendants of this process, and return whether they can be found then.

    False outside Linux, and on a Linux without /proc or without CONFIG_PROC_CHILDREN. Not inherited by children.
    """
    if not is_linux():
        return False
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    return Path("/proc/thread-self/children").exists()


def reap_descendants(*, spare: Collection[int] = ()) -> list[int]:
    """Kill and reap every child of this process but those in `spare`, again and again until none is left.

    Grandchildren become children of a subreaper when their parent dies, so they follow, and those of spared children
    stay. Returns the pids reaped. A child that may not be killed (it changed its user) is left. Does nothing where
    `become_subreaper` is False: there killpg(2) on the worker's group is all that one can do.
    """
    reaped: list[int] = []
    left = set(spare)
    while doomed := [pid for pid in _children() if pid not in left]:
        for pid in doomed:
            try:
                os.kill(pid, signal.SIGKILL)
            except PermissionError:
                left.add(pid)
                continue
            os.waitpid(pid, 0)
            reaped.append(pid)
    return reaped


def _children() -> list[int]:
    """The pids of this process's children, ended but unreaped ones included; none outside Linux.

    /proc/pid/task/tid/children (proc(5)) may miss a child while another ends; a caller that loops until it is empty
    meets the missed one on its next turn, except in the last read, in which nothing that it cares about was ending.
    """
    if not is_linux():
        return []
    found: list[int] = []
    for path in glob("/proc/self/task/*/children"):
        with suppress(FileNotFoundError):  # the thread has ended
            found += map(int, Path(path).read_text().split())
    return found
