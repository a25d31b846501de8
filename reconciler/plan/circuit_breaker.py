"""The circuit breaker: a cap on what one run may delete of one service. Pure.

A mistake in a rule or a configuration deletes much at once; normal garbage is one dead release.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.errors import Refused
from reconciler.model.outcome import Outcome, OutcomeStatus
from reconciler.model.resource import INSTANCE, INTERFACE, VOLUME, Resource, service_of
from reconciler.plan.service_plan import STRANGE, Plan, ServicePlan


@dataclass(frozen=True)
class Cap:
    """At most `count` deletions, or `share` of what the service owns if that is more."""

    count: int = 10
    share: float = 0.2

    def of(self, owned: int) -> int:
        """The cap for a service that owns so many resources."""
        return max(self.count, int(self.share * owned))


@dataclass(frozen=True)
class Load:
    """How much a plan deletes of a service, and how much it may delete."""

    deletions: int
    owned: int
    cap: int


def load(service_plan: ServicePlan, cap: Cap, gone: Sequence[Resource] = ()) -> Load:
    """How much a run deletes of a service: what its plan deletes, and what is `gone` before.

    A volume or interface that is deleted with its machine is not counted: otherwise the cap
    would depend on how many disks a machine has.
    """
    ours = [one for one in service_plan.verdicts if one.reason not in STRANGE]
    machines = {
        one.id for one in (*(each.resource for each in ours), *gone) if one.kind == INSTANCE
    }
    before = sum(_counts(one, machines) for one in gone)
    counted = [one for one in ours if _counts(one.resource, machines)]
    plain = sum(n for kind, n in service_plan.plain.items() if kind not in (VOLUME, INTERFACE))
    owned = len(counted) + plain + before
    return Load(sum(one.collect for one in counted) + before, owned, cap.of(owned))


def _counts(resource: Resource, machines: set[str]) -> bool:
    return resource.kind not in (VOLUME, INTERFACE) or not machines & set(resource.used_by)


@dataclass
class Breaker:
    """The cap of one run: it records what is deleted, so that its rounds count together."""

    cap: Cap
    allow: int | None = None
    gone: list[Resource] = field(default_factory=list)

    def hear(self, outcome: Outcome) -> None:
        """Records the outcome of an action."""
        if outcome.status is OutcomeStatus.GONE:
            self.gone.append(outcome.resource)

    def check(self, plan: Plan) -> None:
        """Raises Refused if a round would delete too much."""
        check(plan, self.cap, self.allow, self.gone)


def check(plan: Plan, cap: Cap, allow: int | None = None, gone: Sequence[Resource] = ()) -> None:
    """Refuse a plan that deletes more of any service than the cap, or than `allow` if given.

    What is `gone` in the same run counts too. Raises Refused that names every such service.
    """
    over: dict[str, Load] = {}
    for service_plan in plan.services:
        one = load(
            service_plan, cap, [each for each in gone if service_of(each) == service_plan.service]
        )
        if service_plan.deletes and one.deletions > (one.cap if allow is None else allow):
            over[service_plan.service] = one
    if not over:
        return
    most = max(one.deletions for one in over.values())
    name = next(iter(over))
    touched = f"{len(gone)} were removed before, nothing more" if gone else "nothing was touched"
    raise Refused(
        f"too much to delete at once: {', '.join(_says(*one, allow) for one in over.items())}; "
        f"{touched}",
        cure=(
            f"To see what and why    reconciler plan --service {name}\n"
            f"To allow it once       reconciler sweep --allow {most}"
        ),
    )


def _says(name: str, one: Load, allow: int | None) -> str:
    cap = one.cap if allow is None else allow
    return f"{one.deletions} things of {one.owned} of {name} (cap {cap})"
