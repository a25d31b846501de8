"""What a sweep does to traffic that follows the ledger: the switch, the end of old groups. Pure.

Before the label `live` the switch is rolled forward, in every round; after it, traffic that differs
is reported and never moved (rule 11). Requests drain from the moment at which a sweep sees that a
group has none any more. Nothing is changed while anybody holds the lease.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId, parse_time
from reconciler.model.resource import TARGET_GROUP, Resource, maker_of
from reconciler.traffic.reading import TrafficRoute


@dataclass(frozen=True)
class RouteChange:
    """A route, and the group (or the machine) that it gets or loses.

    `holders` are those of the route when a switch was decided.
    """

    route: str
    group: str
    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrafficWork:
    """The changes of one service's traffic.

    switches  routes that get the live deploy's group or machine
    blocked   why a switch that is due is not made
    drained   groups on which to write that they have no requests any more
    detach    adopted groups that leave a route: no deploy created them, so they are not deleted
    """

    switches: tuple[RouteChange, ...] = ()
    drained: tuple[str, ...] = ()
    detach: tuple[RouteChange, ...] = ()
    blocked: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing is to be changed."""
        return not (self.switches or self.drained or self.detach)


NO_WORK = TrafficWork()


def traffic_work(root: Root, verdicts: Sequence[Verdict]) -> TrafficWork:
    """What is due. `root` is the one after the plan's own swaps."""
    live, traffic = root.ledger.live, root.traffic
    if live is None or traffic is None or root.ledger.lease is not None:
        return NO_WORK
    groups = [verdict for verdict in verdicts if verdict.resource.kind == TARGET_GROUP]
    if root.leads_to_live:
        return _retired(root, groups)
    proved = (verdict.resource for verdict in verdicts if verdict.role is Role.LIVE)
    if not root.is_unfinished(proved):
        return NO_WORK
    due = [route for route in traffic.routes if not route.leads_to(live.id)]
    changes = [(route, _taker(route, live.id, verdicts)) for route in due]
    blocked = next(filter(None, (_why_not(route, group) for route, group in changes)), "")
    if blocked:
        return TrafficWork(blocked=f"traffic cannot follow the ledger: {blocked}")
    return TrafficWork(tuple(_switch(route, group) for route, group in changes if group))


def _switch(route: TrafficRoute, group: Resource) -> RouteChange:
    return RouteChange(route.arn, group.id, route.holders)


def _taker(route: TrafficRoute, live: DeployId, found: Sequence[Verdict]) -> Resource | None:
    """The newest group of the live deploy; of an Elastic IP its machine, where it has one alone.

    A record gets all machines of the deploy, whichever of them names it.
    """
    own = [
        verdict.resource
        for verdict in found
        if verdict.role is Role.LIVE and route.may_lead_to(verdict.resource)
    ]
    if route.address and route.record is None and len(own) > 1:
        return None
    return max(own, key=lambda one: maker_of(one) or live, default=None)


def _why_not(route: TrafficRoute, taker: Resource | None) -> str:
    if route.blocked or taker:
        return route.blocked
    what = "one running machine" if route.address else "target group"
    return f"no {what} of the live deploy is found for {route.name}"


def _retired(root: Root, groups: Sequence[Verdict]) -> TrafficWork:
    """Of the groups that are not live's: the time of the switch as seen, then the end of it."""
    old = [verdict.resource for verdict in groups if _has_left(verdict, root)]
    fresh = tuple(group.id for group in old if t.DRAINED not in group.tags)
    return TrafficWork(drained=fresh, detach=tuple(_detached(root, old)))


def _has_left(verdict: Verdict, root: Root) -> bool:
    group, traffic = verdict.resource, root.traffic
    if traffic is None or traffic.weight(group.id):
        return False
    return verdict.reason is Reason.DRAINING or _is_adopted_and_old(verdict, root)


def _is_adopted_and_old(verdict: Verdict, root: Root) -> bool:
    group, live = verdict.resource, root.ledger.live
    if group.hold != t.HELD_BY_ADOPTION or verdict.reason is Reason.LOOK_ALIKE or live is None:
        return False
    # It has no maker but its deploy: any group that a rollback made for that is newer.
    serving = root.traffic.serving if root.traffic else ()
    return all(share.group != group.id for share in serving)


def _detached(root: Root, old: Sequence[Resource]) -> Iterator[RouteChange]:
    for group in old:
        if group.hold != t.HELD_BY_ADOPTION or not _is_over(group, root):
            continue
        for route in root.traffic.routes if root.traffic else ():
            if route.names(group.id) and not route.blocked:
                yield RouteChange(route.arn, group.id)


def _is_over(group: Resource, root: Root) -> bool:
    try:
        return root.now >= parse_time(group.tags.get(t.DRAINED, ""))
    except ValueError:
        return False


def notes(root: Root) -> tuple[str, ...]:
    """What stands in the routes and is not what the ledger says; it is not moved back."""
    live, traffic = root.ledger.live, root.traffic
    if live is None or traffic is None:
        return ()
    return tuple(
        f"{route}; the ledger says that {live.id} is live"
        for route in traffic.routes
        if not route.leads_to(live.id)
    )
