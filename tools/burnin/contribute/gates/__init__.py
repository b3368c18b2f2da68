"""The gates: each proves one sentence about an exercise. A module per subject, and here the list of all, cheapest first."""

from __future__ import annotations

from burnin.contribute.gates import (
    agreement,
    bounds,
    generated,
    leaks,
    mutants,
    repeat,
    samples,
    signatures,
    snapshots,
    solutions,
    speed,
    statement,
    stub,
    versions,
)
from burnin.contribute.gates.gate import Gate

__all__ = ["GATES", "Gate"]

GATES: tuple[Gate, ...] = (
    *statement.GATES,
    *signatures.GATES,
    *leaks.GATES,
    *stub.GATES,
    *samples.GATES,
    *bounds.GATES,
    *solutions.GATES,
    *mutants.GATES,
    *generated.GATES,
    *snapshots.GATES,
    *versions.GATES,
    *agreement.GATES,
    *repeat.GATES,
    *speed.GATES,
)
"""In the order of their cost. A gate is named by its `id` wherever it is shown."""
