"""The plan: what a sweep would do to one service, as a value. Pure.

It is shown, then executed; `reconciler.plan.planner` creates it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.gc.name_witnesses import Note
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Role, Root, Verdict
from reconciler.model import resource as kinds
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease, Ledger
from reconciler.model.resource import DATABASE, Inventory, Resource
from reconciler.plan.approved_actions import ApprovedActions
from reconciler.plan.standby import Rest, Standby, stages
from reconciler.plan.traffic_work import NO_WORK, TrafficWork

WAVES: tuple[tuple[str, ...], ...] = (
    (kinds.TARGET_GROUP,),
    (kinds.INSTANCE,),
    (kinds.VOLUME, kinds.INTERFACE, kinds.ADDRESS, kinds.TEMPLATE),
    (kinds.IMAGE, kinds.KEY_PAIR),
    (kinds.SNAPSHOT,),
    (kinds.DATABASE,),
    (kinds.RDS_INSTANCE,),
    (kinds.RDS_SNAPSHOT,),
    (kinds.GROUP,),
)
"""Deletion runs against `uses`; a wave begins when the one before is gone.

Target groups come first: their machines serve until no late request can name them. Security groups
come last: interfaces, RDS instances and other groups' rules hold them.
"""

_WAVE_OF = {kind: number for number, wave in enumerate(WAVES) for kind in wave}


def wave(resource: Resource) -> int:
    """The wave in which a thing is deleted."""
    return _WAVE_OF[resource.kind]


STRANGE = frozenset({Reason.FOREIGN, Reason.LOOK_ALIKE})
"""Verdicts on resources that are not ours, whatever their tags say."""

SHUT = "shut"
OPEN = "open"
"""States of a database: whether the service's roles can write to it."""

OTHER_UNITS = "has not obeyed the units that are configured now"
"""Why a finished deploy has to be finished again."""


@dataclass(frozen=True)
class Repair:
    """A rooted deploy differs from its desired state: finish it (idempotent, label last).

    `units_only`: it was finished, but for another set of units than is configured now.
    """

    deploy: DeployId
    role: Role
    why: str
    units_only: bool = False


@dataclass(frozen=True)
class SweepRequest:
    """The options of a sweep.

    `only`      delete only this deploy's resources
    `rest_again` with `only`: put this deploy's machines to rest again, which were started in vain
    `spare`     delete none of these ids, nor what they use: they are known to be undeletable
    `end_lease` with `operator`: the operator confirms that this lease may be ended before its time
    `unfinished_only`  only possible garbage was listed: skip what needs the full inventory
    `among`     only these approved actions, however much else is due
    `deletable` delete only what these approved actions delete; all else that is due is done
    """

    retention: Retention = field(default_factory=Retention)
    ttl: int = 60
    only: DeployId | None = None
    rest_again: DeployId | None = None
    spare: frozenset[str] = frozenset()
    end_lease: Lease | None = None
    operator: bool = False
    unfinished_only: bool = False
    among: ApprovedActions | None = None
    deletable: ApprovedActions | None = None

    def stages(self, ledger: Ledger, root: Root) -> Mapping[DeployId, Standby]:
        """The stages of standby that this sweep may bring previous deploys to, under `ledger`.

        None if the sweep is restricted: only a full one knows that nothing else comes first. But a
        deploy that rested before this command began may rest again.
        """
        if self.unfinished_only or self.among is not None:
            return {}
        found = stages(ledger, root, self.retention.standby, self.ttl)
        if self.only is None:
            return found
        return {deploy: stage for deploy, stage in found.items() if deploy == self.rest_again}


@dataclass(frozen=True)
class ServicePlan:
    """The actions on one service, in the order in which they are done.

    `plain` counts the skipped resources by kind; they have no verdicts. `witnesses` are the
    contradictions of names other than the record (rule 13). `traffic` is what has to follow the
    ledger before anything is repaired.
    """

    root: Root
    end: Lease | None = None
    traffic: TrafficWork = NO_WORK
    repairs: tuple[Repair, ...] = ()
    readdress: tuple[str, ...] = ()
    forget: tuple[DeployId, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    witnesses: tuple[Note, ...] = ()
    problem: str = ""
    unfinished_only: bool = False
    rests: tuple[Rest, ...] = ()
    plain: Mapping[str, int] = field(default_factory=dict)
    keep: int = Retention.keep

    @property
    def service(self) -> str:
        """The service's name."""
        return self.root.home.service

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What people have to check, whatever else there is to do."""
        return (*self.notes, *(witness.text for witness in self.witnesses))

    @cached_property
    def deletes(self) -> tuple[Verdict, ...]:
        """The garbage, sorted by wave, then by id."""
        garbage = [verdict for verdict in self.verdicts if verdict.collect]
        return tuple(
            sorted(garbage, key=lambda verdict: (wave(verdict.resource), verdict.resource.id))
        )

    def owned(self, deploy: DeployId) -> tuple[Resource, ...]:
        """The deploy's resources. One that only carries its tags must not be labelled."""
        return tuple(
            verdict.resource
            for verdict in self.verdicts
            if verdict.deploy == deploy and verdict.reason not in STRANGE
        )

    def resources(self, repair: Repair) -> tuple[Resource, ...]:
        """The resources that a repair changes: those that the ledger roots in that role."""
        return tuple(
            verdict.resource
            for verdict in self.verdicts
            if verdict.deploy == repair.deploy
            and verdict.role is repair.role
            and (verdict.resource.kind == DATABASE or not self.unfinished_only)
        )

    @property
    def shut_live(self) -> Resource | None:
        """The live deploy's database, while it refuses writes."""
        found = (
            verdict.resource
            for verdict in self.verdicts
            if verdict.role is Role.LIVE and verdict.resource.kind == DATABASE
        )
        return next((one for one in found if one.state == SHUT), None)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        swaps = self.end or self.readdress or self.forget
        acts = (swaps, self.repairs, self.rests, self.deletes)
        return self.traffic.empty and not any(acts)


@dataclass(frozen=True)
class Plan:
    """The plans of all services, and the foreign resources (also of unknown services)."""

    services: tuple[ServicePlan, ...]
    strangers: tuple[Verdict, ...] = ()
    inventory: Inventory = field(default_factory=Inventory)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What people have to check: a record that was moved (rule 11), other names (rule 13)."""
        return tuple(
            f"{service_plan.service}: {contradiction}"
            for service_plan in self.services
            for contradiction in service_plan.contradictions
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do anywhere."""
        return all(service_plan.empty for service_plan in self.services)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of all services."""
        return tuple(verdict for plan in self.services for verdict in plan.verdicts)

    @property
    def deletes(self) -> tuple[Verdict, ...]:
        """The deletions of all services."""
        return tuple(verdict for plan in self.services for verdict in plan.deletes)

    @property
    def problems(self) -> Mapping[str, str]:
        """Why services are unknown, by their name."""
        return {plan.service: plan.problem for plan in self.unknown}

    @property
    def unknown(self) -> tuple[ServicePlan, ...]:
        """The services whose resources will not be changed."""
        return tuple(service_plan for service_plan in self.services if service_plan.problem)
