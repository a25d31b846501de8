"""Key pairs and launch templates: found by id, filter and current tags.

Sources: CreateKeyPair, DescribeKeyPairs, DeleteKeyPair (by id too; no error if it does not exist);
CreateLaunchTemplate, DescribeLaunchTemplates (at most 200 a page; its filters), and
DeleteLaunchTemplate (InvalidLaunchTemplateId.NotFound).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from deployer.sandbox.aws.api.errors import bad_value, ec2_error
from deployer.sandbox.aws.api.filters import Getter, select
from deployer.sandbox.aws.api.paging import cut, read_page
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.tags import Tags, put_tags, read_born_tags

TEMPLATES_A_PAGE = 200

_KEY_FILTERS: dict[str, Getter] = {
    "fingerprint": lambda k: k.key_fingerprint,
    "key-name": lambda k: k.key_name,
    "key-pair-id": lambda k: k.id,
}
_TEMPLATE_FILTERS: dict[str, Getter] = {
    "create-time": lambda t: t.create_time,
    "launch-template-name": lambda t: t.name,
}


class NamedActions(Ec2Base):
    """Resources with a unique name, created with their tags."""

    def create_key_pair(self) -> ActionResult:
        """A new key pair; its private half is only in the answer."""
        return self._born_key(super().create_key_pair)  # type: ignore[misc]

    def import_key_pair(self) -> ActionResult:
        """A key pair whose private half stays with its owner."""
        return self._born_key(super().import_key_pair)  # type: ignore[misc]

    def describe_key_pairs(self) -> ActionResult:
        """AWS does not page them; lookup by name is moto's."""
        if self._get_param("KeyNames"):
            named: ActionResult = super().describe_key_pairs()  # type: ignore[misc]
            return named
        known = {one.id: one for one in self.ec2_backend.key_pairs.values()}
        wanted = self.ids("KeyPairIds")
        absent = [one for one in wanted if one not in known]
        if absent:
            raise ec2_error("InvalidKeyPair.NotFound", f"The key pair '{absent[0]}' does not exist")
        filters = self.filters()
        self.error_on_dryrun()
        found = [known[one] for one in wanted] if wanted else list(known.values())
        chosen = select(found, filters, _KEY_FILTERS)
        return ActionResult({"KeyPairs": [_key(one) for one in chosen if self._is_visible(one)]})

    def delete_key_pair(self) -> ActionResult:
        """By id or name."""
        wanted = (self._get_param("KeyPairId"), self._get_param("KeyName"))
        if not any(wanted):
            raise bad_value("Either a key name or a key pair id is needed")
        self.error_on_dryrun()
        pairs = self.ec2_backend.key_pairs
        for name, one in list(pairs.items()):
            if one.id == wanted[0] or name == wanted[1]:
                del pairs[name]
                self.ec2_backend.tags.pop(one.id, None)
        return ActionResult({"Return": True})

    def create_launch_template(self) -> ActionResult:
        """Tags of the template itself; those of launched resources are in its data."""
        tags = self._tags_of("launch-template")
        answer: Any = super().create_launch_template()  # type: ignore[misc]
        made = answer.result["LaunchTemplate"]["LaunchTemplateId"]
        self._tag(made, tags)
        return ActionResult(answer.result)

    def describe_launch_templates(self) -> ActionResult:
        """By filter and page; lookup by id or name is moto's."""
        if self._get_param("LaunchTemplateIds") or self._get_param("LaunchTemplateNames"):
            named: ActionResult = super().describe_launch_templates()  # type: ignore[misc]
            return named
        size = self._get_param("MaxResults")
        if size is not None and int(size) > TEMPLATES_A_PAGE:
            raise bad_value(f"Value ( {size} ) for parameter maxResults is invalid.")
        page = read_page(size, self._get_param("NextToken"), [], "launchTemplateId")
        every = self.ec2_backend.launch_templates.values()
        chosen = select(every, self.filters(), _TEMPLATE_FILTERS)
        self.error_on_dryrun()
        seen = [one for one in chosen if self._is_visible(one)]
        shown, token = cut(seen, page, lambda one: self.cloud.births.order(one.id), "templates")
        listed = [self._template(one) for one in shown]
        return ActionResult({"LaunchTemplates": listed, "NextToken": token})

    def delete_launch_template(self) -> ActionResult:
        """By id or name, with all versions."""
        asked = self._get_param("LaunchTemplateId")
        if asked and asked not in self.ec2_backend.launch_templates:
            text = f"The specified launch template, with template ID {asked}, does not exist."
            raise ec2_error("InvalidLaunchTemplateId.NotFound", text)
        answer: Any = super().delete_launch_template()  # type: ignore[misc]
        self.ec2_backend.tags.pop(answer.result["LaunchTemplate"]["LaunchTemplateId"], None)
        return ActionResult(answer.result)

    def _born_key(self, create: Any) -> ActionResult:
        tags = self._tags_of("key-pair")
        answer: Any = create()
        self._tag(answer.result.id, tags)
        return ActionResult(answer.result)

    def _tags_of(self, kind: str) -> Tags:
        given = self._get_param("TagSpecifications", []) or []
        return read_born_tags(given, frozenset({kind})).get(kind, {})

    def _tag(self, made: str, tags: Tags) -> None:
        self.cloud.births.note(made)
        self.ec2_backend.tags.pop(made, None)
        put_tags(self.region_books, made, tags)

    def _is_visible(self, thing: Any) -> bool:
        return self.cloud.is_visible(thing.id)

    def _template(self, one: Any) -> dict[str, Any]:
        return {
            "CreateTime": one.create_time,
            "DefaultVersionNumber": one.default_version_number,
            "LatestVersionNumber": one.latest_version_number,
            "LaunchTemplateId": one.id,
            "LaunchTemplateName": one.name,
            "Tags": one.get_tags(),
        }


def _key(one: Any) -> dict[str, Any]:
    return {
        "CreateTime": one.create_time,
        "KeyFingerprint": one.key_fingerprint,
        "KeyName": one.key_name,
        "KeyPairId": one.id,
        "KeyType": one.key_type or "rsa",
        "Tags": one.get_tags(),
    }
