"""The tag by which people keep a thing from every sweep: `deploy-hold`, and taking it off again.

The one place where this tool writes a tag on something that need not be its own.
"""

from __future__ import annotations

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws
from reconciler.model import tags as t


def hold(aws: Aws, id_: str, reason: str) -> None:
    """Keep the EC2 thing `id_` for `reason`. Raises CloudError, AccessDenied."""
    tag = {"Key": t.HOLD, "Value": reason[: t.VALUE_LIMIT]}
    with calling(f"ec2:CreateTags on {id_}"):
        aws.ec2_once.create_tags(Resources=[id_], Tags=[tag])  # type: ignore[list-item]


def release(aws: Aws, id_: str) -> None:
    """Let the sweeps decide about `id_` again. Raises CloudError, AccessDenied."""
    with calling(f"ec2:DeleteTags on {id_}"):
        aws.ec2_once.delete_tags(Resources=[id_], Tags=[{"Key": t.HOLD}])
