"""Resource ids: their format, and AWS's errors for malformed or unknown ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from deployer.sandbox.aws.api.errors import ec2_error

MAX_IDS = 1000


@dataclass(frozen=True)
class IdWords:
    """The prefix of a kind's ids, and its error codes (EC2 API Reference, error codes)."""

    prefix: str
    malformed: str
    not_found: str
    name: str


INSTANCE = IdWords("i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound", "instance")
VOLUME = IdWords("vol", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound", "volume")
IMAGE = IdWords("ami", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound", "image")
SNAPSHOT = IdWords("snap", "InvalidSnapshotID.Malformed", "InvalidSnapshot.NotFound", "snapshot")
INTERFACE = IdWords(
    "eni",
    "InvalidNetworkInterfaceId.Malformed",
    "InvalidNetworkInterfaceID.NotFound",
    "networkInterface",
)
ADDRESS = IdWords(
    "eipalloc", "InvalidAllocationID.Malformed", "InvalidAllocationID.NotFound", "allocation"
)
SUBNET = IdWords("subnet", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound", "subnet")
GROUP = IdWords("sg", "InvalidGroupId.Malformed", "InvalidGroup.NotFound", "security group")
ALL = (INSTANCE, VOLUME, IMAGE, SNAPSHOT, INTERFACE, ADDRESS, SUBNET, GROUP)


def check_form(words: IdWords, ids: Iterable[str]) -> None:
    """Refuse ids that cannot be one of this kind (8 or 17 hex digits).

    Raises:
        EC2ClientError: the kind's `Malformed` code.
    """
    pattern = re.compile(rf"{words.prefix}-([0-9a-f]{{8}}|[0-9a-f]{{17}})")
    for one in ids:
        if not pattern.fullmatch(one):
            raise ec2_error(words.malformed, f'Invalid id: "{one}"')


def unknown(words: IdWords, ids: Iterable[str]) -> EC2ClientError:
    """The kind's `NotFound` error."""
    listed = list(ids)
    plural = "s" if len(listed) > 1 else ""
    return ec2_error(
        words.not_found,
        f"The {words.name} ID{plural} '{', '.join(listed)}' do{'es' * (not plural)} not exist",
    )


def find_all(words: IdWords, ids: list[str], known: Mapping[str, Any]) -> list[Any]:
    """The resources with these ids: all of them, or an error, so that one bad id fails the call.

    Raises:
        EC2ClientError: an id is malformed or unknown, or there are too many.
    """
    limit_ids(ids)
    check_form(words, ids)
    absent = [one for one in ids if one not in known]
    if absent:
        raise unknown(words, absent)
    return [known[one] for one in ids]


def limit_ids(ids: list[str]) -> None:
    """At most 1,000 a request.

    Raises:
        EC2ClientError: ResourceCountExceeded.
    """
    if len(ids) > MAX_IDS:
        text = f"A request takes at most {MAX_IDS} ids, this one has {len(ids)}"
        raise ec2_error("ResourceCountExceeded", text)
