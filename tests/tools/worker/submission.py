"""The submission of these tests: right and wrong code in the three modes, each function one behaviour."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import anyio

COUNT = 0
KEPT: dict[str, Any] = {}


class Reader:
    """Asks the gauge."""

    def __init__(self, gauge: Any) -> None:
        self.gauge = gauge

    def colours(self, *keys: str) -> list[Any]:
        return [self.gauge.colour(key) for key in keys]

    def hours(self) -> list[Any]:
        """What it reads, twice at once and once later."""
        read = [self.gauge.hour(), self.gauge.hour()]
        time.sleep(3600)
        return [*read, self.gauge.hour()]

    def take_notes(self, *notes: list[Any]) -> list[Any]:
        return [*(self.gauge.note(*note) for note in notes), self.gauge.count()]

    def speak(self) -> Any:
        return self.gauge.loud("abc")


class RefusedError(Exception):
    pass


class Pool:
    """Asks the desk."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.lock = threading.Lock()
        self.other = threading.Lock()
        self.total = 0

    def get(self, key: str) -> Any:
        return self.desk.fetch(key)

    def get_twice(self, key: str) -> list[Any]:
        return [self.desk.price(key), self.desk.price(key)]

    def put(self, handle: Any) -> Any:
        return self.desk.put(handle)

    def try_to(self, key: str) -> str:
        try:
            return str(self.desk.fetch(key))
        except LookupError as error:
            return f"no {error}"

    def add(self, number: int) -> None:
        """A race: the total is read and written in two steps."""
        total = self.total
        self.total = total + number

    def add_safely(self, number: int) -> None:
        with self.lock:
            self.total += number

    def read(self) -> int:
        return self.total

    def lock_both(self) -> None:
        with self.lock:
            time.sleep(1)
            with self.other:
                pass

    def lock_both_the_other_way(self) -> None:
        with self.other:
            time.sleep(1)
            with self.lock:
                pass


class Manager:
    """Notes when it is entered and left; asynchronously it works for a second each time."""

    log: list[str] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Manager:
        self.log.append(f"enter {self.name}")
        return self

    def __exit__(self, *error: Any) -> None:
        self.log.append(f"leave {self.name}")

    async def __aenter__(self) -> Manager:
        await anyio.sleep(1)
        return self

    async def __aexit__(self, *error: Any) -> None:
        await anyio.sleep(1)

    def seen(self) -> list[str]:
        return self.log


class Background:
    """A task of its own, within a group that lives as long as it is entered."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    async def __aenter__(self) -> Background:
        self.group = anyio.create_task_group()
        await self.group.__aenter__()
        self.group.start_soon(self.work)
        return self

    async def __aexit__(self, *error: Any) -> bool | None:
        self.group.cancel_scope.cancel()
        return await self.group.__aexit__(*error)

    async def work(self) -> None:
        await anyio.sleep(1.5)
        if self.fails:
            raise ValueError("the work failed")
        await anyio.sleep(3600)

    async def wait(self, seconds: float) -> None:
        await anyio.sleep(seconds)


class AsyncPool:
    """Asks the desk, in tasks."""

    def __init__(self, desk: Any) -> None:
        self.desk = desk
        self.flights: dict[str, Any] = {}
        self.closed = 0
        self.rests: list[Any] = []

    async def get(self, key: str) -> Any:
        return await self.desk.fetch(key)

    async def get_three(self, key: str) -> list[Any]:
        return [await self.desk.fetch(key + str(number)) for number in range(3)]

    async def share(self, key: str) -> Any:
        """Wrong: who waits for the flight of another is cancelled with it."""
        if key not in self.flights:
            self.flights[key] = asyncio.ensure_future(self.desk.fetch(key))
        return await self.flights[key]

    async def items(self, count: int) -> AsyncIterator[int]:
        try:
            for number in range(count):
                await anyio.sleep(1)
                yield number
        finally:
            self.closed += 1

    async def times_closed(self) -> int:
        return self.closed

    async def leave_a_task(self) -> None:
        self.rests.append(asyncio.ensure_future(self.desk.fetch("left")))

    async def block(self) -> None:
        time.sleep(5)


@dataclass
class Lease:
    model: str
    _secret: int = 3

    @property
    def broken(self) -> str:
        raise RefusedError("not now")


class Broad:
    """Each attribute alone is small enough to be sent."""

    def __getattr__(self, name: str) -> str:
        return "é" * 90_000


class Everything(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


class Rude(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class LongError(Exception):
    def __str__(self) -> str:
        return "é\ud800" * 1_000_000


# ---- plain calls


def double(number: int) -> int:
    return number * 2


def increase() -> int:
    """Keeps count in a global."""
    global COUNT
    COUNT += 1
    return COUNT


def keep(handle: Any) -> Any:
    """Returns what it was given first, in whichever play."""
    return KEPT.setdefault("handle", handle)


def give_back(value: Any) -> Any:
    return value


def lease() -> Lease:
    return Lease("a")


def everything() -> Any:
    return Everything(3)


def not_yet() -> None:
    raise NotImplementedError


def fail(kind: str) -> None:
    raise {"refused": RefusedError, "rude": Rude, "long": LongError}[kind]("no")


def fail_with(name: str) -> None:
    raise getattr(__import__("builtins"), name)("text")


def fail_in_a_group() -> None:
    raise ExceptionGroup("many", [ExceptionGroup("more", [RefusedError("inner")]), ValueError("other")])


def read_input() -> str:
    return input()


def talk(times: int) -> int:
    for _ in range(times):
        print("a" * 100_000)
        sys.stderr.write("b" * 100_000)
        if sys.__stdout__ is not None:
            sys.__stdout__.write("c" * 100_000)
        os.write(1, b"d" * 100_000)
    return times


def numbers(count: int) -> Iterator[int]:
    for number in range(count):
        time.sleep(1)
        yield number


def clock() -> list[float]:
    begin = time.monotonic()
    time.sleep(3600)
    return [begin, time.monotonic(), time.time()]


def large() -> list[str]:
    return ["€" * 990] * 400_000


def nested() -> list[Any]:
    value: list[Any] = []
    value.extend([value] * 50)
    return value


async def coroutine() -> int:
    await anyio.sleep(1)
    return 7


# ---- what does not end well


def spin() -> None:
    while True:
        pass


def spin_on() -> None:
    """Catches the first interruption, and goes on."""
    try:
        spin()
    except BaseException:
        spin()


async def spin_in_a_task() -> None:
    try:
        spin()
    except BaseException:
        await anyio.sleep(1)


def leave(code: int) -> None:
    os._exit(code)


def die() -> None:
    os.kill(os.getpid(), 11)


async def wait_for_ever() -> None:
    await anyio.Event().wait()


async def poll_for_ever() -> None:
    while True:
        await anyio.sleep(0)


async def raise_cancelled() -> None:
    raise asyncio.CancelledError
