"""How a sandbox is to be, from its client to its daemon."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Options:
    """How a sandbox is to be; `port` 0 takes any free one.

    With an `owner` (a process id) it ends when that process has: a test run that was killed
    leaves no sandbox behind. Who listens at `ssh_door` (`host:port`) is asked before and after
    every command that comes to a machine by SSH (`machines.door`).
    """

    port: int = 0
    empty: bool = False
    two_services: bool = False
    owner: int = 0
    ssh_door: str = ""

    @property
    def services(self) -> tuple[str, ...]:
        """The services of the first day."""
        if self.empty:
            return ()
        return ("shop", "blog") if self.two_services else ("shop",)

    def to_json(self) -> str:
        """As the daemon's argument."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Options:
        """What `to_json` wrote."""
        return Options(**json.loads(text))
