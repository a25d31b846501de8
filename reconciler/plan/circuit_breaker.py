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
    ours = [verdict for verdict in service_plan.verdicts if verdict.reason not in STRANGE]
    known = (*(verdict.resource for verdict in ours), *gone)
    machines = {resource.id for resource in known if resource.kind == INSTANCE}
    before = sum(_counts(resource, machines) for resource in gone)
    counted = [verdict for verdict in ours if _counts(verdict.resource, machines)]
    plain = sum(n for kind, n in service_plan.plain.items() if kind not in (VOLUME, INTERFACE))
    owned = len(counted) + plain + before
    return Load(sum(verdict.collect for verdict in counted) + before, owned, cap.of(owned))


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
        before = [resource for resource in gone if service_of(resource) == service_plan.service]
        current = load(service_plan, cap, before)
        if service_plan.deletes and current.deletions > (current.cap if allow is None else allow):
            over[service_plan.service] = current
    if not over:
        return
    most = max(current.deletions for current in over.values())
    name = next(iter(over))
    loads = ", ".join(_says(name, current, allow) for name, current in over.items())
    touched = f"{len(gone)} were removed before, nothing more" if gone else "nothing was touched"
    raise Refused(
        f"too much to delete at once: {loads}; {touched}",
        cure=(
            f"To see what and why    reconciler plan --service {name}\n"
            f"To allow it once       reconciler sweep --allow {most}"
        ),
    )


def _says(name: str, load: Load, allow: int | None) -> str:
    cap = load.cap if allow is None else allow
    return f"{load.deletions} of {load.owned} resources of {name} (cap {cap})"
