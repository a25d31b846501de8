"""Describes the volumes that machines of ours use and that carry no tags of ours.

So it is after an adoption: only the machine is tagged. The volumes are paid for with it, so every
view of what a service costs counts them.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.model.resource import INSTANCE, Inventory
from reconciler.model.tags import AccountRegion
from reconciler.plan.service_plan import STRANGE, Plan
from reconciler.ports.cloud_inventory import CloudInventory


def attached_volumes(plan: Plan, heaps: Mapping[AccountRegion, CloudInventory]) -> Inventory:
    """The volumes of `untagged_volumes`. No call is made where there are none."""
    wanted: dict[AccountRegion, list[str]] = {}
    for place, id_ in untagged_volumes(plan):
        wanted.setdefault(place, []).append(id_)
    found = [heaps[place].volumes(ids) for place, ids in wanted.items() if place in heaps]
    return Inventory(
        tuple(resource for one in found for resource in one.resources),
        tuple(gap for one in found for gap in one.gaps),
        tuple(read for one in found for read in one.reads),
    )


def untagged_volumes(plan: Plan) -> tuple[tuple[AccountRegion, str], ...]:
    """The volumes that machines of ours use and that carry no tags of ours, as after an adoption.

    They are paid for with the machine, though no sweep would ever delete them by themselves.
    """
    judged = (verdict.resource for verdict in (*plan.verdicts, *plan.strangers))
    known = {resource.id for resource in (*plan.inventory.resources, *judged)}
    machines = (v.resource for v in plan.verdicts if v.reason not in STRANGE)
    return tuple(
        (machine.place, used)
        for machine in machines
        if machine.kind == INSTANCE
        for used in machine.uses
        if used.startswith("vol-") and used not in known
    )
