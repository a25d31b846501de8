"""The tag by which sweeps know of each other that people were told of a thing: `deploy-noticed`."""

from __future__ import annotations

from datetime import datetime

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.model import tags as t
from reconciler.model.deploy_id import format_time
from reconciler.model.resource import Resource


def mark_noticed(aws: Aws, thing: Resource, now: datetime) -> None:
    """Write on the thing when somebody was told of it. Raises CloudError, AccessDenied."""
    tag = {"Key": t.NOTICED, "Value": format_time(now)}
    with calling(f"ec2:CreateTags on {thing.id}"):
        aws.ec2_once.create_tags(Resources=[thing.id], Tags=[tag])  # type: ignore[list-item]
