"""The schema of `services/<service>.toml`: every key, its default and the rules between keys.

Keys without a default have none on purpose: a wrong guess would lose data (`files`, `writes`) or
prove nothing (`smoke`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from reconciler.config.carry import check_carry
from reconciler.config.instance_tags import own_tags
from reconciler.config.limits import LeaseLengths, Limits
from reconciler.config.ssh import Ssh
from reconciler.config.traffic import TrafficSettings
from reconciler.config.types import (
    Account,
    Duration,
    HostName,
    LedgerFolder,
    Line,
    LocalPath,
    Port,
    Reference,
    Region,
    RemotePath,
    S3Place,
    Section,
    Span,
    SqlName,
    Unit,
    Variable,
    Zone,
    ZoneChoice,
)
from reconciler.gc.retention import Retention, StandbyPolicy
from reconciler.model.deploy_id import valid_service
from reconciler.model.tags import AccountRegion


class Code(Section):
    """What is released: a git checkout (archive of --ref), a directory or an archive."""

    source: LocalPath
    path: RemotePath
    install: tuple[Line, ...] = ()


class App(Section):
    """The units of the service and where it reads its environment.

    `jobs_on`: whether the jobs run on each machine of the live release, or on its first alone.
    """

    units: Annotated[tuple[Unit, ...], Field(min_length=1)]
    jobs: tuple[Unit, ...] = ()
    jobs_on: Literal["each", "first"] = "each"
    env_file: RemotePath | None = None


class Database(Section):
    """The service's database; leave the table out for none.

    `url` is the application's URL, as a template, for a clone that carries no env file; `name` the
    database before adoption; `run` where dump and restore run; `ignore_roles` the roles whose
    sessions are ended when a database of ours is dropped; `other_roles` what to do about roles
    other than the application's that write in the live database; `via` whether the admin's
    connections go through `ssh.via` (None: they do, unless that is direct).
    """

    engine: Literal["postgres", "rds"]
    admin: Reference
    app_role: SqlName
    ignore_roles: tuple[SqlName, ...] = ()
    url: Reference | None = None
    name: SqlName | None = None
    variable: Variable = "DATABASE_URL"
    migrate: tuple[Line, ...] = ()
    copy_: Annotated[Literal["always", "when-migrating", "never"], Field(alias="copy")] = "always"
    pending: Line | None = None
    writes: Literal["freeze", "follow", "lose"] | None = None
    max_wait: Span = timedelta(seconds=30)
    max_freeze: Span = timedelta(minutes=5)
    run: Literal["instance", "here"] = "instance"
    via: Literal["direct", "ssh"] | None = None
    other_roles: Literal["shut", "refuse"] = "refuse"

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.copy_ != "never" and self.writes is None:
            raise ValueError(
                'writes: has no default, because a wrong one loses data: "freeze" refuses writes '
                'while the database is copied, "lose" lets go what is written meanwhile'
            )
        if self.copy_ == "never" and self.writes is not None:
            raise ValueError('writes: means nothing with copy = "never"')
        if (self.copy_ == "when-migrating") != (self.pending is not None):
            raise ValueError('pending: goes with copy = "when-migrating", and only with it')
        return self


class Smoke(Section):
    """One check of the new machines: an HTTP answer or a command's success.

    `from` is where the request starts: here, or on the machine, through its SSH session (None: on
    the machine, unless `ssh.via` is direct).
    """

    http: str | None = None
    command: Line | None = None
    expect: Annotated[int, Field(ge=100, le=599)] = 200
    contains: str | None = None
    port: Port | None = None
    tls: bool = False
    verify: bool = True
    from_: Annotated[Literal["here", "machine"] | None, Field(alias="from")] = None
    tries: Annotated[int, Field(ge=1, le=1000)] = 10
    every: Span = timedelta(seconds=3)
    timeout: Span = timedelta(seconds=5)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if (self.http is None) == (self.command is None):
            raise ValueError("one of http and command is wanted")
        if self.http is not None and not self.http.startswith("/"):
            raise ValueError('http: a path is wanted, such as "/healthz"')
        http_only = {"expect", "contains", "port", "tls", "verify", "from_"} & self.model_fields_set
        if self.command is not None and http_only - {"contains"}:
            key = min(http_only - {"contains"}).rstrip("_")
            raise ValueError(f"{key}: means nothing with command")
        return self

    @property
    def target_port(self) -> int:
        """The port to check: the configured one, else 443 with TLS, else 80."""
        return self.port or (443 if self.tls else 80)


Device = Annotated[str, Field(pattern=r"^(/dev/)?[a-z0-9]+$")]


class Instance(Section):
    """The new machines. Values that are not set are copied from the live machine.

    `image` (an AMI id or `ssm:/path`) is the base of a first release and of `image_from = "base"`.
    `no_reboot = false` reboots the live machine for a consistent file system. `volumes` says for a
    device of live beside its root whether a clone gets a copy of it.
    """

    count: Annotated[int, Field(ge=1, le=1000)] = 1
    type: str | None = None
    subnets: tuple[Annotated[str, Field(pattern=r"^subnet-")], ...] = ()
    groups: tuple[Annotated[str, Field(pattern=r"^sg-")], ...] = ()
    profile: str | None = None
    key: str | None = None
    address: Literal["auto", "private", "public"] = "auto"
    image: Annotated[str, Field(pattern=r"^(ami-[0-9a-f]+|ssm:/.+)$")] | None = None
    image_from: Literal["live", "base"] = "live"
    no_reboot: bool = True
    volumes: Mapping[Device, Literal["copy", "skip"]] = Field(default_factory=dict)
    tags: Annotated[Mapping[str, str], AfterValidator(own_tags)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if self.image_from == "base" and self.image is None:
            raise ValueError('image: is wanted with image_from = "base"')
        return self


class Image(Section):
    """Commands on the live machine around the copy of its disk (flush, fsfreeze).

    A timer on live itself runs `after` once `max_stopped` has passed, counted from before `before`.
    `clean` runs on each clone, before the code is there: it takes away what an agent remembers of
    live. (The machine id is always made anew.)
    """

    before: tuple[Line, ...] = ()
    after: tuple[Line, ...] = ()
    max_stopped: Span = timedelta(minutes=2)
    clean: tuple[Line, ...] = ()


class Service(Section):
    """One service: what is released, where, and how. `name` is the file's name.

    `ledger` is the folder in S3 that holds the ledger; '': it is in the record's zone.
    `zone_account` holds that zone or bucket; None: the machines' account. `zone`
    chooses the zone where several contain the record; '': the longest. `also`
    are the names that change with the record; every other name of the ledger's zone and of
    `witness_zones` that holds an address of a release keeps it from being deleted. `park` says what
    becomes of a previous release's machines, that of the newest one after `park_after`. `bake`:
    how long the checks go on after the switch. `journal`: another place than reconciler.toml's, or
    "off".
    """

    name: str
    record: HostName
    ledger: LedgerFolder | Literal[""] = ""
    zone: ZoneChoice | Literal[""] = ""
    also: tuple[HostName, ...] = ()
    witness_zones: tuple[Zone, ...] = ()
    account: Account
    region: Region
    zone_account: Account | None = None
    files: Literal["none", "lose", "carry"]
    carry: tuple[RemotePath, ...] = ()
    keep: Annotated[int, Field(ge=1, le=20)] = 2
    keep_for: Span | None = None
    keep_rejected: Duration = timedelta(days=7)
    park: Literal["stop", "run", "terminate"] = "stop"
    park_after: Duration = timedelta(hours=24)
    bake: Duration = timedelta(0)
    journal: S3Place | Literal["off"] | None = None
    code: Code
    app: App
    database: Database | None = None
    smoke: Annotated[tuple[Smoke, ...], Field(min_length=1)]
    ssh: Ssh
    instance: Instance = Instance()
    image: Image = Image()
    lease: LeaseLengths = LeaseLengths()
    limits: Limits = Limits()
    traffic: TrafficSettings = TrafficSettings()

    @model_validator(mode="after")
    def _rules(self) -> Self:
        if not valid_service(self.name):
            raise ValueError(
                f"{self.name!r} is no name for a service: lower case, digits and single hyphens, "
                "at most 28, beginning with a letter (the file's name is the service's)"
            )
        copied = (self.database.copy_, self.database.writes) if self.database else ()
        freezes, fixed = copied == ("always", "freeze"), (self.code.path, self.app.env_file)
        check_carry(self.files, self.carry, freezes=freezes, fixed=fixed)
        if self.database is not None and self.app.env_file is None:
            raise ValueError("app.env_file: is wanted: the new database's URL is written there")
        if len({self.record, *self.also}) <= len(self.also):
            raise ValueError("also: other names than the record are wanted, each once")
        if self.also and self.traffic.kind != "record":
            raise ValueError(
                "also: only A records change with the ledger; another name of a load balancer or "
                "of an Elastic IP needs nothing"
            )
        if self.ledger:
            self._rules_of_a_bucket()
        if self.traffic.kind == "elastic-ip" and self.instance.count != 1:
            raise ValueError(
                "instance.count: an Elastic IP leads to one machine; several are for a load "
                'balancer, traffic.kind = "target-group"'
            )
        database = self.database
        if database is not None and database.run == "here" and self.database_through_ssh:
            raise ValueError('database.run: "here" wants database.via = "direct"')
        twice = set(self.app.units) & set(self.app.jobs)
        if twice:
            raise ValueError(f"app.jobs: {min(twice)!r} is in units too")
        return self

    def _rules_of_a_bucket(self) -> None:
        """Of other traffic than an A record nothing in DNS is looked at."""
        if self.traffic.kind == "record":
            if self.also:
                raise ValueError("also: names change with the ledger, which is in no zone here")
            return
        key = "listener" if self.traffic.kind == "target-group" else "allocation"
        if not getattr(self.traffic, key):
            raise ValueError(f"traffic.{key}: is wanted with `ledger`, which looks at no record")
        if self.zone:
            raise ValueError("zone: means nothing with `ledger`, which is in no zone")

    @property
    def place(self) -> AccountRegion:
        """The account and region of its machines."""
        return AccountRegion(self.account, self.region)

    @property
    def zone_place(self) -> AccountRegion:
        """Where the ledger's store is called: the account of its zone or bucket.

        Route 53 has no region, and S3 names that of the bucket.
        """
        return AccountRegion(self.zone_account or self.account, self.region)

    @property
    def database_through_ssh(self) -> bool:
        """Whether the admin's connections to the database server go through `ssh.via`."""
        direct = "direct" if self.ssh.via == "direct" else "ssh"
        return self.database is not None and (self.database.via or direct) == "ssh"

    @property
    def retention(self) -> Retention:
        """What is kept for rollback, and how long."""
        standby = StandbyPolicy(self.traffic.drain, self.park, self.park_after)
        return Retention(self.keep, self.keep_for, self.keep_rejected, standby)
