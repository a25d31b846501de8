"""Who one is: asked before anything else is done. Source: STS's API Reference.

A role to assume on a real account is named by `CONTRACT_ROLE`; elsewhere any name will do.
"""

from __future__ import annotations

import os
import re
from typing import Any

import boto3
import pytest

from tests.contract.conftest import PROFILE, REGION, World

OTHER = "222233334444"
SESSION = "contract-test"


@pytest.fixture
def sts(world: World) -> Any:
    """An STS client."""
    return world.client("sts")


@pytest.fixture
def role() -> str:
    """The ARN of a role that may be assumed."""
    named = os.environ.get("CONTRACT_ROLE")
    if PROFILE and not named:
        pytest.skip("set CONTRACT_ROLE to a role that may be assumed")
    return named or f"arn:aws:iam::{OTHER}:role/reconciler"


def test_the_callers_account_has_twelve_digits(sts: Any) -> None:
    """`Account` is the 12 digits of the account that the credentials are of (GetCallerIdentity)."""
    me = sts.get_caller_identity()
    assert re.fullmatch(r"\d{12}", me["Account"])
    assert f":{me['Account']}:" in me["Arn"]


def test_an_assumed_role_is_of_its_own_account(world: World, sts: Any, role: str) -> None:
    """Credentials of a role are its account's, and the ARN names role and session (AssumeRole)."""
    given = sts.assume_role(RoleArn=role, RoleSessionName=SESSION)["Credentials"]
    there = boto3.client(
        "sts",
        endpoint_url=world.clients.endpoint,
        region_name=REGION,
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    me = there.get_caller_identity()
    assert me["Account"] == role.split(":")[4]
    assert me["Arn"].endswith(f"/{role.rpartition('/')[2]}/{SESSION}")
