"""Images: made from an instance's real volumes, pending until its disk is copied.

Sources: CreateImage; RegisterImage; DeregisterImage (DeleteAssociatedSnapshots); EC2 User Guide,
"Protect an Amazon EC2 AMI from deregistration"; aws.md §2.
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot, Volume
from moto.ec2.utils import random_ami_id, random_snapshot_id

from deployer.sandbox.aws.api.errors import ec2_error, missing, wrong_state
from deployer.sandbox.aws.api.ids import (
    IMAGE,
    INSTANCE,
    SNAPSHOT,
    check_form,
    find_all,
    unknown,
)
from deployer.sandbox.aws.launch.lifecycle import reboot
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.cloud import AwsState, Region
from deployer.sandbox.aws.state.tags import Tags, put_tags, read_born_tags

ROOT_DEVICE = "/dev/sda1"
UNPROTECTED = "disabled"
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
_BORN = frozenset({"image", "snapshot"})


class SandboxImage(Ami):
    """moto's image with the mappings of its source instead of one volume of 15 GB."""

    def __init__(self, backend: Any, image_id: str, name: str, description: str = "") -> None:
        # Not moto's: that creates a volume and a snapshot of its own.
        self.ec2_backend = backend
        self.id = image_id
        self.state = "pending"
        self.name = name
        self.description = description
        self.owner_id = backend.account_id
        self.owner_alias = None
        self.image_type = "machine"
        self.image_location = f"{backend.account_id}/{name}"
        self.creation_date = utcnow()
        self.virtualization_type = "hvm"
        self.architecture = "x86_64"
        self.hypervisor = "xen"
        self.kernel_id = None
        self.platform = None
        self.root_device_name = ROOT_DEVICE
        self.root_device_type = "ebs"
        self.sriov = "simple"
        self.boot_mode = "uefi"
        self.product_codes: set[str] = set()
        self.launch_permissions: list[dict[str, str]] = []
        self.instance_id: str | None = None
        self.mappings: list[dict[str, Any]] = []
        self.snapshots: list[Snapshot] = []
        self.state_reason: dict[str, str] | None = None
        self.deregistration_protection = UNPROTECTED

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        return self.mappings

    def fail(self, code: str, message: str) -> None:
        """Become `failed`, with the snapshots in `error`."""
        self.state = "failed"
        self.state_reason = {"Code": code, "Message": message}
        for snapshot in self.snapshots:
            snapshot.status = "error"

    def add_volume(self, device: str, snapshot: Snapshot, block: Any, volume: Any) -> None:
        """Map a device to a snapshot of `volume`, attached as `block` says."""
        self.snapshots.append(snapshot)
        ebs: dict[str, Any] = {
            "SnapshotId": snapshot.id,
            "VolumeSize": volume.size,
            "DeleteOnTermination": block.delete_on_termination if block else True,
            "VolumeType": volume.volume_type,
            "Encrypted": bool(volume.encrypted),
        }
        ebs |= {"KmsKeyId": volume.kms_key_id} if volume.kms_key_id else {}
        self.mappings.append({"DeviceName": device, "Ebs": ebs})


class ImageActions(Ec2Base):
    """CreateImage, CopyImage, RegisterImage, DeregisterImage, and the protection against that."""

    def create_image(self) -> ActionResult:
        """An image of the instance's disk; reboots the instance unless NoReboot is given."""
        region = self.region_books
        name = _free_name(region, self._get_param("Name"))
        born = read_born_tags(self._get_param("TagSpecifications", []) or [], _BORN)
        instance = find_all(INSTANCE, [self._get_param("InstanceId")], region.instances)[0]
        if instance.state not in ("running", "stopping", "stopped"):
            text = f"Instance '{instance.id}' ({instance.state}) is not 'running' or 'stopped'"
            raise wrong_state(text)
        self.error_on_dryrun()
        image = SandboxImage(
            self.ec2_backend, random_ami_id(), name, self._get_param("Description", "")
        )
        self.cloud.host.copy_disk(instance.id, image.id)
        self._take_snapshots(image, instance, born)
        if not self._get_param("NoReboot", False) and instance.state == "running":
            reboot(self.cloud, instance)
        return ActionResult({"ImageId": image.id})

    def _take_snapshots(self, image: SandboxImage, instance: Any, born: dict[str, Tags]) -> None:
        cloud, region = self.cloud, self.region_books
        image.instance_id = instance.id
        image.root_device_name = instance.root_device_name
        mapped = self._get_param("BlockDeviceMappings", []) or []
        left_out = {one["DeviceName"] for one in mapped if "NoDevice" in one}
        for device, block in instance.block_device_mapping.items():
            if device in left_out:
                continue
            volume = self.ec2_backend.volumes[block.volume_id]
            snapshot = _snapshot(cloud, region, volume, _made_by(instance, image))
            snapshot.from_ami = image.id
            put_tags(region, snapshot.id, born.get("snapshot", {}))
            image.add_volume(device, snapshot, block, volume)
        cloud.births.note(image.id)
        self.ec2_backend.amis[image.id] = image
        put_tags(region, image.id, born.get("image", {}))

    def copy_image(self) -> ActionResult:
        """Refused: the sandbox does not copy disks between regions."""
        raise NotImplementedError("CopyImage")

    def register_image(self) -> ActionResult:
        """An image of snapshots that are there. It has no disk here, so it cannot be launched."""
        region = self.region_books
        name = _free_name(region, self._get_param("Name"))
        born = read_born_tags(self._get_param("TagSpecifications", []) or [], _BORN)
        mapped = self._get_param("BlockDeviceMappings", []) or []
        wanted = {one["DeviceName"]: one.get("Ebs", {}).get("SnapshotId") for one in mapped}
        if not wanted or None in wanted.values():
            raise NotImplementedError("RegisterImage of anything but snapshots")
        found = find_all(SNAPSHOT, list(wanted.values()), self.ec2_backend.snapshots)
        self.error_on_dryrun()
        image = SandboxImage(self.ec2_backend, random_ami_id(), name)
        image.root_device_name = self._get_param("RootDeviceName", ROOT_DEVICE)
        for device, snapshot in zip(wanted, found, strict=True):
            image.add_volume(device, snapshot, None, snapshot.volume)
        image.state = "available"
        self.cloud.births.note(image.id)
        self.ec2_backend.amis[image.id] = image
        put_tags(region, image.id, born.get("image", {}))
        return ActionResult({"ImageId": image.id})

    def enable_image_deregistration_protection(self) -> ActionResult:
        """From now on nobody deregisters it."""
        cooldown = "with" if self._get_param("WithCooldown", False) else "without"
        return self._protect(f"enabled-{cooldown}-cooldown")

    def disable_image_deregistration_protection(self) -> ActionResult:
        """It can be deregistered. The cool-down's 24 hours are not imitated."""
        return self._protect(UNPROTECTED)

    def _protect(self, word: str) -> ActionResult:
        image = named_image(self.region_books, self._get_param("ImageId"))
        self.error_on_dryrun()
        image.deregistration_protection = word
        return ActionResult({"Return": "true"})

    def deregister_image(self) -> ActionResult:
        """Deregister; snapshots are deleted only on request and if no other image uses them."""
        backend, image_id = self.ec2_backend, self._get_param("ImageId")
        image = named_image(self.region_books, image_id)
        if image.deregistration_protection != UNPROTECTED:
            text = f"The image '{image_id}' is protected against deregistration"
            raise ec2_error("OperationNotPermitted", text)
        self.error_on_dryrun()
        self.cloud.host.drop_image(image_id)
        del backend.amis[image_id]
        backend.deleted_amis.append(image_id)
        backend.tags.pop(image_id, None)
        result: dict[str, Any] = {"Return": True}
        if self._get_param("DeleteAssociatedSnapshots", False):
            result["DeleteSnapshotResults"] = [_drop(backend, s) for s in image.snapshots]
        return ActionResult(result)


def named_image(region: Region, image_id: str | None) -> Any:
    """The image of that id.

    Raises:
        EC2ClientError: malformed, unknown, or deregistered (Unavailable).
    """
    if not image_id:
        raise missing("ImageId")
    check_form(IMAGE, [image_id])
    image = region.backend.amis.get(image_id)
    if image is None and image_id in region.backend.deleted_amis:
        text = f"The image ID '{image_id}' is no longer available"
        raise ec2_error("InvalidAMIID.Unavailable", text)
    if image is None:
        raise unknown(IMAGE, [image_id])
    return image


def _made_by(instance: Any, image: Any) -> str:
    return f"Created by CreateImage({instance.id}) for {image.id}"


def _free_name(region: Region, name: str | None) -> str:
    if not name or not _NAME.fullmatch(name):
        text = "AMI names have 3 to 128 letters, digits, or any of ()[] ./-'@_"
        raise ec2_error("InvalidAMIName.Malformed", text)
    for image in region.backend.amis.values():
        if image.name == name:
            text = f"AMI name {name} is already in use by AMI {image.id}"
            raise ec2_error("InvalidAMIName.Duplicate", text)
    return name


def _snapshot(cloud: AwsState, region: Region, volume: Any, description: str) -> Snapshot:
    snapshot = Snapshot(
        region.backend, random_snapshot_id(), volume, description, encrypted=volume.encrypted
    )
    snapshot.kms_key_id = volume.kms_key_id
    snapshot.status = "pending"
    cloud.births.note(snapshot.id)
    region.backend.snapshots[snapshot.id] = snapshot
    return snapshot


def users_of(backend: Any, snapshot: Any) -> list[str]:
    """The ids of the images that use this snapshot."""
    return [a.id for a in backend.amis.values() if any(s.id == snapshot.id for s in a.snapshots)]


def _drop(backend: Any, snapshot: Snapshot) -> dict[str, str]:
    if users_of(backend, snapshot):
        return {"SnapshotId": snapshot.id, "ReturnCode": "skipped"}
    gone = backend.snapshots.pop(snapshot.id, None)
    backend.tags.pop(snapshot.id, None)
    code = "success" if gone else "warn-invalid-snapshot"
    return {"SnapshotId": snapshot.id, "ReturnCode": code}


def add_base_image(cloud: AwsState, backend: Any, name: str, image_id: str, size: int) -> str:
    """Add an image without a source instance to the catalogue."""
    region = cloud.region(backend)
    image = SandboxImage(backend, image_id or random_ami_id(), _free_name(region, name))
    # AWS shows vol-ffffffff for a snapshot whose volume was never in this account.
    volume = Volume(  # type: ignore[abstract]  # CloudFormation's, unused
        backend, "vol-ffffffff", size, zone=None, volume_type="gp3"
    )
    snapshot = _snapshot(cloud, region, volume, f"Base image {name}")
    snapshot.from_ami = image.id
    snapshot.status = "completed"
    image.add_volume(ROOT_DEVICE, snapshot, None, volume)
    image.state = "available"
    cloud.births.note(image.id)
    backend.amis[image.id] = image
    return image.id
