"""The kinds of EC2 resources: one module each, and one written-out list.

How birth is proved is pure and stands in `reconciler.birth`; what a kind costs in
`reconciler.costs`.
"""

from __future__ import annotations

from reconciler.aws.kinds import image, instance, network_interface, snapshot, volume
from reconciler.aws.kinds.kind import Kind

KINDS: tuple[Kind, ...] = (
    instance.KIND,
    volume.KIND,
    network_interface.KIND,
    image.KIND,
    snapshot.KIND,
)
"""In the order in which they can be deleted."""

BY_NAME = {one.name: one for one in KINDS}
