"""One dead thing of every kind, one live, and copies of all with their tags: what a sweep does.

The real heap and the real ledger on the strict API; only the database server is in memory.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.aws.moto_application import ec2_backend
from reconciler.aws.inventory import Ec2Inventory
from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.cost.audit import report
from reconciler.cost.price_list import Prices
from reconciler.database.state_comment import Memory
from reconciler.gc import ownership
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Reason, Role
from reconciler.model import ledger as led
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    KEY_PAIR,
    RDS_INSTANCE,
    SNAPSHOT,
    TEMPLATE,
    VOLUME,
)
from reconciler.model.tags import Label
from reconciler.plan.service_plan import SweepRequest
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import make_plan, sweep
from tests.fakes.service_access import FakeReach, ToldServer
from tests.support.aws_api import HASTE, PLACE, Api, pairs
from tests.support.every_kind import Maker, born

HELD = {"deploy-hold": "ask Ada"}


class World:
    """A service `shop` whose live deploy and whose dead one have a thing of every kind each."""

    def __init__(self, api: Api, root: Path) -> None:
        self.api = api
        ledgers = Route53Ledgers(api.aws, replace(HASTE, deadline=5.0))
        api.aws.route53_once.create_hosted_zone(Name="example.com", CallerReference="one")
        address = ledgers.locate("shop", "shop.example.com")
        base = api.image()
        self.live = Maker(api, born("7kq2m", str(address)), base).all()
        self.dead = Maker(api, born("x9f4c", str(address)), base).all()
        self.server = ToldServer([])
        for one in (self.live, self.dead):
            deploy = one.birth.deploy
            name = deploy.database_name(str(address))
            self.server.create(name, "shop_app", Memory(deploy, str(address), deploy.born, 1))
            one.ids[DATABASE] = [name]
        heap = Ec2Inventory(api.aws, HASTE)
        self.managed = ManagedService(
            home=ServiceLocation("shop", str(address), PLACE),
            address=address,
            heap=heap,
            ledgers=ledgers,
            reach=FakeReach(root, [], self.server),
        )
        self._go_live(heap)

    def _go_live(self, heap: Ec2Inventory) -> None:
        """The live deploy is: leased, committed, labelled."""
        mine = self.live.birth.deploy
        resources = heap.scan().of(mine)
        at = tuple(one.addresses[0] for one in resources if one.kind == INSTANCE)
        now, ledgers = datetime.now(UTC).replace(microsecond=0), self.managed.ledgers
        seen = ledgers.swap(ledgers.read(self.managed.address), led.Ledger(gen=1))
        leased = led.acquire(seen.ledger, mine, now + timedelta(minutes=10))
        seen = ledgers.swap(seen, leased)
        ledgers.swap(seen, led.commit(leased, mine, led.Cutover(mine, at, None, now)), at)
        heap.label(resources, Label.LIVE)

    def sweep(self, **ask: Any) -> SweepResult:
        """A full sweep."""
        return sweep(Fleet.of(self.managed, SweepRequest(**ask) if ask else None))

    def reasons(self) -> dict[str, Role | Reason]:
        """Verdicts of now, by id."""
        (service_plan,) = make_plan(Fleet.of(self.managed)).services
        return {one.resource.id: one.reason for one in service_plan.verdicts}

    def protect_the_dead(self) -> tuple[str, str]:
        """Somebody protects its machine and its RDS instance; their id and its name."""
        (machine,) = self.dead.ids[INSTANCE]
        on = {"Value": True}
        self.api.ec2.modify_instance_attribute(InstanceId=machine, DisableApiTermination=on)
        name = self.dead.birth.deploy.rds_identifier
        self.dead.rds.modify_db_instance(
            DBInstanceIdentifier=name, DeletionProtection=True, ApplyImmediately=True
        )
        return machine, name

    def lift_protection(self) -> None:
        """From here on, as with `lift_protection` in reconciler.toml."""
        self.managed = replace(self.managed, heap=Ec2Inventory(self.api.aws, HASTE, lifts=True))


@pytest.fixture
def world(api: Api, tmp_path: Path) -> World:
    """That world."""
    return World(api, tmp_path)


def copies(world: World) -> set[str]:
    """What backup tools, restores and people make of the dead deploy, each with its tags."""
    api, dead = world.api, world.dead
    machine, disk, shot = (dead.ids[kind][0] for kind in (INSTANCE, VOLUME, SNAPSHOT))
    found = {
        *_of_ec2(api, dead, machine, disk, shot),
        dead.group(f"{dead.name}-copy"),
        dead.key_pair("deploy"),
        dead.template("shop", ImageId=dead.base),
        _address(api, dead),
        *_of_rds(dead),
    }
    for extra in (GROUP, KEY_PAIR, TEMPLATE):
        dead.ids[extra] = [one for one in dead.ids[extra] if one not in found]
    return found


def _of_ec2(api: Api, dead: Maker, machine: str, disk: str, shot: str) -> set[str]:
    """AWS Backup's image, DLM's snapshot, CopyImage, CopySnapshot, a cloned instance."""
    ec2 = api.ec2
    born_as = {kind: pairs(dead.birth.of(kind)) for kind in (IMAGE, SNAPSHOT)}

    def image(name: str) -> str:
        made = ec2.create_image(
            InstanceId=machine,
            Name=name,
            NoReboot=True,
            TagSpecifications=[{"ResourceType": IMAGE, "Tags": born_as[IMAGE]}],
        )
        return str(made["ImageId"])

    spec = [{"ResourceType": SNAPSHOT, "Tags": born_as[SNAPSHOT]}]
    by_dlm = ec2.create_snapshot(VolumeId=disk, TagSpecifications=spec)["SnapshotId"]
    by_hand = ec2.create_snapshot(VolumeId=disk, TagSpecifications=spec)["SnapshotId"]
    copied = ec2.copy_snapshot(
        SourceSnapshotId=shot, SourceRegion=PLACE.region, TagSpecifications=spec
    )["SnapshotId"]
    backup, copy = image(f"AwsBackup_{machine}"), image("copy of shop")
    (clone,) = api.machines(birth=dead.birth, image=dead.base)
    _of_another_service(by_dlm, "aws:dlm:lifecycle-policy-id", "policy-1")
    _of_another_service(backup, "aws:backup:source-resource", machine)
    shown = ec2.describe_instances(InstanceIds=[clone])["Reservations"][0]["Instances"][0]
    disks = {one["Ebs"]["VolumeId"] for one in shown["BlockDeviceMappings"]}
    interfaces = {one["NetworkInterfaceId"] for one in shown["NetworkInterfaces"]}
    return {by_dlm, by_hand, copied, backup, copy, clone, *disks, *interfaces}


def _of_another_service(id_: str, key: str, value: str) -> None:
    """A tag that only AWS itself can write."""
    ec2_backend(PLACE.account, PLACE.region).tags[id_][key] = value


def _address(api: Api, dead: Maker) -> str:
    """An address of somebody's, onto which all the machine's tags were copied."""
    made = api.ec2.allocate_address(Domain="vpc")["AllocationId"]
    api.ec2.create_tags(Resources=[made], Tags=pairs(dead.birth.of(INSTANCE)))
    return str(made)


def _of_rds(dead: Maker) -> set[str]:
    """A restore that inherits the tags, a copied snapshot, one of AWS Backup's."""
    dead.rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="restored", DBSnapshotIdentifier=dead.name
    )
    for name in ("copy", "awsbackup-job-1"):
        dead.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=dead.name, TargetDBSnapshotIdentifier=name, CopyTags=True
        )
    return {"db:restored", "snapshot:copy", "snapshot:awsbackup-job-1"}


def test_every_kind_of_garbage_goes_and_every_copy_stays(world: World) -> None:
    """All of the dead deploy is gone, nothing of the live one, and the copies are reported."""
    alike = copies(world)
    assert set(world.dead.ids) == set(ownership.KINDS)
    before = world.reasons()
    assert {before[one] for one in world.dead.every} == {Reason.UNROOTED}
    assert {one: before[one] for one in alike} == dict.fromkeys(alike, Reason.LOOK_ALIKE)
    result = world.sweep()
    assert {one.resource.id for one in result.gone} == world.dead.every
    assert result.clean, "look-alikes are no dirt"
    after = world.reasons()
    assert set(after) == world.live.every | alike
    assert {after[one] for one in world.live.every} == {Role.LIVE}
    reported = {one.verdict.resource.id for one in report(result.left, Prices()).foreign}
    assert reported == alike
    assert world.sweep().outcomes == ()


THEIRS = "Z9/shop._deploy.example.org"
"""Another team's ledger of a service that is called shop too."""


def test_another_team_with_our_names_is_left_alone(world: World) -> None:
    """Same account, tag keys, labels and service, a thing of every kind: theirs, in every word."""
    theirs = Maker(world.api, born("bbbbb", THEIRS), world.live.base).all()
    resources = [one for one in world.managed.heap.scan().resources if one.id in theirs.every]
    reasons = world.reasons()
    assert {reasons[one] for one in theirs.every} == {Reason.FOREIGN}
    result = world.sweep()
    assert result.clean
    assert {one.resource.id for one in result.gone} == world.dead.every
    found = world.managed.heap.scan().resources
    assert [one for one in found if one.id in theirs.every] == resources
    [group] = report(result.left, Prices()).strangers
    assert (group.service, group.ledger) == ("shop", THEIRS)
    assert sum(group.kinds.values()) == len(theirs.every)
    ours = [
        one.verdict.resource.id
        for release in report(result.left, Prices()).rows
        for one in release.items
    ]
    assert not theirs.every & set(ours)


def test_a_hold_on_any_kind_keeps_it_and_what_it_uses(world: World) -> None:
    """People win: a held address keeps its machine, a template its image and its groups."""
    held = [world.dead.ids[kind][0] for kind in (ADDRESS, TEMPLATE, KEY_PAIR)]
    world.api.ec2.create_tags(Resources=held, Tags=pairs(HELD))
    result = world.sweep()
    left = set(world.reasons()) - world.live.every
    kinds = (IMAGE, SNAPSHOT, GROUP, INSTANCE, VOLUME, INTERFACE)
    assert left == {*held, *(one for kind in kinds for one in world.dead.ids[kind])}
    assert result.clean


def test_protection_is_reported_as_blocked_and_never_lifted(world: World) -> None:
    """Of an instance and of an RDS instance; all else goes, and it is dirt as long as it stays."""
    machine, name = world.protect_the_dead()
    result = world.sweep()
    blocked = {one.resource.id for one in result.outcomes if one.status is OutcomeStatus.BLOCKED}
    assert {machine, f"db:{name}"} <= blocked
    assert not result.clean
    kept = set(world.reasons()) - world.live.every
    assert {machine, f"db:{name}"} <= kept
    assert not kept & {*world.dead.ids[KEY_PAIR], *world.dead.ids[SNAPSHOT]}


def test_protection_is_lifted_where_that_is_configured(world: World) -> None:
    """Off what is garbage alone: a protected live machine stays protected."""
    ec2, (live,) = world.api.ec2, world.live.ids[INSTANCE]
    ec2.modify_instance_attribute(InstanceId=live, DisableApiTermination={"Value": True})
    world.protect_the_dead()
    world.lift_protection()
    assert world.sweep().clean
    assert set(world.reasons()) == world.live.every
    said = ec2.describe_instance_attribute(InstanceId=live, Attribute="disableApiTermination")
    assert said["DisableApiTermination"]["Value"] is True


def test_without_a_word_from_rds_all_else_goes(world: World) -> None:
    """A missing permission: its kind is unknown and said to be, and the groups wait for it."""
    world.api.fault("DescribeDBInstances", "error", times=0, code="AccessDenied")
    result = world.sweep()
    assert not result.clean
    assert [gap.kind for gap in result.gaps] == [RDS_INSTANCE]
    gone = {one.resource.id for one in result.gone}
    assert gone == world.dead.every - {*world.dead.ids[RDS_INSTANCE], *world.dead.ids[GROUP]}
