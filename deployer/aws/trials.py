"""What AWS says of a release beforehand: dry runs, a simulation of the policy, quotas, the clock.

Nothing is created: every request that could is sent with DryRun, here and nowhere else. What is
deleted or stopped in a release is only simulated: a dry run of that would name live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from deployer.aws.launch_request import launch_request, tag_specifications
from deployer.compute import ImageOrder, LaunchOrder
from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import Reads, camel
from reconciler.aws.client.session import READS, Aws
from reconciler.aws.iam.simulation import principal, questions
from reconciler.aws.iam.statements import Document
from reconciler.errors import CloudError

STANDARD_VCPUS = "L-1216C47A"
"""The quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in vCPUs."""

_STANDARD = "acdhimrtz"


@dataclass(frozen=True)
class Room:
    """How much of a quota is taken."""

    used: int
    limit: int


@dataclass(frozen=True)
class AwsTrials:
    """The questions to one account and region. Methods raise CloudError, AccessDenied."""

    aws: Aws

    def clock_offset(self) -> timedelta:
        """How far this computer's clock is ahead of AWS's, to a second."""
        _, date = self._identity()
        return datetime.now(UTC) - parsedate_to_datetime(date)

    def denied(self, document: Document) -> tuple[str, ...]:
        """The actions of a policy that these credentials may not do, by IAM's own simulation.

        None for the root user, who may do everything.
        """
        arn, _ = self._identity()
        source = principal(arn)
        iam = self.aws.client("iam", READS)
        found: set[str] = set()
        for one in questions(document) if source else ():
            with calling("iam:SimulatePrincipalPolicy"):
                answer = iam.simulate_principal_policy(
                    PolicySourceArn=source,
                    ActionNames=list(one.actions),
                    ResourceArns=list(one.resources),
                    ContextEntries=list(one.context),
                )
            results = answer["EvaluationResults"]
            found |= {each["EvalActionName"] for each in results if not _allowed(each)}
        return tuple(sorted(found))

    def try_image(self, order: ImageOrder) -> None:
        """CreateImage of live, as a dry run."""
        self._dry_run(
            "create_image",
            InstanceId=order.instance,
            Name=order.name,
            NoReboot=order.no_reboot,
            TagSpecifications=tag_specifications(order.tags),
        )

    def try_launch(self, order: LaunchOrder) -> None:
        """RunInstances with the new machines' properties, as a dry run."""
        request = launch_request(order, {})
        self._dry_run("run_instances", **request)

    def try_label(self, instance: str, tags: Mapping[str, str]) -> None:
        """CreateTags on live, as a dry run."""
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._dry_run("create_tags", Resources=[instance], Tags=pairs)

    def free_addresses(self, subnet: str) -> int:
        """How many private addresses a subnet has left."""
        answer = Reads(self.aws).call("describe_subnets", SubnetIds=[subnet])
        return int(answer["Subnets"][0]["AvailableIpAddressCount"])

    def vcpus(self) -> Room:
        """The running standard on-demand machines of the account, against the quota, in vCPUs."""
        quotas = self.aws.client("service-quotas", READS)
        with calling("servicequotas:GetServiceQuota"):
            answer = quotas.get_service_quota(ServiceCode="ec2", QuotaCode=STANDARD_VCPUS)
        states = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        used = 0
        for page in Reads(self.aws).pages("describe_instances", Filters=states):
            for reservation in page["Reservations"]:
                used += sum(_vcpus(one) for one in reservation["Instances"])
        return Room(used, int(answer["Quota"]["Value"]))

    def key_fault(self, key: str) -> str:
        """Why EC2 cannot use a disk's KMS key; '' if it is enabled."""
        kms = self.aws.client("kms", READS)
        with calling("kms:DescribeKey"):
            found = kms.describe_key(KeyId=key)["KeyMetadata"]
        state = str(found.get("KeyState", ""))
        return "" if state == "Enabled" else f"it is {state or 'in an unknown state'}"

    def _identity(self) -> tuple[str, str]:
        """Whose credentials these are, and the Date header of the answer."""
        sts = self.aws.client("sts", READS)
        with calling("sts:GetCallerIdentity"):
            answer = sts.get_caller_identity()
        return str(answer["Arn"]), str(answer["ResponseMetadata"]["HTTPHeaders"]["date"])

    def _dry_run(self, operation: str, **request: Any) -> None:
        """Raises what AWS refuses; that it would have done it is an error code as well."""
        try:
            with calling(f"ec2:{camel(operation)}"):
                getattr(self.aws.ec2, operation)(**{**request, "DryRun": True})
        except CloudError as error:
            if error.code != "DryRunOperation":
                raise


def _allowed(result: Mapping[str, Any]) -> bool:
    return str(result["EvalDecision"]) == "allowed"


def _vcpus(instance: Mapping[str, Any]) -> int:
    """Of a standard on-demand machine; Spot machines and other families have other quotas."""
    other = instance.get("InstanceLifecycle") or instance.get("InstanceType", "x")[0]
    cpu = instance.get("CpuOptions") or {}
    counted = int(cpu.get("CoreCount", 0)) * int(cpu.get("ThreadsPerCore", 1))
    return counted if len(other) == 1 and other in _STANDARD else 0
