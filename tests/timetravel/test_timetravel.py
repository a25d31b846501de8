"""Whoever travels arrives: processes, their children and forks, in the day and zone named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.timetravel.__main__ import environment
from tests.timetravel.journeys import JOURNEYS, Journey, named, of_the_day

SENT = float(os.environ.get("TIMETRAVEL_SECONDS", "0"))
"""How far this very run is from the present: it may be on a journey itself."""

HASTE = 100.0
"""Seconds that a process may take to start on a busy machine."""

LOOK = """
import datetime, json, os, subprocess, sys, time
if os.fork():
    os.wait()
    if len(sys.argv) < 2:
        subprocess.run([sys.executable, __file__, "child"], check=True)
else:
    now = datetime.datetime.now(datetime.UTC)
    clocks = [time.time(), time.time_ns() / 1e9, now.timestamp(), time.clock_gettime(0)]
    print(json.dumps([clocks, time.localtime().tm_gmtoff]), flush=True)
    os._exit(0)
"""


def test_this_run_is_where_it_was_sent(tmp_path: Path) -> None:
    """A file's time is the present's; the clock is as far from it as the run was sent."""
    (tmp_path / "file").touch()
    assert time.time() - (tmp_path / "file").stat().st_mtime == pytest.approx(SENT, abs=HASTE)


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda one: one.name)
def test_every_process_travels(journey: Journey, tmp_path: Path) -> None:
    """A fork and a child's fork read the same distance by every clock, in the zone's time."""
    (tmp_path / "look.py").write_text(LOOK)
    present = datetime.now(UTC) - timedelta(seconds=SENT)
    env = environment(journey, present, os.environ)
    argv = [sys.executable, str(tmp_path / "look.py")]
    done = subprocess.run(argv, env=env, text=True, capture_output=True, check=True)
    fork, child = map(json.loads, done.stdout.splitlines())
    there = journey.to(present)
    assert [*fork[0], *child[0]] == pytest.approx([there.timestamp()] * 8, abs=HASTE)
    assert fork[1] == child[1] == _offset(there, journey.zone)


def _offset(moment: datetime, zone: str) -> float:
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset.total_seconds()


@pytest.mark.parametrize("today", ["2026-11-29", "2028-02-29", "2099-12-31", "2027-01-01"])
def test_every_journey_leads_to_its_day(today: str) -> None:
    """From any day, the last of a year and a leap day included."""
    now = datetime.fromisoformat(f"{today}T12:00:00+00:00")
    there = {one.name: one.to(now) for one in JOURNEYS}
    assert (there["year-end"].month, there["year-end"].day) == (12, 31)
    assert (there["leap-day"].month, there["leap-day"].day) == (2, 29)
    assert there["leap-day"] > now
    assert there["ten-years"] > now + timedelta(days=3652)
    assert there["five-days-ago"] < now


def test_every_journey_has_its_turn() -> None:
    """`make test` goes another day's journey each day, and comes round."""
    first = datetime(2026, 12, 30, tzinfo=UTC)
    turns = [of_the_day(first + timedelta(days=day)) for day in range(2 * len(JOURNEYS))]
    assert set(turns[: len(JOURNEYS)]) == set(JOURNEYS)
    assert turns[: len(JOURNEYS)] == turns[len(JOURNEYS) :]


def test_an_unknown_journey_is_refused() -> None:
    """The message names those that there are."""
    with pytest.raises(LookupError, match="no journey 'never'; there are year-end, leap-day, "):
        named("never")
