"""How a release looks: golden pictures, golden lines, a real pseudo-terminal."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deployer import events as e
from deployer.output import summary
from deployer.output.board import Board, Mark, fold
from deployer.output.display import TerminalStage
from deployer.output.json_lines import JsonLines
from deployer.output.plain_text import Plain
from deployer.output.terminal import picture

ID = "shop/20261123T031502Z-7kq2m"
BEGUN = e.ReleaseBegan("shop", ID, "v1.5.0", "v1.4.2")
HALF_WAY: Sequence[tuple[float, e.Event]] = (
    (0, BEGUN),
    (0, e.StepBegan("guard")),
    (0.4, e.StepDone("guard", "clean; lease renewed", 0.4)),
    (1, e.StepBegan("image")),
    (49, e.StepDone("image", "ami-0f3c91d2 of i-0a17be44, no reboot", 48.2)),
    (50, e.StepBegan("database")),
    (50.3, e.FreezeBegan(300)),
    (91, e.StepProgress("database", "restore", 412_000_000, 1_100_000_000, "B")),
)
FAILED: Sequence[tuple[float, e.Event]] = (
    *HALF_WAY,
    (92, e.StepFailed("database", "pg_restore ended with 1", "no space\nleft")),
    (92, e.FreezeEnded(62, cut_over=False)),
    (93, e.CleanUpBegan("pg_restore ended with 1")),
    (94, e.CleanUpItem("instance", "i-0b2e", "pending")),
    (95, e.CleanUpItem("image", "ami-0f3c91d2", "gone")),
    (99, e.CleanUpItem("instance", "i-0b2e", "gone")),
    (99, e.CleanUpItem("snapshot", "snap-03f1", "blocked", "in use by ami-9")),
    (99, e.CleanUpDone({"instance": 1, "image": 1}, 1)),
)
RELEASED = e.Released(
    "shop",
    ID,
    "v1.5.0",
    "v1.4.2",
    ("10.0.1.17", "10.0.1.18"),
    134,
    datetime(2026, 11, 23, 3, 18, 16, tzinfo=UTC),
    66,
    ("cron", "shop-worker"),
    "2 migrations, on the copy",
    0.054,
    0.0024,
    per_hour=0.064,
)


def board(events: Sequence[tuple[float, e.Event]]) -> Board:
    """The board after these events."""
    result = Board()
    for at, event in events:
        result = fold(result, event, at)
    return result


def drawn(board: Board, now: float, width: int = 80) -> str:
    """The picture without trailing blanks."""
    return "\n".join(one.rstrip() for one in picture(board, now, width).plain.splitlines())


def test_half_way() -> None:
    """One glance: what changes, what is done, what runs and how far, what is at stake."""
    assert drawn(board(HALF_WAY), 91.3) == textwrap.dedent("""\
        shop   v1.4.2 → v1.5.0                               shop/20261123T031502Z-7kq2m
         ✓ guard      clean; lease renewed                                          0.4s
         ✓ image      ami-0f3c91d2 of i-0a17be44, no reboot                        48.2s
         ⠋ database   restore 412 MB of 1.1 GB                                     41.3s
                      live has refused writes for 0:41 (gives up at 5:00)
         · migrate  · start  · smoke  · commit  · follow-up
        Ctrl-C undoes everything so far; live goes on as v1.4.2.""")


@pytest.mark.parametrize("width", [20, 40, 79, 80, 200])
def test_it_never_wraps(width: int) -> None:
    """Every line fits, whatever is said and however narrow the terminal."""
    long = (*HALF_WAY, (91, e.StepNote("database", "sehr " * 40)), (91, e.Warned("w" * 300)))
    for line in picture(board(long), 91, width).split("\n"):
        assert line.cell_len <= min(width, 120)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_names_are_cut_before_the_id_and_times(width: int) -> None:
    """It uses the width that there is; what one copies, and numbers, stay whole."""
    named = replace(BEGUN, was="release/2026-11-checkout", release="feature/a-rather-long-name")
    long = (*HALF_WAY, (91, named), (91, e.StepNote("database", "sehr " * 40)))
    lines = drawn(board(long), 91.3, width).splitlines()
    assert lines[0].startswith("shop   release/2026-11")
    assert lines[0].endswith("shop/20261123T031502Z-7kq2m")
    assert [len(line) for line in lines if line.endswith("s") and " ✓ " in line] == [width] * 2
    assert any("…" in line and line.endswith(" 41.3s") for line in lines)


def test_a_signal_that_waits_is_acknowledged() -> None:
    """What it waits for, and that a second Ctrl-C leaves: instead of what Ctrl-C would do."""
    said = picture(board(HALF_WAY), 91, 80, "Stopping; waiting for CreateImage …").plain
    assert "Stopping; waiting for CreateImage …\nCtrl-C again leaves at once" in said
    assert "Ctrl-C undoes" not in said


def test_after_the_commit_nothing_is_said_to_be_undone() -> None:
    """The foot tells the truth: past the commit Ctrl-C undoes nothing."""
    done = board((*HALF_WAY, (100, e.StepDone("commit", "10.0.1.17", 1))))
    assert "Ctrl-C undoes" not in drawn(done, 101)
    assert "shop is live on v1.5.0; this is not undone." in drawn(done, 101)


def test_undoing() -> None:
    """While it cleans up: why, how far, what it waits for, and what a second Ctrl-C means."""
    text = drawn(board(FAILED[:-3]), 99)
    assert "✗ database   pg_restore ended with 1" in text
    assert (
        "Removing what this release made: pg_restore ended with 1\n  1 of 2 resources gone; wai"
        in text
    )
    assert "waiting for instance i-0b2e" in text
    assert "· migrate" not in text


def test_a_first_release_promises_no_live_one() -> None:
    """Where nothing is live, nothing goes on."""
    first = board([(0, replace(BEGUN, was=""))])
    assert drawn(first, 1).startswith("shop   v1.5.0  ")
    assert drawn(first, 1).endswith("Ctrl-C undoes everything so far.")


def test_steps_side_by_side() -> None:
    """A copy may overlap the image: both run, the later ends first, and both are counted."""
    now = board([(0, BEGUN), (1, e.StepBegan("image")), (2, e.StepBegan("database"))])
    assert [one.step for one in now.running] == ["image", "database"]
    now = fold(now, e.StepDone("database", "copied", 3), 5)
    assert [one.step for one in now.running] == ["image"]
    assert now.rows["launch"].mark is Mark.AHEAD


def test_the_result_of_a_release() -> None:
    """What changed, what it cost whom, the way back; in 80 columns."""
    assert "\n".join(summary.released(RELEASED)) == textwrap.dedent("""\
        shop is live on v1.5.0 (was v1.4.2)                                       2m 14s
         traffic   10.0.1.17, 10.0.1.18 · old answers may last until 03:18:16
         writes    were refused for 1m 06s; clients with old DNS cannot write until then
         schema    2 migrations, on the copy
         jobs      cron, shop-worker: started here, stopped on v1.4.2
         cost      v1.5.0: $46.08 a month ($0.0640/h)
         kept      v1.4.2 for rollback: $38.88 a month ($0.0540/h), $1.73 once parked
        Back          deployer rollback shop
        Is it well?   deployer status shop""")


def test_what_is_not_known_is_not_said() -> None:
    """A first release without a database: no writes, no jobs, no way back; a price is unknown."""
    first = e.Released("shop", ID, "v1", "", ("10.0.1.17",), 134)
    assert summary.released(first)[1:] == [
        " traffic   10.0.1.17",
        " cost      v1: unknown",
        "Is it well?   deployer status shop",
    ]


def test_an_unfinished_follow_up_names_its_cure() -> None:
    """Live, but not done: said, with the command that finishes it."""
    lines = summary.released(replace(RELEASED, unfinished=("jobs: i-0b2e out of reach",)))
    assert " unfinished jobs: i-0b2e out of reach" in lines
    assert "To finish it  reconciler sweep --service shop" in lines


def test_the_result_of_a_rollback() -> None:
    """Back, and what became of the one left."""
    back = e.RolledBack("shop", ID, "v1.4.2", "v1.5.0", ("10.0.1.9",), 3.8)
    assert summary.rolled_back(back) == [
        summary.right("shop is back on v1.4.2", 3.8),
        " traffic   10.0.1.9",
        " kept      v1.5.0 is marked rejected, kept",
    ]


def test_a_failure_is_told_whole() -> None:
    """Cause, material, what went on, what was removed and every thing that was not."""
    lines = summary.failed(board(FAILED), "pg_restore ended with 1", "ignored")
    assert lines == [
        "✗ database: pg_restore ended with 1",
        "    no space",
        "    left",
        "shop stays on v1.4.2, which kept serving.",
        "Writes were refused for 1m 02s and are taken again.",
        "Removed: 1 instance, 1 image.",
        "Left behind: 1 resource.",
        "  snapshot           snap-03f1  blocked: in use by ami-9",
    ]


def test_evidence_is_told_with_its_end_and_its_price() -> None:
    """What stays live, what is kept, until when, for how much: nothing is called removed."""
    until = datetime(2026, 11, 23, 5, 16, 39, tzinfo=UTC)
    kept = e.CleanUpDone({}, 0, kept_until=until, kept={"instance": 2}, kept_per_hour=0.0516)
    began = (93, e.CleanUpBegan("pg_restore ended with 1", keeps=True))
    shown = board([*FAILED[:-6], began, (99, kept)])
    assert summary.undoing(shown) == "Keeping what this release made"
    assert summary.failed(shown, "pg_restore ended with 1", "")[3:] == [
        "shop stays on v1.4.2, which kept serving.",
        "Writes were refused for 1m 02s and are taken again.",
        "Kept as evidence until 2026-11-23 05:16 UTC, for $0.0516/h: 2 instances.",
        "To see it             deployer status shop",
    ]


def test_a_failing_clean_up_does_not_hide_the_first_error() -> None:
    """Both are told, the cause first."""
    lines = summary.failed(board(FAILED), "one thing is left behind", "snap-03f1")
    assert lines[0] == "✗ database: pg_restore ended with 1"
    assert lines[3:5] == ["one thing is left behind", "    snap-03f1"]


def test_lines_in_a_pipe() -> None:
    """A line an event, with the time in UTC."""
    out, now = io.StringIO(), [datetime(2026, 11, 23, 3, 15, 2, tzinfo=UTC).timestamp()]
    plain = Plain(out, lambda: now[0], heartbeat=3600)
    for at, event in FAILED:
        start = now[0]
        now[0] += at
        plain(event)
        now[0] = start
    plain.close()
    assert out.getvalue() == textwrap.dedent("""\
        03:15:02 shop      v1.4.2 → v1.5.0 shop/20261123T031502Z-7kq2m
        03:15:02 guard     clean; lease renewed (0.4s)
        03:15:51 image     ami-0f3c91d2 of i-0a17be44, no reboot (48.2s)
        03:15:52 freeze    live refuses writes (gives up at 5:00)
        03:16:34 database  FAILED: pg_restore ended with 1
        03:16:34 freeze    live takes writes, after 1m 02s
        03:16:35 undo      removing what this release made
        03:16:36 undo      instance i-0b2e pending
        03:16:37 undo      image ami-0f3c91d2 gone
        03:16:41 undo      instance i-0b2e gone
        03:16:41 undo      snapshot snap-03f1 blocked: in use by ami-9
        03:16:41 undo      Removed: 1 instance, 1 image.
        03:16:41 undo      Left behind: 1 resource.
        03:16:41 undo      snapshot snap-03f1 blocked: in use by ami-9
        """)


def test_a_silent_step_gives_a_sign_of_life() -> None:
    """After a heartbeat without a line, and not before; with how far it is."""
    out, now = io.StringIO(), [0.0]
    plain = Plain(out, lambda: now[0], heartbeat=15)
    plain(e.StepBegan("image"))
    plain.beat()
    for now[0] in (14.9, 15.0, 20.0):
        plain.beat()
    plain(e.StepProgress("image", "pending", 31, 100, "%"))
    for now[0] in (29.9, 30.0):
        plain.beat()
    plain(e.StepDone("image", "ami-0f", 31))
    now[0] = 100
    plain.beat()
    plain.close()
    assert out.getvalue().splitlines() == [
        "00:00:15 image     still going, 15s",
        "00:00:30 image     pending 31 %, 30s",
        "00:00:30 image     ami-0f (31.0s)",
    ]


def test_the_heartbeat_beats_by_itself() -> None:
    """Nobody has to call `beat`: a thread does, and `close` ends it."""
    said = threading.Event()

    class Out(io.StringIO):
        def write(self, text: str) -> int:
            said.set()
            return super().write(text)

    plain = Plain(Out(), heartbeat=0.01)
    plain(e.StepBegan("image"))
    assert said.wait(20)
    plain.close()
    assert "heartbeat" not in {one.name for one in threading.enumerate()}


def test_json_lines() -> None:
    """First the version, then an object a line, in order."""
    out = io.StringIO()
    lines = JsonLines(out, lambda: datetime(2026, 11, 23, tzinfo=UTC))
    lines(e.StepBegan("image"))
    lines(e.Result(0))
    first, *rest = [json.loads(one) for one in out.getvalue().splitlines()]
    assert (first["type"], first["schema"]) == ("version", e.SCHEMA)
    assert [one["type"] for one in rest] == ["step-began", "result"]


def test_many_threads_write_whole_lines() -> None:
    """Twelve machines tell at once; no line is torn and none is lost."""
    out = io.StringIO()
    lines = JsonLines(out)

    def work(number: int) -> None:
        for count in range(50):
            lines(e.StepNote("code", f"{number}.{count}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    notes = [json.loads(one) for one in out.getvalue().splitlines()][1:]
    assert len({one["text"] for one in notes}) == len(notes) == 600


PROGRAM = """
import sys, threading
from deployer import events as e
from deployer.output.display import TerminalStage
stage = TerminalStage(sys.stdout, sys.stderr, as_json={as_json})
stage(e.ReleaseBegan("shop", "shop/20261123T031502Z-7kq2m", "v2", "v1"))
stage(e.StepBegan("guard"))
for number in range({notes}):
    stage(e.StepNote("guard", "note %d" % number))
threading.Event().wait(0.4)
stage(e.StepDone("guard", "clean", 0.3))
stage(e.Released("shop", "x", "v2", "v1", ("10.0.0.1",), 1.0))
stage.close()
open({done!r}, "w").write("done")
"""


def program(done: object, *, as_json: bool = False, notes: int = 3) -> list[str]:
    """The command line of a small release in a process of its own."""
    code = PROGRAM.format(as_json=as_json, done=str(done), notes=notes)
    return [sys.executable, "-c", code]


def read_all(descriptor: int) -> str:
    """Everything until the other side closes (Linux says EIO for a terminal's end)."""
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks).decode()


@pytest.mark.parametrize("no_color", [False, True])
def test_on_a_real_terminal(tmp_path: object, no_color: bool) -> None:
    """Redrawn in place, cursor given back, the result on stdout; NO_COLOR leaves the words."""
    ours, theirs = pty.openpty()
    drop = {"NO_COLOR", "TERM", "COLUMNS"}
    env = {k: v for k, v in os.environ.items() if k not in drop} | {"TERM": "xterm-256color"}
    env |= {"NO_COLOR": "1"} if no_color else {}
    command = program(f"{tmp_path}/done")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=env) as process:
        os.close(theirs)
        seen = read_all(ours)
        assert process.stdout is not None
        out = process.stdout.read().decode()
    os.close(ours)
    assert process.returncode == 0
    assert "\x1b[1A" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert ("\x1b[32m" in seen) is not no_color
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert "✓ guard      clean" in last
    assert out.startswith("shop is live on v2 (was v1)")
    assert "\x1b" not in out


@pytest.mark.parametrize("as_json", [False, True])
def test_a_lost_reader_stops_nothing(tmp_path: object, as_json: bool) -> None:
    """`deployer up 2>&1 | head -1`: the release goes on to its end and exits as it should."""
    reader, writer = os.pipe()
    done = f"{tmp_path}/done"
    command = program(done, as_json=as_json, notes=5000)
    with subprocess.Popen(command, stdout=writer, stderr=writer) as process:
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        assert process.wait(timeout=60) == 0
    assert os.path.exists(done)  # noqa: PTH110


def test_an_old_locale_gets_a_question_mark() -> None:
    """A stream that cannot say `→` is no reason to fail."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    plain = Plain(out)
    plain(BEGUN)
    plain.close()
    assert b"v1.4.2 ? v1.5.0" in raw.getvalue()


def test_progress_and_result_go_to_their_own_streams() -> None:
    """stdout is the result, stderr the progress."""
    out, err = io.StringIO(), io.StringIO()
    stage = TerminalStage(out, err, as_json=False)
    stage(BEGUN)
    stage(RELEASED)
    stage.close()
    assert out.getvalue().splitlines() == summary.released(RELEASED)
    assert "v1.4.2 → v1.5.0" in err.getvalue()
    assert "is live on" not in err.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_no_password_leaves(as_json: bool) -> None:
    """Whatever a failing command printed, neither stream shows the password of a URL."""
    out, err = io.StringIO(), io.StringIO()
    stage = TerminalStage(out, err, as_json=as_json)
    url = "postgres://shop:hunter2@db/shop"
    stage(e.StepNote("code", f"connecting to {url}"))
    stage(e.StepFailed("code", f"cannot reach {url}", f"tried {url}"))
    stage.fail(1, "cannot reach postgres://shop:***@db/shop", "", "")
    assert "hunter2" not in out.getvalue() + err.getvalue()
    assert "shop:***@db" in out.getvalue() + err.getvalue()
