"""Stage 1: a priority queue."""

from __future__ import annotations

from burnin.script import Script
from burnin.suite import Call, History, Play, promise, require

from .meter import check_growth
from .scripts import metered_queue, queues

QUEUES = queues()


class Line:
    """The tasks that wait, in the order in which they were put, as `put` and `cancel` should leave them and `take` left them."""

    def __init__(self) -> None:
        self.waiting: dict[str, int] = {}
        self.gone: set[str] = set()
        self.again: set[str] = set()
        self.chances = self.used = 0

    def best(self) -> list[str]:
        """The tasks of the highest priority that wait, by age."""
        most = max(self.waiting.values(), default=0)
        return [task for task, priority in self.waiting.items() if priority == most]

    def follow(self, call: Call) -> None:
        """Let the call happen."""
        match call.do:
            case "put":
                task, priority = call.args
                if task not in self.waiting:
                    self.waiting[task] = priority
                    self.again |= {task} & self.gone
            case "cancel":
                if self.waiting.pop(call.args[0], None) is not None:
                    self.gone.add(call.args[0])
            case "take" if call.value in self.waiting:
                del self.waiting[call.value]
                self.gone.add(call.value)

    def check_alive(self, call: Call) -> None:
        """The first task that could be taken was taken, and every second of all."""
        if call.do == "take" and self.waiting:
            self.chances += 1
            self.used += type(call.value) is str and call.value in self.waiting
            right = self.used * 2 >= self.chances
            require(right, f"take to return one of {' '.join(self.waiting)}", repr(call.value), call.ended)


@promise(stage=1, points=5, level="core", rule="Priority", scripts=QUEUES, tags=("order",))
def test_priority(play: Play, script: Script) -> None:
    "take removes a task of the highest priority that waits, and returns None only if none waits."
    line = Line()
    for call in play(script).calls[1:]:
        line.check_alive(call)
        if call.do == "take":
            if line.waiting:
                best = line.best()
                right = call.value in line.waiting and line.waiting[call.value] == line.waiting[best[0]]
                require(right, f"take to return {' or '.join(best)}", repr(call.value), call.ended)
            else:
                require(call.value is None, "take to return None", repr(call.value), call.ended)
        line.follow(call)


@promise(stage=1, points=4, level="core", rule="First in, first out", scripts=QUEUES, tags=("order",))
def test_first_in_first_out(play: Play, script: Script) -> None:
    "Among tasks of one priority the one that was put first is taken first."
    line = Line()
    for call in play(script).calls[1:]:
        line.check_alive(call)
        if call.do == "take" and type(call.value) is str and call.value in line.waiting:
            same = [task for task, priority in line.waiting.items() if priority == line.waiting[call.value]]
            require(call.value == same[0], f"take to return {same[0]}", repr(call.value), call.ended)
        line.follow(call)


@promise(stage=1, points=4, level="core", rule="Cancel", scripts=QUEUES, tags=("cancellation",))
def test_cancel(play: Play, script: Script) -> None:
    "cancel removes a task that waits and says whether there was one; cancelled tasks are not taken and not counted."
    line = Line()
    for call in play(script).calls[1:]:
        line.check_alive(call)
        match call.do:
            case "cancel":
                waits = call.args[0] in line.waiting
                require(
                    call.value is waits, f"cancel({call.args[0]!r}) to return {waits}", repr(call.value), call.ended
                )
            case "waiting":
                count = len(line.waiting)
                right = type(call.value) is int and call.value == count
                require(right, f"waiting() to return {count}", repr(call.value), call.ended)
            case "take" if call.value is not None:
                waits = type(call.value) is str and call.value in line.waiting
                require(waits, f"a task that waits: {' '.join(line.waiting) or 'none'}", repr(call.value), call.ended)
        line.follow(call)


@promise(stage=1, points=3, level="senior", rule="Names", scripts=QUEUES, tags=("boundaries",))
def test_names(play: Play, script: Script) -> None:
    "Putting the name of a task that waits raises DuplicateTask and changes nothing; any other name is a new task, with its new priority and place."
    line = Line()
    for call in play(script).calls[1:]:
        line.check_alive(call)
        if call.do == "put":
            duplicate = call.args[0] in line.waiting
            got = call.error or repr(call.value)
            what = f"put({call.args[0]!r}) to {'raise DuplicateTask' if duplicate else 'return'}"
            require(call.raised("DuplicateTask") if duplicate else call.outcome == "returned", what, got, call.ended)
        elif call.do == "take" and line.waiting:
            best = line.best()[0]
            got = call.value if type(call.value) is str else ""
            if best in line.again or got in line.again:
                require(got == best, f"take to return {best}, which was put anew", repr(call.value), call.ended)
        line.follow(call)


@promise(stage=1, points=4, level="senior", rule="Cost", tags=("cost",))
def test_queue_cost(play: Play) -> None:
    "Four times as many tasks that wait cost at most twice the steps for as many calls."
    check_growth(play, metered_queue, 60, "tasks", _queue_works)


def _queue_works(history: History) -> None:
    line = Line()
    for call in history.calls_of("put", "cancel", "take"):
        if call.do == "take":
            best = line.best()[0]
            require(call.value == best, f"take to return {best}", repr(call.value), call.ended)
        line.follow(call)
