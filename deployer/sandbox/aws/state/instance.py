"""An instance of the sandbox: moto's, with its own state transitions.

Sources: the data type Instance (StateReason is given where there is one; CpuOptions, EnaSupport and
PlatformDetails always).
"""

from __future__ import annotations

import time
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceState, StateReason

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
USER_SHUTDOWN = "Client.UserInitiatedShutdown"
INSTANCE_SHUTDOWN = "Client.InstanceInitiatedShutdown"
CLIENT_ERROR = "Client.InternalError"
_WORDS = {
    CLIENT_ERROR: "Client error on launch",
    USER_SHUTDOWN: "User initiated shutdown",
    INSTANCE_SHUTDOWN: "Instance initiated shutdown",
}


class SandboxInstance(Instance):
    """moto's instance; a terminated one has no interfaces, hence no addresses."""

    pending_since: float
    reservation_id: str
    platform_details = "Linux/UNIX"
    usage_operation = "RunInstances"
    ended_by = ""
    """USER_SHUTDOWN, INSTANCE_SHUTDOWN or empty."""

    def become(self, state: str, reason: str = "") -> None:
        """Change state; `reason` is one of those above, or empty."""
        self._state = InstanceState(state, CODES[state])
        text = f"{reason}: {_WORDS[reason]}" if reason else ""
        self.ended_by = reason
        given: Any = StateReason(text, reason) if reason else None
        self.state_reason = given
        now = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())
        shut_down = reason in (USER_SHUTDOWN, INSTANCE_SHUTDOWN)
        self._reason = f"User initiated ({now} GMT)" if shut_down else reason

    def is_dying(self) -> bool:
        """Whether it is shutting down or terminated."""
        return self.state in ("shutting-down", "terminated")

    @property
    def cpu_options(self) -> dict[str, int]:
        """Cores and threads, as its type has them by default."""
        cpus: dict[str, int] = self._type["VCpuInfo"]
        threads = cpus.get("DefaultThreadsPerCore", 1)
        cores = cpus.get("DefaultCores", cpus["DefaultVCpus"] // threads)
        return {"CoreCount": cores, "ThreadsPerCore": threads}

    @property
    def ena_support(self) -> bool:
        """Whether its type has enhanced networking."""
        return bool(self._type["NetworkInfo"].get("EnaSupport") != "unsupported")

    @property
    def _type(self) -> dict[str, Any]:
        found: dict[str, Any] = INSTANCE_TYPES[self.instance_type]
        return found

    @property
    def private_ip(self) -> str | None:
        return self.nics[0].private_ip_address if 0 in self.nics else None

    @property
    def private_ip_address(self) -> str | None:
        return self.private_ip

    @property
    def public_ip(self) -> str | None:
        return self.nics[0].public_ip if 0 in self.nics else None

    @property
    def public_ip_address(self) -> str | None:
        return self.public_ip

    @property
    def private_dns_name(self) -> str:
        return super().private_dns_name if self.private_ip else ""

    @property
    def instance_lifecycle(self) -> str | None:
        """The name in DescribeInstances; None for on demand."""
        return self.lifecycle
