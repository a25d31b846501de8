"""Permissions that a release would lack: by dry runs, by IAM's simulation, by the policy of a key.

The credentials are those of a role that has the policies which `reconciler policy` prints: what
the simulation denies of those is a mistake of the policy, or of the question.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.exit_codes import Exit
from tests.crash.invariants import Shop
from tests.crash.unchanged_service import told, untouched
from tests.e2e.probes import live_instance
from tests.support.company import Done

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployer"
Document = dict[str, Any]


def printed(shop: Shop, whose: str) -> Document:
    """A policy as people get it."""
    document: Document = json.loads(shop.ok("reconciler", "policy", "--for", whose).out)
    return document


class Deployer:
    """A role of the account with policies of its own, and a session of it."""

    def __init__(self, shop: Shop) -> None:
        self.shop, iam = shop, shop.aws("iam")
        may = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        trust = {"Version": "2012-10-17", "Statement": may}
        if "deployer" not in [one["RoleName"] for one in iam.list_roles()["Roles"]]:
            iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(trust))
        for name in iam.list_role_policies(RoleName="deployer")["PolicyNames"]:
            iam.delete_role_policy(RoleName="deployer", PolicyName=name)
        lent = shop.aws("sts").assume_role(RoleArn=ROLE, RoleSessionName="ci")["Credentials"]
        self._env = {
            "AWS_ACCESS_KEY_ID": lent["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": lent["SecretAccessKey"],
            "AWS_SESSION_TOKEN": lent["SessionToken"],
        }

    def has(self, name: str, document: Document) -> None:
        """Give the role this policy, in place of one of the same name."""
        self.shop.aws("iam").put_role_policy(
            RoleName="deployer", PolicyName=name, PolicyDocument=json.dumps(document)
        )

    def doctor(self) -> Done:
        """`deployer doctor shop` with the credentials of the session."""
        with untouched(self.shop):
            return self.shop.run("deployer", "doctor", "shop", env=self._env)


@pytest.fixture
def role(adopted_shop: Shop) -> Deployer:
    """With the policies that are printed for a deployer who asks before a release."""
    made = Deployer(adopted_shop)
    for whose in ("deployer", "doctor"):
        made.has(whose, printed(adopted_shop, whose))
    return made


def test_the_printed_policy_is_enough(role: Deployer) -> None:
    """Every statement of it is asked, and IAM allows each."""
    said = role.doctor()
    told(said, Exit.DONE, "✓ shop     policy      IAM allows every action of the deployer's policy")


def without(action: str) -> Callable[[Document], Document]:
    """The policy with one action less."""

    def change(policy: Document) -> Document:
        for one in policy["Statement"]:
            every = [one["Action"]] if isinstance(one["Action"], str) else one["Action"]
            one["Action"] = [each for each in every if each != action] or ["s3:ListAllMyBuckets"]
        return policy

    return change


def elsewhere(policy: Document) -> Document:
    """The policy for another region alone."""
    return dict(json.loads(json.dumps(policy).replace(":eu-west-1:", ":us-east-1:")))


def of_another_service(policy: Document) -> Document:
    """The policy for things that are born as another service's."""
    return dict(json.loads(json.dumps(policy).replace('"shop/*"', '"blog/*"')))


def denied_by_the_company(policy: Document) -> Document:
    """The policy, and a deny that wins."""
    deny = {"Effect": "Deny", "Action": "ec2:TerminateInstances", "Resource": "*"}
    return {**policy, "Statement": [*policy["Statement"], deny]}


LACKING: dict[str, tuple[Callable[[Document], Document], str]] = {
    "an action": (without("ec2:TerminateInstances"), "ec2:TerminateInstances"),
    "a read": (without("ec2:DescribeSnapshots"), "ec2:DescribeSnapshots"),
    "the record": (
        without("route53:ChangeResourceRecordSets"),
        "route53:ChangeResourceRecordSets",
    ),
    "another region": (elsewhere, "ec2:CreateImage"),
    "another service": (of_another_service, "ec2:CreateImage"),
    "a deny": (denied_by_the_company, "ec2:TerminateInstances"),
}
"""What the role's policy lacks of the printed one, and an action that doctor names."""


@pytest.mark.parametrize("name", LACKING)
def test_what_the_policy_lacks_is_named(role: Deployer, name: str) -> None:
    """Exit 6 with the action: also those of a clean-up, which no dry run tries."""
    change, action = LACKING[name]
    role.has("deployer", change(printed(role.shop, "deployer")))
    said = role.doctor()
    told(said, Exit.ACCESS, "✗ shop     policy      IAM would deny ", action)
    told(said, Exit.ACCESS, "reconciler policy --for deployer", "Not ready: shop")


def test_without_the_right_to_ask_it_is_skipped(adopted_shop: Shop) -> None:
    """The simulation is a right of its own: without it the dry runs still speak."""
    role, faults = Deployer(adopted_shop), adopted_shop.faults
    faults.set("iam:SimulatePrincipalPolicy", "error", code="AccessDenied", status=403, times=0)
    try:
        said = role.doctor()
    finally:
        faults.clear()
    told(said, Exit.DONE, "- shop     policy      skipped because the policy cannot be simulated")
    told(said, Exit.DONE, "CreateImage, CreateTags and RunInstances would be allowed")


@pytest.mark.parametrize("action", ["CreateImage", "CreateTags", "RunInstances"])
def test_what_a_dry_run_denies_is_named(adopted_shop: Shop, action: str) -> None:
    """As EC2 says it, exit 6; nothing was made."""
    faults = adopted_shop.faults
    faults.set(action, "error", code="UnauthorizedOperation", status=403, times=0)
    try:
        said = adopted_shop.deployer("doctor", "shop")
    finally:
        faults.clear()
    told(said, Exit.ACCESS, "✗ shop     dry run     ", f"ec2:{action}", "denied")


def test_a_key_that_no_policy_lets_ec2_use(role: Deployer) -> None:
    """What neither its own policy nor the role's allows is a warning: a grant may do so."""
    shop = role.shop
    kms, ec2, live = shop.aws("kms"), shop.aws("ec2"), live_instance(shop)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    zone = live["Placement"]["AvailabilityZone"]
    disk = ec2.create_volume(AvailabilityZone=zone, Size=1, Encrypted=True, KmsKeyId=key)
    ec2.attach_volume(VolumeId=disk["VolumeId"], InstanceId=live["InstanceId"], Device="/dev/sdf")
    words = ("! shop     disk keys   no policy allows ", "kms:CreateGrant", key)
    told(role.doctor(), Exit.DONE, *words)
    use = ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey"]
    use += ["kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncrypt*"]
    via = {"StringEquals": {"kms:ViaService": "ec2.eu-west-1.amazonaws.com"}}
    one = {"Effect": "Allow", "Action": use, "Resource": key, "Condition": via}
    role.has("disks", {"Version": "2012-10-17", "Statement": [one]})
    said = role.doctor()
    told(said, Exit.DONE, f"✓ shop     disk keys   {key} enabled")
    assert "no policy allows" not in said.out
