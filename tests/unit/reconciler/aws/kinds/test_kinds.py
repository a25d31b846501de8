"""Addresses, groups, key pairs, templates, RDS on the strict API: seen, proved, deleted, gone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from reconciler.aws.inventory import Ec2Inventory
from reconciler.cost import estimate
from reconciler.cost.price_list import Prices
from reconciler.gc import ownership
from reconciler.gc.ownership import ServiceLocation
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import (
    ADDRESS,
    DATABASE,
    GROUP,
    IMAGE,
    INSTANCE,
    KEY_PAIR,
    RDS,
    RDS_INSTANCE,
    RDS_SNAPSHOT,
    TEMPLATE,
    Inventory,
    Resource,
)
from reconciler.model.tags import Label
from reconciler.plan.service_plan import WAVES
from reconciler.util.backoff import Backoff
from tests.support.aws_api import HASTE, LEDGER, PLACE, Api, pairs
from tests.support.every_kind import Maker, born

MORE = (ADDRESS, KEY_PAIR, TEMPLATE, RDS_INSTANCE, RDS_SNAPSHOT, GROUP)
SOON = Backoff(first=0.02, longest=0.1, deadline=10.0)


@pytest.fixture
def heap(api: Api) -> Ec2Inventory:
    """The heap of the sandbox's account, in a hurry."""
    return Ec2Inventory(api.aws, HASTE)


@pytest.fixture
def maker(api: Api) -> Maker:
    """Makes things of one deploy."""
    return Maker(api, born("7kq2m"), api.image())


def of_kind(inventory: Inventory, kind: str) -> list[Resource]:
    """The things of one kind."""
    return [one for one in inventory.resources if one.kind == kind]


def wait_until_gone(heap: Ec2Inventory, resources: list[Resource]) -> list[str]:
    """What is still described at the end."""
    left = resources
    for _ in SOON.attempts():
        left = [
            one
            for one in heap.describe(left).resources
            if one.state not in ("terminated", "deregistered")
        ]
        if not left:
            break
    return [one.id for one in left]


def test_every_kind_is_seen_and_its_birth_proved(heap: Ec2Inventory, maker: Maker) -> None:
    """By tag, EC2's through the index and RDS's by its own lists; nothing of them is in doubt."""
    maker.all()
    found = heap.scan()
    assert found.gaps == ()
    assert Counter(one.kind for one in found.resources) == {
        kind: len(ids) for kind, ids in maker.ids.items()
    }
    assert {one.id for one in found.resources} == maker.every
    home = ServiceLocation("shop", LEDGER, PLACE)
    resources = ownership.index(found.resources, PLACE)
    doubts = {one.id: ownership.doubt(one, home, resources) for one in found.resources}
    assert doubts == dict.fromkeys(maker.every, "")


def test_each_says_what_it_uses_and_what_holds_it(heap: Ec2Inventory, maker: Maker) -> None:
    """A circle of groups, a template and what it names, an address and its machine."""
    maker.all()
    found = heap.scan()
    one, two = maker.ids[GROUP]
    users = {each.id: set(each.used_by) for each in of_kind(found, GROUP)}
    assert users == {one: {two}, two: {one}}
    (template,) = of_kind(found, TEMPLATE)
    assert set(template.uses) == {maker.ids[IMAGE][0], one, two}
    (address,) = of_kind(found, ADDRESS)
    assert address.used_by == (maker.ids[INSTANCE][0],)
    assert len(address.addresses) == 1
    (server,) = of_kind(found, RDS_INSTANCE)
    assert (server.name, server.size_gb) == (maker.birth.deploy.rds_identifier, 20)
    (snapshot,) = of_kind(found, RDS_SNAPSHOT)
    assert (snapshot.type, snapshot.source) == ("manual", "")


def test_an_idle_address_costs_and_a_used_one_is_its_machines(
    heap: Ec2Inventory, maker: Maker
) -> None:
    """Billed once: with the machine that has it, or by itself (aws.md §5)."""
    maker.address()
    (idle,) = of_kind(heap.scan(), ADDRESS)
    assert estimate.hourly(idle, Prices()) == Decimal("0.005")
    machine = maker.machine()
    maker.api.ec2.associate_address(AllocationId=idle.id, InstanceId=machine)
    (used,) = of_kind(heap.scan(), ADDRESS)
    assert estimate.hourly(used, Prices()) == 0


def test_a_group_in_somebodys_machine_says_so(heap: Ec2Inventory, maker: Maker) -> None:
    """The interface is named as its user, though it has none of our tags."""
    one = maker.group(maker.name)
    maker.api.machines(birth=None, image=maker.base, SecurityGroupIds=[one])
    (group,) = of_kind(heap.scan(), GROUP)
    (user,) = group.used_by
    assert user.startswith("eni-")
    (outcome,) = heap.delete([group])
    assert outcome.status is OutcomeStatus.BLOCKED
    assert "DependencyViolation" in outcome.text


def test_wave_by_wave_all_of_it_goes(heap: Ec2Inventory, maker: Maker) -> None:
    """In the plan's order nothing stands in the way, and a later look finds nothing."""
    maker.all()
    for kinds in WAVES:
        resources = [one for one in heap.scan().resources if one.kind in kinds]
        for kind in sorted({one.kind for one in resources} - {DATABASE}):
            mine = [one for one in resources if one.kind == kind]
            assert {one.status for one in heap.delete(mine)} == {OutcomeStatus.PENDING}, kind
        assert wait_until_gone(heap, resources) == []
    assert [one.id for one in heap.scan().resources if one.state != "terminated"] == []


def test_rules_of_other_groups_are_left_alone(heap: Ec2Inventory, maker: Maker, api: Api) -> None:
    """Somebody's group that names ours keeps it, and keeps its rule."""
    one, two = maker.groups()
    (vpc,) = api.ec2.describe_vpcs()["Vpcs"]
    theirs = api.ec2.create_security_group(GroupName="theirs", Description="x", VpcId=vpc["VpcId"])[
        "GroupId"
    ]
    maker.let_in(theirs, one)
    resources = {each.id: each for each in of_kind(heap.scan(), GROUP)}
    assert theirs in resources[one].used_by
    fates = {each.resource.id: each.status for each in heap.delete(list(resources.values()))}
    assert fates == {one: OutcomeStatus.BLOCKED, two: OutcomeStatus.PENDING}
    (kept,) = api.ec2.describe_security_groups(GroupIds=[theirs])["SecurityGroups"]
    assert len(kept["IpPermissions"]) == 1


def test_deletion_protection_is_told_and_never_lifted(heap: Ec2Inventory, maker: Maker) -> None:
    """The person who set it meant it."""
    maker.server(DeletionProtection=True)
    (outcome,) = heap.delete(of_kind(heap.scan(), RDS_INSTANCE))
    assert outcome.status is OutcomeStatus.BLOCKED
    assert "which is not lifted" in outcome.text
    (shown,) = maker.rds.describe_db_instances()["DBInstances"]
    assert shown["DeletionProtection"] is True


def test_no_last_snapshot_is_made(heap: Ec2Inventory, maker: Maker) -> None:
    """It would be the next orphan; and what RDS made by itself goes along."""
    maker.server()
    resources = of_kind(heap.scan(), RDS_INSTANCE)
    heap.delete(resources)
    assert {one.status for one in heap.delete(resources)} <= MAY_GO
    assert wait_until_gone(heap, resources) == []
    assert maker.rds.describe_db_snapshots()["DBSnapshots"] == []


def test_a_label_is_written_on_every_kind(heap: Ec2Inventory, maker: Maker) -> None:
    """RDS has a call of its own for tags."""
    maker.more()
    asked = heap.label(heap.scan().resources, Label.LEFT)
    assert {one.status for one in asked} == {OutcomeStatus.DONE}
    assert {one.label for one in heap.scan().resources} == {Label.LEFT}


@pytest.mark.parametrize("code", ["AccessDenied", "InternalErrorOfSomeKind"])
def test_rds_out_of_reach_hides_rds_alone(
    api: Api, heap: Ec2Inventory, maker: Maker, code: str
) -> None:
    """A missing permission makes its own kind unknown, and says what to allow."""
    maker.group(maker.name)
    maker.server()
    api.fault("DescribeDBInstances", "error", times=0, code=code)
    found = heap.scan()
    assert [gap.kind for gap in found.gaps] == [RDS_INSTANCE]
    assert "rds:DescribeDBInstances" in found.gaps[0].reason
    assert [one.kind for one in found.resources] == [GROUP]


def test_a_young_look_does_not_list_rds(api: Api, heap: Ec2Inventory, maker: Maker) -> None:
    """It has no index of tags, so a minor sweep leaves it to the full one."""
    maker.server()
    maker.key_pair()
    assert [one.kind for one in heap.scan(unfinished_only=True).resources] == [KEY_PAIR]
    assert heap.scan(unfinished_only=True).gaps == ()
    asked = [str(one) for one in api.server.journal.since(0)]
    assert not [one for one in asked if "DescribeDB" in one]


ACTIONS = {
    ADDRESS: "ReleaseAddress",
    KEY_PAIR: "DeleteKeyPair",
    TEMPLATE: "DeleteLaunchTemplate",
    GROUP: "DeleteSecurityGroup",
    RDS_INSTANCE: "DeleteDBInstance",
    RDS_SNAPSHOT: "DeleteDBSnapshot",
}


MAY_GO = {OutcomeStatus.PENDING, OutcomeStatus.BLOCKED, OutcomeStatus.UNSEEN}


@pytest.mark.parametrize("fault", ["drop_reply", "throttle"])
def test_a_bad_day_does_not_stop_a_deletion(
    api: Api, heap: Ec2Inventory, maker: Maker, fault: str
) -> None:
    """No answer, or not now: asked again; and what became of it a later look says."""
    maker.more()
    for kind in sorted(MORE, key=lambda one: one == GROUP):
        resources = of_kind(heap.scan(), kind)
        api.fault(ACTIONS[kind], fault, times=1)
        assert {one.status for one in heap.delete(resources)} <= MAY_GO
        assert wait_until_gone(heap, resources) == [], kind


def test_a_denied_deletion_says_so(api: Api, heap: Ec2Inventory, maker: Maker) -> None:
    """The outcome names the permission; nothing is taken for gone."""
    maker.more()
    for kind in MORE:
        code = "AccessDenied" if kind in RDS else "UnauthorizedOperation"
        api.fault(ACTIONS[kind], "error", times=0, code=code)
        resources = of_kind(heap.scan(), kind)
        asked = heap.delete(resources)
        assert {one.status for one in asked} == {OutcomeStatus.FAILED}, kind
        assert all(ACTIONS[kind] in one.text for one in asked)
        assert len(heap.describe(resources).resources) == len(resources)


def test_what_is_gone_is_missing(heap: Ec2Inventory, maker: Maker) -> None:
    """An id that AWS no longer knows does not fail the description of the others."""
    maker.more()
    found = [one for one in heap.scan().resources if one.kind in MORE]
    ghosts = [replace(one, id=_unknown(one)) for one in found]
    assert {one.id for one in heap.describe([*found, *ghosts]).resources} == {
        one.id for one in found
    }


def _unknown(one: Resource) -> str:
    prefix = one.id.partition("-")[0]
    return f"{one.id}-x" if one.kind in RDS else f"{prefix}-0123456789abcdef0"


def test_tags_of_others_are_no_finds(heap: Ec2Inventory, maker: Maker) -> None:
    """RDS lists everything: what has no deploy-id is not looked at again."""
    tags: Any = pairs({"team": "data"})
    maker.rds.create_db_instance(
        DBInstanceIdentifier="theirs",
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        AllocatedStorage=20,
        MasterUsername="x",
        MasterUserPassword="correct-horse",
        Tags=tags,
    )
    assert heap.scan().resources == ()
