"""Doors between a command of ours and the world: AWS's API, the machines' SSH, PostgreSQL.

A door stands outside of the product. It gives every request that changes anything a name, and at
one name it does what a bad day does: kills the command before the request or after it, loses the
answer, delivers twice, refuses, fails.
"""

from __future__ import annotations

from tests.crash.proxies.aws import AwsDoor
from tests.crash.proxies.recorder import EVERY, Blow, Fault, Watch
from tests.crash.proxies.sql import SqlDoor
from tests.crash.proxies.ssh import SshDoor

__all__ = ["EVERY", "AwsDoor", "Blow", "Fault", "SqlDoor", "SshDoor", "Watch"]
