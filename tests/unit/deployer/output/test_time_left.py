"""How long a release will go on: by an earlier one, else by the figures of the running step."""

from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer import events as e
from deployer.journal.fold import ended
from deployer.journal.forecast import forecast
from deployer.output.board import Board, fold
from deployer.output.display import TerminalStage
from deployer.output.plain_text import Plain
from deployer.output.preview import preview_lines
from deployer.output.summary import time_left
from deployer.output.terminal import picture
from deployer.release.preview import preview
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal import codec
from reconciler.model.journal import entry as j
from reconciler.model.journal.codec import StoredEntry
from reconciler.model.journal.entry import Entry, StepRecord
from reconciler.model.journal.estimate import estimate
from reconciler.model.journal.history import events
from tests.fakes.journal import FakeJournal, unreachable
from tests.fakes.scene import Scene

ID = DeployId.parse("shop/20261123T031502Z-7kq2m")
BEGUN = e.ReleaseBegan("shop", str(ID), "v1.5.0", "v1.4.2", ("guard", "image", "start", "smoke"))
USUAL = e.Expected("v1.4.2", {"guard": 1.0, "image": 60.0, "start": 20.0, "smoke": 10.0})
LAST = Entry(
    ID,
    j.RELEASE,
    "ci",
    datetime(2026, 11, 23, tzinfo=UTC),
    release="v1.4.2",
    outcome=j.RELEASED,
    frozen_seconds=38.0,
    steps=tuple(StepRecord(step, seconds) for step, seconds in USUAL.seconds.items()),
)


def board(*events: tuple[float, e.Event]) -> Board:
    """The board after these events."""
    result = Board()
    for at, event in events:
        result = fold(result, event, at)
    return result


@pytest.mark.parametrize("late", [False, True])
def test_what_an_earlier_release_took_counts_down(late: bool) -> None:
    """Steps to come in full, the running one for what is left of it; whenever the journal knows."""
    head: list[tuple[float, e.Event]]
    head = [(0.0, BEGUN), (0.0, USUAL)] if not late else [(0.0, USUAL), (0.0, BEGUN)]
    now = board(*head, (1.0, e.StepBegan("image")))
    assert time_left(now, 21.0) == "about 1m 10s left, as v1.4.2 took"
    assert time_left(now, 500.0) == "about 30s left, as v1.4.2 took"  # slower: no promise below 0
    assert " about 1m 10s left, as v1.4.2 took" in picture(now, 21.0).plain.splitlines()
    ended = fold(now, e.StepFailed("image", "no"), 30.0)
    assert time_left(ended, 31.0) == ""


def test_without_an_earlier_one_the_steps_own_figures_count() -> None:
    """From its first figure on: what came before that tells nothing of its pace."""
    copying = [(10.0, e.StepBegan("image"))]
    now = board((0.0, BEGUN), *copying, (20.0, e.StepProgress("image", "copy", 100, 1100, "B")))
    assert time_left(now, 20.0) == ""
    now = fold(now, e.StepProgress("image", "copy", 300, 1100, "B"), 24.0)
    assert time_left(now, 24.0) == "image: about 16s left at this pace"
    assert time_left(now, 30.0) == "image: about 10s left at this pace"


def test_lines_in_a_pipe_say_it_once_and_at_each_sign_of_life() -> None:
    """No live view there: the length of all at the beginning, what is left in a heartbeat."""
    out, now = io.StringIO(), [0.0]
    plain = Plain(out, lambda: now[0], heartbeat=15)
    for event in (USUAL, BEGUN, e.StepBegan("image")):
        plain(event)
    now[0] = 15.0
    plain.beat()
    plain.close()
    text = out.getvalue()
    assert text.count("about 1m 31s in all, as v1.4.2 took") == 1
    assert "still going, 15s; about 1m 15s left, as v1.4.2 took" in text


def stored(*entries: Entry) -> FakeJournal:
    """A journal with these entries."""
    store = FakeJournal()
    for entry in entries:
        store.put(codec.key(entry.id, codec.ENTRY), codec.encode(StoredEntry(entry, "w", 1)), None)
    return store


def test_the_journal_is_read_in_a_thread_of_its_own() -> None:
    """A release does not wait for it, and an unreachable one tells nothing."""
    heard: list[e.Event] = []
    forecast(stored(LAST), "shop", heard.append).join(20)
    assert heard == [USUAL]
    silent = stored(LAST)
    silent.fault = unreachable
    forecast(silent, "shop", heard.append).join(20)
    assert heard == [USUAL]


def test_what_comes_after_the_end_is_not_shown() -> None:
    """The last line of a stream is its result."""
    out = io.StringIO()
    stage = TerminalStage(out, io.StringIO(), as_json=True)
    stage.expect(USUAL)
    stage.end(0, {})
    late = threading.Thread(target=stage.expect, args=(USUAL,))
    late.start()
    late.join(20)
    kinds = [json.loads(line)["type"] for line in out.getvalue().splitlines()]
    assert kinds == ["version", "expected", "result"]


def test_a_rehearsal_counts_where_no_release_is_known() -> None:
    """A whole one; a failed release, and a rehearsal of the schema alone, tell nothing."""
    rehearsal = replace(LAST, kind=j.REHEARSAL, outcome=j.DONE, release="v1.5.0")
    failed = replace(LAST, outcome=j.FAILED)
    schema = replace(rehearsal, steps=LAST.steps[:1])
    assert estimate([failed, schema]) is None
    found = estimate([failed, schema, rehearsal])
    assert found is not None
    assert (found.release, found.rehearsed) == ("v1.5.0", True)
    newest = estimate([rehearsal, LAST])
    assert newest is not None
    assert (newest.release, newest.frozen) == ("v1.4.2", 38.0)


@pytest.mark.parametrize(
    ("outcome", "word", "what"),
    [
        (j.DONE, "rehearsed", "v1.4.2"),
        (j.FAILED, "failed", "rehearsal of v1.4.2 in smoke"),
        (j.RUNNING, "died", "rehearsal of v1.4.2 in smoke"),
    ],
)
def test_a_rehearsal_is_told_as_one(outcome: str, word: str, what: str) -> None:
    """Never as a release: nothing of it went live."""
    (event,) = events([replace(LAST, kind=j.REHEARSAL, outcome=outcome, step="smoke")])
    assert (event.word, event.what) == (word, what)


def test_a_rehearsal_s_measure_of_the_freeze_is_kept() -> None:
    """Nothing was frozen, so no event tells it: its answer does, and a failed one has none."""
    begun = replace(LAST, kind=j.REHEARSAL, outcome=j.RUNNING, frozen_seconds=None)
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    done = ended(begun, e.Result(0, answer={"freeze_seconds": 12.5}), at)
    assert done.frozen_seconds == 12.5
    (event,) = events([done])
    assert list(event.lines) == ["a release would refuse writes for about 12.5s"]
    found = estimate([done])
    assert found is not None
    assert (found.rehearsed, found.frozen) == (True, 12.5)
    assert ended(begun, e.Result(1, "no"), at).frozen_seconds is None
    assert ended(LAST, e.Result(0), at).frozen_seconds == 38.0


def test_plan_says_how_long_and_for_how_long_without_writes(tmp_path: Path) -> None:
    """By the journal; without figures, which command measures it."""
    ports = Scene(tmp_path).ports()
    told = preview(replace(ports, journal=stored(LAST))).times
    assert told == ("about 1m 31s, 38s of it without writes, as v1.4.2 took",)
    unknown = preview(ports)
    assert unknown.times[-1] == "to measure it   deployer rehearse shop"
    assert f"  {unknown.times[-1]}" in preview_lines(unknown)
