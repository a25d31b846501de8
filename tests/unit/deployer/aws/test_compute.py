"""What a release creates on the strict sandbox API, on good days and bad ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deployer.aws.compute import Ec2Compute
from deployer.aws.creation import Creation
from deployer.compute import Disk, ImageOrder, LaunchOrder
from reconciler.errors import CloudError, CloudUnclear
from reconciler.model.resource import IMAGE, INSTANCE, INTERFACE, SNAPSHOT, VOLUME
from tests.support.aws_api import BIRTH, DEPLOY, HASTE, Api, pairs

BAD_DAYS = ["drop_reply", "error500", "throttle"]


@pytest.fixture
def compute(api: Api) -> Ec2Compute:
    """The port on the sandbox, in a hurry."""
    return Ec2Compute(api.aws, Creation(replace(HASTE, deadline=1.0)))


@pytest.fixture
def patient(api: Api) -> Ec2Compute:
    """The same with time enough for every retry, on a busy machine too."""
    return Ec2Compute(api.aws, Creation(replace(HASTE, deadline=30.0)))


def image_order(instance: str) -> ImageOrder:
    """An image of `instance` by the deploy."""
    tags = {kind: BIRTH.of(kind) for kind in (IMAGE, SNAPSHOT)}
    return ImageOrder(instance, DEPLOY.image_name, tags)


def launch_order(api: Api, image: str, **more: Any) -> LaunchOrder:
    """Two machines from `image` in the first subnet."""
    subnet = api.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    kinds = (INSTANCE, VOLUME, INTERFACE)
    order = LaunchOrder(
        token=DEPLOY.client_token("eu-west-1a"),
        image=image,
        count=2,
        type="t3.small",
        subnet=subnet,
        groups=(),
        profile="",
        key="",
        disks=(),
        user_data="#cloud-config\n",
        tags={kind: BIRTH.of(kind) for kind in kinds},
    )
    return replace(order, **more)


def described(api: Api, *ids: str) -> list[dict[str, Any]]:
    """EC2's own descriptions."""
    pages = api.ec2.describe_instances(InstanceIds=list(ids))["Reservations"]
    return [one for reservation in pages for one in reservation["Instances"]]


def all_images(api: Api) -> list[str]:
    """Ids of the images by the deploy's name."""
    filters = [{"Name": "name", "Values": [DEPLOY.image_name]}]
    return [one["ImageId"] for one in api.ec2.describe_images(Filters=filters)["Images"]]


def available(api: Api, image: str) -> None:
    """Wait until the image can be launched."""
    api.ec2.get_waiter("image_available").wait(
        ImageIds=[image], WaiterConfig={"Delay": 0.02, "MaxAttempts": 200}
    )


def test_an_image_is_born_with_its_tags(api: Api, compute: Ec2Compute) -> None:
    """Image and snapshot carry the deploy's tags from the call that makes them."""
    (source,) = api.machines(birth=None)
    id_ = compute.create_image(image_order(source))
    seen = compute.image(id_)
    assert seen is not None
    assert (seen.name, seen.tags) == (DEPLOY.image_name, BIRTH.of(IMAGE))
    (disk,) = seen.disks
    (snapshot,) = api.ec2.describe_snapshots(SnapshotIds=[disk.snapshot])["Snapshots"]
    assert snapshot["Tags"] == pairs(BIRTH.of(SNAPSHOT))
    by_name = compute.image_named(DEPLOY.image_name)
    assert by_name is not None
    assert (by_name.id, by_name.disks) == (id_, seen.disks)


def test_an_image_in_the_making_says_how_far_it_is(api: Api, compute: Ec2Compute) -> None:
    """Pending with a percentage, then available with its disks."""
    (source,) = api.machines(birth=None)
    api.host.hold_all()
    id_ = compute.create_image(image_order(source))
    pending = compute.image(id_)
    assert pending is not None
    assert (pending.state, pending.percent in range(100)) == ("pending", True)
    api.host.let_go()
    available(api, id_)
    done = compute.image(id_)
    assert done is not None
    assert (done.state, [disk.size_gb for disk in done.disks]) == ("available", [8])


@pytest.mark.parametrize("kind", BAD_DAYS)
def test_one_image_whatever_happens(api: Api, compute: Ec2Compute, kind: str) -> None:
    """CreateImage knows no token: after a lost reply the image is found by its name."""
    (source,) = api.machines(birth=None)
    api.fault("CreateImage", kind, times=2)
    assert [compute.create_image(image_order(source))] == all_images(api)


def test_the_same_image_twice_is_one(api: Api, compute: Ec2Compute) -> None:
    """Asked again for what exists, its birth is proved by the tag and its id returned."""
    (source,) = api.machines(birth=None)
    assert compute.create_image(image_order(source)) == compute.create_image(image_order(source))


def test_an_image_that_cannot_be_seen_yet(api: Api, compute: Ec2Compute) -> None:
    """Right after a lost create nothing is found: that is no answer, and one image is made."""
    (source,) = api.machines(birth=None)
    api.server.faults.lag = 0.3
    api.fault("CreateImage", "drop_reply")
    id_ = compute.create_image(image_order(source))
    assert all_images(api) == [id_]


def test_somebody_elses_image_of_that_name(api: Api, compute: Ec2Compute) -> None:
    """A name that another deploy took is refused, not adopted."""
    (source,) = api.machines(birth=None)
    theirs = api.ec2.create_image(InstanceId=source, Name=DEPLOY.image_name)["ImageId"]
    available(api, theirs)
    with pytest.raises(CloudError, match=theirs):
        compute.create_image(image_order(source))


def test_machines_are_born_with_their_tags(api: Api, compute: Ec2Compute) -> None:
    """Instance, volume and interface are tagged in the call, and everything goes with them."""
    ids = compute.launch(launch_order(api, api.image()))
    assert len(ids) == 2
    for one in described(api, *ids):
        assert one["Tags"] == pairs(BIRTH.of(INSTANCE))
        assert one["MetadataOptions"]["HttpTokens"] == "required"
        assert one["ClientToken"] == DEPLOY.client_token("eu-west-1a")
        assert all(each["Ebs"]["DeleteOnTermination"] for each in one["BlockDeviceMappings"])
        (nic,) = one["NetworkInterfaces"]
        assert nic["Attachment"]["DeleteOnTermination"]
    for rows in (
        api.ec2.describe_volumes()["Volumes"],
        api.ec2.describe_network_interfaces()["NetworkInterfaces"],
    ):
        kind = VOLUME if "VolumeId" in rows[0] else INTERFACE
        assert [one.get("Tags") or one["TagSet"] for one in rows] == 2 * [pairs(BIRTH.of(kind))]


def test_a_parked_machine_halts_itself(api: Api, compute: Ec2Compute) -> None:
    """The shutdown behaviour is `stop`: halting must not terminate."""
    (one, _) = compute.launch(launch_order(api, api.image()))
    answer = api.ec2.describe_instance_attribute(
        InstanceId=one, Attribute="instanceInitiatedShutdownBehavior"
    )
    assert answer["InstanceInitiatedShutdownBehavior"]["Value"] == "stop"


@pytest.mark.parametrize("kind", BAD_DAYS)
def test_all_machines_once_whatever_happens(api: Api, patient: Ec2Compute, kind: str) -> None:
    """After a lost reply they are looked up by their token; a replay has the same token."""
    order = launch_order(api, api.image())
    api.fault("RunInstances", kind, times=2)
    ids = patient.launch(order)
    assert (len(ids), patient.launched(order.token)) == (2, ids)
    assert sorted(one["InstanceId"] for one in described(api)) == list(ids)


def test_machines_that_cannot_be_seen_yet(api: Api, compute: Ec2Compute) -> None:
    """Nothing found right after a lost launch is no answer: replayed, not launched anew."""
    order = launch_order(api, api.image())
    api.server.faults.lag = 0.3
    api.fault("RunInstances", "drop_reply")
    ids = compute.launch(order)
    api.server.faults.lag = 0.0
    assert compute.launched(order.token) == ids


def test_a_refusal_after_a_lost_reply_settles_nothing(api: Api, compute: Ec2Compute) -> None:
    """The second is refused, but the first may still arrive: unclear, also when asked again."""
    order = launch_order(api, api.image())
    api.fault("RunInstances", "error500")
    api.fault("RunInstances", "error", times=2, code="InsufficientInstanceCapacity", status=500)
    with pytest.raises(CloudUnclear):
        compute.launch(order)
    with pytest.raises(CloudUnclear):
        compute.launch(order)
    assert compute.launch(order) == compute.launched(order.token)


def test_no_capacity_has_its_code(api: Api, compute: Ec2Compute) -> None:
    """Definite, and sent once: the caller may try another zone with another token."""
    order = launch_order(api, api.image())
    api.fault("RunInstances", "error", code="InsufficientInstanceCapacity", status=500)
    with pytest.raises(CloudError) as caught:
        compute.launch(order)
    assert caught.value.code == "InsufficientInstanceCapacity"
    assert not isinstance(caught.value, CloudUnclear)
    assert compute.launched(order.token) == ()


def test_an_unreachable_look_leaves_it_unclear(api: Api, compute: Ec2Compute) -> None:
    """A lost reply and no way to look: nobody may take that for a refusal."""
    order = launch_order(api, api.image())
    api.fault("RunInstances", "drop_reply", times=0)
    api.fault("DescribeInstances", "error", times=0, code="UnauthorizedOperation")
    with pytest.raises(CloudUnclear):
        compute.launch(order)


def test_volumes_are_as_lives(api: Api, compute: Ec2Compute) -> None:
    """Size, type and speed are live's, never smaller than the image's."""
    base = api.image()
    (source,) = api.machines(
        birth=None,
        image=base,
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}
        ],
    )
    (live,) = compute.instances([source])
    (disk,) = live.disks
    assert (disk.size_gb, disk.type) == (20, "gp3")
    ids = compute.launch(launch_order(api, base, disks=live.disks))
    assert {one.disks[0].size_gb for one in compute.instances(ids)} == {20}
    small = (Disk("/dev/sda1", 1, "gp2", iops=100),)
    more = compute.launch(launch_order(api, base, disks=small, token="other"))
    assert {one.disks[0].size_gb for one in compute.instances(more)} == {8}


def test_machines_are_found_by_address(api: Api, compute: Ec2Compute) -> None:
    """By any address of theirs, whoever made them; not those that are gone."""
    first, second, third = api.machines(3, birth=None)
    facts = {one.id: one for one in compute.instances([first, second, third])}
    wanted = [facts[first].private_address, facts[third].private_address]
    assert compute.find_instances_at(wanted) == (
        *sorted((facts[first], facts[third]), key=lambda one: one.id),
    )
    assert compute.find_instances_at(["10.99.99.99"]) == ()
    assert compute.find_instances_at([]) == ()


@pytest.mark.parametrize("told", ["the right one", "another", "nothing"])
def test_disks_are_the_machines_own_whoever_was_likely(
    api: Api, compute: Ec2Compute, told: str
) -> None:
    """What was described beside the machine is not asked for again; what was not is, by its id."""
    first, second = api.machines(2, birth=None)
    (facts,) = compute.instances([first])
    assert facts.disks
    api.server.journal.clear()
    likely = {"the right one": [first], "another": [second], "nothing": []}[told]
    assert compute.find_instances_at([facts.private_address], likely) == (facts,)
    asked = [entry["action"] for entry in api.server.journal.since(0)]
    assert asked.count("DescribeVolumes") == (2 if told == "another" else 1)


def test_what_is_known_of_an_image_is_not_asked_again(api: Api, compute: Ec2Compute) -> None:
    """It was available: what a launch needs of it stays so."""
    base = api.image()
    assert compute.image(base)
    api.server.journal.clear()
    compute.launch(launch_order(api, base))
    asked = [entry["action"] for entry in api.server.journal.since(0)]
    assert "RunInstances" in asked
    assert "DescribeImages" not in asked


def test_what_a_clone_copies(api: Api, compute: Ec2Compute) -> None:
    """Type, subnet, zone and groups of a machine, and where it can be reached."""
    (id_,) = api.machines(InstanceType="t3.medium")
    (facts,) = compute.instances([id_])
    (raw,) = described(api, id_)
    assert (facts.type, facts.subnet, facts.state) == ("t3.medium", raw["SubnetId"], "running")
    assert facts.zone == compute.zone_of(facts.subnet)
    assert facts.groups == tuple(group["GroupId"] for group in raw["SecurityGroups"])
    assert facts.private_address in facts.addresses
    assert facts.tags == BIRTH.of(INSTANCE)


def test_unknown_ids_are_missing(compute: Ec2Compute) -> None:
    """Not (yet) visible is no error."""
    assert compute.instances(["i-0123456789abcdef0"]) == ()
    assert compute.image("ami-0123456789abcdef0") is None
    assert compute.image_named("nobody") is None
    assert compute.launched("nobody") == ()


def test_the_console(api: Api, compute: Ec2Compute) -> None:
    """The machine's own words."""
    (id_,) = api.machines()
    api.host.consoles[id_] = b"-----BEGIN SSH HOST KEY KEYS-----\n"
    assert compute.console(id_) == "-----BEGIN SSH HOST KEY KEYS-----\n"


@pytest.mark.parametrize("kind", BAD_DAYS)
def test_tags_for_adoption(api: Api, compute: Ec2Compute, kind: str) -> None:
    """Tags on what exists already; harmless twice, so a bad day does not stop it."""
    (id_,) = api.machines(birth=None)
    api.fault("CreateTags", kind)
    compute.tag([id_], {"deploy-hold": "adopted"})
    assert compute.instances([id_])[0].tags == {"deploy-hold": "adopted"}


def test_elastic_ips_are_told_from_other_public_addresses(api: Api, compute: Ec2Compute) -> None:
    """Only what the account has allocated is fixed."""
    fixed = api.ec2.allocate_address(Domain="vpc")["PublicIp"]
    assert compute.elastic_ips((fixed, "203.0.113.9")) == (fixed,)


def test_a_stopped_machine_is_started(api: Api, compute: Ec2Compute) -> None:
    """Idempotent: it may be running already."""
    (one,) = api.machines(birth=None)
    api.ec2.stop_instances(InstanceIds=[one])
    api.ec2.get_waiter("instance_stopped").wait(
        InstanceIds=[one], WaiterConfig={"Delay": 0.02, "MaxAttempts": 200}
    )
    compute.start([one])
    compute.start([one])
    assert described(api, one)[0]["State"]["Name"] in ("pending", "running")
