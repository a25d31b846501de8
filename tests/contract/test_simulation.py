"""iam:SimulatePrincipalPolicy. Sources: its API reference; IAM User Guide, evaluation logic.

Only on our server: nobody makes roles in an account for a test of the sandbox.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import World
from tests.contract.helpers import refused

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
    }
)
DISK = "arn:aws:ec2:eu-west-1:123456789012:volume/vol-0123456789abcdef0"
OTHER = "arn:aws:ec2:us-east-1:123456789012:volume/vol-0123456789abcdef0"
TAGS = {"Null": {"aws:TagKeys": "false"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}
ALLOWED, NOT, DENIED = "allowed", "implicitDeny", "explicitDeny"


@pytest.fixture
def iam(world: World) -> Any:
    """An IAM client of our own account."""
    if world.ours is None:
        pytest.skip("makes roles")
    return world.client("iam")


def role(iam: Any, *statements: dict[str, Any]) -> str:
    """The ARN of a role with these statements in a policy of its own."""
    arn: str = iam.create_role(RoleName="tried", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    if not statements:
        return arn
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_role_policy(RoleName="tried", PolicyName="own", PolicyDocument=document)
    return arn


def statement(action: str, resource: str = "*", effect: str = "Allow", **more: Any) -> Any:
    """One statement."""
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def entry(key: str, *values: str, type_: str = "string") -> dict[str, Any]:
    """A context entry."""
    return {"ContextKeyName": key, "ContextKeyValues": list(values), "ContextKeyType": type_}


def asked(iam: Any, source: str, *context: Any, resources: tuple[str, ...] = (DISK,)) -> str:
    """What is decided of ec2:DeleteVolume."""
    answer = iam.simulate_principal_policy(
        PolicySourceArn=source,
        ActionNames=["ec2:DeleteVolume"],
        ResourceArns=list(resources),
        ContextEntries=list(context),
    )
    (result,) = answer["EvaluationResults"]
    assert result["EvalActionName"] == "ec2:DeleteVolume"
    return str(result["EvalDecision"])


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ((), NOT),
        ((statement("ec2:Delete*"),), ALLOWED),
        ((statement("EC2:deletevolume", "arn:aws:ec2:eu-west-1:*:volume/*"),), ALLOWED),
        ((statement("ec2:DeleteVolume", "arn:aws:ec2:us-east-1:*:volume/*"),), NOT),
        ((statement("ec2:DeleteSnapshot"),), NOT),
        ((statement("*"), statement("ec2:DeleteVolume", DISK, "Deny")), DENIED),
    ],
)
def test_a_deny_wins_and_what_nobody_allows_is_denied(
    iam: Any, statements: Any, decision: str
) -> None:
    """Actions without regard to case, patterns in both (Policy evaluation logic)."""
    assert asked(iam, role(iam, *statements)) == decision


@pytest.mark.parametrize(
    ("condition", "context", "decision"),
    [
        (
            {"StringLike": {"aws:ResourceTag/a": "shop/*"}},
            [("aws:ResourceTag/a", "shop/1")],
            ALLOWED,
        ),
        ({"StringLike": {"aws:ResourceTag/a": "shop/*"}}, [("aws:ResourceTag/a", "blog/1")], NOT),
        ({"StringLike": {"aws:ResourceTag/a": "shop/*"}}, [], NOT),
        ({"StringNotEquals": {"aws:ResourceTag/a": "x"}}, [], ALLOWED),
        ({"Null": {"aws:ResourceTag/a": "true"}}, [], ALLOWED),
        ({"Null": {"aws:ResourceTag/a": "true"}}, [("aws:ResourceTag/a", "x")], NOT),
        (TAGS, [("aws:TagKeys", "a", "b")], ALLOWED),
        (TAGS, [("aws:TagKeys", "a", "c")], NOT),
        (TAGS, [], NOT),
        (
            {"Bool": {"kms:GrantIsForAWSResource": "true"}},
            [("kms:GrantIsForAWSResource", "true")],
            ALLOWED,
        ),
    ],
)
def test_conditions_are_compared_with_the_context(
    iam: Any, condition: Any, context: Any, decision: str
) -> None:
    """A key that is absent fulfils Null and what is negated (Condition operators)."""
    source = role(iam, statement("ec2:DeleteVolume", Condition=condition))
    entries = [entry(key, *values, type_="stringList") for key, *values in context]
    assert asked(iam, source, *entries) == decision


def test_on_each_resource(iam: Any) -> None:
    """Allowed where it is on all of them; without resources `*` is asked."""
    source = role(iam, statement("ec2:DeleteVolume", DISK))
    assert asked(iam, source, resources=(DISK, OTHER)) == NOT
    every = iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["ec2:DeleteVolume"])
    assert every["EvaluationResults"][0]["EvalResourceName"] == "*"
    assert every["EvaluationResults"][0]["EvalDecision"] == NOT


def test_what_is_attached_counts_too(iam: Any) -> None:
    """A managed policy of a user, and one of its groups."""
    user = iam.create_user(UserName="ann")["User"]["Arn"]
    assert asked(iam, user) == NOT
    document = json.dumps({"Version": "2012-10-17", "Statement": statement("ec2:*")})
    managed = iam.create_policy(PolicyName="all", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_group(GroupName="ops")
    iam.add_user_to_group(GroupName="ops", UserName="ann")
    iam.attach_group_policy(GroupName="ops", PolicyArn=managed)
    assert asked(iam, user) == ALLOWED


@pytest.mark.parametrize("resource", ["0123456789abcdef0", "volume/vol-1"])
def test_a_resource_that_is_no_arn_is_refused(iam: Any, resource: str) -> None:
    """InvalidInput (amazon-ecs-exec-checker#35)."""
    with refused("InvalidInput"):
        asked(iam, role(iam), resources=(resource,))


def test_an_unknown_role_is_refused(iam: Any) -> None:
    """NoSuchEntity."""
    with refused("NoSuchEntity"):
        asked(iam, "arn:aws:iam::123456789012:role/nobody")
