"""Play a script with async tasks, on asyncio or on trio, under virtual time."""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from burnin import wire
from burnin.script import Pause
from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.report import Control
from burnin.worker.simulation.tasks import CancelAt, TaskRun, run_tasks
from burnin.worker.subject import Missing, Subject, describe_error

__all__ = ["play_tasks"]

Ask = Callable[[Any], Any]
SETUP, LEAVING = -1, -2


def play_tasks(play: wire.Play, module: types.ModuleType, ask: Ask) -> wire.Finished:
    """Play each actor as a task; the set-up, and entering and leaving, happen in the task that started them."""
    player = _Player(play, module, ask)
    run = run_tasks(
        player.main,
        backend=play.backend,
        choices=Choices(play.seed, play.tape),
        sources=frozenset({str(module.__file__)}),
    )
    problem = None if run.error is None else f"{type(run.error).__name__}: {str(run.error)[:200]}"
    stop = None if run.stop is None else wire.Stopped(run.stop.kind, run.stop.waiting)
    return wire.Finished(run.now(), stop, player.left, problem, run.dirty)


async def _pause(pause: Pause) -> None:
    await anyio.sleep(pause[0])
    for _ in range(pause[1]):
        await anyio.sleep(0)


class _Player:
    def __init__(self, play: wire.Play, module: types.ModuleType, ask: Ask) -> None:
        self._play, self._module, self._raw_ask = play, module, ask
        self._source = str(module.__file__)
        self._reported = 0  # how many blockings of the loop the judge has heard of
        self._done = 0  # actors that came to their end
        self._ahead = play.first  # the answer to the next `Next`, if it is known
        self.left: list[tuple[str, str | None]] = []

    async def main(self, run: TaskRun) -> None:
        self._run = run
        self._subject = Subject(
            self._module,
            self._play.worlds,
            ask=self._ask,
            now=run.now,
            wait=lambda pause: run.sleep(pause[0]),
            wait_async=_pause,
        )
        self._entered: list[Any] = []
        error: BaseException | None = None
        try:
            await self._actor(SETUP)
            async with anyio.create_task_group() as actors:
                for index, name in enumerate(self._play.actors):
                    actors.start_soon(self._actor, index, name=name)
        except anyio.get_cancelled_exc_class() as cancelled:
            if run.over:
                raise
            error = cancelled  # a background task of the submission failed: its context manager must hear of it
        if self._done < len(self._play.actors):
            self._ask(wire.Dropped(self._run.now()))
        await self._leave(error)
        await anyio.sleep(0)
        self.left = run.alive()

    def _ask(self, message: Any) -> Any:
        if self._run.over:  # what the submission still does while it is torn down is no part of the history
            return wire.Fail("RuntimeError", "the play is over")
        while self._reported < len(self._run.blocked):
            self._reported += 1
            self._raw_ask(wire.Blocked(*self._run.blocked[self._reported - 1]))
        return self._raw_ask(message)

    def _first(self, index: int) -> Any:
        """The first step of an actor."""
        reply, self._ahead = self._ahead, None
        return reply or self._ask(wire.Next(index, self._run.now()))

    async def _actor(self, index: int) -> None:
        reply = self._first(index)
        while isinstance(reply, wire.Go):
            if reply.spec is None:
                await _pause(reply.after)
            spec = reply.spec or self._ask(wire.Begin(reply.call, self._run.now()))
            reply = await self._step(reply.call, spec)
        if isinstance(reply, wire.Done):
            self._ahead = reply.then
        self._done += index >= 0

    async def _step(self, call: int, spec: wire.CallSpec) -> Any:
        if spec.kind == "rest":
            return self._ask(wire.Returned(call, self._run.now(), None))
        if spec.cancel_after is None and spec.cancel_at_await is None:
            # No scope around it: a call may open one that outlives it (`__aenter__`).
            try:
                return await self._told(call, spec, self._made(call, spec))
            except anyio.get_cancelled_exc_class():
                reply = self._ask(wire.Cancelled(call, self._run.now()))
                if self._is_cancelled():
                    raise
                return reply
        return await self._cancelled_step(call, spec)

    async def _cancelled_step(self, call: int, spec: wire.CallSpec) -> Any:
        reply: Any = None
        async with anyio.create_task_group() as alarm:
            with anyio.CancelScope() as scope:

                def cancel() -> None:
                    self._ask(wire.CancelSent(call, self._run.now()))
                    scope.cancel()

                async def cancel_later(pause: Pause) -> None:
                    await _pause(pause)
                    cancel()

                if spec.cancel_after is not None:
                    alarm.start_soon(cancel_later, spec.cancel_after)
                try:
                    made = CancelAt(self._made(call, spec), spec.cancel_at_await, self._run, cancel)
                    reply = await self._told(call, spec, made)
                except anyio.get_cancelled_exc_class():
                    reply = self._ask(wire.Cancelled(call, self._run.now()))
                    if self._is_cancelled():
                        raise
            alarm.cancel_scope.cancel()
        return reply

    async def _told(self, call: int, spec: wire.CallSpec, made: Awaitable[Any]) -> Any:
        """Await the call and tell the judge what came of it; a cancellation goes through."""
        try:
            value = await made
        except Missing as missing:
            return self._ask(wire.Absent(call, self._run.now(), str(missing)))
        except (Control, anyio.get_cancelled_exc_class()):
            raise
        except BaseException as error:
            return self._ask(wire.Raised(call, self._run.now(), *describe_error(error, self._source)))
        return self._ask(wire.Returned(call, self._run.now(), value))

    async def _made(self, call: int, spec: wire.CallSpec) -> Any:
        """Make the call and return the plain form of its result."""
        if spec.kind == "enter":
            assert spec.on is not None
            manager = self._subject.saved(spec.on)
            enter = getattr(manager, "__aenter__", None)
            if enter is None:
                raise Missing(f"{type(manager).__name__}.__aenter__")
            value = await enter()
            self._entered.append(manager)
        else:
            function, args, kwargs = self._subject.target(spec)
            value = function(*args, **kwargs)
            if inspect.isawaitable(value):
                value = await value
            if spec.consume is not None:
                return await self._consume(call, value)
        return self._subject.result(value, spec)

    async def _consume(self, call: int, iterable: Any) -> None:
        items = aiter(iterable)
        try:
            async for item in items:
                reply = self._ask(wire.Item(call, self._run.now(), self._subject.encode(item)))
                if not isinstance(reply, wire.More):
                    break
                await _pause(reply.pause)
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                await close()

    def _is_cancelled(self) -> bool:
        """Whether a cancellation that arrived is the task's own; on asyncio it may be that of something it waited for."""
        task = asyncio.current_task() if self._play.backend == "asyncio" else None
        return task is None or task.cancelling() > 0

    async def _leave(self, error: BaseException | None) -> None:
        """Play the finale, then leave what was entered, last first, with the error that ended the actors, if one did."""
        reply = self._first(LEAVING)
        while isinstance(reply, wire.Go):
            if reply.spec is None:
                await _pause(reply.after)
            spec = reply.spec or self._ask(wire.Begin(reply.call, self._run.now()))
            reply = await self._step(reply.call, spec) if spec.kind != "leave" else await self._exit(reply.call, error)

    async def _exit(self, call: int, error: BaseException | None) -> Any:
        manager = self._entered.pop()
        try:
            await manager.__aexit__(None if error is None else type(error), error, None)
        except Control:
            raise
        except BaseException as caught:
            return self._ask(wire.Raised(call, self._run.now(), *describe_error(caught, self._source)))
        return self._ask(wire.Returned(call, self._run.now(), None))
