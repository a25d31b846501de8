"""What is live now and will be kept for a rollback, with the volumes that carry no tags of ours."""

from __future__ import annotations

from dataclasses import replace

from deployer.ports import Ports
from deployer.provisioning.release_cost import KeptRelease
from reconciler.cost.audit import report
from reconciler.model.ledger import Ledger
from reconciler.model.resource import INSTANCE, Resource
from reconciler.plan.service_plan import Plan, ServicePlan
from reconciler.sweep.attached_volumes import attached_volumes


def kept_release(ports: Ports, service_plan: ServicePlan, ledger: Ledger) -> KeptRelease:
    """Every resource that the audit counts as the live release's; nothing without one."""
    if ledger.live is None:
        return KeptRelease()
    plan = Plan((service_plan,))
    heap = ports.managed.heap
    volumes = attached_volumes(plan, {heap.place: heap})
    rows = report(plan, ports.prices, volumes=volumes).rows
    items = [item for row in rows if row.deploy == ledger.live.id for item in row.items]
    moved = ports.managed.traffic.addresses
    resources = tuple(_without(item.verdict.resource, moved) for item in items)
    return KeptRelease(resources, whole=not volumes.gaps)


def _without(resource: Resource, moved: tuple[str, ...]) -> Resource:
    """What stays of it when traffic has moved on: the addresses that move go to the new release."""
    if resource.kind != INSTANCE:
        return resource
    elastic = tuple(one for one in resource.elastic if one not in moved)
    gone = len(resource.elastic) - len(elastic)
    return replace(resource, elastic=elastic, public_ips=resource.public_ips - gone)
