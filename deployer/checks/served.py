"""Which machines clients reach where traffic is not the record, as if a record named them.

`adopt`, `recover` and `retire` judge by the addresses in the A record. Behind a load balancer they
are those of the machines that get requests (protocol.md, "Traffic").
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from deployer.compute import InstanceFacts
from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.reading import ARecord, Reading
from reconciler.model.resource import TARGET_GROUP
from reconciler.model.tags import Label
from reconciler.traffic.reading import Share, TrafficReading


def seen_through(ports: Ports, reading: Reading, live: Collection[str] = ()) -> Reading:
    """The reading, with the addresses of the machines that the routes send requests to.

    Of each machine the one that is among the addresses of `live`, else the private one. Never swap
    against its record. Raises CloudError, AccessDenied.
    """
    found = ports.managed.routes()
    if found is None:
        return reading
    record = next((route.record for route in found.routes if route.record is not None), None)
    if record is not None:
        return replace(reading, a=record)
    machines = ports.compute.instances(sorted(found.witnesses)) if found.witnesses else ()
    found_at = (_among(live, machine) for machine in machines)
    addresses = tuple(sorted(filter(None, found_at)))
    return replace(reading, a=ARecord(reading.ttl, addresses) if addresses else None)


def _among(live: Collection[str], machine: InstanceFacts) -> str:
    return next((one for one in machine.addresses if one in live), machine.private_address)


def adoptable(found: TrafficReading) -> tuple[Share, ...]:
    """The one target group, or machine, of each route that gets requests. Raises Refused."""
    for route in found.routes:
        if route.odd or (len(route.serving) != 1 and route.record is None):
            raise Refused(
                f"{route}: adopting wants a route that leads to one target group or machine",
                cure="let the listener forward to one target group, or give the live machine the "
                "Elastic IP, first",
            )
    serving = {share.group: share for route in found.routes for share in route.serving}
    return tuple(serving.values())


def refuse_strangers(found: TrafficReading | None) -> None:
    """Raise Refused for a route that no release may change: before anything is created."""
    listed = found.routes if found else ()
    route = next((one for one in listed if one.blocked and not one.address), None)
    if route is None:
        return
    words = "modify-rule --rule-arn {} --actions"
    if ":listener/" in route.arn:
        words = "modify-listener --listener-arn {} --default-actions"
    group = next((share.group for share in route.serving if share.deploy is not None), "…")
    place = route.arn.rsplit(":", 1)[0]
    raise Refused(
        f"{route.blocked}: its action is not changed",
        cure="To forward to the live group alone   aws elbv2 "
        f"{words.format(route.arn)} Type=forward,TargetGroupArn={place}:{group}",
    )


def refuse_unclaimed(ports: Ports, live: DeployId) -> tuple[Share, ...]:
    """The groups that serve, each of nobody or of the live deploy. Raises Refused for another's."""
    routes = ports.managed.routes()
    groups = adoptable(routes) if routes else ()
    for group in groups:
        refuse_another_group(group, live)
    return groups


def claim_groups(ports: Ports, live: DeployId, release: str = "") -> None:
    """Tag the groups that serve as the live deploy's. No deploy made them: none is deleted.

    Groups that a release made are its own already. Raises Refused for another's.
    """
    managed = ports.managed
    managed.traffic.acknowledge()
    routes = managed.routes()
    groups = refuse_unclaimed(ports, live)
    tags = {
        t.ID: str(live),
        t.STATE: Label.LIVE.value,
        t.LEDGER: str(managed.address),
        t.PART: t.part(TARGET_GROUP, managed.home.place),
        t.HOLD: t.HELD_BY_ADOPTION,
        t.BY: ports.by,
    }
    if release:
        tags[t.RELEASE] = release
    for group in groups:
        if group.deploy is None:
            managed.traffic.tag([group.group], tags | {t.LISTENER: _first_route(routes, group)})


def _first_route(routes: TrafficReading | None, group: Share) -> str:
    """The first route that sends it requests: a group belongs to the balancer of that route."""
    found = routes.routes if routes else ()
    return next((route.arn for route in found if route.names(group.group)), "")


def refuse_another_group(group: Share, deploy: DeployId) -> None:
    """Raise Refused for a target group that carries another deploy's id."""
    tagged = group.tags.get(t.ID)
    if tagged not in (None, str(deploy)):
        raise Refused(
            f"{group.group} carries the deploy-id {tagged}: it already belongs to that deploy",
            cure="remove its deploy-* tags if they are a copy, then adopt again",
        )
