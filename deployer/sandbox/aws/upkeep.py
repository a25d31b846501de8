"""Time's work: what is pending becomes ready, what is dying dies, the dead are forgotten.

Run under the cloud's lock at the start of every EC2 request. States depend on the machine
(`MachineHost`) and on the configured times; nothing here waits.
"""

from __future__ import annotations

import time
from typing import Any

from moto.ec2.models.instances import InstanceState, StateReason

from deployer.sandbox.aws.cloud import Cloud, Region
from deployer.sandbox.aws.grave import bury, forget_instance

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
USER_SHUTDOWN = "Client.UserInitiatedShutdown"
INSTANCE_SHUTDOWN = "Client.InstanceInitiatedShutdown"


def set_state(instance: Any, name: str, reason: str = "") -> InstanceState:
    """Give an instance another state; returns the one it had."""
    before: InstanceState = instance._state
    instance._state = InstanceState(name, CODES[name])
    words = {
        USER_SHUTDOWN: "User initiated shutdown",
        INSTANCE_SHUTDOWN: "Instance initiated shutdown",
    }
    text = f"{reason}: {words[reason]}" if reason in words else ""
    instance.state_reason = StateReason(text, reason if text else "")
    instance._reason = (
        f"User initiated ({time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} GMT)" if text else ""
    )
    return before


def bring_up_to_date(cloud: Cloud, region: Region) -> None:
    """Let every instance and image of the region be what it is by now."""
    for instance in list(region.instances.values()):
        _STEPS[instance.state](cloud, region, instance)
    for image in region.backend.amis.values():
        _image_step(cloud, image)


def _pending(cloud: Cloud, region: Region, instance: Any) -> None:
    waited = time.monotonic() - instance.pending_since
    if waited >= cloud.options.instance_pending and cloud.host.is_up(instance.id):
        set_state(instance, "running")
    elif cloud.host.has_halted(instance.id):
        _running(cloud, region, instance)


def _running(cloud: Cloud, region: Region, instance: Any) -> None:
    """A machine that shut itself down stops, or ends, as its shutdown behaviour says."""
    if not cloud.host.has_halted(instance.id):
        return
    if instance.instance_initiated_shutdown_behavior == "terminate":
        begin_termination(cloud, instance, INSTANCE_SHUTDOWN)
    else:
        _has_stopped(instance, INSTANCE_SHUTDOWN)


def _has_stopped(instance: Any, reason: str) -> None:
    set_state(instance, "stopped", reason)
    for interface in instance.nics.values():
        interface.stop()


def _stopping(cloud: Cloud, region: Region, instance: Any) -> None:
    if cloud.jobs.outcome(instance.id):
        cloud.jobs.forget(instance.id)
        _has_stopped(instance, USER_SHUTDOWN)


def _shutting_down(cloud: Cloud, region: Region, instance: Any) -> None:
    """The last of its things goes with the machine, not before: its address is in use till then."""
    if cloud.jobs.outcome(instance.id):
        cloud.jobs.forget(instance.id)
        set_state(instance, "terminated", instance.state_reason.code)
        region.terminated_at[instance.id] = time.monotonic()
        bury(cloud, region, instance)


def _terminated(cloud: Cloud, region: Region, instance: Any) -> None:
    if time.monotonic() - region.terminated_at[instance.id] >= cloud.options.terminated_for:
        forget_instance(region, instance)


def _stopped(cloud: Cloud, region: Region, instance: Any) -> None:
    """Stays what it is."""


_STEPS = {
    "pending": _pending,
    "running": _running,
    "stopping": _stopping,
    "stopped": _stopped,
    "shutting-down": _shutting_down,
    "terminated": _terminated,
}


def begin_termination(cloud: Cloud, instance: Any, reason: str) -> InstanceState:
    """Let the machine be killed in the background; returns the state it had."""
    before = set_state(instance, "shutting-down", reason)
    cloud.jobs.begin(instance.id, lambda: cloud.host.terminate(instance.id))
    return before


def _image_step(cloud: Cloud, image: Any) -> None:
    if image.state != "pending" or cloud.births.age(image.id) < cloud.options.image_pending:
        return
    if cloud.host.image_ready(image.id):
        image.state = "available"
        for snapshot in image.snapshots:
            snapshot.status = "completed"
