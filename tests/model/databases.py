"""The second model: freeze, dump, commit, thaw and roll back, and no acknowledged write is lost.

Fenced acts land late or twice; clients with stale addresses write to whatever takes it. Asked of
every world: is each acknowledged row in the live database; do two databases take writes at once;
and if everybody crashed now, would sweeps open exactly the live one?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.model import cast
from tests.model.database_actors import Deployer, Releasing, Rollback
from tests.model.database_sweep import Keys, Planner, Sweep
from tests.model.database_world import Actor, Db, Server, World, at
from tests.model.ledger_world import NONE, Book
from tests.model.rules import Rules

ROUNDS = 12


@dataclass(frozen=True)
class Scenario:
    """Who takes part, and how much may go astray."""

    name: str
    deployers: int = 1
    rollback: bool = False
    abort: bool = False
    sweeps: tuple[int, ...] = (1,)
    writes: int = 1
    slow: int = 1
    twice: int = 1


class Databases:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.book = Book(rules or Rules())
        self.server = Server(self.book)
        self.planner = Planner(self.book)
        self.sweep = Sweep(self.book, self.server, self.planner)
        self.holders = self._holders()
        self._ended: dict[tuple[int, tuple[Db | None, ...]], str] = {}

    def _holders(self) -> tuple[Releasing, ...]:
        parts = (self.book, self.server, self.sweep)
        deploys = (cast.FIRST, cast.SECOND)[: self.scenario.deployers]
        found: list[Releasing] = [Deployer(each, *parts) for each in deploys]
        if self.scenario.rollback:
            found.append(Rollback(cast.BACK, *parts))
        return tuple(found)

    def start(self) -> World:
        """The live database takes writes, the one before is shut; nobody has moved."""
        one = self.scenario
        actors = [Actor("guard") for _ in self.holders]
        actors += [Actor("look", rounds=rounds) for rounds in one.sweeps]
        actors += [Actor("ready")] * one.abort
        return World(
            self.book.number(cast.beginning(previous=True)),
            (Db(open=False), Db(open=True), None, None),
            tuple(actors),
            writes=one.writes,
            slow=one.slow,
            twice=one.twice,
        )

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody."""
        for me, actor in enumerate(world.actors):
            if actor.pc == "done":
                continue
            if me < len(self.holders):
                yield from self.holders[me].moves(world, me)
            elif actor.pc == "ready":
                yield from self._abort(world, me)
            else:
                yield from self.sweep.moves(world, me, f"sweeper {me - len(self.holders) + 1}")
        yield from self.server.arrivals(world)
        yield from self.server.writes(world)

    def _abort(self, world: World, me: int) -> Iterator[tuple[str, World]]:
        if self.book.values[world.ledger].lease is not None:
            begun = Actor("look", began=world.ledger, rounds=1)
            yield "an operator sees the lease and aborts", at(world, me, begun)

    # --- what must hold ----------------------------------------------------------------------

    def wrong_move(self, before: World, after: World) -> str:
        """Everything is asked of worlds."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: no row is lost, one database at most takes writes, all comes to rest."""
        live = self.book.values[world.ledger].live
        db = world.dbs[cast.DEPLOYS.index(live.id)] if live else None
        if db is None:
            return "the live deploy has no database"
        if world.acked & ~world.given & ~db.rows:
            return "an acknowledged write is not in the live database"
        takes = [one for one in self.server.reachable(world) if self._takes(world, one)]
        if len(takes) > 1:
            return "two databases take writes at once"
        return self._at_rest(world)

    def _takes(self, world: World, place: int) -> bool:
        db = world.dbs[place]
        return db is not None and db.open

    def _at_rest(self, world: World) -> str:
        key = (world.ledger, tuple(db and db._replace(rows=0) for db in world.dbs))
        known = self._ended.get(key)
        if known is None:
            known = self._ended[key] = self._settle(World(*key, (Actor("look", rounds=1),)))
        return known

    def _settle(self, world: World) -> str:
        for _ in range(ROUNDS):
            key = Keys(world.ledger, world.dbs, cast.LATE, NONE)
            if not self.planner.todo(key):
                return self._unlike_the_table(world)
            world = at(world, 0, Actor("look", rounds=1))
            while world.actors[0].pc != "done":
                world = list(self.sweep.moves(world, 0, "sweep"))[-1][1]
        return "sweeps do not come to rest"

    def _unlike_the_table(self, world: World) -> str:
        ledger = self.book.values[world.ledger]
        for place, deploy in enumerate(cast.DEPLOYS):
            db = world.dbs[place]
            is_live = ledger.live is not None and ledger.live.id == deploy
            if db is not None and (deploy not in ledger.rooted or db.open != is_live):
                state = "open" if db.open else "shut"
                return f"crashed now: {cast.NAMES[deploy]}'s database stays {state}"
        return "" if ledger.lease is None else "crashed now: the lease is never ended"
