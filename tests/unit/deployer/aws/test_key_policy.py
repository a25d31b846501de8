"""The policy of a disk's key, as documents of the kinds that AWS proposes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deployer.aws.key_policy import DISK_ACTIONS, account_of, allowed
from deployer.aws.trials import AwsTrials
from reconciler.aws.client.session import Aws

ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0a1b"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
EVERYTHING = frozenset(DISK_ACTIONS)
READING = ["kms:Decrypt", "kms:DescribeKey"]


def policy(principal: Any, actions: Any) -> dict[str, Any]:
    """A key's policy with one statement."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.mark.parametrize(
    ("document", "principals", "expected"),
    [
        (policy({"AWS": ROOT}, "kms:*"), account_of(KEY), EVERYTHING),
        (policy({"AWS": [ACCOUNT]}, "kms:*"), account_of(KEY), EVERYTHING),
        (policy({"AWS": ROOT}, "kms:*"), (ROLE,), frozenset()),
        (policy({"AWS": ROLE}, READING), (ROLE,), frozenset(READING)),
        (policy("*", "kms:re*"), (ROLE,), {"kms:ReEncryptFrom", "kms:ReEncryptTo"}),
        (policy({"Service": "ec2.amazonaws.com"}, "kms:*"), (ROLE,), frozenset()),
        (policy({"AWS": ROLE}, "kms:*") | {"Statement": []}, (ROLE,), frozenset()),
    ],
)
def test_what_a_policy_allows(
    document: dict[str, Any], principals: tuple[str, ...], expected: frozenset[str]
) -> None:
    """By the principal that is named; another's statement allows us nothing."""
    assert allowed(document, principals) == expected


def test_a_statement_that_denies_allows_nothing() -> None:
    """It is not read as one that allows."""
    document = policy({"AWS": ROLE}, "kms:*")
    document["Statement"][0]["Effect"] = "Deny"
    assert allowed(document, (ROLE,)) == frozenset()


class Account:
    """KMS, IAM and STS with one key; `denied` is what IAM denies."""

    def __init__(
        self, document: dict[str, Any], denied: tuple[str, ...] = (), by: str = ROLE
    ) -> None:
        self.document, self.no, self.by, self.asked = document, denied, by, list[str]()
        self.described: list[str] = []

    def client(self, _: str, __: object) -> Any:
        return SimpleNamespace(
            describe_key=self._describe,
            get_key_policy=lambda **_: {"Policy": json.dumps(self.document)},
            get_caller_identity=lambda: {
                "Arn": self.by,
                "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 23 Nov 2026 03:15:02 GMT"}},
            },
            simulate_principal_policy=self._simulate,
        )

    def _describe(self, **call: Any) -> dict[str, Any]:
        self.described.append(call["KeyId"])
        found = {"Arn": KEY, "KeyState": "Enabled", "KeyManager": "CUSTOMER"}
        return {"KeyMetadata": found}

    def _simulate(self, **call: Any) -> dict[str, Any]:
        assert (call["PolicySourceArn"], call["ResourceArns"]) == (ROLE, [KEY])
        assert call["ContextEntries"][0]["ContextKeyValues"] == ["ec2.eu-west-1.amazonaws.com"]
        self.asked = call["ActionNames"]
        decisions = {True: "implicitDeny", False: "allowed"}
        return {
            "EvaluationResults": [
                {"EvalActionName": action, "EvalDecision": decisions[action in self.no]}
                for action in self.asked
            ]
        }


def lacks(account: Account) -> tuple[str, ...]:
    """What the trials say of the account's key, which is described once."""
    trials = AwsTrials(cast("Aws", account))
    key = trials.disk_key(KEY)
    assert key.fault == ""
    found = trials.key_lacks(key)
    assert account.described == [KEY]
    return found


def test_where_the_key_leaves_it_to_iam_iam_is_asked() -> None:
    """The default policy names the account: then IAM's policies decide."""
    account = Account(policy({"AWS": ROOT}, "kms:*"), denied=("kms:CreateGrant",))
    assert lacks(account) == ("kms:CreateGrant",)
    assert account.asked == sorted(DISK_ACTIONS)


def test_what_the_key_gives_the_role_iam_is_not_asked() -> None:
    """And what neither gives is lacking."""
    account = Account(policy({"AWS": ROLE}, READING))
    assert set(lacks(account)) == EVERYTHING - set(READING)
    assert account.asked == []


def test_the_root_user_needs_no_policy_of_iam() -> None:
    """It is the account that the key's policy names."""
    assert lacks(Account(policy({"AWS": ROOT}, "kms:*"), by=ROOT)) == ()
