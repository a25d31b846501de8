"""What the policy of a KMS key says of its use for disks by EC2. Pure.

Statements that deny are not read, and conditions count as fulfilled: what is missing here is
missing, what is not may still be denied.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Any

from reconciler.aws.iam.statements import Document

DISK_ACTIONS = (
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
)
"""What whoever launches a machine with an encrypted disk must be allowed to do with its key (EC2
User Guide, "Requirements for Amazon EBS encryption")."""


def allowed(policy: Document, principals: Collection[str]) -> frozenset[str]:
    """The actions on a disk's key that the policy allows one of `principals`."""
    patterns = [
        pattern.lower()
        for statement in _several(policy.get("Statement", []))
        if statement.get("Effect") == "Allow" and _names(statement, principals)
        for pattern in _several(statement.get("Action", []))
    ]
    return frozenset(
        action
        for action in DISK_ACTIONS
        if any(fnmatchcase(action.lower(), pattern) for pattern in patterns)
    )


def account_of(key: str) -> tuple[str, ...]:
    """How a policy names the key's own account, whose IAM policies then decide."""
    parts = key.split(":")
    if len(parts) < 6:
        return ()
    return (parts[4], f"arn:{parts[1]}:iam::{parts[4]}:root")


def _names(statement: Document, principals: Collection[str]) -> bool:
    said = statement.get("Principal", {})
    named = _several(said.get("AWS", []) if isinstance(said, dict) else said)
    return not {"*", *principals}.isdisjoint(named)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
