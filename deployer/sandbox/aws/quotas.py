"""Quotas of the account: what Service Quotas tells, and what is refused beyond it.

Far away unless a test lowers one (`FaultClient.quota`). Sources: GetServiceQuota; EC2 User Guide,
"On-Demand Instance quotas" (vCPUs of pending and running machines, by families); RunInstances
(VcpuLimitExceeded); ELBv2's DescribeAccountLimits, CreateTargetGroup (TooManyTargetGroups).
"""

from __future__ import annotations

import json
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.servicequotas.responses import ServiceQuotasResponse

from deployer.sandbox.aws.api.errors import ec2_error
from deployer.sandbox.aws.state import cloud as clouds
from deployer.sandbox.aws.state.cloud import AwsState, Region
from deployer.sandbox.faults import TARGET_GROUPS, VCPUS

STANDARD = "L-1216C47A"
_CODES = {
    ("ec2", STANDARD): (
        VCPUS,
        "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    ),
    ("elasticloadbalancing", "L-B22855CB"): (TARGET_GROUPS, "Target Groups per Region"),
}
_FAMILIES = frozenset("acdhimrtz")


class StrictServiceQuotas(ServiceQuotasResponse):
    """moto's, which knows the quotas of VPC alone, with those that matter here."""

    def get_service_quota(self) -> str:
        """One quota, by its service and code. `Value` is a float."""
        asked: Any = json.loads(self.body)
        key = (asked.get("ServiceCode", ""), asked.get("QuotaCode", ""))
        if key not in _CODES:
            raise JsonRESTError("NoSuchResourceException", "The request failed: no such quota.")
        (service, code), (name, title) = key, _CODES[key]
        place = f"arn:aws:servicequotas:{self.region}:{self.current_account}"
        quota = {
            "ServiceCode": service,
            "QuotaArn": f"{place}:{service}/{code}",
            "QuotaCode": code,
            "QuotaName": title,
            "Value": float(clouds.current().faults.quotas[name]),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        return json.dumps({"Quota": quota})


def check_vcpus(cloud: AwsState, region: Region, instance_type: str, count: int) -> None:
    """Refuse more machines of the standard families than the quota has vCPUs for.

    Raises:
        EC2ClientError: VcpuLimitExceeded.
    """
    limit = cloud.faults.quotas[VCPUS]
    running = (one for one in region.instances.values() if one.state in ("pending", "running"))
    used = sum(_vcpus(one.instance_type) for one in running)
    if used + count * _vcpus(instance_type) > limit:
        text = (
            f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows "
            "for the instance bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        )
        raise ec2_error("VcpuLimitExceeded", text)


def _vcpus(instance_type: str) -> int:
    found: dict[str, Any] = INSTANCE_TYPES[instance_type]
    return int(found["VCpuInfo"]["DefaultVCpus"]) if instance_type[0] in _FAMILIES else 0
