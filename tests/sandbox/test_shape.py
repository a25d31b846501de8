"""The company behind a load balancer, and a release by hand through it, as its clients see it."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.company import configuration
from deployer.sandbox.company.cloud import AwsClients
from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import BALANCER, Options
from deployer.sandbox.network import name_server
from deployer.sandbox.status_text import as_text
from reconciler.errors import Refused
from tests.contract.helpers import eventually
from tests.support.balanced_clients import Clients

RECORD = f"shop.{configuration.ZONE}"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of the shape `balancer`, as on its first day."""
    one = Sandbox.at(tmp_path_factory.mktemp("balancer") / "box")
    one.up(Options(shape=BALANCER, owner=os.getpid()))
    yield one
    one.down()


@dataclass(frozen=True)
class Hand:
    """What a person does with the API: a release without the deployer."""

    cloud: AwsClients

    def clone(self, machine: str) -> str:
        """A new machine from an image of the live one."""
        ec2 = self.cloud.ec2
        image = ec2.create_image(InstanceId=machine, Name="by-hand", NoReboot=True)["ImageId"]
        ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
        live = ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0]
        made = ec2.run_instances(
            ImageId=image,
            InstanceType="t3.small",
            MinCount=1,
            MaxCount=1,
            SubnetId=live["SubnetId"],
            SecurityGroupIds=[one["GroupId"] for one in live["SecurityGroups"]],
        )["Instances"][0]["InstanceId"]
        ec2.get_waiter("instance_running").wait(InstanceIds=[made], WaiterConfig={"Delay": 1})
        return made

    def listener(self) -> str:
        """The only listener."""
        (balancer,) = self.cloud.elbv2.describe_load_balancers()["LoadBalancers"]
        arn = balancer["LoadBalancerArn"]
        return self.cloud.elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0][
            "ListenerArn"
        ]

    def group(self) -> str:
        """The only group."""
        (group,) = self.cloud.elbv2.describe_target_groups()["TargetGroups"]
        return group["TargetGroupArn"]

    def new_group(self, old: str, machine: str) -> str:
        """A group like the old one, with this machine in it."""
        like = self.cloud.elbv2.describe_target_groups(TargetGroupArns=[old])["TargetGroups"][0]
        made = self.cloud.elbv2.create_target_group(
            Name="shop-new",
            Protocol="HTTP",
            Port=like["Port"],
            VpcId=like["VpcId"],
            HealthCheckPath=like["HealthCheckPath"],
            HealthCheckIntervalSeconds=like["HealthCheckIntervalSeconds"],
        )["TargetGroups"][0]["TargetGroupArn"]
        self.cloud.elbv2.register_targets(TargetGroupArn=made, Targets=[{"Id": machine}])
        return made

    def forward(self, weights: dict[str, int]) -> None:
        """Replace the listener's action."""
        groups: Any = [{"TargetGroupArn": arn, "Weight": one} for arn, one in weights.items()]
        action: Any = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}
        self.cloud.elbv2.modify_listener(ListenerArn=self.listener(), DefaultActions=[action])

    def states(self, group: str) -> list[str]:
        """The states of a group's targets."""
        answer = self.cloud.elbv2.describe_target_health(TargetGroupArn=group)
        return [one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]]


def nodes(sandbox: Sandbox) -> tuple[str, ...]:
    """What the record resolves to."""
    found = name_server.resolve(sandbox.state().dns, RECORD)
    assert {ttl for _, ttl in found} == {60}
    return tuple(address for address, _ in found)


def test_a_release_by_hand_behind_the_balancer_fails_nobody(behind: Sandbox) -> None:
    """Registration, switch, drain, detach, delete, termination: no request fails, none waits anew.

    The record is an alias, its nodes are no machines, and the open connection stays the same one.
    """
    state = behind.state()
    hand = Hand(AwsClients.at(state.endpoint, state.access_key, state.secret_key))
    (live,) = behind.status()["instances"]
    old, clients = hand.group(), Clients(nodes(behind))
    assert live["address"] not in clients.nodes
    with clients.at_work():
        machine = hand.clone(live["id"])
        new = hand.new_group(old, machine)
        assert hand.states(new) == ["unused"]
        hand.forward({old: 1, new: 0})
        eventually(lambda: hand.states(new) == ["healthy"], patience=60)
        hand.forward({old: 0, new: 1})
        clients.have_gone_on()
        hand.cloud.elbv2.deregister_targets(TargetGroupArn=old, Targets=[{"Id": live["id"]}])
        assert hand.states(old) == ["draining"]
        eventually(lambda: hand.states(old) == [], patience=60)
        hand.forward({new: 1})
        hand.cloud.elbv2.delete_target_group(TargetGroupArn=old)
        hand.cloud.ec2.terminate_instances(InstanceIds=[live["id"]])
        clients.have_gone_on()
    good = {("kept", 200), ("new", 200), ("order", 201)}
    assert {one for one, times in clients.found.items() if times} == good
    assert hand.group() == new


def test_reset_brings_the_balancer_back(behind: Sandbox) -> None:
    """With the machine behind it, and a sandbox of another shape is another kind."""
    behind.reset()
    report = behind.status()
    assert report["balancers"][0]["listeners"] == [
        {"port": configuration.APP_PORT, "weights": {"shop-by-hand": 1}}
    ]
    text = as_text(report)
    assert "balancer  shop  8080 → shop-by-hand 1" in text
    assert f"A  alias {report['balancers'][0]['dns']}" in text
    node = nodes(behind)[0]
    with closing(http.client.HTTPConnection(node, configuration.APP_PORT, timeout=30)) as client:
        client.request("GET", "/healthz")
        assert client.getresponse().status == 200
    with pytest.raises(Refused, match="another kind"):
        behind.up(Options())


def test_adopt_refuses_an_alias_where_the_record_is_traffic(behind: Sandbox) -> None:
    """In words, and nothing is tagged or written."""
    file = Path(behind.process_environment()["DEPLOY_CONFIG"]) / "services/shop.toml"
    file.write_text(file.read_text().replace('"target-group"', '"record"'))
    entry = "from deployer.cli.main import main; main()"
    command = [sys.executable, "-c", entry, "adopt", "shop", "--yes"]
    environment = behind.process_environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "A (an alias) stands there" in done.stderr
    assert {one["type"] for one in behind.status()["records"]} == {"A"}
