"""Lists a whole region, whoever made what is in it: for `reconciler strays`, which only looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from reconciler.aws.client.query import Reads
from reconciler.aws.client.session import Aws
from reconciler.aws.elbv2.groups import Groups
from reconciler.aws.elbv2.routes import Routes
from reconciler.aws.kinds.elastic_ip import resource_of as address_of
from reconciler.aws.kinds.image import resource_of as image_of
from reconciler.aws.kinds.instance import resource_of as machine_of
from reconciler.aws.kinds.snapshot import resource_of as snapshot_of
from reconciler.aws.kinds.volume import resource_of as volume_of
from reconciler.cost.rates import LOAD_BALANCER
from reconciler.cost.strays import Account
from reconciler.errors import AccessDenied, CloudError
from reconciler.model.resource import TARGET_GROUP, Resource

_ENDED = ("terminated", "shutting-down")
_PARAMETER = "resolve:ssm:"
"""A template may name a parameter that has the image's id: which one that is was not read."""


def look(aws: Aws, also_used: frozenset[str] = frozenset()) -> Account:
    """Everything that may be a stray, and the ids of what something uses.

    `also_used`: ids that files name. Raises AccessDenied, CloudError where the EC2 lists
    themselves are not to be had; what else cannot be read is named in the result.
    """
    reads = Reads(aws)
    unread: list[str] = []
    resources = [
        *_machines(reads),
        *(volume_of(one, reads.place) for one in _each(reads, "describe_volumes", "Volumes")),
        *(address_of(one, reads.place) for one in _each(reads, "describe_addresses", "Addresses")),
        *_images(reads),
        *_snapshots(reads),
        *_tried(unread, "load balancers", lambda: _balancing(reads)),
    ]
    templates = _tried(unread, "launch templates", lambda: _in_templates(reads))
    configurations = _tried(unread, "launch configurations", lambda: _in_configurations(reads))
    named = {*templates, *configurations}
    unread += sorted(f"the image behind {one}" for one in named if one.startswith(_PARAMETER))
    return Account(tuple(resources), frozenset(named | also_used), tuple(unread))


def _tried(unread: list[str], what: str, read: Callable[[], Iterator[Any]]) -> list[Any]:
    """All of it or, said in `unread`, nothing."""
    try:
        return list(read())
    except (AccessDenied, CloudError) as error:
        unread.append(f"{what}: {error.message}")
        return []


def _each(reads: Reads, operation: str, field: str, **request: Any) -> Iterator[Any]:
    for page in reads.pages(operation, **request):
        yield from page[field]


def _machines(reads: Reads) -> Iterator[Resource]:
    for reservation in _each(reads, "describe_instances", "Reservations"):
        for one in reservation["Instances"]:
            if one["State"]["Name"] not in _ENDED:
                yield machine_of(one, reads.place)


def _images(reads: Reads) -> Iterator[Resource]:
    for one in _each(reads, "describe_images", "Images", Owners=["self"]):
        yield image_of(one, reads.place, shared=bool(one.get("Public")))


def _snapshots(reads: Reads) -> Iterator[Resource]:
    """Each with its volume as the source, whoever made it: that one may be gone."""
    for one in _each(reads, "describe_snapshots", "Snapshots", OwnerIds=["self"]):
        yield replace(snapshot_of(one, reads.place), source=one.get("VolumeId", ""))


def _balancing(reads: Reads) -> Iterator[Resource]:
    """Target groups that are behind nothing or have no targets, balancers without a group."""
    leads: set[str] = set()
    groups = list(_each(reads, "describe_target_groups", "TargetGroups", service="elbv2", size=400))
    targets: dict[str, list[str]] = {}
    for group in groups:
        health = Groups(reads.aws).health(group["TargetGroupArn"])
        found = [each["Target"]["Id"] for each in health]
        targets[group["TargetGroupArn"]] = found
        if found:
            leads |= set(group.get("LoadBalancerArns", ()))
    balancers = list(
        _each(reads, "describe_load_balancers", "LoadBalancers", service="elbv2", size=400)
    )
    arns = [each.get("LoadBalancerArn") or each["TargetGroupArn"] for each in balancers + groups]
    tags = Routes(reads.aws).tags(arns)
    for one in balancers:
        arn = one["LoadBalancerArn"]
        used = (arn,) if arn in leads else ()
        yield _balancing_part(reads, LOAD_BALANCER, one, (arn, "LoadBalancerName"), used, tags)
    for one in groups:
        arn = one["TargetGroupArn"]
        used = (*one.get("LoadBalancerArns", ()), *targets[arn])
        yield _balancing_part(reads, TARGET_GROUP, one, (arn, "TargetGroupName"), used, tags)


def _balancing_part(
    reads: Reads,
    kind: str,
    one: dict[str, Any],
    arn_and_name: tuple[str, str],
    used_by: tuple[str, ...],
    tags: dict[str, dict[str, str]],
) -> Resource:
    arn, name = arn_and_name
    created = one.get("CreatedTime")
    return Resource(
        kind,
        one[name],
        reads.place,
        tags.get(arn, {}),
        name=arn,
        type=one.get("Type", ""),
        created=created,
        used_by=used_by,
        public_ips=_public_zones(one),
    )


def _public_zones(one: dict[str, Any]) -> int:
    """A balancer that faces the internet has a public IPv4 address in each of its zones."""
    open_ = one.get("Scheme") == "internet-facing"
    has_none = one.get("IpAddressType") == "dualstack-without-public-ipv4"
    return len(one.get("AvailabilityZones", ())) if open_ and not has_none else 0


def _in_templates(reads: Reads) -> Iterator[str]:
    """The images and snapshots of all versions of all launch templates."""
    for template in _each(reads, "describe_launch_templates", "LaunchTemplates", size=200):
        id_ = template["LaunchTemplateId"]
        versions = reads.pages("describe_launch_template_versions", size=200, LaunchTemplateId=id_)
        for page in versions:
            for version in page["LaunchTemplateVersions"]:
                yield from _named(version["LaunchTemplateData"])


def _in_configurations(reads: Reads) -> Iterator[str]:
    """The images of launch configurations, which some groups of machines still use."""
    operation, field = "describe_launch_configurations", "LaunchConfigurations"
    for one in _each(reads, operation, field, service="autoscaling", size=100):
        yield from _named(one)


def _named(launch: dict[str, Any]) -> Iterator[str]:
    """What a template's version or a configuration launches from."""
    disks = (each.get("Ebs") or {} for each in launch.get("BlockDeviceMappings") or ())
    found = [launch.get("ImageId"), *(disk.get("SnapshotId") for disk in disks)]
    yield from (one for one in found if one)
