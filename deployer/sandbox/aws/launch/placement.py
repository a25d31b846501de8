"""Where a launch places its instances: subnet, security groups, interfaces, addresses.

Source: RunInstances (NetworkInterfaces exclude SubnetId and SecurityGroupIds).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from deployer.sandbox.aws.api.errors import bad_mix, bad_value, ec2_error
from deployer.sandbox.aws.api.ids import GROUP, INTERFACE, SUBNET, check_form, find_all, unknown
from deployer.sandbox.aws.state.cloud import AwsState, Region

# The network's own address, the router's, the name server's, and one that AWS reserves.
RESERVED_HOSTS = 4


def read_subnet(region: Region, params: Mapping[str, Any]) -> Any:
    """The named subnet, that of the named interface, or the zone's default one.

    Raises:
        EC2ClientError: it is unknown, in another zone, or there is none.
    """
    interfaces = params.get("NetworkInterfaces") or []
    if interfaces and (params.get("SubnetId") or params.get("SecurityGroupIds")):
        text = "Network interfaces and an instance-level subnet or groups exclude each other"
        raise bad_mix(text)
    first: Mapping[str, Any] = interfaces[0] if interfaces else {}
    if first.get("NetworkInterfaceId"):
        known = region.backend.enis
        return find_all(INTERFACE, [first["NetworkInterfaceId"]], known)[0].subnet
    subnet_id = params.get("SubnetId") or first.get("SubnetId")
    zone = (params.get("Placement") or {}).get("AvailabilityZone")
    if not subnet_id:
        return _default_subnet(region, zone)
    check_form(SUBNET, [subnet_id])
    for subnets in region.backend.subnets.values():
        if subnet_id in subnets:
            return _in_zone(subnets[subnet_id], zone)
    raise unknown(SUBNET, [subnet_id])


def _in_zone(subnet: Any, zone: str | None) -> Any:
    if zone and subnet.availability_zone != zone:
        raise bad_value(f"The subnet {subnet.id} is not in the Availability Zone {zone}")
    return subnet


def _default_subnet(region: Region, zone: str | None) -> Any:
    zones = {z.name for z in region.backend.describe_availability_zones()}
    if zone and zone not in zones:
        raise bad_value(f"Invalid availability zone: [{zone}]")
    defaults = region.backend.get_default_subnets()
    if not defaults:
        text = "No default VPC for this user: specify a subnet"
        raise ec2_error("VPCIdNotSpecified", text)
    chosen = zone or min(defaults)
    if chosen not in defaults:
        raise ec2_error("MissingInput", f"No default subnet for availability zone: '{chosen}'.")
    return defaults[chosen]


def read_groups(region: Region, params: Mapping[str, Any], subnet: Any) -> tuple[Any, ...]:
    """The named security groups, by id or name; else the network's default one.

    Raises:
        EC2ClientError: one is unknown or of another network.
    """
    interfaces = params.get("NetworkInterfaces") or [{}]
    wanted = [*(params.get("SecurityGroupIds") or []), *(interfaces[0].get("Groups") or [])]
    check_form(GROUP, wanted)
    found = [_group(region, one, subnet) for one in wanted]
    for name in params.get("SecurityGroups") or []:
        group = region.backend.get_security_group_from_name(name, subnet.vpc_id)
        if group is None:
            raise ec2_error("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
        found.append(group)
    if not found and not interfaces[0].get("NetworkInterfaceId"):
        found = [region.backend.get_default_security_group(subnet.vpc_id)]
    return tuple(found)


def _group(region: Region, group_id: str, subnet: Any) -> Any:
    group = region.backend.get_security_group_from_id(group_id)
    if group is None:
        text = f"The security group '{group_id}' does not exist"
        raise ec2_error("InvalidGroup.NotFound", text)
    if group.vpc_id != subnet.vpc_id:
        text = f"Security group {group_id} and subnet {subnet.id} belong to different networks."
        raise ec2_error("InvalidParameter", text)
    return group


def read_nics(
    cloud: AwsState, region: Region, params: Mapping[str, Any], subnet: Any
) -> tuple[dict[str, Any], ...]:
    """The interfaces of each instance, in moto's form; addresses are allocated later.

    Raises:
        EC2ClientError: an interface or address that is in use, or not in the subnet.
    """
    single = int(params["MaxCount"]) == 1
    given = [dict(nic) for nic in params.get("NetworkInterfaces") or []]
    if not given:
        given = [{"DeviceIndex": 0, "PrivateIpAddress": params.get("PrivateIpAddress")}]
    for nic in given:
        nic.pop("Groups", None)
        if nic.get("NetworkInterfaceId"):
            _check_free_interface(region, nic["NetworkInterfaceId"], single)
            continue
        nic.setdefault("SubnetId", subnet.id)
        if nic.get("AssociatePublicIpAddress") is None:
            # moto keeps the attribute as a bool or a string, whichever was given.
            on_launch = str(subnet.map_public_ip_on_launch).lower() == "true"
            nic["AssociatePublicIpAddress"] = on_launch
        _check_address(cloud, subnet, nic.get("PrivateIpAddress"), single)
    return tuple({k: v for k, v in nic.items() if v is not None} for nic in given)


def _check_free_interface(region: Region, eni_id: str, single: bool) -> None:
    interface = find_all(INTERFACE, [eni_id], region.backend.enis)[0]
    if interface.instance is not None or not single:
        text = f"Interface: [{eni_id}] in use."
        raise ec2_error("InvalidNetworkInterface.InUse", text)


def _check_address(cloud: AwsState, subnet: Any, address: str | None, single: bool) -> None:
    if address is None:
        return
    if not single:
        raise bad_mix("A private address cannot be given to more than one instance")
    try:
        inside = ipaddress.ip_address(address) in ipaddress.ip_network(subnet.cidr_block)
    except ValueError as wrong:
        raise bad_value(f"Invalid IP address: {address}") from wrong
    if not inside:
        raise bad_value(f"Address {address} does not fall within the subnet's address range")
    if address in cloud.addresses:
        raise ec2_error("InvalidIPAddress.InUse", f"Address {address} is in use.")


def with_address(
    cloud: AwsState, region: Region, subnet: Any, nic: dict[str, Any]
) -> dict[str, Any]:
    """The interface with a newly allocated address."""
    if nic.get("NetworkInterfaceId"):
        return dict(nic)
    address = nic.get("PrivateIpAddress") or free_address(cloud, region, subnet)
    cloud.addresses.add(address)
    return {**nic, "PrivateIpAddress": address}


def free_address(cloud: AwsState, region: Region, subnet: Any) -> str:
    """The next free address of a subnet, in rotation: dead instances keep theirs for a while.

    Raises:
        EC2ClientError: InsufficientFreeAddressesInSubnet.
    """
    network = ipaddress.ip_network(subnet.cidr_block)
    usable = network.num_addresses - RESERVED_HOSTS - 1
    start = region.next_address.get(subnet.id, 0)
    for step in range(usable):
        place = (start + step) % usable
        address = str(network[RESERVED_HOSTS + place])
        if address not in cloud.addresses:
            region.next_address[subnet.id] = place + 1
            return address
    text = f"There are not enough free addresses in subnet '{subnet.id}'"
    raise ec2_error("InsufficientFreeAddressesInSubnet", text)
