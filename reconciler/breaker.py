"""The breaker: a cap on what one run may delete of one service. Pure.

A mistake in a rule or a configuration deletes much at once; ordinary dirt is one dead release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.errors import Refused
from reconciler.plan import STRANGE, Plan, ServicePlan
from reconciler.resource import INSTANCE, INTERFACE, VOLUME


@dataclass(frozen=True)
class Cap:
    """At most `count` deletions, or `share` of what the service owns if that is more."""

    count: int = 10
    share: float = 0.2

    def of(self, owned: int) -> int:
        """The cap for a service that owns so many things."""
        return max(self.count, int(self.share * owned))


@dataclass(frozen=True)
class Load:
    """What a plan deletes of a service, and what it may."""

    deletions: int
    owned: int
    cap: int

    @property
    def tripped(self) -> bool:
        """Whether it is more than may be."""
        return self.deletions > self.cap


def load(todo: ServicePlan, cap: Cap) -> Load:
    """How much of a service a plan deletes.

    A volume or interface that goes with its machine is not counted beside it: otherwise the cap
    would depend on how many disks a machine has.
    """
    machines = {one.thing.id for one in todo.verdicts if one.thing.kind == INSTANCE}
    counted = [
        one
        for one in todo.verdicts
        if one.reason not in STRANGE
        and (one.thing.kind not in (VOLUME, INTERFACE) or not machines & set(one.thing.used_by))
    ]
    plain = sum(n for kind, n in todo.plain.items() if kind not in (VOLUME, INTERFACE))
    owned = len(counted) + plain
    return Load(sum(one.collect for one in counted), owned, cap.of(owned))


def check(plan: Plan, cap: Cap, allow: int | None = None) -> None:
    """Refuse a plan that deletes more of any service than the cap, or than `allow` if given.

    Raises Refused that names every such service.
    """
    loads: Mapping[str, Load] = {one.service: load(one, cap) for one in plan.services}
    over = {
        name: one
        for name, one in loads.items()
        if one.deletions > (one.cap if allow is None else allow)
    }
    if not over:
        return
    most = max(one.deletions for one in over.values())
    name = next(iter(over))
    raise Refused(
        f"too much to delete at once: {', '.join(_says(*one, allow) for one in over.items())}; "
        "nothing was touched",
        cure=(
            f"To see what and why    reconciler plan --service {name}\n"
            f"To allow it once       reconciler sweep --allow {most}"
        ),
    )


def _says(name: str, one: Load, allow: int | None) -> str:
    cap = one.cap if allow is None else allow
    return f"{one.deletions} things of {one.owned} of {name} (cap {cap})"
