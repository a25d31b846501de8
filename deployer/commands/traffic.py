"""`deployer traffic`: what leads to live, and, on a user's order, back to what the ledger says.

After the label `live` nobody but people moves traffic (rule 11): a sweep reports what differs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

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
from reconciler.traffic.reading import TrafficReading, TrafficRoute, balancer_of
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
    seen.refuse_gone()
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
        again = f"deployer traffic {ports.managed.name} --follow"
        raise refusals.held(seen.service_plan, lease, again)
    if not found.changes:
        return found
    confirm(found)
    # Written first: a crash after the switch would leave the time of an earlier drain on a group.
    _drain_anew(ports, found, _unchanged_since(ports, seen))
    for change in found.changes:
        ports.managed.traffic.switch(change.route, change.group, None)
    return show(ports)


def _unchanged_since(ports: Ports, seen: ServiceState) -> datetime:
    """The time by the ledger, read once more: a switch has no fence, and an answer takes time."""
    managed = ports.managed
    reading = managed.ledgers.read(managed.address)
    if reading.ledger.gen != seen.ledger.gen:
        raise Refused(
            "the ledger has changed in the meantime: traffic is not switched",
            cure=f"To see how it stands   deployer traffic {managed.name}",
        )
    return reading.now


def _changes(
    seen: ServiceState, traffic: TrafficReading, live: DeployId | None
) -> tuple[RouteChange, ...]:
    if live is None:
        return ()
    due = [route for route in traffic.routes if not route.leads_to(live)]
    found = [(route, _taker(seen, live, route)) for route in due]
    missing = next((route for route, taker in found if taker is None), None)
    if missing is not None:
        raise _nobody_takes_it(missing, live)
    return tuple(RouteChange(route.arn, taker.id) for route, taker in found if taker)


def _nobody_takes_it(route: TrafficRoute, live: DeployId) -> Refused:
    name = live.service
    if route.address:
        return Refused(
            f"no running machine of {live} is found to move {route.name} to",
            cure=f"To see how it stands   deployer status {name}\n"
            "A stopped machine     start it, then again",
        )
    return Refused(
        f"no target group of {live} is found for {route.arn}: it was deleted, or never adopted",
        cure=f"Make one that holds its machines, let it get the requests, then\n"
        f"deployer move {name}",
    )


def _taker(seen: ServiceState, live: DeployId, route: TrafficRoute) -> Resource | None:
    """Live's newest group for a route, or its machine; also where the service is unknown."""
    home = seen.service_plan.root.home
    own = [
        one
        for one in seen.inventory.resources
        if one.deploy == live
        and home.owns(one.tags.get(t.LEDGER))
        and not copied(one, home)
        and _takes(one, route, seen)
    ]
    return max(own, key=lambda one: (maker_of(one) or live, _is_for(one, route)), default=None)


def _is_for(group: Resource, route: TrafficRoute) -> bool:
    return group.tags.get(t.LISTENER) == route.arn


def _takes(one: Resource, route: TrafficRoute, seen: ServiceState) -> bool:
    if route.address:
        born = one.deploy is not None and one.deploy.owns_token(one.token, one.zone)
        entry = seen.ledger.find_served(one.deploy) if one.deploy else None
        return route.may_lead_to(one) and (born or (entry is not None and one.id in entry.ids))
    if one.kind != TARGET_GROUP:
        return False
    if one.hold == HELD_BY_ADOPTION:  # it may be that of several routes, all of one balancer
        return balancer_of(one.tags.get(t.LISTENER, route.arn)) == balancer_of(route.arn)
    return is_born(one) and route.may_lead_to(one)


def _drain_anew(ports: Ports, before: TrafficState, now: datetime) -> None:
    """Groups of ours that got requests until now: those in flight end later than was written."""
    live = {change.group for change in before.changes}
    for share in before.routes.serving:
        if share.deploy is not None and share.group not in live:
            ports.managed.traffic.mark_drained(share.group, now)
