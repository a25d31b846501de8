"""Time-driven transitions: pending to ready, shutting-down to terminated, terminated to removed.

Run under the cloud's lock at the start of every EC2 request. States depend on the machine
(`MachineHost`) and on the configured times; nothing here waits.
"""

from __future__ import annotations

import time
from typing import Any

from deployer.sandbox.aws.latency import IMAGE, RUNNING, Figure
from deployer.sandbox.aws.state.cloud import AwsState, Region
from deployer.sandbox.aws.state.disk_keys import are_usable
from deployer.sandbox.aws.state.instance import (
    CLIENT_ERROR,
    INSTANCE_SHUTDOWN,
    USER_SHUTDOWN,
    SandboxInstance,
)
from deployer.sandbox.aws.state.termination import bury, forget_instance

MANY = 5_000
MANY_EVERY = 0.2
"""With more than MANY instances, states may be this many seconds old."""


def bring_up_to_date(cloud: AwsState, region: Region) -> None:
    """Update the state of every instance and image of the region.

    With very many instances not at every request.
    """
    now = time.monotonic()
    if len(region.instances) > MANY and now - region.upkept_at < MANY_EVERY:
        return
    region.upkept_at = now
    for instance in list(region.instances.values()):
        _instance_step(cloud, region, instance)
    for image in region.backend.amis.values():
        _image_step(cloud, image)


def _instance_step(cloud: AwsState, region: Region, instance: SandboxInstance) -> None:
    state = instance.state
    _step(cloud, region, instance, state)
    if instance.state != state or instance.id not in region.instances:
        cloud.listings.changed()


def _step(cloud: AwsState, region: Region, instance: SandboxInstance, state: str) -> None:
    if state == "pending":
        _pending(cloud, region, instance)
    elif state == "running":
        _running(cloud, instance)
    elif state in ("stopping", "shutting-down") and cloud.jobs.outcome(instance.id):
        cloud.jobs.forget(instance.id)
        _job_done(cloud, region, instance)
    elif state == "terminated":
        gone_for = time.monotonic() - region.terminated_at[instance.id]
        if gone_for >= cloud.options.terminated_for:
            forget_instance(region, instance)


def _pending(cloud: AwsState, region: Region, instance: SandboxInstance) -> None:
    host, options = cloud.host, cloud.options
    waited = time.monotonic() - instance.pending_since
    if not are_usable(region, instance):
        begin_termination(cloud, instance, CLIENT_ERROR)
    elif host.has_halted(instance.id):
        _running(cloud, instance)
    elif waited >= _taken(cloud, options.instance_pending, RUNNING) and host.is_up(instance.id):
        instance.become("running")


def _taken(cloud: AwsState, least: float, figure: Figure) -> float:
    """Seconds until it is ready: the sandbox's own, or AWS's where these are asked for."""
    return max(least, figure.seconds * cloud.faults.pace)


def _running(cloud: AwsState, instance: SandboxInstance) -> None:
    """A machine that shut itself down is stopped or terminated, by its shutdown behaviour."""
    if not cloud.host.has_halted(instance.id):
        return
    if instance.instance_initiated_shutdown_behavior == "terminate":
        begin_termination(cloud, instance, INSTANCE_SHUTDOWN)
    else:
        _has_stopped(instance, INSTANCE_SHUTDOWN)


def _has_stopped(instance: SandboxInstance, reason: str) -> None:
    instance.become("stopped", reason)
    for interface in instance.nics.values():
        interface.stop()


def _job_done(cloud: AwsState, region: Region, instance: SandboxInstance) -> None:
    """Release resources only with the dead machine: until then its address is in use."""
    if instance.state == "stopping":
        _has_stopped(instance, USER_SHUTDOWN)
        return
    instance.become("terminated", instance.ended_by)
    region.terminated_at[instance.id] = time.monotonic()
    bury(cloud, region, instance)


def begin_termination(cloud: AwsState, instance: SandboxInstance, reason: str) -> None:
    """Kill the machine in the background."""
    instance.become("shutting-down", reason)
    cloud.jobs.begin(instance.id, lambda: cloud.host.terminate(instance.id))


def _image_step(cloud: AwsState, image: Any) -> None:
    takes = _taken(cloud, cloud.options.image_pending, IMAGE)
    if image.state != "pending" or cloud.births.age(image.id) < takes:
        return
    if cloud.faults.images == "failed":
        cloud.listings.changed()
        image.fail("Server.InternalError", "Server.InternalError: Internal error on creation")
    elif not cloud.faults.images and cloud.host.image_ready(image.id):
        cloud.listings.changed()
        image.state = "available"
        for snapshot in image.snapshots:
            snapshot.status = "completed"
