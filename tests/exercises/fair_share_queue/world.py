"""Who calls the scheduler: somebody who submits jobs, runs what is to be started, stops what is to be stopped, and reports what came of it."""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from burnin.script import Made, Step
from burnin.suite import Call, Opaque, World

MOST_CALLS = 400
"""A scheduler that stops and starts for ever is given up after so many calls."""

RunName = tuple[str, int]


@dataclass(frozen=True)
class Said:
    """A plan as the scheduler gave it."""

    start: tuple[RunName, ...]
    stop: tuple[RunName, ...]
    room_for: str | None

    def __str__(self) -> str:
        parts = [f"start {' '.join(f'{task}:{number}' for task, number in self.start)}"] if self.start else []
        if self.stop:
            parts.append(f"stop {' '.join(f'{task}:{number}' for task, number in self.stop)} for {self.room_for}")
        return ", ".join(parts) or "an empty plan"


def said(call: Call) -> Said | None:
    """The plan that the call returned, if that is what it did."""
    value = call.value
    if call.outcome != "returned" or not isinstance(value, Opaque) or value.type != "Plan":
        return None
    start, stop = _runs(value.fields.get("start")), _runs(value.fields.get("stop"))
    room_for = value.fields.get("room_for")
    if start is None or stop is None or not (room_for is None or type(room_for) is str):
        return None
    return Said(start, stop, room_for)


def _runs(value: Any) -> tuple[RunName, ...] | None:
    if type(value) is not list:
        return None
    runs = []
    for run in value:
        if not isinstance(run, Opaque) or run.type != "Run":
            return None
        task, number = run.fields.get("task"), run.fields.get("number")
        if type(task) is not str or type(number) is not int:
            return None
        runs.append((task, number))
    return tuple(runs)


def run(task: str, number: int) -> Made:
    """A run, as an argument."""
    return Made("Run", {"task": task, "number": number})


def report(kind: str, task: str, number: int, now: int, after: float = 0.0) -> Step:
    """A report about a run."""
    return Step(kind, on="scheduler", args=(run(task, number),), kwargs={"now": now}, after=(after, 0))


class Caller(World):
    """Follows the plans.

    `jobs` are arguments of `submit`: name, tenant, time, priority, GPUs. `millis` has how long each run of a job takes; `stopping`, how long after being told to stop
    it reports to have stopped (None: never); `crashes`, how long after its start a run crashes. Runs beyond the end of a list are like its last; a crash
    beyond it does not happen. `extras` are other calls: time, method, name, and for reports the number of the run. With `zombies`, a run that has crashed or stopped is reported as
    finished when it would have been. `lags` are taken off the time that the calls are told, one after the other. The runs of `dying` crash when they would have stopped.
    """

    def __init__(
        self,
        jobs: list[list[Any]],
        millis: dict[str, list[int]],
        stopping: dict[str, list[int | None]] | None = None,
        crashes: dict[str, list[int | None]] | None = None,
        extras: list[list[Any]] | None = None,
        zombies: bool = False,
        lags: list[int] | None = None,
        dying: list[str] | None = None,
    ) -> None:
        self._jobs = {job[0]: job for job in jobs}
        self._millis, self._stopping, self._crashes = millis, stopping or {}, crashes or {}
        self._extras, self._zombies, self._lags = extras or [], zombies, lags or [0]
        self._dying = dying or []
        self._due: list[tuple[int, int, str, str, int]] = []
        self._pushed = 0
        self._over: set[RunName] = set()
        self._now = 0
        self._last = 0
        self._calls = 0

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        return ""

    def drive(self) -> Generator[Step, Call, None]:
        for job in self._jobs.values():
            self._at(job[2], "submit", job[0], 0)
        for at, kind, name, *numbers in self._extras:
            self._at(at, kind, name, *(numbers or [0]))
        while self._due and self._calls < MOST_CALLS:
            self._now = self._due[0][0]
            while self._due and self._due[0][0] == self._now:
                _, _, kind, name, number = heapq.heappop(self._due)
                if kind in ("finish", "stopped", "crashed") and number > 0 and (name, number) in self._over:
                    continue
                if kind != "schedule":
                    told = yield self._step(kind, name, number)
                    if kind in ("stopped", "crashed") and told.value is True and not self._zombies:
                        self._over.add((name, abs(number)))
            call = yield self._timed("schedule")
            plan = said(call)
            if plan is not None:
                self._follow(plan)

    def _follow(self, plan: Said) -> None:
        for name, number in plan.start:
            if name in self._jobs and number >= 1:
                self._at(self._now + _nth(self._millis[name], number), "finish", name, number)
                crashes = self._crashes.get(name, [])
                crash = crashes[number - 1] if number <= len(crashes) else None
                if crash is not None:
                    self._at(self._now + crash, "crashed", name, number)
        for name, number in plan.stop:
            delay = _nth(self._stopping.get(name, [None]), max(1, number))
            if delay is not None:
                self._at(self._now + delay, "crashed" if name in self._dying else "stopped", name, max(1, number))

    def _step(self, kind: str, name: str, number: int) -> Step:
        if kind == "submit":
            _, tenant, _, priority, gpus = self._jobs[name]
            more = {"priority": priority, "gpus": gpus}
            return self._timed(
                "submit", name, tenant, **{key: value for key, value in more.items() if value != _PLAIN[key]}
            )
        if kind == "cancel":
            return self._timed("cancel", name)
        return self._timed(kind, run(name, abs(number)))

    def _timed(self, do: str, *args: Any, **kwargs: Any) -> Step:
        lag = self._lags[self._calls % len(self._lags)]
        self._calls += 1
        after, self._last = (self._now - self._last) / 1000, self._now
        return Step(do, on="scheduler", args=args, kwargs={**kwargs, "now": max(0, self._now - lag)}, after=(after, 0))

    def _at(self, at: int, kind: str, name: str, number: int) -> None:
        """Reports of a negative number are made whatever has been reported before."""
        self._pushed += 1
        heapq.heappush(self._due, (at, self._pushed, kind, name, number))


_PLAIN = {"priority": 0, "gpus": 1}


def _nth(items: list[Any], number: int) -> Any:
    return items[min(number, len(items)) - 1]


class Busy(World):
    """Reports one run after the other as finished and submits a task instead of it, with a schedule after each change and some more.

    The first schedule may have to clear up what the set-up left behind, so it is not measured.
    """

    def __init__(self, rounds: int, tenants: int, idle: int) -> None:
        self._rounds, self._tenants, self._idle = rounds, tenants, idle

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        return ""

    def drive(self) -> Generator[Step, Call, None]:
        running = list((yield from self._schedule(0)))
        for number in range(self._rounds):
            now = number + 1
            if running:
                yield report("finish", *running.pop(0), now)
                running += yield from self._schedule(now)
                args = (f"n{number}", f"u{number * 7 % self._tenants}")
                yield Step("submit", on="scheduler", args=args, kwargs={"now": now})
            for _ in range(1 + self._idle):
                running += yield from self._schedule(now)

    def _schedule(self, now: int) -> Generator[Step, Call, tuple[RunName, ...]]:
        plan = said((yield Step("schedule", on="scheduler", kwargs={"now": now})))
        return plan.start if plan is not None else ()
