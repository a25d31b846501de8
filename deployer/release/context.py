"""One release in progress: what it was given, what it starts from, what it has created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from deployer import events as e
from deployer.compute import ImageOrder, InstanceFacts, LaunchOrder
from deployer.ports import Ports
from deployer.provisioning.code_archive import CodeArchive
from deployer.provisioning.files.carry import Carried, LiveListing
from deployer.provisioning.release_cost import KeptRelease
from deployer.release.clock import elapsed
from deployer.release.lease_holder import LeaseHolder
from reconciler.cost.estimate import as_number, hourly
from reconciler.errors import ToolError
from reconciler.machine.activation_gate import ActivationGate
from reconciler.machine.host_key import HostKey, make_host_key
from reconciler.machine.shell import Shell
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Via
from reconciler.model.reading import Reading
from reconciler.model.resource import Resource
from reconciler.plan.service_plan import ServicePlan
from reconciler.sweep.absence import Sightings
from reconciler.traffic.port import JoinOrder
from reconciler.util.backoff import Backoff
from reconciler.util.humanize import span

REHEARSAL = "rehearse"
"""The step that the lease of a rehearsal names, whatever it does: a release may end it."""


@dataclass(frozen=True)
class ReleaseOptions:
    """The options that the user gave for this release; of a rehearsal nothing goes live."""

    ref: str = "HEAD"
    sweep_first: bool = False
    despite: frozenset[str] = frozenset()
    wait: timedelta = timedelta(0)
    keep_failed: timedelta | None = None
    rehearsal: bool = False


@dataclass(frozen=True)
class NewMachine:
    """A machine of this deploy, and the open SSH session on it.

    `address` is where it is asked until it is live; `at` what the ledger will say, if not the same.
    """

    id: str
    address: str
    shell: Shell
    at: str = ""


@dataclass
class Freeze:
    """The live database is closed for writes: since when (`elapsed`), and its schema digest."""

    database: str
    since: float
    limit: float
    digest: str

    def left(self) -> float:
        """Seconds until the freeze is abandoned."""
        return self.limit - (elapsed() - self.since)


@dataclass(frozen=True)
class ReleaseInputs:
    """What a release is given: all that the guard needs."""

    ports: Ports
    options: ReleaseOptions
    emit: e.Listener

    @property
    def gate(self) -> ActivationGate:
        """The units that a clone must not start by itself."""
        app = self.ports.service.app
        return ActivationGate(app.units, app.jobs, app.jobs_on == "first")

    @property
    def env_file(self) -> str:
        """The path where the app reads its environment; '' for none."""
        return self.ports.service.app.env_file or ""

    def note(self, step: str, text: str) -> None:
        """Emit a note about a running step."""
        self.emit(e.StepNote(step, text))

    def progress(self, step: str, text: str, unit: str = "B") -> Callable[[int, int], None]:
        """A callback that reports the progress of a step."""
        return lambda done, total: self.emit(e.StepProgress(step, text, done, total, unit))


@dataclass(frozen=True)
class StartingPoint:
    """What the guard read and chose: the new deploy's id, the service, and the release before."""

    deploy: DeployId
    service_plan: ServicePlan
    reading: Reading
    was: str

    @property
    def text(self) -> str:
        """The guard's result in words."""
        return "clean" if self.reading.ledger.live else "a first release"


@dataclass
class Created:
    """What the release has created in AWS, and ordered: all that its undo needs.

    source   the live machine whose disk is copied; None for a first release
    stopped  why an image hook may have left live stopped: the end of the hook was not observed
    public   whether the machines get public addresses, for the record or to be reached there
    per_hour what the machines, their disks and their image cost; None if not known
    kept     what is live now, as it will cost once it is kept for a rollback
    joined   what was made to lead traffic to the machines (target groups), for `join_order`
    drain    how long requests may be in flight after the switch; None: the record's TTL says it
    """

    source: InstanceFacts | None = None
    stopped: str = ""
    image_order: ImageOrder | None = None
    image: str = ""
    image_seen: Sightings = field(default_factory=Sightings)
    host_key: HostKey = field(default_factory=make_host_key)
    launch_order: LaunchOrder | None = None
    launched: tuple[str, ...] = ()
    facts: tuple[InstanceFacts, ...] = ()
    public: bool = False
    per_hour: float | None = None
    kept: KeptRelease = field(default_factory=KeptRelease)
    machines: tuple[NewMachine, ...] = ()
    join_order: JoinOrder | None = None
    joined: tuple[str, ...] = ()
    drain: timedelta | None = None


@dataclass
class ReleaseDatabase:
    """The release's database `name`, and `source`, the live one that was closed for it.

    `shared` is the deploy whose database `name` is, where the release uses live's; `migrating` is
    set before the first migration.
    """

    name: str = ""
    source: str = ""
    shared: DeployId | None = None
    migrating: bool = False
    freeze: Freeze | None = None
    frozen_seconds: float | None = None
    schema: str = ""


@dataclass
class ReleaseFiles:
    """The files that are carried: sessions on live's machines, live's last listings by folder."""

    sessions: list[Shell] = field(default_factory=list)
    listed: dict[str, LiveListing] = field(default_factory=dict)
    carried: Carried = field(default_factory=Carried)


@dataclass(frozen=True)
class ReleaseContext(ReleaseInputs):
    """One release past its guard. Steps change what it has created, its database and files."""

    code: CodeArchive
    start: StartingPoint
    held: LeaseHolder
    created: Created = field(default_factory=Created)
    database: ReleaseDatabase = field(default_factory=ReleaseDatabase)
    files: ReleaseFiles = field(default_factory=ReleaseFiles)
    unfinished: list[str] = field(default_factory=list)

    @property
    def deploy(self) -> DeployId:
        """This deploy's id."""
        return self.start.deploy

    @property
    def release(self) -> str:
        """The name of the release, from its code."""
        return self.code.release

    @property
    def addresses(self) -> tuple[str, ...]:
        """What the ledger will say, and the record where it is in the batch."""
        return tuple(sorted(machine.at or machine.address for machine in self.created.machines))

    @property
    def via(self) -> Via:
        """Which address of each machine that is. A private one stays as long as the machine."""
        named = self.created.public and self.ports.managed.traffic.by_address
        return Via.PUBLIC if named else Via.PRIVATE

    def tell_created(self, kind: str, id_: str, type_: str = "") -> None:
        """Report a resource of ours, with its price while it runs."""
        service = self.ports.service
        resource = Resource(kind, id_, service.place, type=type_, public_ips=self.created.public)
        self.emit(e.ResourceCreated(kind, id_, as_number(hourly(resource, self.ports.prices))))

    def looks(self, pace: Backoff) -> Iterator[float]:
        """The polling attempts of a step. Raises LeaseLost: then there is nothing to wait for."""
        return replace(pace, sleep=self.held.sleep).attempts()

    def thawed(self, *, cut_over: bool) -> None:
        """Report that writes are accepted again: by the new database, or by the old one."""
        if self.database.freeze is None:
            return
        self.database.frozen_seconds = elapsed() - self.database.freeze.since
        self.database.freeze = None
        self.emit(e.FreezeEnded(self.database.frozen_seconds, cut_over))

    def within(self, limit: timedelta) -> float:
        """Seconds a command may take: its own limit, or the remaining time of the freeze.

        Raises ToolError when the freeze has reached its limit.
        """
        freeze = self.database.freeze
        if freeze is None:
            return limit.total_seconds()
        left = freeze.left()
        if left <= 0:
            raise self.freeze_over()
        return min(limit.total_seconds(), left)

    def freeze_over(self) -> ToolError:
        """The error where live must take writes again, whatever is still missing."""
        service, freeze = self.ports.service, self.database.freeze
        limit = span(freeze.limit) if freeze is not None else "its limit"
        return ToolError(
            f"live had refused writes for max_freeze = {limit}: it takes them again",
            cure=f"raise database.max_freeze in services/{service.name}.toml, or make the copy and "
            "the migration faster",
        )
