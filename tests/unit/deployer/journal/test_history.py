"""A month of mixed life, told afterwards: with a journal, and without one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from deployer import events as e
from deployer.cli.logs import logs
from deployer.commands.status import ServiceStatus, status, with_journal
from deployer.journal.recorder import RecordedCommand, Recorder
from deployer.output.journal.archived import run_lines
from deployer.output.journal.history import history_json, history_lines
from deployer.output.status import status_json, status_lines
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.journal import codec
from reconciler.model.journal import entry as j
from reconciler.model.journal.codec import StoredEntry
from reconciler.model.journal.entry import Entry, ResourceRecord
from reconciler.model.journal.savings import savings
from reconciler.model.ledger import NO_LEDGER, Cutover, Ending, Ledger, Live
from reconciler.model.resource import INSTANCE
from reconciler.model.tags import Label
from reconciler.ports.journal.operation import operation_id
from reconciler.ports.journal.reader import read
from reconciler.ports.journal.writer import JournalWriter
from tests.fakes.journal import FakeJournal, unreachable
from tests.fakes.scene import Scene
from tests.support.shop_world import resources

BEGIN = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


class Month:
    """A service that lives: a clock that the test drives, a ledger, and a journal."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.ledger: Ledger = NO_LEDGER
        self.store = FakeJournal()
        self.ids: dict[str, DeployId] = {}

    def day(self, number: float) -> Month:
        """Nine o'clock of that day, from 1 on."""
        self.now = BEGIN + timedelta(days=number - 1)
        return self

    def _recorder(self, kind: str, by: str) -> Recorder:
        writer = JournalWriter(self.store, pytest.fail)
        return Recorder(writer, RecordedCommand(kind, "shop", by), lambda: self.now)

    def _begin(self, kind: str, by: str, release: str, was: str) -> tuple[Recorder, DeployId]:
        id_ = operation_id("shop", self.now)
        self.ids.setdefault(release, id_)
        until = self.now + timedelta(minutes=10)
        self.ledger = ledgers.acquire(self.ledger, id_, until)
        recorder = self._recorder(kind, by)
        recorder(e.ReleaseBegan("shop", str(id_), release, was))
        return recorder, id_

    def _step(self, recorder: Recorder, name: str, minutes: float = 1) -> None:
        recorder(e.StepBegan(name))
        self.now += timedelta(minutes=minutes)
        recorder(e.StepDone(name, f"{name} is done", minutes * 60))

    def adopt(self, release: str, by: str) -> None:
        """Bring what runs under the ledger."""
        id_ = self.ids[release] = operation_id("shop", self.now)
        live = Live(id_, ("10.0.1.1",), ("i-1",))
        self.ledger = ledgers.next_generation(self.ledger, live=live)
        self._recorder("adopt", by).end(e.Result(0, answer={}), about=str(id_))

    def release(self, release: str, was: str, by: str) -> None:
        """A release that succeeds."""
        recorder, id_ = self._begin("release", by, release, was)
        for step in ("image", "launch", "smoke"):
            self._step(recorder, step)
        assert self.ledger.live is not None
        cut = Cutover(id_, (f"10.0.1.{release[1:]}",), self.ledger.live.id, self.now)
        self.ledger = ledgers.commit(self.ledger, id_, cut)
        self._step(recorder, "commit", 0)
        recorder(e.Released("shop", str(id_), release, was, cut.at, 180, frozen_seconds=6))
        recorder.end(e.Result(0))

    def fails(self, release: str, was: str, by: str) -> None:
        """A release that fails in smoke, and cleans up."""
        recorder, id_ = self._begin("release", by, release, was)
        self._step(recorder, "image")
        recorder(e.ResourceCreated("instance", "i-9", 0.02))
        recorder(e.StepBegan("smoke"))
        lines = 'relation "orders_v2" does not exist'
        recorder(e.StepFailed("smoke", "GET /healthz answered 500", lines))
        recorder(e.CleanUpBegan("GET /healthz answered 500"))
        self._end(id_)
        recorder(e.CleanUpItem("instance", "i-9", "gone"))
        recorder(e.CleanUpDone({"instance": 1}, 0))
        recorder.end(e.Result(1, "GET /healthz answered 500", lines))

    def dies(self, release: str, was: str, by: str, step: str) -> None:
        """A release whose process is killed in `step`: no end is written."""
        recorder, _ = self._begin("release", by, release, was)
        self._step(recorder, "image")
        recorder(e.StepBegan(step))
        assert recorder._writer.wait(5)

    def _end(self, id_: DeployId) -> None:
        lease = self.ledger.lease
        assert lease is not None
        self.ledger = ledgers.end(self.ledger, Ending(lease, self.now, mine=id_))

    def swept(self, release: str, by: str) -> None:
        """The scheduled sweep ends a lease that ran out, and deletes what it rooted."""
        id_ = self.ids[release]
        lease = self.ledger.lease
        assert lease is not None
        self.ledger = ledgers.end(self.ledger, Ending(lease, self.now))
        gone = tuple(ResourceRecord("instance", i, j.GONE, str(id_), 0.05) for i in ("i-4", "i-5"))
        own = operation_id("shop", self.now)
        entry = Entry(own, j.SWEEP, by, self.now, outcome=j.DONE, ended=self.now, resources=gone)
        self.put(entry, ended_leases=(str(id_),), per_hour=0.1)

    def put(self, entry: Entry, **more: object) -> None:
        """Write an entry as a sweep does."""
        body = codec.encode(StoredEntry(replace(entry, **more), "w", 1))  # type: ignore[arg-type]
        self.store.put(codec.key(entry.id), body, None)

    def aborted(self, release: str, by: str) -> None:
        """An operator ends the lease and removes what was made."""
        lease = self.ledger.lease
        assert lease is not None
        self.ledger = ledgers.end(self.ledger, Ending(lease, self.now, operator=True))
        self._recorder("abort", by).end(e.Result(0), about=str(self.ids[release]))

    def back(self, to: str, was: str, by: str, lost: str) -> None:
        """A rollback."""
        recorder, id_ = self._begin("rollback", by, to, was)
        self._step(recorder, "start")
        target, left = self.ids[to], self.ids[was]
        cut = Cutover(target, (f"10.0.1.{to[1:]}",), left, self.now)
        self.ledger = ledgers.commit(self.ledger, id_, cut)
        done = e.RolledBack("shop", str(target), to, was, cut.at, 4, lost=lost)
        recorder(replace(done, was_deploy=str(left)))
        recorder.end(e.Result(0))

    def status(self, root: Path) -> ServiceStatus:
        """What the ledger and the machines tell now."""
        names = {id_: release for release, id_ in self.ids.items()}
        rooted = {one.id for one in (self.ledger.live, *self.ledger.previous) if one}
        machines = [
            resource
            for id_ in rooted
            for resource in resources(id_, names[id_], Label.LIVE, int(names[id_][1:]))
            if resource.kind == INSTANCE
        ]
        scene = Scene(root, machines, self.ledger)
        scene.ledgers.now = self.now
        return status(scene.ports())

    def recovered(self, by: str) -> None:
        """The ledger is written anew."""
        self.ledger = ledgers.next_generation(self.ledger)
        self._recorder("recover", by).end(e.Result(0))


@pytest.fixture
def month() -> Month:
    """November."""
    one = Month()
    one.day(1).adopt("v1", "ann@laptop")
    one.day(3).release("v2", "v1", "ann@laptop")
    one.day(5).fails("v3", "v2", "bob@ci")
    one.day(8).dies("v4", "v2", "bob@ci", "migrate")
    one.day(9).swept("v4", "cron@ci")
    one.day(12).release("v5", "v2", "ann@laptop")
    one.day(13).back("v2", "v5", "bob@ci", "214 row changes: orders 12")
    one.day(20).dies("v6", "v2", "ann@laptop", "database")
    one.day(20.01).aborted("v6", "bob@ci")
    one.day(25).recovered("ann@laptop")
    one.day(30).release("v7", "v2", "ann@laptop")
    return one.day(31)


@pytest.fixture
def now(month: Month, tmp_path: Path) -> ServiceStatus:
    """The status at the end of the month, by the ledger."""
    return month.status(tmp_path)


def _events(lines: list[str]) -> list[str]:
    return [line for line in lines if line[:4].isdigit()]


def test_with_a_journal_everything_is_told(month: Month, now: ServiceStatus) -> None:
    """Newest first: what, when, by whom, how it ended, and what was lost."""
    lines = history_lines(now, read(month.store, "shop"))
    assert _events(lines) == [
        "2026-11-30 09:03  released     v7, in 3m 00s  by ann@laptop",
        "2026-11-25 09:00  recovered      by ann@laptop",
        f"2026-11-20 09:14  aborted      {month.ids['v6']}  by bob@ci",
        "2026-11-20 09:00  died         v6 in database  by ann@laptop",
        "2026-11-13 09:01  rolled back  from v5 to v2, in 1m 00s  by bob@ci",
        "2026-11-12 09:03  released     v5, in 3m 00s  by ann@laptop",
        "2026-11-09 09:00  swept        2 instances: saves $0.1000/h  by cron@ci",
        "2026-11-08 09:00  died         v4 in migrate  by bob@ci",
        "2026-11-05 09:01  failed       v3 in smoke, in 1m 00s  by bob@ci",
        "2026-11-03 09:03  released     v2, in 3m 00s  by ann@laptop",
        f"2026-11-01 09:00  adopted      {month.ids['v1']}  by ann@laptop",
    ]
    text = "\n".join(lines)
    assert "left behind: 214 row changes: orders 12" in text
    assert "GET /healthz answered 500" in text
    assert "removed: 1 instance" in text
    assert f"ended the lease of {month.ids['v4']}" in text
    assert "cleaned up by a sweep of cron@ci at 2026-11-09 09:00" in text
    assert "aborted by bob@ci at 2026-11-20 09:14" in text
    assert f"{month.ids['v5']}  rejected" in text
    assert lines[-1] == "From the ledger and the journal."


def test_without_one_the_ledger_is_told_and_says_so(month: Month, now: ServiceStatus) -> None:
    """What is live, what it was rolled back from; and that what failed is not told."""
    lines = history_lines(now)
    text = "\n".join(lines)
    assert "journal in reconciler.toml" in text
    assert "From the ledger alone" in text
    words = [line.split()[2] for line in _events(lines)]
    assert "failed" not in words
    assert words[0] == "released"
    assert str(month.ids["v7"]) in text
    rolled = next(line for line in _events(lines) if "rolled back" in line)
    assert rolled.startswith("2026-11-13")
    assert str(month.ids["v3"]) not in text


def test_an_unreadable_journal_is_said_and_the_ledger_told(
    month: Month, now: ServiceStatus
) -> None:
    """Unknown is not empty: nobody may read that nothing ever failed."""
    month.store.fault = unreachable
    lines = history_lines(now, read(month.store, "shop"))
    assert any("could not be read" in line for line in lines)
    assert lines[-1] == "From the ledger alone."
    assert str(month.ids["v7"]) in "\n".join(lines)


def test_a_corrupt_entry_is_named_and_the_others_told(month: Month, now: ServiceStatus) -> None:
    """One broken object hides no other."""
    key = f"{month.ids['v3']}.json"
    month.store.objects[key] = b"{"
    journal = read(month.store, "shop")
    lines = history_lines(now, journal)
    assert any(key in line for line in lines)
    assert len(_events(lines)) == 10
    value = json.loads(json.dumps(history_json(now, journal)))
    assert len(value["events"]) == 10
    assert value["journal_problems"]


def test_only_the_newest_are_read_and_the_rest_is_counted(month: Month) -> None:
    """A long life does not make a long command."""
    journal = read(month.store, "shop", most=3)
    assert [entry.kind for entry in journal.entries] == ["release", "recover", "abort"]
    assert journal.older == 8


def test_the_reason_of_a_failed_release_is_there_a_week_later(
    month: Month, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its machines are gone since long; the run and the app's last lines are not."""
    id_ = month.ids["v3"]
    assert month.now - id_.born > timedelta(days=7)
    monkeypatch.setattr("deployer.cli.logs._store", lambda *_: month.store)
    logs.main([str(id_)], standalone_mode=False)
    out = capsys.readouterr().out
    assert "2026-11-05 09:01:00 image     image is done" in out
    assert "✗ smoke: GET /healthz answered 500" in out
    assert 'relation "orders_v2" does not exist' in out
    assert "Removed: 1 instance" in out


def test_logs_of_a_service_are_those_of_its_newest_release(
    month: Month, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the stream is lost or broken: then the entry tells what it knows."""
    monkeypatch.setattr("deployer.cli.logs._store", lambda *_: month.store)
    logs.main(["shop"], standalone_mode=False)
    assert "done" in capsys.readouterr().out
    month.store.objects[f"{month.ids['v7']}.events.jsonl"] = b"\xff broken"
    logs.main(["shop"], standalone_mode=False)
    assert "release v7 by ann@laptop: released" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["", "nonsense", "[]", '{"type": "step-done", "at": "x"}', "{}"])
def test_a_broken_line_of_a_stream_is_left_out(month: Month, line: str) -> None:
    """The other lines are shown."""
    stream = month.store.objects[f"{month.ids['v3']}.events.jsonl"].decode()
    assert run_lines(f"{line}\n{stream}{line}\n") == run_lines(stream)


def test_savings_count_from_each_deletion_until_now(month: Month) -> None:
    """$0.10 an hour since the 9th: 22 days."""
    entries = read(month.store, "shop").entries
    found = savings(entries, month.now)
    assert (found.deletions, found.per_hour) == (2, Decimal("0.1"))
    assert found.dollars == Decimal("0.1") * 24 * 22
    assert savings(entries, month.now, days=7).deletions == 0


def _live(status: ServiceStatus) -> str:
    return next(line for line in status_lines(status) if line.startswith("  live"))


def test_status_knows_when_live_went_live_and_the_last_sweep(
    month: Month, tmp_path: Path, now: ServiceStatus
) -> None:
    """Also after a rollback whose rejected release the ledger has forgotten."""
    month.day(31).back("v2", "v7", "ann@laptop", "")
    month.ledger = ledgers.forget(ledgers.forget(month.ledger, month.ids["v7"]), month.ids["v5"])
    alone = month.status(tmp_path / "again")
    assert "went live 2026-11-03" in _live(alone)  # the first time: it knows no better
    known = with_journal(alone, read(month.store, "shop"))
    assert "went live 2026-12-01 09:01" in _live(known)
    assert any("last changed 2026-11-09 09:00 UTC" in line for line in status_lines(known))
    assert status_json(known)["last_sweep"] == "2026-11-09T09:00:00Z"
    assert with_journal(now, None) is now


def test_two_processes_that_write_at_once_are_both_told(month: Month) -> None:
    """An abort beside a release that still runs: two entries, none lost."""
    writes: list[Callable[[], None]] = [
        lambda: month._recorder("abort", "bob@ci").end(e.Result(0), about="shop/x"),
        lambda: month._recorder("thaw", "ann@laptop").end(e.Result(0)),
    ]
    for write in writes:
        write()
    kinds = {entry.kind for entry in read(month.store, "shop").entries}
    assert {"abort", "thaw"} <= kinds
