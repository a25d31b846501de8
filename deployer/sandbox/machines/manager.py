"""All units of a machine and what can be done to them; systemctl(1) puts it into words."""

from __future__ import annotations

import asyncio
import fnmatch
import graphlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deployer.sandbox.machines.execution import Tools
from deployer.sandbox.machines.services import Service
from deployer.sandbox.machines.unit_file import Unit, full_name
from deployer.sandbox.machines.unit_store import UnitProblem, UnitStore


@dataclass
class Manager:
    """`services` are the lives of units asked for so far; `power` is told `halt` or `reboot`."""

    tools: Tools
    power: Callable[[str], None]
    store: UnitStore = field(default_factory=UnitStore)
    services: dict[str, Service] = field(default_factory=dict)
    _background: set[asyncio.Future[list[BaseException | None]]] = field(default_factory=set)

    async def boot(self) -> None:
        """Start what is enabled, side by side; After= waits for the other's start to end."""
        units = dict(self._enabled())
        tasks: dict[str, asyncio.Task[None]] = {}
        for name in _in_order(units):
            before = [tasks[other] for other in units[name].after if other in tasks]
            tasks[name] = asyncio.ensure_future(self._boot_one(units[name], before))
        if tasks:
            await asyncio.wait(tasks.values())

    async def end(self) -> None:
        """Stop everything that runs, as a shutdown does."""
        await asyncio.gather(*(service.stop() for service in self.services.values()))

    def in_background(self, work: asyncio.Future[list[BaseException | None]]) -> None:
        """Let a job go on that nobody waits for; what goes wrong is in the unit's state."""
        self._background.add(work)
        work.add_done_callback(self._background.discard)

    def service(self, name: str) -> Service:
        """The unit's life, which begins when it is first asked for."""
        if name not in self.services:
            self.services[name] = Service(name, self.tools)
        return self.services[name]

    def expand(self, units: tuple[str, ...]) -> list[str]:
        """Full names; patterns are matched against every unit known."""
        names = []
        for unit in units:
            name = full_name(unit)
            if any(sign in name for sign in "*?["):
                names += fnmatch.filter({*self.store.names(), *self.services}, name)
            else:
                names.append(name)
        return names

    async def start(self, name: str) -> None:
        """Raises UnitProblem: not found, masked, or it failed."""
        try:
            unit = self.store.load(name)
        except UnitProblem as problem:
            raise UnitProblem(f"Failed to start {name}: {problem}", problem.code) from problem
        await self.service(name).start(unit)

    async def stop(self, name: str) -> None:
        """Raises UnitProblem where nobody knows it."""
        if self.store.fragment(name) is None and name not in self.services:
            raise UnitProblem(f"Failed to stop {name}: Unit {name} not loaded.", 5)
        await self.service(name).stop()

    async def restart(self, name: str) -> None:
        """Stop and start; what cannot start is not stopped. Raises UnitProblem."""
        if self.store.fragment(name) is None or self.store.is_masked(name):
            await self.start(name)  # says what is wrong before anything is stopped
        await self.service(name).stop()
        await self.start(name)

    async def try_restart(self, name: str) -> None:
        """Restart what runs. Raises UnitProblem."""
        if self.service(name).state.active in ("active", "activating"):
            await self.restart(name)

    async def reload(self, name: str) -> None:
        """Run its ExecReload. Raises UnitProblem."""
        if self.service(name).state.active != "active":
            raise UnitProblem(f"{name} is not active, cannot reload.")
        await self.service(name).reload(self.store.load(name))

    async def reload_or_restart(self, name: str) -> None:
        """Reload what can; restart the rest. Raises UnitProblem."""
        running = self.service(name).state.active == "active"
        if running and self.store.load(name).exec_reload:
            await self.reload(name)
        else:
            await self.restart(name)

    def _enabled(self) -> Iterator[tuple[str, Unit]]:
        for name in self.store.enabled():
            try:
                yield name, self.store.load(name)
            except UnitProblem as problem:
                self.tools.journal.note(name, str(problem))

    async def _boot_one(self, unit: Unit, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        try:
            await self.service(unit.name).start(unit)
        except UnitProblem as problem:
            self.tools.journal.note(unit.name, str(problem))


def _in_order(units: dict[str, Unit]) -> list[str]:
    """Each after those it names in After=; where these go round in a circle, by name."""
    graph = {name: [o for o in unit.after if o in units] for name, unit in units.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError:
        return sorted(units)
