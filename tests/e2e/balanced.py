"""The company behind its load balancer, and the fixtures of the tests of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import BALANCER, Options
from deployer.sandbox.network import name_server
from tests.e2e.probes import wait_for
from tests.support.balanced_clients import Clients
from tests.support.company import LEDGER, RECORD
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
        """The first listener of its load balancer."""
        (balancer,) = self.elb.describe_load_balancers(Names=["shop"])["LoadBalancers"]
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


def deregister_at_once(shop: Shop) -> None:
    """Of a shop on its first day: a deregistration takes a second, of its copies too."""
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    (group,) = shop.groups.values()
    shop.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=delay)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of the shape `balancer`."""
    one = Sandbox.at(tmp_path_factory.mktemp("balanced") / "box")
    one.up(Options(shape=BALANCER, owner=os.getpid()))
    yield one
    one.down()


@pytest.fixture
def unadopted(box: Sandbox) -> Shop:
    """On its first day; a deregistration takes a second."""
    box.reset()
    made = Shop(box)
    made.look_often(25)
    deregister_at_once(made)
    return made


@pytest.fixture
def shop(unadopted: Shop) -> Shop:
    """Adopted."""
    unadopted.adopt()
    return unadopted


def only(shop: Shop) -> str:
    """The one group that gets requests."""
    (name,) = (name for name, weight in shop.weights.items() if weight)
    return name
