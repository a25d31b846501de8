"""`scopes`, `sweep --scope` and `collate` as a user runs them, on two accounts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import cli
from reconciler.cli.shared import ended
from reconciler.exit_codes import Exit
from reconciler.model.tags import AccountRegion
from reconciler.wiring.scopes.run_place import open_place
from tests.support.aws_api import PLACE, Api
from tests.support.estate import HERE, ROLES, THERE, Estate

ELSEWHERE = AccountRegion(THERE, "us-east-1")
HOME, AWAY = str(PLACE), str(ELSEWHERE)


@pytest.fixture
def estate(api: Api, tmp_path: Path) -> Estate:
    """`shop` here and `blog` there, each with a disk that a dead release left."""
    made = Estate(api, tmp_path / "config")
    made.service("shop")
    made.service("blog", THERE, "us-east-1")
    made.sweep(ROLES)
    made.disk("shop", made.ledger("shop", made.zone(HERE)))
    made.disk("blog", made.ledger("blog", made.zone(THERE), THERE), ELSEWHERE)
    return made


def run(estate: Estate, *words: str) -> int:
    """The command's exit code."""
    return ended(cli, ["--config", str(estate.home), *words])


def file(path: Path) -> Any:
    """A result as it was written."""
    return json.loads(path.read_text())


def test_the_scopes_are_listed_without_asking_aws(
    estate: Estate, capsys: pytest.CaptureFixture[str]
) -> None:
    """With their services and the accounts of their ledgers."""
    estate.api.server.journal.clear()
    assert run(estate, "scopes", "--json") == Exit.DONE
    found = json.loads(capsys.readouterr().out)["scopes"]
    assert [(one["scope"], one["services"]) for one in found] == [
        (HOME, ["shop"]),
        (AWAY, ["blog"]),
    ]
    assert [one["zone_accounts"] for one in found] == [[HERE], [THERE]]
    assert not list(estate.api.server.journal.since(0))


def test_a_scope_is_swept_and_no_other(estate: Estate, tmp_path: Path) -> None:
    """Its garbage goes; the other account is not even entered."""
    theirs = estate.disks(ELSEWHERE)
    estate.api.server.journal.clear()
    where = tmp_path / "results" / "here.json"
    assert run(estate, "sweep", "--scope", HOME, "--result", str(where)) == Exit.DONE
    assert estate.disks() == set()
    assert estate.calls("AssumeRole") == 0
    assert estate.disks(ELSEWHERE) == theirs
    found = file(where)
    assert (found["scope"], found["exit"], found["answer"]["removed"]) == (HOME, 0, {"volume": 1})
    assert found["calls"] > 3


def test_the_results_are_joined(
    estate: Estate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Incomplete until every scope has its result; then one report and exit 0."""
    results, shown = tmp_path / "results", ""
    for scope, name, code in ((HOME, "1.json", Exit.DIRT), (AWAY, "2.json", Exit.DONE)):
        assert run(estate, "sweep", "--scope", scope, "--result", str(results / name)) == Exit.DONE
        capsys.readouterr()
        assert run(estate, "collate", str(results)) == code
        shown = capsys.readouterr().out
        assert ("The run is incomplete." in shown) is (code == Exit.DIRT)
    assert "Removed: 2 volumes." in shown
    assert "read all of 2 accounts" in shown


def test_a_scope_that_fails_says_so_in_its_result(
    estate: Estate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The role cannot be assumed: nothing is deleted, and the run is not complete."""
    estate.api.fault("AssumeRole", "error", code="AccessDenied", times=9)
    where = tmp_path / "results" / "there.json"
    assert run(estate, "sweep", "--scope", AWAY, "--result", str(where)) == Exit.ACCESS
    found = file(where)
    assert (found["exit"], found["answer"]) == (Exit.ACCESS, {})
    assert ROLES.split('"')[1] in found["message"]
    run(estate, "sweep", "--scope", HOME, "--result", str(where.with_name("here.json")))
    capsys.readouterr()
    assert run(estate, "collate", "--json", str(where.parent)) == Exit.DIRT
    answer = json.loads(capsys.readouterr().out)
    assert answer["counts"] == {"clean": 1, "dirty": 0, "failed": 1, "missing": 0}
    assert not answer["complete"]


def test_a_killed_sweep_leaves_no_earlier_result(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file has the result of an hour ago: it would count as this run's, and as clean."""
    where = tmp_path / "results" / "here.json"
    words = ("sweep", "--scope", HOME, "--result", str(where))
    assert run(estate, *words) == Exit.DONE
    monkeypatch.setattr(
        "reconciler.wiring.fleet_builder.build_scope", lambda *_: pytest.fail("killed")
    )
    with pytest.raises(pytest.fail.Exception):
        run(estate, *words)
    meanwhile = file(where)
    assert (meanwhile["exit"], meanwhile["answer"]) == (Exit.DIRT, {})
    assert "has not ended" in meanwhile["message"]


def test_results_in_a_bucket(estate: Estate, capsys: pytest.CaptureFixture[str]) -> None:
    """The same with `s3://`, for workers that share no disk."""
    estate.aws(HERE, "us-east-1").s3_once.create_bucket(Bucket="sweeps")
    for scope, name in ((HOME, "1"), (AWAY, "2")):
        place = f"s3://sweeps/today/{name}.json"
        assert run(estate, "sweep", "--scope", scope, "--result", place) == Exit.DONE
    capsys.readouterr()
    report = ("--report", "s3://sweeps/reports/today.json")
    assert run(estate, "collate", "s3://sweeps/today", *report) == Exit.DONE
    assert "2 scopes: 2 clean" in capsys.readouterr().out
    written = open_place("s3://sweeps/reports").get("today.json")
    assert written is not None
    assert json.loads(written.body)["complete"]


def test_a_scope_without_services_is_read_and_left_alone(estate: Estate, tmp_path: Path) -> None:
    """What lies there is reported, and nothing of it is changed."""
    estate.sweep(f'regions = ["eu-west-1", "us-east-1", "eu-central-1"]\n{ROLES}')
    idle = AccountRegion(HERE, "eu-central-1")
    left = estate.disk("shop", "Z0/shop._deploy.example.test", idle)
    where = tmp_path / "idle.json"
    assert run(estate, "sweep", "--scope", str(idle), "--result", str(where)) == Exit.DONE
    assert estate.disks(idle) == {left}
    assert file(where)["answer"]["completeness"]


@pytest.mark.parametrize(
    "words",
    [
        ("--scope", "eu-west-1"),
        ("--scope", "999999999999/eu-west-1"),
        ("--scope", HOME, "--service", "shop"),
        ("--scope", HOME, "--result", "x.json", "--young"),
        ("--result", "x.json"),
    ],
)
def test_what_cannot_be_meant_is_refused(estate: Estate, words: tuple[str, ...]) -> None:
    """Before anything is done."""
    estate.api.server.journal.clear()
    assert run(estate, "sweep", *words) == Exit.USAGE
    assert not list(estate.api.server.journal.since(0))
