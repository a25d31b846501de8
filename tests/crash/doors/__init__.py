"""Doors between a command of ours and the world: AWS's API, the machines' SSH, PostgreSQL.

A door stands outside of the product. It gives every request that changes anything a name, and at
one name it does what a bad day does: kills the command before the request or after it, loses the
answer, delivers twice, refuses, fails.
"""

from __future__ import annotations

from tests.crash.doors.aws import AwsDoor
from tests.crash.doors.sql import SqlDoor
from tests.crash.doors.ssh import SshDoor
from tests.crash.doors.watch import EVERY, Blow, Fault, Watch

__all__ = ["EVERY", "AwsDoor", "Blow", "Fault", "SqlDoor", "SshDoor", "Watch"]
