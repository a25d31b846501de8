"""Which machines clients reach where traffic is not the record, as if a record named them.

`adopt`, `recover` and `retire` judge by the addresses in the A record. Behind a load balancer they
are those of the machines that get requests (protocol.md, "Traffic").
"""

from __future__ import annotations

from dataclasses import replace

from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.reading import ARecord, Reading
from reconciler.model.resource import TARGET_GROUP
from reconciler.model.tags import Label
from reconciler.traffic.reading import Share, TrafficReading


def seen_through(ports: Ports, reading: Reading) -> Reading:
    """The reading, with the addresses of the machines that the routes send requests to.

    Never swap against its record. Raises CloudError, AccessDenied.
    """
    found = ports.managed.routes()
    if found is None:
        return reading
    machines = ports.compute.instances(sorted(found.witnesses)) if found.witnesses else ()
    addresses = tuple(sorted(one.private_address for one in machines if one.private_address))
    return replace(reading, a=ARecord(reading.ttl, addresses) if addresses else None)


def adoptable(found: TrafficReading) -> tuple[Share, ...]:
    """The one target group, or machine, of each route that gets requests. Raises Refused."""
    for route in found.routes:
        if route.odd or len(route.serving) != 1:
            raise Refused(
                f"{route}: adopting wants a route that leads to one target group or machine",
                cure="let the listener forward to one target group, or give the live machine the "
                "Elastic IP, first",
            )
    return tuple({route.serving[0].group: route.serving[0] for route in found.routes}.values())


def claim_groups(ports: Ports, live: DeployId, release: str = "") -> None:
    """Tag the groups that serve as the live deploy's. No deploy made them: none is deleted.

    Groups that a release made are its own already. Raises Refused for another's.
    """
    managed = ports.managed
    routes = managed.routes()
    groups = adoptable(routes) if routes else ()
    for group in groups:
        refuse_another_group(group, live)
    fresh = [group.group for group in groups if group.deploy is None]
    tags = {
        t.ID: str(live),
        t.STATE: Label.LIVE.value,
        t.LEDGER: str(managed.address),
        t.PART: t.part(TARGET_GROUP, managed.home.place),
        t.LISTENER: next(iter(managed.address.traffic), ""),
        t.HOLD: t.HELD_BY_ADOPTION,
        t.BY: ports.by,
    }
    if fresh:
        managed.traffic.tag(fresh, tags | ({t.RELEASE: release} if release else {}))


def refuse_another_group(group: Share, deploy: DeployId) -> None:
    """Raise Refused for a target group that carries another deploy's id."""
    tagged = group.tags.get(t.ID)
    if tagged not in (None, str(deploy)):
        raise Refused(
            f"{group.group} carries the deploy-id {tagged}: it already belongs to that deploy",
            cure="remove its deploy-* tags if they are a copy, then adopt again",
        )
