"""A resource as the pure packages see it: one flat value for every kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.errors import Refused, ToolError, refusal_for
from reconciler.model import tags as t
from reconciler.model.coverage import Read
from reconciler.model.deploy_id import DeployId
from reconciler.model.tags import AccountRegion, Label

INSTANCE = "instance"
VOLUME = "volume"
INTERFACE = "network-interface"
IMAGE = "image"
SNAPSHOT = "snapshot"
ADDRESS = "elastic-ip"
KEY_PAIR = "key-pair"
GROUP = "security-group"
TEMPLATE = "launch-template"
TARGET_GROUP = "target-group"
RDS_INSTANCE = "rds-instance"
RDS_SNAPSHOT = "rds-snapshot"
DATABASE = "database"

MAKING = "making"
"""State of a database that has not got its final name yet: no deploy owns it so far."""

RDS = frozenset({RDS_INSTANCE, RDS_SNAPSHOT})
"""Kinds that RDS lists, with their tags: EC2's tag index does not cover them (aws.md §8)."""

BASE = "configured image"
"""As a gap's kind: a configured base image could not be resolved."""

APART = RDS | {DATABASE, BASE}
"""Kinds that are listed separately: if they cannot be read, only they are unknown."""


@dataclass(frozen=True, slots=True)
class BillingTerms:
    """Facts of a description that only matter for the bill.

    platform       an instance's PlatformDetails; '' if unknown, taken for Linux
    tenancy        default, dedicated or host;  lifecycle: spot, scheduled or ''
    first_started  when an instance was launched: its `created` is its latest start
    stopped        when it stopped, if its description says so
    iops           provisioned, of a volume or a database server; 0 if unknown
    throughput     of a volume, in MiB/s; 0 if unknown
    storage        a database server's: gp2, gp3, io1, …
    server         of a database: its server, as HOST:PORT
    server_gb      of a database: all databases of that server together; 0 if unknown
    """

    platform: str = ""
    tenancy: str = ""
    lifecycle: str = ""
    first_started: datetime | None = None
    stopped: datetime | None = None
    iops: int = 0
    throughput: int = 0
    storage: str = ""
    server: str = ""
    server_gb: float = 0


NO_TERMS = BillingTerms()


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource in the cloud, or a database on a shared server.

    kind        one of the constants above, as EC2's DescribeTags names it, if it does
    id          EC2's id; for RDS the end of the ARN: `db:shop-…`, `snapshot:shop-…`
    uses        ids that this resource uses: they can only be deleted after it
    used_by     ids that use this resource, as its own description says (attachments, images)
    source      what it was made from, if that helps to prove ownership (a snapshot's volume id)
    token       an instance's ClientToken;  name: set by its creator (image, group, database …)
    size_gb     disk size; 0 if unknown;  type: t3.small, gp3, …
    addresses   every address that may stand in an A record (private, public, elastic)
    public      those of `addresses` that are public or elastic; an instance's main one first
    elastic     those of `public` that are elastic: they stay when the instance stops
    public_ips  how many public IPv4 addresses it is billed for
    shared      another account may use it;  protected: people have set it against deregistration
    doubt       for a database: why it is not proved to be its deploy's
    since       for a database: when it came to its state, by the clock of its server
    billing     what only matters for its price
    deploy      the deploy in its tags, which does not prove ownership
    """

    kind: str
    id: str
    place: AccountRegion
    tags: Mapping[str, str] = field(default_factory=dict)
    state: str = ""
    name: str = ""
    token: str = ""
    zone: str = ""
    type: str = ""
    source: str = ""
    created: datetime | None = None
    addresses: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    elastic: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    size_gb: float = 0
    public_ips: int = 0
    shared: bool = False
    protected: bool = False
    doubt: str = ""
    since: datetime | None = None
    billing: BillingTerms = NO_TERMS
    deploy: DeployId | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:  # parsed once: every rule uses it
        object.__setattr__(self, "deploy", DeployId.maybe(self.tags.get(t.ID)))

    @property
    def label(self) -> Label | None:
        """Its `deploy-state`; None if missing or unknown."""
        return t.label_of(self.tags)

    @property
    def hold(self) -> str:
        """Why people keep it; '' also if they gave no reason."""
        return self.tags.get(t.HOLD, "")

    @property
    def held(self) -> bool:
        """Whether people keep it: the tag's presence counts, whatever its value (rule 16)."""
        return t.HOLD in self.tags

    @property
    def private(self) -> tuple[str, ...]:
        """Those of `addresses` that are not public; an instance's main one first."""
        return tuple(address for address in self.addresses if address not in self.public)

    @property
    def key(self) -> tuple[str, str, str]:
        """Its unique key: place, kind, id."""
        return (str(self.place), self.kind, self.id)


def maker_of(resource: Resource) -> DeployId | None:
    """The id of who made it, by its tags: its deploy, or for a target group a rollback to that."""
    return DeployId.maybe(resource.tags.get(t.LEASE)) or resource.deploy


def database_owner(machines: Iterable[Resource], deploy: DeployId) -> DeployId:
    """The deploy whose database these machines of `deploy` use, by their tags: mostly its own."""
    said = (DeployId.maybe(machine.tags.get(t.SHARES)) for machine in machines)
    return next((one for one in said if one and one.service == deploy.service), deploy)


def service_of(resource: Resource) -> str:
    """The service in its tags, which does not prove ownership; '' if they name none."""
    deploy = resource.deploy
    return deploy.service if deploy is not None else ""


def hold_of(resource: Resource) -> str:
    """The reason for its hold as text, or `none`."""
    return (resource.hold.strip() or "yes, without a reason") if resource.held else "none"


@dataclass(frozen=True)
class Gap:
    """A scope that could not be read: no resource in it may be taken for absent.

    `reason` and `cure` are the error's texts, `refusal` is the exception to raise for it.
    """

    place: AccountRegion
    kind: str
    reason: str
    cure: str = ""
    refusal: type[ToolError] = Refused

    @classmethod
    def of(cls, place: AccountRegion, kind: str, error: ToolError) -> Gap:
        """The gap that `error` causes."""
        return cls(place, kind, error.message, error.cure, refusal_for(error))


Plain = Mapping[tuple[DeployId, str], int]
"""How many resources are skipped (kept without a description), by deploy and kind."""


@dataclass(frozen=True)
class Inventory:
    """The resources that were seen, the gaps, and the reads that it took."""

    resources: tuple[Resource, ...] = ()
    gaps: tuple[Gap, ...] = ()
    reads: tuple[Read, ...] = ()
    plain: Plain = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """How many requests were answered."""
        return sum(read.calls for read in self.reads)

    def of(self, deploy: DeployId) -> tuple[Resource, ...]:
        """The resources whose tags name `deploy`."""
        return tuple(resource for resource in self.resources if resource.deploy == deploy)
