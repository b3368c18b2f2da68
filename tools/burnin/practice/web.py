"""The room in a browser: a view of a session, as the terminal's is, served to this machine alone.

The address holds a random token; whoever does not know it gets nothing. What changes something, and what tells of changes, also needs the
cookie that the page sets. Requests that name another host (DNS rebinding) or come from another origin are refused. The page's policy
allows its own script and style and nothing else.

The server makes the page's regions anew from each snapshot and sends those that differ as server-sent events. The script puts them into
their places, lets the clock tick, and posts what the candidate does.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

import msgspec
import uvicorn
from anyio.to_thread import run_sync
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from burnin.library import UserError
from burnin.practice.clock import Moment
from burnin.practice.debrief import debrief_page
from burnin.practice.page import PAGES, markdown, parts, picture, policy, render
from burnin.practice.record import ASSESSMENT
from burnin.practice.session import Session
from burnin.practice.snapshot import Snapshot
from burnin.practice.timeline import lanes

__all__ = ["WebRoom", "regions"]

COALESCE = 0.1
"""Seconds between two messages at least: a grade tells of some thirty properties."""
BEAT = 10.0
"""Seconds after which the clock is sent even if nothing has changed: a browser's own is unreliable while it sleeps."""
MAX_BODY = 64 * 1024
MAX_ANSWER = 4_000
_COOKIE = "burnin"
_MARKER = "burnin practice"


class Deed(msgspec.Struct, forbid_unknown_fields=True):
    """What the candidate does, as the page posts it."""

    do: Literal["ask", "hint", "next", "pause", "unpause", "finish", "give_up", "assess"]
    topic: str = ""
    answers: dict[str, str] = {}


class WebRoom:
    """Serves a session that is at work. `port` 0 takes a free one. Raises `UserError` if the port cannot be had."""

    def __init__(self, session: Session, *, port: int = 0) -> None:
        self._session = session
        self._token, self._secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self._socket = _bound(port)
        host = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self.address = f"http://{host}/{self._token}/"
        """Where the page is."""
        routes = [
            Route("/{token}/", self._page),
            Route("/{token}/room.js", self._script),
            Route("/{token}/events", self._events),
            Route("/{token}/debrief", self._debrief),
            Route("/{token}/do", self._do, methods=["POST"]),
        ]
        app = _Guard(Starlette(routes=routes), host, self._token, self._secret)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )

    def run(self) -> None:
        """Serve until `stop`, or until Ctrl-C, which is raised again at the end."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End `run`; from any thread."""
        self._server.should_exit = True

    # ---- requests

    async def _page(self, request: Request) -> Response:
        now = self._session.snapshot
        option = self._session.attempt.library.option
        page = await run_sync(
            partial(render, "room.html", now=now, regions=regions(now), option=option, marker=_MARKER)
        )
        response = HTMLResponse(page, headers={"Content-Security-Policy": _room_policy()})
        response.set_cookie(_COOKIE, self._secret, path=f"/{self._token}/", httponly=True, samesite="strict")
        return response

    async def _script(self, request: Request) -> Response:
        return Response((PAGES / "room.js").read_bytes(), media_type="text/javascript")

    async def _debrief(self, request: Request) -> Response:
        attempt = self._session.attempt
        try:
            page = await run_sync(lambda: debrief_page(attempt.exercise, attempt.record(), datetime.now().astimezone()))
        except UserError as error:
            return PlainTextResponse(str(error), 409)
        return HTMLResponse(page, headers={"Content-Security-Policy": policy()})

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[bytes]:
        """Messages: each region that differs from what was sent before, by its name."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def hear(_: Snapshot) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has just been closed
                loop.call_soon_threadsafe(changed.set)

        unsubscribe = self._session.subscribe(hear)
        sent: dict[str, Markup] = {}
        try:
            while not self._server.should_exit:
                changed.clear()
                now = await run_sync(regions, self._session.snapshot)
                new = {name: str(region) for name, region in now.items() if sent.get(name) != region}
                if new:
                    yield b"data: " + msgspec.json.encode(new) + b"\n\n"
                    sent = now
                await asyncio.sleep(COALESCE)
                await self._wait(changed)
        finally:
            unsubscribe()

    async def _wait(self, changed: asyncio.Event) -> None:
        """Wait for a change, the next beat or the end."""
        for _ in range(int(BEAT / 0.5)):
            try:
                await asyncio.wait_for(changed.wait(), 0.5)
            except TimeoutError:
                if self._server.should_exit:
                    return
            else:
                return

    async def _do(self, request: Request) -> Response:
        if request.headers.get("content-type") != "application/json":
            return PlainTextResponse("JSON is wanted.", 415)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                return PlainTextResponse("That is too long.", 413)
        try:
            deed = msgspec.json.decode(body, type=Deed)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return PlainTextResponse(f"That is not understood: {error}", 400)
        try:
            await run_sync(self._done, deed)
        except UserError as error:
            return PlainTextResponse(str(error), 409)
        return Response(status_code=204)

    def _done(self, deed: Deed) -> None:
        session = self._session
        deeds: dict[str, Callable[[], Any]] = {
            "ask": partial(session.ask, deed.topic),
            "hint": session.hint,
            "next": session.next_stage,
            "pause": session.pause,
            "unpause": session.unpause,
            "finish": session.finish,
            "give_up": partial(session.finish, give_up=True),
            "assess": partial(self._assess, deed.answers),
        }
        deeds[deed.do]()

    def _assess(self, answers: dict[str, str]) -> None:
        attempt = self._session.attempt
        known = {key: answer.strip()[:MAX_ANSWER] for key, answer in answers.items() if key in ASSESSMENT}
        attempt.store.assess(attempt.name, attempt.number, known)


def regions(now: Snapshot) -> dict[str, Markup]:
    """The regions of the page, by name, as HTML."""
    module, failure = parts("room_parts.html"), now.grading.failure
    drawn = None
    if failure is not None and failure.counterexample is not None:
        drawn = picture(lanes(failure.counterexample), "timeline")
    return {
        "clock": module.clock(now, _Clock.of(now)),
        "status": module.status(now),
        "headline": module.headline(now),
        "failure": module.failure(now, drawn),
        "stages": module.stages(now),
        "controls": module.controls(now),
        "interviewer": module.interviewer(now),
        "ending": module.ending(now, ASSESSMENT),
        "statement": markdown(now.statement, deeper=1),
    }


@dataclass(frozen=True)
class _Clock:
    """What the clock shows at this moment."""

    minute: float
    running: bool

    @classmethod
    def of(cls, now: Snapshot) -> _Clock:
        ended, mark = now.record.finished, now.mark.at(Moment.now())
        return cls(round(mark.minute if ended is None else ended, 3), mark.running and ended is None)


# ---- the door


class _Guard:
    """Lets in what comes from the page of this room in this machine's browser, and puts the headers that keep it there."""

    def __init__(self, app: ASGIApp, host: str, token: str, secret: str) -> None:
        self._app, self._host, self._token, self._secret = app, host, token, secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refused = self._refused(Request(scope))
        answer: ASGIApp = self._app if refused is None else PlainTextResponse(refused[1], refused[0])
        await answer(scope, receive, _with_headers(send))

    def _refused(self, request: Request) -> tuple[int, str] | None:
        headers = request.headers
        if headers.getlist("host") != [self._host]:
            return 421, "This is not the host that was asked for."
        first, _, rest = request.url.path.removeprefix("/").partition("/")
        if not secrets.compare_digest(first.encode(), self._token.encode()):
            return 404, "There is nothing here."
        navigates = request.method == "GET" and headers.get("sec-fetch-dest", "document") == "document"
        if headers.get("origin", f"http://{self._host}") != f"http://{self._host}":
            return 403, "Another origin is refused."
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not navigates:
            return 403, "Another site is refused."
        if request.method == "POST" and "origin" not in headers:
            return 403, "A post says where it comes from."
        cookie = request.cookies.get(_COOKIE, "")
        if rest not in ("", "room.js") and not secrets.compare_digest(cookie.encode(), self._secret.encode()):
            return 403, "Open the page first."
        return None


_HEADERS = {
    b"cache-control": b"no-store",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [(name, value) for name, value in message["headers"] if name not in _HEADERS]
            message = {**message, "headers": [*kept, *_HEADERS.items()]}
        await send(message)

    return sending


def _room_policy() -> str:
    return policy(script="'self'", connect="'self'") + "; frame-ancestors 'none'"


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", port))
        made.listen()  # so that a browser that is quicker than the server waits
    except OSError as error:
        made.close()
        raise UserError(f"Port {port} cannot be had ({error.strerror}); leave --port out for a free one.") from None
    return made
