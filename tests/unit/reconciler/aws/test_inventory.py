"""The heap on the strict sandbox API: what is seen, what is a gap, what is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from botocore.session import Session

from reconciler.aws.client.session import Aws
from reconciler.aws.inventory import Ec2Inventory
from reconciler.aws.kinds import BY_NAME
from reconciler.errors import AccessDenied
from reconciler.gc import ownership
from reconciler.gc.ownership import ServiceLocation
from reconciler.model.coverage import ReadStatus
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import (
    GROUP,
    IMAGE,
    INSTANCE,
    INTERFACE,
    RDS,
    RDS_INSTANCE,
    SNAPSHOT,
    VOLUME,
    Inventory,
    Resource,
)
from reconciler.model.tags import ID, Label
from tests.support.aws_api import BIRTH, DEPLOY, HASTE, LEDGER, PLACE, Api, pairs


@pytest.fixture
def heap(api: Api) -> Ec2Inventory:
    """The heap of the sandbox's account, in a hurry."""
    return Ec2Inventory(api.aws, HASTE)


def make_deploy(api: Api, count: int = 1) -> list[str]:
    """What a deploy makes: an image with its snapshot, machines with volume and interface."""
    source = api.machines(birth=None)[0]
    kinds = (IMAGE, SNAPSHOT)
    image = api.ec2.create_image(
        InstanceId=source,
        Name=DEPLOY.image_name,
        NoReboot=True,
        TagSpecifications=[{"ResourceType": k, "Tags": pairs(BIRTH.of(k))} for k in kinds],
    )["ImageId"]
    waiter = api.ec2.get_waiter("image_available")
    waiter.wait(ImageIds=[image], WaiterConfig={"Delay": 0.02, "MaxAttempts": 200})
    return api.machines(
        count,
        image=image,
        ClientToken=DEPLOY.client_token(f"{PLACE.region}a"),
        Placement={"AvailabilityZone": f"{PLACE.region}a"},
    )


def test_rds_is_read_where_a_group_of_ours_may_name_it(api: Api) -> None:
    """Without `kinds`: an RDS instance may be in a group, which is then not to be deleted."""
    heap = Ec2Inventory(api.aws, HASTE, kinds=())
    api.fault("DescribeDBInstances", "error", code="AccessDenied", status=403, times=0)
    assert not heap.scan().gaps
    group = api.ec2.create_security_group(GroupName="hook", Description="d")["GroupId"]
    api.ec2.create_tags(Resources=[group], Tags=pairs(BIRTH.of(GROUP)))
    assert [gap.kind for gap in heap.scan().gaps] == [RDS_INSTANCE]
    assert [gap.kind for gap in heap.tag_summary().gaps] == [RDS_INSTANCE]


def of_kind(inventory: Inventory, kind: str) -> list[Resource]:
    """The things of one kind."""
    return [one for one in inventory.resources if one.kind == kind]


def states(heap: Ec2Inventory, resources: list[Resource]) -> list[str]:
    """Their states now; those that are gone are missing."""
    return [one.state for one in heap.describe(resources).resources]


def test_a_deploy_is_seen_whole(api: Api, heap: Ec2Inventory) -> None:
    """Every kind that a deploy makes is found by its tags, and nothing else is."""
    make_deploy(api, count=2)
    found = heap.scan()
    kinds = [one.kind for one in found.resources]
    assert sorted(kinds) == sorted([IMAGE, SNAPSHOT] + 2 * [INSTANCE, VOLUME, INTERFACE])
    assert found.gaps == ()
    assert {one.deploy for one in found.resources} == {DEPLOY}


def test_the_proof_of_birth_holds_for_what_a_deploy_made(api: Api, heap: Ec2Inventory) -> None:
    """What the edge reads is what the pure proof of birth goes by: token, zone, name, source."""
    make_deploy(api)
    found = heap.scan().resources
    assert [one.kind for one in found if not one.created] == [INTERFACE]  # AWS does not date it
    resources = ownership.index(found, PLACE)
    home = ServiceLocation("shop", LEDGER, PLACE)
    assert {one.kind: ownership.doubt(one, home, resources) for one in found} == dict.fromkeys(
        (INSTANCE, VOLUME, INTERFACE, IMAGE, SNAPSHOT), ""
    )


def test_a_machine_that_would_be_terminated_is_told_from_one_that_stops(
    api: Api, heap: Ec2Inventory
) -> None:
    """By its shutdown behaviour, which people may change: a halt is a stop only with `stop`."""
    make_deploy(api, count=2)
    machines = of_kind(heap.scan(), INSTANCE)
    assert heap.unparkable(machines) == {}
    behaviour = {"Value": "terminate"}
    api.ec2.modify_instance_attribute(
        InstanceId=machines[0].id, InstanceInitiatedShutdownBehavior=behaviour
    )
    [(id_, why)] = heap.unparkable(machines).items()
    assert id_ == machines[0].id
    assert "`terminate`, not `stop`" in why


def test_things_know_what_holds_them(api: Api, heap: Ec2Inventory) -> None:
    """Instance, volume and interface name each other, and so do image and snapshot."""
    make_deploy(api)
    found = heap.scan()
    (machine,), (volume,), (interface,), (image,), (snapshot,) = (
        of_kind(found, kind) for kind in (INSTANCE, VOLUME, INTERFACE, IMAGE, SNAPSHOT)
    )
    assert set(machine.uses) == {volume.id, interface.id}
    assert (volume.used_by, interface.used_by) == ((machine.id,), (machine.id,))
    assert (image.uses, snapshot.used_by, snapshot.source) == (
        (snapshot.id,),
        (image.id,),
        image.id,
    )
    assert machine.source == image.id
    assert machine.addresses == interface.addresses != ()


def test_an_image_of_somebody_elses_holds_a_snapshot(api: Api, heap: Ec2Inventory) -> None:
    """An image without our tags that maps our snapshot is named as its user all the same."""
    make_deploy(api)
    (image,) = of_kind(heap.scan(), IMAGE)
    api.ec2.delete_tags(Resources=[image.id])
    found = heap.scan()
    assert of_kind(found, IMAGE) == []
    assert [one.used_by for one in of_kind(found, SNAPSHOT)] == [(image.id,)]


def test_young_sees_only_what_may_be_garbage(api: Api, heap: Ec2Inventory) -> None:
    """A minor sweep looks at the labels pending, failed and left alone."""
    machine, other = make_deploy(api, count=2)
    resources = of_kind(heap.scan(), INSTANCE)
    heap.label([one for one in resources if one.id == machine], Label.LIVE)
    assert [one.id for one in of_kind(heap.scan(unfinished_only=True), INSTANCE)] == [other]
    assert len(of_kind(heap.scan(), INSTANCE)) == 2


def test_young_says_that_rds_is_not_configured_where_it_is_not(
    api: Api, heap: Ec2Inventory
) -> None:
    """Not that it was skipped, also where a group has the scan ask for RDS instances."""
    group = api.ec2.create_security_group(GroupName="g", Description="d")["GroupId"]
    api.ec2.create_tags(
        Resources=[group], Tags=pairs({"deploy-id": str(DEPLOY), "deploy-state": "left"})
    )
    for kinds, status in (
        (frozenset[str](), ReadStatus.NOT_CONFIGURED),
        (RDS, ReadStatus.SKIPPED),
    ):
        found = replace(heap, kinds=kinds).scan(unfinished_only=True)
        assert [group] == [one.id for one in of_kind(found, GROUP)]
        rows = {row.kind: row.status for row in found.reads if row.kind in RDS}
        assert rows == dict.fromkeys(RDS, status)


def test_all_tags_are_seen(api: Api, heap: Ec2Inventory) -> None:
    """Holds that people wrote later are among the tags."""
    (machine,) = api.machines()
    api.ec2.create_tags(Resources=[machine], Tags=pairs({"deploy-hold": "ask Ada"}))
    (resource,) = of_kind(heap.scan(), INSTANCE)
    assert resource.hold == "ask Ada"


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        ("DescribeTags", set(BY_NAME)),
        ("DescribeVolumes", {VOLUME}),
        ("DescribeImages", {IMAGE, SNAPSHOT}),
    ],
)
@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InternalErrorOfSomeKind"])
def test_what_cannot_be_read_is_a_gap(
    api: Api, heap: Ec2Inventory, action: str, kinds: set[str], code: str
) -> None:
    """A kind that could not be read is a gap with the reason; the other kinds are still seen."""
    make_deploy(api)
    api.fault(action, "error", times=0, code=code)
    found = heap.scan()
    assert {gap.kind for gap in found.gaps} == kinds
    assert all(code in gap.reason for gap in found.gaps)
    assert not {one.kind for one in found.resources} & kinds


def test_nothing_is_described_without_a_client(
    heap: Ec2Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clean scope is read by its index alone: it has a row for every kind, and makes no client.

    Whose credentials these are is asked all the same.
    """
    monkeypatch.setattr(Session, "create_client", no_client)
    found = heap.describe_groups({})
    assert {one.kind for one in found.reads} == set(BY_NAME)
    assert (found.resources, found.gaps) == ((), ())
    monkeypatch.undo()
    with pytest.raises(AccessDenied, match="wrong account"):
        Ec2Inventory(Aws(replace(PLACE, account="999999999999"))).describe_groups({})


def no_client(_: Session, service: str, **__: object) -> None:
    """In the place of botocore's, where none is wanted."""
    raise AssertionError(f"a client for {service}")


def test_gone_things_are_missing(api: Api, heap: Ec2Inventory) -> None:
    """An id that AWS no longer knows does not fail the description of the others."""
    machine, _ = api.machines(2)
    resources = of_kind(heap.scan(), INSTANCE)
    known = next(one for one in resources if one.id == machine)
    unknown = replace(known, id="i-0123456789abcdef0")
    assert [one.id for one in heap.describe([known, unknown]).resources] == [machine]


def test_a_whole_deploy_goes(api: Api, heap: Ec2Inventory) -> None:
    """Deleted kind by kind in the order of use, and a later describe says that it is gone."""
    make_deploy(api, count=2)
    resources = heap.scan()
    asked = heap.delete(of_kind(resources, INSTANCE))
    assert {one.status for one in asked} == {OutcomeStatus.PENDING}
    assert set(states(heap, of_kind(resources, INSTANCE))) <= {"shutting-down", "terminated"}
    assert {one.status for one in heap.delete(of_kind(resources, IMAGE))} == {OutcomeStatus.PENDING}
    assert {one.status for one in heap.delete(of_kind(resources, SNAPSHOT))} == {
        OutcomeStatus.PENDING
    }
    assert states(heap, of_kind(resources, SNAPSHOT)) == []
    assert set(states(heap, of_kind(resources, IMAGE))) <= {"deregistered"}


def test_a_bad_id_does_not_save_the_others(api: Api, heap: Ec2Inventory) -> None:
    """One unknown id fails a whole TerminateInstances call; the chunk is split around it."""
    api.machines(5)
    resources = of_kind(heap.scan(), INSTANCE)
    bad = replace(resources[0], id="i-0123456789abcdef0")
    asked = {one.resource.id: one for one in heap.delete([*resources[:2], bad, *resources[2:]])}
    assert "does not find it" in asked[bad.id].text
    assert asked[bad.id].status is OutcomeStatus.UNSEEN
    assert set(states(heap, resources)) <= {"shutting-down", "terminated"}


def test_a_protected_instance_is_blocked_alone(api: Api, heap: Ec2Inventory) -> None:
    """Termination protection fails its zone's share of the call; only it stays."""
    ids = api.machines(4)
    api.ec2.modify_instance_attribute(InstanceId=ids[1], DisableApiTermination={"Value": True})
    resources = of_kind(heap.scan(), INSTANCE)
    fates = {one.resource.id: one.status for one in heap.delete(resources)}
    assert fates == {
        one: OutcomeStatus.BLOCKED if one == ids[1] else OutcomeStatus.PENDING for one in ids
    }


def test_protection_that_may_not_be_lifted_is_blocked(api: Api) -> None:
    """Configured and yet denied: it stays, with the permission's name."""
    (only,) = api.machines(1)
    api.ec2.modify_instance_attribute(InstanceId=only, DisableApiTermination={"Value": True})
    heap = Ec2Inventory(api.aws, HASTE, lifts=True)
    api.fault("ModifyInstanceAttribute", "error", times=0, code="UnauthorizedOperation")
    (said,) = heap.delete(of_kind(heap.scan(), INSTANCE))
    assert said.status is OutcomeStatus.BLOCKED
    assert "ModifyInstanceAttribute" in said.text


def test_what_is_in_use_is_blocked(api: Api, heap: Ec2Inventory) -> None:
    """An attached volume, a primary interface and a mapped snapshot name what holds them."""
    make_deploy(api)
    found = heap.scan()
    for kind in (VOLUME, INTERFACE, SNAPSHOT):
        (outcome,) = heap.delete(of_kind(found, kind))
        (holder,) = outcome.resource.used_by
        assert outcome.status is OutcomeStatus.BLOCKED
        assert holder in outcome.text


@pytest.mark.parametrize("kind", ["drop_reply", "error500", "throttle"])
def test_a_bad_day_does_not_stop_a_deletion(api: Api, heap: Ec2Inventory, kind: str) -> None:
    """Deletions are harmless twice: no answer, or not now, and they are asked for again."""
    api.machines(2)
    resources = of_kind(heap.scan(), INSTANCE)
    api.fault("TerminateInstances", kind, times=2)
    assert {one.status for one in heap.delete(resources)} == {OutcomeStatus.PENDING}
    assert set(states(heap, resources)) <= {"shutting-down", "terminated"}


@pytest.mark.parametrize(("kind", "first"), [("error500", "pending"), ("throttle", "failed")])
def test_a_very_bad_day_ends_the_clean_up(
    api: Api, heap: Ec2Inventory, kind: str, first: str
) -> None:
    """Out of patience with one, the others are not asked for; every item still has its outcome."""
    subnet = api.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    tags = [{"ResourceType": INTERFACE, "Tags": pairs(BIRTH.of(INTERFACE))}]
    for _ in range(3):
        api.ec2.create_network_interface(SubnetId=subnet, TagSpecifications=tags)
    resources = of_kind(heap.scan(), INTERFACE)
    api.fault("DeleteNetworkInterface", kind, times=0)
    tired = replace(heap, backoff=replace(HASTE, deadline=0.1))
    asked = tired.delete(resources)
    assert [one.status.value for one in asked] == [first, "failed", "failed"]
    assert [one.text.startswith("not asked for") for one in asked] == [False, True, True]


def test_what_is_denied_fails_with_the_action(api: Api, heap: Ec2Inventory) -> None:
    """One outcome an item, and the action that is withheld is named."""
    api.machines(2)
    api.fault("TerminateInstances", "error", times=0, code="UnauthorizedOperation")
    asked = heap.delete(of_kind(heap.scan(), INSTANCE))
    assert [one.status for one in asked] == [OutcomeStatus.FAILED, OutcomeStatus.FAILED]
    assert all("ec2:TerminateInstances" in one.text for one in asked)


def test_an_interface_of_its_own_goes(api: Api, heap: Ec2Inventory) -> None:
    """A free interface is deleted; an extra one that is attached is detached first."""
    (machine,) = api.machines()
    subnet = api.ec2.describe_instances(InstanceIds=[machine])["Reservations"][0]["Instances"][0][
        "SubnetId"
    ]
    extra = [
        api.ec2.create_network_interface(
            SubnetId=subnet,
            TagSpecifications=[{"ResourceType": INTERFACE, "Tags": pairs(BIRTH.of(INTERFACE))}],
        )["NetworkInterface"]["NetworkInterfaceId"]
        for _ in range(2)
    ]
    api.ec2.attach_network_interface(NetworkInterfaceId=extra[0], InstanceId=machine, DeviceIndex=1)
    resources = [one for one in of_kind(heap.scan(), INTERFACE) if one.id in extra]
    first = {one.resource.id: one.status for one in heap.delete(resources)}
    assert first == {extra[0]: OutcomeStatus.DONE, extra[1]: OutcomeStatus.PENDING}
    heap.delete([one for one in resources if one.id == extra[0]])
    assert states(heap, resources) == []


def test_labels(api: Api, heap: Ec2Inventory) -> None:
    """Written on all that exist; one that does not fails alone."""
    api.machines(3)
    resources = of_kind(heap.scan(), INSTANCE)
    gone = replace(resources[0], id="i-0123456789abcdef0")
    fates = [one.status for one in heap.label([*resources, gone], Label.RETIRED)]
    assert fates == [
        OutcomeStatus.DONE,
        OutcomeStatus.DONE,
        OutcomeStatus.DONE,
        OutcomeStatus.FAILED,
    ]
    assert {one.label for one in of_kind(heap.scan(), INSTANCE)} == {Label.RETIRED}


def test_one_kind_at_a_time(api: Api, heap: Ec2Inventory) -> None:
    """The order of kinds is the plan's business: a mixture is refused."""
    make_deploy(api)
    with pytest.raises(ValueError, match="one kind at a time"):
        heap.delete(heap.scan().resources)
    assert heap.delete([]) == ()


def test_a_shared_image_is_known_as_such(api: Api, heap: Ec2Inventory) -> None:
    """An image that another account may launch is not ours alone."""
    make_deploy(api)
    (image,) = of_kind(heap.scan(), IMAGE)
    api.ec2.modify_image_attribute(
        ImageId=image.id, LaunchPermission={"Add": [{"UserId": "999999999999"}]}
    )
    assert [image.shared for image in of_kind(heap.scan(), IMAGE)] == [True]
    assert image.shared is False


def test_many_things_are_described_in_chunks(
    api: Api, heap: Ec2Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EC2 takes so many values in a filter and no more; every chunk is read."""
    monkeypatch.setattr("reconciler.aws.client.query.FILTER_VALUES", 3)
    machines = api.machines(7)
    found = heap.scan()
    assert len(found.resources) == 3 * 7
    assert found.calls == 1 + 3 + 3, "the index, one page of the deploy for each kind, three lists"
    odd = [{"Key": ID, "Value": "we*rd?"}]
    for one in found.resources:
        api.ec2.create_tags(Resources=[one.id], Tags=odd)
    again = heap.scan()
    assert {one.id for one in again.resources} == {one.id for one in found.resources}
    assert again.calls == 1 + 3 * 3 + 3, "a filter takes such a tag for a pattern: asked by id"
    api.ec2.create_tags(Resources=machines[:2], Tags=[{"Key": ID, "Value": str(DEPLOY)}])
    both = heap.scan()
    assert {one.id for one in both.resources} == {one.id for one in found.resources}


def test_very_many_things_are_described_by_their_deploys(
    api: Api, heap: Ec2Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds 1,000 of a deploy, a request 200 ids; what was not asked for is left out."""
    monkeypatch.setattr("reconciler.aws.client.query.FILTER_VALUES", 3)
    api.machines(7)
    every = heap.scan().resources
    asked = [one for one in every if one.id != every[0].id]
    found = heap.describe(asked)
    assert {one.key for one in found.resources} == {one.key for one in asked}
    assert found.calls == 3


def test_what_goes_with_machines_is_looked_at_again_in_one_call(
    api: Api, heap: Ec2Inventory
) -> None:
    """Volumes and interfaces together; more than a filter takes are described, kind by kind."""
    make_deploy(api, count=2)
    seen = heap.scan()
    companions = [*of_kind(seen, VOLUME), *of_kind(seen, INTERFACE)]
    api.server.journal.clear()
    assert len(heap.tagged(companions).resources) == len(companions) == 4
    assert [one["action"] for one in api.server.journal.since()] == ["DescribeTags"]
    api.server.journal.clear()
    many = [replace(companions[0], id=f"vol-{number:017x}") for number in range(200)]
    assert len(heap.tagged([*companions, *many]).resources) == 4
    asked = {one["action"] for one in api.server.journal.since()}
    assert asked == {"DescribeVolumes", "DescribeNetworkInterfaces"}


def test_tags_that_cannot_be_read_hide_every_kind_asked_for(api: Api, heap: Ec2Inventory) -> None:
    """Unknown is not empty."""
    make_deploy(api)
    seen = heap.scan()
    api.fault("DescribeTags", "error", code="AccessDenied", status=403, times=0)
    found = heap.tagged([*of_kind(seen, VOLUME), *of_kind(seen, INTERFACE)])
    assert found.resources == ()
    assert {gap.kind for gap in found.gaps} == {VOLUME, INTERFACE}
