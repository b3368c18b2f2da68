"""What the cache talks to: a disk that rots and remembers how it would look after a crash, a registry, a policy to ask, and a trace."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from burnin.script import Made, Pause, Step
from burnin.suite import Call, Cancelled, Fails, History, Opaque, World, call

PART = ".part"
WHOLE = "W"  # an image as large as the budget, pulled in the end: it fits only when nothing is leaked


def digest_of(data: bytes) -> str:
    """The digest of these bytes, as the statement writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Change:
    """One call that changed the disk, or a read."""

    kind: str  # write, append, rename, delete, read
    name: str  # of the file that there is afterwards, or that is gone
    at: float
    seq: int
    size: int
    """Bytes of the file: afterwards, or of the one that was deleted."""


@dataclass(frozen=True)
class Breach:
    """A rule of the disk that the cache broke."""

    rule: str
    text: str
    at: float


class Disk(World):
    """Files by name. `blobs` are the blobs of the play by a short name, `files` what is on the disk at first.

    The reads that are numbered in `rots` find their file damaged, for good. `crash` is (k, n): were the process to die in its k-th change, n bytes
    of that change's data would have been written (fewer than none: it is not begun; `rename` and `delete` are done if there is any). The
    play goes on; `crashed` is what would be on the disk.
    """

    def __init__(
        self,
        blobs: Mapping[str, bytes],
        budget: int,
        files: Mapping[str, bytes] | None = None,
        rots: Sequence[int] = (),
        crash: tuple[int, int] | None = None,
        bad: Sequence[str] = (),
    ) -> None:
        self.blobs = {name: bytes(data) for name, data in blobs.items()}
        self.digests = {name: digest_of(data) for name, data in self.blobs.items()}
        self.letters = {digest: name for name, digest in self.digests.items()}
        self.budget = budget
        self.first = {name: bytes(data) for name, data in (files or {}).items()}
        self.files = dict(self.first)
        self._rots, self._crash = set(rots), crash
        self.bad = {self.digests[name] for name in bad}
        """Digests of the blobs of which the registry has other bytes (not only more of them)."""
        self.changes: list[Change] = []
        self.reads: list[Change] = []
        self.breaches: list[Breach] = []
        self.crashed: dict[str, bytes] | None = None
        self.survivors: set[str] = set()
        """Digests of the blobs that were cached when the process would have died, and were not being deleted."""
        self.reopened: dict[int, History] = {}
        """For properties: plays of a new cache on what the crash left, by its budget."""

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        blobs = ", ".join(f"{name} {len(data)} B ({digest_of(data)[7:11]})" for name, data in kwargs["blobs"].items())
        rots = (
            f"; rot at read {', '.join(str(n + 1) for n in sorted(set(kwargs['rots'])))}" if kwargs.get("rots") else ""
        )
        names = cls.nicknames(**kwargs)
        held = [f"{names.get(name, name)} {len(data)} B" for name, data in kwargs.get("files", {}).items()]
        files = f"; has {', '.join(held)}" if held else ""
        return blobs + rots + files

    @classmethod
    def nicknames(cls, **kwargs: Any) -> dict[str, str]:
        blobs = {WHOLE: WHOLE.encode() * kwargs["budget"]} | kwargs["blobs"]  # a play after a crash may add the image
        digests = {digest_of(bytes(data)): name for name, data in blobs.items()}
        return digests | {digest + PART: name + PART for digest, name in digests.items()}

    def letter(self, name: str) -> str:
        """A file's name, for people."""
        digest = name.removesuffix(PART)
        return self.letters.get(digest, digest[:16]) + (PART if name.endswith(PART) else "")

    def whole(self, name: str) -> bool:
        """Whether the file is there and is the blob that its name says."""
        return name in self.files and digest_of(self.files[name]) == name

    @call(shown=False)
    def names(self) -> list[str]:
        return sorted(self.files)

    @call(shown=False)
    def size(self, name: str) -> int:
        return len(self._there(name))

    @call
    def read(self, name: str) -> bytes:
        data = self._there(name)
        if len(self.reads) in self._rots and data:
            data = self.files[name] = data[:-1] if len(self.reads) % 2 else bytes([data[0] ^ 1]) + data[1:]
        self.reads.append(Change("read", name, self.now, self.seq, len(data)))
        return data

    @call(silent=True)
    def write(self, name: str, data: bytes) -> None:
        self._put("write", name, b"", data)

    @call(silent=True)
    def append(self, name: str, data: bytes) -> None:
        self._put("append", name, self.files.get(name, b""), data)

    @call
    def rename(self, old: str, new: str) -> None:
        data = self._there(old)
        self._change(
            "rename", new, len(data), 1, {name: held for name, held in self.files.items() if name != old} | {new: data}
        )

    @call
    def delete(self, name: str) -> None:
        data = self._there(name)
        self._change("delete", name, len(data), 1, {other: held for other, held in self.files.items() if other != name})

    def _there(self, name: str) -> bytes:
        if name not in self.files:
            raise Fails("FileNotFoundError", self.letter(str(name)))
        return self.files[name]

    def _put(self, kind: str, name: str, before: bytes, data: bytes) -> None:
        if type(name) is not str or type(data) is not bytes:
            raise Fails("TypeError", "a name is a str, data are bytes")
        torn = (
            self.files
            if self._crash is None or self._crash[1] < 0
            else self.files | {name: before + data[: self._crash[1]]}
        )
        self._change(kind, name, len(before) + len(data), 0, self.files | {name: before + data}, torn)

    def _change(
        self, kind: str, name: str, size: int, least: int, after: dict[str, bytes], torn: dict[str, bytes] | None = None
    ) -> None:
        if self._crash is not None and self._crash[0] == len(self.changes):
            self.crashed = dict((after if self._crash[1] >= least else self.files) if torn is None else torn)
            self.survivors = {
                held for held in self.files if self.whole(held) and not (kind == "delete" and held == name)
            }
        self.files = dict(after)
        self.changes.append(Change(kind, name, self.now, self.seq, size))
        in_use = sum(map(len, self.files.values()))
        if in_use > self.budget and kind != "delete":
            self.breaches.append(Breach("budget", f"{in_use} bytes with {self.letter(name)}", self.now))
        known = name.removesuffix(PART)
        if not (known.startswith("sha256:") and len(known) == 71):
            self.breaches.append(Breach("names", f"{kind} of {name[:80]!r}", self.now))
        if kind != "delete" and known == name and not self.whole(name):
            self.breaches.append(Breach("whole", f"{kind} of {self.letter(name)} with other bytes", self.now))


@dataclass(eq=False)
class Fetch:
    """One `registry.fetch`."""

    digest: str
    offset: int
    began: float
    began_seq: int
    ended: float = float("inf")
    ended_seq: int = 1 << 60
    outcome: str = "open"  # open, returned, failed, cancelled
    data: bytes = b""


class Registry(World):
    """Serves blobs (by digest; perhaps not the right bytes) in pieces, but for those that it serves `whole`.

    `chunks`, `pauses`: of each fetch in turn; `failing` numbers those that fail.
    """

    def __init__(
        self,
        blobs: Mapping[str, bytes],
        chunks: Sequence[int],
        pauses: Sequence[Pause],
        failing: Sequence[int] = (),
        whole: Sequence[str] = (),
    ) -> None:
        self.blobs, self._chunks, self._pauses, self._failing = blobs, chunks, pauses, set(failing)
        self._whole = set(whole)
        self.fetches: list[Fetch] = []

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        wrong = [digest[7:11] for digest, data in kwargs["blobs"].items() if digest_of(bytes(data)) != digest]
        fails = (
            f"; fetch {', '.join(str(n + 1) for n in sorted(set(kwargs['failing'])))} fails"
            if kwargs.get("failing")
            else ""
        )
        return f"gives {', '.join(map(str, kwargs['chunks']))} bytes a fetch{fails}" + (
            f"; bad bytes of {', '.join(wrong)}" if wrong else ""
        )

    @call
    def fetch(self, digest: str, offset: int) -> Generator[Pause, None, bytes]:
        number = len(self.fetches)
        blob = self.blobs[digest]
        if type(offset) is not int or not 0 <= offset < len(blob):
            raise Fails("ValueError", f"offset {offset} of {len(blob)} bytes")
        fetch = Fetch(digest, offset, self.now, self.seq)
        self.fetches.append(fetch)
        try:
            yield self._pauses[number % len(self._pauses)]
        except Cancelled:
            fetch.ended, fetch.ended_seq, fetch.outcome = self.now, self.seq, "cancelled"
            raise
        fetch.ended, fetch.ended_seq = self.now, self.seq
        if number in self._failing:
            fetch.outcome = "failed"
            raise Fails("FetchFailed", digest[:16])
        size = len(blob) if digest in self._whole else self._chunks[number % len(self._chunks)]
        fetch.outcome, fetch.data = "returned", bytes(blob[offset : offset + size])
        return fetch.data


@dataclass(frozen=True)
class Asked:
    """One question to the policy."""

    at: float
    seq: int
    candidates: list[tuple[str, int]]  # digest, size
    needed: int
    named: list[str]


class RankedPolicy(World):
    """A policy that evicts by a fixed ranking of digests, as few blobs as needed."""

    def __init__(self, ranking: list[str]) -> None:
        self._ranking = ranking
        self.requests: list[tuple[int, str]] = []  # number of the event, image
        self.asked: list[Asked] = []

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        return f"evicts the first of {', '.join(digest[7:11] for digest in kwargs['ranking'])}"

    @call(shown=False)
    def requested(self, manifest: Opaque) -> None:
        self.requests.append((self.seq, str(manifest.image)))

    @call
    def victims(self, candidates: list[Opaque], needed: int) -> list[str]:
        rows = [(one.digest, one.size) for one in candidates]
        named: list[str] = []
        freed = 0
        for digest, size in sorted(rows, key=lambda row: self._ranking.index(row[0])):
            if freed < needed:
                named.append(digest)
                freed += size
        self.asked.append(Asked(self.now, self.seq, rows, needed, named))
        return named


class Trace(World):
    """Drives a policy with pulls of images, as the statement says, and adds up the seconds that fetching takes."""

    def __init__(self, sizes: dict[str, int], seconds: dict[str, float], budget: int, pulls: list[list[str]]) -> None:
        self.sizes, self.seconds, self.budget, self.pulls = sizes, seconds, budget, pulls
        self.fetches: Counter[str] = Counter()
        self.wrong: str | None = None
        """What was wrong with the victims that the policy named, if anything was."""

    @classmethod
    def told(cls, **kwargs: Any) -> str:
        layers = ", ".join(
            f"{layer} {size} B {kwargs['seconds'][layer]:g} s" for layer, size in kwargs["sizes"].items()
        )
        return f"{len(kwargs['pulls'])} pulls, {kwargs['budget']} B, {layers}"

    @classmethod
    def nicknames(cls, **kwargs: Any) -> dict[str, str]:
        return {digest_of(layer.encode()): layer for layer in kwargs["sizes"]}

    @property
    def cost(self) -> float:
        """The seconds spent fetching."""
        return sum(self.seconds[layer] * times for layer, times in self.fetches.items())

    def dearest(self) -> str:
        """The three layers on which most was spent, for people."""
        spent = sorted(self.fetches, key=lambda layer: -self.seconds[layer] * self.fetches[layer])[:3]
        return ", ".join(
            f"{layer} {self.fetches[layer]} times ({self.seconds[layer] * self.fetches[layer]:.0f} s)"
            for layer in spent
        )

    def drive(self) -> Generator[Step, Call, None]:
        digests = {layer: digest_of(layer.encode()) for layer in self.sizes}
        cached: dict[str, None] = {}
        for number, pull in enumerate(self.pulls):
            layers = [
                Made("Layer", {"digest": digests[one], "size": self.sizes[one], "fetch_seconds": self.seconds[one]})
                for one in pull
            ]
            manifest = Made("Manifest", {"image": "+".join(pull), "layers": layers})
            yield Step("requested", on="policy", args=(manifest,))
            fresh = [layer for layer in pull if layer not in cached]
            missing = sum(self.sizes[layer] for layer in [*fresh, *cached]) - self.budget
            if missing > 0:
                others = {digests[layer]: layer for layer in cached if layer not in pull}
                candidates = [
                    Made("Candidate", {"digest": digest, "size": self.sizes[layer]}) for digest, layer in others.items()
                ]
                asked = yield Step("victims", on="policy", args=(candidates, missing))
                if not self._evict(asked.value, others, cached, missing, number):
                    return
            self.fetches.update(fresh)
            cached.update(dict.fromkeys(pull))

    def _evict(self, named: object, others: dict[str, str], cached: dict[str, None], missing: int, number: int) -> bool:
        if not isinstance(named, list) or not all(isinstance(digest, str) for digest in named):
            self.wrong = f"{named!r}"
        elif len(set(named)) < len(named) or not set(named) <= set(others):
            self.wrong = f"{len(named)} victims, not all of them candidates or some named twice"
        elif sum(self.sizes[others[digest]] for digest in named) < missing:
            self.wrong = f"victims that free less than the {missing} bytes needed"
        else:
            for digest in named:
                del cached[others[digest]]
        if self.wrong is not None:
            self.wrong += f", at pull {number + 1}"
        return self.wrong is None
