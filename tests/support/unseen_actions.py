"""The allowed AWS actions that are rarely asked for, for the tests that withhold actions."""

from __future__ import annotations

from collections.abc import Mapping

_OF_A_HOOK = "only where a hook of the configuration made such a thing"
_OF_KINDS = "only where `kinds` in reconciler.toml names RDS"
_OF_LIFTING = "only with lift_protection, of what is protected"

UNSEEN: Mapping[str, str] = {
    "ec2:DeleteNetworkInterface": "an interface goes with its machine, unless it was kept",
    "ec2:DeleteVolume": "a volume goes with its machine, unless it was detached or kept",
    "ec2:DeleteKeyPair": _OF_A_HOOK,
    "ec2:DeleteLaunchTemplate": _OF_A_HOOK,
    "ec2:DeleteSecurityGroup": _OF_A_HOOK,
    "ec2:DescribeAddresses": _OF_A_HOOK,
    "ec2:DescribeKeyPairs": _OF_A_HOOK,
    "ec2:DescribeLaunchTemplateVersions": _OF_A_HOOK,
    "ec2:DescribeLaunchTemplates": _OF_A_HOOK,
    "ec2:DescribeSecurityGroups": _OF_A_HOOK,
    "ec2:ReleaseAddress": _OF_A_HOOK,
    "ec2:RevokeSecurityGroupEgress": _OF_A_HOOK,
    "ec2:RevokeSecurityGroupIngress": _OF_A_HOOK,
    "rds:AddTagsToResource": _OF_A_HOOK,
    "rds:DescribeDBInstances": _OF_KINDS,
    "rds:DescribeDBSnapshots": _OF_KINDS,
    "rds:DeleteDBInstance": _OF_A_HOOK,
    "rds:DeleteDBSnapshot": _OF_A_HOOK,
    "ec2:DescribeRegions": "only where `regions` in reconciler.toml is more than the services'",
    "ec2:DetachNetworkInterface": "only of an interface that somebody attached by hand",
    "ec2:GetConsoleOutput": "asked when a machine does not let us in, to say why",
    "ec2:ModifyInstanceAttribute": _OF_LIFTING,
    "rds:ModifyDBInstance": _OF_LIFTING,
    "iam:PassRole": "no call of its own: RunInstances wants it where machines have a role",
    "pricing:GetProducts": "only where somebody refreshes the prices",
    "sts:AssumeRole": "only where [roles] names one for another account",
}
"""Actions that an ordinary release, rollback or sweep never calls, and why they are allowed.

`sts:GetCallerIdentity`, the first call of every run, is in no policy: it needs no permission.
"""
