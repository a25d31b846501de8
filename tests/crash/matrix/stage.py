"""Where a cell is played: a sandbox whose every entrance has a door."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from deployer.sandbox.control.client import Sandbox
from deployer.sandbox.control.options import RECORD, Options
from tests.crash.fork_server import Warm
from tests.crash.invariants import LIVE_DATABASE, Shop
from tests.crash.proxies import AwsDoor, SqlDoor, SshDoor, Watch
from tests.support.company import Process

MACHINES = 2
PARAMETER = "/shop/db-admin-url"
PLAN = "plan.json"


@dataclass
class Stage(Shop):
    """The shop behind doors. What is asked of it by us goes round them.

    Of another `shape` is another class (`tests.crash.matrix.shapes`). Commands name it by `name`.
    """

    shape: ClassVar[str] = RECORD
    name: ClassVar[str] = RECORD
    machines: ClassVar[int] = MACHINES

    watch: Watch = field(default_factory=Watch)
    spoilt: bool = True
    aws_door: AwsDoor = field(init=False)
    _sql_door: SqlDoor | None = field(default=None, init=False)
    _admin: str = field(default="", init=False)
    _roles: dict[str, str] = field(default_factory=dict, init=False)
    _naming: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def folder(self) -> Path:
        """Where a command may be told to write."""
        return self.sandbox.places.root.parent

    def others(self) -> dict[str, set[str]]:
        """Ids of what a release makes none of, and a hook of its configuration may."""
        ec2, rds = self.aws("ec2"), self.aws("rds")
        servers, snapshots = rds.describe_db_instances(), rds.describe_db_snapshots()
        lists: dict[str, tuple[list[Any], str]] = {
            "elastic-ip": (ec2.describe_addresses()["Addresses"], "AllocationId"),
            "security-group": (ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
            "key-pair": (ec2.describe_key_pairs()["KeyPairs"], "KeyPairId"),
            "template": (ec2.describe_launch_templates()["LaunchTemplates"], "LaunchTemplateId"),
            "rds": (servers["DBInstances"], "DBInstanceIdentifier"),
            "rds-snapshot": (snapshots["DBSnapshots"], "DBSnapshotIdentifier"),
        }
        return {kind: {one[id_] for one in rows} for kind, (rows, id_) in lists.items()}

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command: it finds AWS behind the door."""
        plain = self.sandbox.process_environment()
        return {**plain, "AWS_ENDPOINT_URL": self.aws_door.endpoint}

    def start(self, command: Sequence[str], env: Mapping[str, str]) -> Process:
        """Begin a command; it is the one that faults are meant for."""
        process = Warm(command, env)
        self.watch.accuse(process.pid)
        return process

    def admin_url(self, database: str = "") -> str:
        """The way round the door."""
        return re.sub(r"/[^/]*$", f"/{database}", self._admin) if database else self._admin

    def set_up(self) -> None:
        """The first day, with doors in, two machines a release, and smoke tests that have time."""
        self.sandbox.reset()
        self.watch.begin()
        self.aws_door.ahead = timedelta(0)
        self._roles = {one["InstanceId"]: "live machine" for one in self.instances()}
        self._put_sql_door()
        self.look_often(100)
        self.append(f"[instance]\ncount = {self.machines}")

    def _put_sql_door(self) -> None:
        ssm = self.aws("ssm")
        url = ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"]
        self._admin = url
        parts = urlsplit(url)
        if self._sql_door is None:
            behind = (str(parts.hostname), parts.port or 5432)
            self._sql_door = SqlDoor(behind, self.watch, _database_role)
        there = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{self._sql_door.port}")
        ssm.put_parameter(Name=PARAMETER, Value=there, Type="SecureString", Overwrite=True)

    def role(self, machine: str) -> str:
        """What a machine is, whatever its id."""
        with self._naming:  # both of a release ask at once
            if machine not in self._roles:
                found = {one["InstanceId"] for one in self.instances()} - self._roles.keys()
                # Numbered as `up` does: the first by id is the one that migrates.
                for number, one in enumerate(sorted(found), 1):
                    self._roles[one] = f"new machine {number}"
        return self._roles.get(machine, "a machine that is gone")

    def serving(self) -> set[str]:
        """The machines that get requests now, by AWS's own words."""
        at = self.pointed_at()
        return {one["InstanceId"] for one in self.instances() if one["PrivateIpAddress"] in at}

    def assert_traffic(self) -> None:
        """Traffic says what the ledger says: all machines of the live deploy, and no other."""
        live = self.live_id()
        machines = {one["InstanceId"]: one["State"]["Name"] for one in self.instances()}
        of_live = {one for one in machines if self.tags(one).get("deploy-id") == live}
        assert self.serving() == of_live, (self.ledger(), of_live)
        assert {machines[one] for one in of_live} == {"running"}, machines

    def settle(self) -> None:
        """Let the time pass that traffic takes to leave the old release."""

    def failures(self, errors: Sequence[str]) -> list[str]:
        """What of the clients' errors no change of traffic may cause: all of it."""
        return list(errors)

    def later(self, by: timedelta = timedelta(minutes=15)) -> None:
        """AWS's clock goes on: every lease of a dead process is over."""
        self.aws_door.ahead += by

    def close(self) -> None:
        """Close the doors that are ours to close."""
        self.aws_door.close()
        if self._sql_door is not None:
            self._sql_door.close()


def _database_role(name: str) -> str:
    if name == LIVE_DATABASE:
        return "live database"
    return "new database" if re.search(r"_[0-9a-f]{6}(_making)?$", name) else "database server"


@contextmanager
def staged(directory: Path, kind: type[Stage] = Stage) -> Iterator[Stage]:
    """A sandbox of its own with doors, until the body ends."""
    watch = Watch()
    stages: list[Stage] = []
    ssh = SshDoor(watch, lambda machine: stages[0].role(machine) if stages else "")
    sandbox = Sandbox.at(directory)
    sandbox.up(Options(shape=kind.shape, owner=os.getpid(), ssh_hook=ssh.address))
    try:
        stage = kind(sandbox, watch)
        stages.append(stage)
        stage.aws_door = AwsDoor(sandbox.endpoint, watch)
        yield stage
        stage.close()
    finally:
        ssh.close()
        sandbox.down()
