"""One contract, two heaps: the fake of the use cases' tests, and EC2 on the strict sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import pytest

from reconciler.aws.inventory import Ec2Inventory
from reconciler.gc.ownership import ServiceLocation, doubt, index
from reconciler.model.outcome import OutcomeStatus
from reconciler.model.resource import INSTANCE, INTERFACE, VOLUME, Inventory, Resource
from reconciler.model.tag_summary import Group
from reconciler.model.tags import Label
from reconciler.ports.cloud_inventory import CloudInventory
from reconciler.util.backoff import Backoff
from tests.fakes.inventory import FakeHeap
from tests.support.aws_api import BIRTH, DEPLOY, HASTE, LEDGER, PLACE, Api

ZONE = f"{PLACE.region}a"
TOKEN = DEPLOY.client_token(ZONE)
SOON = Backoff(first=0.02, longest=0.1, deadline=10.0)


@dataclass
class Place:
    """A heap with one machine of a deploy, and another thing without tags."""

    heap: CloudInventory
    protect: Callable[[str], object]
    untagged: str
    """A volume without tags."""

    def of(self, kind: str) -> list[Resource]:
        """The tagged things of a kind."""
        return [one for one in self.heap.scan().resources if one.kind == kind]

    def wait_until_gone(self, resources: Iterable[Resource]) -> Inventory:
        """Look until the things are gone or the deadline has come."""
        known = list(resources)
        seen = self.heap.describe(known)
        for _ in SOON.attempts():
            seen = self.heap.describe(known)
            if all(one.state == "terminated" for one in seen.resources):
                break
        return seen


def _fake() -> Place:
    heap = FakeHeap(place=PLACE)
    machine = Resource(
        INSTANCE,
        "i-1",
        PLACE,
        BIRTH.of(INSTANCE),
        state="running",
        token=TOKEN,
        zone=ZONE,
        addresses=("10.0.0.4",),
        uses=("vol-1", "eni-1"),
    )
    volume = Resource(VOLUME, "vol-1", PLACE, BIRTH.of(VOLUME), used_by=("i-1",))
    interface = Resource(INTERFACE, "eni-1", PLACE, BIRTH.of(INTERFACE), used_by=("i-1",))
    stranger = Resource(INSTANCE, "i-2", PLACE, state="running")
    theirs = Resource(VOLUME, "vol-2", PLACE, used_by=("i-2",))
    heap.add([machine, volume, interface, stranger, theirs])
    return Place(heap, lambda id_: heap.protected.setdefault(id_, "protected"), theirs.id)


def _real(api: Api) -> Place:
    image = api.image()
    api.machines(1, image=image, ClientToken=TOKEN, Placement={"AvailabilityZone": ZONE})
    [stranger] = api.machines(1, image=image, birth=None)

    def protect(id_: str) -> None:
        api.ec2.modify_instance_attribute(InstanceId=id_, DisableApiTermination={"Value": True})

    of_stranger = [{"Name": "attachment.instance-id", "Values": [stranger]}]
    [theirs] = api.ec2.describe_volumes(Filters=of_stranger)["Volumes"]
    return Place(Ec2Inventory(api.aws, HASTE), protect, theirs["VolumeId"])


@pytest.fixture(params=["fake", "ec2"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each heap in turn."""
    return _fake() if request.param == "fake" else _real(request.getfixturevalue("api"))


def test_what_is_tagged_is_seen_and_nothing_else(place: Place) -> None:
    """A machine with its volume and interface, which prove each other's birth."""
    seen = place.heap.scan()
    assert sorted(one.kind for one in seen.resources) == [INSTANCE, INTERFACE, VOLUME]
    resources = index(seen.resources, PLACE)
    assert {
        doubt(one, ServiceLocation("shop", LEDGER, PLACE), resources) for one in seen.resources
    } == {""}
    (machine,) = place.of(INSTANCE)
    (volume,) = place.of(VOLUME)
    assert volume.used_by == (machine.id,)
    assert volume.id in machine.uses


def test_the_machines_of_a_service_are_those_that_claim_it(place: Place) -> None:
    """As a scan describes them; nothing else of the service, and nobody else's."""
    found = place.heap.machines_of("shop")
    assert found.resources == tuple(place.of(INSTANCE))
    assert place.heap.machines_of("sho").resources == ()


def test_volumes_are_described_whatever_their_tags(place: Place) -> None:
    """By id alone: the disk of a machine of nobody, as of one that was adopted."""
    [volume] = place.of(VOLUME)
    both = [place.untagged, volume.id]
    assert {one.id for one in place.heap.volumes(both).resources} == set(both)
    assert place.heap.volumes(["vol-0123456789abcdef0"]).resources == ()


def test_young_sees_what_may_be_garbage(place: Place) -> None:
    """Labelled live it is not in the minor sweep; labelled left it is."""
    resources = place.of(INSTANCE)
    assert [one.status for one in place.heap.label(resources, Label.LIVE)] == [OutcomeStatus.DONE]
    assert INSTANCE not in {one.kind for one in place.heap.scan(unfinished_only=True).resources}
    place.heap.label(resources, Label.LEFT)
    assert INSTANCE in {one.kind for one in place.heap.scan(unfinished_only=True).resources}
    assert place.of(INSTANCE)[0].label is Label.LEFT


def test_a_census_counts_what_a_scan_describes(place: Place) -> None:
    """The same ids, grouped by kind, deploy and label; its members are the same things."""
    tag_summary = place.heap.tag_summary()
    seen = place.heap.scan().resources
    assert {
        (group.kind, one, group.deploy, group.label)
        for group, ids in tag_summary.groups.items()
        for one in ids
    } == {(one.kind, one.id, str(one.deploy), one.tags["deploy-state"]) for one in seen}
    describe_groups = place.heap.describe_groups(tag_summary.groups).resources
    assert {one.key: one.tags for one in describe_groups} == {one.key: one.tags for one in seen}
    assert not tag_summary.gaps


def test_members_leaves_out_what_is_not_there(place: Place) -> None:
    """Gone since the index was read, or still in an index that lags."""
    groups = {Group(INSTANCE, str(DEPLOY), "live"): ["i-0123456789abcdef0"]}
    assert place.heap.describe_groups(groups).resources == ()


def test_describe_leaves_out_what_is_not_there(place: Place) -> None:
    """By id: the known as it is now, the unknown missing, and no error for it."""
    (machine,) = place.of(INSTANCE)
    unknown = replace(machine, id="i-0123456789abcdef0")
    assert [one.id for one in place.heap.describe([unknown, machine]).resources] == [machine.id]
    assert place.heap.describe([]).resources == ()


def test_tags_are_read_again_without_a_description(place: Place) -> None:
    """As they are now; what is not there, or has no tag of ours any more, is missing."""
    volumes, interfaces = place.of(VOLUME), place.of(INTERFACE)
    place.heap.label(volumes, Label.LEFT)
    unknown = replace(volumes[0], id="vol-0123456789abcdef0")
    found = place.heap.tagged([*volumes, *interfaces, unknown])
    assert [(one.id, one.label) for one in found.resources] == [
        (volumes[0].id, Label.LEFT),
        (interfaces[0].id, interfaces[0].label),
    ]
    assert found.resources[0].used_by == volumes[0].used_by
    assert not found.gaps
    assert place.heap.tagged([]).resources == ()


def test_a_machine_takes_its_volume_and_interface_along(place: Place) -> None:
    """Asked for is not gone; a later describe says so."""
    machines = place.of(INSTANCE)
    resources = [*machines, *place.of(VOLUME), *place.of(INTERFACE)]
    (outcome,) = place.heap.delete(machines)
    assert outcome.status is OutcomeStatus.PENDING
    left = place.wait_until_gone(resources).resources
    assert [one for one in left if one.kind != INSTANCE] == []


def test_a_used_volume_is_blocked(place: Place) -> None:
    """Deletion runs against use."""
    (outcome,) = place.heap.delete(place.of(VOLUME))
    assert outcome.status is OutcomeStatus.BLOCKED
    assert len(place.of(VOLUME)) == 1


def test_a_protected_machine_is_blocked_with_its_reason(place: Place) -> None:
    """Somebody wants to keep it: said, and left alone."""
    (machine,) = place.of(INSTANCE)
    place.protect(machine.id)
    (outcome,) = place.heap.delete([machine])
    assert (outcome.status, bool(outcome.text)) == (OutcomeStatus.BLOCKED, True)
    assert place.of(INSTANCE)[0].state == "running"


def test_what_is_not_there_cannot_be_labelled(place: Place) -> None:
    """One outcome an item: the missing fails, the others are done."""
    (machine,) = place.of(INSTANCE)
    missing = replace(machine, id="i-0123456789abcdef0")
    fates = {
        one.resource.id: one.status for one in place.heap.label([missing, machine], Label.LEFT)
    }
    assert fates == {missing.id: OutcomeStatus.FAILED, machine.id: OutcomeStatus.DONE}


def test_one_kind_at_a_time(place: Place) -> None:
    """Waves are of one kind each; a mixture is a bug."""
    with pytest.raises(ValueError, match="one kind at a time"):
        place.heap.delete([*place.of(INSTANCE), *place.of(VOLUME)])
