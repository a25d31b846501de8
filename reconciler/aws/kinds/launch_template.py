"""Launch templates. They cost nothing; the resources their versions name must not be deleted first.

A foreign or a held template may launch from an image of ours: then the image is in use, and is
kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.aws.client.query import Reads, tags_of
from reconciler.aws.kinds.kind import Kind, Raw, each
from reconciler.errors import CloudError
from reconciler.model import tags as t
from reconciler.model.resource import TEMPLATE, Resource
from reconciler.model.tags import AccountRegion

PAGE = 200
"""The maximum page size of DescribeLaunchTemplates (B)."""

_ASKED = ["$Default", "$Latest"]


def describe(reads: Reads, ids: Sequence[str]) -> Iterator[Resource]:
    """The templates of these ids that exist, with what their default and latest versions use.

    There is no filter on the id, so all that carry a deploy-id are listed (B).
    """
    wanted = set(ids)
    filters = [{"Name": "tag-key", "Values": [t.ID]}]
    pages = reads.pages("describe_launch_templates", size=PAGE, Filters=filters) if wanted else ()
    for page in pages:
        for one in page["LaunchTemplates"]:
            if one["LaunchTemplateId"] in wanted:
                yield _resource(one, reads.place, _uses(reads, one["LaunchTemplateId"]))


def _uses(reads: Reads, template: str) -> tuple[str, ...]:
    try:
        answer = reads.call(
            "describe_launch_template_versions", LaunchTemplateId=template, Versions=_ASKED
        )
    except CloudError as error:
        if error.code.endswith("NotFound"):  # gone since the listing
            return ()
        raise
    found = [each for one in answer["LaunchTemplateVersions"] for each in _named(one)]
    return tuple(dict.fromkeys(found))


def _named(version: Raw) -> Iterator[str]:
    data = version.get("LaunchTemplateData") or {}
    if data.get("ImageId"):
        yield data["ImageId"]
    yield from data.get("SecurityGroupIds") or ()
    for interface in data.get("NetworkInterfaces") or ():
        yield from interface.get("Groups") or ()
    for mapping in data.get("BlockDeviceMappings") or ():
        snapshot = (mapping.get("Ebs") or {}).get("SnapshotId")
        if snapshot:
            yield snapshot


def _resource(one: Raw, place: AccountRegion, uses: tuple[str, ...]) -> Resource:
    return Resource(
        TEMPLATE,
        one["LaunchTemplateId"],
        place,
        tags_of(one),
        name=one.get("LaunchTemplateName", ""),
        created=one.get("CreateTime"),
        uses=uses,
    )


KIND = Kind(TEMPLATE, describe, each("delete_launch_template", "LaunchTemplateId"))
"""AWS deletes a template with all its versions."""
