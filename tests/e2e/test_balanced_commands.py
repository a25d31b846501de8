"""Behind a load balancer: several listeners, the other commands, and through a bastion."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import PRIVATE_BALANCER, Options
from deployer.sandbox.network import name_server
from reconciler.exit_codes import Exit
from tests.e2e.balanced import FAILED, Shop, only
from tests.e2e.probes import die_in, takes_writes, wait_for, writable
from tests.e2e.test_private import OutsideCompany
from tests.support.balanced_clients import Clients
from tests.support.company import PORT, RECORD, Change, Company

KIND = '^kind = "target-group".*$'


def network_listener(shop: Shop) -> tuple[str, tuple[str, ...]]:
    """A TCP listener of a network load balancer in front of the live machine, and its nodes."""
    (machine,) = shop.instances()
    group = shop.elb.create_target_group(
        Name="tcp-by-hand",
        Protocol="TCP",
        Port=PORT,
        VpcId=machine["VpcId"],
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": machine["InstanceId"]}])
    made = shop.elb.create_load_balancer(
        Name="shop-tcp", Type="network", Scheme="internal", Subnets=[machine["SubnetId"]]
    )["LoadBalancers"][0]
    listener = shop.elb.create_listener(
        LoadBalancerArn=made["LoadBalancerArn"],
        Protocol="TCP",
        Port=PORT,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )["Listeners"][0]["ListenerArn"]
    target = {
        "HostedZoneId": made["CanonicalHostedZoneId"],
        "DNSName": made["DNSName"],
        "EvaluateTargetHealth": False,
    }
    change = {"Name": "tcp.example.test", "Type": "A", "AliasTarget": target}
    shop.aws("route53").change_resource_record_sets(
        HostedZoneId=shop.zone_id(),
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": change}]},
    )
    found = name_server.resolve(shop.sandbox.state().dns, "tcp.example.test")
    return listener, tuple(address for address, _ in found)


def web_rule(shop: Shop) -> str:
    """A rule of a second listener, to the group that the first one forwards to."""
    (balancer,) = shop.elb.describe_load_balancers(Names=["shop"])["LoadBalancers"]
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = shop.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=PORT + 1,
        DefaultActions=[nothing],
    )["Listeners"][0]["ListenerArn"]
    made = shop.elb.create_rule(
        ListenerArn=listener,
        Priority=10,
        Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": shop.groups["shop-by-hand"]}],
    )
    return str(made["Rules"][0]["RuleArn"])


def groups_of(shop: Shop, *routes: str) -> list[str]:
    """The names of the groups that get all requests of these routes."""
    rules, listeners = [], []
    for route in routes:
        if ":listener-rule/" in route:
            rules += shop.elb.describe_rules(RuleArns=[route])["Rules"][0]["Actions"]
        else:
            found = shop.elb.describe_listeners(ListenerArns=[route])["Listeners"][0]
            listeners += found["DefaultActions"]
    return [
        one["TargetGroupArn"].split("/")[1]
        for action in (*listeners, *rules)
        for one in action["ForwardConfig"]["TargetGroups"]
        if one["Weight"]
    ]


def test_listeners_of_two_balancers_and_a_kill_between_two_switches(unadopted: Shop) -> None:
    """Each switches in turn; what a kill leaves half done, a young sweep does; nobody is failed."""
    shop = unadopted
    tcp, nodes = network_listener(shop)
    routes = (shop.listener, tcp, web_rule(shop))
    listed = ", ".join(f'"{one}"' for one in routes)
    shop.configure(KIND, f'kind = "target-group"\nlistener = [{listed}]')
    shop.adopt()
    first, tcp_clients = shop.live, Clients(nodes * 2)
    faults = shop.sandbox.faults()
    with shop.clients.at_work(), tcp_clients.at_work():
        # Two listeners and a rule get a second group; then the first listener is switched.
        faults.set("ModifyListener", "throttle", times=0, skip=3)
        with shop.releasing("v1.5.0") as release:
            release.wait_for_step("commit")
            wait_for(lambda: shop.live != first, "the commit")
            wait_for(lambda: only(shop) != "shop-by-hand", "the first switch")
            release.send(signal.SIGKILL)
            release.finish()
        assert groups_of(shop, *routes[1:]) == ["tcp-by-hand", "shop-by-hand"]
        assert not takes_writes(shop, "shop")
        faults.clear()
        shop.ok("reconciler", "sweep", "--young")
        new = groups_of(shop, *routes)
        assert len(set(new)) == 3
        assert not {"tcp-by-hand", "shop-by-hand"} & {*new}
        assert len(writable(shop)) == 1
        shop.ok("reconciler", "sweep")
        shop.clients.have_gone_on()
        tcp_clients.have_gone_on()
    assert shop.clients.outcomes() <= FAILED
    # Open connections stay at the old machine (NLB guide): it answers reads and refuses orders.
    assert tcp_clients.outcomes() <= FAILED
    [database] = writable(shop)
    receipts = shop.clients.receipts | tcp_clients.receipts
    assert receipts <= shop.rows("shop") | shop.rows(database)
    shown = shop.ok("deployer", "traffic", "shop")
    assert all(group in shown.out for group in new)


def test_failing_aborted_held_and_recovered(shop: Shop) -> None:
    """What a release leaves is gone, groups too; a held group stays; the ledger is written anew."""
    planned = shop.ok("deployer", "plan", "shop").out
    assert shop.listener in planned
    assert "the record leads to it" in planned
    before, groups = shop.resources(), set(shop.groups)
    failed = shop.deployer("up", "shop", "--ref", "v1.6.0")
    assert failed.code == Exit.FAILED, failed
    assert (shop.resources(), set(shop.groups)) == (before, groups)

    die_in(shop, "migrate", "v1.7.0")
    assert len(shop.weights) == 2
    (left,) = set(shop.groups) - groups
    arn = shop.groups[left]
    shop.ok("reconciler", "hold", arn, "ask Ann")
    shop.ok("deployer", "abort", "shop", "--yes")
    assert left in shop.groups  # its machine was not registered yet: nothing else is needed
    assert "ask Ann" in shop.ok("reconciler", "explain", arn).out
    assert " 1 tg" in shop.reconciler("report").out
    shop.ok("reconciler", "unhold", arn)
    shop.ok("reconciler", "sweep")
    assert (shop.resources(), set(shop.groups)) == (before, groups)
    assert shop.weights == {"shop-by-hand": 1}
    assert takes_writes(shop, "shop")

    shop.up("v1.5.0")
    live, text = shop.live, shop.text()
    shop.change_records(Change("DELETE", [text]))
    refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
    assert refused.code == Exit.REFUSED, refused
    assert "deployer recover shop" in refused.err
    shop.ok("deployer", "recover", "shop", "--yes")
    assert shop.live == live
    shop.ok("deployer", "status", "shop")
    assert f"traffic={shop.listener}" in shop.text()


def point_at(shop: Shop, address: str) -> None:
    """The record names the machine itself, instead of the balancer."""
    zone, client = shop.zone_id(), shop.aws("route53")
    sets = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    alias = next(one for one in sets if (one["Name"], one["Type"]) == (f"{RECORD}.", "A"))
    plain = {**Change("CREATE", [address], RECORD, "A").as_aws["ResourceRecordSet"]}
    changes = [
        {"Action": "DELETE", "ResourceRecordSet": alias},
        {"Action": "CREATE", "ResourceRecordSet": plain},
    ]
    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def test_moved_to_the_record_and_back(shop: Shop) -> None:
    """Both ways by `deployer move`; each is refused in words until clients are led to live."""
    listener, service = shop.listener, shop.service_file()
    balanced = service.read_text()
    shop.configure(KIND, 'kind = "record"')
    refused = shop.deployer("move", "shop", "--yes")
    assert refused.code != 0
    assert "alias" in refused.err
    (machine,) = shop.instances()
    point_at(shop, machine["PrivateIpAddress"])
    shop.ok("deployer", "move", "shop", "--yes")
    assert "traffic=" not in shop.text()
    shop.up("v1.5.0")
    assert shop.version() == "v1.5.0"

    named = f'kind = "target-group"\nlistener = "{listener}"'
    service.write_text(balanced)
    shop.configure(KIND, named)
    refused = shop.deployer("move", "shop", "--yes")
    assert refused.code == Exit.REFUSED, refused
    assert "traffic=" not in shop.text()
    (new,) = (one for one in shop.instances() if one["PrivateIpAddress"] in shop.pointed_at())
    group = shop.elb.create_target_group(
        Name="again-by-hand", Protocol="HTTP", Port=PORT, VpcId=new["VpcId"]
    )["TargetGroups"][0]["TargetGroupArn"]
    shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": new["InstanceId"]}])
    shop.forward(**{"again-by-hand": 1})
    shop.ok("deployer", "move", "shop", "--yes")
    assert f"traffic={listener}" in shop.text()
    shop.ok("deployer", "rollback", "shop", "--discard-writes")
    assert only(shop) != "again-by-hand"
    assert writable(shop) == ["shop"]


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose machines are behind a bastion and, for clients, behind a balancer."""
    one = Sandbox.at(tmp_path_factory.mktemp("hidden") / "box")
    one.up(Options(shape=PRIVATE_BALANCER, owner=os.getpid()))
    yield one
    one.down()


@dataclass
class HiddenShop(OutsideCompany, Shop):
    """Driven from outside; its clients are inside."""

    start = Company.start  # a process of its own: a warm one is inside the network


def test_a_life_from_outside_through_a_bastion(hidden: Sandbox, tmp_path: Path) -> None:
    """Adopt, release, fail, roll back: every command reaches API and bastion alone."""
    shop = HiddenShop(hidden, tmp_path)
    shop.look_often(25)
    shop.adopt()
    with shop.clients.at_work():
        shop.up("v1.5.0")
        new = only(shop)
        assert new != "shop-by-hand"
        failed = shop.deployer("up", "shop", "--ref", "v1.6.0")
        assert failed.code == Exit.FAILED, failed
        assert only(shop) == new
        shop.ok("deployer", "rollback", "shop", "--discard-writes")
        assert only(shop) not in {new, "shop-by-hand"}
    assert shop.clients.outcomes() <= FAILED
    assert writable(shop) == ["shop"]
