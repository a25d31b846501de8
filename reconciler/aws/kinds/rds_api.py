"""Code shared by the two RDS kinds: full listings with tags, ids from the end of the ARN.

EC2's tag index does not contain RDS, and RDS has no filter on tags, so each kind is listed as a
whole: an account has 40 instances and 100 snapshots in a region by default (aws.md §8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from reconciler.aws.client.query import Reads
from reconciler.aws.deletion import Deleter
from reconciler.aws.kinds.kind import Delete, Kind, Raw
from reconciler.model import tags as t
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import Resource
from reconciler.model.tags import AccountRegion, Label

PAGE = 100
"""RDS's largest page (B)."""
Converter = Callable[[Raw, AccountRegion], Resource]


def listed(reads: Reads, operation: str, field: str) -> Iterator[Raw]:
    """Everything of one kind in the region. Raises CloudError, AccessDenied."""
    for page in reads.pages(operation, service="rds", size=PAGE):
        yield from page[field]


def end_of(arn: str) -> str:
    """`db:shop-…` of `arn:aws:rds:eu-west-1:123456789012:db:shop-…`."""
    return arn.split(":", maxsplit=5)[-1]


def name_of(id_: str) -> str:
    """The identifier in an id."""
    return id_.partition(":")[2]


def label(deleter: Deleter, resources: Sequence[Resource], label: Label) -> Iterator[Outcome]:
    """Write the label on each: one call per resource."""
    tag = {"Key": t.STATE, "Value": label.value}
    return deleter.on("rds").batch(
        "add_tags_to_resource",
        lambda ids: {"ResourceName": _arn(deleter, ids[0]), "Tags": [tag]},
        resources,
        size=1,
    )


def delete(
    deleter: Deleter, resources: Sequence[Resource], operation: str, parameter: str, **more: bool
) -> Iterator[Outcome]:
    """Request one deletion per resource; a resource that is being deleted is only waited for."""
    for resource in resources:
        if resource.state == "deleting":
            yield Outcome(resource, OutcomeStatus.PENDING, "being deleted")
            continue
        yield from deleter.on("rds").batch(
            operation, lambda ids: {parameter: name_of(ids[0]), **more}, [resource], size=1
        )


def kind(name: str, operation: str, field: str, resource: Converter, delete: Delete) -> Kind:
    """A kind that is described by listing all of it; `resource` converts what is in `field`."""

    def listing(reads: Reads) -> Iterator[Resource]:
        return (resource(one, reads.place) for one in listed(reads, operation, field))

    def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
        wanted = set(ids)
        return (one for one in (listing(reads) if wanted else ()) if one.id in wanted)

    return Kind(name, describe, delete, listing=listing, label=label)


def _arn(deleter: Deleter, id_: str) -> str:
    place, partition = deleter.aws.place, deleter.aws.rds.meta.partition
    return f"arn:{partition}:rds:{place.region}:{place.account}:{id_}"
