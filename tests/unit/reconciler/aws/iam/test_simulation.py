"""Our policies as questions to IAM's simulation."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.aws.iam.policy import adopt, deployer
from reconciler.aws.iam.scope import GivenZones, scope
from reconciler.aws.iam.simulation import principal, questions
from reconciler.config.loader import load

ROOT = Path(__file__).resolve().parents[5]
SCOPE = scope(load(ROOT / "config"), "", GivenZones({"example.com": "Z1"}))


def test_every_action_is_asked_with_a_context_that_fulfils_its_condition() -> None:
    """A tag of the pattern, a list where ForAllValues wants one, no pattern in a resource.

    IAM refuses a resource that is neither an ARN nor `*`: then nothing at all would be known.
    """
    asked = questions(deployer(SCOPE))
    resources = {name for one in asked for name in one.resources}
    assert not [name for name in resources if not name.startswith("arn:") and name != "*"]
    assert "*" in resources
    assert {action for one in asked for action in one.actions} >= {"ec2:RunInstances"}
    assert not [name for one in asked for name in one.resources if "*" in name and name != "*"]
    (image,) = [one for one in asked if one.actions == ("ec2:CreateImage",)][:1]
    (entry,) = image.context
    assert entry["ContextKeyName"] == "aws:RequestTag/deploy-id"
    assert entry["ContextKeyValues"] == ["shop/0123456789abcdef0"]
    assert entry["ContextKeyType"] == "string"


def test_a_key_that_must_be_absent_has_no_entry() -> None:
    """`Null: true` is fulfilled by saying nothing."""
    first = questions(adopt(SCOPE))[0]
    names = {entry["ContextKeyName"]: entry["ContextKeyType"] for entry in first.context}
    assert "aws:ResourceTag/deploy-id" not in names
    assert names["aws:TagKeys"] == "stringList"


@pytest.mark.parametrize(
    ("arn", "asked"),
    [
        ("arn:aws:iam::123456789012:user/ann", "arn:aws:iam::123456789012:user/ann"),
        (
            "arn:aws:sts::123456789012:assumed-role/deployer/ci",
            "arn:aws:iam::123456789012:role/deployer",
        ),
        ("arn:aws:iam::123456789012:root", ""),
    ],
)
def test_whose_policies_are_simulated(arn: str, asked: str) -> None:
    """Of a session its role; the root user has none."""
    assert principal(arn) == asked
