"""The whole life of a service behind a load balancer, as its clients see it."""

from __future__ import annotations

import signal

from reconciler.exit_codes import Exit
from tests.e2e.balanced import FAILED, Shop, only
from tests.e2e.probes import takes_writes, wait_for, writable
from tests.support.balanced_clients import Clients
from tests.support.company import TRUSTING


def _foreign_change_in_a_release(shop: Shop) -> None:
    """It takes the new group out again: the release gives up, and cleans up."""
    with shop.releasing("v1.5.0") as release:
        release.wait_for_step("database")
        assert len(shop.weights) == 2
        shop.forward(**{"shop-by-hand": 1})
        done = release.finish()
    assert done.code == Exit.FAILED, done
    assert shop.weights == {"shop-by-hand": 1}
    assert set(shop.groups) == {"shop-by-hand"}
    assert len(shop.instances()) == 1
    assert takes_writes(shop, "shop")


def test_a_whole_life_behind_a_load_balancer(shop: Shop) -> None:
    """Foreign changes, a failing release, drain, rollback: nobody is failed, no write lost."""
    first = shop.live
    with shop.clients.at_work():
        _foreign_change_in_a_release(shop)
        assert shop.live == first
        shop.up("v1.5.0")
        second = shop.live
        new = only(shop)
        assert new != "shop-by-hand"
        shop.clients.have_gone_on()
        shop.sweep_until({new})
        assert set(shop.groups) == {"shop-by-hand", new}  # adopted: no deploy made it
        placed = set(shop.clients.receipts)
    assert shop.clients.outcomes() <= FAILED
    [database] = writable(shop)
    assert placed <= shop.rows(database)

    shop.clients = Clients(shop.clients.nodes)
    with shop.clients.at_work():
        shop.ok("deployer", "rollback", "shop", "--discard-writes")
        assert shop.live == first
        back = only(shop)
        assert back not in {"shop-by-hand", new}
        shop.sweep_until({back})
        assert set(shop.groups) == {"shop-by-hand", back}
    assert shop.clients.outcomes() <= FAILED
    assert writable(shop) == ["shop"]
    assert f"previous={second}" in shop.text()
    status = shop.ok("deployer", "status", "shop", "--exit-code")
    assert back in status.out


def test_killed_between_commit_and_switch(shop: Shop) -> None:
    """A young sweep finishes: reads never fail, writes are taken again; then people win."""
    first, faults = shop.live, shop.sandbox.faults()
    with shop.clients.at_work():
        faults.set("ModifyListener", "throttle", times=0, skip=1)
        with shop.releasing("v1.5.0") as release:
            release.wait_for_step("commit")
            wait_for(lambda: shop.live != first, "the commit")
            release.send(signal.SIGKILL)
            release.finish()
        assert only(shop) == "shop-by-hand"
        faults.clear()
        shop.ok("reconciler", "sweep", "--young")
        new = only(shop)
        assert new != "shop-by-hand"
        [database] = writable(shop)
        assert database != "shop"
        shop.ok("reconciler", "sweep")
        shop.clients.have_gone_on()

        # After the label: reported, never moved back, and refused by a release.
        shop.forward(**{"shop-by-hand": 1, new: 0})
        assert shop.reconciler("sweep").code == Exit.DIRT
        refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
        assert refused.code == Exit.REFUSED, refused
        assert "deployer traffic shop --follow" in refused.err
        assert only(shop) == "shop-by-hand"
        shop.ok("deployer", "traffic", "shop", "--follow", "--yes")
        assert only(shop) == new
        shop.ok("reconciler", "sweep")
    assert shop.clients.outcomes() <= FAILED
    assert shop.clients.receipts <= shop.rows("shop") | shop.rows(database)


def _marked(shop: Shop) -> set[str]:
    """The target groups that carry our tags."""
    arns = shop.groups
    told = shop.elb.describe_tags(ResourceArns=list(arns.values()))["TagDescriptions"]
    ours = {
        one["ResourceArn"]
        for one in told
        if any(tag["Key"].startswith("deploy-") for tag in one["Tags"])
    }
    return {name for name, arn in arns.items() if arn in ours}


def test_leaving_changes_no_traffic(shop: Shop) -> None:
    """Listener, weights and targets stay; the group is nobody's, until `adopt` claims it again."""
    shop.up("v1.5.0")
    serving = only(shop)
    shop.sweep_until({serving})
    before, live = shop.weights, shop.live
    with shop.clients.at_work():
        shop.ok("deployer", "leave", "shop", "--yes")
        shop.ok("reconciler", "sweep")
        shop.clients.have_gone_on()
    assert shop.clients.outcomes() <= FAILED
    assert shop.weights == before
    assert serving in shop.groups
    assert serving not in _marked(shop)
    shop.ok("deployer", "adopt", "shop", *TRUSTING)
    assert shop.live == live
    assert serving in _marked(shop)
    shop.up("v1.7.0")
    assert only(shop) != serving
