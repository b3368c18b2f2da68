"""Play a script with plain calls: one actor after the other's steps (`calls`), or each in a thread of its own (`threads`)."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable
from typing import Any

from burnin import wire
from burnin.script import Pause
from burnin.worker.simulation import threads
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.current import set_current
from burnin.worker.simulation.report import Control
from burnin.worker.subject import Missing, Subject, describe_error

__all__ = ["play_calls", "play_threads"]

Ask = Callable[[Any], Any]
SETUP, LEAVING = -1, -2
NO_PAUSE: Pause = (0.0, 0)


class CallsRun:
    """Virtual time for calls that follow one another: it moves only when somebody waits."""

    def __init__(self) -> None:
        self._time = 0.0

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += max(0.0, seconds)


def play_calls(play: wire.Play, module: types.ModuleType, ask: Ask) -> wire.Finished:
    """Play one actor's calls one after the other."""
    run = CallsRun()
    subject = Subject(module, play.worlds, ask=ask, now=run.now, wait=lambda pause: run.sleep(pause[0]))
    actor = _Actor(subject, ask, run.now, lambda pause: run.sleep(pause[0]), str(module.__file__), play.first)
    set_current(run)
    try:
        actor.play(SETUP)
        for index in range(len(play.actors)):
            actor.play(index)
        actor.play(LEAVING)
    finally:
        set_current(None)
    return wire.Finished(run.now(), None, [], None, False)


def play_threads(play: wire.Play, module: types.ModuleType, ask: Ask, *, patience: float = 10.0) -> wire.Finished:
    """Play each actor in a thread, one at a time, switching where the play's choices say; set-up and finale run alone.

    `patience` is in real seconds: how long a thread may wait for something that is not part of the play.
    """
    source = str(module.__file__)
    running: list[threads.ThreadRun] = []
    alone = CallsRun()  # the finale's clock

    def now() -> float:
        return running[0].time if running else alone.now()

    def wait(pause: Pause) -> None:
        if not running:
            alone.sleep(pause[0])
            return
        if pause[0] > 0:
            running[0].wait(pause[0])
        running[0].pass_points(pause[1] + 1)

    subject = Subject(module, play.worlds, ask=ask, now=now, wait=wait)
    actor = _Actor(subject, ask, now, wait, source, play.first)

    def setup(run: threads.ThreadRun) -> None:
        running.append(run)
        actor.play(SETUP)

    run = threads.run_threads(
        [(name, lambda _, index=index: actor.play(index)) for index, name in enumerate(play.actors)],  # type: ignore[misc]  # the index is bound per actor
        choices=Choices(play.seed, play.tape),
        sources=frozenset({source}),
        setup=setup,
        gap=play.gap,
        explore_time=play.drift,
        timeout=min(patience, threading.TIMEOUT_MAX),
    )
    if run.stop is None and not run.errors and not run.escaped:
        running.clear()
        alone.sleep(run.time)
        set_current(alone)
        try:
            actor.play(LEAVING)
        finally:
            set_current(None)
    problem = next((f"{type(error).__name__}: {error}" for error in run.errors.values()), None)
    stop = None if run.stop is None else wire.Stopped(run.stop.kind, run.stop.waiting)
    return wire.Finished(max(run.time, alone.now()), stop, run.left, problem, run.escaped or problem is not None)


class _Actor:
    """Makes the calls that the judge tells it, one by one."""

    def __init__(
        self,
        subject: Subject,
        ask: Ask,
        now: Callable[[], float],
        wait: Callable[[Pause], None],
        source: str,
        ahead: wire.Go | wire.Done | None,
    ) -> None:
        self._subject, self._ask, self._now, self._wait, self._source = subject, ask, now, wait, source
        self._ahead = ahead
        """The answer to the next `Next`, if it is known."""

    def play(self, index: int) -> None:
        reply, self._ahead = self._ahead, None
        reply = reply or self._ask(wire.Next(index, self._now()))
        while isinstance(reply, wire.Go):
            if reply.after != NO_PAUSE:
                self._wait(reply.after)
            reply = self._step(reply.call, reply.spec or self._ask(wire.Begin(reply.call, self._now())))
        if isinstance(reply, wire.Done):
            self._ahead = reply.then

    def _step(self, call: int, spec: wire.CallSpec) -> Any:
        if spec.kind == "rest":
            return self._ask(wire.Returned(call, self._now(), None))
        try:
            function, args, kwargs = self._subject.target(self._plain(spec))
            value = function(*args, **kwargs)
            if spec.consume is not None:
                return self._consume(call, value)
            wire_value = self._subject.result(value, spec)
        except Missing as missing:
            return self._ask(wire.Absent(call, self._now(), str(missing)))
        except Control:
            raise
        except BaseException as error:
            return self._ask(wire.Raised(call, self._now(), *describe_error(error, self._source)))
        return self._ask(wire.Returned(call, self._now(), wire_value))

    def _plain(self, spec: wire.CallSpec) -> wire.CallSpec:
        if spec.kind == "enter":
            spec.do = "__enter__"
        elif spec.kind == "leave":
            spec.do, spec.args = "__exit__", [None, None, None]
        return spec

    def _consume(self, call: int, iterable: Any) -> Any:
        for item in iterable:
            reply = self._ask(wire.Item(call, self._now(), self._subject.encode(item)))
            if not isinstance(reply, wire.More):
                break
            self._wait(reply.pause)
        return self._ask(wire.Returned(call, self._now(), None))
