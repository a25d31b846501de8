"""Target groups. Sources: CreateTargetGroup, DeleteTargetGroup, DescribeTargetGroups, AddTags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.elb import FIXED, Elb, forwards
from tests.contract.helpers import as_dict, refused

LONGEST = "a" * 32


def tags_of(elb: Elb, arn: str) -> dict[str, str]:
    """A resource's tags."""
    found = elb.client.describe_tags(ResourceArns=[arn])["TagDescriptions"]
    return as_dict(found[0]["Tags"])


def tags(count: int) -> list[Any]:
    """So many tags."""
    return [{"Key": f"k{n}", "Value": str(n)} for n in range(count)]


@pytest.mark.parametrize("name", ["a", LONGEST, "Shop-20261123"])
def test_names_of_letters_digits_and_hyphens(elb: Elb, name: str) -> None:
    """Up to 32 of them (CreateTargetGroup, Name)."""
    group = elb.group(name)
    found = elb.client.describe_target_groups(Names=[name])["TargetGroups"]
    assert [one["TargetGroupArn"] for one in found] == [group]


@pytest.mark.parametrize(
    "name", ["", LONGEST + "a", "shop/2026", "shop_1", "-shop", "shop-", "a--b"]
)
def test_other_names_are_refused(elb: Elb, name: str) -> None:
    """No other character, no hyphen at an end (CreateTargetGroup); `--` by the API's answer."""
    with refused("ValidationError"):
        elb.group(name)


def test_a_group_is_born_with_its_tags(elb: Elb) -> None:
    """Tags is a parameter of CreateTargetGroup: there is no moment without them."""
    group = elb.group(Tags=[{"Key": "deploy-id", "Value": "shop/20261123T031502Z-7kq2m"}])
    assert tags_of(elb, group) == {"deploy-id": "shop/20261123T031502Z-7kq2m"}


def test_fifty_tags_a_resource(elb: Elb) -> None:
    """More are TooManyTags, in the create call and later (quotas; AddTags)."""
    group = elb.group(Tags=tags(50))
    assert len(tags_of(elb, group)) == 50
    with refused("TooManyTags"):
        elb.client.add_tags(ResourceArns=[group], Tags=[{"Key": "more", "Value": ""}])
    with refused("TooManyTags"):
        elb.group("second", Tags=tags(51))
    with refused("TargetGroupNotFound"):
        elb.client.describe_target_groups(Names=["second"])


@pytest.mark.parametrize(
    "tag",
    [
        {"Key": "", "Value": "x"},
        {"Key": "k" * 129, "Value": "x"},
        {"Key": "k", "Value": "v" * 257},
        {"Key": "a;b", "Value": "x"},
        {"Key": "aws:cloudformation:stack-name", "Value": "x"},
    ],
)
def test_tags_that_are_refused(elb: Elb, tag: Any) -> None:
    """Keys of 1 to 128, values of up to 256 letters, digits, spaces and _.:/=+-@ (API model, Tag).

    Keys that begin with `aws:` are reserved (Tag restrictions).
    """
    with refused("ValidationError"):
        elb.group(Tags=[tag])
    group = elb.group("bare")
    with refused("ValidationError"):
        elb.client.add_tags(ResourceArns=[group], Tags=[tag])


def test_a_key_is_given_once(elb: Elb) -> None:
    """DuplicateTagKeys (AddTags)."""
    group = elb.group()
    with refused("DuplicateTagKeys"):
        elb.client.add_tags(ResourceArns=[group], Tags=[*tags(1), *tags(1)])


def test_an_added_tag_replaces_the_old_value(elb: Elb) -> None:
    """AddTags updates the value of an existing key; RemoveTags takes keys."""
    group = elb.group(Tags=[{"Key": "deploy-state", "Value": "pending"}])
    elb.client.add_tags(ResourceArns=[group], Tags=[{"Key": "deploy-state", "Value": "live"}])
    assert tags_of(elb, group) == {"deploy-state": "live"}
    elb.client.remove_tags(ResourceArns=[group], TagKeys=["deploy-state", "never-there"])
    assert tags_of(elb, group) == {}


def test_twenty_resources_in_a_call_for_tags(elb: Elb) -> None:
    """No more (DescribeTags, ResourceArns); one that does not exist fails the call."""
    group = elb.group()
    with refused("ValidationError"):
        elb.client.describe_tags(ResourceArns=[group] * 21)
    with refused("TargetGroupNotFound"):
        elb.client.describe_tags(ResourceArns=[group, group[:-4] + "0000"])


def test_the_same_request_again_returns_the_same_group(elb: Elb) -> None:
    """Idempotent (CreateTargetGroup); its tags are the first request's.

    With other settings it is DuplicateTargetGroupName (terraform-provider-aws#6013).
    """
    first = elb.group(Tags=[{"Key": "of", "Value": "first"}])
    assert elb.group(Tags=[{"Key": "of", "Value": "first"}]) == first
    assert tags_of(elb, first) == {"of": "first"}
    with refused("DuplicateTargetGroupName"):
        elb.group(Port=9090)


@pytest.mark.parametrize(
    "setting",
    [
        {"HealthCheckIntervalSeconds": 4},
        {"HealthCheckIntervalSeconds": 301},
        {"HealthCheckTimeoutSeconds": 1},
        {"HealthyThresholdCount": 1},
        {"UnhealthyThresholdCount": 11},
    ],
)
def test_the_ranges_of_a_health_check(elb: Elb, setting: Any) -> None:
    """5 to 300 s, 2 to 120 s, 2 to 10 in a row (CreateTargetGroup); of a change as well."""
    with refused("ValidationError"):
        elb.group(**setting)
    group = elb.group()
    with refused("ValidationError"):
        elb.client.modify_target_group(TargetGroupArn=group, **setting)


def test_the_range_of_the_deregistration_delay(elb: Elb) -> None:
    """0 to 3600 s, by default 300 (TargetGroupAttribute)."""
    group = elb.group()
    attributes = elb.client.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    assert as_dict(attributes)["deregistration_delay.timeout_seconds"] == "300"
    elb.set_attribute(group, "deregistration_delay.timeout_seconds", "3600")
    with refused("ValidationError"):
        elb.set_attribute(group, "deregistration_delay.timeout_seconds", "3601")


def test_a_network_that_does_not_exist(elb: Elb) -> None:
    """A group belongs to a VPC (CreateTargetGroup, VpcId)."""
    with refused("ValidationError"):
        elb.group(VpcId="vpc-00000000000000000")


@pytest.mark.parametrize("weight", [0, 1])
def test_a_group_that_an_action_names_is_not_deleted(elb: Elb, weight: int) -> None:
    """ResourceInUse, whatever its weight (DeleteTargetGroup: "not referenced by any actions")."""
    group, other = elb.group("a"), elb.group("b")
    listener = elb.listener(elb.balancer(), forwards({group: weight, other: 1}))
    with refused("ResourceInUse"):
        elb.client.delete_target_group(TargetGroupArn=group)
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[forwards({other: 1})])
    elb.client.delete_target_group(TargetGroupArn=group)
    with refused("TargetGroupNotFound"):
        elb.client.describe_target_groups(TargetGroupArns=[group])


def test_a_group_that_a_rule_names_is_not_deleted(elb: Elb) -> None:
    """Rules count like default actions (DeleteTargetGroup)."""
    group = elb.group()
    listener = elb.listener(elb.balancer(), FIXED)
    rule = elb.rule(listener, forwards({group: 1}))
    with refused("ResourceInUse"):
        elb.client.delete_target_group(TargetGroupArn=group)
    elb.client.delete_rule(RuleArn=rule)
    elb.client.delete_target_group(TargetGroupArn=group)


def test_a_group_says_which_balancer_uses_it(elb: Elb) -> None:
    """LoadBalancerArns, only while an action names it (API model, TargetGroup)."""

    def users() -> list[str]:
        found = elb.client.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
        return found[0].get("LoadBalancerArns", [])

    group, balancer = elb.group(), elb.balancer()
    assert users() == []
    listener = elb.listener(balancer, forwards({group: 1}))
    assert users() == [balancer["LoadBalancerArn"]]
    elb.client.modify_listener(ListenerArn=listener, DefaultActions=[FIXED])
    assert users() == []


def test_groups_come_in_pages(elb: Elb) -> None:
    """PageSize 1 to 400, and a marker (DescribeTargetGroups)."""
    made = {elb.group(name) for name in ("a", "b", "c")}
    pages = elb.client.get_paginator("describe_target_groups").paginate(
        PaginationConfig={"PageSize": 1}
    )
    found = [one["TargetGroupArn"] for page in pages for one in page["TargetGroups"]]
    assert made <= set(found)
    assert len(found) == len(set(found))
    for size in (0, 401):
        with refused("ValidationError"):
            elb.client.describe_target_groups(PageSize=size)


def test_one_name_too_many_fails_the_whole_list(elb: Elb) -> None:
    """TargetGroupNotFound (DescribeTargetGroups)."""
    elb.group("known")
    with refused("TargetGroupNotFound"):
        elb.client.describe_target_groups(Names=["known", "unknown"])
