"""The judge's side of worker processes: the template they are forked from, and one worker at a time."""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from burnin import wire
from burnin.judge.scratch import remove
from burnin.judge.verdict import Crashed, TimedOut
from burnin.plain import Hostile

__all__ = ["CPU_PATIENCE", "MAX_PLAY_BYTES", "PATIENCE", "PLAY_PATIENCE", "Template", "Worker"]

PATIENCE = 10.0
"""Real seconds that a worker may be silent without computing: it waits for something that never comes. A worker that computes is stopped
by its own processor time, and is waited for until then, so that a busy machine does not decide."""

CPU_PATIENCE = 5.0
"""Seconds of processor time after which a silent worker is not waited for any more: its own limit has been switched off."""

START_PATIENCE = 120.0
"""Real seconds for the template, which is ours, to start and to answer; a busy machine may be slow."""

PLAY_PATIENCE = 60.0
"""Real seconds that a whole play may take. Processor time ends an honest worker's long before."""

MAX_PLAY_BYTES = 8 << 20
"""What a worker may tell in one play, since the judge keeps it all in the history."""

MOST_AHEAD = 16
"""Workers that a template makes for a submission that is still to come."""

MAX_PROBLEM = 500
"""Characters of what the worker says of a failed import."""


class Template:
    """Starts the template process once, and forks workers from it. Use it as a context manager."""

    def __init__(
        self, name: str, submission: bytes = b"", *, confined: bool = True, reap: Callable[[], object] = lambda: None
    ) -> None:
        """`reap` kills what outlives a template that was itself killed; only a process with no other children can do that."""
        self._name, self._submission, self._confined, self._reap = name, submission, confined, reap
        self._home = Path(tempfile.mkdtemp(prefix="burnin-"))
        self._count = 0
        self.confined: wire.Confined | None = None
        """What the last worker said of its confinement."""
        self.unloadable: Crashed | TimedOut | None = None
        """Why the submission cannot be imported, once that is known."""
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._ahead: list[Worker] = []
        self._taken = self._taken_before = 0

    def __enter__(self) -> Template:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        remove(self._home)

    def hand_in(self, submission: bytes) -> None:
        """From here on workers import this module."""
        self._submission, self.unloadable = submission, None
        self._taken, self._taken_before = 0, self._taken

    def start(self) -> None:
        """Start the process, if it does not run; it imports while the caller does something else."""
        if self._process is not None and self._process.poll() is None:
            return
        self._stop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "TMPDIR": str(self._home)}
        environment["PYTHONBREAKPOINT"] = "0"  # what is left in for a replay does nothing in a grade
        if "LD_LIBRARY_PATH" in os.environ:  # some interpreters find their own library by it
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "burnin.worker.template", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=None,
                env=environment,
                cwd=self._home,
                start_new_session=True,
            )
        self._control = ours

    def worker(self) -> Worker:
        """A new worker in a scratch folder of its own.

        Raises `Crashed` or `TimedOut` if the submission cannot be imported; that is tried once.
        """
        if self.unloadable is not None:
            raise type(self.unloadable)(str(self.unloadable))
        self._taken += 1
        worker = self._ahead.pop() if self._ahead else self._new()
        if not worker.waits():  # somebody has ended it, but not the submission
            worker.end()
            worker = self._new()
        self.confined = worker.confined
        try:
            worker.load(self._submission)
        except (Crashed, TimedOut) as verdict:
            worker.end()
            self.unloadable = verdict
            raise
        return worker

    def make_ahead(self) -> bool:
        """Make a worker for a submission that is still to come, unless there are as many as one has taken so far; whether it made one."""
        if len(self._ahead) >= min(MOST_AHEAD, max(self._taken, self._taken_before)):
            return False
        try:
            self._ahead.append(self._new())
        except (Crashed, TimedOut, OSError):  # whatever it is, who needs a worker will hear of it
            return False
        return True

    def _new(self) -> Worker:
        """A worker that waits for the submission."""
        self.start()
        self._count += 1
        scratch = self._home / str(self._count)
        scratch.mkdir(mode=0o700)
        path = scratch / f"{self._name}.py"
        ours, theirs = socket.socketpair()
        with theirs, contextlib.ExitStack() as failing:
            failing.callback(ours.close)
            pid = self._order(wire.Order(str(path), self._confined), theirs.fileno()).pid
            failing.pop_all()
        return Worker(self, pid, ours, path)

    def end(self, pid: int) -> int:
        """Kill the worker with all that it started; returns its wait status."""
        return self._order(wire.Order(end=pid), None).status

    def _order(self, order: wire.Order, fd: int | None) -> wire.Status:
        assert self._control is not None
        self._control.settimeout(START_PATIENCE)
        try:
            socket.send_fds(self._control, [msgspec.msgpack.encode(order)], [] if fd is None else [fd])
            return msgspec.msgpack.decode(self._control.recv(4096), type=wire.Status)
        except (OSError, msgspec.DecodeError):
            self._stop()  # an unconfined submission may have killed it; the next worker gets a new one
            raise Crashed("the process that starts workers has ended") from None

    def _stop(self) -> None:
        for worker in self._ahead:
            worker.forget()
        self._ahead = []
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None
            self._reap()


class Worker:
    """One worker process. `send` and `receive` raise `Crashed` or `TimedOut` when the submission ended the conversation."""

    def __init__(self, template: Template, pid: int, sock: socket.socket, path: Path) -> None:
        """`path` is where its submission will be, in a scratch folder of its own."""
        self._template, self._pid, self._path = template, pid, path
        self._connection = wire.Connection(sock, wire.ToJudge)
        self._connection.be_patient(START_PATIENCE)
        self._ended = False
        self._play_ends = math.inf
        self._cpu_began = self._cpu_seen = 0.0
        confined = self.receive()
        if not isinstance(confined, wire.Confined):
            raise RuntimeError("a worker does not say how it is confined")  # nothing of the submission has run yet
        self.confined = confined
        self._connection.be_patient(PATIENCE)

    def waits(self) -> bool:
        """Whether it waits for the submission: it has not ended."""
        return not self._connection.come()

    def load(self, submission: bytes) -> None:
        """Have it import the submission. Raises `Crashed` or `TimedOut`, with a sentence, if it cannot be imported."""
        self._play_ends = time.monotonic() + PLAY_PATIENCE
        self._path.write_bytes(submission)
        try:
            self.send(wire.Load())
            loaded = self.receive()
        except (Crashed, TimedOut) as verdict:
            raise type(verdict)(f"It cannot be imported: {verdict}.") from None
        if not isinstance(loaded, wire.Loaded):
            raise Crashed("It cannot be imported: it talks to the judge itself.")
        if loaded.problem is not None:
            endless = loaded.problem.startswith("Importing it does not end")
            raise (TimedOut if endless else Crashed)(loaded.problem[:MAX_PROBLEM])

    def begin(self, opening: wire.Play) -> None:
        """Send the opening of a play, and count its time and bytes from here."""
        self._play_ends = time.monotonic() + PLAY_PATIENCE
        self._cpu_began = self._cpu_seen = _processor_time(self._pid)
        self._connection.heard = 0
        self.send(opening)

    def send(self, message: Any) -> None:
        """Send to the worker; raises `Crashed` if it has gone."""
        try:
            self._connection.send(message)
        except wire.Gone as gone:
            raise self._gone(gone) from None

    def receive(self) -> Any:
        """The worker's next message; raises `Crashed` or `TimedOut`."""
        while True:
            try:
                message = self._connection.receive()
            except wire.Gone as gone:
                if str(gone) == wire.LATE and self._computes():
                    continue
                raise self._gone(gone) from None
            except Hostile as hostile:
                self.end()
                raise Crashed(f"the worker sent {hostile}") from None
            break
        if self._connection.heard > MAX_PLAY_BYTES:
            self.end()
            raise Crashed(f"it told the judge more than {MAX_PLAY_BYTES:,} bytes in one play")
        if time.monotonic() > self._play_ends:
            self.end()
            raise TimedOut(f"one play took more than {PLAY_PATIENCE:.0f} s")
        return message

    def _computes(self) -> bool:
        """Whether a silent worker is only slow, because the machine is busy."""
        before, self._cpu_seen = self._cpu_seen, _processor_time(self._pid)
        honest = self._cpu_seen - self._cpu_began < CPU_PATIENCE and time.monotonic() < self._play_ends
        return honest and self._cpu_seen > before

    def _gone(self, gone: wire.Gone) -> Crashed | TimedOut:
        status = self.end()
        if str(gone) == wire.LATE:
            return TimedOut(f"it was silent for {PATIENCE:.0f} s")
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return TimedOut("its plays together took more than the processor time that a worker has")
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            return Crashed(f"its process was ended by {signal.Signals(os.WTERMSIG(status)).name}")
        if os.WIFEXITED(status):
            return Crashed(f"it ended its process with code {os.WEXITSTATUS(status)}")
        return Crashed("it ended the conversation with the judge")

    def memory(self) -> int:
        """Bytes of memory that it holds for itself; 0 where the system does not tell (it is not Linux, or the worker is gone)."""
        try:
            resident, shared = Path(f"/proc/{self._pid}/statm").read_text().split()[1:3]  # proc_pid_statm(5), in pages
        except OSError:
            return 0
        return (int(resident) - int(shared)) * mmap.PAGESIZE

    def end(self) -> int:
        """Kill the worker and remove its scratch folder; harmless when done before."""
        if self._ended:
            return 0
        self._ended = True
        self._connection.close()
        try:
            return self._template.end(self._pid)
        except Crashed:
            return 0
        finally:
            remove(self._path.parent)

    def forget(self) -> None:
        """Let go of a worker that ends with its template."""
        self._ended = True
        self._connection.close()
        remove(self._path.parent)


def _processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used; 0 where the system does not tell (it is not Linux, or the process is gone)."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the clock of clock_getcpuclockid(3)
    except OSError:
        return 0.0
