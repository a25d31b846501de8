"""The port to EC2 for what a release creates; `deployer.aws.compute` implements it.

Every create is accounted for: after a lost reply it is looked up by its token or name, then
replayed with its own token (rule 8). Orders are values, so that a replay sends the same parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Disk:
    """One EBS volume of a machine or image."""

    device: str
    size_gb: int
    type: str = "gp3"
    iops: int | None = None
    throughput: int | None = None
    encrypted: bool | None = None
    snapshot: str = ""
    key: str = ""


@dataclass(frozen=True)
class InstanceFacts:
    """The properties of a machine that a clone copies, and its addresses; `root` is a device.

    `platform` is EC2's PlatformDetails, which its price depends on.
    """

    id: str
    state: str
    type: str
    image: str
    subnet: str
    zone: str
    groups: tuple[str, ...]
    profile: str
    key: str
    disks: tuple[Disk, ...]
    private_address: str
    public_address: str
    addresses: tuple[str, ...]
    tags: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    root: str = ""
    platform: str = ""


@dataclass(frozen=True)
class ImageFacts:
    """An image: its state, progress, snapshots, and the disks that a launch would get."""

    id: str
    name: str
    state: str
    reason: str = ""
    percent: int | None = None
    disks: tuple[Disk, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageOrder:
    """One CreateImage call; the name is its idempotency key, `tags` are by kind.

    `skip` are devices that the image does not contain.
    """

    instance: str
    name: str
    tags: Mapping[str, Mapping[str, str]]
    no_reboot: bool = True
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class LaunchOrder:
    """One RunInstances call for all machines. `tags` are by kind; `token` is its ClientToken."""

    token: str
    image: str
    count: int
    type: str
    subnet: str
    groups: tuple[str, ...]
    profile: str
    key: str
    disks: tuple[Disk, ...]
    user_data: str
    tags: Mapping[str, Mapping[str, str]]
    public_address: bool = False


class Compute(Protocol):
    """The EC2 operations of a release. Methods raise CloudError, CloudUnclear, AccessDenied."""

    def find_instances_at(
        self, addresses: Sequence[str], likely: Sequence[str] = ()
    ) -> tuple[InstanceFacts, ...]:
        """The machines (not terminated) that hold one of these addresses.

        `likely` are ids that are expected among them: these are answered sooner.
        """

    def instances(self, ids: Sequence[str]) -> tuple[InstanceFacts, ...]:
        """These machines' current state; those not (yet) visible are omitted."""

    def elastic_ips(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """Those of the addresses that are Elastic IPs of this account."""
        ...

    def zone_of(self, subnet: str) -> str:
        """The availability zone of a subnet."""

    def create_image(self, order: ImageOrder) -> str:
        """Begin the image and return its id.

        An existing image of that name is looked up and its deploy-id compared: CloudError if it
        belongs to another deploy.
        """

    def image(self, id_: str) -> ImageFacts | None:
        """The image; None where it is not (yet) visible."""

    def image_named(self, name: str) -> ImageFacts | None:
        """This deploy's image of that name."""

    def launch(self, order: LaunchOrder) -> tuple[str, ...]:
        """Launch all machines or none; a lost reply is looked up by token, then replayed.

        CloudError.code is `InsufficientInstanceCapacity` where another zone may succeed.
        """

    def start(self, ids: Sequence[str]) -> None:
        """Start stopped machines: idempotent, and asynchronous.

        CloudError.code is `InsufficientInstanceCapacity` where another try may succeed later.
        """
        ...

    def launched(self, token: str) -> tuple[str, ...]:
        """Ids of the machines (any state) launched with this token."""

    def console(self, id_: str) -> str:
        """The end of a machine's console output."""

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Write tags on existing resources: what no create call can know."""

    def untag(self, id_: str, keys: Sequence[str]) -> None:
        """Take these tags off a resource: only `retire ID` and `leave` need it."""
