"""The process that the tests drive: it forks one child per request, confines it, and runs one probe in it.

It is shaped like the template process of a grade (one thread, everything imported, workers forked), so a probe takes
milliseconds and the test runner itself is never forked. Requests and answers are lines of JSON on stdin and stdout.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from pathlib import Path

import allowed_probes
import forbidden_probes

from burnin import confine

PROBES = forbidden_probes.PROBES | allowed_probes.PROBES
CHECKOUT = Path(__file__).resolve().parents[3]


def attempt(name: str, folder: Path, limits: dict[str, int]) -> dict[str, object]:
    """Confine this process to `folder`/scratch, run the probe, and tell what it returned or raised."""
    scratch = folder / "scratch"
    tempfile.tempdir = str(scratch)
    confine.apply(
        readable=[*confine.python_paths(hidden=[CHECKOUT]), folder / "shown"],
        writable=[scratch],
        limits=confine.Limits(**limits),
    )
    try:
        return {"returned": PROBES[name](folder)}
    except OSError as error:
        return {"errno": errno.errorcode.get(error.errno or 0, repr(error))}
    except BaseException as error:
        return {"raised": type(error).__name__, "message": str(error)}


def serve(request: dict[str, object]) -> dict[str, object]:
    """Run one request in a child; the answer has `signal` when the child was killed by one."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        name, folder, limits = request["probe"], request["folder"], request["limits"]
        assert isinstance(name, str) and isinstance(folder, str) and isinstance(limits, dict)
        try:
            answer: dict[str, object] = attempt(name, Path(folder), limits)
        except BaseException as error:
            answer = {"unconfined": repr(error)}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(text) if text else {"signal": os.WTERMSIG(status)}


if __name__ == "__main__":
    confine.available()
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)
