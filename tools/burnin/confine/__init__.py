"""The confinement that a worker puts on itself just before it imports a submission.

A worker is forked from a template process that has imported every library already, so no program is started afterwards
and a tool that wraps a command line has nothing to wrap. The worker asks the kernel itself: Landlock for files, and a
seccomp filter for system calls, called through `ctypes`. Why so:

- It works for root and for any other user, inside containers under their default profiles, without user namespaces, and
  there is nothing to install.
- It costs one to two milliseconds per worker, and every thread or process started later inherits it.
- bubblewrap and its like need an installed program and user namespaces, which some hosted machines switch off.
- pyseccomp needs the shared library of libseccomp; the Landlock wrappers on the package index are young. What they
  would save is small: the filter is one table and the rules are a page.

On other systems `apply` still sets resource limits, and says that nothing else is in force.

    confinement = apply(readable=python_paths(), writable=[scratch], limits=Limits(cpu_seconds=10))

A worker cannot change permissions or dates even of its own scratch files, so `shutil.copy` fails there;
`shutil.copyfile` works. What confinement does not do: hide that a path exists and how large it is; bound the number of
files in the scratch folder; take away descriptors and memory that the process already has; keep threads from competing
for the processor.
"""

from __future__ import annotations

from burnin.confine.confinement import Backend, Confinement, apply, available
from burnin.confine.errors import ConfinementError
from burnin.confine.limits import Limits
from burnin.confine.paths import python_paths
from burnin.confine.reap import become_subreaper, reap_descendants

__all__ = [
    "Backend",
    "Confinement",
    "ConfinementError",
    "Limits",
    "apply",
    "available",
    "become_subreaper",
    "python_paths",
    "reap_descendants",
]
