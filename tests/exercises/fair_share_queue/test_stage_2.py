"""Stage 2: fair share."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Play, promise

from .facts import holds
from .scripts import orders, shares

ORDERS = orders()


@promise(stage=2, points=4, level="core", rule="Capacity", scripts=ORDERS, scale=0.6, tags=("boundaries",))
def test_capacity(play: Play, script: Script) -> None:
    "Never more GPUs are held than there are, and only tasks that wait are started."
    holds(play(script), "capacity")


@promise(stage=2, points=5, level="core", rule="Order", scripts=ORDERS, scale=0.6, tags=("order",))
def test_order(play: Play, script: Script) -> None:
    "A task is never picked while one of a higher priority can be, nor while an earlier one of the same tenant and priority can be."
    holds(play(script), "order")


@promise(stage=2, points=5, level="core", rule="Work-conserving", scripts=ORDERS, scale=0.6, tags=("policy",))
def test_work_conserving(play: Play, script: Script) -> None:
    "After schedule no task is left that can be picked."
    holds(play(script), "work")


@promise(stage=2, points=7, level="core", rule="Fair share", scripts=shares(), scale=0.2, tags=("policy",))
def test_fair_share(play: Play, script: Script) -> None:
    "While two tenants both have tasks of one priority waiting, their weighted services differ by at most G L (1/w_a + 1/w_b); in the end all have run."
    holds(play(script), "fair", "undone")


@promise(
    stage=2, points=5, level="senior", rule="No credit", scripts=shares(returning=True), scale=0.25, tags=("policy",)
)
def test_no_credit(play: Play, script: Script) -> None:
    "A tenant that comes late or comes back has saved up nothing, and nothing is held against it: the bound holds from then on."
    holds(play(script), "fair", "credit", "undone")


@promise(stage=2, points=4, level="core", rule="Reports", scripts=ORDERS, scale=0.6, tags=("cancellation",))
def test_reports(play: Play, script: Script) -> None:
    "finish is True for a run that holds a GPU, cancel for a task that waits; otherwise they are False and change nothing."
    holds(play(script), "reports")
