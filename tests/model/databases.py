"""The second model: freeze, dump, commit, thaw and roll back, and no acknowledged write is lost.

Fenced acts on databases and machines land late or twice; clients with stale addresses write to
whatever takes it. Asked of every world: is each acknowledged row in the live database; do two
databases take writes at once; and if everybody crashed now, would sweeps open exactly the live one,
and run exactly its jobs?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.gc.desired_state import DESIRED
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Role, role
from tests.model import cast, common
from tests.model.common import nameless, settled
from tests.model.database_actors import Deployer, Releasing, Rollback
from tests.model.database_sweep import EVERYTHING, Keys, Planner, Sweep
from tests.model.database_world import (
    DONE,
    MACHINES,
    STRANGERS,
    Actor,
    Db,
    Fenced,
    Server,
    World,
    at,
    database_place,
    thing_name,
)
from tests.model.ledger_world import NONE, Book
from tests.model.rules import Rules

STRANGE = (Db(open=True), Db(open=True))
"""What people made: they write to it, and nobody else changes it."""

Quiet = tuple[int, tuple[Db | None, ...], tuple[Fenced, ...]]
"""Ledger, things, and acts on their way: all that is left when everybody has crashed."""


@dataclass(frozen=True)
class Scenario(common.Scenario):
    """Further: how often clients write, and whether there are machines, with jobs.

    forth  a second rollback, forward again to what was live at the start
    people  databases that people copied and restored, and somebody in first's
    short  leases are made short before the live database is shut
    shares  how many of the releases, from the first on, use live's own database
    keep  previous deploys that retention keeps; None: nothing is forgotten
    """

    twice: int = 1
    writes: int = 1
    machines: bool = False
    forth: bool = False
    people: bool = False
    short: bool = False
    shares: int = 0
    keep: int | None = None


class Databases:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.book = Book(rules or Rules())
        self.server = Server(self.book)
        keep = scenario.keep
        self.planner = Planner(self.book, EVERYTHING if keep is None else Retention(keep))
        self.sweep = Sweep(self.book, self.server, self.planner)
        self.holders = self._holders()
        self._alike = scenario.alike(len(self.holders))
        self._ended: dict[Quiet, str] = {}

    def _holders(self) -> tuple[Releasing, ...]:
        parts = (self.book, self.server, self.sweep, self.scenario.short)
        found: list[Releasing] = [
            Deployer(each, *parts, shares=number < self.scenario.shares)
            for number, each in enumerate(self.scenario.releases)
        ]
        if self.scenario.rollback:
            found.append(Rollback(cast.BACK, *parts))
        if self.scenario.forth:
            found.append(Rollback(cast.FORTH, *parts, to=cast.NOW))
        return tuple(found)

    def start(self) -> World:
        """The live database takes writes, the one before is shut; nobody has moved."""
        one = self.scenario
        actors = [Actor("guard") for _ in self.holders]
        actors += [Actor("look", rounds=rounds) for rounds in one.sweeps]
        actors += [Actor("ready")] * one.abort
        machines = (Db(open=False, label="retired"), Db(open=True, label="live"), None, None)
        others = machines if one.machines else (None,) * MACHINES * one.people
        return World(
            self.book.number(cast.beginning(previous=True)),
            (Db(open=False), Db(open=True), None, None, *others, *STRANGE * one.people),
            tuple(actors),
            writes=one.writes,
            slow=one.slow,
            twice=one.twice,
            guests=int(one.people),
        )

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody."""
        if len(self.scenario.sweeps) < 2:
            yield from self._moves(world)
            return
        for said, after in self._moves(world):
            yield said, after._replace(actors=nameless(after.actors, self._alike, _order))

    def _moves(self, world: World) -> Iterator[tuple[str, World]]:
        for me, actor in enumerate(world.actors):
            if actor.pc == "done":
                continue
            if me < len(self.holders):
                yield from self.holders[me].moves(world, me)
            elif actor.pc == "ready":
                yield from self._abort(world, me)
            else:
                yield from self.sweep.moves(world, me, f"sweep {me - len(self.holders) + 1}")
        yield from self.server.arrivals(world)
        yield from self.server.writes(world)
        yield from self.server.sessions(world)

    def _abort(self, world: World, me: int) -> Iterator[tuple[str, World]]:
        if self.book.values[world.ledger].lease is not None:
            begun = Actor("look", began=world.ledger, rounds=1)
            yield "abort: sees the lease", at(world, me, begun)

    # --- what must hold ----------------------------------------------------------------------

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing is dropped under people's sessions, or that a rooted deploy uses."""
        ledger = self.book.values[after.ledger]
        for place, (old, new) in enumerate(zip(before.dbs, after.dbs, strict=True)):
            if old is None or new is not None:
                continue
            if old.used:
                return f"{thing_name(place)} is dropped while people are connected to it"
            if place < MACHINES and ledger.user_of(cast.DEPLOYS[place]) is not None:
                return f"{thing_name(place)} is dropped, which a rooted deploy uses"
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: no row is lost, one database at most takes writes, all comes to rest."""
        live = self.book.values[world.ledger].live
        db = world.dbs[database_place(self.book.values[world.ledger], live.id)] if live else None
        if db is None:
            return "the live deploy has no database"
        if world.dbs[STRANGERS:] not in ((), STRANGE):
            return "a database that people made is not as they left it"
        if world.acked & ~world.given & ~db.rows:
            return "an acknowledged write is not in the live database"
        takes = [one for one in self.server.reachable(world) if self._takes(world, one)]
        if len(takes) > 1:
            return "two databases take writes at once"
        if sum(one is not None and one.open for one in world.dbs[MACHINES:STRANGERS]) > 1:
            return "two machines run the jobs at once"
        return self._at_rest(world)

    def _takes(self, world: World, place: int) -> bool:
        db = world.dbs[place]
        return db is not None and db.open

    def _at_rest(self, world: World) -> str:
        """Everybody has crashed: sweeps lead to the table, whatever arrives after all that."""
        resources = tuple(db and db._replace(rows=0, used=False) for db in world.dbs)
        return self._quiet((world.ledger, resources, world.acts))

    def _quiet(self, left: Quiet) -> str:
        known = self._ended.get(left)
        if known is None:
            known = self._ended[left] = self._settle(*left)
        return known

    def _settle(
        self, ledger: int, resources: tuple[Db | None, ...], acts: tuple[Fenced, ...]
    ) -> str:
        rested = settled(World(ledger, resources, (DONE,)), self._nothing_to_do, self._round)
        if rested is None:
            return "sweeps do not come to rest"
        wrong = self._unlike_the_table(rested)
        for _, late in () if wrong else self.server.arrivals(rested._replace(acts=acts)):
            wrong = wrong or self._quiet((late.ledger, late.dbs, late.acts))
        return wrong

    def _nothing_to_do(self, world: World) -> bool:
        return not self.planner.service_plan(Keys(world.ledger, world.dbs, cast.LATE, NONE))

    def _round(self, world: World) -> World:
        """One sweep that nothing disturbs, long after."""
        world = at(world, 0, Actor("look", rounds=1))
        while world.actors[0].pc != "done":
            world = list(self.sweep.moves(world, 0, "sweep"))[-1][1]
        return world

    def _unlike_the_table(self, world: World) -> str:
        ledger = self.book.values[world.ledger]
        for place, resource in enumerate(world.dbs[:STRANGERS]):
            deploy = cast.DEPLOYS[place % MACHINES]
            if resource is None:
                continue
            user = ledger.user_of(deploy) if place < MACHINES else deploy
            is_live = ledger.live is not None and ledger.live.id == user
            label = DESIRED[role(ledger, deploy) or Role.LEASE].label if resource.label else ""
            if user not in ledger.rooted or resource.open != is_live or resource.label != label:
                return f"crashed now: {_stays(place, resource)}"
        return "" if ledger.lease is None else "crashed now: the lease is never ended"


def _order(actor: Actor) -> Actor:
    """The actor as one that can be compared: what it did not see counts as shut and new."""
    return actor._replace(saw=tuple(one or Db(open=False, fence=NONE) for one in actor.saw))


def _stays(place: int, resource: Db) -> str:
    if place < MACHINES:
        return f"{thing_name(place)} stays {'open' if resource.open else 'shut'}"
    jobs = "runs" if resource.open else "has no"
    return f"{thing_name(place)} stays {resource.label} and {jobs} jobs"
