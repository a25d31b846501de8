"""The tags that are written later on user request: `deploy-hold` and `deploy-noticed`.

`deploy-hold` is the only tag that this tool may write on a foreign resource.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.model import tags as t
from reconciler.model.deploy_id import format_time
from reconciler.model.resource import Resource


def hold(aws: Aws, id_: str, reason: str) -> None:
    """Hold the EC2 resource `id_` with this reason. Raises CloudError, AccessDenied."""
    _tag(aws, id_, t.HOLD, reason[: t.VALUE_LIMIT])


def release(aws: Aws, id_: str) -> None:
    """Remove the hold: sweeps decide about `id_` again. Raises CloudError, AccessDenied."""
    with calling(f"ec2:DeleteTags on {id_}"):
        aws.ec2_once.delete_tags(Resources=[id_], Tags=[{"Key": t.HOLD}])


def mark_noticed(aws: Aws, resource: Resource, now: datetime) -> None:
    """Tag the resource with the time of the notification. Raises CloudError, AccessDenied."""
    _tag(aws, resource.id, t.NOTICED, format_time(now))


def _tag(aws: Aws, id_: str, key: str, value: str) -> None:
    with calling(f"ec2:CreateTags on {id_}"):
        aws.ec2_once.create_tags(Resources=[id_], Tags=[{"Key": key, "Value": value}])
