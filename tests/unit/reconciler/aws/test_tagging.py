"""Holds and notices on AWS: EC2 has tags of its own, load balancing has others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.aws import tagging
from reconciler.aws.elbv2.groups import Groups
from reconciler.aws.elbv2.routes import Routes
from reconciler.model import tags as t
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource
from reconciler.traffic.reading import short
from tests.support.aws_api import PLACE, Api

NOW = datetime(2026, 11, 29, 3, 0, tzinfo=UTC)


@pytest.fixture(params=[INSTANCE, TARGET_GROUP])
def held(request: pytest.FixtureRequest, api: Api) -> Resource:
    """A resource of either service."""
    if request.param == INSTANCE:
        return Resource(INSTANCE, api.machines()[0], PLACE)
    made = api.elbv2.create_target_group(
        Name="shop",
        Protocol="HTTP",
        Port=8080,
        VpcId=api.ec2.describe_vpcs()["Vpcs"][0]["VpcId"],
    )
    return Resource(TARGET_GROUP, short(made["TargetGroups"][0]["TargetGroupArn"]), PLACE)


def tags_of(api: Api, one: Resource) -> dict[str, str]:
    """The tags that stand on it."""
    if one.kind == TARGET_GROUP:
        arn = Groups(api.aws).arn(one.id)
        return Routes(api.aws).tags([arn])[arn]
    found = api.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [one.id]}])["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def test_a_hold_is_written_and_removed(api: Api, held: Resource) -> None:
    """A second removal changes nothing."""
    tagging.hold(api.aws, held, "ask Ann")
    assert tags_of(api, held)[t.HOLD] == "ask Ann"
    for _ in range(2):
        tagging.release(api.aws, held)
        assert t.HOLD not in tags_of(api, held)


def test_it_remembers_when_people_were_told(api: Api, held: Resource) -> None:
    """So that nobody is told twice."""
    tagging.mark_noticed(api.aws, held, NOW)
    assert tags_of(api, held)[t.NOTICED] == "20261129T030000Z"
