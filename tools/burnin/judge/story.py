"""The story of a failing play: what was called when, what came back, what was expected and why. At most twelve lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from burnin.history import Call, Effect, History
from burnin.judge.verdict import Broken, Verdict
from burnin.judge.world import World
from burnin.plain import Made, Opaque, Saved, WorldRef
from burnin.script import Script, Step

__all__ = ["MAX_LINES", "nicknames", "show", "story"]

MAX_LINES = 12
MAX_WIDTH = 140


def story(title: str, where: str, verdict: Verdict, script: Script | None, history: History | None) -> list[str]:
    """The lines, from the first call to the reason. `title` is the sentence of the statement, `where` names its rule."""
    ending = _ending(title, where, verdict)
    if script is None:
        return ending
    names = nicknames(script)
    played = script if history is None else history.script  # a play may be built upon the one that was drawn
    lines = [_opening(played, names)]
    if history is not None:
        lines += _middle(history, verdict, MAX_LINES - len(lines) - len(ending), names)
    return [_fit(line) for line in [*lines, *ending]]


def _ending(title: str, where: str, verdict: Verdict) -> list[str]:
    if isinstance(verdict, Broken):
        lines = [f"expected: {verdict.expected}"]
        if verdict.got:
            lines.append(f"got:      {verdict.got}")
    else:
        lines = [f"got:      {verdict}"]
    return [*lines, f"why:      {title} ({where})"]


def nicknames(script: Script) -> dict[str, str]:
    """The long strings of a script and what they are called instead, as its worlds say."""
    worlds = [*script.worlds.values(), *script.drivers.values()]
    return {long: name for spec in worlds for long, name in World.known[spec.cls].nicknames(**spec.kwargs).items()}


def _opening(script: Script, names: Mapping[str, str]) -> str:
    made = ", ".join(_step(step, names) for step in script.setup if not step.enter)
    told = {
        name: World.known[world.cls].told(**world.kwargs) for name, world in {**script.worlds, **script.drivers}.items()
    }
    worlds = "; ".join(f"{name}: {text}" for name, text in told.items() if text)
    mode = {"calls": "", "tasks": f" on {script.backend}", "threads": " with threads"}[script.mode]
    return f"{made}{mode}" + (f"; {worlds}" if worlds else "")


def _step(step: Step, names: Mapping[str, str]) -> str:
    target = f"{step.on}." if step.on is not None else ""
    return f"{target}{step.do}({_arguments(step, names)})"


def _arguments(called: Step | Call | Effect, names: Mapping[str, str]) -> str:
    shown = [show(arg, names) for arg in called.args]
    return ", ".join([*shown, *(f"{key}={show(value, names)}" for key, value in called.kwargs.items())])


def _middle(history: History, verdict: Verdict, room: int, names: Mapping[str, str]) -> list[str]:
    told: list[tuple[int, str]] = []
    setup = len(history.script.setup)
    calls = [call for call in history.calls if call.id > setup or call.outcome == "raised"]
    told += [(call.began_seq, _call(call, names)) for call in calls]
    told += [(effect.began_seq, _effect(effect, names)) for effect in history.effects if effect.shown]
    told.sort()
    told = _up_to_the_moment(told, history, verdict)
    if len(told) > room:
        left_out = len(told) - room + 1
        told = [(-1, f"       ... {left_out} more before"), *told[left_out:]]
    return [line for _, line in told]


def _up_to_the_moment(told: list[tuple[int, str]], history: History, verdict: Verdict) -> list[tuple[int, str]]:
    """Leave out what began after the moment that shows the failure."""
    at = verdict.at if isinstance(verdict, Broken) else None
    if at is None:
        return told
    if not isinstance(at, (int, float)):
        return [entry for entry in told if entry[0] <= at.seq]
    return [entry for entry in told if history.events[entry[0]].t <= at]


def _call(call: Call, names: Mapping[str, str]) -> str:
    who = f"{call.actor}: " if call.actor else ""
    target = f"{call.on}." if call.on is not None else ""
    ending = f"{_outcome(call, names)}{_cancelled(call)}{_later(call)}"
    return f"{_time(call.began)} {who}{target}{call.do}({_arguments(call, names)}){ending}"


def _outcome(call: Call, names: Mapping[str, str]) -> str:
    if call.items:
        return f" gave {len(call.items)} items, the last {show(call.items[-1].value, names)}"
    match call.outcome:
        case "returned":
            return f" -> {call.save if call.save is not None else show(call.value, names)}"
        case "raised":
            return f" raised {call.error}"
        case "cancelled":
            return " ended cancelled"
        case _:
            return " never ended"


def _cancelled(call: Call) -> str:
    return "" if call.cancelled_at is None else f" (cancelled at {call.cancelled_at:g} s)"


def _later(call: Call | Effect) -> str:
    return f", at {call.ended:g} s" if call.ended != call.began and not math.isinf(call.ended) else ""


def _effect(effect: Effect, names: Mapping[str, str]) -> str:
    match effect.outcome:
        case "returned":
            outcome = "" if effect.value is None else f" -> {show(effect.value, names)}"
        case "raised":
            outcome = f" failed with {effect.error}"
        case "cancelled":
            outcome = " was cancelled"
        case _:
            outcome = " did not end"
    asked = f"{effect.world}.{effect.method}({_arguments(effect, names)})"
    return f"{_time(effect.began)}     {asked}{outcome}{_later(effect)}"


def _time(seconds: float) -> str:
    return f"{seconds:>6g} s "


def _fit(line: str) -> str:
    return (
        line
        if len(line) <= MAX_WIDTH or line.startswith(("why:", "got:", "expected:"))
        else line[: MAX_WIDTH - 3] + "..."
    )


def show(value: Any, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """A value as a candidate would write it, shortened. Strings that have a name in `names` are called by it, without quotes."""
    match value:
        case Opaque():
            fields = ", ".join(f"{name}={show(field, names)}" for name, field in value.fields.items())
            text = f"{value.type}({fields})" if fields else f"a {value.type}"
        case Saved() | WorldRef():
            text = value.name
        case Made():
            text = f"{value.cls}({', '.join(f'{key}={show(field, names)}' for key, field in value.kwargs.items())})"
        case dict():
            text = "{" + ", ".join(f"{show(key, names)}: {show(field, names)}" for key, field in value.items()) + "}"
        case list() | tuple():
            text = "[" + ", ".join(show(one, names) for one in value) + "]"
        case str() if value in names:
            text = names[value]
        case _:
            text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
