"""A machine's pid 1 answering systemd-run: a transient service, at once or by a timer.

systemd-run(1). Only what a release uses; it is not on disk and does not survive a restart.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from deployer.sandbox.machines.systemd.manager import Manager
from deployer.sandbox.machines.systemd.systemctl import SystemctlResult
from deployer.sandbox.machines.systemd.unit_file import Command, Unit, span
from deployer.sandbox.machines.systemd.unit_store import UnitProblem

_KNOWN = frozenset(
    ("quiet", "collect", "no-block", "unit", "on-active", "timer-property", "property")
)


@dataclass(frozen=True)
class Transient:
    """Answers `systemd-run [--unit=NAME] [--on-active=SPAN] [--property=Type=…] COMMAND…`."""

    manager: Manager

    async def answer(self, words: list[str]) -> SystemctlResult:
        """Execute one command line."""
        options: dict[str, str] = {}
        command = list(words)
        while command and command[0].startswith("--"):
            name, _, value = command.pop(0)[2:].partition("=")
            if name not in _KNOWN:
                return SystemctlResult(err=f"systemd-run: not in the sandbox: --{name}\n", code=1)
            options[name] = f"{options.get(name, '')} {value}".strip()
        if not command:
            return SystemctlResult(err="Command line to execute required.\n", code=1)
        name = options.get("unit") or f"run-r{secrets.token_hex(16)}"
        try:
            return await self._make(name, options, command)
        except (UnitProblem, ValueError) as problem:
            return SystemctlResult(err=f"{problem}\n", code=1)

    async def _make(
        self, name: str, options: dict[str, str], command: list[str]
    ) -> SystemctlResult:
        kind = "oneshot" if "Type=oneshot" in options.get("property", "") else "simple"
        service = Unit(f"{name}.service", name, type=kind, exec_start=(Command(tuple(command)),))
        timed = "on-active" in options
        first = f"{name}.timer" if timed else service.name
        delay = span(options["on-active"]) if timed else 0.0
        if self._exists(first) or self._exists(service.name):
            return SystemctlResult(
                err=f"Failed to start transient unit: Unit {first} exists.\n", code=1
            )
        await self.manager.service(first).start(Unit(first, name) if timed else service)
        if timed:
            loop = asyncio.get_running_loop()
            loop.call_later(delay, lambda: self._elapsed(first, service))
        said = "" if "quiet" in options else f"Running as unit: {first}\n"
        return SystemctlResult(err=said)

    def _exists(self, name: str) -> bool:
        known = self.manager.services.get(name)
        active = known is not None and known.state.active != "inactive"
        return active or self.manager.store.fragment(name) is not None

    def _elapsed(self, timer: str, service: Unit) -> None:
        """Start the service, unless the timer was stopped meanwhile."""
        first, then = (self.manager.service(one) for one in (timer, service.name))
        if first.state.active != "active":
            return
        work = [first.stop(), then.start(service)]
        self.manager.in_background(asyncio.gather(*work, return_exceptions=True))
