"""All units of a machine and the operations on them; the base of systemctl(1)."""

from __future__ import annotations

import asyncio
import fnmatch
import graphlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deployer.sandbox.machines.systemd import generators
from deployer.sandbox.machines.systemd.execution import Tools
from deployer.sandbox.machines.systemd.services import Service
from deployer.sandbox.machines.systemd.unit_file import Unit, full_name
from deployer.sandbox.machines.systemd.unit_graph import MILESTONES, Graph
from deployer.sandbox.machines.systemd.unit_store import UnitProblem, UnitStore


@dataclass
class Manager:
    """`services` are the units used so far; `power` is called with `halt` or `reboot`."""

    tools: Tools
    power: Callable[[str], None]
    store: UnitStore = field(default_factory=UnitStore)
    services: dict[str, Service] = field(default_factory=dict)
    _background: set[asyncio.Future[list[BaseException | None]]] = field(default_factory=set)

    @property
    def graph(self) -> Graph:
        """The dependencies of the units."""
        return Graph(self.store)

    async def reload_units(self) -> None:
        """`systemctl daemon-reload`; enable and mask end with it as well."""
        await generators.run(self.tools)

    async def boot(self) -> None:
        """Start the enabled units and their dependencies, in parallel."""
        for name, problem in (await self._carry_out(self._enabled())).items():
            self.tools.journal.note(name, str(problem))

    async def end(self) -> None:
        """Stop everything that runs, as at a shutdown."""
        await asyncio.gather(*(service.stop() for service in self.services.values()))

    def in_background(self, work: asyncio.Future[list[BaseException | None]]) -> None:
        """Run a job that nobody waits for; its errors are in the unit's state."""
        self._background.add(work)
        work.add_done_callback(self._background.discard)

    def service(self, name: str) -> Service:
        """The service of a unit, created at its first use."""
        if name not in self.services:
            self.services[name] = Service(name, self.tools)
        return self.services[name]

    def expand(self, units: tuple[str, ...]) -> list[str]:
        """Full names; patterns are matched against every known unit."""
        names = []
        for unit in units:
            name = full_name(unit)
            if any(sign in name for sign in "*?["):
                names += fnmatch.filter({*self.store.names(), *self.services}, name)
            else:
                names.append(self.store.resolve(name))
        return names

    async def start(self, name: str) -> None:
        """Start it. Raises UnitProblem: not found, masked, or it failed."""
        try:
            self.store.load(name)
            for one in self.graph.requires(name) - MILESTONES:
                self.store.load(one)
        except UnitProblem as problem:
            raise UnitProblem(f"Failed to start {name}: {problem}", problem.code) from problem
        problems = await self._carry_out([name])
        if name in problems:
            raise problems[name]

    async def stop(self, name: str) -> None:
        """Stop it, after the units that require it. Raises UnitProblem: unknown."""
        if self.store.fragment(name) is None and name not in self.services:
            raise UnitProblem(f"Failed to stop {name}: Unit {name} not loaded.", 5)
        await self._stop(name, set())

    async def _stop(self, name: str, seen: set[str]) -> None:
        seen.add(name)
        for other in self.graph.stops_with(name) - seen:
            if self.service(other).state.active in ("active", "activating"):
                await self._stop(other, seen)
        await self.service(name).stop()

    async def restart(self, name: str) -> None:
        """Stop and start; a unit that cannot start is not stopped. Raises UnitProblem."""
        if self.store.fragment(name) is None or self.store.is_masked(name):
            await self.start(name)  # reports any problem before anything is stopped
        await self.service(name).stop()
        await self.start(name)

    async def try_restart(self, name: str) -> None:
        """Restart if it runs. Raises UnitProblem."""
        if self.service(name).state.active in ("active", "activating"):
            await self.restart(name)

    async def reload(self, name: str) -> None:
        """Run its ExecReload. Raises UnitProblem."""
        if self.service(name).state.active != "active":
            raise UnitProblem(f"{name} is not active, cannot reload.")
        await self.service(name).reload(self.store.load(name))

    async def reload_or_restart(self, name: str) -> None:
        """Reload if possible, else restart. Raises UnitProblem."""
        running = self.service(name).state.active == "active"
        if running and self.store.load(name).exec_reload:
            await self.reload(name)
        else:
            await self.restart(name)

    def _enabled(self) -> list[str]:
        """The units to start at boot; a failure to load is written to the unit's journal."""
        names = [self.store.resolve(name) for name in self.store.enabled()]
        for name in names:
            try:
                self.store.load(name)
            except UnitProblem as problem:
                self.tools.journal.note(name, str(problem))
        return names

    async def _carry_out(self, names: Iterable[str]) -> dict[str, UnitProblem]:
        """Start units and their dependencies, in parallel; After= waits for the other's start."""
        graph = self.graph
        units = graph.closure(names)
        problems: dict[str, UnitProblem] = {}
        tasks: dict[str, asyncio.Task[None]] = {}
        for name in _in_order(units):
            before = {tasks[other] for other in units[name].after if other in tasks}
            work = self._start_one(units[name], before, (graph.requires(name), problems))
            tasks[name] = asyncio.ensure_future(work)
        if tasks:
            await asyncio.wait(tasks.values())
            for task in tasks.values():
                task.result()
        return problems

    async def _start_one(
        self,
        unit: Unit,
        before: set[asyncio.Task[None]],
        needs: tuple[frozenset[str], dict[str, UnitProblem]],
    ) -> None:
        required, problems = needs
        if before:
            await asyncio.wait(before)
        for one in required & problems.keys():
            problems[unit.name] = UnitProblem(f"A dependency job for {unit.name} failed: {one}.")
            return
        try:
            await self.service(unit.name).start(unit)
        except UnitProblem as problem:
            problems[unit.name] = problem


def _in_order(units: dict[str, Unit]) -> list[str]:
    """Each after the units in its After=; cycles are ordered by name."""
    graph = {name: [o for o in unit.after if o in units] for name, unit in units.items()}
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError:
        return sorted(units)
