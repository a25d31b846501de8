"""Security groups. In use by the interfaces in a group, and by rules of other groups that name it.

Of two groups that name each other, one must lose its rule before it can be deleted, so the rules by
which the groups of one deletion name each other are revoked first. Rules of other groups are not
changed: AWS then refuses (DependencyViolation), and the group stays and is reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.deletion import Deleter, judged
from reconciler.aws.kinds.kind import Kind, Raw
from reconciler.errors import AccessDenied, CloudError
from reconciler.model.outcome import Outcome
from reconciler.model.resource import GROUP, Resource
from reconciler.model.tags import AccountRegion

_REFERENCES = ("ip-permission.group-id", "egress.ip-permission.group-id")
_RULES = (
    ("IpPermissions", "revoke_security_group_ingress"),
    ("IpPermissionsEgress", "revoke_security_group_egress"),
)


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The groups of these ids that exist, each with what uses it."""
    found = _raw(reads, ids)
    users = _users(reads, [one["GroupId"] for one in found])
    for one in found:
        yield _resource(one, reads.place, tuple(users.get(one["GroupId"], ())))


def delete(deleter: Deleter, resources: Sequence[Resource]) -> Iterator[Outcome]:
    """Revoke the rules by which they name each other, then delete them."""
    found = {one["GroupId"]: one for one in _raw(Reads(deleter.aws), [t.id for t in resources])}
    tied: dict[str, Outcome] = {}
    for resource in resources:
        others = found.keys() - {resource.id}
        try:
            _untie(deleter, found.get(resource.id, {}), others)
        except (CloudError, AccessDenied) as error:
            tied[resource.id] = judged(resource, error)
    yield from tied.values()
    free = [one for one in resources if one.id not in tied]
    yield from deleter.each("delete_security_group", "GroupId", free)


def _untie(deleter: Deleter, group: Mapping[str, Any], others: set[str]) -> None:
    """Revoke the group's rules that name one of `others`. Raises CloudError, AccessDenied."""
    for direction, revoke in _RULES:
        rules = [rule for one in group.get(direction) or () for rule in _naming(one, others)]
        if not rules:
            continue
        try:
            deleter.ask(revoke, GroupId=group["GroupId"], IpPermissions=rules)
        except CloudError as error:
            if error.code != "InvalidPermission.NotFound":  # else another process has revoked it
                raise


def _naming(rule: Mapping[str, Any], others: set[str]) -> Iterator[Raw]:
    pairs = [
        {key: pair[key] for key in ("GroupId", "UserId") if pair.get(key)}
        for pair in rule.get("UserIdGroupPairs") or ()
        if pair.get("GroupId") in others
    ]
    if pairs:
        ports = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
        yield {**ports, "UserIdGroupPairs": pairs}


def _raw(reads: Reads, ids: Sequence[str]) -> list[Raw]:
    pages = reads.by_filter("describe_security_groups", "group-id", ids)
    return [one for page in pages for one in page["SecurityGroups"]]


def _users(reads: Reads, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The interfaces in a group, and the other groups that name it, by the group's id."""
    users: dict[str, list[str]] = defaultdict(list)
    for page in reads.by_filter("describe_network_interfaces", "group-id", ids):
        for interface in page["NetworkInterfaces"]:
            for group in interface.get("Groups") or ():
                users[group["GroupId"]].append(interface["NetworkInterfaceId"])
    for name in _REFERENCES:
        for page in reads.by_filter("describe_security_groups", name, ids):
            for other in page["SecurityGroups"]:
                for named in _named_by(other) - {other["GroupId"]}:
                    users[named].append(other["GroupId"])
    return {group: tuple(dict.fromkeys(found)) for group, found in users.items()}


def _named_by(group: Mapping[str, Any]) -> set[str]:
    return {
        pair["GroupId"]
        for direction, _ in _RULES
        for rule in group.get(direction) or ()
        for pair in rule.get("UserIdGroupPairs") or ()
        if pair.get("GroupId")
    }


def _resource(one: Raw, place: AccountRegion, used_by: tuple[str, ...]) -> Resource:
    return Resource(
        GROUP,
        one["GroupId"],
        place,
        tags_of(one),
        name=one.get("GroupName", ""),
        source=one.get("VpcId", ""),
        used_by=used_by,
    )


KIND = Kind(GROUP, describe, delete)
