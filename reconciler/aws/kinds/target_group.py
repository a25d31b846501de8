"""Target groups: of no cost, and the first to go of a deploy.

Their tags are in no index, so all groups of the region are listed, and the tags of 20 at a time
(aws.md, 9). A group that an action names is taken out of it first; AWS refuses to delete it before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.aws.client.query import Reads
from reconciler.aws.deletion import Deleter, judged
from reconciler.aws.elbv2.groups import Groups
from reconciler.aws.elbv2.routes import Routes
from reconciler.aws.elbv2.traffic import take_out
from reconciler.aws.kinds.kind import Kind
from reconciler.errors import AccessDenied, CloudError, Refused
from reconciler.model import tags as t
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import TARGET_GROUP, Resource, service_of
from reconciler.model.tags import Label
from reconciler.traffic.reading import short

PAGE = 400
LOOKS = 3
NOT_FOUND = "TargetGroupNotFound"
GONE = frozenset({"ListenerNotFound", "RuleNotFound"})


def listing(reads: Reads) -> Iterator[Resource]:
    """Every group of the region that has our tag, with the targets that it uses.

    One that is deleted meanwhile fails a call for others too: then all are listed again.
    """
    for left in range(LOOKS - 1, -1, -1):
        try:
            return iter(list(_listed(reads)))
        except CloudError as error:
            if error.code != NOT_FOUND or not left:
                raise
    return iter(())


def _listed(reads: Reads) -> Iterator[Resource]:
    found = {
        one["TargetGroupArn"]: one
        for page in reads.pages("describe_target_groups", service="elbv2", size=PAGE)
        for one in page["TargetGroups"]
    }
    for arn, tags in Routes(reads.aws).tags(found).items():
        if t.ID in tags:
            yield _resource(reads, found[arn], tags)


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The groups of these ids that exist."""
    wanted = set(ids)
    yield from (one for one in (listing(reads) if wanted else ()) if one.id in wanted)


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Take each out of its route, then delete it with its targets."""
    groups = Groups(deleter.aws)
    for resource in resources:
        yield from _delete(deleter, resource, groups.arn(resource.id))


def _delete(deleter: Deleter, resource: Resource, arn: str) -> Iterator[Outcome]:
    try:
        _take_out(deleter, resource, arn)
    except Refused as error:
        yield Outcome(resource, OutcomeStatus.BLOCKED, error.message)
    except (CloudError, AccessDenied) as error:
        yield judged(resource, error)
    else:
        request = _always({"TargetGroupArn": arn})
        yield from deleter.on("elbv2").batch("delete_target_group", request, [resource], size=1)


def label(deleter: Deleter, resources: Sequence[Resource], label: Label) -> Iterator[Outcome]:
    """Write the label on each: one call per resource."""
    groups = Groups(deleter.aws)
    for resource in resources:
        tag = {"Key": t.STATE, "Value": label.value}
        request = {"ResourceArns": [groups.arn(resource.id)], "Tags": [tag]}
        yield from deleter.on("elbv2").batch("add_tags", _always(request), [resource], size=1)


def _always(request: Mapping[str, Any]) -> Callable[[Sequence[str]], Mapping[str, Any]]:
    return lambda _: request


def _take_out(deleter: Deleter, resource: Resource, arn: str) -> None:
    """A route that does not exist any more names nobody."""
    route = resource.tags.get(t.LISTENER, "")
    try:
        take_out(Routes(deleter.aws, deleter.backoff), route, service_of(resource), arn)
    except CloudError as error:
        if error.code not in GONE:
            raise


def _resource(reads: Reads, one: Mapping[str, Any], tags: Mapping[str, str]) -> Resource:
    arn = one["TargetGroupArn"]
    health = Groups(reads.aws).health(arn)
    targets = dict.fromkeys(each["Target"]["Id"] for each in health)
    return Resource(
        TARGET_GROUP,
        short(arn),
        reads.place,
        tags,
        state="attached" if one.get("LoadBalancerArns") else "detached",
        name=one["TargetGroupName"],
        type=one.get("Protocol", ""),
        source=one.get("VpcId", ""),
        uses=tuple(targets),
    )


KIND = Kind(TARGET_GROUP, describe, delete, listing=listing, label=label, always_listed=True)
