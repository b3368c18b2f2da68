"""What leaves the simulation is refused with a sentence during a run, and works as ever outside of one."""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
import trio
from test_tasks_time import both, play

from burnin.worker.simulation.choices import Choices
from burnin.worker.simulation.tasks import Backend, TaskRun, Unsupported, install, run_tasks


async def nothing() -> None:
    """A coroutine function to hand over."""


def loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def refused(attempt: Callable[[], Any], what: str) -> None:
    with pytest.raises(Unsupported, match=r"not available in a simulated run: .*[a-z]\.$") as caught:
        attempt()
    assert what in str(caught.value)


ASYNCIO: dict[str, Callable[[], Awaitable[Any]]] = {
    "loop.create_connection": lambda: asyncio.open_connection("localhost", 80),
    "loop.create_server": lambda: asyncio.start_server(print, "localhost", 0),
    "loop.subprocess_exec": lambda: asyncio.create_subprocess_exec("true"),
    "loop.subprocess_shell": lambda: asyncio.create_subprocess_shell("true"),
    "loop.getaddrinfo": lambda: loop().getaddrinfo("localhost", 80),
    "loop.create_datagram_endpoint": lambda: loop().create_datagram_endpoint(asyncio.DatagramProtocol),
}
TRIO: dict[str, Callable[[], Awaitable[Any]]] = {
    "trio.open_tcp_stream": lambda: trio.open_tcp_stream("localhost", 80),
    "trio.run_process": lambda: trio.run_process(["true"]),
    "trio.lowlevel.open_process": lambda: trio.lowlevel.open_process(["true"]),
    "trio.lowlevel.wait_readable": lambda: trio.lowlevel.wait_readable(0),
    "trio.socket.getaddrinfo": lambda: trio.socket.getaddrinfo("localhost", 80),
}
ANYIO: dict[str, Callable[[], Awaitable[Any]]] = {
    "anyio.connect_tcp": lambda: anyio.connect_tcp("127.0.0.1", 80),
    "anyio.open_process": lambda: anyio.open_process(["true"]),
    "anyio.getaddrinfo": lambda: anyio.getaddrinfo("localhost", 80),
    "anyio.wait_readable": lambda: anyio.wait_readable(0),
}


@pytest.mark.parametrize(
    ("backend", "what", "attempt"),
    [
        *(("asyncio", what, attempt) for what, attempt in (ASYNCIO | ANYIO).items()),
        *(("trio", what, attempt) for what, attempt in (TRIO | ANYIO).items()),
    ],
)
def test_the_world_outside_is_refused(backend: Backend, what: str, attempt: Callable[[], Awaitable[Any]]) -> None:
    async def main(run: TaskRun) -> None:
        with pytest.raises(Unsupported) as caught:
            await attempt()
        assert str(caught.value).startswith(what + " is not available in a simulated run: ")

    play(main, backend)


def test_signals_and_descriptors_on_the_loop_are_refused() -> None:
    async def main(run: TaskRun) -> None:
        refused(lambda: loop().add_signal_handler(signal.SIGTERM, print), "loop.add_signal_handler")
        refused(lambda: loop().add_reader(0, print), "loop.add_reader")

    play(main, "asyncio")


@both
def test_signals_through_anyio_and_trio_are_refused(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        refused(lambda: anyio.open_signal_receiver(signal.SIGTERM), "anyio.open_signal_receiver")
        if backend == "trio":
            refused(lambda: trio.open_signal_receiver(signal.SIGTERM), "trio.open_signal_receiver")
            refused(trio.socket.socket, "trio.socket.socket")

    play(main, backend)


@both
def test_calls_from_threads_into_the_loop_are_refused(backend: Backend) -> None:
    def work() -> None:
        refused(lambda: anyio.from_thread.run(nothing), "anyio.from_thread.run")
        refused(lambda: anyio.from_thread.run_sync(print), "anyio.from_thread.run_sync")
        refused(lambda: trio.from_thread.run(nothing), "trio.from_thread.run")
        anyio.from_thread.check_cancelled()
        trio.from_thread.check_cancelled()

    async def main(run: TaskRun) -> None:
        await anyio.to_thread.run_sync(work)
        refused(anyio.from_thread.start_blocking_portal, "anyio.from_thread.start_blocking_portal")
        refused(anyio.from_thread.BlockingPortal, "anyio.from_thread.BlockingPortal")

    play(main, backend)


def test_asyncio_futures_of_real_threads_are_refused() -> None:
    async def main(run: TaskRun) -> None:
        pending: concurrent.futures.Future[None] = concurrent.futures.Future()
        refused(lambda: asyncio.wrap_future(pending), "asyncio.wrap_future")
        pending.set_result(None)
        await asyncio.wrap_future(pending)
        coroutine = nothing()
        refused(lambda: asyncio.run_coroutine_threadsafe(coroutine, loop()), "asyncio.run_coroutine_threadsafe")
        coroutine.close()

    play(main, "asyncio")


def test_a_real_thread_that_calls_into_the_loop_is_refused() -> None:
    errors: list[Exception] = []

    async def main(run: TaskRun) -> None:
        running = loop()

        def work() -> None:
            try:
                running.call_soon_threadsafe(print)
            except Unsupported as error:
                errors.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    play(main, "asyncio")
    assert [str(error).partition(" is ")[0] for error in errors] == ["calling into the loop from a thread"]


def test_installing_twice_changes_nothing() -> None:
    before = asyncio.as_completed, anyio.from_thread.run, trio.to_thread.run_sync
    install()
    assert (asyncio.as_completed, anyio.from_thread.run, trio.to_thread.run_sync) == before


@both
def test_outside_a_run_threads_are_threads(backend: Backend) -> None:
    async def main() -> None:
        async def answer() -> int:
            await anyio.lowlevel.checkpoint()
            return 42

        def work() -> tuple[bool, int]:
            anyio.from_thread.check_cancelled()
            return threading.current_thread() is threading.main_thread(), anyio.from_thread.run(answer)

        assert await anyio.to_thread.run_sync(work) == (False, 42)
        if backend == "trio":
            assert await trio.to_thread.run_sync(threading.current_thread) is not threading.main_thread()

    anyio.run(main, backend=backend)


def test_outside_a_run_the_loop_reaches_the_world() -> None:
    async def main() -> None:
        here, there = socket.socketpair()
        with here, there:
            here.sendall(b"x")
            await anyio.wait_readable(there)
        done = {await finished for finished in asyncio.as_completed([asyncio.sleep(0, n) for n in range(3)])}
        assert done == {0, 1, 2}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    with anyio.from_thread.start_blocking_portal() as portal:
        assert portal.call(nothing) is None


@both
def test_a_refusal_that_the_submission_does_not_handle_is_its_error(backend: Backend) -> None:
    async def main(run: TaskRun) -> None:
        await anyio.connect_tcp("127.0.0.1", 80)

    run = run_tasks(main, backend=backend, choices=Choices(), sources=frozenset())
    assert isinstance(run.error, Unsupported)
    assert not run.dirty
