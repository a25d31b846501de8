"""The resource kinds: one module each, and one explicit list.

Proof of birth is pure and is in `reconciler.gc.ownership`; the cost of a kind is in
`reconciler.cost.rates`; the order of deletion is in `reconciler.plan.service_plan`.
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
    target_group,
    volume,
)
from reconciler.aws.kinds.kind import Kind

KINDS: tuple[Kind, ...] = (
    target_group.KIND,
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
