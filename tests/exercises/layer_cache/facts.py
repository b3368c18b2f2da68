"""What a history says about concurrent pulls, step by step: what is on the disk, in flight, waited for and held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from burnin.suite import Call, History, require

from .expected import disk_of
from .world import PART, Change, Disk, Fetch, Registry


@dataclass
class Mark:
    """One thing that happened. `settled` marks are put in where the clock moves on: everything due at `at` has happened."""

    at: float
    seq: int
    kind: str  # begin, end, cancel, release, fetch, fetched, change, opened, closing, settled
    call: Call | None = None
    fetch: Fetch | None = None
    change: Change | None = None


@dataclass
class State:
    """The puller as the judge knows it, before the mark that comes with it. Layers go by their digests."""

    disk: Disk
    sizes: dict[str, int]
    files: dict[str, int]  # name to bytes
    partials: dict[str, int]  # what each partial must have: all that was fetched of it since it was last deleted
    shorter: dict[str, int] = field(default_factory=dict)  # what those that grew at this instant had before
    flights: dict[str, Fetch] = field(default_factory=dict)  # the fetch that is open, or was the last and went well
    waiting: list[Call] = field(default_factory=list)  # pulls that have not ended
    begun: set[int] = field(default_factory=set)  # ids of pulls that had begun when the clock last moved on, or since
    holds: dict[str, list[str]] = field(default_factory=dict)  # name of a hold to its layers
    last_used: dict[str, float] = field(default_factory=dict)
    now: list[Mark] = field(default_factory=list)  # what has happened at this instant
    seq: int = -1
    closing: bool = False  # the block is being left, or has not been entered yet

    def cached(self, digest: str) -> bool:
        """Whether the blob is on the disk."""
        return digest in self.files

    def open(self, digest: str) -> bool:
        """Whether a fetch of the layer is open."""
        return digest in self.flights and self.flights[digest].ended_seq > self.seq

    def callers(self) -> list[Call]:
        """The pulls that have not ended and have not been cancelled."""
        return [call for call in self.waiting if call.cancelled_seq > self.seq]

    def provided(self, call: Call) -> bool:
        """Whether all its layers are cached or being downloaded: then it has begun, at the latest when the clock moves on."""
        return all(self.cached(one) or self.open(one) for one in wanted(call))

    def to_fetch(self, call: Call) -> int:
        """The bytes of its layers that are neither cached nor being downloaded, less what their partials have."""
        fresh = [one for one in wanted(call) if not self.cached(one) and not self.open(one)]
        return sum(self.sizes[one] - self.files.get(one + PART, 0) for one in fresh)

    @property
    def in_use(self) -> int:
        """Bytes of all files, and those that the open downloads have still to fetch."""
        coming = [self.sizes[one] - self.files.get(one + PART, 0) for one in self.flights if self.open(one)]
        return sum(self.files.values()) + sum(coming)

    def evictable(self, *but: str) -> list[str]:
        """The files that nobody holds or downloads, without those of these layers."""
        kept = {digest for held in self.holds.values() for digest in held} | set(but)
        kept |= {
            digest for call in self.waiting if call.id in self.begun or self.provided(call) for digest in wanted(call)
        }
        return [
            name
            for name in self.files
            if name.removesuffix(PART) not in kept and not self.open(name.removesuffix(PART))
        ]

    def fits(self, call: Call) -> bool:
        """Whether there is room for all that the pull has to fetch."""
        room = self.disk.budget - self.in_use + sum(self.files[name] for name in self.evictable(*wanted(call)))
        return self.to_fetch(call) <= room

    def apply(self, mark: Mark) -> None:
        """Let the mark happen."""
        self.seq = mark.seq
        if mark.kind == "settled":
            self._settle(mark.at)
            return
        self.now.append(mark)
        call, fetch, change = mark.call, mark.fetch, mark.change
        match mark.kind:
            case "begin":
                assert call is not None
                self.waiting.append(call)
            case "end":
                assert call is not None
                self.waiting.remove(call)
                if call.outcome == "returned" and call.save is not None:
                    self.holds[call.save] = wanted(call)
                if call.outcome == "returned" or call.id in self.begun:
                    self._use(wanted(call), mark.at)
            case "release":
                assert call is not None and call.on is not None
                self._use(self.holds.pop(call.on, []), mark.at)
            case "fetch":
                assert fetch is not None
                self.flights[fetch.digest] = fetch
            case "fetched":
                assert fetch is not None
                if fetch.outcome == "returned" and fetch.offset + len(fetch.data) <= self.sizes[fetch.digest]:
                    self.shorter.setdefault(fetch.digest, fetch.offset)
                    self.partials[fetch.digest] = fetch.offset + len(fetch.data)
            case "change":
                assert change is not None
                self._change(change, mark.at)
            case "opened" | "closing":
                self.closing = mark.kind == "closing"

    def partial_sizes(self, digest: str) -> set[int]:
        """What the partial of a layer may have: bytes that came at the instant at which a pull gave it up may be lost."""
        sizes = {self.partials.get(digest, 0)}
        ends = [one.call for one in self.now if one.kind in ("end", "cancel") and one.call is not None]
        given_up = any(call.outcome != "returned" and digest in wanted(call) for call in ends)
        given_up = given_up or any(one.fetch is not None and one.fetch.outcome == "failed" for one in self.now)
        return sizes | {self.shorter[digest]} if given_up and digest in self.shorter else sizes

    def _settle(self, at: float) -> None:
        for digest in self.shorter:
            has = self.files.get(digest + PART, 0)
            if digest in self.partials and has in self.partial_sizes(digest):
                self.partials[digest] = has
        self.now, self.shorter = [], {}
        for call in self.callers():
            if call.id not in self.begun and self.provided(call):
                self.begun.add(call.id)
                self._use(wanted(call), at)

    def _use(self, digests: list[str], at: float) -> None:
        for digest in digests:
            self.last_used[digest] = at

    def _change(self, change: Change, at: float) -> None:
        digest = change.name.removesuffix(PART)
        if change.kind == "delete":
            self.files.pop(change.name, None)
            if change.name != digest:
                self.partials.pop(digest, None)
            return
        self.files[change.name] = change.size
        if change.name == digest:
            self._use([digest], at)
            self.partials.pop(digest, None)
            if change.kind == "rename":
                self.files.pop(digest + PART, None)


def wanted(call: Call) -> list[str]:
    """The digests of the image that a call asks for, each once."""
    return list(dict.fromkeys(layer.kwargs["digest"] for layer in call.args[0].kwargs["layers"]))


def registry_of(history: History) -> Registry:
    """The registry of the play."""
    registry = history.worlds["registry"]
    assert isinstance(registry, Registry)
    return registry


def walk(history: History) -> Iterator[tuple[Mark, State]]:
    """Each mark of the history, with the state just before it; in the end, that the puller is one (see `_Alive`)."""
    disk = disk_of(history)
    sizes = {
        layer.kwargs["digest"]: layer.kwargs["size"]
        for call in history.calls_of("pull")
        for layer in call.args[0].kwargs["layers"]
    }
    first = {name: len(data) for name, data in disk.first.items()}
    state = State(
        disk, sizes, dict(first), {name.removesuffix(PART): size for name, size in first.items() if name.endswith(PART)}
    )
    state.closing = bool(
        history.calls_of("__aenter__")
    )  # a script that enters by a call, and not in its set-up, may pull before
    alive = _Alive(history)
    marks = _marks(history, disk)
    for number, mark in enumerate(marks):
        yield mark, state
        alive.look(mark, state)
        state.apply(mark)
        if number + 1 == len(marks) or marks[number + 1].at > mark.at:
            settled = Mark(mark.at, mark.seq, "settled")
            yield settled, state
            state.apply(settled)
    alive.check()


def check_alive(history: History) -> None:
    """The puller is one (see `_Alive`)."""
    for _ in walk(history):
        pass


def _marks(history: History, disk: Disk) -> list[Mark]:
    marks = []
    for call in history.calls_of("pull"):
        marks.append(Mark(call.began, call.began_seq, "begin", call))
        marks.append(Mark(call.ended, call.ended_seq, "end", call))
        if call.cancelled_at is not None:
            marks.append(Mark(call.cancelled_at, call.cancelled_seq, "cancel", call))
    marks += [Mark(call.began, call.began_seq, "release", call) for call in history.calls_of("release")]
    marks += [Mark(call.ended, call.ended_seq, "opened", call) for call in history.calls_of("__aenter__")]
    marks += [Mark(call.began, call.began_seq, "closing", call) for call in history.calls_of("leave", "__aexit__")]
    for fetch in registry_of(history).fetches:
        marks.append(Mark(fetch.began, fetch.began_seq, "fetch", fetch=fetch))
        if fetch.outcome != "open":
            marks.append(Mark(fetch.ended, fetch.ended_seq, "fetched", fetch=fetch))
    marks += [Mark(change.at, change.seq, "change", change=change) for change in disk.changes]
    return sorted(marks, key=lambda mark: mark.seq)


class _Alive:
    """A pull that returns has all its layers on the disk, and one fails only for a reason; at least every second one is served.

    A puller that does nothing, or turns everybody away, would keep many a promise; this makes each of them worth something.
    """

    def __init__(self, history: History) -> None:
        self._fetches = registry_of(history).fetches
        self._served = self._number = 0
        self._dead: tuple[str, str, float] | None = None

    def look(self, mark: Mark, state: State) -> None:
        """Take note of what happens. It is told in the end, for what a property itself finds says more."""
        call = mark.call
        if self._dead is not None or mark.kind != "end" or call is None or call.outcome == "cancelled":
            return
        layers = wanted(call)
        absent = [state.disk.letter(one) for one in layers if not state.cached(one)]
        if call.outcome == "returned" and absent:
            expected = f"pull of {told(call)} to bring all its layers"
            self._dead = expected, f"it returned without {', '.join(absent)}", call.ended
            return
        excused = state.closing or sum(state.sizes[one] for one in layers) > state.disk.budget
        failures = [one for one in self._fetches if one.digest in layers and one.ended_seq < call.ended_seq]
        if not excused and not any(one.outcome == "failed" or is_bad(one, state) for one in failures):
            self._number += 1
            self._served += call.outcome == "returned"
            if self._served * 2 < self._number:
                self._dead = f"pull of {told(call)} to return a hold", str(call.error), call.ended

    def check(self) -> None:
        """Require that it was alive."""
        if self._dead is not None:
            require(False, *self._dead)


def is_bad(fetch: Fetch, state: State) -> bool:
    """Whether this fetch completed a download whose bytes are not the right ones."""
    blob = state.disk.blobs[state.disk.letters[fetch.digest]]
    end = fetch.offset + len(fetch.data)
    return fetch.outcome == "returned" and (end > len(blob) or (end == len(blob) and fetch.digest in state.disk.bad))


def told(call: Call) -> str:
    """Whose image a pull asks for, for people."""
    return f"{call.args[0].kwargs['image']} by {call.actor or 'the last caller'}"
