"""TerminateInstances, its batches, and what an instance leaves behind.

Sources: TerminateInstances; EC2 User Guide, "Terminate your instance"; aws.md §1, §3.
"""

from __future__ import annotations

from mypy_boto3_ec2 import EC2Client

from deployer.sandbox.aws import AwsServer
from tests.contract.helpers import (
    Launch,
    describe,
    eventually,
    refused,
    state_of,
    wait_for_state,
)
from tests.fakes.paper_host import PaperHost

NOWHERE = "i-0123456789abcdef0"


def zones(ec2: EC2Client) -> tuple[str, str]:
    """Two availability zones."""
    found = [one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]]
    return found[0], found[1]


def test_shutting_down_then_terminated(ec2: EC2Client, running: str) -> None:
    """The answer says shutting-down, a later describe terminated (ec2-instance-lifecycle)."""
    (answer,) = ec2.terminate_instances(InstanceIds=[running])["TerminatingInstances"]
    assert answer["CurrentState"] == {"Code": 32, "Name": "shutting-down"}
    assert answer["PreviousState"] == {"Code": 16, "Name": "running"}
    wait_for_state(ec2, running, "terminated")
    assert "PrivateIpAddress" not in describe(ec2, running)


def test_terminating_twice_is_harmless(ec2: EC2Client, running: str) -> None:
    """It is idempotent (TerminateInstances)."""
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    (answer,) = ec2.terminate_instances(InstanceIds=[running])["TerminatingInstances"]
    assert answer["CurrentState"]["Name"] == answer["PreviousState"]["Name"] == "terminated"


def test_one_bad_id_fails_the_whole_call(ec2: EC2Client, running: str) -> None:
    """With one incorrect id, "none of the instances are terminated" (TerminateInstances)."""
    with refused("InvalidInstanceID.NotFound"):
        ec2.terminate_instances(InstanceIds=[running, NOWHERE])
    with refused("InvalidInstanceID.Malformed"):
        ec2.terminate_instances(InstanceIds=[running, "i-nothing"])
    assert state_of(ec2, running) == "running"


def test_more_than_1000_ids(ec2: EC2Client) -> None:
    """At most "1000 instance IDs" (TerminateInstances)."""
    many = [f"i-{number:017x}" for number in range(1001)]
    with refused("ResourceCountExceeded", "InvalidParameterValue"):
        ec2.terminate_instances(InstanceIds=many)


def test_protection_saves_its_zones_share_alone(ec2: EC2Client, launch: Launch) -> None:
    """Its zone's ids stay, the other zones' are terminated, the call fails (TerminateInstances)."""
    here, there = zones(ec2)
    (guarded,) = launch(1, Placement={"AvailabilityZone": here}, DisableApiTermination=True)
    (beside,) = launch(1, Placement={"AvailabilityZone": here})
    (away,) = launch(1, Placement={"AvailabilityZone": there})
    try:
        with refused("OperationNotPermitted"):
            ec2.terminate_instances(InstanceIds=[beside, guarded, away])
        wait_for_state(ec2, away, "terminated")
        assert {state_of(ec2, one) for one in (guarded, beside)} <= {"pending", "running"}
    finally:
        unprotect(ec2, guarded)


def unprotect(ec2: EC2Client, instance: str) -> None:
    """Take its termination protection away."""
    ec2.modify_instance_attribute(InstanceId=instance, DisableApiTermination={"Value": False})


def test_protection_can_be_set_and_taken_away(ec2: EC2Client, running: str) -> None:
    """disableApiTermination (ModifyInstanceAttribute)."""
    ec2.modify_instance_attribute(InstanceId=running, DisableApiTermination={"Value": True})
    try:
        with refused("OperationNotPermitted"):
            ec2.terminate_instances(InstanceIds=[running])
        asked = ec2.describe_instance_attribute(
            InstanceId=running, Attribute="disableApiTermination"
        )
        assert asked["DisableApiTermination"]["Value"]
    finally:
        unprotect(ec2, running)
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")


def test_root_volume_and_interface_go(ec2: EC2Client, running: str) -> None:
    """DeleteOnTermination is true for both by default (terminating-instances; aws.md §3)."""
    shown = describe(ec2, running)
    volume = shown["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    interface = shown["NetworkInterfaces"][0]["NetworkInterfaceId"]
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    with refused("InvalidVolume.NotFound"):
        eventually(lambda: not ec2.describe_volumes(VolumeIds=[volume]))
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])


def test_a_volume_attached_later_stays(ec2: EC2Client, running: str) -> None:
    """Volumes attached after the launch persist (TerminateInstances)."""
    zone = describe(ec2, running)["Placement"]["AvailabilityZone"]
    volume = ec2.create_volume(Size=1, AvailabilityZone=zone)["VolumeId"]
    eventually(lambda: _state(ec2, volume) == "available")
    ec2.attach_volume(VolumeId=volume, InstanceId=running, Device="/dev/sdf")
    eventually(lambda: _state(ec2, volume) == "in-use")
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    eventually(lambda: _state(ec2, volume) == "available")
    ec2.delete_volume(VolumeId=volume)


def _state(ec2: EC2Client, volume: str) -> str:
    return ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"]


def test_delete_on_termination_can_be_changed(ec2: EC2Client, running: str) -> None:
    """A mapping's flag and an interface's can be changed while it runs (Modify…Attribute)."""
    shown = describe(ec2, running)
    root = shown["BlockDeviceMappings"][0]
    interface = shown["NetworkInterfaces"][0]
    ec2.modify_instance_attribute(
        InstanceId=running,
        BlockDeviceMappings=[
            {"DeviceName": root["DeviceName"], "Ebs": {"DeleteOnTermination": False}}
        ],
    )
    ec2.modify_network_interface_attribute(
        NetworkInterfaceId=interface["NetworkInterfaceId"],
        Attachment={
            "AttachmentId": interface["Attachment"]["AttachmentId"],
            "DeleteOnTermination": False,
        },
    )
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    eventually(lambda: _state(ec2, root["Ebs"]["VolumeId"]) == "available")
    ec2.delete_volume(VolumeId=root["Ebs"]["VolumeId"])
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])


def test_an_elastic_address_is_let_go_and_stays(ec2: EC2Client, running: str) -> None:
    """Disassociated, never released, by termination (ec2-instance-lifecycle)."""
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    try:
        ec2.associate_address(AllocationId=address, InstanceId=running)
        with refused("InvalidIPAddress.InUse"):
            ec2.release_address(AllocationId=address)
        ec2.terminate_instances(InstanceIds=[running])
        wait_for_state(ec2, running, "terminated")
        (shown,) = ec2.describe_addresses(AllocationIds=[address])["Addresses"]
        assert not shown.get("AssociationId")
    finally:
        ec2.release_address(AllocationId=address)
    with refused("InvalidAllocationID.NotFound"):
        ec2.release_address(AllocationId=address)


def test_the_dead_are_shown_for_a_while_then_forgotten(
    ec2: EC2Client, running: str, server: AwsServer
) -> None:
    """Terminated instances stay visible for about an hour (TerminateInstances)."""
    ec2.create_tags(Resources=[running], Tags=[{"Key": "a", "Value": "b"}])
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    assert describe(ec2, running)["Tags"] == [{"Key": "a", "Value": "b"}]
    region = next(iter(server.cloud.regions.values()))
    region.terminated_at[running] -= server.options.terminated_for
    with refused("InvalidInstanceID.NotFound"):
        describe(ec2, running)
    assert ec2.describe_tags()["Tags"] == []


def test_a_machine_is_killed_before_it_is_gone(
    ec2: EC2Client, running: str, host: PaperHost
) -> None:
    """`terminated` means that nothing of it runs any more (ec2-instance-lifecycle)."""
    ec2.terminate_instances(InstanceIds=[running])
    wait_for_state(ec2, running, "terminated")
    assert running not in host.machines
