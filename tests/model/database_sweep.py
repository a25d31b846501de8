"""A sweep of databases as a step machine: list, read the ledger, act under its generation.

It decides by the product's own planner, and acts as reconciler/sweep/machines/repair.py does: a
deploy's database, its machine, and its label only where both have obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.gc.desired_state import DESIRED
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Role, Root
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.resource import DATABASE, Inventory
from reconciler.model.tags import Label
from reconciler.plan.service_plan import Repair, ServicePlan, SweepRequest
from tests.model import cast
from tests.model.common import put
from tests.model.database_world import (
    DONE,
    MACHINES,
    PLACES,
    STRANGERS,
    Actor,
    Db,
    Fenced,
    Server,
    Todo,
    World,
    at,
    resource,
    thing_name,
)
from tests.model.ledger_world import NONE, Book

Moves = Iterator[tuple[str, World]]

EVERYTHING = Retention(keep=9, keep_rejected=timedelta(days=9999))
"""Nothing is forgotten, unless a scenario is about what retention does to databases."""


class Keys(NamedTuple):
    """What a sweep's plan is made from."""

    ledger: int
    dbs: tuple[Db | None, ...]
    now: datetime
    seen: int


@dataclass
class Planner:
    """The product's plan, as the list of what a sweep does in its order."""

    book: Book
    retention: Retention
    _known: dict[Keys, tuple[Todo, ...]] = field(default_factory=dict)

    def service_plan(self, key: Keys) -> tuple[Todo, ...]:
        """What is to be done."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = tuple(self._acts(self._plan(key), key))
        return known

    def _plan(self, key: Keys) -> ServicePlan:
        resources = [resource(n, db) for n, db in enumerate(key.dbs) if db]
        fence = max(db.fence for db in key.dbs[:MACHINES] if db)
        ledger = self.book.values[key.ledger]
        record = ledger.live.at if ledger.live else ()
        lease = self.book.values[key.seen].lease if key.seen != NONE else None
        root = Root(cast.HOME, key.now, ledger, record, fence=fence)
        ask = SweepRequest(self.retention, end_lease=lease, operator=lease is not None)
        name = cast.HOME.service
        return self.book.rules.plan(
            Inventory(tuple(resources)), {name: root}, {name: ask}
        ).services[0]

    def _acts(self, plan: ServicePlan, key: Keys) -> list[Todo]:
        if plan.problem:
            return []
        ends = [Todo("end", new=self._ended(plan, key))] if plan.end else []
        marks = [act for repair in plan.repairs for act in self._marks(plan, repair)]
        finishing = [act for repair in plan.repairs for act in self._finish(plan, repair)]
        repairs = [*marks, *finishing]
        forgets = self._forgets(plan, key, ends)
        drops = [Todo("drop", place=PLACES[one.resource.id]) for one in plan.deletes]
        first = self.book.rules.ends_first
        first_of = [*ends, *repairs] if first else [*repairs, *ends]
        return [*first_of, *forgets, *drops]

    def _forgets(self, plan: ServicePlan, key: Keys, ends: list[Todo]) -> list[Todo]:
        found, ledger = [], ends[0].new if ends else key.ledger
        for deploy in plan.forget:
            ledger = self.book.after(ledger, ("forget", deploy), self._forget(deploy))
            found.append(Todo("forget", new=ledger))
        return found

    def _forget(self, deploy: DeployId) -> Callable[[Ledger], Ledger]:
        return lambda old: self.book.rules.forget(old, deploy)

    def _finish(self, plan: ServicePlan, repair: Repair) -> list[Todo]:
        desired = DESIRED[repair.role]
        resources = self.book.rules.resources(plan, repair)
        wanted = [desired.writable if one.kind == DATABASE else desired.jobs for one in resources]
        acts = [
            Todo("act", place=PLACES[one.id], open=is_open)
            for one, is_open in zip(resources, wanted, strict=True)
            if is_open is not None
        ]
        labels = [
            Todo("label", place=PLACES[one.id], label=desired.label.value)
            for one in resources
            if one.kind != DATABASE and one.label is not desired.label
        ]
        first = sorted(acts, key=lambda one: one.place)
        return [*first, *labels] if self.book.rules.labels_last else [*labels, *first]

    def _marks(self, plan: ServicePlan, repair: Repair) -> list[Todo]:
        """What goes live again is not labelled retired when anybody's jobs begin or end."""
        if repair.role is not Role.LIVE:
            return []
        return [
            Todo("mark", place=PLACES[one.id], label=Label.PENDING.value)
            for one in self.book.rules.resources(plan, repair)
            if one.label is Label.RETIRED
        ]

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
            saw = tuple(db and db._replace(rows=0, used=False) for db in world.dbs)
            yield f"{name}: lists the databases", at(world, me, actor._replace(pc="read", saw=saw))
        elif actor.pc == "read":
            yield from self._reads(world, me, name)
        else:
            yield from self._does(world, me, name)

    def _reads(self, world: World, me: int, name: str) -> Moves:
        actor = world.actors[me]
        nows = (cast.EARLY, cast.LATE)
        keys = [Keys(world.ledger, actor.saw, now, actor.began) for now in nows]
        for service_plan in dict.fromkeys(self.planner.service_plan(key) for key in keys):
            after = actor._replace(pc="act", seen=world.ledger, saw=(), service_plan=service_plan)
            said = f"{name}: reads the ledger" + ("" if service_plan else ": nothing to do")
            yield said, at(world, me, after if service_plan else _round_over(actor))

    def _does(self, world: World, me: int, name: str) -> Moves:
        actor = world.actors[me]
        service_plan = actor.service_plan[0]
        if service_plan.kind in ("end", "forget"):
            lost = world.ledger != actor.seen
            after = world if lost else world._replace(ledger=service_plan.new)
            then = _round_over(actor) if lost else _next(actor, service_plan.new)
            said = "ends the lease" if service_plan.kind == "end" else "forgets a deploy"
            yield f"{name}: {said}{' (lost)' if lost else ''}", at(after, me, then)
        elif service_plan.kind == "drop":
            after = self._drops(world, service_plan.place)
            kept = " (refused: in use)" if after is world else ""
            said = f"{name}: drops {thing_name(service_plan.place)}{kept}"
            yield said, at(after, me, _next(actor, actor.seen))
        elif service_plan.kind == "label":
            yield from self._labels(world, me, name, service_plan)
        elif service_plan.kind == "mark":
            yield self._marked(world, me, name, service_plan)
        else:
            act = Fenced(service_plan.place, service_plan.open, self.book.gen(actor.seen))
            for said, after, known in send(self.server, world, act):
                then = actor if known else self._untold(actor, service_plan)
                yield f"{name}: {said}", at(after, me, _next(then, actor.seen))

    def _drops(self, world: World, place: int) -> World:
        """Nothing is dropped while somebody else is connected to it."""
        db = world.dbs[place]
        if db is not None and db.used and self.book.rules.minds_sessions:
            return world
        return world._replace(dbs=put(world.dbs, place, None))

    def _untold(self, actor: Actor, service_plan: Todo) -> Actor:
        """Nothing of it is labelled; and while it may run its jobs, no other begins them."""
        left = _unlabelled(actor, service_plan.place)
        if service_plan.place < MACHINES or service_plan.open or not self.book.rules.hands_over:
            return left
        waiting = [
            one for one in left.service_plan[1:] if MACHINES <= one.place < STRANGERS and one.open
        ]
        for one in waiting:
            left = _unlabelled(left, one.place)
        return left._replace(
            service_plan=tuple(one for one in left.service_plan if one not in waiting)
        )

    def _marked(self, world: World, me: int, name: str, service_plan: Todo) -> tuple[str, World]:
        """However late: it protects, and a deploy that it makes unfinished is finished again."""
        db, after = world.dbs[service_plan.place], at(world, me, _next(world.actors[me], NONE))
        said = f"{name}: labels {thing_name(service_plan.place)} pending"
        if db is None:
            return said, after
        marked = db._replace(label=service_plan.label)
        return said, after._replace(dbs=put(world.dbs, service_plan.place, marked))

    def _labels(self, world: World, me: int, name: str, service_plan: Todo) -> Moves:
        """Unless the ledger has changed: a label has no fence."""
        db, after = world.dbs[service_plan.place], at(world, me, _next(world.actors[me], NONE))
        if db is None or (world.ledger != world.actors[me].seen and self.book.rules.looks):
            yield f"{name}: labels nothing, the ledger has changed", after
            return
        dbs = put(world.dbs, service_plan.place, db._replace(label=service_plan.label))
        yield (
            f"{name}: labels {thing_name(service_plan.place)} {service_plan.label}",
            after._replace(dbs=dbs),
        )


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


def _unlabelled(actor: Actor, place: int) -> Actor:
    """What may not have obeyed is not finished: its deploy is not labelled in this round."""
    service_plan = tuple(
        one
        for one in actor.service_plan
        if not (one.kind == "label" and one.place % MACHINES == place % MACHINES)
    )
    return actor._replace(service_plan=service_plan)


def _next(actor: Actor, seen: int) -> Actor:
    """The next thing, under the ledger `seen`, or NONE for the one known."""
    if len(actor.service_plan) == 1:
        return _round_over(actor)
    return actor._replace(
        service_plan=actor.service_plan[1:], seen=actor.seen if seen == NONE else seen
    )


def _round_over(actor: Actor) -> Actor:
    if actor.rounds <= 1:
        return DONE
    return Actor("look", began=actor.began, rounds=actor.rounds - 1)
