"""Resource limits of a worker, setrlimit(2)."""

from __future__ import annotations

import resource
from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one worker may use. None leaves a limit as it is.

    A limit above the one in force is not an error: the lower one stays. They bind this process only, not a tree of
    them.
    """

    cpu_seconds: int | None = None
    """Processor time, all threads together; SIGXCPU then, and SIGKILL one second later."""
    memory_bytes: int | None = None
    """Address space, with what the interpreter has already mapped. Enforced on Linux; macOS may refuse it."""
    file_bytes: int | None = None
    """Size of one file that is written (EFBIG beyond). The number of files is not bounded by any limit."""
    open_files: int | None = None
    """Descriptors open at once (EMFILE beyond)."""
    processes: int | None = None
    """Processes and threads of this *user*, all programs together, so a low figure keeps even a thread from starting.
    It does not bind root. Where there is a seccomp filter, it denies processes whatever this says."""
    core_bytes: int = 0
    """Size of a core dump."""

    def apply_limits(self) -> tuple[str, ...]:
        """Set the limits, soft and hard, for this process and what it starts; return a sentence for each refusal."""
        wanted = {
            "CPU time": (resource.RLIMIT_CPU, self.cpu_seconds),
            "memory": (resource.RLIMIT_AS, self.memory_bytes),
            "file size": (resource.RLIMIT_FSIZE, self.file_bytes),
            "open files": (resource.RLIMIT_NOFILE, self.open_files),
            "processes": (resource.RLIMIT_NPROC, self.processes),
            "core dumps": (resource.RLIMIT_CORE, self.core_bytes),
        }
        refused = []
        for name, (which, value) in wanted.items():
            if value is None:
                continue
            # SIGXCPU comes at the soft limit and may be handled, which leaves a trace of where; the hard one kills.
            grace = 1 if which == resource.RLIMIT_CPU else 0
            _, ceiling = resource.getrlimit(which)
            hard = value + grace if ceiling == resource.RLIM_INFINITY else min(value + grace, ceiling)
            try:
                resource.setrlimit(which, (min(value, hard), hard))
            except (OSError, ValueError) as error:
                refused.append(f"The system refused the limit on {name}: {error}.")
        return tuple(refused)
