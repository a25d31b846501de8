"""Regions: which exist, which are enabled, and the error for the others.

Sources: DescribeRegions (without AllRegions only the regions that are enabled for the account); AWS
Account Management, "Enable or disable AWS Regions" (those of before March 2019 are enabled and
cannot be disabled); EC2 API error codes (AuthFailure: "This also happens if you attempt to access a
Region that is not enabled"); GetEbsDefaultKmsKeyId (the account's key for EBS, alias/aws/ebs, where
none was chosen).
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult

from deployer.sandbox.aws.api.errors import ec2_error
from deployer.sandbox.aws.api.filters import Getter, select
from deployer.sandbox.aws.state.base import Ec2Base

ENABLED = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""Enabled in every account; all others need an opt-in, which no account has."""

_FILTERS: dict[str, Getter] = {
    "endpoint": lambda one: one["Endpoint"],
    "opt-in-status": lambda one: one["OptInStatus"],
    "region-name": lambda one: one["RegionName"],
}


class RegionActions(Ec2Base):
    """DescribeRegions, what a region has by default, and the refusal of regions not enabled."""

    def describe_regions(self) -> ActionResult:
        """The enabled ones, or with AllRegions every one; an unknown name is an error."""
        known = {one.name: _shown(one) for one in self.ec2_backend.regions}
        names = self.ids("RegionNames")
        absent = sorted(set(names) - known.keys())
        if absent:
            raise ec2_error("InvalidParameterValue", f"Invalid region names: {absent}")
        found = [known[one] for one in names] or list(known.values())
        if not self._get_param("AllRegions", False) and not names:
            found = [one for one in found if one["RegionName"] in ENABLED]
        found = select(found, self.filters(), _FILTERS)
        self.error_on_dryrun()
        return ActionResult({"Regions": found})

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        """AWS's own key: nobody can choose another here."""
        self.error_on_dryrun()
        return ActionResult({"KmsKeyId": "alias/aws/ebs"})

    def refuse_elsewhere(self, region: str) -> None:
        """Raise AuthFailure for a region that is not enabled."""
        if region not in ENABLED:
            text = "AWS was not able to validate the provided access credentials"
            raise ec2_error("AuthFailure", text)


def _shown(one: Any) -> dict[str, str]:
    status = "opt-in-not-required" if one.name in ENABLED else "not-opted-in"
    endpoint = f"ec2.{one.name}.amazonaws.com"
    return {"RegionName": one.name, "Endpoint": endpoint, "OptInStatus": status}
