"""What a target group of ours is, by the ledger and by what the routes say. Pure.

A group belongs to one lease and one route, and is never used again. The group of a deploy that is
not live, or an older one of the live deploy, goes before its machines do: a late request that names
a deleted group fails. Its targets stay registered until then (docs/adr/0017).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId, parse_time
from reconciler.model.ledger import Ledger
from reconciler.model.resource import TARGET_GROUP, Resource, maker_of
from reconciler.model.tags import Label
from reconciler.traffic.reading import TrafficReading


class GroupState(StrEnum):
    """FREE: requests neither reach it nor are in flight; nothing needs it."""

    LEASED = "lease held"
    LIVE = "live"
    SERVING = "serving"
    DRAINING = "draining"
    FREE = "free"


@dataclass(frozen=True)
class Around:
    """What a group is judged by. `unfinished`: the live deploy's commit is not finished."""

    ledger: Ledger
    traffic: TrafficReading
    now: datetime
    unfinished: bool
    groups: tuple[Resource, ...]


def is_born(group: Resource) -> bool:
    """Whether its name is the one that its maker derives for its route. AWS copies no such tags."""
    maker, route = maker_of(group), group.tags.get(t.LISTENER, "")
    return maker is not None and bool(route) and group.name == maker.target_group_name(route)


def state_of(group: Resource, around: Around) -> tuple[GroupState, str]:
    """The state of a group, and why."""
    ledger, traffic = around.ledger, around.traffic
    lease = ledger.lease
    if lease is not None and (maker_of(group) == lease.id or traffic.names(group.id)):
        # A balancer compares nothing: while anybody holds the lease, only he changes the actions.
        return GroupState.LEASED, f"{lease.id} holds the lease"
    if is_of_live(group, around):
        return GroupState.LIVE, f"{group.deploy} is live in generation {ledger.gen}"
    if traffic.weight(group.id):
        return GroupState.SERVING, "a route sends requests to it"
    if _has_served(group, ledger):
        why = _why_draining(group, around)
        if why:
            return GroupState.DRAINING, why
    return GroupState.FREE, f"no route needs it: {group.deploy} is not live through it"


def is_of_live(group: Resource, around: Around) -> bool:
    """Whether it is the newest group of the live deploy for its route."""
    live, route = around.ledger.live, group.tags.get(t.LISTENER)
    if live is None or group.deploy != live.id:
        return False
    makers = {maker_of(other) for other in _of(around.groups, live.id, route)}
    makers |= {
        share.lease or share.deploy
        for each in around.traffic.routes
        if each.arn == route
        for share in each.shares
        if share.deploy == live.id
    }
    newest = max(maker for maker in (*makers, maker_of(group)) if maker is not None)
    return maker_of(group) == newest


def _of(groups: Iterable[Resource], deploy: DeployId, route: str | None) -> Iterable[Resource]:
    return (
        one
        for one in groups
        if one.kind == TARGET_GROUP
        and one.deploy == deploy
        and one.tags.get(t.LISTENER) == route
        and (is_born(one) or one.hold == t.HELD_BY_ADOPTION)
    )


def _has_served(group: Resource, ledger: Ledger) -> bool:
    """Whether requests may be in flight: not where no commit was made for it."""
    if group.label is not Label.PENDING:
        return True
    maker = maker_of(group)
    known = ledger.find_previous(group.deploy) if group.deploy else None
    return known is not None and maker is not None and known.retired >= maker.born


def _why_draining(group: Resource, around: Around) -> str:
    live = around.ledger.live
    if live is None:  # nothing is switched any more: who closed the service led clients away
        return "a route names it" if around.traffic.names(group.id) else ""
    if around.unfinished or not around.traffic.follows(live.id):
        return "the last switch is not finished"
    until = group.tags.get(t.DRAINED, "")
    if not until:
        return "that it has no requests any more is not written on it yet"
    try:
        over = around.now >= parse_time(until)
    except ValueError:
        over = False
    return "" if over else f"requests may be in flight until {until}"
