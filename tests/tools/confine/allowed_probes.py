"""What a confined child does that must still work, and the bombs that its limits hold."""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import gc
import importlib
import os
import queue
import resource
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import trio

PROBES: dict[str, Callable[[Path], object]] = {}


def probe(function: Callable[[Path], object]) -> Callable[[Path], object]:
    """Register a probe under its own name."""
    PROBES[function.__name__] = function
    return function


# --- limits


@probe
def memory_bomb(folder: Path) -> object:
    return len(bytearray(1 << 32))


@probe
def raise_own_limit(folder: Path) -> object:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "raised"


@probe
def file_bomb(folder: Path) -> object:
    with open(folder / "scratch/big", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


@probe
def descriptor_bomb(folder: Path) -> object:
    return [os.open("/dev/null", os.O_RDONLY) for _ in range(100_000)]


@probe
def processor_bomb(folder: Path) -> object:
    while True:
        pass


# --- what must still work


@probe
def threads(folder: Path) -> object:
    done: queue.Queue[int] = queue.Queue()
    workers = [threading.Thread(target=done.put, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sorted(done.get() for _ in workers)


@probe
def asyncio_loop(folder: Path) -> object:
    async def main() -> object:
        await asyncio.sleep(0.001)
        return await asyncio.to_thread(threading.get_native_id) != threading.get_native_id()

    return asyncio.run(main())


@probe
def asyncio_streams(folder: Path) -> object:
    async def main() -> object:
        left, right = socket.socketpair()
        reader, near = await asyncio.open_connection(sock=left)
        _, far = await asyncio.open_connection(sock=right)
        far.writelines([b"he", b"llo"])
        await far.drain()
        far.close()
        text = await reader.read()
        near.close()
        return text.decode()

    return asyncio.run(main())


@probe
def trio_loop(folder: Path) -> object:
    async def main() -> object:
        await trio.sleep(0.001)
        return await trio.to_thread.run_sync(threading.get_native_id) != threading.get_native_id()

    return trio.run(main)


@probe
def lazy_extension(folder: Path) -> object:
    """An extension module that nothing has imported yet: its shared library is mapped as code."""
    names = ["_lsprof", "_curses", "_sqlite3", "_elementtree", "_multibytecodec"]
    names = [name for name in names if name not in sys.modules and name not in sys.builtin_module_names]
    for name in names:
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        return str(module.__file__).endswith(".so")
    return "every candidate is imported, built in, or absent"


@probe
def lazy_standard_library(folder: Path) -> object:
    return importlib.import_module("wsgiref.headers").__name__


@probe
def lazy_package(folder: Path) -> object:
    return importlib.import_module("trio.testing").__name__


@probe
def scratch_files(folder: Path) -> object:
    scratch = folder / "scratch"
    (scratch / "a/b").mkdir(parents=True)
    (scratch / "a/one").write_text("one")
    (scratch / "a/one").rename(scratch / "a/two")
    (scratch / "a/two").write_text("2")
    with open(scratch / "a/two", "r+") as file:
        file.truncate(0)
        os.fsync(file.fileno())
    shutil.copyfile(scratch / "file", scratch / "copy")
    (scratch / "link").symlink_to("copy")
    found = (scratch / "link").read_text()
    with tempfile.TemporaryDirectory() as inner, tempfile.TemporaryFile() as file2:
        Path(inner, "x").write_text(found)
        file2.write(b"x")
    shutil.rmtree(scratch / "a")
    return sorted(os.listdir(scratch))


@probe
def move_between_scratch_folders(folder: Path) -> object:
    scratch = folder / "scratch"
    (scratch / "a").mkdir()
    (scratch / "b").mkdir()
    (scratch / "a/one").write_text("one")
    shutil.move(scratch / "a/one", scratch / "b/one")
    return (scratch / "b/one").read_text()


@probe
def read_shown(folder: Path) -> object:
    return [os.listdir(folder / "shown"), (folder / "shown/file").read_text()]


@probe
def devices(folder: Path) -> object:
    with open("/dev/null", "w") as null:
        null.write("x")
    with open("/dev/urandom", "rb") as source:
        return len(source.read(4)) + len(os.urandom(4))


@probe
def timers(folder: Path) -> object:
    caught: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: caught.append(number))
    signal.signal(signal.SIGPROF, lambda number, frame: caught.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    while not caught:
        signal.pause()
    signal.setitimer(signal.ITIMER_PROF, 0.001)
    while len(caught) < 2:
        pass
    return caught == [signal.SIGALRM, signal.SIGPROF]


@probe
def signals_to_itself(folder: Path) -> object:
    caught: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: caught.append(number))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    return len(caught)


@probe
def abort(folder: Path) -> object:
    return os.abort()


@probe
def dump_later(folder: Path) -> object:
    # No Python frame comes or goes while the watchdog reads them without the interpreter's lock: that can crash.
    reader, writer = os.pipe()
    faulthandler.dump_traceback_later(0.001, file=writer)
    text = os.read(reader, 1)
    faulthandler.cancel_dump_traceback_later()
    os.close(writer)
    with os.fdopen(reader, "rb") as rest:
        return b"dump_later" in text + rest.read()


@probe
def polling(folder: Path) -> object:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.settimeout(1)
    with selectors.DefaultSelector() as selector:
        selector.register(right, selectors.EVENT_READ)
        left.send(b"ping")
        assert selector.select(1)
    return right.recv(4).decode()


@probe
def inherited_streams(folder: Path) -> object:
    os.write(2, b"")
    return [os.isatty(1), os.fstat(0).st_ino > 0, os.getpgrp() > 0]


@probe
def memory_and_collection(folder: Path) -> object:
    held = [bytearray(1 << 20) for _ in range(32)]
    del held
    return gc.collect() >= 0


@probe
def machine_facts(folder: Path) -> object:
    return [bool(os.cpu_count()), len(os.sched_getaffinity(0)) > 0, os.uname().sysname, resource.getpagesize() > 0]


@probe
def capabilities(folder: Path) -> object:
    """The capabilities in force, but for the one to read files of others, which only root has (capabilities(7))."""
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capget(header, sets) == 0
    read_all = 1 << 2
    return [word & ~read_all for word in sets]
