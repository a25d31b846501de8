"""Public addresses: when an instance gets one, keeps it, and loses it.

Sources: EC2 User Guide, "Amazon EC2 instance IP addressing" (public IPv4 addresses) and "Elastic
IP addresses"; StopInstances; RebootInstances; AssociateAddress; DisassociateAddress.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import pytest
from mypy_boto3_ec2 import EC2Client

from deployer.sandbox.aws import AwsServer
from tests.contract.conftest import World
from tests.contract.helpers import Launch, describe, refused, wait_for_state

PUBLIC: Any = [{"DeviceIndex": 0, "AssociatePublicIpAddress": True}]
Running = Callable[[], str]


@pytest.fixture
def public(ec2: EC2Client, launch: Launch) -> str:
    """The id of a running instance with a public address."""
    (made,) = launch(1, NetworkInterfaces=PUBLIC)
    wait_for_state(ec2, made, "running")
    return made


@pytest.fixture
def elastic(world: World, ec2: EC2Client) -> tuple[str, str]:
    """An Elastic IP's allocation id and address."""
    made = ec2.allocate_address(Domain="vpc")
    world.on_exit(lambda: ec2.release_address(AllocationId=made["AllocationId"]))
    return made["AllocationId"], made["PublicIp"]


def _address(ec2: EC2Client, instance: str) -> str:
    """Its public address; '' where it has none. Every place in the answer says the same."""
    shown = describe(ec2, instance)
    address = shown.get("PublicIpAddress", "")
    (interface,) = shown["NetworkInterfaces"]
    assert interface.get("Association", {}).get("PublicIp", "") == address
    return str(address)


def test_a_public_address_is_no_private_one(ec2: EC2Client, public: str) -> None:
    """It is from another range than the subnet's, and the interface shows it as associated."""
    shown = describe(ec2, public)
    subnet = ec2.describe_subnets(SubnetIds=[shown["SubnetId"]])["Subnets"][0]
    address = _address(ec2, public)
    assert address != shown["PrivateIpAddress"]
    assert ipaddress.ip_address(address) not in ipaddress.ip_network(subnet["CidrBlock"])


def test_a_stop_gives_it_back_and_a_start_takes_another(ec2: EC2Client, public: str) -> None:
    """Released when the instance is stopped; a new one when it is started (IP addressing)."""
    before = _address(ec2, public)
    ec2.stop_instances(InstanceIds=[public])
    wait_for_state(ec2, public, "stopped")
    assert _address(ec2, public) == ""
    ec2.start_instances(InstanceIds=[public])
    wait_for_state(ec2, public, "running")
    assert _address(ec2, public) not in ("", before)


def test_a_reboot_keeps_it(ec2: EC2Client, public: str) -> None:
    """A rebooted instance keeps its public address (RebootInstances, "Reboot your instance")."""
    before = _address(ec2, public)
    ec2.reboot_instances(InstanceIds=[public])
    assert _address(ec2, public) == before


def test_none_without_asking_after_a_start(ec2: EC2Client, launch: Launch) -> None:
    """Launched without one, it gets none at a start either (IP addressing)."""
    (made,) = launch(1, NetworkInterfaces=[{**PUBLIC[0], "AssociatePublicIpAddress": False}])
    wait_for_state(ec2, made, "running")
    ec2.stop_instances(InstanceIds=[made])
    wait_for_state(ec2, made, "stopped")
    ec2.start_instances(InstanceIds=[made])
    wait_for_state(ec2, made, "running")
    assert _address(ec2, made) == ""


def test_the_end_gives_it_back(ec2: EC2Client, public: str) -> None:
    """A terminated instance has no public address (IP addressing)."""
    ec2.terminate_instances(InstanceIds=[public])
    wait_for_state(ec2, public, "terminated")
    assert "PublicIpAddress" not in describe(ec2, public)


def test_it_is_found_by_its_address(ec2: EC2Client, public: str) -> None:
    """The filters `ip-address` and that of the association (DescribeInstances)."""
    for name in ("ip-address", "network-interface.addresses.association.public-ip"):
        named: Any = [{"Name": name, "Values": [_address(ec2, public)]}]
        (found,) = ec2.describe_instances(Filters=named)["Reservations"]
        assert [one["InstanceId"] for one in found["Instances"]] == [public]


def test_an_elastic_address_takes_its_place(
    ec2: EC2Client, public: str, elastic: tuple[str, str]
) -> None:
    """The automatic one is released for it, and comes back as another one (Elastic IP)."""
    allocation, address = elastic
    before = _address(ec2, public)
    made = ec2.associate_address(AllocationId=allocation, InstanceId=public)
    assert _address(ec2, public) == address != before
    ec2.disassociate_address(AssociationId=made["AssociationId"])
    assert _address(ec2, public) not in ("", before, address)


def test_each_association_has_an_id_of_its_own(
    ec2: EC2Client, launch: Launch, public: str, elastic: tuple[str, str]
) -> None:
    """Moved and moved back, it is not the association of before (hashicorp/terraform, 2543)."""
    allocation, _ = elastic
    (other,) = launch(1)
    wait_for_state(ec2, other, "running")
    made = [
        ec2.associate_address(AllocationId=allocation, InstanceId=one)["AssociationId"]
        for one in (public, other, public)
    ]
    assert len(set(made)) == 3
    (shown,) = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
    assert shown["AssociationId"] == made[-1]


def test_an_elastic_address_stays_over_a_stop(
    ec2: EC2Client, public: str, elastic: tuple[str, str]
) -> None:
    """It remains associated while the instance is stopped (Elastic IP; Stop_Start)."""
    allocation, address = elastic
    ec2.associate_address(AllocationId=allocation, InstanceId=public)
    ec2.stop_instances(InstanceIds=[public])
    wait_for_state(ec2, public, "stopped")
    assert _address(ec2, public) == address
    ec2.start_instances(InstanceIds=[public])
    wait_for_state(ec2, public, "running")
    assert _address(ec2, public) == address


def test_an_elastic_address_is_one_interface_s(
    ec2: EC2Client, launch: Launch, public: str, elastic: tuple[str, str]
) -> None:
    """Already associated, it is moved only if that is asked for (AssociateAddress)."""
    allocation, address = elastic
    (other,) = launch(1, NetworkInterfaces=PUBLIC)
    wait_for_state(ec2, other, "running")
    ec2.associate_address(AllocationId=allocation, InstanceId=public)
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_address(AllocationId=allocation, InstanceId=other, AllowReassociation=False)
    ec2.associate_address(AllocationId=allocation, InstanceId=other, AllowReassociation=True)
    assert _address(ec2, other) == address
    assert _address(ec2, public) != address


def test_addresses_go_round(ec2: EC2Client, server: AwsServer, launch: Launch) -> None:
    """What was given back is not the next one's: a stale answer must not reach a stranger."""
    seen = []
    for _ in range(3):
        (made,) = launch(1, NetworkInterfaces=PUBLIC)
        wait_for_state(ec2, made, "running")
        seen.append(_address(ec2, made))
        ec2.terminate_instances(InstanceIds=[made])
        wait_for_state(ec2, made, "terminated")
    assert len(set(seen)) == 3
    assert not set(seen) & server.cloud.addresses


def test_who_owns_an_address(ec2: EC2Client, public: str, elastic: tuple[str, str]) -> None:
    """IpOwnerId is `amazon` for one that EC2 lends, the account for an Elastic IP.

    Source: InstanceNetworkInterfaceAssociation.
    """
    assert _owner(ec2, public) == "amazon"
    ec2.associate_address(AllocationId=elastic[0], InstanceId=public)
    assert _owner(ec2, public).isdigit()


def _owner(ec2: EC2Client, instance: str) -> str:
    (interface,) = describe(ec2, instance)["NetworkInterfaces"]
    (address,) = interface["PrivateIpAddresses"]
    owner = str(interface["Association"]["IpOwnerId"])
    assert address["Association"]["IpOwnerId"] == owner
    return owner


def test_it_moves_to_an_interface_in_one_call(
    ec2: EC2Client, launch: Launch, public: str, elastic: tuple[str, str]
) -> None:
    """Idempotent; it is the machine's at once, and who loses it receives another address.

    Sources: AssociateAddress (NetworkInterfaceId, AllowReassociation; "This is an idempotent
    operation"); EC2 User Guide, "Public IPv4 addresses" ("When you disassociate the Elastic IP
    address from your instance, it receives a new public IP address").
    """
    allocation, address = elastic
    (other,) = launch(1, NetworkInterfaces=PUBLIC)
    wait_for_state(ec2, other, "running")
    ec2.associate_address(AllocationId=allocation, InstanceId=public)
    (interface,) = describe(ec2, other)["NetworkInterfaces"]
    eni = interface["NetworkInterfaceId"]
    for _ in range(2):
        ec2.associate_address(
            AllocationId=allocation, NetworkInterfaceId=eni, AllowReassociation=True
        )
        (found,) = ec2.describe_addresses(AllocationIds=[allocation])["Addresses"]
        assert (found["InstanceId"], found["NetworkInterfaceId"]) == (other, eni)
        assert found["PrivateIpAddress"] == describe(ec2, other)["PrivateIpAddress"]
    assert _address(ec2, other) == address
    assert _address(ec2, public) not in ("", address)


def test_who_loses_it_has_none_where_none_was_asked_for(
    ec2: EC2Client, launch: Launch, public: str, elastic: tuple[str, str]
) -> None:
    """Launched without a public address: then it has no address at all (IP addressing)."""
    (made,) = launch(1, NetworkInterfaces=[{**PUBLIC[0], "AssociatePublicIpAddress": False}])
    wait_for_state(ec2, made, "running")
    ec2.associate_address(AllocationId=elastic[0], InstanceId=made)
    assert _address(ec2, made) == elastic[1]
    ec2.associate_address(AllocationId=elastic[0], InstanceId=public)
    assert _address(ec2, made) == ""


def test_another_one_takes_its_place(
    world: World, ec2: EC2Client, public: str, elastic: tuple[str, str]
) -> None:
    """The existing Elastic IP is disassociated, and stays allocated (AssociateAddress)."""
    more = ec2.allocate_address(Domain="vpc")
    world.on_exit(lambda: ec2.release_address(AllocationId=more["AllocationId"]))
    ec2.associate_address(AllocationId=elastic[0], InstanceId=public)
    ec2.associate_address(AllocationId=more["AllocationId"], InstanceId=public)
    (left,) = ec2.describe_addresses(AllocationIds=[elastic[0]])["Addresses"]
    assert "AssociationId" not in left
    assert _address(ec2, public) == more["PublicIp"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AllocationId": "eipalloc-ffffffffffffffff0"}, "InvalidAllocationID.NotFound"),
        ({"NetworkInterfaceId": "eni-ffffffffffffffff0"}, "InvalidNetworkInterfaceID.NotFound"),
        ({"InstanceId": "i-ffffffffffffffff0"}, "InvalidInstanceID.NotFound"),
    ],
)
def test_what_is_gone_gets_no_address(
    ec2: EC2Client, elastic: tuple[str, str], change: dict[str, str], code: str
) -> None:
    """A late request that names a terminated machine's interface fails (EC2 error codes)."""
    whom = {} if "NetworkInterfaceId" in change else {"InstanceId": "i-ffffffffffffffff0"}
    request: Any = {"AllocationId": elastic[0], **whom, **change}
    with refused(code):
        ec2.associate_address(**request)
