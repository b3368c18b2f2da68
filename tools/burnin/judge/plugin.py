"""The pytest plugin of a judge process: collects the suite's promises and judges those that it is asked for."""

from __future__ import annotations

import gc
import itertools
import math
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from burnin.history import Event
from burnin.judge.explore import EFFORTS, SHRINK_PLAYS, Batch, Effort, Failure, Once, Seeded, checked, explore
from burnin.judge.player import Play, Player
from burnin.judge.promise import Promise, promise_of
from burnin.judge.protocol import Ask, Enough, Failing, Glance, Glanced, HandIn, Judged, Recheck, SuiteProperty
from burnin.judge.story import nicknames, story
from burnin.judge.verdict import Broken, NotAttempted, Verdict
from burnin.judge.world import Handle
from burnin.plain import Opaque, json_ready, opaque
from burnin.scorecard import Counterexample, Status
from burnin.script import Script, script_from_data, script_to_data

__all__ = ["JudgePlugin"]

MAX_TEXT = 200
MOST_KEPT = 200 << 20
"""Bytes of memory above which a worker does not wait until its batch is judged: there are as many of them as batches."""


class JudgePlugin:
    """Give it to `pytest.main`. `listed` hears the suite's properties, `judged` each result; `orders` yields what to judge.

    `enough` says, between two plays, whether the search for a smaller failure is to end.
    """

    def __init__(
        self,
        new_player: Callable[[], Player],
        *,
        orders: Iterator[HandIn | Ask | Recheck | Glance | Enough],
        listed: Callable[[list[SuiteProperty]], None],
        judged: Callable[[Judged], None],
        failing: Callable[[Failing], None] = lambda _: None,
        glanced: Callable[[Glanced], None] = lambda _: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        self._new_player, self._orders = new_player, orders
        self._listed, self._judged, self._failing, self._glanced = listed, judged, failing, glanced
        self._enough = enough
        self._submission = HandIn("", "standard", 0)
        self._seeded: dict[tuple[int, int], Seeded] = {}
        self._chosen: Script | None = None  # the one script to judge by
        self.problems: list[str] = []
        self._raised = "pytest did not run it"
        self._status: Status | None = None
        self._began, self._before = 0.0, 0
        self._player = new_player()
        self._batch: Batch | None = None
        self._once: Once | None = None
        self._begun: dict[Seeded | None, tuple[Player, Batch]] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what went wrong in reading the suite, unless `pytest_exception_interact` has told it better."""
        if report.failed and not self.problems:
            self.problems.append(f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1]}")

    def pytest_exception_interact(self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]) -> None:
        """Keep what was raised by the import of a suite's file, or around one of its tests."""
        assert call.excinfo is not None
        self._raised = _told(call.excinfo.value, node.config.rootpath)
        if isinstance(node, pytest.Collector):
            self.problems.append(self._raised)

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep what went wrong in pytest, or in this plugin."""
        self.problems.append(f"{excinfo.typename}: {excinfo.value}")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the items in the order in which they are asked for, instead of all in theirs."""
        if self.problems:
            return True
        items: dict[str, tuple[pytest.Item, Promise]] = {}
        for item in session.items:
            found = promise_of(getattr(item, "obj", None))
            if found is None:
                self.problems.append(f"{item.path.name}: {item.name} has no @promise, so it is no property")
            elif found.id in items:
                other = items[found.id][0].path.name
                self.problems.append(f"{item.path.name}: {item.name} has the name of a property in {other}")
            else:
                items[found.id] = (item, found)
        if not items:
            self.problems.append("it has no property: no function with @promise in a file named test_*.py")
        if self.problems:
            return True
        batches: dict[object, int] = {}
        properties = []
        for _, p in items.values():
            own = f"shares {p.shares}" if p.shares else p.id
            number = batches.setdefault(own if p.scripts is None else id(p.scripts), len(batches))
            properties.append(SuiteProperty(p.id, p.title, p.stage, p.points, p.level, p.rule, number, list(p.tags)))
        self._listed(properties)
        gc.freeze()
        gc.disable()  # the histories of a batch are kept until its end: looking through them again and again frees nothing
        for order in self._orders:
            match order:
                case HandIn():
                    self._submission = order
                    self._forget_begun()
                case Ask():
                    self._run([items[id] for id in order.batch])
                case Recheck():
                    self._chosen = script_from_data(order.script)
                    self._run([items[order.property]])
                    self._chosen = None
                case Glance():
                    self._glanced(Glanced(self._glance([items[id][1] for id in order.properties], order.plays)))
                case Enough():  # it came too late: what it was about has ended
                    pass
        return True

    def _run(self, batch: list[tuple[pytest.Item, Promise]]) -> None:
        """Judge these properties with a fresh worker, or with that in which a glance has begun their batch."""
        begun = self._begun.pop(self._seeded_for(batch[0][1]), None)
        if begun is not None and begun[1].strayed:  # judged from its beginning it would stray in another order
            begun[0].close()
            begun = None
        self._player, self._batch = begun or (self._new_player(), None)
        failed = False
        for item, found in batch:
            self._status = None
            if failed and self._submission.until_failure:
                self._judged(Judged(found.id, "not_attempted", None, 0.0, 0, "", []))
                continue
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self._status is None:  # a fixture of the suite failed, or this plugin
                self._tell(found, _stumbled(None, self._raised), self._raised)
            failed = failed or self._status != "passed"
        self._give_up_worker()

    def _give_up_worker(self) -> None:
        self._player.close()
        self._player.last = self._batch = self._once = None
        gc.collect()
        gc.freeze()  # what is left are scripts, for the next submission too; a history that were left would never be freed

    def _glance(self, promises: list[Promise], plays: int) -> str | None:
        """Play the first scripts of these properties, in turn, until one fails, and tell of that; returns its id.

        Each batch has a worker of its own, which goes on with it when it is judged.
        """
        left_out: set[str] = set()
        for number, promise in itertools.product(range(plays), promises):
            seeded = self._seeded_for(promise)
            if seeded is None or promise.id in left_out or number >= self._effort().scripts(promise.scale):
                continue
            if seeded not in self._begun:
                player = self._new_player()
                self._begun[seeded] = player, self._new_batch(seeded, player)
            player, batch = self._begun[seeded]
            script = None
            try:
                drawn = seeded.script(number)
                if drawn is not None:
                    script, _ = drawn
                    checked(promise.check, batch, script)
            except NotAttempted:
                left_out.add(promise.id)
            except Verdict as verdict:
                history = None if batch.last is None else batch.last.history
                self._tell_failing(promise, Failure(verdict, script, history))
                return promise.id
            except Exception:
                return promise.id  # what is wrong is found out when it is judged
            if player.memory() > MOST_KEPT:
                player.close()
                del self._begun[seeded]
                left_out.add(promise.id)
        return None

    def _forget_begun(self) -> None:
        for player, _ in self._begun.values():
            player.close()
        self._begun.clear()

    @pytest.fixture
    def judgement(self) -> Callable[[Promise], None]:
        """What a promise's test function is given: judges it and tells the result."""
        return self._judge

    def _judge(self, promise: Promise) -> None:
        self._began, self._before = time.perf_counter(), self._player.plays
        play: Play | None = None
        fault = None
        failure: Failure | None = None
        try:
            play = self._play_for(promise)
            if isinstance(play, Batch):
                self._look(promise, play)
            else:
                promise.check(play)
        except Failure as failed:
            failure = failed
        except Verdict as verdict:
            failure = _seen(play, verdict)
        except Exception as error:  # the check stumbled over what the submission returned, or is itself wrong
            fault = _told(error, Path(promise.check.__code__.co_filename).parent)
            failure = _stumbled(play, fault)
        self._tell(promise, failure, fault)

    def _look(self, promise: Promise, batch: Batch) -> None:
        """Look for a script that breaks the promise, or only at the one that was asked for. Raises `Failure` or a `Verdict`."""
        if self._chosen is not None:
            try:
                checked(promise.check, batch, self._chosen)
            except Verdict as verdict:
                last = batch.last
                raise Failure(verdict, self._chosen, None if last is None else last.history) from None
            return
        seed = f"{self._submission.seed}:{promise.id}"
        explore(promise.check, batch, effort=self._effort(), seed=seed, scale=promise.scale)

    def _effort(self) -> Effort:
        return EFFORTS[self._submission.effort]

    def _tell(self, promise: Promise, failure: Failure | None, fault: str | None) -> None:
        counterexample = None if failure is None else _counterexample(promise, failure)
        confined = self._player.confined
        status: Status = "passed" if failure is None else failure.verdict.status  # type: ignore[assignment]  # the verdicts' own words
        self._judged(
            Judged(
                promise.id,
                status,
                counterexample,
                time.perf_counter() - self._began,
                self._player.plays - self._before,
                confined.backend if confined else "none",
                confined.details if confined else [],
                self._player.import_problem,
                fault,
            )
        )
        self._status = status

    def _play_for(self, promise: Promise) -> Play:
        seeded = self._seeded_for(promise)
        if seeded is None and promise.shares:
            self._once = self._once or Once(self._player)
            return self._once
        if seeded is None:
            return self._player
        if self._batch is None:
            self._batch = self._new_batch(seeded, self._player)
        self._batch.found = lambda failure: self._tell_failing(promise, failure)
        return self._batch

    def _new_batch(self, seeded: Seeded, player: Player) -> Batch:
        shrink_plays = SHRINK_PLAYS if self._submission.shrink else 0
        return Batch(seeded, player, new_player=self._new_player, shrink_plays=shrink_plays, enough=self._enough)

    def _tell_failing(self, promise: Promise, failure: Failure) -> None:
        status: Status = failure.verdict.status  # type: ignore[assignment]  # the verdicts' own words
        self._failing(Failing(promise.id, status, _counterexample(promise, failure)))

    def _seeded_for(self, promise: Promise) -> Seeded | None:
        """The scripts of the property's batch; None if it chooses its scripts itself."""
        if promise.scripts is None:
            return None
        key = id(promise.scripts), self._submission.seed
        if key not in self._seeded:
            self._seeded[key] = Seeded(promise.scripts, str(self._submission.seed))
        return self._seeded[key]


def _seen(play: Play | None, verdict: Verdict) -> Failure:
    last = None if play is None else play.last
    return Failure(verdict, None if last is None else last.script, None if last is None else last.history)


def _stumbled(play: Play | None, fault: str) -> Failure:
    return _seen(play, Broken("values that the statement describes", f"one that the check cannot read ({fault})"))


def _told(error: BaseException, suite: Path) -> str:
    """An error in one line: `file:line: type: text`, the line being the suite's innermost."""
    if isinstance(error, pytest.Collector.CollectError) and error.__cause__ is not None:
        error = error.__cause__  # pytest's text around it has many lines
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{Path(error.filename).name}:{error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(suite)] or frames
    where = f"{Path(own[-1].filename).name}:{own[-1].lineno}: " if own else ""
    text = " ".join(str(error).split())
    return f"{where}{type(error).__name__}" + (f": {text[:MAX_TEXT]}" if text else "")


def _counterexample(promise: Promise, failure: Failure) -> Counterexample | None:
    verdict, script, history = failure.verdict, failure.script, failure.history
    if isinstance(verdict, NotAttempted):
        return None
    where = f"stage {promise.stage}, {promise.rule}"
    expected = verdict.expected if isinstance(verdict, Broken) else promise.title
    got = verdict.got if isinstance(verdict, Broken) else str(verdict)
    asides = set() if history is None else {effect.id for effect in history.effects if not effect.shown}
    events = [] if history is None else [_event(event, event.effect not in asides) for event in history.events[:400]]
    return Counterexample(
        None if script is None else script_to_data(script),
        events,
        expected,
        got,
        story(promise.title, where, verdict, script, history),
        *_moment(verdict),
        names={} if script is None else nicknames(script),
    )


def _moment(verdict: Verdict) -> tuple[float | None, int | None]:
    at = verdict.at if isinstance(verdict, Broken) else None
    if isinstance(at, Event):
        return at.t, at.seq
    return (None if at is None or not math.isfinite(at) else float(at)), None


def _event(event: Event, shown: bool) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "t": event.t,
        "kind": event.kind,
        "actor": event.actor,
        "call": event.call,
        "what": event.what,
        "value": json_ready(event.value, _handle),
        "effect": event.effect,
        "shown": shown,
    }


def _handle(value: Any) -> Any:
    if isinstance(value, Handle):
        return {"$object": "handle", "fields": {"number": value.number, "about": str(value.about)}}
    if isinstance(value, Opaque):
        return opaque(value.type, {name: json_ready(field, _handle) for name, field in value.fields.items()})
    return None
