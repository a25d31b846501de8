"""The tags that are written later on user request: `deploy-hold` and `deploy-noticed`.

`deploy-hold` is the only tag that this tool may write on a foreign resource. Load balancing has
tags of its own: EC2's CreateTags does not know a target group.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.aws.elbv2.groups import Groups
from reconciler.model import tags as t
from reconciler.model.deploy_id import format_time
from reconciler.model.resource import TARGET_GROUP, Resource


def hold(aws: Aws, resource: Resource, reason: str) -> None:
    """Hold the resource with this reason. Raises CloudError, AccessDenied."""
    _tag(aws, resource, t.HOLD, reason[: t.VALUE_LIMIT])


def release(aws: Aws, resource: Resource) -> None:
    """Remove the hold: sweeps decide about the resource again. Raises CloudError, AccessDenied."""
    if resource.kind == TARGET_GROUP:
        groups = Groups(aws)
        groups.untag([groups.arn(resource.id)], [t.HOLD])
        return
    with calling(f"ec2:DeleteTags on {resource.id}"):
        aws.ec2_once.delete_tags(Resources=[resource.id], Tags=[{"Key": t.HOLD}])


def mark_noticed(aws: Aws, resource: Resource, now: datetime) -> None:
    """Tag the resource with the time of the notification. Raises CloudError, AccessDenied."""
    _tag(aws, resource, t.NOTICED, format_time(now))


def _tag(aws: Aws, resource: Resource, key: str, value: str) -> None:
    if resource.kind == TARGET_GROUP:
        groups = Groups(aws)
        groups.tag([groups.arn(resource.id)], {key: value})
        return
    with calling(f"ec2:CreateTags on {resource.id}"):
        aws.ec2_once.create_tags(Resources=[resource.id], Tags=[{"Key": key, "Value": value}])
