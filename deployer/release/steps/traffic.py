"""Traffic: what leads to the new machines is made before live is shut, filled before the commit.

Two steps: nothing that is made while writes are refused may have to be accounted for.
"""

from __future__ import annotations

from deployer.release.context import ReleaseContext
from deployer.release.inferred_settings import birth_tags
from deployer.release.traffic_switch import wait_until_ready
from reconciler.errors import ToolError
from reconciler.model.resource import TARGET_GROUP
from reconciler.traffic.port import JoinOrder
from reconciler.util.backoff import Backoff


def traffic(run: ReleaseContext) -> str:
    """Make what leads to the new machines, without any requests yet."""
    tags = birth_tags(run).of(TARGET_GROUP)
    order = JoinOrder(run.deploy, run.created.launched, tags)
    run.created.join_order = order  # before the call: a lost reply is looked up by the names
    run.created.joined = run.ports.managed.traffic.join(order)
    return ", ".join(group.split("/")[1] for group in run.created.joined)


def health(run: ReleaseContext) -> str:
    """Register the machines, and wait until the load balancer itself calls each of them healthy."""
    managed, order = run.ports.managed, run.created.join_order
    if order is None:
        raise ToolError("nothing leads to the new machines")
    managed.traffic.register(order)
    limit = run.within(run.ports.service.limits.boot)
    wait_until_ready(managed, order, run.looks(Backoff(first=0.2, longest=3.0, deadline=limit)))
    return f"{len(order.machines)} healthy"
