"""Play scripts with a submission in a worker process, and conclude what a play settles by itself."""

from __future__ import annotations

import math
from typing import Protocol

from burnin import wire
from burnin.history import History
from burnin.judge.processes import Template, Worker
from burnin.judge.session import Session
from burnin.judge.verdict import Broken, Crashed, NotAttempted, Stuck, TimedOut
from burnin.plain import Hostile
from burnin.script import Script

__all__ = ["Play", "Player", "WorkerPlayer", "conclude"]

STOPS = {
    "deadlock": "a deadlock: nothing can go on",
    "livelock": "a livelock: it goes on and on without getting anywhere",
    "time_limit": "virtual time ran on for years",
    "escaped": "a thread waited for something outside of the play",
}


class Play(Protocol):
    """What a property is given: plays a script and returns the history.

    Raises a `Verdict` when the play itself settles the property: a hang, a crash, a deadlock, a missing name, an exception that the
    statement does not name.
    """

    last: Session | None

    def __call__(self, script: Script) -> History: ...


class Player(Play, Protocol):
    """A `Play` of a whole batch: counts its plays, and ends what it holds."""

    plays: int

    @property
    def confined(self) -> wire.Confined | None:
        """How the last worker was confined, if there was one."""
        ...

    @property
    def import_problem(self) -> str | None:
        """Why the submission cannot be imported, in one sentence."""
        ...

    def memory(self) -> int:
        """How many bytes it holds."""
        ...

    def close(self) -> None:
        """Give up what it holds; the next play begins anew."""
        ...


class WorkerPlayer:
    """Plays in one worker, and in a new one after a worker was lost."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._worker: Worker | None = None
        self.last: Session | None = None
        self.plays = 0

    @property
    def confined(self) -> wire.Confined | None:
        """How the last worker was confined, if there was one."""
        return self._template.confined

    @property
    def import_problem(self) -> str | None:
        """Why the submission cannot be imported, in one sentence."""
        return None if self._template.unloadable is None else str(self._template.unloadable)

    def __call__(self, script: Script) -> History:
        self.plays += 1
        self.last = session = Session(script)
        worker = self._ready()
        try:
            opening = session.opening()
            opening.first = session.ahead()
            worker.begin(opening)
            while True:
                message = worker.receive()
                reply = session.answer(message)
                if session.finished is not None:
                    break
                if not wire.awaits(message):
                    continue
                if type(reply) is wire.Done:
                    reply.then = session.ahead()
                worker.send(reply)
        except Hostile as hostile:
            self.close()
            raise Crashed(f"what the worker reported cannot be: {hostile}") from None
        except BaseException:
            self.close()
            raise
        if session.finished.dirty:
            self.close()
        return conclude(session)

    def memory(self) -> int:
        """How many bytes the worker holds, as far as the system tells."""
        return 0 if self._worker is None else self._worker.memory()

    def close(self) -> None:
        """End the worker; the next play gets a new one."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def _ready(self) -> Worker:
        if self._worker is None:
            self._worker = self._template.worker()
        return self._worker


def conclude(session: Session) -> History:
    """The history of a play that came to its end. Raises the verdict that the play itself gives."""
    history, finished = session.history, session.finished
    assert finished is not None
    if finished.problem is not None:
        raise Crashed(finished.problem)
    if session.absent is not None:
        raise NotAttempted(f"there is no {session.absent}")
    failed = [call for call in history.calls if call.error is not None]
    for call in failed:
        if call.raised("NotImplementedError"):
            raise NotAttempted(f"{call.do} raised NotImplementedError")
    if finished.stop is not None and finished.stop.kind == "busy_loop":
        line = finished.stop.waiting[0][1] if finished.stop.waiting else None
        raise TimedOut("it computed on without giving control back" + (f" at {line}" if line else ""))
    for call in failed:
        if not any(call.raised(name) for name in session.script.errors):
            text = f"{call.error}: {call.message}" if call.message else call.error
            raise Broken(
                "only the errors that the statement names",
                f"{call.do} raised {text}"[:200] + (f" at {call.line}" if call.line else ""),
                call.ended,
            )
    if session.uncalled is not None:
        call = session.uncalled
        raise Broken(
            "every call to end by itself", f"{call.do} ended cancelled, though nobody cancelled it", call.ended
        )
    if session.dropped:
        raise Broken(
            "its tasks to leave its callers alone", "a failure in it cancelled the tasks that call it", history.end
        )
    if finished.stop is not None:
        known = [place for place in finished.stop.waiting if place[1] is not None] or finished.stop.waiting
        waiting = ", ".join(f"{name} at {line}" if line else name for name, line in known[:4])
        why = STOPS.get(finished.stop.kind, finished.stop.kind[:40]) + (f" ({waiting})" if waiting else "")
        raise Stuck("every call to come to an end", why, history)
    if session.blocked is not None:
        blocked = session.blocked
        raise Broken(
            "an event loop that is never blocked",
            f"time.sleep({blocked.seconds:g})" + (f" at {blocked.line}" if blocked.line else ""),
            blocked.t,
        )
    for call in history.calls:
        if call.outcome == "open" or math.isinf(call.ended):
            raise Crashed("a call has no end")
    return history
