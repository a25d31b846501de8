"""One run in two maps, as its workers do it: inventories, ledgers once, execution, collation."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import cli
from reconciler.cli.scopes.time_limit import TimeIsUp, TimeLimit
from reconciler.cli.shared import ended
from reconciler.errors import DirtRemains
from reconciler.exit_codes import Exit
from reconciler.model.tags import AccountRegion
from tests.support.aws_api import PLACE, Api
from tests.support.estate import HERE, ROLES, THERE, Estate

ELSEWHERE = AccountRegion(THERE, "us-east-1")
HOME, AWAY = str(PLACE), str(ELSEWHERE)


class Workers:
    """The commands of one run, on `shop` here and `blog` there; `blog`'s ledger is here as well."""

    def __init__(self, api: Api, home: Path) -> None:
        self.estate = Estate(api, home / "config")
        self.estate.service("shop")
        self.estate.service("blog", THERE, "us-east-1", more=f'zone_account = "{HERE}"')
        self.estate.sweep(ROLES)
        self.zone = self.estate.zone(HERE)
        self.shop, self.blog = (self.estate.ledger(one, self.zone) for one in ("shop", "blog"))
        self.place = home / "runs" / "today"

    def run(self, *words: str, code: int = Exit.DONE) -> None:
        """A command that ends so."""
        assert ended(cli, ["--config", str(self.estate.home), *words]) == code, words

    def inventories(self) -> None:
        """Begin the run, and the first map."""
        self.run("scopes", "--run", str(self.place))
        for scope in (HOME, AWAY):
            self.run("inventory", "--scope", scope, "--run", str(self.place))

    def ledgers(self, code: int = Exit.DONE) -> None:
        """What is between the maps."""
        self.run("ledgers", "--run", str(self.place), code=code)

    def execute(self, scope: str, *words: str, code: int = Exit.DONE) -> Any:
        """A worker of the second map; its result."""
        self.run("sweep", "--scope", scope, "--run", str(self.place), *words, code=code)
        path = self.place / "results" / f"{scope.replace('/', '_')}.json"
        return json.loads(path.read_text())

    def collate(self, code: int = Exit.DONE) -> None:
        """The end of the run."""
        self.run("collate", str(self.place / "results"), code=code)


@pytest.fixture
def workers(api: Api, tmp_path: Path) -> Workers:
    """Nothing is left behind yet."""
    return Workers(api, tmp_path)


def test_a_run_removes_what_is_left_behind_everywhere(workers: Workers) -> None:
    """Both accounts; the zone's ledgers were read in one call, and each missing record in one."""
    estate = workers.estate
    estate.disk("shop", workers.shop)
    estate.disk("blog", workers.blog, ELSEWHERE)
    workers.inventories()
    estate.api.server.journal.clear()
    workers.ledgers()
    assert estate.calls("ListResourceRecordSets") == 1 + 2
    for scope in (HOME, AWAY):
        found = workers.execute(scope)
        assert (found["run"], found["answer"]["removed"]) == ("today", {"volume": 1})
    assert (estate.disks(), estate.disks(ELSEWHERE)) == (set(), set())
    workers.collate()


def test_a_clean_scope_reads_no_ledger_again(workers: Workers) -> None:
    """Nothing but its files and who it is."""
    workers.inventories()
    workers.ledgers()
    workers.estate.api.server.journal.clear()
    found = workers.execute(HOME)
    assert (found["exit"], found["calls"]) == (0, 1)
    actions = {one["action"] for one in workers.estate.api.server.journal.since(0)}
    assert actions == {"GetCallerIdentity"}
    rows = found["answer"]["completeness"]
    assert {row["status"] for row in rows} <= {"read", "not configured"}
    assert {"tags", "ledger"} <= {row["kind"] for row in rows}


def test_what_is_held_since_the_ledgers_were_read_is_kept(workers: Workers) -> None:
    """Every deletion is decided by a fresh description."""
    disk = workers.estate.disk("shop", workers.shop)
    workers.inventories()
    workers.ledgers()
    tags: Any = [{"Key": "deploy-hold", "Value": "evidence"}]
    workers.estate.api.ec2.create_tags(Resources=[disk], Tags=tags)
    workers.execute(HOME)
    assert workers.estate.disks() == {disk}


def test_a_ledger_that_changed_since_is_what_counts(workers: Workers) -> None:
    """Unreadable by now: the service is unknown, although the frozen ledger was fine."""
    disk = workers.estate.disk("shop", workers.shop)
    workers.inventories()
    workers.ledgers()
    workers.estate.api.fault("ListResourceRecordSets", "error", code="AccessDenied", times=0)
    found = workers.execute(HOME, code=Exit.DIRT)
    assert "shop" in found["answer"]["unknown"]
    assert workers.estate.disks() == {disk}
    workers.collate(code=Exit.DIRT)


def test_a_zone_that_is_watched_only_since_then_waits_for_the_next_run(workers: Workers) -> None:
    """Nobody has asked its names: the service is unknown, and an ordinary sweep asks them."""
    disk = workers.estate.disk("shop", workers.shop)
    workers.inventories()
    workers.ledgers()
    aws = workers.estate.aws(HERE)
    aws.route53_once.create_hosted_zone(Name="example.org", CallerReference="later")
    workers.estate.service("shop", more='witness_zones = ["example.org"]')
    found = workers.execute(HOME, code=Exit.DIRT)
    assert "configured otherwise" in found["message"]
    assert workers.estate.disks() == {disk}
    workers.run("sweep", "--service", "shop")
    assert workers.estate.disks() == set()


def test_an_inventory_that_comes_late_waits_for_the_next_run(workers: Workers) -> None:
    """The scope is refused, the run incomplete; nothing of it is touched."""
    disk = workers.estate.disk("shop", workers.shop)
    workers.inventories()
    workers.ledgers()
    later = workers.estate.disk("shop", workers.shop)
    workers.run("inventory", "--scope", HOME, "--run", str(workers.place))
    found = workers.execute(HOME, code=Exit.REFUSED)
    assert "read again after the ledgers" in found["message"]
    assert workers.estate.disks() == {disk, later}
    workers.execute(AWAY)
    workers.collate(code=Exit.DIRT)


def test_a_scope_without_an_inventory_is_missing(workers: Workers) -> None:
    """The ledgers step says so, and so does the report."""
    workers.run("scopes", "--run", str(workers.place))
    workers.run("inventory", "--scope", AWAY, "--run", str(workers.place))
    workers.ledgers(code=Exit.DIRT)
    workers.execute(HOME, code=Exit.REFUSED)
    workers.execute(AWAY)
    workers.collate(code=Exit.DIRT)


def test_a_run_of_an_older_day_is_not_gone_on_with(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state machine may be tried again for two weeks: its result would be today's, and clean."""
    workers.inventories()
    workers.ledgers()
    monkeypatch.setattr("reconciler.sweep.scopes.execution.MAX_AGE", timedelta(seconds=-1))
    assert "is of another run" in workers.execute(HOME, code=Exit.REFUSED)["message"]
    workers.collate(code=Exit.DIRT)


def test_the_breaker_counts_by_run(workers: Workers) -> None:
    """A worker died after its plan was agreed to: the next one deletes that set and no other."""
    estate = workers.estate
    estate.sweep(f"{ROLES}\n[breaker]\nmax_count = 1\nshare = 0.0\n")
    first = estate.disk("shop", workers.shop)
    workers.inventories()
    workers.ledgers()
    estate.api.fault("DeleteVolume", "error", code="UnsupportedOperation", times=0)
    workers.execute(HOME, code=Exit.DIRT)
    estate.api.server.faults.clear()
    second = estate.disk("shop", workers.shop)
    assert workers.execute(HOME)["answer"]["removed"] == {"volume": 1}
    assert estate.disks() == {second}
    assert first != second


def test_too_much_to_delete_is_refused_before_anything_is_agreed_to(workers: Workers) -> None:
    """Nothing is deleted, and the cap of a later try is no other."""
    workers.estate.sweep(f"{ROLES}\n[breaker]\nmax_count = 1\nshare = 0.0\n")
    disks = {workers.estate.disk("shop", workers.shop) for _ in range(2)}
    workers.inventories()
    workers.ledgers()
    for _ in range(2):
        assert "too much" in workers.execute(HOME, code=Exit.REFUSED)["message"]
    assert workers.estate.disks() == disks
    assert not list((workers.place / "plans").glob("*"))


def test_a_worker_whose_time_is_up_says_so_and_the_next_goes_on(workers: Workers) -> None:
    """Before anything of the next round is begun."""
    workers.estate.disk("shop", workers.shop)
    workers.inventories()
    workers.ledgers()
    found = workers.execute(HOME, "--limit", "0s", code=Exit.DIRT)
    assert "time limit" in found["message"]
    assert len(workers.estate.disks()) == 1
    workers.execute(HOME, "--limit", "5m", "--workers", "10")
    assert not workers.estate.disks()


def test_a_time_limit_ends_between_two_things() -> None:
    """In words, with what to do; without a limit nothing ends."""
    TimeLimit(None).check()
    late = TimeLimit(timedelta(seconds=1), began=-1e9)
    with pytest.raises(TimeIsUp):
        late.check()
    with pytest.raises(DirtRemains, match="time limit of 1s") as told, late.told():
        late.check()
    assert told.value.cure


@pytest.mark.parametrize("words", [("--young",), ("--service", "shop")])
def test_a_run_is_all_or_nothing(workers: Workers, words: tuple[str, ...]) -> None:
    """What restricts it is refused."""
    workers.run("sweep", "--scope", HOME, "--run", "x", *words, code=Exit.USAGE)
    workers.run("sweep", "--run", "x", code=Exit.USAGE)
    workers.run("inventory", "--scope", HOME, "--run", "s3://", code=Exit.USAGE)
