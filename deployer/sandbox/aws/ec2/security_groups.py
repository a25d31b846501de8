"""Security groups: checks that they are not in use, and their listing.

Sources: DeleteSecurityGroup ("If you attempt to delete a security group that is associated with an
instance or network interface, is referenced by another security group in the same VPC … the
operation fails with DependencyViolation"; the default group: CannotDelete); DescribeSecurityGroups;
DescribeSecurityGroupReferences (the VPCs on the other side of a peering connection).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult

from deployer.sandbox.aws.api.errors import ec2_error
from deployer.sandbox.aws.api.filters import Getter, select
from deployer.sandbox.aws.api.ids import GROUP, find_all
from deployer.sandbox.aws.api.paging import cut, read_page
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.tags import put_tags, read_born_tags


def _named(rules: str) -> Getter:
    return lambda group: [
        rule.source_group["GroupId"]
        for rule in getattr(group, rules)
        if (rule.source_group or {}).get("GroupId")
    ]


_FILTERS: dict[str, Getter] = {
    "description": lambda g: g.description,
    "egress.ip-permission.group-id": _named("egress_rules"),
    "group-id": lambda g: g.id,
    "group-name": lambda g: g.name,
    "ip-permission.group-id": _named("ingress_rules"),
    "owner-id": lambda g: g.owner_id,
    "vpc-id": lambda g: g.vpc_id,
}


class GroupActions(Ec2Base):
    """Creates, lists and deletes security groups."""

    def create_security_group(self) -> ActionResult:
        """Created with its tags; moto would accept malformed tags."""
        given = self._get_param("TagSpecifications", []) or []
        tags = read_born_tags(given, frozenset({"security-group"})).get("security-group", {})
        answer: Any = super().create_security_group()  # type: ignore[misc]
        made = answer.result["GroupId"]
        self.cloud.births.note(made)
        self.ec2_backend.tags.pop(made, None)
        put_tags(self.region_books, made, tags)
        return ActionResult(answer.result)

    def describe_security_groups(self) -> ActionResult:
        """By id, filter and page; lookup by name is moto's."""
        if self._get_param("GroupNames"):
            named: ActionResult = super().describe_security_groups()  # type: ignore[misc]
            return named
        known = {one.id: one for one in self._groups()}
        wanted = self.ids("GroupIds")
        token = self._get_param("NextToken")
        page = read_page(self._get_param("MaxResults"), token, wanted, "groupId")
        found = find_all(GROUP, wanted, known) if wanted else list(known.values())
        chosen = select(found, self.filters(), _FILTERS)
        self.error_on_dryrun()
        seen = [one for one in chosen if self.cloud.is_visible(one.id)]
        shown, next_token = cut(seen, page, lambda one: self.cloud.births.order(one.id), "groups")
        return ActionResult({"SecurityGroups": shown, "NextToken": next_token})

    def describe_security_group_references(self) -> ActionResult:
        """Which peered VPC names the groups: none, as no VPC has a peer here."""
        find_all(GROUP, self.ids("GroupId"), {one.id: one for one in self._groups()})
        self.error_on_dryrun()
        return ActionResult({"SecurityGroupReferenceSet": []})

    def delete_security_group(self) -> ActionResult:
        """Refused while an interface uses it or another group names it."""
        known = {one.id: one for one in self._groups()}
        group = find_all(GROUP, [str(self._get_param("GroupId"))], known)[0]
        if group.name == "default":
            raise ec2_error("CannotDelete", "the default group cannot be deleted by a user")
        user = next(self._users(group), "")
        if user:
            text = f"resource {group.id} has a dependent object"
            raise ec2_error("DependencyViolation", text)
        self.error_on_dryrun()
        answer: ActionResult = super().delete_security_group()  # type: ignore[misc]
        self.ec2_backend.tags.pop(group.id, None)
        return answer

    def _users(self, group: Any) -> Iterator[str]:
        """Interfaces in it, and other groups whose rules name it; its own rules do not count."""
        for interface in self.ec2_backend.enis.values():
            if any(one.id == group.id for one in interface.group_set):
                yield interface.id
        for other in self._groups():
            rules = [*other.ingress_rules, *other.egress_rules]
            if other is not group and any(
                (rule.source_group or {}).get("GroupId") == group.id for rule in rules
            ):
                yield other.id

    def _groups(self) -> list[Any]:
        every = self.ec2_backend.groups.values()
        return [group for groups in every for group in groups.values()]
