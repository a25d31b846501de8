"""Quotas of the account. Sources: GetServiceQuota; EC2 User Guide, "On-Demand Instance quotas"."""

from __future__ import annotations

from deployer.sandbox.faults import FaultClient
from tests.contract.conftest import World
from tests.contract.elb import Elb
from tests.contract.helpers import Launch, refused

STANDARD = "L-1216C47A"


def test_more_vcpus_than_the_quota_are_refused(
    world: World, faults: FaultClient, launch: Launch
) -> None:
    """VcpuLimitExceeded, and nothing is launched; other families are counted elsewhere."""
    faults.quota("vcpus", 5)
    told = world.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=STANDARD)
    assert (told["Quota"]["QuotaCode"], told["Quota"]["Value"]) == (STANDARD, 5.0)
    launch(2)
    with refused("VcpuLimitExceeded"):
        launch()
    launch(InstanceType="g4dn.xlarge")


def test_an_unknown_quota(world: World, faults: FaultClient) -> None:
    """NoSuchResourceException."""
    del faults
    with refused("NoSuchResourceException"):
        world.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-0")


def test_more_target_groups_than_the_quota_are_refused(elb: Elb, faults: FaultClient) -> None:
    """TooManyTargetGroups; DescribeAccountLimits says how many there may be, as a text."""
    faults.quota("target-groups", 1)
    limits = {one["Name"]: one["Max"] for one in elb.client.describe_account_limits()["Limits"]}
    assert limits["target-groups"] == "1"
    elb.group("first")
    with refused("TooManyTargetGroups"):
        elb.group("second")
