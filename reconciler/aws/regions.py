"""Which regions an account has: only AWS knows, and a new one is not in any list of ours."""

from __future__ import annotations

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws


def enabled_regions(aws: Aws) -> tuple[str, ...]:
    """The regions that are enabled in the account, in alphabetical order.

    DescribeRegions without AllRegions leaves out those that want an opt-in and have none.
    Raises CloudError, AccessDenied.
    """
    with calling("ec2:DescribeRegions"):
        answer = aws.ec2.describe_regions()
    return tuple(sorted(one["RegionName"] for one in answer["Regions"]))
