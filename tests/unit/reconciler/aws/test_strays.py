"""What is listed of a region for `reconciler strays`, on the sandbox's API."""

from __future__ import annotations

import pytest

from reconciler.aws.strays import look
from reconciler.model.resource import TARGET_GROUP, VOLUME
from tests.support.aws_api import Api, pairs


@pytest.fixture
def group(api: Api) -> str:
    """A target group of somebody else; its ARN."""
    (vpc,) = api.ec2.describe_vpcs()["Vpcs"]
    made = api.elbv2.create_target_group(
        Name="theirs", Protocol="HTTP", Port=80, VpcId=vpc["VpcId"], Tags=pairs({"team": "blue"})
    )
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def test_a_target_group_has_its_tags_and_what_uses_it(api: Api, group: str) -> None:
    """It is behind nothing and has no targets, so nothing uses it."""
    (found,) = (one for one in look(api.aws).resources if one.kind == TARGET_GROUP)
    assert (found.id, found.name, found.used_by) == ("theirs", group, ())
    assert found.tags == {"team": "blue"}


def test_images_and_snapshots_of_every_version_of_a_template_are_used(api: Api) -> None:
    """Not only those of the newest: a group of machines may launch any version."""
    disk = {"DeviceName": "/dev/xvdb", "Ebs": {"SnapshotId": "snap-0123456789abcdef0"}}
    data = [{"ImageId": "ami-0123456789abcdef0"}, {"BlockDeviceMappings": [disk]}]
    made = api.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=data[0])
    name = made["LaunchTemplate"]["LaunchTemplateName"]
    api.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=data[1])
    found = look(api.aws, frozenset({"ami-fedcba9876543210f"}))
    assert found.used == {
        "ami-0123456789abcdef0",
        "snap-0123456789abcdef0",
        "ami-fedcba9876543210f",
    }


def test_an_image_behind_a_parameter_is_not_known(api: Api) -> None:
    """Which one it is was not read, so that no image is known to be unused."""
    parameter = {"ImageId": "resolve:ssm:/golden"}
    api.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData=parameter)
    (unread,) = look(api.aws).unread
    assert "resolve:ssm:/golden" in unread


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize("action", ["DescribeTargetHealth", "DescribeTags"])
def test_load_balancers_that_may_not_be_read_are_named(api: Api, action: str) -> None:
    """The rest of the region is listed all the same."""
    api.ec2.create_volume(AvailabilityZone="eu-west-1a", Size=8)
    api.fault(action, "error", times=0, code="AccessDenied", status=403)
    found = look(api.aws)
    assert [one.kind for one in found.resources] == [VOLUME]
    (unread,) = found.unread
    assert unread.startswith("load balancers: ")
    assert f"elasticloadbalancing:{action}" in unread
