"""The options of a sandbox, passed from its client to its daemon."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

RECORD, BALANCER, ELASTIC, PRIVATE = "record", "balancer", "elastic-ip", "private"
PRIVATE_BALANCER, PRIVATE_ELASTIC = "private-balancer", "private-elastic-ip"
SHAPES = (RECORD, BALANCER, ELASTIC, PRIVATE, PRIVATE_BALANCER, PRIVATE_ELASTIC)

BALANCED = frozenset({BALANCER, PRIVATE_BALANCER})
"""The shapes with a load balancer in front of each service."""
WITH_ELASTIC_IP = frozenset({ELASTIC, PRIVATE_ELASTIC})
"""The shapes in which each service's record names an Elastic IP."""
HIDDEN = frozenset({PRIVATE, PRIVATE_BALANCER, PRIVATE_ELASTIC})
"""The shapes whose machines are behind a bastion."""

POSTGRES_VERSIONS = ("18", "16")
"""The major versions of the database server; the machines' tools are always the newest."""

KINDS = ("processes", "container")
"""Machines that imitate systemd, or that boot a real one (`machines.container`)."""


@dataclass(frozen=True)
class Options:
    """The options of a sandbox; `port` 0 uses any free one.

    With an `owner` (a process id) the sandbox ends when that process ends: a killed test run leaves
    no sandbox behind. The server at `ssh_hook` (`host:port`) is asked before and after every
    command that a machine gets by SSH (`machines.ssh.command_hook`). `shape` says what the records
    of the services name, and how the machines are reached: directly, or (HIDDEN) through a bastion
    or the tunnel alone. `machines` is one of KINDS, `postgres` one of POSTGRES_VERSIONS.
    """

    port: int = 0
    empty: bool = False
    shape: str = RECORD
    two_services: bool = False
    teams: int = 0
    owner: int = 0
    ssh_hook: str = ""
    machines: str = "processes"
    postgres: str = POSTGRES_VERSIONS[0]

    @property
    def services(self) -> tuple[str, ...]:
        """The services of the initial state."""
        if self.empty:
            return ()
        teams = (f"team{number}" for number in range(1, self.teams + 1))
        return ("shop", *(("blog",) if self.two_services else ()), *teams)

    def to_json(self) -> str:
        """The JSON argument of the daemon."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Options:
        """The options in the JSON text of `to_json`."""
        return Options(**json.loads(text))
