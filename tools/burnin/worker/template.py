"""The template process: a pristine interpreter with everything imported, from which each worker is forked.

A fresh interpreter with anyio and trio takes some 150 ms to start, a fork a few. The template never imports a submission, so
every worker begins from the same state, whatever other workers did. It also reaps: when a worker is over, its whole process
group and every stray descendant is killed.

    python -m burnin.worker.template SOCKET_FD
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import os
import signal
import socket
import sys
import typing
from pathlib import Path
from typing import NoReturn

import anyio
import anyio._backends._asyncio
import anyio._backends._trio
import msgspec
import trio

from burnin import confine
from burnin.wire import Order, Status
from burnin.worker.serve import prepare, serve
from burnin.worker.simulation import current, foreign, threads

__all__ = ["main"]

# Imported ahead for the submission's sake; nothing here uses them.
_PRELOADED = (asyncio, concurrent.futures, typing, anyio, trio)
for _name in (
    "bisect",
    "collections",
    "dataclasses",
    "enum",
    "hashlib",
    "heapq",
    "itertools",
    "json",
    "queue",
    "statistics",
):
    __import__(_name)


def main(control: socket.socket) -> None:
    """Serve orders until the judge closes the control socket."""
    confine.become_subreaper()
    current.install()
    threads.install()
    foreign.install()
    prepare()
    gc.collect()
    gc.freeze()
    workers: set[int] = set()
    while True:
        data, fds, _, _ = socket.recv_fds(control, 65_536, 1)
        if not data:
            break
        order = msgspec.msgpack.decode(data, type=Order)
        if order.end:
            workers.discard(order.end)
            control.send(msgspec.msgpack.encode(Status(order.end, _end(order.end, workers))))
        else:
            pid = _fork(control, fds[0], Path(order.submission), order.confined)
            workers.add(pid)
            control.send(msgspec.msgpack.encode(Status(pid)))
    for pid in workers:
        _end(pid, set())


def _fork(control: socket.socket, fd: int, submission: Path, confined: bool) -> int:
    pid = os.fork()
    if pid == 0:
        _be_worker(control, fd, submission, confined)
    os.close(fd)
    return pid


def _be_worker(control: socket.socket, fd: int, submission: Path, confined: bool) -> NoReturn:
    os.setpgid(0, 0)
    control.close()
    os.chdir(submission.parent)
    # The protocol has a descriptor of its own: what the submission reads from stdin or prints is nobody's.
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    sock = socket.socket(fileno=os.dup(fd))
    os.closerange(3, sock.fileno())
    os.closerange(sock.fileno() + 1, 256)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    serve(sock, submission, confined)


def _end(pid: int, others: set[int]) -> int:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    status = 0
    with contextlib.suppress(ChildProcessError):
        _, status = os.waitpid(pid, 0)
    confine.reap_descendants(spare=others)
    return status


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
