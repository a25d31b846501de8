"""Request limits. Sources: EC2 Developer Guide, "Throttling for the EC2 API"; aws.md §1."""

from __future__ import annotations

import pytest

from deployer.sandbox.aws.http.rate_limits import Limits
from deployer.sandbox.aws.http.request import ApiCall
from deployer.sandbox.faults import FaultBook


@pytest.fixture
def limits() -> Limits:
    """Limits at AWS's own figures."""
    faults = FaultBook()
    faults.limits = 1.0
    return Limits(faults)


def _call(
    action: str, region: str = "eu-west-1", machines: int = 0, *, whole: bool = False
) -> ApiCall:
    mutating = not action.startswith("Describe")
    return ApiCall("ec2", action, mutating, "ec2", region, machines, whole)


def _admitted(limits: Limits, call: ApiCall, times: int) -> int:
    return sum(limits.admit(call) for _ in range(times))


@pytest.mark.parametrize(
    ("call", "at_once"),
    [
        (_call("DescribeInstances"), 100),
        (_call("DescribeInstances", whole=True), 50),
        (_call("CreateImage"), 50),
        (_call("RunInstances", machines=1), 5),
        (_call("CreateTags"), 100),
    ],
)
def test_a_bucket_holds_so_many(limits: Limits, call: ApiCall, at_once: int) -> None:
    """One after the other without a pause: the rest is refused."""
    assert at_once <= _admitted(limits, call, at_once + 20) <= at_once + 3


def test_a_call_takes_a_token_for_each_machine(limits: Limits) -> None:
    """1,000 machines can be terminated at once; what a refused call asked for is not taken."""
    assert not limits.admit(_call("TerminateInstances", machines=1001))
    assert limits.admit(_call("TerminateInstances", machines=1000))
    assert not limits.admit(_call("TerminateInstances", machines=100))


def test_regions_have_their_own(limits: Limits) -> None:
    """Per account and region."""
    _admitted(limits, _call("RunInstances", machines=1), 10)
    assert limits.admit(_call("RunInstances", "us-east-1", machines=1))
