"""The fourth model: live while its image is made, and what ends a stop of it (rule 17).

The deployer arms an end on live, stops something there, asks for the image, and lets live go; it
may crash at every step, and the timer may fire at any moment. Whether the image is used is decided
by the product's own function. Asked of every world: would live be let go if everybody crashed now?
Is an image used only if live was stopped until AWS had answered?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from deployer.release.live.image_hooks import ARMED, FIRED, GONE
from reconciler.config.service import Image
from reconciler.errors import ToolError
from tests.model.rules import Rules

HOOKS = Image(before=("fsfreeze -f /srv",), after=("fsfreeze -u /srv",))


@dataclass(frozen=True)
class Scenario:
    """Whether live may restart meanwhile, and whether CreateImage itself restarts it."""

    name: str
    restarts: bool = False
    reboots: bool = False


class World(NamedTuple):
    """Live, its timer and the image.

    stopped   what `before` stops is stopped
    timer     "", or armed or fired
    image     "", asked, answered, used or discarded
    let_go    live was let go before AWS had answered
    pc        the deployer's next step; restarts: how often live may still restart
    """

    stopped: bool = False
    timer: str = ""
    image: str = ""
    let_go: bool = False
    pc: str = "first"
    restarts: int = 0


ORDER = {"first": "arm", "arm": "before", "before": "ask", "ask": "wait", "wait": "after"}
"""The deployer's steps, in the product's order."""

STOPS_FIRST = {"first": "before", "before": "arm", "arm": "ask", "ask": "wait", "wait": "after"}


class Hooks:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()
        self._order = ORDER if self.rules.arms_first else STOPS_FIRST

    def start(self) -> World:
        """Live serves; nothing is armed."""
        return World(restarts=int(self.scenario.restarts))

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        yield from self._deployer(world)
        if world.timer == ARMED:
            fired = world._replace(timer=FIRED, stopped=False)
            yield "timer: lets live go", fired._replace(let_go=self._early(world))
        if world.image == "asked":
            up = world._replace(stopped=False, timer="") if self.scenario.reboots else world
            yield "aws: answers", up._replace(image="answered")
        if world.restarts:
            after = world._replace(stopped=False, timer="", restarts=0)
            yield "live: restarts", after._replace(let_go=self._early(world))

    def _early(self, world: World) -> bool:
        """Whether the image is made of a live that is no more as `before` left it."""
        return world.let_go or (world.stopped and world.image in ("", "asked"))

    def _deployer(self, world: World) -> Iterator[tuple[str, World]]:
        step = self._order.get(world.pc, "")
        after = world._replace(pc=step)
        if step == "arm":
            yield "deployer: arms the end", after._replace(timer=ARMED)
        elif step == "before":
            yield from self._before(after)
        elif step == "ask":
            yield "deployer: asks for the image", after._replace(image="asked")
        elif step == "wait" and world.image == "answered":
            yield "deployer: hears the answer", after
        elif step == "after":
            yield "deployer: lets live go", self._decided(after)

    def _before(self, world: World) -> Iterator[tuple[str, World]]:
        """Live itself refuses where its end has come already, or is not armed any more."""
        if world.timer == ARMED or (self.rules.looks_armed is False and world.timer != FIRED):
            yield "deployer: stops live", world._replace(stopped=True)
        else:
            yield "deployer: is refused, and gives up", world._replace(pc="done")

    def _decided(self, world: World) -> World:
        state = world.timer or GONE
        try:
            self.rules.used("shop", state, HOOKS, reboots=self.scenario.reboots)
        except ToolError:
            return world._replace(stopped=False, timer="", image="discarded")
        return world._replace(stopped=False, timer="", image="used")

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing of a step alone is wrong."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: live ends its stop by itself, and only a good image is used."""
        if world.stopped and world.timer != ARMED:
            return "crashed now: live stays stopped for ever"
        # A reboot is an end of its own: the image is of a machine that was shut down.
        if world.image == "used" and world.let_go and not self.scenario.reboots:
            return "an image is used of a live that had been let go"
        return ""
