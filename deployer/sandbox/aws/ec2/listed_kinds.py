"""The listed kinds: parameters, error codes, and the filters that AWS documents for each.

A filter that is missing here is refused, as AWS refuses an unknown one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployer.sandbox.aws.api.filters import Getter
from deployer.sandbox.aws.api.ids import (
    ADDRESS,
    IMAGE,
    INSTANCE,
    INTERFACE,
    SNAPSHOT,
    VOLUME,
    IdWords,
)


@dataclass(frozen=True)
class ListedKind:
    """How a kind is listed; `filters` maps a filter's name to the attribute that it tests."""

    words: IdWords
    ids_parameter: str
    ids_name: str
    filters: Mapping[str, Getter]
    id_filter: str


def _nothing(_: Any) -> None:
    """An attribute that no resource of the sandbox has."""


def _blocks(instance: Any) -> list[Any]:
    return [block for _, block in instance.get_block_device_mapping]


def _of_interfaces(attribute: str) -> Getter:
    return lambda i: [getattr(nic, attribute) for nic in i.nics.values()]


_INSTANCE_FILTERS: dict[str, Getter] = {
    "affinity": _nothing,
    "architecture": lambda i: i.architecture,
    "availability-zone": lambda i: i.availability_zone,
    "block-device-mapping.attach-time": lambda i: [b.attach_time for b in _blocks(i)],
    "block-device-mapping.delete-on-termination": lambda i: [
        b.delete_on_termination for b in _blocks(i)
    ],
    "block-device-mapping.device-name": lambda i: list(i.block_device_mapping),
    "block-device-mapping.status": lambda i: ["attached" for _ in _blocks(i)],
    "block-device-mapping.volume-id": lambda i: [b.volume_id for b in _blocks(i)],
    "client-token": lambda i: i.client_token,
    "dns-name": lambda i: i.public_dns_name,
    "group-id": lambda i: [g.id for g in i.security_groups],
    "group-name": lambda i: [g.name for g in i.security_groups],
    "hypervisor": lambda i: i.hypervisor,
    "iam-instance-profile.arn": lambda i: getattr(i.iam_instance_profile, "arn", None),
    "image-id": lambda i: i.image_id,
    "instance-id": lambda i: i.id,
    "instance-lifecycle": lambda i: i.lifecycle,
    "instance-state-code": lambda i: i.state_code,
    "instance-state-name": lambda i: i.state,
    "instance-type": lambda i: i.instance_type,
    "instance.group-id": lambda i: [g.id for g in i.security_groups],
    "instance.group-name": lambda i: [g.name for g in i.security_groups],
    "ip-address": lambda i: i.public_ip,
    "kernel-id": lambda i: i.kernel,
    "key-name": lambda i: i.key_name,
    "launch-index": lambda i: i.ami_launch_index,
    "launch-time": lambda i: i.launch_time,
    "metadata-options.http-tokens": lambda i: i.metadata_options.http_tokens,
    "monitoring-state": lambda i: i.monitoring_state,
    "network-interface.addresses.association.public-ip": _of_interfaces("public_ip"),
    "network-interface.addresses.private-ip-address": _of_interfaces("private_ip_address"),
    "network-interface.network-interface-id": _of_interfaces("id"),
    "network-interface.subnet-id": _of_interfaces("subnet_id"),
    "network-interface.vpc-id": _of_interfaces("vpc_id"),
    "owner-id": lambda i: i.owner_id,
    "placement-group-name": lambda i: i.placement.group_name,
    "platform": lambda i: i.platform,
    "private-dns-name": lambda i: i.private_dns_name,
    "private-ip-address": lambda i: i.private_ip,
    "product-code": lambda i: i.product_codes,
    "ramdisk-id": lambda i: i.ramdisk,
    "reason": lambda i: i.state_transition_reason,
    "requester-id": _nothing,
    "reservation-id": lambda i: i.reservation_id,
    "root-device-name": lambda i: i.root_device_name,
    "root-device-type": lambda i: i.root_device_type,
    "source-dest-check": lambda i: i.source_dest_check,
    "spot-instance-request-id": _nothing,
    "state-reason-code": lambda i: i.ended_by or None,
    "state-reason-message": lambda i: i.state_reason and i.state_reason.message,
    "subnet-id": lambda i: i.subnet_id,
    "tenancy": lambda i: i.placement.tenancy,
    "virtualization-type": lambda i: i.virtualization_type,
    "vpc-id": lambda i: i.vpc_id,
}

_VOLUME_FILTERS: dict[str, Getter] = {
    "attachment.attach-time": lambda v: v.attachment and v.attachment.attach_time,
    "attachment.delete-on-termination": lambda v: v.attachment and delete_on_termination(v),
    "attachment.device": lambda v: v.attachment and v.attachment.device,
    "attachment.instance-id": lambda v: v.attachment and v.attachment.instance.id,
    "attachment.status": lambda v: v.attachment and v.attachment.status,
    "availability-zone": lambda v: v.availability_zone,
    "create-time": lambda v: v.create_time,
    "encrypted": lambda v: bool(v.encrypted),
    "multi-attach-enabled": lambda v: bool(v.multi_attach_enabled),
    "size": lambda v: v.size,
    "snapshot-id": lambda v: v.snapshot_id,
    "status": lambda v: v.status,
    "volume-id": lambda v: v.id,
    "volume-type": lambda v: v.volume_type,
}

_INTERFACE_FILTERS: dict[str, Getter] = {
    "addresses.private-ip-address": lambda e: [
        item["PrivateIpAddress"] for item in e.private_ip_addresses
    ],
    "association.public-ip": lambda e: e.public_ip,
    "attachment.attachment-id": lambda e: e.attachment_id,
    "attachment.delete-on-termination": lambda e: (
        e.delete_on_termination if e.attachment_id else None
    ),
    "attachment.device-index": lambda e: e.device_index,
    "attachment.instance-id": lambda e: e.instance.id if e.instance else None,
    "attachment.instance-owner-id": lambda e: e.owner_id if e.instance else None,
    "attachment.status": lambda e: "attached" if e.instance else "detached",
    "availability-zone": lambda e: e.availability_zone,
    "description": lambda e: e.description,
    "group-id": lambda e: [g.id for g in e.group_set],
    "group-name": lambda e: [g.name for g in e.group_set],
    "interface-type": lambda e: e.interface_type,
    "mac-address": lambda e: e.mac_address,
    "network-interface-id": lambda e: e.id,
    "owner-id": lambda e: e.owner_id,
    "private-ip-address": lambda e: e.private_ip_address,
    "requester-managed": lambda e: e.requester_managed,
    "source-dest-check": lambda e: e.source_dest_check,
    "status": lambda e: e.status,
    "subnet-id": lambda e: e.subnet_id,
    "vpc-id": lambda e: e.vpc_id,
}

_SNAPSHOT_FILTERS: dict[str, Getter] = {
    "description": lambda s: s.description,
    "encrypted": lambda s: bool(s.encrypted),
    "owner-alias": _nothing,
    "owner-id": lambda s: s.owner_id,
    "progress": lambda s: s.progress,
    "snapshot-id": lambda s: s.id,
    "start-time": lambda s: s.start_time,
    "status": lambda s: s.status,
    "storage-tier": lambda s: s.storage_tier,
    "volume-id": lambda s: s.volume_id,
    "volume-size": lambda s: s.volume_size,
}

_IMAGE_FILTERS: dict[str, Getter] = {
    "architecture": lambda a: a.architecture,
    "block-device-mapping.snapshot-id": lambda a: [s.id for s in a.snapshots],
    "block-device-mapping.volume-size": lambda a: [
        m["Ebs"]["VolumeSize"] for m in a.block_device_mappings
    ],
    "creation-date": lambda a: a.creation_date,
    "description": lambda a: a.description,
    "hypervisor": lambda a: a.hypervisor,
    "image-id": lambda a: a.id,
    "image-type": lambda a: a.image_type,
    "is-public": lambda a: a.is_public,
    "name": lambda a: a.name,
    "owner-alias": lambda a: a.owner_alias,
    "owner-id": lambda a: a.owner_id,
    "platform": lambda a: a.platform,
    "root-device-name": lambda a: a.root_device_name,
    "root-device-type": lambda a: a.root_device_type,
    "source-instance-id": lambda a: a.source_instance_id,
    "state": lambda a: a.state,
    "virtualization-type": lambda a: a.virtualization_type,
}

_ADDRESS_FILTERS: dict[str, Getter] = {
    "allocation-id": lambda a: a.allocation_id,
    "association-id": lambda a: a.association_id,
    "domain": lambda a: a.domain,
    "instance-id": lambda a: a.eni.instance.id if a.eni and a.eni.instance else None,
    "network-border-group": _nothing,
    "network-interface-id": lambda a: a.network_interface_id,
    "network-interface-owner-id": lambda a: a.network_interface_owner_id,
    "private-ip-address": lambda a: a.private_ip_address,
    "public-ip": lambda a: a.public_ip,
}


def delete_on_termination(volume: Any) -> bool:
    """Whether an attached volume is deleted with its instance."""
    mapping = volume.attachment.instance.block_device_mapping
    return bool(mapping[volume.attachment.device].delete_on_termination)


INSTANCES = ListedKind(INSTANCE, "InstanceIds", "instancesSet", _INSTANCE_FILTERS, "instance-id")
STATUSES = ListedKind(INSTANCE, "InstanceIds", "instancesSet", _INSTANCE_FILTERS, "instance-id")
VOLUMES = ListedKind(VOLUME, "VolumeIds", "volumes", _VOLUME_FILTERS, "volume-id")
INTERFACES = ListedKind(
    INTERFACE,
    "NetworkInterfaceIds",
    "networkInterfaceIdSet",
    _INTERFACE_FILTERS,
    "network-interface-id",
)
SNAPSHOTS = ListedKind(SNAPSHOT, "SnapshotIds", "snapshots", _SNAPSHOT_FILTERS, "snapshot-id")
IMAGES = ListedKind(IMAGE, "ImageIds", "imageIdSet", _IMAGE_FILTERS, "image-id")
ADDRESSES = ListedKind(ADDRESS, "AllocationIds", "allocationIds", _ADDRESS_FILTERS, "allocation-id")
