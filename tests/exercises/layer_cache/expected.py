"""What each plain call must do, from the statement's rules and the disk as it was before it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from burnin.suite import Call, History, broken

from .world import PART, Change, Disk, digest_of


def disk_of(history: History) -> Disk:
    """The disk of the play."""
    disk = history.worlds["store"]
    assert isinstance(disk, Disk)
    return disk


@dataclass
class Turn:
    """One call: what it must do, and what it did. Blobs go by their letters."""

    disk: Disk
    call: Call
    kind: str
    """put: bad, too large, cached, busy, write; get: none, rotten, cached; hold: too large, hold; missing; release: release, again."""
    letter: str
    victims: list[str]  # what it must evict, in order
    idle: list[str]  # what could be evicted, the least recently used first
    held: set[str]  # by the holds that there are, before the call
    missing: list[str]  # of the hold that is asked
    needed: int  # bytes that are missing when it needs room
    changes: list[Change] = field(default_factory=list)
    reads: list[Change] = field(default_factory=list)

    @property
    def evicted(self) -> list[str]:
        """The blobs that it deleted; partials that were its own are left out."""
        return [
            self.disk.letter(change.name)
            for change in self.changes
            if change.kind == "delete" and not change.name.endswith(PART)
        ]

    @property
    def asked(self) -> str:
        """The call, for people."""
        if self.call.do in ("put", "get"):
            return f"{self.call.do}({self.letter})"
        return f"{self.call.do} of {self.call.on}"

    @property
    def did(self) -> str:
        """What came of it and what it did to the disk, for people."""
        outcome = (
            f"raised {self.call.error}" if self.call.outcome == "raised" else f"returned {str(self.call.value)[:40]}"
        )
        done = ", ".join(f"{change.kind} {self.disk.letter(change.name)}" for change in [*self.reads, *self.changes])
        return f"{outcome}; on the disk: {done or 'nothing'}"


@dataclass
class _Books:
    """The cache as the judge knows it between two calls: what is there by last use, and who holds what."""

    disk: Disk
    cached: dict[str, int] = field(default_factory=dict)  # digest to size, the least recently used first
    holds: dict[str, list[str]] = field(default_factory=dict)  # name of a hold to its digests, in order
    released: set[str] = field(default_factory=set)
    known: dict[str, list[str]] = field(default_factory=dict)
    rotten: set[str] = field(default_factory=set)

    def use(self, *digests: str) -> None:
        for digest in digests:
            if digest in self.cached:
                self.cached[digest] = self.cached.pop(digest)

    def held(self) -> set[str]:
        return {digest for digests in self.holds.values() for digest in digests}

    def room(self, size: int) -> list[str] | None:
        """The blobs to evict for `size` bytes, or None if there are not enough."""
        held = self.held()
        missing = size + sum(self.cached.values()) - self.disk.budget
        victims = []
        for digest, freed in self.cached.items():
            if missing > 0 and digest not in held:
                victims.append(digest)
                missing -= freed
        return victims if missing <= 0 else None


def turns(history: History) -> Iterator[Turn]:
    """Each call of a script that runs one call after the other; at the end, that the cache is one (see `_check_alive`)."""
    disk = disk_of(history)
    books = _Books(disk)
    all_turns = []
    for call in history.calls[len(history.script.setup) :]:
        turn = _turn(books, call)
        turn.changes = _during(call, disk.changes)
        turn.reads = _during(call, disk.reads)
        if turn.reads and call.do == "get":
            effect = next(one for one in history.effects if one.began_seq == turn.reads[0].seq)
            if call.args[0] in books.cached and (
                type(effect.value) is not bytes or digest_of(effect.value) != call.args[0]
            ):
                turn.kind = "rotten"
        yield turn
        all_turns.append(turn)
        _apply(books, turn)
    _check_alive(all_turns)


def _during(call: Call, changes: list[Change]) -> list[Change]:
    """Those of the changes, which are in their order, that were made while the call was open."""
    first = bisect_right(changes, call.began_seq, key=attrgetter("seq"))
    return changes[first : bisect_left(changes, call.ended_seq, first, key=attrgetter("seq"))]


def _turn(books: _Books, call: Call) -> Turn:
    disk, held = books.disk, books.held()
    kind = call.do
    victims: list[str] = []
    missing: list[str] = []
    digest = str(call.args[0]) if call.do in ("put", "get") else ""
    match call.do:
        case "put":
            kind, victims = _put(books, digest, call.args[1])
        case "get":
            kind = "cached" if digest in books.cached else "none"
        case "hold":
            sizes = {layer.kwargs["digest"]: layer.kwargs["size"] for layer in call.args[0].kwargs["layers"]}
            kind = "too large" if sum(sizes.values()) > disk.budget else "hold"
        case "missing":
            wanted = dict.fromkeys(books.known.get(str(call.on), []))
            missing = [disk.letter(one) for one in wanted if one not in books.cached]
        case "release":
            kind = "again" if call.on in books.released else "release"
    idle = [disk.letter(one) for one in books.cached if one not in held]
    letters = [disk.letter(one) for one in victims]
    needed = len(call.args[1]) + sum(books.cached.values()) - disk.budget if call.do == "put" else 0
    return Turn(
        disk, call, kind, disk.letter(digest), letters, idle, {disk.letter(one) for one in held}, missing, needed
    )


def _put(books: _Books, digest: str, data: bytes) -> tuple[str, list[str]]:
    if digest_of(data) != digest:
        return "bad", []
    if len(data) > books.disk.budget:
        return "too large", []
    if digest in books.cached:
        return "cached", []
    victims = books.room(len(data))
    return ("busy", []) if victims is None else ("write", victims)


def _apply(books: _Books, turn: Turn) -> None:
    """What the call made of the disk, whether right or wrong, and the uses and holds that the rules see in it."""
    call = turn.call
    for change in turn.changes:
        if change.kind == "delete" or (change.kind == "rename" and change.name not in books.disk.letters):
            books.cached.pop(change.name, None)
        elif change.name in books.disk.letters:
            books.cached[change.name] = change.size
    digest = str(call.args[0]) if call.do in ("put", "get") else ""
    if (call.do == "put" and call.outcome == "returned") or (call.do == "get" and type(call.value) is bytes):
        books.use(digest)
    if call.do == "hold" and call.outcome == "returned" and call.save is not None:
        books.holds[call.save] = books.known[call.save] = [
            layer.kwargs["digest"] for layer in call.args[0].kwargs["layers"]
        ]
    if call.do == "release" and call.on in books.holds:
        books.use(*books.holds.pop(call.on))
        books.released.add(call.on)


def _check_alive(all_turns: list[Turn]) -> None:
    """The first call that had to be served was, and so was every second one of all.

    A cache that does nothing, or keeps nothing but its first blob, would keep many a promise; this makes each of them worth something.
    """
    served = number = 0
    for turn in all_turns:
        if turn.kind not in ("write", "cached", "hold"):
            continue
        number += 1
        served += _served(turn)
        if served * 2 < number:  # told only then: there are thousands of these
            broken(f"{turn.asked} to be served", turn.did, turn.call.ended)


def _served(turn: Turn) -> bool:
    call = turn.call
    if call.outcome != "returned":
        return False
    if call.do == "get":
        return type(call.value) is bytes and digest_of(call.value) == call.args[0]
    if turn.kind == "write":
        last = [change for change in turn.changes if change.name == call.args[0]]
        return bool(last) and last[-1].kind != "delete"
    return True
