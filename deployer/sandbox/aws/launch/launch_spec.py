"""Checks a RunInstances request: every named resource exists and fits.

Nothing is created here; an error leaves nothing behind.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.types import Base64EncodedString
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.utils import filter_iam_instance_profiles

from deployer.sandbox.aws.api.errors import bad_value, ec2_error, missing
from deployer.sandbox.aws.api.ids import IMAGE, check_form
from deployer.sandbox.aws.launch.block_devices import Disk, read_disks
from deployer.sandbox.aws.launch.placement import read_groups, read_nics, read_subnet, with_address
from deployer.sandbox.aws.state.cloud import AwsState, Region
from deployer.sandbox.aws.state.tags import RUN_TYPES, Tags, read_born_tags

MAX_USER_DATA = 16_384
MAX_COUNT = 1000


@dataclass(frozen=True)
class LaunchSpec:
    """A checked request. `nics` are moto's interface dicts, still without addresses."""

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
        """The user data in moto's form."""
        if not self.user_data_bytes:
            return None
        return Base64EncodedString.from_raw_string(
            self.user_data_bytes.decode("latin-1"), "latin-1"
        )

    def take_nics(self, cloud: AwsState, region: Region) -> list[dict[str, Any]]:
        """The interfaces of one instance, each with a newly allocated address."""
        return [with_address(cloud, region, self.subnet, nic) for nic in self.nics]


def read_spec(cloud: AwsState, region: Region, params: Mapping[str, Any]) -> LaunchSpec:
    """Check a request's parameters.

    Raises:
        EC2ClientError: AWS's error for the first problem.
    """
    params = _with_template(region, params)
    image = _image(cloud, region, params.get("ImageId"))
    count = _count(params)
    subnet = read_subnet(region, params)
    return LaunchSpec(
        image=image,
        count=count,
        subnet=subnet,
        groups=read_groups(region, params, subnet),
        nics=read_nics(cloud, region, params, subnet),
        disks=read_disks(region, image, params.get("BlockDeviceMappings") or []),
        tags=read_born_tags(params.get("TagSpecifications") or [], RUN_TYPES),
        user_data_bytes=_user_data(params.get("UserData")),
        authorized_keys=_keys(region, params.get("KeyName")),
        protected=bool(params.get("DisableApiTermination")),
        profile=_profile(region, params.get("IamInstanceProfile") or {}),
        more=_more(params),
    )


def _with_template(region: Region, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """A launch template's parameters, overridden by the request's own."""
    given = params.get("LaunchTemplate")
    if not given:
        return params
    template_of = region.backend._get_template_from_args  # noqa: SLF001  # moto's only way
    data = template_of(given).data
    return {**data, **params}


def _image(cloud: AwsState, region: Region, image_id: str | None) -> Any:
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
    """The profile in moto's form; empty without a profile."""
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
    """Parameters that moto's Instance accepts unchanged."""
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
