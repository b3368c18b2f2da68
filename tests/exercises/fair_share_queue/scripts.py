"""Scripts for the fair share queue. Few GPUs, few tenants and few lengths, so that much happens at one instant and room is often just enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from burnin.script import Script, Step

from .world import Busy, Caller, report

Draw = Callable[[Any], Any]
T = TypeVar("T")
ERRORS = ("Impossible",)
LEVELS = (0, 0, 1, 0, 5, -3)

# Strategies are made once: making one costs more than drawing from it.
INTEGERS = {(low, high): st.integers(low, high) for low in range(5) for high in range(low, 60)}
SEEDS = st.integers(0, 1 << 16)


def pick(draw: Draw, items: Sequence[T]) -> T:
    """One of the items; shrinks towards the first."""
    return items[draw(INTEGERS[0, len(items) - 1])]


def between(draw: Draw, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return int(draw(INTEGERS[low, high]))


def _script(gpus: int, weights: dict[str, int], options: dict[str, Any], **caller: Any) -> Script:
    setup = Step("Scheduler", args=(gpus, weights), kwargs=options, save="scheduler")
    return Script(setup=(setup,), actors={}, drivers={"caller": Caller.of(**caller)}, errors=ERRORS)


# ---- stage 1


@st.composite
def queues(draw: Draw) -> Script:
    """Few names, which come back, and few priorities."""
    steps = [Step("TaskQueue", save="queue")]
    for _ in range(between(draw, 2, 22)):
        do = pick(draw, ["put", "put", "put", "put", "take", "take", "cancel", "cancel", "waiting"])
        name = pick(draw, "abcd")
        args = {"put": (name, pick(draw, (0, 0, 0, 1, 1, -1, 7))), "cancel": (name,)}.get(do, ())
        steps.append(Step(do, on="queue", args=args))
    steps += [Step("take", on="queue") for _ in range(between(draw, 0, 6))]
    return Script(setup=(steps[0],), actors={"": tuple(steps[1:])}, errors=("DuplicateTask",))


# ---- stage 2


@st.composite
def orders(draw: Draw) -> Script:
    """Short plays of tasks with priorities, some cancelled, and reports of runs that are over or never were."""
    gpus = between(draw, 1, 3)
    jobs, millis = [], {}
    for number in range(between(draw, 2, 10)):
        name = f"t{number}"
        jobs.append([name, pick(draw, "aab"), pick(draw, (0, 0, 0, 10, 20)), pick(draw, LEVELS), 1])
        millis[name] = [pick(draw, (10, 10, 20, 5, 0))]
    extras: list[list[Any]] = []
    for _ in range(between(draw, 0, 5)):
        name = pick(draw, ["t0", "t1", "t2", "t3", "t4", "x"])
        kind = pick(draw, ["cancel", "cancel", "cancel", "finish"])
        extras.append(
            [pick(draw, (0, 5, 10, 15, 20, 30)), kind, name, *([] if kind == "cancel" else [pick(draw, (-1, -1, -2))])]
        )
    return _script(gpus, pick(draw, [{}, {"a": 2}]), {}, jobs=jobs, millis=millis, extras=extras)


@st.composite
def shares(draw: Draw, *, returning: bool = False) -> Script:
    """Long plays of two or three tenants of different weights, whose tasks are of different lengths. With `returning` one comes late, or goes and comes back."""
    gpus = pick(draw, (1, 1, 2, 3))
    tenants = "abc"[: pick(draw, (2, 2, 3))]
    weights = {tenant: pick(draw, (1, 1, 2, 3, 5)) for tenant in tenants if between(draw, 0, 4)}
    lengths = {tenant: pick(draw, ((10,), (10, 20), (40,), (5, 40), (30, 40))) for tenant in tenants}
    level = pick(draw, ((0,), (0,), (0,), (0, 0, 0, 0, 1)))
    jobs: list[list[Any]] = []
    millis: dict[str, list[int]] = {}

    def submit(tenant: str, at: int, count: int) -> None:
        for _ in range(count):
            name = f"{tenant}{len(jobs)}"
            jobs.append([name, tenant, at, pick(draw, level), 1])
            millis[name] = [pick(draw, lengths[tenant])]

    enough = 26 // len(tenants) + 4 * gpus
    late = pick(draw, tenants) if returning else ""
    for tenant in tenants:
        if tenant != late:
            submit(tenant, 0, enough)
    if returning:
        submit(late, 0, pick(draw, (0, 1, 2)))
        others = sum(millis[job[0]][0] for job in jobs if job[1] != late) // gpus
        when = others * pick(draw, (5, 3, 7, 10, 11)) // 10
        submit(late, when, enough)
        if between(draw, 0, 1) or when >= others:
            submit(pick(draw, [one for one in tenants if one != late]), when, enough // 2)
        jobs.sort(key=lambda job: job[2])
    return _script(gpus, weights, {}, jobs=jobs, millis=millis)


# ---- stages 3 and 4


def _gangs(draw: Draw, gpus: int, *, least: int = 2, most: int = 8, tenants: str = "aab") -> dict[str, Any]:
    """Jobs of several GPUs and priorities that come one after the other, and what becomes of them."""
    jobs: list[list[Any]] = []
    millis: dict[str, list[int]] = {}
    stopping: dict[str, list[int | None]] = {}
    extras: list[list[Any]] = []
    at = 0
    for number in range(between(draw, least, most)):
        name = f"t{number}"
        at += pick(draw, (0, 0, 5, 10, 10, 20))
        size = pick(draw, (1, 1, 2, 2, 3, gpus, *((gpus + 1,) if between(draw, 0, 9) == 0 else ())))
        jobs.append([name, pick(draw, tenants), at, pick(draw, (0, 0, 1, 2, 5)), min(size, gpus + 1)])
        millis[name] = [pick(draw, (30, 50, 100, 20, 15)), pick(draw, (20, 50))]
        stopping[name] = [pick(draw, (5, 0, None, 10, 9, 11)) for _ in range(2)]
        if between(draw, 0, 2) == 0:
            extras.append([at + pick(draw, (5, 10, 15, 20)), "saved", name, -1])
        if between(draw, 0, 5) == 0:
            extras.append([at + pick(draw, (5, 10, 15, 20, 30)), pick(draw, ("cancel", "stopped", "cancel")), name, -1])
    extras += [[pick(draw, (10, 15, 20, 25, 30, 45)), "schedule", "", 0] for _ in range(between(draw, 0, 2))]
    return {"jobs": jobs, "millis": millis, "stopping": stopping, "extras": extras}


@st.composite
def gangs(draw: Draw) -> Script:
    """Gangs without preemption."""
    gpus = between(draw, 2, 4)
    return _script(gpus, {}, {}, **_gangs(draw, gpus))


@st.composite
def urgent(draw: Draw) -> Script:
    """Gangs of which the urgent ones preempt others."""
    gpus = pick(draw, (2, 3, 4, 4, 5))
    options = {"grace": pick(draw, (10, 10, 30, 1)), "max_stops": pick(draw, (1, 2, 2, 3))}
    parts = _gangs(draw, gpus, most=9, tenants=pick(draw, ("aab", "abcd")))
    if options["grace"] == 1:  # so it is by default
        del options["grace"]
        parts["stopping"] = {name: [1] for name in parts["stopping"]}
    return _script(gpus, {}, options, **parts)


@st.composite
def full(draw: Draw) -> Script:
    """A cluster that is full, or nearly, of small low tasks that began at different times; then tasks that need some of their places, some of them again and again."""
    gpus = between(draw, 3, 6)
    free, at, number = gpus, 0, 0
    spare = pick(draw, (0, 0, 1))
    jobs: list[list[Any]] = []
    extras: list[list[Any]] = []
    while free > spare:
        size = min(free - spare, pick(draw, (1, 1, 2, 3)))
        name = f"t{number}"
        jobs.append([name, "a", at, pick(draw, (0, 0, 0, 1, 3)), size])
        if between(draw, 0, 1):
            extras.append([at + pick(draw, (1, 10, 20, 40)), "saved", name, -1])
        at += pick(draw, (0, 1, 5, 10, 20))
        free -= size
        number += 1
    low = number
    rests: tuple[int, ...] = (10, 0, 5, 15, 40, 60, 80)
    levels: tuple[int, ...] = (2, 2, 5, 1, 3)
    if between(draw, 0, 2) == 0:  # they come while runs are stopping, and take each other's room
        rests, levels = (5, 3, 0, 5, 2), (2, 5, 3, 5, 4)
    for _ in range(between(draw, 1, 5)):
        at += pick(draw, rests)
        jobs.append(
            [
                f"u{number}",
                pick(draw, "bcbd"),
                at,
                pick(draw, levels),
                min(gpus, pick(draw, (1, 1, 2, 3, gpus))),
            ]
        )
        extras += [[at, "saved", f"t{between(draw, 0, min(low, 4) - 1)}", -1] for _ in range(pick(draw, (0, 1, 2)))]
        if between(draw, 0, 5) == 0:
            extras.append([at + 5, "cancel", f"u{number}"])
        number += 1
    millis = {job[0]: [200 if job[0].startswith("t") else 30, 100 if job[0].startswith("t") else 30] for job in jobs}
    stopping: dict[str, list[int | None]] = {job[0]: [pick(draw, (5, 5, None, 0))] for job in jobs}
    options = {"grace": pick(draw, (10, 20)), "max_stops": pick(draw, (1, 2, 1, 3))}
    return _script(gpus, {}, options, jobs=jobs, millis=millis, stopping=stopping, extras=extras)


@st.composite
def hard(draw: Draw) -> Script:
    """All of it: caps, patience, crashes, late and repeated reports."""
    gpus = between(draw, 2, 4)
    parts = _gangs(draw, gpus, least=3)
    options: dict[str, Any] = {"grace": 10, "max_stops": pick(draw, (0, 1, 2))}
    options["patience"] = pick(draw, (20, 20, 40, 60))
    if between(draw, 0, 2):
        options["caps"] = {pick(draw, "ab"): between(draw, 1, gpus - 1) for _ in range(between(draw, 1, 2))}
    parts["crashes"] = {
        job[0]: [pick(draw, (5, 10, 14))] + ([pick(draw, (0, 5))] if between(draw, 0, 2) == 0 else [])
        for job in parts["jobs"]
        if between(draw, 0, 3) == 0
    }
    parts["extras"] += [
        [
            10 * between(draw, 1, 8),
            pick(draw, ("crashed", "finish", "saved")),
            pick(draw, ["t0", "t1", "t2"]),
            pick(draw, (-1, -2)),
        ]
        for _ in range(between(draw, 0, 2))
    ]
    parts["zombies"] = bool(between(draw, 0, 1))
    parts["lags"] = pick(draw, [[0], [0], [0, 0, 7], [3, 0, 0, 12]])
    parts["dying"] = [job[0] for job in parts["jobs"]] if options["max_stops"] and between(draw, 0, 1) else []
    return _script(gpus, {}, options, **parts)


@st.composite
def patient(draw: Draw) -> Script:
    """A big gang among a stream of small tasks, some of them urgent, with patience and a cap now and then."""
    gpus = between(draw, 2, 4)
    jobs: list[list[Any]] = []
    options: dict[str, Any] = {"grace": 10, "max_stops": pick(draw, (0, 0, 1)), "patience": pick(draw, (30, 20, 50))}
    small = between(draw, 0, 1) == 1
    if small:  # one GPU each, so that it is the order that counts
        gpus = between(draw, 1, 2)
    big = 1 if small else between(draw, 2, gpus)
    tenants = "aab"
    if between(draw, 0, 1):  # some of b's tasks then hold each other up
        options["caps"], tenants = {"b": big}, "abb"
    at = 0
    rests: tuple[int, ...] = (0, 5, 5, 10, 10)
    lengths: tuple[int, ...] = (20, 30, 15, 40)
    if small:
        rests, lengths = (0, 0, 0, 10, 10), (10, 20)
    first = between(draw, 0, 3)
    for number in range(between(draw, 4, 14)):
        at += pick(draw, rests)
        if number == first:
            jobs.append(["gang", "b", at, pick(draw, (0, 0, -1, 1)), big])
        else:
            jobs.append(
                [f"t{number}", pick(draw, tenants), at, pick(draw, (0, 0, 1, 5)), min(gpus, pick(draw, (1, 1, 1, big)))]
            )
    millis = {job[0]: [pick(draw, lengths)] for job in jobs}
    if between(draw, 0, 9):  # near the instant at which one is overdue
        overdue = pick(draw, [jobs[first], jobs[first], *jobs])[2] + options["patience"]
        jobs += [[f"e{early}", pick(draw, "ab"), overdue - early, pick(draw, (5, 0)), 1] for early in (1, 0)]
        millis |= {"e0": [10], "e1": [10]}
    return _script(gpus, {}, options, jobs=jobs, millis=millis, stopping={job[0]: [5] for job in jobs})


@st.composite
def overdue(draw: Draw) -> Script:
    """A gang whose patience ends: it waits for room, of which some comes at just that instant; or for its tenant's cap, behind which another
    task of the tenant has to wait until it is overdue too. Small tasks come all the while."""
    patience, at = pick(draw, (20, 30, 50)), pick(draw, (0, 0, 5))
    due = at + patience
    options: dict[str, Any] = {"grace": 10, "max_stops": pick(draw, (0, 0, 1)), "patience": patience}
    jobs: list[list[Any]]
    moments: tuple[int, ...]
    if between(draw, 0, 1):
        gpus = between(draw, 2, 4)
        tenant = pick(draw, "ab")
        jobs = [["long", tenant, 0, 5, gpus - 1], ["end", tenant, 0, 5, 1]]
        jobs.append(["gang", "b", at, pick(draw, (0, 0, 1)), between(draw, 2, gpus)])
        moments = (at, due - 1, due, at + 5)
        length = due + pick(draw, (-1, 0, 1, -1))
    else:
        gpus, options["caps"] = between(draw, 3, 4), {"b": 2}
        young = due + pick(draw, (0, 1, 5))
        jobs = [["long", "b", 0, 5, 1], ["gang", "b", at, pick(draw, (0, 0, 1)), 2]]
        jobs.append(["young", "b", young, pick(draw, (0, 0, 1)), 1])
        moments = (young + patience, young + patience - 1, due, due - 1, young + patience + 5)
        length = 10
    for number in range(between(draw, 1, 4)):
        jobs.append([f"t{number}", pick(draw, "aab"), pick(draw, moments), pick(draw, (0, 0, 1)), 1])
    millis = {job[0]: [pick(draw, (10, 20, 40))] for job in jobs} | {"long": [200], "end": [length]}
    jobs.sort(key=lambda job: job[2])
    return _script(gpus, {}, options, jobs=jobs, millis=millis, stopping={job[0]: [5] for job in jobs})


# ---- threads


@st.composite
def threaded(draw: Draw) -> Script:
    """Two or three threads report and schedule, some of it the same, on a full cluster with a few tasks in line."""
    gpus = between(draw, 1, 2)
    setup = [Step("Scheduler", args=(gpus, {}), kwargs={}, save="scheduler")]
    count = gpus + between(draw, 1, 3)
    setup += [Step("submit", on="scheduler", args=(f"t{number}", "a"), kwargs={"now": 0}) for number in range(count)]
    if between(draw, 0, 1):  # or else there are free GPUs for the threads to give away
        setup.append(Step("schedule", on="scheduler", kwargs={"now": 0}))
    actors = {}
    for name in "ABC"[: between(draw, 2, 3)]:
        steps: list[Step] = []
        for number in range(between(draw, 1, 2)):
            kind = pick(draw, ["schedule", "schedule", "finish", "finish", "crashed", "cancel", "submit"])
            if kind == "schedule":
                steps.append(Step("schedule", on="scheduler", kwargs={"now": pick(draw, (0, 0, 5))}))
            elif kind == "cancel":
                task = f"t{between(draw, 0, count - 1)}"
                steps.append(Step("cancel", on="scheduler", args=(task,), kwargs={"now": 0}))
            elif kind == "submit":
                kwargs = {"now": 0, "priority": pick(draw, (0, 1))}
                steps.append(Step("submit", on="scheduler", args=(f"{name}{number}", "a"), kwargs=kwargs))
            else:
                steps.append(report(kind, f"t{between(draw, 0, gpus - 1)}", 1, 0))
        actors[name] = tuple(steps)
    finale = [Step("schedule", on="scheduler", kwargs={"now": 5})]
    finale += [report("finish", f"t{number}", 1, 5) for number in range(count)]
    finale.append(Step("schedule", on="scheduler", kwargs={"now": 5}))
    return Script(
        mode="threads",
        seed=draw(SEEDS),
        gap=pick(draw, [32, 64, 128]),
        setup=tuple(setup),
        actors=actors,
        finale=tuple(finale),
        errors=ERRORS,
    )


# ---- cost

METER = "meter"
METERED = 200
"""The steps of the interpreter between two ticks of the meter."""
TICKS = 200
"""So often it ticks, also after the calls are over: together they leave enough of the steps that a play may take to the set-up."""


def metered_queue(tasks: int) -> Script:
    """Some tasks wait; then some are put, cancelled and taken."""
    setup = [Step("TaskQueue", save="queue")]
    setup += [Step("put", on="queue", args=(f"t{number}", number * 7 % 13)) for number in range(tasks)]
    steps = [Step("waiting", on="queue")]
    for number in range(12):
        steps.append(Step("put", on="queue", args=(f"n{number}", number * 5 % 13)))
        steps.append(Step("cancel", on="queue", args=(f"t{number * 5}",)))
        steps.append(Step("take", on="queue"))
    return _metered(tuple(setup), actors={"caller": tuple(steps)})


def metered_scheduler(tenants: int) -> Script:
    """Many tenants with a task each, one of them with many; then some rounds of tasks that are started, finished and submitted."""
    setup = [
        Step("submit", on="scheduler", args=(f"t{number}", f"u{max(0, number - tenants // 2)}"), kwargs={"now": 0})
        for number in range(tenants // 2 + tenants)
    ]
    return _metered_rounds(tenants, setup)


def metered_regulars(tenants: int) -> Script:
    """The same with tenants that have all run a task before, and have one each that waits."""
    setup = []
    for number in range(tenants):
        setup.append(Step("submit", on="scheduler", args=(f"r{number}", f"u{number}"), kwargs={"now": 0}))
        setup.append(Step("schedule", on="scheduler", kwargs={"now": 0}))
        setup.append(report("finish", f"r{number}", 1, 0))
    setup += [
        Step("submit", on="scheduler", args=(f"t{number}", f"u{number}"), kwargs={"now": 0})
        for number in range(tenants)
    ]
    return _metered_rounds(tenants, setup)


def _metered_rounds(tenants: int, setup: list[Step]) -> Script:
    """The steps of all calls together are limited, so that a play ends; the set-up comes first, and takes most of them: hence few rounds."""
    scheduler = Step("Scheduler", args=(2, {"u1": 3, "u2": 2}), save="scheduler")
    return _metered((scheduler, *setup), drivers={"caller": Busy.of(rounds=3, tenants=tenants, idle=4)})


def _metered(
    setup: tuple[Step, ...],
    *,
    actors: dict[str, tuple[Step, ...]] | None = None,
    drivers: dict[str, Any] | None = None,
) -> Script:
    """Two threads, of which one makes calls and the other ticks. They take turns of fifty steps of the interpreter each (the tape says
    so), so the ticks while the calls are made count the steps that they take. The first call is not measured."""
    meter = tuple(Step(after=(0.0, METERED)) for _ in range(TICKS))
    return Script(
        mode="threads",
        tape=(50,) * 4_000,
        gap=50,
        setup=setup,
        actors={**(actors or {}), METER: meter},
        drivers=drivers or {},
        errors=(*ERRORS, "DuplicateTask"),
    )
