"""The sandbox's machines: real processes, each machine in its own namespaces."""

from __future__ import annotations

from deployer.sandbox.machines.fork_server.client import isolation_available
from deployer.sandbox.machines.host import Machines

__all__ = ["Machines", "isolation_available"]
