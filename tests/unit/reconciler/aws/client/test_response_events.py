"""Every attempt at AWS is heard, the repeated ones too."""

from __future__ import annotations

from collections import Counter

import pytest

from reconciler.aws.client.errors import calling
from reconciler.aws.client.response_events import outcome
from reconciler.aws.client.session import Aws
from reconciler.errors import CloudError
from tests.support.aws_api import PLACE, Api


def test_attempts_are_heard_with_what_they_came_to(api: Api) -> None:
    """Good ones, throttled ones, refused ones and lost replies, each by its action."""
    heard: Counter[tuple[str, str]] = Counter()
    aws = Aws(PLACE, on_answer=lambda *one: heard.update([one]))
    api.fault("DescribeVpcs", "throttle")
    aws.ec2.describe_vpcs()
    with pytest.raises(CloudError), calling("ec2:DescribeInstances"):
        aws.ec2.describe_instances(InstanceIds=["i-0123456789abcdef0"])
    api.fault("DescribeVolumes", "drop_reply")
    aws.ec2.describe_volumes()
    assert heard == {
        ("sts:GetCallerIdentity", "ok"): 1,
        ("ec2:DescribeVpcs", "throttled"): 1,
        ("ec2:DescribeVpcs", "ok"): 1,
        ("ec2:DescribeInstances", "error"): 1,
        ("ec2:DescribeVolumes", "lost"): 1,
        ("ec2:DescribeVolumes", "ok"): 1,
    }


@pytest.mark.parametrize(
    ("parsed", "word"),
    [
        (None, "lost"),
        ({"Tags": []}, "ok"),
        ({"Error": {"Code": "RequestLimitExceeded"}}, "throttled"),
        ({"Error": {"Code": "Client.RequestLimitExceeded"}}, "throttled"),
        ({"Error": {"Code": "UnauthorizedOperation"}}, "error"),
    ],
)
def test_words_for_answers(parsed: dict[str, object] | None, word: str) -> None:
    """AWS says the same in several ways."""
    assert outcome(parsed) == word
