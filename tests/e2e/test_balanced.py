"""The whole life of a service behind a load balancer, as its clients see it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import BALANCER, Options
from deployer.sandbox.network import name_server
from reconciler.exit_codes import Exit
from tests.e2e.probes import takes_writes, wait_for, writable
from tests.support.balanced_clients import Clients
from tests.support.company import LEDGER, RECORD, TRUSTING
from tests.support.warm_company import WarmCompany

FAILED: set[tuple[str, object]] = {("kept", 200), ("new", 200), ("order", 201), ("order", 503)}
"""All that clients may see: an order is refused, in words, while its database is copied."""


@dataclass
class Shop(WarmCompany):
    """The company behind its load balancer."""

    clients: Clients = field(init=False)

    def __post_init__(self) -> None:
        found = name_server.resolve(self.sandbox.state().dns, RECORD)
        self.clients = Clients(tuple(address for address, _ in found))

    @property
    def elb(self) -> Any:
        """A plain client of its load balancers."""
        return self.aws("elbv2")

    @property
    def listener(self) -> str:
        """The only listener."""
        (balancer,) = self.elb.describe_load_balancers()["LoadBalancers"]
        listed = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])
        return str(listed["Listeners"][0]["ListenerArn"])

    @property
    def weights(self) -> dict[str, int]:
        """Weight by the group's name."""
        (listener,) = self.elb.describe_listeners(ListenerArns=[self.listener])["Listeners"]
        groups = listener["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]
        return {one["TargetGroupArn"].split("/")[1]: one["Weight"] for one in groups}

    @property
    def groups(self) -> dict[str, str]:
        """Every target group: ARN by name."""
        found = self.elb.describe_target_groups()["TargetGroups"]
        return {one["TargetGroupName"]: one["TargetGroupArn"] for one in found}

    def text(self) -> str:
        """The ledger's text."""
        answer = self.aws("route53").list_resource_record_sets(HostedZoneId=self.zone_id())
        sets = (one for one in answer["ResourceRecordSets"] if one["Name"].rstrip(".") == LEDGER)
        return next((one["ResourceRecords"][0]["Value"] for one in sets), "")

    @property
    def live(self) -> str:
        """Who is live by the ledger."""
        return self.text().partition('"live=')[2].split()[0]

    def forward(self, **weights: int) -> None:
        """Somebody replaces the action, as Terraform does."""
        arns = self.groups
        groups = [{"TargetGroupArn": arns[n], "Weight": w} for n, w in weights.items()]
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.elb.modify_listener(ListenerArn=self.listener, DefaultActions=[action])

    def sweep_until(self, names: set[str]) -> None:
        """Sweep until only these groups are named: requests have drained by then."""

        def swept() -> bool:
            self.ok("reconciler", "sweep")
            return set(self.weights) == names

        wait_for(swept, f"only {names} are named", limit=240)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of the shape `balancer`."""
    one = Sandbox.at(tmp_path_factory.mktemp("balanced") / "box")
    one.up(Options(shape=BALANCER, owner=os.getpid()))
    yield one
    one.down()


@pytest.fixture
def shop(box: Sandbox) -> Shop:
    """Adopted; a deregistration takes a second, a database's changes are nobody's loss."""
    box.reset()
    made = Shop(box)
    made.look_often(25)
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    (group,) = made.groups.values()
    made.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=delay)
    made.adopt()
    return made


def only(shop: Shop) -> str:
    """The one group that gets requests."""
    (name,) = (name for name, weight in shop.weights.items() if weight)
    return name


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
