"""The sandbox's machines: real processes, each machine in namespaces of its own."""

from __future__ import annotations

from deployer.sandbox.machines.host import Machines
from deployer.sandbox.machines.link import isolation_available

__all__ = ["Machines", "isolation_available"]
