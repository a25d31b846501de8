"""The volumes of a launch: the image's mappings, overridden by the request's.

Source: RunInstances, BlockDeviceMappings. The root volume is deleted with its instance by default;
for other volumes AWS's texts disagree (aws.md §3), and here they stay: the stricter behaviour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployer.sandbox.aws.api.errors import ec2_error, missing
from deployer.sandbox.aws.api.ids import SNAPSHOT, find_all
from deployer.sandbox.aws.state.cloud import Region

TYPES = ("standard", "gp2", "gp3", "io1", "io2", "st1", "sc1")


@dataclass(frozen=True)
class Disk:
    """One volume to create; `size` in GiB."""

    device: str
    size: int
    delete_on_termination: bool
    snapshot_id: str | None = None
    volume_type: str = "gp3"
    encrypted: bool = False
    key: str | None = None
    iops: int | None = None
    throughput: int | None = None


def read_disks(region: Region, image: Any, given: Sequence[Mapping[str, Any]]) -> tuple[Disk, ...]:
    """The volumes of an instance of `image`.

    Raises:
        EC2ClientError: an invalid mapping, or one smaller than its snapshot.
    """
    merged: dict[str, dict[str, Any]] = {
        mapping["DeviceName"]: dict(mapping["Ebs"]) for mapping in image.block_device_mappings
    }
    for mapping in given:
        device = mapping.get("DeviceName")
        if not device:
            raise missing("blockDeviceMapping.deviceName")
        if "NoDevice" in mapping:
            merged.pop(device, None)
        elif mapping.get("Ebs") is not None:
            merged[device] = {**merged.get(device, {}), **mapping["Ebs"]}
    root = image.root_device_name
    return tuple(_disk(region, device, ebs, device == root) for device, ebs in merged.items())


def _disk(region: Region, device: str, ebs: Mapping[str, Any], is_root: bool) -> Disk:
    snapshot_id, key = ebs.get("SnapshotId"), ebs.get("KmsKeyId")
    least, encrypted = 1, bool(ebs.get("Encrypted") or key)
    if snapshot_id:
        snapshot = find_all(SNAPSHOT, [snapshot_id], region.backend.snapshots)[0]
        least, key = snapshot.volume_size, key or snapshot.kms_key_id
        encrypted = encrypted or bool(snapshot.encrypted)
    size = int(ebs.get("VolumeSize") or (least if snapshot_id else 0))
    if size == 0:
        raise missing("size or snapshotId")
    if size < least:
        text = (
            f"Volume of size {size}GB is smaller than snapshot '{snapshot_id}', "
            f"expect size >= {least}GB"
        )
        raise ec2_error("InvalidBlockDeviceMapping", text)
    kind = ebs.get("VolumeType") or "gp3"
    if kind not in TYPES:
        raise ec2_error("InvalidBlockDeviceMapping", f"Unknown volume type '{kind}'")
    kept = ebs.get("DeleteOnTermination")
    return Disk(
        device=device,
        size=size,
        delete_on_termination=is_root if kept is None else bool(kept),
        snapshot_id=snapshot_id,
        volume_type=kind,
        encrypted=encrypted,
        key=key,
        iops=ebs.get("Iops"),
        throughput=ebs.get("Throughput"),
    )
