"""Stage 3: gangs and preemption."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Play, promise

from .facts import holds
from .scripts import full, gangs, urgent

GANGS = gangs()
URGENT = urgent()
FULL = full()


@promise(stage=3, points=3, level="core", rule="All or none", scripts=GANGS, scale=0.7, tags=("boundaries",))
def test_all_or_none(play: Play, script: Script) -> None:
    "A task is started when all of its GPUs are free, and holds all of them; one that takes more than there are is Impossible; in the end all have run."
    holds(play(script), "gang", "undone")


@promise(stage=3, points=3, level="core", rule="Passed over", scripts=GANGS, scale=0.7, tags=("policy",))
def test_passed_over(play: Play, script: Script) -> None:
    "A task that does not fit holds nobody up: the first that fits is picked, until none is left that fits."
    holds(play(script), "passed", "order")


@promise(stage=3, points=5, level="core", rule="Room", scripts=FULL, tags=("policy",))
def test_room(play: Play, script: Script) -> None:
    "When nothing is stopping, room is made for the first task in the order for which some set of runs will do, and for no other."
    holds(play(script), "room", "no room")


@promise(stage=3, points=3, level="core", rule="Only lower", scripts=FULL, tags=("policy",))
def test_only_lower(play: Play, script: Script) -> None:
    "A run is told to stop only for a task of a strictly higher priority."
    holds(play(script), "lower", "no room")


@promise(stage=3, points=5, level="senior", rule="Cheapest", scripts=FULL, tags=("policy", "cost"))
def test_cheapest(play: Play, script: Script) -> None:
    "The runs that are told to stop have the least at stake of all sets that will do, and none could be left out."
    holds(play(script), "cheapest", "no room")


@promise(stage=3, points=3, level="core", rule="Grace", scripts=URGENT, tags=("failure", "boundaries"))
def test_grace(play: Play, script: Script) -> None:
    "A run that was told to stop holds its GPUs until it has stopped or its grace is over, and not a millisecond longer."
    holds(play(script), "grace", "no room")


@promise(stage=3, points=3, level="core", rule="Keeps its place", scripts=URGENT, tags=("order",))
def test_keeps_its_place(play: Play, script: Script) -> None:
    "A task whose run was stopped waits again in its old place, and is started again as its next run."
    holds(play(script), "place", "no room")


@promise(stage=3, points=3, level="senior", rule="Room is kept", scripts=FULL, tags=("policy",))
def test_room_is_kept(play: Play, script: Script) -> None:
    "Until a task for which room was made starts or is cancelled, no other of the same or a lower priority gets in its way."
    holds(play(script), "claim", "no room")


@promise(stage=3, points=2, level="senior", rule="No thrash", scripts=FULL, tags=("policy",))
def test_no_thrash(play: Play, script: Script) -> None:
    "While a run is stopping no other is told to stop, and a task is told to stop at most max_stops times."
    holds(play(script), "thrash", "no room")
