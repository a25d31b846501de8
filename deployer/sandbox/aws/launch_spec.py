"""What a RunInstances request asks for, checked: every name in it exists and fits.

Nothing is made here; an error leaves nothing behind.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.types import Base64EncodedString
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.utils import filter_iam_instance_profiles

from deployer.sandbox.aws.cloud import Cloud, Region
from deployer.sandbox.aws.disks import Disk, read_disks
from deployer.sandbox.aws.errors import bad_mix, bad_value, ec2_error, missing
from deployer.sandbox.aws.ids import GROUP, IMAGE, INTERFACE, SUBNET, check_form, find_all, unknown
from deployer.sandbox.aws.tags import RUN_TYPES, Tags, read_born_tags

MAX_USER_DATA = 16_384
MAX_COUNT = 1000
RESERVED_HOSTS = 4


@dataclass(frozen=True)
class LaunchSpec:
    """A checked request. `nics` are moto's interface dicts, without addresses yet."""

    image: Any
    count: int
    subnet: Any
    groups: tuple[Any, ...]
    nics: tuple[dict[str, Any], ...]
    disks: tuple[Disk, ...]
    tags: dict[str, Tags]
    user_data_bytes: bytes
    authorized_keys: tuple[str, ...]
    protected: bool
    profile: dict[str, str]
    more: dict[str, Any]

    @property
    def user_data(self) -> Base64EncodedString | None:
        """As moto keeps it."""
        if not self.user_data_bytes:
            return None
        return Base64EncodedString.from_raw_string(
            self.user_data_bytes.decode("latin-1"), "latin-1"
        )

    def take_nics(self, cloud: Cloud, region: Region) -> list[dict[str, Any]]:
        """The interfaces of one instance, each with an address that is now taken."""
        return [_with_address(cloud, region, self.subnet, nic) for nic in self.nics]


def read_spec(cloud: Cloud, region: Region, params: Mapping[str, Any]) -> LaunchSpec:
    """Check a request's parameters.

    Raises:
        EC2ClientError: in AWS's words, for the first thing that is wrong.
    """
    params = _with_template(region, params)
    image = _image(cloud, region, params.get("ImageId"))
    count = _count(params)
    subnet = _subnet(region, params)
    groups = _groups(region, params, subnet)
    return LaunchSpec(
        image=image,
        count=count,
        subnet=subnet,
        groups=groups,
        nics=_nics(cloud, region, params, subnet, groups, count),
        disks=read_disks(region, image, params.get("BlockDeviceMappings") or []),
        tags=read_born_tags(params.get("TagSpecifications") or [], RUN_TYPES),
        user_data_bytes=_user_data(params.get("UserData")),
        authorized_keys=_keys(region, params.get("KeyName")),
        protected=bool(params.get("DisableApiTermination")),
        profile=_profile(region, params.get("IamInstanceProfile") or {}),
        more=_more(params),
    )


def _with_template(region: Region, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """A launch template's parameters below the request's own."""
    given = params.get("LaunchTemplate")
    if not given:
        return params
    data = region.backend._get_template_from_args(given).data
    return {**data, **params}


def _image(cloud: Cloud, region: Region, image_id: str | None) -> Any:
    if not image_id:
        raise missing("ImageId")
    check_form(IMAGE, [image_id])
    image = region.backend.amis.get(image_id)
    if image is None:
        text = f"The image id '[{image_id}]' does not exist"
        raise ec2_error("InvalidAMIID.NotFound", text)
    if image.state != "available" or not cloud.host.has_image(image_id):
        text = f"The image ID '{image_id}' is not available (state: {image.state})"
        raise ec2_error("InvalidAMIID.Unavailable", text)
    return image


def _count(params: Mapping[str, Any]) -> int:
    lowest, highest = params.get("MinCount"), params.get("MaxCount")
    if lowest is None or highest is None:
        raise missing("MinCount" if lowest is None else "MaxCount")
    if not 1 <= int(lowest) <= int(highest):
        raise bad_value(f"Value ({highest}) for parameter maxCount is invalid")
    if int(highest) > MAX_COUNT:
        text = f"A request launches at most {MAX_COUNT} instances"
        raise ec2_error("ResourceCountExceeded", text)
    return int(highest)


def _subnet(region: Region, params: Mapping[str, Any]) -> Any:
    interfaces = params.get("NetworkInterfaces") or []
    if interfaces and (params.get("SubnetId") or params.get("SecurityGroupIds")):
        text = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request"
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


def _groups(region: Region, params: Mapping[str, Any], subnet: Any) -> tuple[Any, ...]:
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


def _nics(
    cloud: Cloud,
    region: Region,
    params: Mapping[str, Any],
    subnet: Any,
    groups: tuple[Any, ...],
    count: int,
) -> tuple[dict[str, Any], ...]:
    given = [dict(nic) for nic in params.get("NetworkInterfaces") or []]
    if not given:
        given = [{"DeviceIndex": 0, "PrivateIpAddress": params.get("PrivateIpAddress")}]
    for nic in given:
        nic.pop("Groups", None)
        if nic.get("NetworkInterfaceId"):
            _check_free_interface(region, nic["NetworkInterfaceId"], count)
            continue
        nic.setdefault("SubnetId", subnet.id)
        if nic.get("AssociatePublicIpAddress") is None:
            # moto keeps the attribute as a bool or as a string, as it was given.
            on_launch = str(subnet.map_public_ip_on_launch).lower() == "true"
            nic["AssociatePublicIpAddress"] = on_launch
        _check_address(cloud, subnet, nic.get("PrivateIpAddress"), count)
    return tuple({k: v for k, v in nic.items() if v is not None} for nic in given)


def _check_free_interface(region: Region, eni_id: str, count: int) -> None:
    interface = find_all(INTERFACE, [eni_id], region.backend.enis)[0]
    if interface.instance is not None or count > 1:
        text = f"Interface: [{eni_id}] in use."
        raise ec2_error("InvalidNetworkInterface.InUse", text)


def _check_address(cloud: Cloud, subnet: Any, address: str | None, count: int) -> None:
    if address is None:
        return
    if count > 1:
        raise bad_mix("A private address cannot be given to more than one instance")
    try:
        inside = ipaddress.ip_address(address) in ipaddress.ip_network(subnet.cidr_block)
    except ValueError as wrong:
        raise bad_value(f"Invalid IP address: {address}") from wrong
    if not inside:
        raise bad_value(f"Address {address} does not fall within the subnet's address range")
    if address in cloud.addresses:
        raise ec2_error("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _with_address(cloud: Cloud, region: Region, subnet: Any, nic: dict[str, Any]) -> dict[str, Any]:
    if nic.get("NetworkInterfaceId"):
        return dict(nic)
    address = nic.get("PrivateIpAddress") or free_address(cloud, region, subnet)
    cloud.addresses.add(address)
    return {**nic, "PrivateIpAddress": address}


def free_address(cloud: Cloud, region: Region, subnet: Any) -> str:
    """The next free address of a subnet, going round: the dead keep theirs for a while.

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


def _user_data(encoded: Any) -> bytes:
    if not encoded:
        return b""
    text = encoded if isinstance(encoded, bytes) else str(encoded).encode()
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as wrong:
        text_ = "Invalid BASE64 encoding of user data."
        raise ec2_error("InvalidUserData.Malformed", text_) from wrong
    if len(data) > MAX_USER_DATA:
        raise bad_value(f"User data is limited to {MAX_USER_DATA} bytes")
    return data


def _keys(region: Region, name: str | None) -> tuple[str, ...]:
    if not name:
        return ()
    pair = region.backend.key_pairs.get(name)
    if pair is None:
        text = f"The key pair '{name}' does not exist"
        raise ec2_error("InvalidKeyPair.NotFound", text)
    return (pair.public_key.strip(),)


def _profile(region: Region, given: Mapping[str, Any]) -> dict[str, str]:
    """What moto associates with the instance; empty without a profile."""
    asked = {
        "iam_instance_profile_name": given.get("Name"),
        "iam_instance_profile_arn": given.get("Arn"),
    }
    asked = {key: value for key, value in asked.items() if value}
    if not asked:
        return {}
    backend = region.backend
    both = {"iam_instance_profile_name": None, "iam_instance_profile_arn": None, **asked}
    try:
        filter_iam_instance_profiles(backend.account_id, partition=backend.partition, **both)
    except ServiceException as absent:
        shown = next(iter(asked.values()))
        raise bad_value(f"Value ({shown}) for parameter iamInstanceProfile is invalid") from absent
    return {key: str(value) for key, value in asked.items()}


def _more(params: Mapping[str, Any]) -> dict[str, Any]:
    """What moto's Instance takes as it is."""
    instance_type = params.get("InstanceType") or "m1.small"
    if instance_type not in INSTANCE_TYPES:
        text = f"The instance type '{instance_type}' does not exist"
        raise bad_value(f"Invalid value '{instance_type}' for InstanceType. {text}")
    behaviour = params.get("InstanceInitiatedShutdownBehavior") or "stop"
    if behaviour not in ("stop", "terminate"):
        raise bad_value(
            f"Value ({behaviour}) for parameter instanceInitiatedShutdownBehavior is invalid"
        )
    monitoring = (params.get("Monitoring") or {}).get("Enabled")
    return {
        "instance_type": instance_type,
        "key_name": params.get("KeyName"),
        "client_token": params.get("ClientToken") or "",
        "instance_initiated_shutdown_behavior": behaviour,
        "ebs_optimized": bool(params.get("EbsOptimized")),
        "disable_api_stop": bool(params.get("DisableApiStop")),
        "metadata_options": params.get("MetadataOptions") or {},
        "monitoring_state": "enabled" if monitoring else "disabled",
    }
