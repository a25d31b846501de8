"""Writes the roles of a CI for CloudFormation and for Terraform: policies and OIDC trust.

    PYTHONPATH=. python scripts/ci_roles.py [CONFIG [ZONE=ID …]]

Without arguments, config/ci anew from the example configuration. The policies are those that
`reconciler policy` prints; a test compares them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from reconciler.aws.iam.policy import POLICIES
from reconciler.aws.iam.scope import GivenZones, scope
from reconciler.config.loader import load

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ("example.com=Z0123456789ABCDEFGHIJ",)
ISSUER = "token.actions.githubusercontent.com"
ROLES = {
    "deployer": ("environment:{environment}", ("deployer",)),
    "reconciler": ("ref:refs/heads/{branch}", ("reconciler",)),
    "viewer": ("pull_request", ("viewer",)),
}
"""Role: what of the repository may take it, and its policies."""
TEAM = frozenset({"viewer"})
"""Roles for teammates as well."""


def template(policies: dict[str, Any], name: str, limit: int) -> dict[str, Any]:
    """The CloudFormation template."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Roles for releasing {name} from GitHub Actions; by scripts/ci_roles.py",
        "Parameters": _parameters(),
        "Conditions": {"MakeProvider": {"Fn::Equals": [{"Ref": "ProviderArn"}, ""]}},
        "Resources": _resources(policies, limit),
        "Outputs": {
            f"{role.capitalize()}RoleArn": {
                "Value": {"Fn::GetAtt": [f"{role.capitalize()}Role", "Arn"]}
            }
            for role in ROLES
        },
    }


def _resources(policies: dict[str, Any], limit: int) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Condition": "MakeProvider",
            "Properties": {"Url": f"https://{ISSUER}", "ClientIdList": ["sts.amazonaws.com"]},
        }
    }
    for role, (subject, named) in ROLES.items():
        title = role.capitalize()
        for one in named:
            resources[f"{one.capitalize()}Policy"] = {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": policies[one]},
            }
        resources[f"{title}Role"] = {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": role,
                "MaxSessionDuration": max(3600, limit),
                "AssumeRolePolicyDocument": _trust(
                    _cloudformation(subject),
                    _provider(),
                    {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"} if role in TEAM else None,
                ),
                "ManagedPolicyArns": [{"Ref": f"{one.capitalize()}Policy"} for one in named],
            },
        }
    return resources


def _parameters() -> dict[str, Any]:
    words = {
        "Repository": ("OWNER/NAME on GitHub", None),
        "Environment": ("The environment whose jobs may release", "production"),
        "Branch": ("The branch whose jobs may sweep", "main"),
        "ProviderArn": ("An OIDC provider for GitHub that the account has already", ""),
    }
    return {
        key: {
            "Type": "String",
            "Description": text,
            **({} if default is None else {"Default": default}),
        }
        for key, (text, default) in words.items()
    }


def _cloudformation(subject: str) -> Any:
    named = subject.format(environment="${Environment}", branch="${Branch}")
    return {"Fn::Sub": f"repo:${{Repository}}:{named}"}


def _provider() -> Any:
    made = {"Fn::GetAtt": ["Provider", "Arn"]}
    return {"Fn::If": ["MakeProvider", made, {"Ref": "ProviderArn"}]}


def _trust(subject: Any, provider: Any, people: Any = None) -> dict[str, Any]:
    """Who may take a role: jobs of the repository; `people` as well, if the account lets them."""
    ours = {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}
    jobs = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": ours},
    }
    team = {"Effect": "Allow", "Principal": {"AWS": people}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [jobs, team] if people else [jobs]}


TERRAFORM = """\
# Roles for releasing {name} from GitHub Actions. Written by scripts/ci_roles.py.

terraform {{
  required_version = ">= 1.0"
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }}
  }}
}}

variable "repository" {{
  description = "OWNER/NAME on GitHub"
  type        = string
}}

variable "environment" {{
  description = "The environment whose jobs may release"
  type        = string
  default     = "production"
}}

variable "branch" {{
  description = "The branch whose jobs may sweep"
  type        = string
  default     = "main"
}}

variable "provider_arn" {{
  description = "An OIDC provider for GitHub that the account has already"
  type        = string
  default     = ""
}}

data "aws_caller_identity" "this" {{}}

resource "aws_iam_openid_connect_provider" "github" {{
  count          = var.provider_arn == "" ? 1 : 0
  url            = "https://{issuer}"
  client_id_list = ["sts.amazonaws.com"]
}}

locals {{
  provider = one(concat(aws_iam_openid_connect_provider.github[*].arn, compact([var.provider_arn])))
}}
"""

ROLE = """
resource "aws_iam_policy" "{role}" {{
  name   = "{role}"
  policy = <<JSON
{policy}
JSON
}}

resource "aws_iam_role" "{role}" {{
  name                 = "{role}"
  max_session_duration = {seconds}
  assume_role_policy   = <<JSON
{trust}
JSON
}}

resource "aws_iam_role_policy_attachment" "{role}" {{
  role       = aws_iam_role.{role}.name
  policy_arn = aws_iam_policy.{role}.arn
}}

output "{role}_role_arn" {{
  value = aws_iam_role.{role}.arn
}}
"""


def terraform(policies: dict[str, Any], name: str, limit: int) -> str:
    """The Terraform file. In its texts `${` begins an expression, `$${` is the text itself."""
    parts = [TERRAFORM.format(name=name, issuer=ISSUER)]
    for role, (subject, (policy,)) in ROLES.items():
        named = subject.format(environment="${var.environment}", branch="${var.branch}")
        root = "arn:aws:iam::${data.aws_caller_identity.this.account_id}:root"
        people = root if role in TEAM else None
        trust = _trust(f"repo:${{var.repository}}:{named}", "${local.provider}", people)
        text = json.dumps(policies[policy], indent=2).replace("${", "$${")
        parts.append(
            ROLE.format(
                role=role,
                policy=text,
                trust=json.dumps(trust, indent=2),
                seconds=max(3600, limit),
            )
        )
    return "".join(parts)


def write(config: Path, zones: dict[str, str], to: Path) -> None:
    """Write both files."""
    settings = load(config)
    here = scope(settings, "", GivenZones(zones))
    policies = {name: make(here) for name, make in POLICIES.items()}
    limit = int(max(one.lease.limit.total_seconds() for one in settings.services.values()))
    name = " and ".join(sorted(settings.services))
    to.mkdir(parents=True, exist_ok=True)
    body = json.dumps(template(policies, name, limit), indent=2)
    (to / "roles.cfn.json").write_text(f"{body}\n", encoding="utf-8")
    (to / "roles.tf").write_text(terraform(policies, name, limit), encoding="utf-8")


if __name__ == "__main__":
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "config"
    pairs = dict(zone.split("=", 1) for zone in (sys.argv[2:] or EXAMPLE))
    write(home, pairs, home / "ci")
