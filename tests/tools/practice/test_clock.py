"""Active time: by the monotonic clock within one run of the machine, by the system clock across a restart, never backwards."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

from burnin.practice import Mark, Moment

from .fakes import NOON, later


def test_time_passes() -> None:
    assert Mark(NOON).at(later(12.5)).minute == 12.5


def test_a_system_clock_that_is_set_changes_nothing() -> None:
    for hours in (-30, 5):
        now = later(12)
        now = replace(now, wall=now.wall + timedelta(hours=hours))
        mark = Mark(NOON).at(now)
        assert (mark.minute, mark.by_wall) == (12, 0)


def test_across_a_restart_the_system_clock_is_all_there_is() -> None:
    before = Mark(NOON).at(later(10))
    now = replace(later(15), boot="second boot", monotonic=3.0)
    mark = before.at(now)
    assert (mark.minute, mark.by_wall) == (15, 300)
    mark = mark.at(later(2, after=now))
    assert (mark.minute, mark.by_wall) == (17, 300)


def test_time_never_goes_back() -> None:
    before = Mark(NOON).at(later(10))
    restarted = replace(later(-500), boot="second boot", monotonic=3.0)
    assert before.at(restarted).minute == 10
    assert before.at(later(9.9)) == before  # read before another process recorded a later moment
    thawed = replace(later(20), monotonic=5.0)  # a virtual machine that was put back
    assert (before.at(thawed).minute, before.at(thawed).by_wall) == (20, 600)


def test_a_clock_that_is_stopped() -> None:
    paused = replace(Mark(NOON).at(later(10)), running=False)
    assert paused.at(later(40)).minute == 10
    assert replace(paused.at(later(40)), running=True).at(later(41)).minute == 11


def test_a_moment_has_a_zone_and_can_be_compared_across_processes() -> None:
    first = Moment.now()
    code = "from burnin.practice import Moment; now = Moment.now(); print(now.boot, now.monotonic)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    boot, monotonic = said.rsplit(" ", 1)
    assert first.wall.tzinfo is not None
    assert boot == first.boot
    assert 0 < float(monotonic) - first.monotonic < 60
