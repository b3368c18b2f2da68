"""One worker: confined, it imports the submission and plays the scripts that the judge sends, until the judge hangs up."""

from __future__ import annotations

import contextlib
import gc
import importlib.machinery
import importlib.util
import math
import os
import random
import signal
import socket
import sys
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

from burnin import confine, wire
from burnin.plain import Hostile
from burnin.worker.play_plain import play_calls, play_threads
from burnin.worker.play_tasks import play_tasks
from burnin.worker.simulation import current, threads
from burnin.worker.simulation.report import Control
from burnin.worker.simulation.tasks import TaskRun
from burnin.worker.subject import describe_error

__all__ = ["CPU_SECONDS", "BusyLoop", "import_submission", "play", "prepare", "serve"]

CPU_SECONDS = 2.0
"""Processor time that one play may use before it counts as a busy loop. Processor time, so that load on the machine does not decide."""

LIMITS = confine.Limits(cpu_seconds=60, memory_bytes=2 << 30, file_bytes=16 << 20, open_files=128, processes=4_096)


class BusyLoop(Control, KeyboardInterrupt):
    """The submission did not give control back. A KeyboardInterrupt, because that alone goes through an event loop."""


def prepare() -> None:
    """Find out what is the same for all workers, in the process that forks them."""
    confine.available()
    _readable()


@cache
def _readable() -> list[Path]:
    return confine.python_paths()


def serve(sock: socket.socket, submission: Path, confined: bool) -> NoReturn:
    """Be a worker until the judge closes the socket; never returns, so that no cleanup of the template runs in it."""
    code = 1
    try:
        _serve(wire.Connection(sock, wire.ToWorker), submission, confined)
        code = 0
    except wire.Gone:
        code = 0
    finally:
        os._exit(code)


def _serve(connection: wire.Connection, submission: Path, confined: bool) -> None:
    if confined:
        found = confine.apply(readable=[*_readable(), submission.parent], writable=[submission.parent], limits=LIMITS)
    else:
        found = confine.Confinement(
            "none", ("Confinement was switched off: only resource limits.", *LIMITS.apply_limits())
        )
    connection.send(wire.Confined(found.backend, list(found.detail)))
    connection.receive()  # a `Load`
    module, problem = import_submission(submission)
    connection.send(wire.Loaded(problem))
    if module is None:
        return
    _freeze()

    def ask(message: Any) -> Any:
        try:
            if not wire.awaits(message):
                connection.queue(message)
                return wire.Ok()
            connection.send(message)
        except Hostile:  # nothing that is raised here may run through the submission, which could catch it
            connection.send(
                wire.Finished(message.t, None, [], "it returned or passed on a value that is too large", True)
            )
            os._exit(0)
        return connection.receive()

    reply = connection.receive()
    while isinstance(reply, wire.Play):
        finished = play(reply, module, ask)
        connection.send(finished)
        if finished.dirty:
            return
        reply = connection.receive()


def import_submission(path: Path, *, guarded: bool = True) -> tuple[types.ModuleType | None, str | None]:
    """Import the file as a module of its own name. Returns (module, None) or (None, a sentence that says what is wrong).

    `guarded` ends an import that computes for too long.
    """
    loader = importlib.machinery.SourceFileLoader(path.stem, str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.dont_write_bytecode = True
    try:
        with _timer(guarded):
            # Compiled by hand: no cached bytecode is read or written beside the file.
            code = compile(loader.get_data(str(path)), str(path), "exec", dont_inherit=True)
            threads.watch(code)
            exec(code, module.__dict__)  # noqa: S102  # this is what a worker is for
    except SyntaxError as error:
        if error.filename == str(path) and error.lineno:
            return None, f"It has a syntax error at line {error.lineno}: {str(error.msg).rstrip('.')}."
        if error.filename == str(path):  # a line that declares an encoding which there is not
            return None, f"It has a syntax error: {str(error.msg).rstrip('.')}."
        return None, _raised(error, path)  # raised by what it imports
    except BusyLoop as error:
        return (
            None,
            f"Importing it does not end; it computes at {error}." if error.args else "Importing it does not end.",
        )
    except BaseException as error:
        return None, _raised(error, path)
    return module, None


def _raised(error: BaseException, path: Path) -> str:
    names, text, line = describe_error(error, str(path))
    where = f" at {line}" if line else ""
    return f"Importing it raised {names[0]}{where}" + (f": {text.rstrip('.')}." if text else ".")


def play(request: wire.Play, module: types.ModuleType, ask: Any, *, guarded: bool = True) -> wire.Finished:
    """Play one script, telling the judge each event through `ask`.

    `guarded` ends a play that computes, or waits for something real, for too long; a debugger would be ended too.
    """
    random.seed(0)
    gc.disable()  # a collection at an arbitrary moment would run the submission's finalisers there
    told = 0.0  # when the judge heard last

    def ask_at(message: Any) -> Any:
        nonlocal told
        told = message.t
        return ask(message)

    try:
        with _timer(guarded):
            if request.mode == "calls":
                return play_calls(request, module, ask_at)
            if request.mode == "threads":
                return play_threads(request, module, ask_at, patience=10.0 if guarded else math.inf)
            finished = play_tasks(request, module, ask_at)
        if isinstance(finished.problem, str) and finished.problem.startswith(BusyLoop.__name__):
            return wire.Finished(told, _busy(finished.problem.partition(": ")[2]), [], None, True)
        return finished
    except BusyLoop as error:
        return wire.Finished(told, _busy(str(error)), [], None, True)
    finally:
        gc.enable()


def _busy(line: str) -> wire.Stopped:
    return wire.Stopped("busy_loop", [("submission", line or None)])


def _freeze() -> None:
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def _timer(wanted: bool) -> Iterator[None]:
    if not wanted:
        yield
        return
    # Repeated, because the submission may catch the first; the judge's own patience is the last resort.
    signal.signal(signal.SIGPROF, _out_of_time)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS, 0.2)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _out_of_time(_signal: int, frame: types.FrameType | None) -> None:
    busy = BusyLoop(*_submission_line(frame))
    run = current.current()
    if isinstance(run, TaskRun):
        run.interrupt(busy)  # raised again at the next step, should the submission catch it
    raise busy


def _submission_line(frame: types.FrameType | None) -> tuple[str, ...]:
    here = os.getcwd()
    for top in [frame, *sys._current_frames().values()]:
        while top is not None:
            code = top.f_code
            if os.path.dirname(code.co_filename) == here:
                return (f"{os.path.basename(code.co_filename)}:{top.f_lineno} {code.co_name}",)
            top = top.f_back
    return ()
