"""The room in a browser, by its requests: who is let in, what is told, and that it is the same session as anybody's."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from small_library import WRONG

from burnin.library import UserError
from burnin.practice import Attempt
from burnin.practice.session import Session
from burnin.practice.snapshot import Grading
from burnin.practice.web import WebRoom, regions
from burnin.scorecard import Counterexample, PropertyResult

from .rooms import Heard, counter_library, started

REGIONS = {"clock", "status", "headline", "failure", "stages", "controls", "interviewer", "ending", "statement"}
HOSTILE = "</pre></title><script>alert(1)</script><img src=x onerror=alert(1)>'\"&{{ 7*7 }}\x1b[2J\u202e"


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    return started(counter_library(tmp_path))


@pytest.fixture
def session(attempt: Attempt) -> Session:
    """A session that is not at work: nothing is graded."""
    return Session(attempt)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str


@dataclass
class Browser:
    """Asks as a browser would: with the cookie that it was given, and the headers that go with what it does."""

    room: WebRoom
    cookie: str | None = None
    streams: list[http.client.HTTPConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        parts = urlsplit(self.room.address)
        self.host, self.base = parts.netloc, parts.path
        assert parts.hostname is not None
        assert parts.port is not None
        self.server = (parts.hostname, parts.port)

    def ask(
        self, path: str = "", *, method: str = "GET", body: bytes | None = None, base: str | None = None, **headers: str
    ) -> Answer:
        """Header names have underscores here; an empty one is left out."""
        connection = http.client.HTTPConnection(*self.server, timeout=30)
        connection.request(
            method, (self.base if base is None else base) + path, body, self._headers(method, path, headers)
        )
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        connection.close()
        if "set-cookie" in found.headers:
            self.cookie = found.headers["set-cookie"].partition(";")[0]
        return found

    def do(self, deed: Any, **headers: str) -> Answer:
        return self.ask("do", method="POST", body=json.dumps(deed).encode(), **headers)

    def running(self) -> bool:
        """Whether the clock runs: none of those who are refused has stopped it."""
        return self.room._session.attempt.record().running

    def events(self) -> Iterator[dict[str, str]]:
        connection = http.client.HTTPConnection(*self.server, timeout=60)
        self.streams.append(connection)
        connection.request("GET", self.base + "events", headers=self._headers("GET", "events", {}))
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.getheader("content-type", "").startswith("text/event-stream")
        for line in answer:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])

    def _headers(self, method: str, path: str, given: dict[str, str]) -> dict[str, str]:
        headers = {"Host": self.host, "Sec-Fetch-Site": "same-origin" if path else "none"}
        headers["Sec-Fetch-Dest"] = "empty" if path in ("events", "do") else "document"
        if method == "POST":
            headers |= {"Origin": f"http://{self.host}", "Content-Type": "application/json"}
        if self.cookie is not None:
            headers["Cookie"] = self.cookie
        headers |= {name.replace("_", "-").title(): value for name, value in given.items()}
        return {name: value for name, value in headers.items() if value}


@pytest.fixture
def browser(session: Session) -> Iterator[Browser]:
    """One that has opened the page."""
    room = WebRoom(session)
    serving = threading.Thread(target=room.run, daemon=True)
    serving.start()
    browser = Browser(room)
    assert browser.ask().status == 200
    yield browser
    room.stop()
    serving.join(10)
    assert not serving.is_alive()
    for stream in browser.streams:
        stream.close()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebRoom]:
    """A room for all who are turned away."""
    room = WebRoom(Session(started(counter_library(tmp_path_factory.mktemp("door")))))
    serving = threading.Thread(target=room.run, daemon=True)
    serving.start()
    yield room
    room.stop()
    serving.join(10)


@pytest.fixture
def caller(door: WebRoom) -> Browser:
    """A browser that has opened its page."""
    browser = Browser(door)
    assert browser.ask().status == 200
    return browser


# ---- who is let in


def test_it_listens_to_this_machine_alone(caller: Browser) -> None:
    assert caller.server[0] == "127.0.0.1"
    assert re.fullmatch(r"/[\w-]{32}/", caller.base)


def test_no_two_rooms_have_one_address(session: Session) -> None:
    rooms = [WebRoom(session), WebRoom(session)]
    assert len({urlsplit(room.address).path for room in rooms}) == 2
    for room in rooms:
        room._socket.close()


def test_the_page_keeps_to_itself(caller: Browser) -> None:
    answer = caller.ask()
    assert "Counter" in answer.text
    cookie = answer.headers["set-cookie"]
    assert f"Path={caller.base}" in cookie
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "script-src 'self'; connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for name, value in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ]:
        assert answer.headers[name] == value
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["", "room.js", "events", "debrief"])
@pytest.mark.parametrize("base", ["/", "/x/", "/" + "a" * 32 + "/", "//", "/%00/"])
def test_who_does_not_know_the_token_gets_nothing(caller: Browser, path: str, base: str) -> None:
    assert caller.ask(path, base=base).status == 404


@pytest.mark.parametrize("path", ["events", "debrief"])
def test_who_has_not_opened_the_page_gets_nothing(caller: Browser, path: str) -> None:
    caller.cookie = None
    assert caller.ask(path).status == 403
    caller.cookie = "burnin=guess"
    assert caller.ask(path).status == 403
    assert caller.do({"do": "pause"}).status == 403


@pytest.mark.parametrize("host", ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}"])
@pytest.mark.parametrize("path", ["", "events", "do"])
def test_another_host_is_refused(caller: Browser, host: str, path: str) -> None:
    """A name that a stranger's server gave this machine's address to."""
    method = "POST" if path == "do" else "GET"
    answer = caller.ask(path, method=method, host=host.format(port=caller.server[1]))
    assert (answer.status, "cookie" in str(answer.headers)) == (421, False)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://{host}", "http://{host}.evil"]
)
def test_another_origin_is_refused(caller: Browser, origin: str) -> None:
    answer = caller.do({"do": "pause"}, origin=origin.format(host=caller.host))
    assert answer.status == 403
    assert caller.ask("events", origin=origin.format(host=caller.host)).status == 403
    assert caller.running()


def test_a_post_must_say_where_it_comes_from(caller: Browser) -> None:
    assert caller.do({"do": "pause"}, origin="").status == 403
    assert caller.running()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_gets_no_part_of_the_page(caller: Browser, site: str) -> None:
    """Not even as a script or a frame; but a link to the page may stand anywhere."""
    assert caller.ask("room.js", sec_fetch_site=site, sec_fetch_dest="script").status == 403
    assert caller.ask("", sec_fetch_site=site, sec_fetch_dest="iframe").status == 403
    assert caller.ask("events", sec_fetch_site=site).status == 403
    assert caller.ask("", sec_fetch_site=site).status == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"do": "ask"', {}, 400),
        (b'{"do": "quit"}', {}, 400),
        (b'{"do": "pause", "more": 1}', {}, 400),
        (b'"\xff"', {}, 400),
        (b"[" * 10_000, {}, 400),
        (b"", {}, 400),
        (b'{"do": "pause"}', {"content_type": "text/plain"}, 415),
        (b'{"do": "ask", "topic": "' + b"x" * 70_000 + b'"}', {}, 413),
    ],
)
def test_what_is_not_understood_is_refused(caller: Browser, body: bytes, headers: dict[str, str], status: int) -> None:
    answer = caller.ask("do", method="POST", body=body, **headers)
    assert answer.status == status
    assert caller.running()


def test_other_ways_lead_nowhere(caller: Browser) -> None:
    assert caller.ask("do").status == 405
    assert caller.ask("", method="POST").status == 405
    assert caller.ask("../room.js").status == 404
    assert caller.ask("pages/style.css").status in (403, 404)


def test_a_port_that_is_taken(session: Session, caller: Browser) -> None:
    with pytest.raises(UserError, match="cannot be had"):
        WebRoom(session, port=caller.server[1])


# ---- what can be done


def test_what_the_candidate_does_is_recorded(browser: Browser, attempt: Attempt) -> None:
    for deed in ({"do": "ask", "topic": "limit"}, {"do": "hint"}, {"do": "next"}, {"do": "pause"}, {"do": "unpause"}):
        assert (browser.do(deed).status, deed) == (204, deed)
    kinds = [f"{event.kind} {event.detail}".rstrip() for event in attempt.record().events]
    assert kinds[2:] == ["asked limit", "hint 1 nudge", "stage_shown 2 on request", "paused", "unpaused"]


def test_what_cannot_be_done_is_said(browser: Browser) -> None:
    assert (browser.do({"do": "next"}).status, browser.do({"do": "next"}).status) == (204, 409)
    assert browser.do({"do": "next"}).text == "All stages have been shown."
    assert browser.do({"do": "ask", "topic": HOSTILE}).status == 409
    assert browser.ask("debrief").status == 409


@pytest.mark.parametrize("deed", ["finish", "give_up"])
def test_the_end_opens_the_debrief(browser: Browser, attempt: Attempt, deed: str) -> None:
    assert browser.do({"do": deed}).status == 204
    assert attempt.record().gave_up == (deed == "give_up")
    answer = browser.ask("debrief")
    assert answer.status == 200
    assert "the reference" in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]


def test_answers_are_kept(browser: Browser, attempt: Attempt) -> None:
    browser.do({"do": "finish"})
    assert browser.do({"do": "assess", "answers": {"clarify": f" {HOSTILE} ", "other": "x"}}).status == 204
    assert attempt.record().assessment == {"clarify": HOSTILE}
    page = browser.ask("debrief").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


# ---- what is told


def test_the_first_message_tells_everything_and_later_ones_what_changed(browser: Browser, session: Session) -> None:
    """What is done in another view is told here."""
    events = browser.events()
    assert set(next(events)) == REGIONS
    session.ask("limit")
    heard: dict[str, str] = {}
    while "interviewer" not in heard:
        heard |= next(events)
    assert "Yes." in heard["interviewer"]
    assert not {"statement", "failure", "ending"} & set(heard)


def test_the_end_of_the_room_ends_its_streams(browser: Browser) -> None:
    events = browser.events()
    next(events)
    began = time.monotonic()
    browser.room.stop()
    for _ in events:
        pass
    assert time.monotonic() - began < 8


@pytest.mark.usefixtures("no_types")
def test_a_save_is_told_as_it_is_graded(attempt: Attempt) -> None:
    with Session(attempt, jobs=1) as session:
        Heard(session).graded(0)
        room = WebRoom(session)
        serving = threading.Thread(target=room.run, daemon=True)
        serving.start()
        try:
            browser = Browser(room)
            browser.ask()
            events = browser.events()
            now = next(events)
            attempt.submission.write_text(WRONG)
            while "70 of 100 points" not in now["status"]:
                now |= next(events)
            assert "Red" in now["headline"]
            assert "<svg" in now["failure"]
            assert "add raises Full" in now["failure"]
            assert "30 of 60" in now["stages"]
            assert "Stage 2" not in now["statement"]
        finally:
            room.stop()
            serving.join(10)
            for stream in browser.streams:
                stream.close()


class Elements(HTMLParser):
    """The elements of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


def test_hostile_text_is_text(session: Session) -> None:
    """Stories, messages and answers are put into the page as text."""
    history = [{"seq": 0, "t": 0.0, "kind": "call", "actor": HOSTILE, "call": 1, "what": HOSTILE, "value": None}]
    example = Counterexample(None, history, HOSTILE, HOSTILE, [HOSTILE])
    failure = PropertyResult("p", "A sentence.", "core", "Rule", "failed", 0, 10, example)
    record = replace(session.snapshot.record, finished=1.0, assessment={"clarify": HOSTILE})
    for grading in (
        Grading("graded", message=HOSTILE, failure=failure),
        Grading("not scored", message=HOSTILE),
    ):
        now = replace(session.snapshot, grading=grading, problem=HOSTILE, record=record)
        text = "".join(regions(now).values())
        elements = Elements(text)
        assert "alert(1)" in text
        assert not {"script", "img", "iframe", "style"} & {tag for tag, _ in elements.found}
        assert not any(name.startswith("on") for _, names in elements.found for name in names)
        assert "\x1b" not in text.replace(regions(now)["ending"], "")  # where one edits one's own words
