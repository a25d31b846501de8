"""Whether EC2 can use the keys of live's encrypted disks for a clone of it."""

from __future__ import annotations

from deployer.commands.doctor.check import Found, Skipped
from deployer.commands.doctor.cloud import shape_of, trials
from deployer.commands.doctor.readings import ServiceReadings
from reconciler.errors import AccessDenied, CloudError, Refused


def disk_keys(readings: ServiceReadings) -> Found:
    """The state of each key, and what its policy lacks. EC2 itself says InternalError, no more."""
    keys = sorted({one.key for one in shape_of(readings).disks if one.key})
    if not keys:
        return Found("no disk is encrypted with a key of its own")
    cloud = trials(readings)
    try:
        found = {key: cloud.disk_key(key) for key in keys}
    except (CloudError, AccessDenied) as error:
        raise Skipped(f"a key cannot be asked: {error.message}") from error
    faults = [f"{key}: {one.fault}" for key, one in found.items() if one.fault]
    if faults:
        raise Refused(
            f"the KMS key of a disk cannot be used: {faults[0]}",
            cure="aws kms enable-key --key-id …, or aws kms cancel-key-deletion --key-id …",
            detail="\n".join(faults[1:]),
        )
    try:
        lacks = {key: cloud.key_lacks(one) for key, one in found.items()}
    except (CloudError, AccessDenied) as error:
        return Found(f"{', '.join(keys)} enabled; its policy cannot be read: {error.message}")
    return Found(
        f"{', '.join(keys)} enabled",
        tuple(
            f"no policy allows {', '.join(actions)} on {key}, which EC2 needs of who launches; "
            "unless a grant does, no machine starts"
            for key, actions in lacks.items()
            if actions
        ),
        cure="Let the key's policy, or your role, allow it, for kms:ViaService ec2",
    )
