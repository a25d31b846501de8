"""The seventh model: the machine of a previous release that goes to rest, beside a rollback to it.

A sweep reads the ledger, looks at it again, orders the app to stop or the machine to halt, and
writes in a tag what it has reached. A rollback changes the tag, starts the machine, orders the app
to run, looks whether it answers, and commits. Orders come late or twice; anybody dies anywhere. Who
is due for rest is asked of the product's own function, and who obeys of its own fence. Asked of
every world: does the live release run? And if everybody died now, do sweeps bring to rest what
nobody uses?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from reconciler.gc.retention import StandbyPolicy
from reconciler.model.fencing import NEVER, Decision
from reconciler.model.ledger import Cutover, Ending, Ledger
from reconciler.plan.standby import Standby, due
from tests.model import cast
from tests.model.common import put, settled, without
from tests.model.rules import Rules

POLICY = StandbyPolicy(timedelta(minutes=10), "stop", timedelta(hours=24))
SOON = cast.EARLY + timedelta(hours=1)
"""Drained by now, and not yet to be parked."""

TTL = 60


@dataclass(frozen=True)
class Scenario:
    """Whether a rollback takes part, how many sweeps do, and how many orders come late or twice."""

    name: str
    rollback: bool = True
    sweeps: int = 1
    slow: int = 1
    twice: int = 0


class Order(NamedTuple):
    """Stop the app under a generation, and perhaps halt."""

    gen: int
    halts: bool


class Actor(NamedTuple):
    """A step machine: its next step, and what it has read or decided for it."""

    name: str
    pc: str
    gen: int = 0
    stage: Standby = Standby.SERVING


class World(NamedTuple):
    """The ledger, old's machine with its tag, the orders on their way, and who acts."""

    ledger: Ledger
    on: bool = True
    app: bool = True
    obeyed: int = NEVER
    tag: Standby = Standby.SERVING
    late: tuple[Order, ...] = ()
    slow: int = 0
    twice: int = 0
    actors: tuple[Actor, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether old is live."""
        return self.ledger.live is not None and self.ledger.live.id == cast.OLD


class Parking:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()

    def start(self) -> World:
        """Old was left long ago; nothing of it is at rest yet."""
        actors = [Actor("back", "acquire")] if self.scenario.rollback else []
        actors += [Actor(f"sweep {n + 1}", "read") for n in range(self.scenario.sweeps)]
        slow, twice = self.scenario.slow, self.scenario.twice
        ledger = cast.beginning(previous=True)
        return World(ledger, slow=slow, twice=twice, actors=tuple(actors))

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        for place, actor in enumerate(world.actors):
            step = getattr(self, f"_{actor.pc}", None)
            for said, after, then in step(world, actor) if step else ():
                yield f"{actor.name}: {said}", after._replace(actors=put(world.actors, place, then))
        for order in dict.fromkeys(world.late):
            left = world._replace(late=without(world.late, order))
            yield f"machine: a late order of generation {order.gen}", self._obeys(left, order)

    # --- the sweep -------------------------------------------------------------------------

    def _read(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        for now in (SOON, cast.LATE):
            ledger, lease = world.ledger, world.ledger.lease
            if lease is not None and now == cast.LATE:
                ended = self.rules.end(ledger, Ending(lease, now))
                yield "ends the lease", world._replace(ledger=ended), actor
                continue
            seen = ledger if self.rules.spares_leased else replace(ledger, lease=None)
            stage = due(seen, POLICY, now, TTL).get(cast.OLD, Standby.SERVING)
            if self._is_at(world) < stage and not world.is_live:
                said = f"wants it {stage.name.lower()} in generation {ledger.gen}"
                yield said, world, actor._replace(pc="look", gen=ledger.gen, stage=stage)

    def _is_at(self, world: World) -> Standby:
        return min(world.tag, Standby.DRAINED) if world.on else world.tag

    def _is_current(self, world: World, actor: Actor) -> bool:
        held = world.ledger.lease is not None and self.rules.spares_leased
        return world.ledger.gen == actor.gen and not held

    def _look(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if self._is_current(world, actor):
            yield "the ledger is the same", world, actor._replace(pc="order")
        else:
            yield "the ledger has changed", world, actor._replace(pc="done")

    def _order(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        order = Order(actor.gen, actor.stage is Standby.PARKED)
        what = "halt" if order.halts else "stop the app"
        if not world.on:
            yield "it is stopped", world, actor._replace(pc="recheck")
            return
        if world.slow:
            late = world._replace(late=(*world.late, order), slow=world.slow - 1)
            yield f"{what}, unanswered", late, actor._replace(pc="done")
        if world.twice:
            again = world._replace(late=(*world.late, order), twice=world.twice - 1)
            yield f"{what}, twice", self._obeys(again, order), self._answered(again, actor)
        yield what, self._obeys(world, order), self._answered(world, actor)

    def _answered(self, world: World, actor: Actor) -> Actor:
        stale = self.rules.decide(world.obeyed, actor.gen) is Decision.STALE
        return actor._replace(pc="done" if stale else "recheck")

    def _recheck(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if self._is_current(world, actor):
            yield "the ledger is still the same", world, actor._replace(pc="tag")
        else:
            yield "the ledger has changed", world, actor._replace(pc="done")

    def _tag(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        yield "writes the tag", world._replace(tag=actor.stage), actor._replace(pc="done")

    def _obeys(self, world: World, order: Order) -> World:
        """What a machine does with an order that arrives: one that is off hears nothing."""
        if not world.on or self.rules.decide(world.obeyed, order.gen) is Decision.STALE:
            return world
        obeyed = max(world.obeyed, order.gen)
        return world._replace(app=False, on=not order.halts, obeyed=obeyed)

    # --- the rollback ----------------------------------------------------------------------

    def _acquire(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if world.ledger.lease is None and not world.is_live:
            ledger = self.rules.acquire(world.ledger, cast.BACK, cast.UNTIL)
            yield "takes the lease", world._replace(ledger=ledger), actor._replace(pc="unmark")

    def _unmark(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if self._holds(world):
            yield "changes the tag", world._replace(tag=Standby.SERVING), actor._replace(pc="start")

    def _start(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if self._holds(world):
            said = "it runs" if world.on else "starts it"
            yield said, world._replace(on=True), actor._replace(pc="run")

    def _run(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        then, gen = actor._replace(pc="smoke"), world.ledger.gen
        if not self._holds(world) or not world.on:
            return
        if world.app and not self.rules.orders_always:
            yield "it serves", world, then
        elif self.rules.decide(world.obeyed, gen) is not Decision.STALE:
            yield "orders the app to run", world._replace(app=True, obeyed=gen), then

    def _smoke(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if world.on and world.app:
            yield "it answers", world, actor._replace(pc="commit")

    def _commit(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if self._holds(world):
            ledger = world.ledger
            cut = Cutover(cast.OLD, cast.at(cast.OLD), cast.NOW, cast.moment(ledger.gen))
            after = self.rules.commit(ledger, cast.BACK, cut)
            yield "commits", world._replace(ledger=after), actor._replace(pc="done")

    def _holds(self, world: World) -> bool:
        return self.rules.holds(world.ledger, cast.BACK)

    # --- what is asked ---------------------------------------------------------------------

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing of a step alone is wrong."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: live runs; and what nobody uses comes to rest, whoever dies now."""
        if world.is_live:
            return "" if world.on and world.app else "live does not run"
        rested = settled(world._replace(late=(), slow=0, twice=0), self._at_rest, self._swept)
        return "" if rested is not None else "a machine that nobody uses runs on"

    def _at_rest(self, world: World) -> bool:
        return not world.on and world.tag is Standby.PARKED and world.ledger.lease is None

    def _swept(self, world: World) -> World:
        """One sweep alone, late enough for everything; each of its steps that is the last one."""
        actor = Actor("sweep", "read")
        while (step := getattr(self, f"_{actor.pc}", None)) is not None:
            found = list(step(world, actor))
            if not found:
                break
            _, world, actor = found[-1]
        return world
