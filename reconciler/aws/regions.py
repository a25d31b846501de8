"""Lists the regions of an account from AWS, because a fixed list would miss new regions."""

from __future__ import annotations

from reconciler.aws.client.errors import calling
from reconciler.aws.client.session import Aws


def enabled_regions(aws: Aws) -> tuple[str, ...]:
    """The regions that are enabled in the account, in alphabetical order.

    DescribeRegions without AllRegions omits the regions that need an opt-in and have none. Raises
    CloudError, AccessDenied.
    """
    with calling("ec2:DescribeRegions"):
        answer = aws.ec2.describe_regions()
    return tuple(sorted(one["RegionName"] for one in answer["Regions"]))
