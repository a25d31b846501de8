"""Start, stop, reboot and terminate, and the console.

Sources: TerminateInstances (one incorrect id: none; a protected instance: none of its zone, all of
the others); StartInstances; StopInstances; GetConsoleOutput.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError

from deployer.sandbox.aws.api.errors import ec2_error, missing, wrong_state
from deployer.sandbox.aws.api.ids import INSTANCE, find_all, unknown
from deployer.sandbox.aws.state.base import Ec2Base
from deployer.sandbox.aws.state.cloud import AwsState
from deployer.sandbox.aws.state.instance import USER_SHUTDOWN
from deployer.sandbox.aws.state.state_transitions import begin_termination

CONSOLE_BYTES = 65_536


class LifecycleActions(Ec2Base):
    """StartInstances, StopInstances, RebootInstances, TerminateInstances, GetConsoleOutput."""

    def start_instances(self) -> ActionResult:
        """Boot stopped instances; running ones are unchanged."""
        instances = self._named_instances()
        for instance in instances:
            _require(instance, ("stopped", "pending", "running"), "started")
        self.error_on_dryrun()
        changes = [_change(i, lambda i: _start(self.cloud, i)) for i in instances]
        return ActionResult({"StartingInstances": changes})

    def stop_instances(self) -> ActionResult:
        """Kill the processes, keep the disk."""
        instances = self._named_instances()
        for instance in instances:
            _require(instance, ("running", "stopping", "stopped"), "stopped")
            if instance.disable_api_stop:
                raise _not_permitted(instance, "stopped", "disableApiStop")
        self.error_on_dryrun()
        changes = [_change(i, lambda i: _stop(self.cloud, i)) for i in instances]
        return ActionResult({"StoppingInstances": changes})

    def reboot_instances(self) -> ActionResult:
        """Stop and start in place; the state stays `running`."""
        instances = self._named_instances()
        for instance in instances:
            _require(instance, ("running",), "rebooted")
        self.error_on_dryrun()
        for instance in instances:
            reboot(self.cloud, instance)
        return EmptyResult()

    def terminate_instances(self) -> ActionResult:
        """By zone: a protected instance keeps all instances of its zone, and no others."""
        instances = self._named_instances()
        self.error_on_dryrun()
        protected = [i for i in instances if i.disable_api_termination and not i.is_dying()]
        spared = {instance.availability_zone for instance in protected}
        doomed = [i for i in instances if i.availability_zone not in spared]
        for instance in doomed:
            _fail_images_of(self.ec2_backend, instance)
        changes = [_change(i, lambda i: _terminate(self.cloud, i)) for i in doomed]
        if protected:
            raise _not_permitted(protected[0], "terminated", "disableApiTermination")
        return ActionResult({"TerminatingInstances": changes})

    def get_console_output(self) -> ActionResult:
        """The last 64 KiB of the machine's console."""
        instance = find_all(INSTANCE, [self._get_param("InstanceId")], self.region_books.instances)[
            0
        ]
        self.error_on_dryrun()
        output = self.cloud.host.console(instance.id)[-CONSOLE_BYTES:]
        result: dict[str, Any] = {"InstanceId": instance.id, "Timestamp": utcnow()}
        if output:
            text = output.decode("utf-8", "replace")
            result["Output"] = Base64EncodedString.from_raw_string(text)
        return ActionResult(result)

    def _named_instances(self) -> list[Any]:
        ids = self.ids("InstanceIds")
        if not ids:
            raise missing("InstanceId")
        found = find_all(INSTANCE, ids, self.region_books.instances)
        hidden = [i.id for i in found if not self.cloud.is_visible(i.id)]
        if hidden:
            raise unknown(INSTANCE, hidden)
        return found


def _fail_images_of(backend: Any, instance: Any) -> None:
    """Fail pending images whose source terminates (StateReason, InstanceTerminated)."""
    for image in backend.amis.values():
        if image.state == "pending" and image.instance_id == instance.id:
            image.fail("Client.InstanceTerminated", "The instance was terminated")


def _require(instance: Any, states: tuple[str, ...], done: str) -> None:
    if instance.state not in states:
        text = f"The instance '{instance.id}' ({instance.state}) cannot be {done} from its state."
        raise wrong_state(text)


def _not_permitted(instance: Any, done: str, attribute: str) -> EC2ClientError:
    text = (
        f"The instance '{instance.id}' may not be {done}. "
        f"Modify its '{attribute}' instance attribute and try again."
    )
    return ec2_error("OperationNotPermitted", text)


def _change(instance: Any, act: Callable[[Any], None]) -> dict[str, Any]:
    before = instance.instance_state
    act(instance)
    return {
        "InstanceId": instance.id,
        "PreviousState": before,
        "CurrentState": instance.instance_state,
    }


def _start(cloud: AwsState, instance: Any) -> None:
    if instance.state != "stopped":
        return
    cloud.host.start(instance.id)
    instance.become("pending")
    # EC2 resets it at every start (API model, Instance.LaunchTime).
    instance.launch_time = utcnow()
    instance.pending_since = time.monotonic()
    for interface in instance.nics.values():
        interface.start()


def _stop(cloud: AwsState, instance: Any) -> None:
    if instance.state == "running":
        instance.become("stopping", USER_SHUTDOWN)
    if instance.state == "stopping":
        cloud.jobs.begin(instance.id, lambda: cloud.host.stop(instance.id))


def reboot(cloud: AwsState, instance: Any) -> None:
    """Reboot the machine in the background."""
    cloud.jobs.begin(f"{instance.id}/reboot", lambda: cloud.host.reboot(instance.id))


def _terminate(cloud: AwsState, instance: Any) -> None:
    if instance.state == "terminated":
        return
    # A second call during shutdown kills again: the first one may have failed.
    begin_termination(cloud, instance, USER_SHUTDOWN)
