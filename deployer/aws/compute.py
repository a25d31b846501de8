"""The EC2 operations of a release: creates that are accounted for, and reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deployer.aws.creation import Creation, NameTaken
from deployer.aws.facts import image_facts, instance_facts, volumes_of
from deployer.aws.launch_request import launch_request, tag_specifications
from deployer.compute import ImageFacts, ImageOrder, InstanceFacts, LaunchOrder
from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds.image import OWN
from reconciler.errors import CloudError, CloudUnclear
from reconciler.model import tags as t
from reconciler.model.resource import IMAGE
from reconciler.util.concurrency import begun, side_by_side

NOT_FOUND = "InvalidAMIID.NotFound"
DUPLICATE = "InvalidAMIName.Duplicate"

_AT = (
    "network-interface.addresses.private-ip-address",
    "network-interface.addresses.association.public-ip",
)
"""Filters for every address an instance can have: primary or secondary, private or public."""

_ATTACHED = "attachment.instance-id"
"""The filter for the volumes of an instance: they are described beside it, not after it."""


@dataclass(frozen=True)
class Ec2Compute:
    """`deployer.compute.Compute` on EC2: one for a whole release, since it stores its requests."""

    aws: Aws
    creation: Creation = field(default_factory=Creation)
    _requests: dict[str, dict[str, Any]] = field(default_factory=dict)
    _available: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Images as described when they were available: what a launch needs of one does not change."""

    def find_instances_at(
        self, addresses: Sequence[str], likely: Sequence[str] = ()
    ) -> tuple[InstanceFacts, ...]:
        beside = begun(lambda: self._volumes(_ATTACHED, likely))
        each = side_by_side(_AT, lambda name: self._instances(name, addresses))
        found = {one["InstanceId"]: one for instances in each for one in instances}
        alive = [one for one in found.values() if one["State"]["Name"] != "terminated"]
        return self._facts(alive, beside.result())

    def instances(self, ids: Sequence[str]) -> tuple[InstanceFacts, ...]:
        beside = begun(lambda: self._volumes(_ATTACHED, ids))
        found = self._instances("instance-id", ids)
        return self._facts(found, beside.result())

    def elastic_ips(self, addresses: Sequence[str]) -> tuple[str, ...]:
        """See `Compute`."""
        pages = Reads(self.aws).by_filter("describe_addresses", "public-ip", addresses)
        return tuple(sorted(one["PublicIp"] for page in pages for one in page["Addresses"]))

    def zone_of(self, subnet: str) -> str:
        answer = Reads(self.aws).call("describe_subnets", SubnetIds=[subnet])
        return str(answer["Subnets"][0]["AvailabilityZone"])

    def create_image(self, order: ImageOrder) -> str:
        def send() -> str:
            try:
                with calling("ec2:CreateImage", mutating=True):
                    return self.aws.ec2_once.create_image(
                        InstanceId=order.instance,
                        Name=order.name,
                        NoReboot=order.no_reboot,
                        TagSpecifications=tag_specifications(order.tags),  # type: ignore[arg-type]
                        **_without(order.skip),
                    )["ImageId"]
            except CloudError as error:
                if error.code != DUPLICATE:
                    raise
                return self._existing(order, error)

        return self.creation.settle(order.name, send, lambda: self._ours(order))

    def image(self, id_: str) -> ImageFacts | None:
        reads = Reads(self.aws)
        # By id alone, not by our tags: a configured base image may have any owner.
        filters = [{"Name": "image-id", "Values": [id_]}]
        for page in reads.pages("describe_images", Filters=filters, IncludeDeprecated=True):
            for one in page["Images"]:
                if one.get("State") == "available":
                    self._available[id_] = dict(one)
                return image_facts(one, _percent(reads, one))
        return None

    def image_named(self, name: str) -> ImageFacts | None:
        for page in Reads(self.aws).by_filter("describe_images", "name", [name], **OWN):
            for one in page["Images"]:
                return image_facts(one, None)
        return None

    def launch(self, order: LaunchOrder) -> tuple[str, ...]:
        request = self._requests.get(order.token)
        if request is None:
            known = self._available.get(order.image)
            request = launch_request(order, known or self._described(order.image))
            self._requests[order.token] = request  # a replay sends the identical request

        def send() -> tuple[str, ...]:
            with calling("ec2:RunInstances", mutating=True):
                answer = self.aws.ec2_once.run_instances(**request)
            return tuple(sorted(one["InstanceId"] for one in answer["Instances"]))

        def look() -> tuple[str, ...] | None:
            found = self.launched(order.token)
            return found if len(found) == order.count else None

        return self.creation.settle(order.token, send, look)

    def start(self, ids: Sequence[str]) -> None:
        """See `Compute`. Idempotent, so a lost reply is retried."""
        Deleter(self.aws, self.creation.backoff).ask("start_instances", InstanceIds=list(ids))

    def launched(self, token: str) -> tuple[str, ...]:
        pages = Reads(self.aws).by_filter("describe_instances", "client-token", [token])
        return tuple(
            sorted(instance["InstanceId"] for page in pages for instance in _instances(page))
        )

    def console(self, id_: str) -> str:
        """See `Compute`. Lacks the newest lines where the machine is not of a Nitro type."""
        reads = Reads(self.aws)
        try:
            answer = reads.call("get_console_output", InstanceId=id_, Latest=True)
        except CloudError as error:
            if error.code != "UnsupportedOperation":
                raise
            answer = reads.call("get_console_output", InstanceId=id_)
        return str(answer.get("Output") or "")

    def tag(self, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """See `Compute`. Idempotent, so a lost reply is retried."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        Deleter(self.aws, self.creation.backoff).ask("create_tags", Resources=list(ids), Tags=pairs)

    def untag(self, id_: str, keys: Sequence[str]) -> None:
        """See `Compute`. Idempotent, so a lost reply is retried."""
        Deleter(self.aws, self.creation.backoff).ask(
            "delete_tags", Resources=[id_], Tags=[{"Key": key} for key in keys]
        )

    def _instances(self, name: str, values: Sequence[str]) -> list[dict[str, Any]]:
        pages = Reads(self.aws).by_filter("describe_instances", name, values)
        return [instance for page in pages for instance in _instances(page)]

    def _volumes(self, name: str, values: Sequence[str]) -> dict[str, dict[str, Any]]:
        pages = Reads(self.aws).by_filter("describe_volumes", name, values)
        return {one["VolumeId"]: one for page in pages for one in page["Volumes"]}

    def _facts(
        self, found: Sequence[dict[str, Any]], volumes: dict[str, dict[str, Any]]
    ) -> tuple[InstanceFacts, ...]:
        """The machines with their disks: what is not among `volumes` yet is asked for by its id."""
        named = [volume for one in found for volume in volumes_of(one)]
        unseen = [volume for volume in named if volume not in volumes]
        volumes = {**volumes, **self._volumes("volume-id", unseen)}
        facts = [instance_facts(one, volumes) for one in found]
        return tuple(sorted(facts, key=lambda fact: fact.id))

    def _described(self, image: str) -> dict[str, Any]:
        """The image, which may be so new that not every EC2 endpoint finds it (aws.md §1)."""

        def look() -> dict[str, Any]:
            reads = Reads(self.aws)
            answer = reads.call("describe_images", ImageIds=[image], IncludeDeprecated=True)
            if not answer["Images"]:
                raise CloudError(f"there is no image {image}", code=NOT_FOUND)
            found: dict[str, Any] = answer["Images"][0]
            return found

        backoff = self.creation.backoff
        brief = replace(backoff, deadline=min(10.0, backoff.deadline))
        return brief.retry(look, lambda error: getattr(error, "code", "") == NOT_FOUND)

    def _existing(self, order: ImageOrder, error: CloudError) -> str:
        """The image that already has the name, if an earlier request of this deploy created it.

        Raises CloudUnclear while it is not visible (then the create is sent again, and refused
        again until it is), CloudError if it belongs to another deploy.
        """
        found = self._ours(order)
        if found is None:
            raise CloudUnclear(error.message, code=error.code) from error
        return found

    def _ours(self, order: ImageOrder) -> str | None:
        """Our image of that name. One without a deploy-id may be ours with delayed tags."""
        found = self.image_named(order.name)
        if found is None or (t.ID not in found.tags and found.state == "pending"):
            return None
        if found.tags.get(t.ID) != order.tags[IMAGE][t.ID]:
            raise NameTaken(
                f"the name {order.name} is taken by {found.id}, which is not of this deploy",
                code=DUPLICATE,
            )
        return found.id


def _without(devices: Sequence[str]) -> dict[str, Any]:
    """The mapping that leaves these devices out of an image; none where all are in it."""
    mappings = [{"DeviceName": device, "NoDevice": ""} for device in devices]
    return {"BlockDeviceMappings": mappings} if mappings else {}


def _instances(page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for reservation in page["Reservations"]:
        yield from reservation["Instances"]


def _percent(reads: Reads, image: Mapping[str, Any]) -> int | None:
    """The progress of a pending image's snapshots; None where AWS does not report it."""
    if image.get("State") != "pending":
        return None
    wanted = [f"Created by CreateImage(*) for {image['ImageId']}*"]
    pages = reads.by_filter("describe_snapshots", "description", wanted, OwnerIds=["self"])
    said = [one.get("Progress", "") for page in pages for one in page["Snapshots"]]
    done = [int(one.removesuffix("%")) for one in said if one.removesuffix("%").isdigit()]
    return min(99, sum(done) // len(done)) if done else None
