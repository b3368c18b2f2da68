"""One play as the judge sees it: it answers the worker, runs the worlds, keeps the time honest and writes the history."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Generator
from typing import Any

from burnin import wire
from burnin.history import Call, Effect, Event, History, Item
from burnin.judge.handles import Forged, Handles
from burnin.judge.verdict import Verdict
from burnin.judge.world import Cancelled, Fails, World, as_pause
from burnin.plain import Hostile
from burnin.script import Script, Step

__all__ = ["Session"]

MAX_MESSAGES = 5_000
MAX_NAME = 200
MAX_TEXT = 500
SETUP, LEAVING = -1, -2
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,16}\b|(?<=cancel scope )[0-9a-f]+")


class Session:
    """Plays one script with a worker. `opening` is sent first; then each message goes through `answer` until `finished` is set."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.worlds = {name: World.known[spec.cls](**spec.kwargs) for name, spec in script.worlds.items()}
        self.history = History(script, self.worlds)
        self.finished: wire.Finished | None = None
        self.absent: str | None = None
        """The first name that the submission lacks."""
        self.blocked: wire.Blocked | None = None
        self.uncalled: Call | None = None
        """The first call that ended cancelled although the script did not cancel it."""
        self.dropped = False
        """Whether a failure in the submission cancelled actors outside of their calls."""
        self._time = 0.0
        self._names = list(script.actors)
        self._steps = {index: list(script.actors[name]) for index, name in enumerate(self._names)}
        self._steps[SETUP] = list(script.setup)
        self._steps[LEAVING] = list(script.finale)
        self._drivers: dict[int, Generator[Step, Call, None]] = {}
        for name, spec in script.drivers.items():
            driver = World.known[spec.cls](**spec.kwargs)
            self.worlds[name] = driver
            self._drivers[len(self._names)] = driver.drive()
            self._names.append(name)
        self._pending: dict[int, tuple[int, Step, float]] = {}  # calls that have not begun: actor, step, due
        self._open: dict[int, tuple[int, Step, Call]] = {}
        self._running: dict[int, tuple[Effect, Generator[Any, None, Any], float]] = {}
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._takes: dict[int, float] = {}  # consumed calls: when the consumer takes the next item
        self._messages = 0
        self._saved: set[str] = set()
        self._handles = Handles()
        self._calls = 0
        self._read = [
            name
            for name, world in self.worlds.items()
            if name not in script.drivers and "reading" in world.methods.values()
        ]
        self._strict = script.mode != "threads" or not script.drift

    def opening(self) -> wire.Play:
        """What starts the play."""
        script = self.script
        return wire.Play(
            script.mode,
            script.backend,
            script.seed,
            script.tape,
            script.gap,
            script.drift,
            {name: world.offers() for name, world in self.worlds.items() if name not in script.drivers},
            self._names,
        )

    def ahead(self) -> wire.Go | wire.Done | None:
        """The answer to the `Next` that will follow, where nothing can come before it; to be sent along with what is answered now.

        That is the set-up's at the beginning; in `calls`, that of the actor who follows one that is done; and the last one's where
        there is nothing to be done after the actors.
        """
        if not self._begun:
            following = SETUP
        elif not self._ended.issuperset(self._begun):
            return None
        elif self.script.mode == "calls":
            following = next((actor for actor in range(len(self._names)) if actor not in self._begun), LEAVING)
        elif self._steps[LEAVING] or not self._ended.issuperset(range(len(self._names))):
            return None
        else:
            following = LEAVING
        if following in self._begun:
            return None
        answer: wire.Go | wire.Done = self.answer(wire.Next(following, self._time))
        return answer

    def answer(self, message: Any) -> Any:
        """What the judge says to this message. Raises `Hostile` if no honest worker would send it."""
        handler = _HANDLERS.get(type(message))
        if handler is None or self.finished is not None:
            raise Hostile(f"an unexpected {type(message).__name__}")
        self._messages += 1
        if self._messages > MAX_MESSAGES:
            raise Hostile(f"more than {MAX_MESSAGES} messages in one play")
        self._clock(message)
        return handler(self, message)

    # ---- time

    def _clock(self, message: Any) -> None:
        time = message.t
        if not (math.isfinite(time) and time >= self._time):
            raise Hostile(f"the time went from {self._time} to {time}")
        if time > self._time:
            if self._strict and self.blocked is None:
                self._nothing_skipped(time, message)
            self._time = time

    def _nothing_skipped(self, time: float, message: Any) -> None:
        if isinstance(message, wire.Finished) and message.stop is not None:
            return
        dues = [due for _, _, due in self._pending.values()]
        dues += [due for _, _, due in self._running.values()]
        for _, step, call in self._open.values():
            if step.cancel is not None and step.cancel.after is not None and call.cancelled_at is None:
                dues.append(call.began + step.cancel.after[0])
        if any(due < time for due in dues):
            raise Hostile(f"the time went to {time} past {min(dues)}, when something was due")

    def _due(self, due: float, what: str) -> None:
        exact = self._strict and self.blocked is None
        if self._time < due or (exact and self._time != due):
            raise Hostile(f"{what} was due at {due} and came at {self._time}")

    def _event(
        self, kind: str, actor: str = "", call: int = 0, what: str = "", value: Any = None, effect: int = 0
    ) -> Event:
        event = Event(len(self.history.events), self._time, kind, actor, call, what, value, effect)
        self.history.events.append(event)
        return event

    # ---- actors

    def _next(self, message: wire.Next) -> Any:
        if message.actor not in self._steps and message.actor not in self._drivers:
            raise Hostile(f"there is no actor {message.actor}")
        if message.actor in self._begun:
            raise Hostile(f"actor {message.actor} begins twice")
        if message.actor != SETUP and SETUP not in self._ended:
            raise Hostile(f"actor {message.actor} begins before the set-up is done")
        if message.actor == LEAVING and not self._ended.issuperset(range(len(self._names))):
            raise Hostile("the end begins before all actors are done")
        self._begun.add(message.actor)
        return self._advance(message.actor)

    def _advance(self, actor: int, last: Call | None = None) -> Any:
        if actor in self._drivers:
            return self._driven(actor, last)
        steps = self._steps[actor]
        while steps:
            step = steps.pop(0)
            # What it builds on does not exist when an earlier call failed, as scripts often mean it to.
            if self._saved.issuperset(step.needed):
                return self._go(actor, step)
        return self._end(actor)

    def _end(self, actor: int) -> wire.Done:
        """The actor has no more steps."""
        self._steps[actor] = []
        self._ended.add(actor)
        return wire.Done()

    def _go(self, actor: int, step: Step) -> Any:
        self._calls += 1
        # Where calls just follow one another, nothing else happens before this one.
        if step.after == (0.0, 0) or self.script.mode == "calls":
            self._time += step.after[0]
            return wire.Go(self._calls, step.after, self._start(self._calls, actor, step))
        self._pending[self._calls] = (actor, step, self._time + step.after[0])
        return wire.Go(self._calls, step.after, None)

    def _driven(self, actor: int, last: Call | None) -> Any:
        driver = self._drivers[actor]
        try:
            step = next(driver) if last is None else driver.send(last)
        except StopIteration:
            return self._end(actor)
        self._steps[actor] = [step]  # there may be more
        return self._go(actor, step)

    def _begin(self, message: wire.Begin) -> Any:
        try:
            actor, step, due = self._pending.pop(message.call)
        except KeyError:
            raise Hostile(f"call {message.call} begins") from None
        self._due(due, f"call {message.call}")
        return self._start(message.call, actor, step)

    def _start(self, number: int, actor: int, step: Step) -> wire.CallSpec:
        kind = "enter" if step.enter else "call" if step.do else "leave" if step.on is not None else "rest"
        name = self._names[actor] if actor >= 0 else ""
        event = self._event("call" if kind != "rest" else "rest", name, number, step.do or kind)
        call = Call(
            number, name, step.do or kind, step.on, step.args, step.kwargs, step.save, self._time, event.seq, items=[]
        )
        if kind != "rest":
            self.history.calls.append(call)
        self._open[number] = (actor, step, call)
        args, kwargs = step.plain_arguments
        cancel = step.cancel
        return wire.CallSpec(
            kind,
            step.do,
            step.on,
            args,
            kwargs,
            step.save,
            step.read,
            cancel.after if cancel else None,
            cancel.at_await if cancel else None,
            step.consume,
            [
                (world, method, self._handles.encode(reading))
                for world in self._read
                for method, reading in self.worlds[world].readings(self._time)
            ],
        )

    def _close(self, number: int, kind: str, value: Any) -> tuple[int, Step, Call]:
        try:
            actor, step, call = self._open.pop(number)
        except KeyError:
            raise Hostile(f"call {number} ends") from None
        if kind == "cancelled" and self.script.mode != "tasks":
            raise Hostile("a cancellation outside of tasks")
        if kind != "cancelled" and number in self._takes and self._time < self._takes[number]:
            raise Hostile(f"call {number} ended before its consumer took the next item")
        if call.do == "rest" and not step.do and kind != "cancelled":
            self._due(call.began, "the end of a rest")
        event = self._event(kind, call.actor, number, call.do, value)
        call.ended, call.ended_seq = self._time, event.seq
        return actor, step, call

    def _returned(self, message: wire.Returned) -> Any:
        value = self._handles.result(message.value)
        actor, step, call = self._close(message.call, "return", value)
        call.outcome, call.value = "returned", value
        if step.save is not None:
            self._saved.add(step.save)
        if step.enter:
            self._steps[LEAVING].insert(len(self.script.finale), Step(on=step.on))
        return self._advance(actor, call)

    def _raised(self, message: wire.Raised) -> Any:
        if not message.types or len(message.types) > 20:
            raise Hostile("an exception without a type")
        actor, _, call = self._close(message.call, "raise", f"{message.types[0]}: {message.message}"[:300])
        types = tuple(name[:MAX_NAME] for name in message.types)
        call.outcome, call.error, call.error_types = "raised", types[0], types
        call.message, call.line = _text(message.message), _line(message.line)
        return self._advance(actor, call)

    def _absent(self, message: wire.Absent) -> Any:
        name = message.name[:MAX_NAME]
        actor, _, call = self._close(message.call, "absent", name)
        call.outcome, call.error = "raised", "AttributeError"
        self.absent = self.absent or name
        return self._advance(actor, call)

    def _cancelled(self, message: wire.Cancelled) -> Any:
        actor, _, call = self._close(message.call, "cancelled", None)
        call.outcome = "cancelled"
        if call.cancelled_at is None:
            self.uncalled = self.uncalled or call
            return self._end(actor)  # its task is being cancelled too, or has ended with the call
        return self._advance(actor, call)

    def _dropped(self, _: wire.Dropped) -> Any:
        if self.script.mode != "tasks" or self._open:
            raise Hostile("actors were dropped")
        self.dropped = True
        self._event("dropped")
        self._pending.clear()
        for actor in (SETUP, *range(len(self._names))):
            self._begun.add(actor)
            self._end(actor)
        return wire.Ok()

    def _cancel_sent(self, message: wire.CancelSent) -> Any:
        found = self._open.get(message.call)
        if found is None and 0 < message.call <= self._calls and message.call not in self._pending:
            return wire.Ok()  # the call ended at this very moment
        if found is None:
            raise Hostile(f"a cancellation of call {message.call}")
        _, step, call = found
        if step.cancel is None or call.cancelled_at is not None:
            raise Hostile(f"call {message.call} was not to be cancelled")
        if step.cancel.after is not None:
            self._due(call.began + step.cancel.after[0], f"the cancellation of call {message.call}")
        call.cancelled_at = self._time
        call.cancelled_seq = self._event("cancel", call.actor, message.call, call.do).seq
        return wire.Ok()

    def _item(self, message: wire.Item) -> Any:
        found = self._open.get(message.call)
        if found is None or found[1].consume is None:
            raise Hostile(f"an item of call {message.call}")
        call, consume = found[2], found[1].consume
        value = self._handles.result(message.value)
        if self._time < self._takes.get(message.call, 0.0):
            raise Hostile(f"an item of call {message.call} before its consumer took it")
        if consume.limit is not None and len(call.items) >= consume.limit:
            raise Hostile(f"an item of call {message.call} beyond its limit")
        event = self._event("item", call.actor, message.call, call.do, value)
        call.items.append(Item(event.seq, self._time, value))
        taken = len(call.items)
        if consume.limit is not None and taken >= consume.limit:
            return wire.Done()
        pause = consume.pauses[taken - 1] if taken <= len(consume.pauses) else (0.0, 0)
        self._takes[message.call] = self._time + pause[0]
        return wire.More(pause)

    # ---- worlds

    def _world_call(self, message: wire.WorldCall) -> Any:
        world = self.worlds.get(message.world)
        if world is None or message.world in self.script.drivers or message.method not in world.methods:
            raise Hostile(f"a call of {message.world}.{message.method}"[:200])
        try:
            args = [self._handles.argument(arg) for arg in message.args]
            kwargs = {name: self._handles.argument(arg) for name, arg in message.kwargs.items()}
        except Forged as forged:
            self._event("forged", what=f"{message.world}.{message.method}", value=str(forged))
            return wire.Fail("ValueError", str(forged))
        how = world.methods[message.method]
        if message.known and not _knowable(message, world):
            raise Hostile(f"an answer of {message.world}.{message.method} that it does not know")
        number = len(self.history.effects) + 1
        event = self._event("effect", what=f"{message.world}.{message.method}", value=args, effect=number)
        effect = Effect(
            number,
            message.world,
            message.method,
            tuple(args),
            kwargs,
            self._time,
            event.seq,
            shown=message.method not in world.unshown,
        )
        self.history.effects.append(effect)
        world.now, world.seq = self._time, event.seq
        try:
            result = getattr(world, message.method)(*args, **kwargs)
        except Verdict:
            raise
        except Exception as error:
            if message.known:
                raise Hostile(f"an answer of {message.world}.{message.method} that it does not know") from None
            return self._failed(effect, _failure(error))
        if isinstance(result, Generator):
            return self._go_on(effect, result)
        if how == "silent" and result is not None:
            raise RuntimeError(f"{message.world}.{message.method} is silent and answers")
        return self._answered(effect, result)

    def _go_on(self, effect: Effect, generator: Generator[Any, None, Any]) -> Any:
        try:
            pause = as_pause(next(generator))
        except StopIteration as stop:
            return self._answered(effect, stop.value)
        except Verdict:
            raise
        except Exception as error:
            return self._failed(effect, _failure(error))
        self._running[effect.id] = (effect, generator, self._time + pause[0])
        return wire.Take(effect.id, pause)

    def _resume(self, message: wire.Resume) -> Any:
        effect, generator, due = self._take_running(message.effect)
        self._due(due, f"{effect.world}.{effect.method}")
        return self._go_on(effect, generator)

    def _world_cancelled(self, message: wire.WorldCancelled) -> Any:
        if self.script.mode != "tasks":
            raise Hostile("a cancellation outside of tasks")
        effect, generator, _ = self._take_running(message.effect)
        event = self._event(
            "abandoned", what=f"{effect.world}.{effect.method}", value=list(effect.args), effect=effect.id
        )
        effect.ended, effect.ended_seq, effect.outcome = self._time, event.seq, "cancelled"
        try:
            generator.throw(Cancelled())
        except (Cancelled, StopIteration, Fails):
            pass
        else:
            raise RuntimeError(f"{effect.world}.{effect.method} takes time after it was cancelled")
        return wire.Ok()

    def _take_running(self, number: int) -> tuple[Effect, Generator[Any, None, Any], float]:
        try:
            effect, generator, due = self._running.pop(number)
        except KeyError:
            raise Hostile(f"world call {number} goes on") from None
        world = self.worlds[effect.world]
        world.now, world.seq = self._time, len(self.history.events)
        return effect, generator, due

    def _answered(self, effect: Effect, value: Any) -> Any:
        event = self._event("answer", what=f"{effect.world}.{effect.method}", value=value, effect=effect.id)
        effect.ended, effect.ended_seq, effect.outcome, effect.value = self._time, event.seq, "returned", value
        return wire.Answer(self._handles.encode(value))

    def _failed(self, effect: Effect, failure: Fails) -> Any:
        event = self._event("fail", what=f"{effect.world}.{effect.method}", value=failure.error, effect=effect.id)
        effect.ended, effect.ended_seq, effect.outcome, effect.error = self._time, event.seq, "raised", failure.error
        return wire.Fail(failure.error, failure.message)

    # ---- the end

    def _note_blocked(self, message: wire.Blocked) -> Any:
        message.line = _line(message.line)
        self._event("blocked", value=[message.seconds, message.line])
        self.blocked = self.blocked or message
        return wire.Ok()

    def _finish(self, message: wire.Finished) -> Any:
        unfinished = self._open or self._pending or any(self._steps.values()) or not self._begun >= set(self._drivers)
        if message.stop is None and message.problem is None and unfinished:
            raise Hostile("the play ended before its script")
        message.problem = None if message.problem is None else _text(message.problem)
        message.left = _places(message.left)
        if message.stop is not None:
            message.stop = wire.Stopped(message.stop.kind[:40], _places(message.stop.waiting))
            self._event("stop", what=message.stop.kind, value=[[name, line] for name, line in message.stop.waiting])
        self.history.end = self._time
        self.history.left = message.left
        self.finished = message
        return wire.Ok()


# Not in the session itself: it would refer to itself, and its history would stay until the next collection of garbage.
_HANDLERS: dict[type[Any], Callable[[Session, Any], Any]] = {
    wire.Next: Session._next,
    wire.Begin: Session._begin,
    wire.Absent: Session._absent,
    wire.Returned: Session._returned,
    wire.Raised: Session._raised,
    wire.Cancelled: Session._cancelled,
    wire.CancelSent: Session._cancel_sent,
    wire.Dropped: Session._dropped,
    wire.Item: Session._item,
    wire.WorldCall: Session._world_call,
    wire.Resume: Session._resume,
    wire.WorldCancelled: Session._world_cancelled,
    wire.Blocked: Session._note_blocked,
    wire.Finished: Session._finish,
}


def _knowable(message: wire.WorldCall, world: World) -> bool:
    """Whether a worker may know the answer to a call: that of a silent one only with arguments of its types."""
    how = world.methods[message.method]
    if how == "silent":
        return not message.kwargs and [type(arg).__name__ for arg in message.args] == world.takes(message.method)
    return how in ("constant", "reading")


def _failure(error: Exception) -> Fails:
    """What the submission is told when a world's method raised: its failure, or that the arguments made no sense to the world."""
    return error if isinstance(error, Fails) else Fails("ValueError", f"bad arguments: {error}"[:200])


def _text(text: str) -> str:
    """What an exception says, without the addresses of objects, which differ from process to process, and not too long."""
    return _ADDRESS.sub("0x...", text)[:MAX_TEXT]


def _line(line: str | None) -> str | None:
    return None if line is None else line[:MAX_NAME]


def _places(places: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Names of tasks or threads with their lines, as many and as long as a person would read."""
    return [(name[:MAX_NAME], _line(line)) for name, line in places[:20]]
