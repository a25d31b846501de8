"""Tags: AWS's validation, tags in create calls, and DescribeTags over every kind.

Sources: EC2 User Guide, "Tag your resources"; API model, Tag (key at most 127, `aws:` reserved);
DescribeTags; aws.md §1.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.api.errors import bad_value, ec2_error, missing
from deployer.sandbox.aws.api.filters import Filters, Getter, matcher
from deployer.sandbox.aws.api.ids import ALL, check_form, limit_ids, unknown
from deployer.sandbox.aws.api.paging import cut, read_page
from deployer.sandbox.aws.api.tag_types import resource_type
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.cloud import AwsState, Region, TagWrite
from deployer.sandbox.aws.state.existence import exists

MAX_KEY, MAX_TAG_VALUE, MAX_TAGS = 127, 256, 50
RUN_TYPES = frozenset({"instance", "volume", "network-interface", "spot-instances-request"})
Tags = dict[str, str]


def read_tags(raw: Iterable[Mapping[str, Any]]) -> Tags:
    """The tags of a request.

    Raises:
        EC2ClientError: a key or value that AWS refuses, or a key given twice.
    """
    tags: Tags = {}
    for item in raw:
        key, value = item.get("Key"), item.get("Value", "")
        if not key:
            raise bad_value("Tag key cannot be null or empty")
        if str(key).lower().startswith("aws:") and not clouds.current().by_operator:
            raise bad_value("Tag keys starting with 'aws:' are reserved for internal use")
        if len(key) > MAX_KEY:
            raise bad_value(f"Tag key exceeds the maximum length of {MAX_KEY} characters")
        if value is None:
            raise bad_value("Tag value cannot be null. Use empty string instead.")
        if len(value) > MAX_TAG_VALUE:
            raise bad_value(f"Tag value exceeds the maximum length of {MAX_TAG_VALUE} characters")
        if key in tags:
            raise bad_value(f"Duplicate tag key '{key}' specified.")
        tags[str(key)] = str(value)
    if len(tags) > MAX_TAGS:
        raise ec2_error("TagLimitExceeded", "More than 50 tags specified")
    return tags


def read_born_tags(raw: Iterable[Mapping[str, Any]], allowed: frozenset[str]) -> dict[str, Tags]:
    """TagSpecifications: tags by resource type.

    Raises:
        EC2ClientError: a resource type that this action does not create, or invalid tags.
    """
    born: dict[str, Tags] = {}
    for item in raw:
        kind = item.get("ResourceType")
        if not kind:
            text = "Tag specification resource type must have a value"
            raise ec2_error("InvalidParameter", text)
        if kind not in allowed or kind in born:
            text = f"'{kind}' is not a valid taggable resource type for this operation."
            raise bad_value(text)
        born[kind] = read_tags(item.get("Tags") or ())
        if not born[kind]:
            raise bad_value("Tag specification must have at least one tag")
    return born


def put_tags(region: Region, resource_id: str, tags: Tags) -> None:
    """Write tags and keep the old values: the visibility lag still shows them for a while."""
    present = region.backend.tags[resource_id]
    for key, value in tags.items():
        region.tag_writes[(resource_id, key)] = TagWrite(time.monotonic(), present.get(key))
        present[key] = value


@dataclass(frozen=True)
class TagRow:
    """One row of DescribeTags."""

    resource_id: str
    resource_type: str
    key: str
    value: str


def _order(row: TagRow) -> tuple[str, str]:
    return (row.resource_id, row.key)


_ROW_FILTERS: dict[str, Getter] = {
    "key": lambda row: row.key,
    "value": lambda row: row.value,
    "resource-id": lambda row: row.resource_id,
    "resource-type": lambda row: row.resource_type,
}


class TagActions(Ec2Base):
    """CreateTags, DeleteTags, DescribeTags."""

    def create_tags(self) -> ActionResult:
        """All tags on all resources, or none."""
        resource_ids = self._tagged_ids()
        tags = read_tags(self._get_param("Tags", []) or [])
        if not tags:
            raise missing("Tags")
        for resource_id in resource_ids:
            present = self.ec2_backend.tags.get(resource_id, {})
            ours = [k for k in {**present, **tags} if not k.startswith("aws:")]
            if len(ours) > MAX_TAGS:
                text = "The maximum number of Tags for a resource has been reached."
                raise ec2_error("TagLimitExceeded", text)
        self.error_on_dryrun()
        for resource_id in resource_ids:
            put_tags(self.region_books, resource_id, tags)
        return EmptyResult()

    def delete_tags(self) -> ActionResult:
        """A tag given with a value is deleted only where it has that value."""
        resource_ids = self._tagged_ids()
        wanted = {tag["Key"]: tag.get("Value") for tag in self._get_param("Tags", []) or []}
        self.error_on_dryrun()
        for resource_id in resource_ids:
            present = self.ec2_backend.tags.get(resource_id, {})
            for key in list(present):
                if key.startswith("aws:") and not self.cloud.by_operator:
                    continue
                if not wanted or (key in wanted and wanted[key] in (None, present[key])):
                    del present[key]
        return EmptyResult()

    def describe_tags(self) -> ActionResult:
        """Rows of every kind, at most 1,000 a page."""
        filters = self.filters()
        page = read_page(self._get_param("MaxResults"), self._get_param("NextToken"), [], "")
        self.error_on_dryrun()
        found, token = cut(self._rows(filters), page, _order, "tags")
        listed = [vars(row) for row in found]
        return ActionResult({"Tags": listed, "NextToken": token})

    def _rows(self, filters: Filters) -> list[TagRow]:
        def make() -> list[TagRow]:
            keys = next((frozenset(values) for name, values in filters if name == "key"), None)
            rows = visible_rows(self.cloud, self.region_books, keys)
            return sorted(select_rows(rows, filters), key=_order)

        if self.cloud.faults.lag > 0:  # visibility changes with time alone
            return make()
        books = self.region_books.backend
        asked = ("tags", books.account_id, books.region_name, json.dumps(filters))
        return self.cloud.listings.get(asked, make)

    def _tagged_ids(self) -> list[str]:
        resource_ids = self.ids("Resources")
        if not resource_ids:
            raise missing("Resources")
        limit_ids(resource_ids)
        words = {kind.prefix: kind for kind in ALL}
        for one in resource_ids:
            kind = words.get(one.rsplit("-", 1)[0])
            if kind is not None:
                check_form(kind, [one])
                if not exists(self.region_books, one):
                    raise unknown(kind, [one])
            elif not resource_type(one) or not exists(self.region_books, one):
                raise ec2_error("InvalidID", f"The ID '{one}' is not valid")
        return resource_ids


def select_rows(rows: Iterable[TagRow], filters: list[tuple[str, list[str]]]) -> list[TagRow]:
    """The rows that match every filter; `tag:K` means key K with one of the values.

    Raises:
        EC2ClientError: an unknown filter.
    """
    found = list(rows)
    for name, values in filters:
        match = matcher(tuple(values))
        if name.startswith("tag:"):
            key = name.removeprefix("tag:")
            found = [row for row in found if row.key == key and match(row.value)]
        elif name in _ROW_FILTERS:
            get = _ROW_FILTERS[name]
            found = [row for row in found if match(get(row))]
        else:
            raise bad_value(f"The filter '{name}' is invalid")
    return found


def visible_rows(
    cloud: AwsState, region: Region, keys: frozenset[str] | None = None
) -> Iterable[TagRow]:
    """Every tag of every existing resource, as the visibility lag shows it.

    Tags with other keys than `keys` may be omitted, unless a key has a wildcard.
    """
    if keys is not None and any(sign in key for key in keys for sign in "*?\\"):
        keys = None
    for resource_id, tags in list(region.backend.tags.items()):
        if not tags or not exists(region, resource_id) or not cloud.is_visible(resource_id):
            continue
        kind = resource_type(resource_id)
        for key, value in tags.items():
            if keys is not None and key not in keys:
                continue
            seen = _seen_value(cloud, region, resource_id, key, value)
            if seen is not None:
                yield TagRow(resource_id, kind, key, seen)


def _seen_value(
    cloud: AwsState, region: Region, resource_id: str, key: str, value: str
) -> str | None:
    if cloud.faults.lag <= 0:
        return value
    write = region.tag_writes.get((resource_id, key))
    if write is None or time.monotonic() - write.when >= cloud.faults.lag:
        return value
    return write.before
