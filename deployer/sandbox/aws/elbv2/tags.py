"""Tags of balancers, groups, listeners and rules.

Sources: API model, Tag (TagKey at most 128 characters, TagValue 256, the pattern of both), AddTags,
DescribeTags (at most 20 resources a call); Elastic Load Balancing quotas and "Tag restrictions" (50
tags a resource, the prefix `aws:` is reserved).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.elbv2.base import Elbv2Base, elb_error, invalid

MOST_TAGS, LONGEST_KEY, LONGEST_VALUE, MOST_DESCRIBED = 50, 128, 256, 20
_SIGNS = frozenset("_.:/=+-@")
_CLASSES = ("L", "Z", "N")


def read_tags(raw: Iterable[Mapping[str, Any]], *, by_operator: bool = False) -> dict[str, str]:
    """The tags of a request; only the sandbox's operator may set those of AWS.

    Raises:
        ELBClientError: DuplicateTagKeys, TooManyTags or ValidationError.
    """
    tags: dict[str, str] = {}
    for item in raw:
        key, value = str(item.get("Key") or ""), str(item.get("Value") or "")
        _check(key, value, by_operator)
        if key in tags:
            raise elb_error("DuplicateTagKeys", f"A tag key was specified more than once: {key}")
        tags[key] = value
    return _limited(tags)


def _check(key: str, value: str, by_operator: bool) -> None:
    if not 1 <= len(key) <= LONGEST_KEY:
        raise invalid(f"The length of a tag key must be between 1 and {LONGEST_KEY}")
    if len(value) > LONGEST_VALUE:
        raise invalid(f"The length of a tag value must be at most {LONGEST_VALUE}")
    for text in (key, value):
        if not all(c in _SIGNS or unicodedata.category(c)[0] in _CLASSES for c in text):
            raise invalid(f"'{text}' has characters that are not valid in a tag")
    if key.lower().startswith("aws:") and not by_operator:
        raise invalid(f"The tag key '{key}' is reserved: it begins with aws:")


def _limited(tags: dict[str, str]) -> dict[str, str]:
    if sum(not key.startswith("aws:") for key in tags) > MOST_TAGS:
        text = "The quota for the number of tags that can be assigned to a resource is reached"
        raise elb_error("TooManyTags", text)
    return tags


class TagActions(Elbv2Base):
    """AddTags, RemoveTags, DescribeTags."""

    def add_tags(self) -> ActionResult:
        """All tags on all resources, or none; an existing key gets the new value."""
        arns = self._named()
        tags = read_tags(self._get_param("Tags", []), by_operator=self.cloud.by_operator)
        for arn in arns:
            _limited({**self._of(arn), **tags})
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        for arn in arns:
            self.elbv2_backend.tagging_service.tag_resource(arn, listed)
        return EmptyResult()

    def remove_tags(self) -> ActionResult:
        """Tags of AWS stay."""
        keys = [key for key in self._get_param("TagKeys", []) if not key.startswith("aws:")]
        for arn in self._named():
            self.elbv2_backend.tagging_service.untag_resource_using_names(arn, keys)
        return EmptyResult()

    def describe_tags(self) -> ActionResult:
        """At most 20 resources a call; one that does not exist fails it."""
        arns = self._named()
        found = [{"ResourceArn": arn, "Tags": self._of(arn)} for arn in arns]
        return ActionResult({"TagDescriptions": found})

    def _named(self) -> list[str]:
        arns = list(self._get_param("ResourceArns", []))
        if len(arns) > MOST_DESCRIBED:
            raise invalid(f"The maximum number of resources is '{MOST_DESCRIBED}'")
        for arn in arns:
            self.elbv2_backend._get_resource_by_arn(arn)  # noqa: SLF001  # refuses unknown ones
        return arns

    def _of(self, arn: str) -> dict[str, str]:
        tags: dict[str, str] = self.elbv2_backend.tagging_service.get_tag_dict_for_resource(arn)
        return tags
