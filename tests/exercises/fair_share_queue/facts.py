"""What was wrong in a history, by rule. Properties that share a history share the work."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from burnin.script import Script
from burnin.suite import History, broken

from .fairness import Fairness
from .ledger import Breach, Ledger
from .world import MOST_CALLS

_found: WeakKeyDictionary[History, list[Breach]] = WeakKeyDictionary()


def ledger_of(script: Script) -> Ledger:
    """The ledger of the scheduler that the script makes."""
    return Ledger(*script.setup[0].args, **script.setup[0].kwargs)


def breaches(history: History) -> list[Breach]:
    """All breaches of a play whose calls were made one after the other, in the order in which they show."""
    if history not in _found:
        ledger = ledger_of(history.script)
        fairness = Fairness(ledger)
        promised = not (ledger.max_stops or ledger.patience is not None or ledger.caps)
        found: list[Breach] = []
        for call in history.calls[1:]:
            found += ledger.take(call)
            if promised:
                fairness.look()
        found += fairness.breaches() if promised else ()
        found += ledger.hardly()
        if len(history.calls) <= MOST_CALLS:
            found += ledger.at_the_end()
        _found[history] = found
    return _found[history]


def holds(history: History, *rules: str) -> None:
    """These rules were not broken, and the scheduler did not keep them by doing nothing."""
    for breach in breaches(history):
        if breach.rules & {"dead", *rules}:
            broken(breach.expected, breach.got, breach.at)
