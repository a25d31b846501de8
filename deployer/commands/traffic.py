"""`deployer traffic`: what leads to live, and, on a user's order, back to what the ledger says.

After the label `live` nobody but people moves traffic (rule 11): a sweep reports what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deployer.checks import refusals
from deployer.checks.service_state import ServiceState, survey
from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.gc.ownership import copied
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.resource import TARGET_GROUP, Resource, maker_of
from reconciler.model.tags import HELD_BY_ADOPTION
from reconciler.plan.traffic_work import RouteChange
from reconciler.traffic.reading import TrafficReading, balancer_of
from reconciler.traffic.target_group import is_born


@dataclass(frozen=True)
class TrafficState:
    """What the routes say, who is live by the ledger, and the changes that would lead there."""

    service: str
    routes: TrafficReading
    live: DeployId | None
    changes: tuple[RouteChange, ...]


Confirm = Callable[[TrafficState], None]
"""Asks; raises for a no."""


def show(ports: Ports) -> TrafficState:
    """Read; changes nothing. Raises Refused for a service whose record says it all."""
    name, seen = ports.managed.name, survey(ports)
    traffic, ledger = seen.service_plan.root.traffic, seen.ledger
    if ports.managed.traffic.in_batch:
        raise Refused(
            f"{name} has no traffic but its record, which changes with the ledger",
            cure=f"To see how it stands   deployer status {name}",
        )
    if traffic is None or seen.reading is None or not ledger.exists:
        raise refusals.unknown(seen.service_plan.root)
    live = ledger.live.id if ledger.live else None
    return TrafficState(name, traffic, live, _changes(seen, traffic, live))


def follow(ports: Ports, confirm: Confirm) -> TrafficState:
    """Give all requests to the live deploy. Raises Refused while somebody holds the lease."""
    found = show(ports)
    seen = survey(ports)
    lease = seen.ledger.lease
    if lease is not None:
        raise refusals.held(seen.service_plan, lease)
    if not found.changes:
        return found
    confirm(found)
    for change in found.changes:
        ports.managed.traffic.switch(change.route, change.group, forced=True)
    _drain_anew(ports, seen, found)
    return show(ports)


def _changes(
    seen: ServiceState, traffic: TrafficReading, live: DeployId | None
) -> tuple[RouteChange, ...]:
    if live is None:
        return ()
    due = [route.arn for route in traffic.routes if not route.leads_to(live)]
    found = [(arn, _live_group(seen, live, arn)) for arn in due]
    missing = next((arn for arn, group in found if group is None), "")
    if missing:
        raise Refused(
            f"no target group of {live} is found for {missing}: it was deleted, or never adopted",
            cure=f"Make one that holds its machines, then   deployer adopt {live.service}",
        )
    return tuple(RouteChange(arn, group.id) for arn, group in found if group)


def _live_group(seen: ServiceState, live: DeployId, route: str) -> Resource | None:
    """The newest group of live for a route, also where the service is unknown."""
    home = seen.service_plan.root.home
    own = [
        group
        for group in seen.inventory.resources
        if group.kind == TARGET_GROUP
        and group.deploy == live
        and home.owns(group.tags.get(t.LEDGER))
        and not copied(group, home)
        and _serves(group, route)
    ]
    return max(own, key=lambda one: (maker_of(one) or live, _is_for(one, route)), default=None)


def _is_for(group: Resource, route: str) -> bool:
    return group.tags.get(t.LISTENER) == route


def _serves(group: Resource, route: str) -> bool:
    """An adopted group may be that of several routes, all of one balancer."""
    if group.hold == HELD_BY_ADOPTION:
        return balancer_of(group.tags.get(t.LISTENER, route)) == balancer_of(route)
    return is_born(group) and _is_for(group, route)


def _drain_anew(ports: Ports, seen: ServiceState, before: TrafficState) -> None:
    """Groups of ours that got requests until now: those in flight end later than was written."""
    live = {change.group for change in before.changes}
    now = seen.service_plan.root.now
    for share in before.routes.serving:
        if share.deploy is not None and share.group not in live:
            ports.managed.traffic.mark_drained(share.group, now)
