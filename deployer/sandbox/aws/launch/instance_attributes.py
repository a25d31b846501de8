"""Attributes of one instance, including those that moto does not change.

Sources: ModifyInstanceAttribute; DescribeInstanceAttribute.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from deployer.sandbox.aws.api.errors import bad_value, missing, wrong_state
from deployer.sandbox.aws.api.ids import INSTANCE, find_all
from deployer.sandbox.aws.state.base import Ec2Base

_WHEN_STOPPED = ("InstanceType", "UserData", "Kernel", "Ramdisk", "EbsOptimized")


class AttributeActions(Ec2Base):
    """ModifyInstanceAttribute, DescribeInstanceAttribute."""

    def modify_instance_attribute(self) -> ActionResult:
        """Like moto's, with checks, and with InstanceInitiatedShutdownBehavior."""
        instance = self._named_instance()
        if instance.state in ("shutting-down", "terminated"):
            raise wrong_state(f"The instance '{instance.id}' is {instance.state}.")
        for attribute in _WHEN_STOPPED:
            if self._get_param(f"{attribute}.Value") and instance.state != "stopped":
                raise wrong_state(f"The instance '{instance.id}' is not in the 'stopped' state.")
        behaviour = self._get_param("InstanceInitiatedShutdownBehavior.Value")
        if behaviour is None:
            answer: ActionResult = super().modify_instance_attribute()  # type: ignore[misc]
            return answer
        if behaviour not in ("stop", "terminate"):
            raise bad_value(
                f"Value ({behaviour}) for parameter instanceInitiatedShutdownBehavior is invalid"
            )
        self.error_on_dryrun()
        instance.instance_initiated_shutdown_behavior = behaviour
        return EmptyResult()

    def describe_instance_attribute(self) -> ActionResult:
        """Like moto's, after checks."""
        self._named_instance()
        self.error_on_dryrun()
        answer: ActionResult = super().describe_instance_attribute()  # type: ignore[misc]
        return answer

    def _named_instance(self) -> Any:
        instance_id = self._get_param("InstanceId")
        if not instance_id:
            raise missing("InstanceId")
        return find_all(INSTANCE, [instance_id], self.region_books.instances)[0]
