"""The whole life of a service whose record names an Elastic IP, as its clients see it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import ELASTIC, PRIVATE_ELASTIC, Options
from reconciler.exit_codes import Exit
from tests.e2e.leaving import goes_and_comes_back
from tests.e2e.probes import has, takes_writes, wait_for, writable
from tests.e2e.test_private import OutsideCompany
from tests.support.balanced_clients import Clients
from tests.support.company import LEDGER, Company, Json
from tests.support.warm_company import WarmCompany

FINE: set[tuple[str, object]] = {("kept", 200), ("new", 200), ("order", 201), ("order", 503)}
"""An order is refused, in words, while its database is copied."""

TORN: tuple[str, ...] = ("ConnectionResetError", "RemoteDisconnected", "BrokenPipeError")
"""What a client may see whose connection was open when the address moved; once a move."""


@dataclass
class Shop(WarmCompany):
    """The company whose live machine has an Elastic IP."""

    clients: Clients = field(init=False)

    def __post_init__(self) -> None:
        self.clients = self.fresh_clients()

    def fresh_clients(self) -> Clients:
        """Clients that know the address alone."""
        return Clients((self.address,) * 2)

    @property
    def elastic(self) -> Json:
        """The Elastic IP."""
        (found,) = self.aws("ec2").describe_addresses()["Addresses"]
        return dict(found)

    @property
    def address(self) -> str:
        """The address that clients and partners know."""
        return str(self.elastic["PublicIp"])

    @property
    def holder(self) -> str:
        """The machine that has it."""
        return str(self.elastic.get("InstanceId", ""))

    def give(self, machine: str) -> None:
        """Somebody moves the address."""
        self.aws("ec2").associate_address(
            AllocationId=self.elastic["AllocationId"], InstanceId=machine, AllowReassociation=True
        )

    def machines(self) -> set[str]:
        """All that run, or were stopped."""
        return {one["InstanceId"] for one in self.instances()}

    def text(self) -> str:
        """The ledger's text."""
        answer = self.aws("route53").list_resource_record_sets(HostedZoneId=self.zone_id())
        sets = (one for one in answer["ResourceRecordSets"] if one["Name"].rstrip(".") == LEDGER)
        return next((one["ResourceRecords"][0]["Value"] for one in sets), "")

    @property
    def live(self) -> str:
        """Who is live by the ledger."""
        return self.text().partition('"live=')[2].split()[0]


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of the shape `elastic-ip`."""
    one = Sandbox.at(tmp_path_factory.mktemp("elastic") / "box")
    one.up(Options(shape=ELASTIC, owner=os.getpid()))
    yield one
    one.down()


@pytest.fixture
def shop(box: Sandbox) -> Shop:
    """Adopted; it is looked at often."""
    box.reset()
    made = Shop(box)
    made.look_often(25)
    made.adopt()
    return made


def nobody_is_failed(clients: Clients, moves: int) -> None:
    """No answer but a good one; a connection may tear that was open when the address moved."""
    torn = {key: times for key, times in clients.found.items() if str(key[1]).startswith(TORN)}
    other = {key for key in clients.outcomes() if key not in torn and key[1] != "reconnected"}
    assert other <= FINE, clients.found
    for who in ("kept", "new", "order"):
        assert sum(times for key, times in torn.items() if key[0] == who) <= moves, clients.found


def _foreign_move_in_a_release(shop: Shop, stranger: str) -> None:
    """Somebody takes the address away in mid-release: the release gives up, and cleans up."""
    mine = shop.machines()
    with shop.releasing("v1.5.0") as release:
        release.wait_for_step("database")
        was = shop.holder
        shop.give(stranger)
        done = release.finish()
    assert done.code == Exit.FAILED, done
    has(done.out, "somebody changed traffic meanwhile")
    assert shop.holder == stranger
    assert shop.machines() == mine
    refused = shop.deployer("up", "shop", "--ref", "v1.5.0")
    assert refused.code == Exit.REFUSED, refused
    has(refused.err, "deployer traffic shop --follow")
    assert shop.holder == stranger
    shop.ok("deployer", "traffic", "shop", "--follow", "--yes")
    assert shop.holder == was


def test_a_whole_life_with_an_elastic_ip(shop: Shop) -> None:
    """A foreign move, a failing release, a rollback: the address goes along, no write is lost."""
    first, machine, address = shop.live, shop.holder, shop.address
    _foreign_move_in_a_release(shop, _stranger(shop, machine))
    assert takes_writes(shop, "shop")

    shop.clients = shop.fresh_clients()
    with shop.clients.at_work():
        failed = shop.deployer("up", "shop", "--ref", "broken-smoke")
        assert failed.code == Exit.FAILED, failed
        assert (shop.live, shop.holder) == (first, machine)
        shop.up("v1.5.0")
        second, new = shop.live, shop.holder
        assert (second == first, new == machine) == (False, False)
        shop.clients.have_gone_on()
        shop.ok("reconciler", "sweep")
        placed = set(shop.clients.receipts)
    nobody_is_failed(shop.clients, moves=1)
    [database] = writable(shop)
    assert placed <= shop.rows(database)
    assert shop.pointed_at() == (address,)

    shop.clients = shop.fresh_clients()
    with shop.clients.at_work():
        shop.ok("deployer", "rollback", "shop", "--discard-writes")
        assert (shop.live, shop.holder) == (first, machine)
        shop.ok("reconciler", "sweep")
    nobody_is_failed(shop.clients, moves=1)
    assert writable(shop) == ["shop"]
    assert f"previous={second}" in shop.text()
    status = shop.ok("deployer", "status", "shop", "--exit-code")
    has(status.out, address, machine)
    assert (shop.address, shop.pointed_at()) == (address, (address,))
    assert "Tags" not in shop.elastic or not shop.elastic["Tags"]


def test_killed_between_commit_and_move(shop: Shop) -> None:
    """A young sweep finishes: reads never fail, writes are taken again; then people win."""
    first, machine, faults = shop.live, shop.holder, shop.sandbox.faults()
    with shop.clients.at_work():
        faults.set("AssociateAddress", "throttle", times=0)
        with shop.releasing("v1.5.0") as release:
            release.wait_for_step("commit")
            wait_for(lambda: shop.live != first, "the commit")
            release.send(signal.SIGKILL)
            release.finish()
        assert shop.holder == machine
        faults.clear()
        shop.ok("reconciler", "sweep", "--young")
        new = shop.holder
        assert new != machine
        [database] = writable(shop)
        assert database != "shop"
        shop.ok("reconciler", "sweep")
        shop.clients.have_gone_on()

        # After the label: reported, never moved back, and refused by a release.
        shop.give(machine)
        assert shop.reconciler("sweep").code == Exit.DIRT
        refused = shop.deployer("up", "shop", "--ref", "v1.7.0")
        assert refused.code == Exit.REFUSED, refused
        has(refused.err, "deployer traffic shop --follow")
        assert shop.holder == machine
        shop.ok("deployer", "traffic", "shop", "--follow", "--yes")
        assert shop.holder == new
        shop.ok("reconciler", "sweep")
    nobody_is_failed(shop.clients, moves=3)
    assert shop.clients.receipts <= shop.rows("shop") | shop.rows(database)


def test_it_leaves_with_its_address_and_comes_back(shop: Shop) -> None:
    """The Elastic IP stays where it is, through a broad sweep and a reboot; `up` moves it again."""
    shop.up("v1.5.0")
    holder, address = shop.holder, shop.address
    goes_and_comes_back(shop)
    assert (shop.holder, shop.address) == (holder, address)
    shop.up("v1.7.0")
    assert (shop.holder == holder, shop.address) == (False, address)
    assert (shop.version(), len(writable(shop))) == ("v1.7.0", 1)


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox whose machines are behind a bastion; clients come by the Elastic IP."""
    one = Sandbox.at(tmp_path_factory.mktemp("hidden") / "box")
    one.up(Options(shape=PRIVATE_ELASTIC, owner=os.getpid()))
    yield one
    one.down()


@dataclass
class HiddenShop(Shop, OutsideCompany):
    """Driven from outside; its clients are inside."""

    start = Company.start  # a process of its own: a warm one is inside the network


def test_a_life_from_outside_through_a_bastion(hidden: Sandbox, tmp_path: Path) -> None:
    """Adopt, release, fail, roll back: every command reaches API and bastion alone."""
    shop = HiddenShop(hidden, tmp_path)
    shop.look_often(25)
    shop.adopt()
    first, machine, address = shop.live, shop.holder, shop.address
    with shop.clients.at_work():
        shop.up("v1.5.0")
        new = shop.holder
        failed = shop.deployer("up", "shop", "--ref", "v1.6.0")
        assert failed.code == Exit.FAILED, failed
        assert shop.holder == new != machine
        placed = set(shop.clients.receipts)
        [database] = writable(shop)
        assert placed <= shop.rows("shop") | shop.rows(database)
        shop.ok("deployer", "rollback", "shop", "--discard-writes")
    nobody_is_failed(shop.clients, moves=2)
    assert (shop.live, shop.holder, shop.address) == (first, machine, address)
    assert writable(shop) == ["shop"]


def _stranger(shop: Shop, like: str) -> str:
    """A machine that no deploy made, in the same subnet."""
    ec2 = shop.aws("ec2")
    (live,) = (one for one in shop.instances() if one["InstanceId"] == like)
    made = ec2.run_instances(
        ImageId=live["ImageId"],
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        SubnetId=live["SubnetId"],
        SecurityGroupIds=[one["GroupId"] for one in live["SecurityGroups"]],
    )["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made], WaiterConfig={"Delay": 1})
    return str(made)
