"""What a sweep of many accounts offers is pasted; then the service is clean, and the run whole."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.exit_codes import Exit
from reconciler.model.deploy_id import format_time
from tests.support.aws_api import Api
from tests.unit.reconciler.cli.scopes.test_runs import AWAY, HOME, Workers

OFFER = re.compile(r"To sweep it +reconciler (sweep .*)")


@pytest.fixture
def workers(api: Api, tmp_path: Path) -> Workers:
    """A dead release has left a disk of shop behind."""
    begun = Workers(api, tmp_path)
    begun.estate.disk("shop", begun.shop)
    return begun


def late(workers: Workers) -> None:
    """The scope's inventory came after the ledgers."""
    workers.run("scopes", "--run", str(workers.place))
    workers.run("inventory", "--scope", AWAY, "--run", str(workers.place))
    workers.ledgers(code=Exit.DIRT)
    workers.run("inventory", "--scope", HOME, "--run", str(workers.place))


def twice(workers: Workers) -> None:
    """It was read again after them, and there was more."""
    workers.inventories()
    workers.ledgers()
    workers.estate.disk("shop", workers.shop)
    workers.run("inventory", "--scope", HOME, "--run", str(workers.place))


def old(workers: Workers) -> None:
    """It was read two days ago."""
    workers.inventories()
    file = workers.place / "inventory" / f"{HOME.replace('/', '_')}.json"
    document = json.loads(file.read_text())
    document["began"] = format_time(datetime.now(UTC) - timedelta(days=2))
    file.write_text(json.dumps(document))
    workers.ledgers()


def pasted(workers: Workers, shown: str) -> None:
    """The one command that is offered to sweep the scope."""
    offers = [*dict.fromkeys(one.strip() for one in OFFER.findall(shown))]
    assert len(offers) == 1, shown
    workers.run(*shlex.split(offers[0]))


def is_clean(workers: Workers) -> None:
    """By `reconciler plan`, of all services."""
    assert not workers.estate.disks()
    workers.run("plan")


@pytest.mark.parametrize("bring", [late, twice, old], ids=lambda one: one.__name__)
def test_a_scope_that_its_run_cannot_sweep_is_swept_by_itself(
    workers: Workers, bring: Callable[[Workers], None], capfd: pytest.CaptureFixture[str]
) -> None:
    """As the worker offers; and as the end of the run offers: then the run is complete."""
    bring(workers)
    refused = workers.execute(HOME, code=Exit.REFUSED)
    workers.execute(AWAY)
    capfd.readouterr()
    workers.collate(code=Exit.DIRT)
    shown = capfd.readouterr().out
    pasted(workers, refused["cure"])
    is_clean(workers)
    workers.collate(code=Exit.DIRT)
    pasted(workers, shown)
    workers.collate()


def test_a_scope_without_a_result_gets_one(
    workers: Workers, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody has swept it: what the end of the run offers does, where it is looked for."""
    results = workers.place / "results"
    there = str(results / "there.json")
    workers.run("sweep", "--scope", AWAY, "--result", there)
    capfd.readouterr()
    workers.collate(code=Exit.DIRT)
    pasted(workers, capfd.readouterr().out)
    is_clean(workers)
    workers.collate()


def test_a_sweep_that_was_killed_is_done_again(
    workers: Workers, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file says that it began; the command in it writes the same file."""

    def killed(*_: object) -> None:
        raise SystemExit(137)

    results = workers.place / "results"
    workers.run("sweep", "--scope", AWAY, "--result", str(results / "there.json"))
    words = ("sweep", "--scope", HOME, "--result", str(results / "here.json"))
    with monkeypatch.context() as patch:
        patch.setattr("reconciler.cli.sweep._Run.sweep", killed)
        with pytest.raises(SystemExit):
            workers.run(*words)
    begun = json.loads((results / "here.json").read_text())
    capfd.readouterr()
    workers.collate(code=Exit.DIRT)
    assert begun["cure"] in capfd.readouterr().out
    pasted(workers, begun["cure"])
    is_clean(workers)
    workers.collate()
