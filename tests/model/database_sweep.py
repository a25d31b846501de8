"""A sweep of databases as a step machine: list, read the ledger, act under its generation.

It decides by the product's own planner, and acts as reconciler/finish.py does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from reconciler import ledger as ledgers
from reconciler.desired import DESIRED
from reconciler.ledger import Ending
from reconciler.plan import Ask, ServicePlan
from reconciler.resource import DATABASE, Inventory
from reconciler.retention import Retention
from reconciler.verdict import Root
from tests.model import cast
from tests.model.database_world import (
    DONE,
    PLACES,
    Actor,
    Db,
    Fenced,
    Server,
    World,
    at,
    database,
    put,
)
from tests.model.ledger_world import NONE, Book

Moves = Iterator[tuple[str, World]]


class Keys(NamedTuple):
    """What a sweep's plan is made from."""

    ledger: int
    dbs: tuple[Db | None, ...]
    now: datetime
    seen: int


class Todo(NamedTuple):
    """One thing a sweep does: end the lease (to ledger `new`), a fenced act, or a drop."""

    kind: str
    new: int = NONE
    place: int = NONE
    open: bool = False


@dataclass
class Planner:
    """The product's plan, as the list of what a sweep does in its order."""

    book: Book
    _known: dict[Keys, tuple[Todo, ...]] = field(default_factory=dict)

    def todo(self, key: Keys) -> tuple[Todo, ...]:
        """What is to be done."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = tuple(self._acts(self._plan(key), key))
        return known

    def _plan(self, key: Keys) -> ServicePlan:
        things = [database(cast.DEPLOYS[n], is_open=db.open) for n, db in enumerate(key.dbs) if db]
        fence = max(db.fence for db in key.dbs if db)
        ledger = self.book.values[key.ledger]
        record = ledger.live.at if ledger.live else ()
        lease = self.book.values[key.seen].lease if key.seen != NONE else None
        root = Root(cast.HOME, key.now, ledger, record, fence=fence)
        ask = Ask(Retention(keep=9), end_lease=lease, operator=lease is not None)
        name = cast.HOME.service
        return self.book.rules.plan(Inventory(tuple(things)), {name: root}, {name: ask}).services[0]

    def _acts(self, plan: ServicePlan, key: Keys) -> list[Todo]:
        if plan.problem:
            return []
        ends = [Todo("end", new=self._ended(plan, key))] if plan.end else []
        repairs = [
            Todo("act", place=PLACES[thing.id], open=bool(DESIRED[repair.role].writable))
            for repair in plan.repairs
            for thing in self.book.rules.things(plan, repair)
            if thing.kind == DATABASE and DESIRED[repair.role].writable is not None
        ]
        drops = [Todo("drop", place=PLACES[one.thing.id]) for one in plan.deletes]
        first = self.book.rules.ends_first
        return [*ends, *repairs, *drops] if first else [*repairs, *ends, *drops]

    def _ended(self, plan: ServicePlan, key: Keys) -> int:
        assert plan.end is not None
        operator = not ledgers.expired(plan.end, key.now)
        ending = Ending(plan.end, key.now, operator=operator)
        return self.book.after(key.ledger, ending, lambda old: self.book.rules.end(old, ending))


@dataclass(frozen=True)
class Sweep:
    """List the databases, read the ledger, then act under the generation that it has."""

    book: Book
    server: Server
    planner: Planner

    def moves(self, world: World, me: int, name: str) -> Moves:
        """Every next step."""
        actor = world.actors[me]
        if actor.pc == "look":
            saw = tuple(db and db._replace(rows=0) for db in world.dbs)
            yield f"{name}: lists the databases", at(world, me, actor._replace(pc="read", saw=saw))
        elif actor.pc == "read":
            yield from self._reads(world, me, name)
        else:
            yield from self._does(world, me, name)

    def _reads(self, world: World, me: int, name: str) -> Moves:
        actor = world.actors[me]
        nows = (cast.EARLY, cast.LATE)
        keys = [Keys(world.ledger, actor.saw, now, actor.began) for now in nows]
        for todo in dict.fromkeys(self.planner.todo(key) for key in keys):
            after = actor._replace(pc="act", seen=world.ledger, saw=(), todo=todo)
            said = f"{name}: reads the ledger" + ("" if todo else ": nothing to do")
            yield said, at(world, me, after if todo else _round_over(actor))

    def _does(self, world: World, me: int, name: str) -> Moves:
        actor = world.actors[me]
        todo = actor.todo[0]
        assert isinstance(todo, Todo)
        if todo.kind == "end":
            lost = world.ledger != actor.seen
            after = world if lost else world._replace(ledger=todo.new)
            then = _round_over(actor) if lost else _next(actor, todo.new)
            yield f"{name}: ends the lease{' (lost)' if lost else ''}", at(after, me, then)
        elif todo.kind == "drop":
            gone = world._replace(dbs=put(world.dbs, todo.place, None))
            dropped = cast.NAMES[cast.DEPLOYS[todo.place]]
            yield f"{name}: drops {dropped}'s database", at(gone, me, _next(actor, actor.seen))
        else:
            act = Fenced(todo.place, todo.open, self.book.gen(actor.seen))
            for said, after, _ in send(self.server, world, act):
                yield f"{name}: {said}", at(after, me, _next(actor, actor.seen))


def send(server: Server, world: World, act: Fenced) -> Iterator[tuple[str, World, bool]]:
    """What may become of an act, and whether its sender knows that it is in force."""
    after = server.obeys(world, act)
    yield (f"{act} (refused)", world, False) if after is None else (str(act), after, True)
    if after is not None and world.twice:
        again = after._replace(acts=tuple(sorted((*after.acts, act))), twice=world.twice - 1)
        yield f"{act}, and a copy to follow", again, True
    if world.slow:
        sent = world._replace(acts=tuple(sorted((*world.acts, act))), slow=world.slow - 1)
        yield f"{act} (no answer)", sent, False


def _next(actor: Actor, seen: int) -> Actor:
    if len(actor.todo) == 1:
        return _round_over(actor)
    return actor._replace(todo=actor.todo[1:], seen=seen)


def _round_over(actor: Actor) -> Actor:
    if actor.rounds <= 1:
        return DONE
    return Actor("look", began=actor.began, rounds=actor.rounds - 1)
