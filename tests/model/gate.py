"""The fifth model: a clone of live, and what its gate lets run (rules 18 and 19).

The deployer places the gate on live, takes an image, launches a clone and tells machines what to
run; it may crash at every step, and any machine may restart at any moment. What a machine starts
at its boot is asked of the product's own generator script. Asked of every world: does a machine
run anything that it was not told to run? Do jobs run on one machine at most?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.model.gate_world import ALL, APP, Disk, Machine
from tests.model.rules import Rules


@dataclass(frozen=True)
class Scenario:
    """Whether the clone's firmware tells no instance id, and whether the clone is cloned again."""

    name: str
    no_tag: bool = False
    again: bool = False


class World(NamedTuple):
    """All machines, the first one live; the image; the deployer's next step."""

    machines: tuple[Machine, ...]
    image: Disk | None = None
    pc: str = "gate"
    restarts: int = 1


ORDER = {
    "gate": "image",
    "image": "launch",
    "launch": "smoke",
    "smoke": "give up",
    "give up": "take over",
    "take over": "next",
    "next": "image",
}
IMAGE_FIRST = {**ORDER, "image": "gate", "gate": "launch", "next": "launch"}
JOBS_FIRST = {**ORDER, "smoke": "take over", "take over": "give up", "give up": "next"}


class Gates:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()
        self._order = ORDER if self.rules.gates_first else IMAGE_FIRST
        self._order = self._order if self.rules.hands_over else JOBS_FIRST

    def start(self) -> World:
        """Live runs everything. It was adopted: nobody has told it anything yet."""
        first = "gate" if self.rules.gates_first else "image"
        return World((Machine("i-1", Disk(), ALL, ALL),), pc=first)

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        yield from self._deployer(world)
        if world.restarts:
            for number in range(len(world.machines)):
                after = self._restarted(world.machines[number])
                yield f"machine {number + 1}: restarts", _put(world, number, after, restarts=0)

    def _deployer(self, world: World) -> Iterator[tuple[str, World]]:
        act = getattr(self, f"_{world.pc.replace(' ', '_')}", None)
        if act is not None:
            after = act(world)
            yield f"deployer: {world.pc}", after._replace(pc=self._after(after))

    def _after(self, world: World) -> str:
        last = world.pc == "next" and len(world.machines) > int(self.scenario.again) + 1
        return "done" if last else self._order[world.pc]

    def _gate(self, world: World) -> World:
        """Live goes on as it is: it counts as told to run what it runs."""
        live = world.machines[0]
        return _put(world, 0, live._replace(disk=Disk(True, live.id, ALL)))

    def _image(self, world: World) -> World:
        return world._replace(image=world.machines[-1].disk)

    def _launch(self, world: World) -> World:
        assert world.image is not None
        clone = Machine(f"i-{len(world.machines) + 1}", world.image)
        return world._replace(machines=(*world.machines, self._restarted(clone)))

    def _smoke(self, world: World) -> World:
        return self._tells(world, len(world.machines) - 1, APP)

    def _give_up(self, world: World) -> World:
        return self._tells(world, len(world.machines) - 2, APP)

    def _take_over(self, world: World) -> World:
        return self._tells(world, len(world.machines) - 1, ALL)

    def _next(self, world: World) -> World:
        return world

    def _tells(self, world: World, number: int, what: frozenset[str]) -> World:
        """The machine remembers it before it acts: it writes its own id by its firmware."""
        machine = world.machines[number]
        disk = Disk(True, self._identity(machine), what)
        return _put(world, number, machine._replace(disk=disk, allowed=what, running=what))

    def _restarted(self, machine: Machine) -> Machine:
        shut = self.rules.shut(machine.disk, self._identity(machine))
        return machine._replace(running=ALL - shut)

    def _identity(self, machine: Machine) -> str:
        return "" if self.scenario.no_tag and machine.id != "i-1" else machine.id

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing of a step alone is wrong."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: nobody runs what he was not told, and jobs run once."""
        for number, machine in enumerate(world.machines, 1):
            if machine.running - machine.allowed:
                return f"machine {number} runs what it was not told to run"
        if sum("jobs" in machine.running for machine in world.machines) > 1:
            return "jobs on two machines"
        return ""


def _put(world: World, number: int, machine: Machine, restarts: int | None = None) -> World:
    machines = (*world.machines[:number], machine, *world.machines[number + 1 :])
    left = world.restarts if restarts is None else restarts
    return world._replace(machines=machines, restarts=left)
