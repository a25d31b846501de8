"""Converts EC2's descriptions to the values of `deployer.compute`. Makes no calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.compute import Disk, ImageFacts, InstanceFacts
from reconciler.aws.client.query import tags_of
from reconciler.aws.kinds.instance import addresses_of, public_of

Raw = Mapping[str, Any]


def volumes_of(instance: Raw) -> dict[str, str]:
    """An instance's EBS volumes: their devices by volume id."""
    return {
        one["Ebs"]["VolumeId"]: one["DeviceName"]
        for one in instance.get("BlockDeviceMappings") or ()
        if "Ebs" in one
    }


def instance_facts(one: dict[str, Any], volumes: Mapping[str, Raw]) -> InstanceFacts:
    """The properties that a clone copies; `volumes` are the descriptions of its volumes by id."""
    disks = [
        _disk(device, volumes[volume], volumes[volume]["Size"])
        for volume, device in volumes_of(one).items()
        if volume in volumes
    ]
    public = public_of(one)
    return InstanceFacts(
        id=one["InstanceId"],
        state=one["State"]["Name"],
        type=one.get("InstanceType", ""),
        image=one.get("ImageId", ""),
        subnet=one.get("SubnetId", ""),
        zone=one.get("Placement", {}).get("AvailabilityZone", ""),
        groups=tuple(group["GroupId"] for group in one.get("SecurityGroups") or ()),
        profile=(one.get("IamInstanceProfile") or {}).get("Arn", ""),
        key=one.get("KeyName", ""),
        disks=tuple(sorted(disks, key=lambda disk: disk.device)),
        private_address=one.get("PrivateIpAddress", ""),
        public_address=one.get("PublicIpAddress") or next(iter(public), ""),
        addresses=addresses_of(one),
        tags=tags_of(one),
        root=one.get("RootDeviceName", ""),
        platform=one.get("PlatformDetails", ""),
        reason=_reason(one) or one.get("StateTransitionReason", ""),
    )


def image_facts(one: dict[str, Any], percent: int | None) -> ImageFacts:
    """An image with the disks that a launch from it gets."""
    mapped = [each for each in one.get("BlockDeviceMappings") or () if "Ebs" in each]
    return ImageFacts(
        id=one["ImageId"],
        name=one.get("Name", ""),
        state=one.get("State", ""),
        reason=_reason(one),
        percent=percent,
        disks=tuple(
            _disk(each["DeviceName"], each["Ebs"], each["Ebs"].get("VolumeSize", 0))
            for each in mapped
        ),
        tags=tags_of(one),
    )


def _reason(one: Raw) -> str:
    return str((one.get("StateReason") or {}).get("Message", ""))


def _disk(device: str, ebs: Raw, size: int) -> Disk:
    return Disk(
        device=device,
        size_gb=size,
        type=ebs.get("VolumeType", ""),
        iops=ebs.get("Iops"),
        throughput=ebs.get("Throughput"),
        encrypted=ebs.get("Encrypted"),
        snapshot=ebs.get("SnapshotId", ""),
        key=ebs.get("KmsKeyId", ""),
    )
