"""`deployer abort` as it is typed, where another service is in the same folder and account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.exit_codes import Exit
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease, LedgerHome, Live
from reconciler.model.resource import DATABASE
from reconciler.model.tags import Label
from tests.cures.desk import Desk
from tests.cures.lease import RUNS, at_work
from tests.fakes.scene import Scene
from tests.support.shop_world import ALL, CLEAN, DEAD, LIVE, PLACE, resources

BLOG = DeployId("blog", LIVE.born, "bbbbb")
BLOG_LEDGER = "Z1/blog._deploy.example.com"


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """The shop is being released; so is the blog beside it, which has a ledger of its own."""
    scene = Scene(tmp_path, [one for one in ALL if one.deploy != DEAD])
    one = Desk(scene, tmp_path, monkeypatch, capsys)
    at_work(one)
    for each in resources(BLOG, "v7", Label.LIVE, 77):
        if each.kind != DATABASE:
            scene.heap.add([replace(each, tags={**each.tags, t.LEDGER: BLOG_LEDGER})])
    home = LedgerHome("blog.example.com", PLACE.account, PLACE.region)
    under_way = Lease(DeployId("blog", DEAD.born, "ccccc"), RUNS, "launch")
    ledger = replace(CLEAN, home=home, live=Live(BLOG, ("10.0.1.77",)), previous=())
    blog = scene.ledgers.locate("blog", "blog.example.com")
    scene.ledgers.put(blog, replace(ledger, lease=under_way))
    return one


def test_abort_leaves_the_service_beside_it_alone(desk: Desk) -> None:
    """The release of the shop ends and is undone; blog's lease, tags and resources stand."""
    scene = desk.scene
    text = scene.ledgers.zone.texts["blog._deploy.example.com"]
    before = {one.id: one for one in scene.heap.held.values() if one.deploy == BLOG}
    done = desk.types("deployer abort shop")
    assert done.code == Exit.DONE, done.text
    assert "not configured" not in done.text
    assert "of service blog, which this run does not look at; kept" in done.text
    assert "i-41" not in scene.heap.ids
    assert scene.ledger.lease is None
    assert {one.id: one for one in scene.heap.held.values() if one.deploy == BLOG} == before
    assert len(before) > 3
    assert scene.ledgers.zone.texts["blog._deploy.example.com"] == text


def test_abort_by_id_is_of_that_release_alone(desk: Desk) -> None:
    """An id whose release does not hold the lease is refused, and nothing is ended."""
    held = desk.scene.ledger
    refused = desk.types(f"deployer abort {LIVE}")
    assert refused.code == Exit.REFUSED
    assert f"{LIVE} does not hold the lease of shop" in refused.text
    assert desk.scene.ledger == held
    assert desk.types(f"deployer abort {DEAD}").code == Exit.DONE
    assert desk.scene.ledger.lease is None
