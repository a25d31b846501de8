"""The parameters of the one RunInstances call. Pure: the same order gives the same request.

A replay with the same token but other parameters is refused or, worse, silently accepted (aws.md
§1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deployer.compute import Disk, LaunchOrder

_IOPS = frozenset({"gp3", "io1", "io2"})
_THROUGHPUT = frozenset({"gp3"})


def launch_request(order: LaunchOrder, image: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `run_instances`; `image` is the description of the order's image.

    MinCount = MaxCount: all machines or none. Shutdown behaviour `stop`, because a parked machine
    halts itself; IMDSv2 only, because user data holds the host key.
    """
    request: dict[str, Any] = {
        "ImageId": order.image,
        "InstanceType": order.type,
        "MinCount": order.count,
        "MaxCount": order.count,
        "ClientToken": order.token,
        "NetworkInterfaces": [_interface(order)],
        "BlockDeviceMappings": list(_mappings(order.disks, image)),
        "UserData": order.user_data,
        "InstanceInitiatedShutdownBehavior": "stop",
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled"},
        "TagSpecifications": tag_specifications(order.tags),
    }
    if order.key:
        request["KeyName"] = order.key
    if order.profile:
        field = "Arn" if order.profile.startswith("arn:") else "Name"
        request["IamInstanceProfile"] = {field: order.profile}
    return request


def tag_specifications(tags: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Tags by kind, in the form of a create call."""
    return [
        {"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in of_kind.items()]}
        for kind, of_kind in tags.items()
    ]


def _interface(order: LaunchOrder) -> dict[str, Any]:
    """Without a requested public address, the subnet's own default applies, as it did for live."""
    interface: dict[str, Any] = {
        "DeviceIndex": 0,
        "SubnetId": order.subnet,
        "DeleteOnTermination": True,
    }
    if order.groups:
        interface["Groups"] = list(order.groups)
    if order.public_address:
        interface["AssociatePublicIpAddress"] = True
    return interface


def _mappings(disks: Sequence[Disk], image: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The mapping of every volume of the image, each deleted with its machine.

    AWS's own texts disagree about the default for further volumes (aws.md §3). A volume is as large
    and as fast as live's of the same device, and never smaller than the image's.
    """
    wanted = {disk.device: disk for disk in disks}
    mapped = [one for one in image.get("BlockDeviceMappings") or () if "Ebs" in one]
    root = image.get("RootDeviceName", "")
    strangers = [
        disk for disk in disks if disk.device not in {each["DeviceName"] for each in mapped}
    ]
    if root not in wanted and len(strangers) == 1:
        wanted[root] = strangers[0]  # a base image may use another device name for its root
    for one in mapped:
        device = one["DeviceName"]
        yield {"DeviceName": device, "Ebs": _volume(wanted.get(device), one["Ebs"])}


def _volume(wanted: Disk | None, ebs: Mapping[str, Any]) -> dict[str, Any]:
    volume: dict[str, Any] = {"DeleteOnTermination": True}
    size = max(wanted.size_gb if wanted else 0, ebs.get("VolumeSize", 0))
    if size:
        volume["VolumeSize"] = size
    return volume if wanted is None else volume | _as_wanted(wanted)


def _as_wanted(disk: Disk) -> dict[str, Any]:
    """What stays unsaid is the image's."""
    said = {
        "VolumeType": disk.type,
        "Iops": disk.iops if disk.type in _IOPS else 0,
        "Throughput": disk.throughput if disk.type in _THROUGHPUT else 0,
        "Encrypted": disk.encrypted,
    }
    return {key: value for key, value in said.items() if value}
