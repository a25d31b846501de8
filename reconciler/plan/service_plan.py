"""The plan: what a sweep would do to one service, as a value. Pure.

It is shown, then executed; `reconciler.plan.planner` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reconciler.gc.name_witnesses import Note
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Reason, Root, Verdict
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Lease
from reconciler.model.resource import DATABASE, Inventory, Resource
from reconciler.plan.approved_actions import ApprovedActions
from reconciler.plan.deletion_order import wave

STRANGE = frozenset({Reason.FOREIGN, Reason.LOOK_ALIKE})
"""Verdicts on what is not ours, whatever its tags say."""

SHUT = "shut"
OPEN = "open"
"""States of a database: whether the service's roles can write to it."""

OTHER_UNITS = "has not obeyed the units that are configured now"
"""Why a deploy that was finished is due once more."""


@dataclass(frozen=True)
class Repair:
    """A rooted deploy is not as its role wants it: finish it (idempotent, label last).

    `units_only`: it was finished, for another set of units than is configured now.
    """

    deploy: DeployId
    role: Reason
    why: str
    units_only: bool = False


@dataclass(frozen=True)
class SweepRequest:
    """What a sweep is asked for, beyond the ordinary.

    `only`      delete nothing but this deploy's things
    `spare`     delete none of these ids, nor what they use: somebody knows that it cannot be
    `end_lease` an operator's word that its holder's lease may be ended before its time
    `young`     only what may be garbage was listed: nothing is done that needs the whole picture
    `among`     nothing but what stands in this order, however much more there is
    """

    retention: Retention = field(default_factory=Retention)
    ttl: int = 60
    only: DeployId | None = None
    spare: frozenset[str] = frozenset()
    end_lease: Lease | None = None
    operator: bool = False
    unfinished_only: bool = False
    among: ApprovedActions | None = None


@dataclass(frozen=True)
class ServicePlan:
    """What is to be done about one service, in the order it is done.

    `plain` counts what is plainly kept by kind; of that there are no verdicts. `witnesses` is what
    other names than the record contradict (rule 13).
    """

    root: Root
    end: Lease | None = None
    repairs: tuple[Repair, ...] = ()
    readdress: tuple[str, ...] = ()
    forget: tuple[DeployId, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()
    witnesses: tuple[Note, ...] = ()
    problem: str = ""
    unfinished_only: bool = False
    plain: Mapping[str, int] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """The service's name."""
        return self.root.home.service

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What people have to look at, whatever else there is to do."""
        return (*self.notes, *(one.text for one in self.witnesses))

    @cached_property
    def deletes(self) -> tuple[Verdict, ...]:
        """The garbage, sorted by wave, then by kind and id."""
        garbage = [one for one in self.verdicts if one.collect]
        return tuple(sorted(garbage, key=lambda one: (wave(one.resource), one.resource.id)))

    def owned(self, deploy: DeployId) -> tuple[Resource, ...]:
        """The deploy's things. What only carries its tags is nobody's to label."""
        return tuple(
            one.resource
            for one in self.verdicts
            if one.resource.deploy == deploy and one.reason not in STRANGE
        )

    def resources(self, repair: Repair) -> tuple[Resource, ...]:
        """What a repair acts upon: the deploy's things that the ledger roots in that role."""
        return tuple(
            one.resource
            for one in self.verdicts
            if one.resource.deploy == repair.deploy
            and one.reason is repair.role
            and (one.resource.kind == DATABASE or not self.unfinished_only)
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.end or self.repairs or self.readdress or self.forget or self.deletes)


@dataclass(frozen=True)
class Plan:
    """The plans of all services, and what is nobody's (foreign, of unknown services)."""

    services: tuple[ServicePlan, ...]
    strangers: tuple[Verdict, ...] = ()
    inventory: Inventory = field(default_factory=Inventory)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What people have to look at: a record that was moved (rule 11), other names (rule 13)."""
        return tuple(
            f"{one.service}: {said}" for one in self.services for said in one.contradictions
        )

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do anywhere."""
        return all(one.empty for one in self.services)

    @property
    def unknown(self) -> tuple[ServicePlan, ...]:
        """The services of which nothing will be touched."""
        return tuple(one for one in self.services if one.problem)
