"""What is said wherever the live database refuses writes: plan, status, notices. Pure."""

from __future__ import annotations

from datetime import datetime

from reconciler.model import ledger as ledgers
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import ServicePlan
from reconciler.util import humanize


def refused_for(shut: Resource, now: datetime) -> float | None:
    """For how many seconds it has refused writes; None if its state comment does not say."""
    return None if shut.since is None else max((now - shut.since).total_seconds(), 0.0)


def since_line(shut: Resource, now: datetime) -> str:
    """`REFUSES WRITES since 23:30:46 (2m 10s)`."""
    seconds = refused_for(shut, now)
    if shut.since is None or seconds is None:
        return "REFUSES WRITES"
    return f"REFUSES WRITES since {shut.since:%H:%M:%S} ({humanize.span(round(seconds))})"


def write_stop_lines(service_plan: ServicePlan) -> list[str]:
    """The state and the command that ends it; none while live takes writes."""
    shut, now, service = service_plan.shut_live, service_plan.root.now, service_plan.service
    if shut is None:
        return []
    lease = service_plan.root.ledger.lease
    said = f"{service} {since_line(shut, now)}"
    if lease is None or ledgers.expired(lease, now):
        cure = f"To open it now             deployer thaw {service}"
        return [f"{said}; nobody is at work", cure]
    left = humanize.span((lease.until - now).total_seconds())
    return [
        f"{said}; lease …{lease.id.short}, in `{lease.step}`, runs for {left}",
        f"If that deployer is dead   deployer thaw {service} --deployer-is-dead",
    ]
