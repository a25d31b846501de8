"""The kinds of resources: one module each, and one written-out list.

How birth is proved is pure and stands in `reconciler.gc.ownership`; what a kind costs in
`reconciler.cost.estimate`; the order of deletion in `reconciler.plan.service_plan`.
"""

from __future__ import annotations

from reconciler.aws.kinds import (
    elastic_ip,
    image,
    instance,
    key_pair,
    launch_template,
    network_interface,
    rds_instance,
    rds_snapshot,
    security_group,
    snapshot,
    volume,
)
from reconciler.aws.kinds.kind import Kind

KINDS: tuple[Kind, ...] = (
    instance.KIND,
    volume.KIND,
    network_interface.KIND,
    elastic_ip.KIND,
    launch_template.KIND,
    image.KIND,
    key_pair.KIND,
    snapshot.KIND,
    rds_instance.KIND,
    rds_snapshot.KIND,
    security_group.KIND,
)
"""In the order in which they can be deleted."""

BY_NAME = {one.name: one for one in KINDS}
