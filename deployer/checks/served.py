"""Which machines clients reach where traffic is not the record, as if a record named them.

`adopt`, `recover` and `retire` judge by the addresses in the A record. Behind a load balancer they
are those of the machines that get requests (protocol.md, "Traffic").
"""

from __future__ import annotations

from dataclasses import replace

from deployer.ports import Ports
from reconciler.errors import Refused
from reconciler.model.reading import ARecord, Reading
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
    """The one target group of each route that gets requests. Raises Refused."""
    for route in found.routes:
        if route.odd or len(route.serving) != 1:
            raise Refused(
                f"{route}: adopting wants one forward action to one target group",
                cure="let the listener forward to one target group first",
            )
    return tuple({route.serving[0].group: route.serving[0] for route in found.routes}.values())
