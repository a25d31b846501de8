"""What AWS says of a release beforehand: dry runs, simulated policies, quotas, keys, the clock.

Nothing is created: every request that could is sent with DryRun, here and nowhere else. What is
deleted or stopped in a release is only simulated: a dry run of that would name live.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from deployer.aws.key_policy import DISK_ACTIONS, account_of, allowed
from deployer.aws.launch_request import launch_request, tag_specifications
from deployer.compute import ImageOrder, LaunchOrder
from reconciler.aws.client.errors import calling
from reconciler.aws.client.query import Reads, camel
from reconciler.aws.client.session import READS, Aws
from reconciler.aws.iam.simulation import SimulatedCall, principal, questions
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
class DiskKey:
    """A KMS key as DescribeKey tells it. `managed`: AWS manages it, for whoever may use EC2."""

    arn: str
    state: str
    managed: bool = False

    @property
    def fault(self) -> str:
        """Why EC2 cannot use it; '' if it is enabled."""
        return "" if self.state == "Enabled" else f"it is {self.state or 'in an unknown state'}"


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
        asked = questions(document) if source else ()
        return tuple(sorted(set[str]().union(*(self._simulated(source, one) for one in asked))))

    def _simulated(self, source: str, call: SimulatedCall) -> set[str]:
        """The actions of the call that IAM would deny."""
        with calling("iam:SimulatePrincipalPolicy"):
            answer = self.aws.client("iam", READS).simulate_principal_policy(
                PolicySourceArn=source,
                ActionNames=list(call.actions),
                ResourceArns=list(call.resources),
                ContextEntries=list(call.context),
            )
        results = answer["EvaluationResults"]
        return {each["EvalActionName"] for each in results if not _allowed(each)}

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

    def vcpus_of(self, instance_type: str) -> int:
        """The vCPUs of a machine of this type, as the quota counts them; 0 of another family."""
        if instance_type[:1] not in _STANDARD:
            return 0
        answer = Reads(self.aws).call("describe_instance_types", InstanceTypes=[instance_type])
        return int(answer["InstanceTypes"][0]["VCpuInfo"]["DefaultVCpus"])

    def target_groups(self) -> Room:
        """The target groups of the account in its region."""
        elb = self.aws.client("elbv2", READS)
        with calling("elasticloadbalancing:DescribeAccountLimits"):
            limits = elb.describe_account_limits()["Limits"]
        with calling("elasticloadbalancing:DescribeTargetGroups"):
            pages = elb.get_paginator("describe_target_groups").paginate()
            used = sum(len(page["TargetGroups"]) for page in pages)
        limit = next(one["Max"] for one in limits if one["Name"] == "target-groups")
        return Room(used, int(limit))

    def disk_key(self, key: str) -> DiskKey:
        """The key of a disk, by its id or ARN."""
        kms = self.aws.client("kms", READS)
        with calling("kms:DescribeKey"):
            found: Mapping[str, Any] = kms.describe_key(KeyId=key)["KeyMetadata"]
        managed = found.get("KeyManager") == "AWS"
        return DiskKey(str(found["Arn"]), str(found.get("KeyState", "")), managed)

    def key_lacks(self, key: DiskKey) -> tuple[str, ...]:
        """What neither the key's policy nor, where that leaves it to them, IAM's policies allow.

        A grant that somebody gave is not seen. A key that AWS manages takes whoever may use EC2.
        """
        if key.managed:
            return ()
        kms = self.aws.client("kms", READS)
        with calling("kms:GetKeyPolicy"):
            answer = kms.get_key_policy(KeyId=key.arn, PolicyName="default")
        policy, source = json.loads(answer["Policy"]), principal(self._identity()[0])
        left = frozenset(DISK_ACTIONS) - allowed(policy, (source,))
        by_iam = left & allowed(policy, account_of(key.arn))
        denied = self._simulated(source, _use(by_iam, key.arn)) if source and by_iam else set()
        return tuple(sorted((left - by_iam) | denied))

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


def _use(actions: Collection[str], key: str) -> SimulatedCall:
    """As EC2 uses a key for who launches: its region is in the key's ARN."""
    via = {
        "ContextKeyName": "kms:ViaService",
        "ContextKeyValues": [f"ec2.{key.split(':')[3]}.amazonaws.com"],
        "ContextKeyType": "string",
    }
    grant = {
        "ContextKeyName": "kms:GrantIsForAWSResource",
        "ContextKeyValues": ["true"],
        "ContextKeyType": "boolean",
    }
    return SimulatedCall(tuple(sorted(actions)), (key,), (via, grant))


def _allowed(result: Mapping[str, Any]) -> bool:
    """On every resource that was named (EvaluationResult, ResourceSpecificResults)."""
    each = [one["EvalResourceDecision"] for one in result.get("ResourceSpecificResults") or ()]
    return {str(result["EvalDecision"]), *each} == {"allowed"}


def _vcpus(instance: Mapping[str, Any]) -> int:
    """Of a standard on-demand machine; Spot machines and other families have other quotas."""
    other = instance.get("InstanceLifecycle") or instance.get("InstanceType", "x")[0]
    cpu = instance.get("CpuOptions") or {}
    counted = int(cpu.get("CoreCount", 0)) * int(cpu.get("ThreadsPerCore", 1))
    return counted if len(other) == 1 and other in _STANDARD else 0
