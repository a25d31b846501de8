"""The types of `mark`: a verdict with its reason, and the root set. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.errors import Refused, ToolError
from reconciler.gc.base_images import NO_BASES, Bases
from reconciler.gc.other_names import OtherNames
from reconciler.gc.ownership import ServiceLocation
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NO_LEDGER, Ledger
from reconciler.model.resource import DATABASE, INSTANCE, Resource
from reconciler.model.tags import HELD_BY_ADOPTION, Label
from reconciler.traffic.reading import TrafficReading


class Role(StrEnum):
    """What a deploy is that the ledger names."""

    LIVE = "live"
    PREVIOUS = "previous"
    KEPT = "kept"
    LEASE = "lease held"
    LEFT = "left"


class Reason(StrEnum):
    """Why a resource is kept that the ledger does not name; UNROOTED alone means garbage."""

    FOREIGN = "foreign"
    LOOK_ALIKE = "look-alike"
    UNKNOWN = "unknown scope"
    HELD = "held"
    LOST = "lost"
    WITNESSED = "witnessed by DNS"
    YOUNG = "too young"
    IN_USE = "in use"
    DRAINING = "draining"
    UNROOTED = "not in the ledger"


KEPT = frozenset({Reason.HELD, Reason.LOST, Reason.IN_USE, Reason.YOUNG, Reason.LOOK_ALIKE})
"""Why a resource is kept though it is not rooted."""

CONDEMNED = frozenset({Label.PENDING, Label.FAILED, Label.LEFT})
"""Labels of resources that may be garbage once they are not rooted."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Keep or collect one resource, with the reason and its text.

    The reason to keep a rooted resource is the role of its deploy. `user` is the deploy that uses
    a database of another one: its role decides (ADR 23).
    """

    resource: Resource
    reason: Role | Reason
    text: str
    user: DeployId | None = None

    @property
    def deploy(self) -> DeployId | None:
        """The deploy whose resource it is: the one that it names, or a database's user."""
        return self.user or self.resource.deploy

    @property
    def role(self) -> Role | None:
        """The role of its deploy, if that is why it is kept."""
        return self.reason if isinstance(self.reason, Role) else None

    @property
    def collect(self) -> bool:
        """Whether the resource is garbage."""
        return self.reason is Reason.UNROOTED

    @property
    def let_go(self) -> bool:
        """Whether it is an adopted machine of no release any more: only people end it.

        One that the ledger or a DNS name leads to has another reason.
        """
        one = self.resource
        adopted = one.kind == INSTANCE and one.hold == HELD_BY_ADOPTION
        return adopted and self.reason is Reason.HELD


@dataclass(frozen=True)
class Root:
    """The root set of one service, read after the inventory.

    `problem` says why the service is unknown ('' if it is not); then none of its resources is
    changed. `cure` is what the failed reader suggests, `refusal` the exception to raise. `record`
    is the A record now (empty: there is none), `also` the records of the names that follow it,
    `names` all other names, if they were requested (`reconciler.gc.name_witnesses`). `now` is the
    ledger's Date. `fence` is the highest generation that a resource of the service has obeyed.
    `heap_age` is the time from the listing of the inventory to `now`. `units` is the digest of the
    configured set of units ('' if none is configured); `units_beside` that of a live machine beside
    the one that alone runs the jobs ('' where each does).
    `bases` are the images that any configured
    service names. `traffic` is what stands in the listeners; None if the record alone says who
    serves.
    """

    home: ServiceLocation
    now: datetime
    ledger: Ledger = NO_LEDGER
    record: tuple[str, ...] = ()
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: OtherNames = field(default_factory=OtherNames)
    problem: str = ""
    cure: str = ""
    refusal: type[ToolError] = Refused
    fence: int = 0
    min_age: timedelta = timedelta(0)
    heap_age: timedelta = timedelta(0)
    units: str = ""
    units_beside: str = ""
    bases: Bases = NO_BASES
    traffic: TrafficReading | None = None

    @property
    def leads_to_live(self) -> bool:
        """Whether clients are sent where the ledger says."""
        live = self.ledger.live
        if self.traffic is not None:
            return self.traffic.follows(live.id if live else None)
        return live is not None and self.record == live.at

    def is_unfinished(self, resources: Iterable[Resource]) -> bool:
        """Whether the live deploy's commit is not finished: then a switch may still be due.

        The label is written last. A rollback labels its machines `pending` before its commit.
        """
        live = self.ledger.live
        return live is not None and any(
            resource.deploy == live.id
            and resource.kind == INSTANCE
            and resource.label is Label.PENDING
            for resource in resources
        )


Roots = Mapping[str, Root]
"""By service."""


def role(ledger: Ledger, deploy: DeployId) -> Role | None:
    """What the ledger says `deploy` is; None when it does not name it."""
    if deploy not in ledger.rooted:
        return None
    if ledger.live is not None and ledger.live.id == deploy:
        return Role.LIVE
    if ledger.find_previous(deploy) is not None:
        return Role.PREVIOUS
    if ledger.left is not None and ledger.left.id == deploy:
        return Role.LEFT
    is_holder = ledger.lease is not None and ledger.lease.id == deploy
    return Role.LEASE if is_holder else Role.KEPT


def decider(ledger: Ledger, resource: Resource) -> DeployId | None:
    """The deploy whose role decides about a resource: its own; of a database, who uses it.

    A database is named after the deploy that made it, and others may use it (ADR 23): it is rooted
    while a rooted deploy does, and takes writes if live is among them. None: nobody uses it.
    """
    deploy = resource.deploy
    if resource.kind != DATABASE or deploy is None:
        return deploy
    return ledger.user_of(deploy)
