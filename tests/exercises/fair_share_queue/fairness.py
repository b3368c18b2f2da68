"""The bound of "Fair share" and "No credit", over every stretch of a play."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

from .ledger import Breach, Ledger


@dataclass
class Stretch:
    """A stretch of time throughout which two tenants both have tasks of one priority waiting. The difference is that of their services, times both weights."""

    since: int
    first: bool  # whether it begins when they first come, both at the beginning
    least: int
    most: int
    widest: int = 0
    until: int = 0


@dataclass
class Fairness:
    """Watches all stretches of a play."""

    ledger: Ledger
    _open: dict[tuple[str, str, int], Stretch] = field(default_factory=dict)
    _all: list[tuple[tuple[str, str, int], Stretch]] = field(default_factory=list)

    def look(self) -> None:
        """After each call."""
        ledger = self.ledger
        waiting: dict[int, set[str]] = {}
        for task in ledger.waiting():
            waiting.setdefault(task.priority, set()).add(task.tenant)
        for key, stretch in list(self._open.items()):
            one, other, priority = key
            difference = self._difference(one, other, priority)
            stretch.least, stretch.most = min(stretch.least, difference), max(stretch.most, difference)
            widest = max(difference - stretch.least, stretch.most - difference)
            if widest > stretch.widest:
                stretch.widest, stretch.until = widest, ledger.now
            if not {one, other} <= waiting.get(priority, set()):
                del self._open[key]
        for priority, tenants in waiting.items():
            for key in [(one, other, priority) for one, other in combinations(sorted(tenants), 2)]:
                if key not in self._open:
                    difference = self._difference(*key)
                    stretch = Stretch(ledger.now, ledger.now == 0, difference, difference)
                    self._open[key] = stretch
                    self._all.append((key, stretch))

    def breaches(self) -> Iterator[Breach]:
        """At the end of the play, when it is known how long the longest run was."""
        ledger, longest = self.ledger, self.ledger.longest_run()
        for (one, other, priority), stretch in self._all:
            weights = self._weight(one), self._weight(other)
            bound = ledger.gpus * longest * sum(weights)
            if stretch.widest > bound:
                scale = weights[0] * weights[1]
                where = f"from {stretch.since} to {stretch.until} ms, when {one} and {other} both had tasks of priority {priority} waiting"
                expected = f"weighted services that differ by at most {bound / scale:.1f} GPU-milliseconds in every stretch {where}"
                rules = {"fair"} if stretch.first else {"credit"}
                yield Breach(frozenset(rules), expected, f"{stretch.widest / scale:.1f}", stretch.until / 1000)

    def _difference(self, one: str, other: str, priority: int) -> int:
        ledger = self.ledger
        return ledger.got(one, priority) * self._weight(other) - ledger.got(other, priority) * self._weight(one)

    def _weight(self, tenant: str) -> int:
        return self.ledger.weights.get(tenant, 1)
