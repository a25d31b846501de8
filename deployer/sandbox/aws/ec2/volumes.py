"""Volumes and snapshots: created with tags, and checks that they are not in use.

Sources: CreateVolume; DeleteVolume (only when available); CreateSnapshot; DeleteSnapshot
(InvalidSnapshot.InUse).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.api.errors import bad_mix, ec2_error, missing, wrong_state
from deployer.sandbox.aws.api.ids import INSTANCE, SNAPSHOT, VOLUME, find_all
from deployer.sandbox.aws.launch.images import users_of
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.tags import Tags, put_tags, read_born_tags


class VolumeActions(Ec2Base):
    """Create, attach and delete volumes; create and delete snapshots."""

    def create_volume(self) -> ActionResult:
        """A volume, created with its tags."""
        tags = self._born("volume")
        if not self._get_param("AvailabilityZone"):
            raise missing("AvailabilityZone")
        if not self._get_param("Size") and not self._get_param("SnapshotId"):
            raise missing("size/snapshot")
        self.error_on_dryrun()
        volume = self.ec2_backend.create_volume(
            size=self._get_param("Size"),
            zone_name=self._get_param("AvailabilityZone"),
            snapshot_id=self._get_param("SnapshotId"),
            encrypted=bool(self._get_param("Encrypted")),
            kms_key_id=self._get_param("KmsKeyId"),
            volume_type=self._get_param("VolumeType"),
            iops=self._get_param("Iops"),
            throughput=self._get_param("Throughput"),
        )
        return self._made(volume, tags)

    def delete_volume(self) -> ActionResult:
        """Refused while it is attached."""
        volume = find_all(VOLUME, [self._get_param("VolumeId")], self.ec2_backend.volumes)[0]
        if volume.attachment:
            text = f"Volume {volume.id} is currently attached to {volume.attachment.instance.id}"
            raise ec2_error("VolumeInUse", text)
        self.error_on_dryrun()
        self.ec2_backend.delete_volume(volume.id)
        self.ec2_backend.tags.pop(volume.id, None)
        return EmptyResult()

    def attach_volume(self) -> ActionResult:
        """Only in its own zone, to an existing machine; the volume survives the instance."""
        volume = find_all(VOLUME, [self._get_param("VolumeId")], self.ec2_backend.volumes)[0]
        known = self.region_books.instances
        instance = find_all(INSTANCE, [self._get_param("InstanceId")], known)[0]
        if volume.attachment:
            raise ec2_error("VolumeInUse", f"{volume.id} is already attached to an instance")
        if instance.state not in ("running", "stopped"):
            raise wrong_state(f"Instance '{instance.id}' is not 'running' or 'stopped'")
        if volume.availability_zone != instance.availability_zone:
            text = f"The volume '{volume.id}' is not in the zone of instance '{instance.id}'"
            raise ec2_error("InvalidVolume.ZoneMismatch", text)
        if self._get_param("Device") in instance.block_device_mapping:
            raise bad_mix(f"{self._get_param('Device')} is already in use")
        answer: ActionResult = super().attach_volume()  # type: ignore[misc]
        return answer

    def create_snapshot(self) -> ActionResult:
        """A snapshot, created with its tags."""
        tags = self._born("snapshot")
        volume = find_all(VOLUME, [self._get_param("VolumeId")], self.ec2_backend.volumes)[0]
        self.error_on_dryrun()
        made = self.ec2_backend.create_snapshot(volume.id, self._get_param("Description"))
        made.kms_key_id = volume.kms_key_id
        return self._made(made, tags)

    def delete_snapshot(self) -> ActionResult:
        """Refused while an image uses it."""
        known = self.ec2_backend.snapshots
        snapshot = find_all(SNAPSHOT, [self._get_param("SnapshotId")], known)[0]
        users = users_of(self.ec2_backend, snapshot)
        if users:
            text = f"The snapshot {snapshot.id} is currently in use by {users[0]}"
            raise ec2_error("InvalidSnapshot.InUse", text)
        self.error_on_dryrun()
        del known[snapshot.id]
        self.ec2_backend.tags.pop(snapshot.id, None)
        return EmptyResult()

    def _born(self, kind: str) -> Tags:
        given = self._get_param("TagSpecifications", []) or []
        return read_born_tags(given, frozenset({kind})).get(kind, {})

    def _made(self, thing: Any, tags: Tags) -> ActionResult:
        self.cloud.births.note(thing.id)
        put_tags(self.region_books, thing.id, tags)
        return ActionResult(thing)
