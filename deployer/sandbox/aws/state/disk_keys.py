"""KMS keys of encrypted disks: a launch ends where EC2 cannot use one.

Source: EC2 User Guide, "Instance terminates immediately": EC2 accepts the launch, and the instance
goes from `pending` to `terminated` with Client.InternalError, which names no key.
"""

from __future__ import annotations

from typing import Any

from deployer.sandbox.aws.state.cloud import Region


def are_usable(region: Region, instance: Any) -> bool:
    """Whether the keys of all volumes of the instance are enabled."""
    volumes = region.backend.volumes
    mapped = (volumes[block.volume_id] for block in instance.block_device_mapping.values())
    named = [volume.kms_key_id for volume in mapped if volume.kms_key_id]
    return all(_is_enabled(region, key) for key in named)


def _is_enabled(region: Region, named: str) -> bool:
    # Only here, as moto itself does: few sandboxes have an encrypted disk.
    from moto.kms.models import kms_backends

    backend = kms_backends[region.backend.account_id][region.backend.region_name]
    key = backend.keys.get(named.rpartition("/")[2])
    return key is not None and key.key_state == "Enabled"
