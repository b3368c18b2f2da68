"""The pages in a real Chromium: they work by keyboard, fit a phone, follow light and dark, and break no policy of their own.

Skipped where there is no Chromium with its driver, or no selenium.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_library import REFERENCE, WRONG

from burnin.library import Library
from burnin.practice import Attempt
from burnin.practice.progress import progress, write_progress
from burnin.practice.session import Session
from burnin.practice.web import WebRoom

from .fakes import NOON
from .rooms import Heard, counter_library, started

selenium = pytest.importorskip("selenium", reason="selenium is not installed")
BINARY = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(BINARY is None or DRIVER is None, reason="Chromium and its driver are not installed"),
    pytest.mark.usefixtures("no_types"),
]

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(BINARY)
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return counter_library(tmp_path)


@pytest.fixture
def attempt(library: Library) -> Attempt:
    return started(library)


@pytest.fixture
def room(attempt: Attempt) -> Iterator[WebRoom]:
    """A room whose session is at work."""
    with Session(attempt, jobs=1) as session:
        Heard(session).graded(0)
        room = WebRoom(session)
        serving = threading.Thread(target=room.run, daemon=True)
        serving.start()
        yield room
        room.stop()
        serving.join(10)


def until(driver: Any, met: Callable[[], bool]) -> None:
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(driver, 30, 0.05, [StaleElementReferenceException]).until(lambda _: met())


MOMENT_IN_SIGHT = """
const html = at("failure").innerHTML.replace("<svg ", '<svg width="3000" ');
place("failure", "");
place("failure", html);
const moment = document.querySelector("#failure .moment");
const mark = moment.getBoundingClientRect(), pane = moment.closest(".scroll").getBoundingClientRect();
return moment.closest(".scroll").scrollLeft > 0 && mark.x >= pane.x && mark.right <= pane.right;
"""
"""Whether the moment can be seen in a timeline that is wider than its place, once it is put there."""


def text(driver: Any, name: str) -> str:
    found: str = driver.find_element("id", name).get_attribute("textContent")
    return " ".join(found.split())


def press(driver: Any, *keys: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(driver).send_keys(*keys).perform()


def looks(driver: Any, width: int, scheme: str) -> tuple[int, str]:
    """How wide the page is on a screen of this width, and its ground's colour."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    script = "return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor]"
    wide, ground = driver.execute_script(script)
    return wide, ground


def check_looks(driver: Any) -> None:
    """It fits a phone and a screen, follows light and dark, and nothing was logged: no error, no breach of its policy."""
    grounds = set()
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            wide, ground = looks(driver, width, scheme)
            assert wide == width
            grounds.add((scheme, ground))
    assert len(grounds) == 2
    assert driver.get_log("browser") == []


def test_the_room_by_keyboard(chromium: Any, room: WebRoom, attempt: Attempt) -> None:
    """A save shows its failure and timeline; a question and a hint are asked without a mouse; the end has the debrief."""
    from selenium.webdriver.common.keys import Keys

    chromium.get(room.address)
    assert "Not attempted yet" in text(chromium, "headline")
    attempt.submission.write_text(WRONG)
    until(chromium, lambda: "70 of 100 points" in text(chromium, "status"))
    assert "Red" in text(chromium, "headline")
    until(chromium, lambda: "looking for the smallest play" not in text(chromium, "headline"))
    picture = chromium.find_element("css selector", "#failure svg[role=img]")
    assert "got:" in chromium.find_element("id", picture.get_attribute("aria-labelledby").split()[1]).get_attribute(
        "textContent"
    )
    check_looks(chromium)
    looks(chromium, 390, "light")
    assert chromium.execute_script(MOMENT_IN_SIGHT)

    late = "at('time').dataset.minute = '61.5'; tick(); return [at('late').hidden, at('over').textContent]"
    hidden, over = chromium.execute_script(late)  # at once: the session may tell the time anew
    assert not hidden
    assert "over time" in over
    for wanted, told in (("do-hint", "Look at the limit."), ("ask-limit", "Yes.")):
        for _ in range(30):
            press(chromium, Keys.TAB)
            if chromium.switch_to.active_element.get_attribute("id") == wanted:
                break
        press(chromium, Keys.ENTER)
        until(chromium, lambda told=told: told in text(chromium, "interviewer"))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert [event.kind for event in attempt.record().events][-2:] == ["hint", "asked"]

    attempt.submission.write_text(REFERENCE)
    until(chromium, lambda: "100 of 100 points" in text(chromium, "status"))
    assert "Everything passes." in text(chromium, "headline")
    chromium.find_element("id", "do-finish").click()
    chromium.switch_to.alert.accept()
    until(chromium, lambda: "The result is 100 of 100." in text(chromium, "ending"))
    chromium.find_element("id", "assess-clarify").send_keys("I did & <b>")
    chromium.find_element("id", "do-assess").click()
    until(chromium, lambda: "Kept." in text(chromium, "ending"))
    assert attempt.record().assessment["clarify"] == "I did & <b>"
    check_looks(chromium)

    chromium.get(room.address + "debrief")
    assert "I did & <b>" in chromium.find_element("id", "main").text
    check_looks(chromium)


def test_what_is_refused_is_said(chromium: Any, room: WebRoom, attempt: Attempt) -> None:
    chromium.get(room.address)
    attempt.finish()
    chromium.execute_script("post({do: 'next'})")
    until(chromium, lambda: "has ended" in text(chromium, "refused"))
    assert chromium.find_element("id", "refused").is_displayed()
    until(chromium, lambda: "The result" in text(chromium, "ending") or "Nothing was" in text(chromium, "ending"))
    chromium.get_log("browser")  # the refusal


def test_another_page_cannot_reach_the_room(chromium: Any, room: WebRoom, attempt: Attempt, tmp_path: Path) -> None:
    """Not even one that knows the address."""
    chromium.get(room.address)
    page = tmp_path / "evil.html"
    page.write_text("<!doctype html><title>evil</title><p>evil</p>")
    chromium.get(page.as_uri())
    script = """
        const done = arguments[1], body = JSON.stringify({do: "pause"});
        const ways = [
            fetch(arguments[0] + "do", {method: "POST", body, credentials: "include"}),
            fetch(arguments[0] + "do", {method: "POST", body, mode: "no-cors", credentials: "include"}),
            fetch(arguments[0], {credentials: "include"}),
        ];
        Promise.allSettled(ways).then((ended) => done(ended.map((one) => one.status === "fulfilled" && one.value.type !== "opaque")));
    """
    assert chromium.execute_async_script(script, room.address) == [False, False, False]
    assert attempt.record().running
    chromium.get_log("browser")


def test_progress_stands_alone(chromium: Any, library: Library, attempt: Attempt, tmp_path: Path) -> None:
    attempt.finish()
    write_progress(tmp_path / "progress.html", progress(library, [attempt.record()], NOON.wall), NOON.wall)
    chromium.get((tmp_path / "progress.html").as_uri())
    assert chromium.title == "Progress"
    check_looks(chromium)
