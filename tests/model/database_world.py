"""The world of the second model: databases and machines, and fenced acts on their way to them.

Databases take writes or not, machines run their jobs or not: to the fence they are the same. A row
is a bit. Every client's write that was acknowledged has to be in the live deploy's database
for ever after, unless somebody said that it may be discarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import Decision
from reconciler.model.ledger import Ledger
from reconciler.model.resource import Resource
from tests.model import cast
from tests.model import database_strangers as strangers
from tests.model.common import put, without
from tests.model.ledger_world import NONE, Book, Request


class Db(NamedTuple):
    """A database: whether it takes writes, the generation it has obeyed, its rows.

    Or a machine: whether it runs its jobs, the generation it has obeyed, its label.
    `used`: somebody is connected to the database who is not the service's.
    """

    open: bool
    fence: int = 0
    rows: int = 0
    label: str = ""
    used: bool = False


MACHINES = len(cast.DEPLOYS)
"""Databases come first, one a deploy, then their machines, then what people made."""

STRANGERS = 2 * MACHINES
"""The first place of those that people made."""


def thing_name(place: int) -> str:
    """In a trace."""
    if place >= STRANGERS:
        return strangers.NAMES[place - STRANGERS]
    what = "database" if place < MACHINES else "machine"
    return f"{cast.NAMES[cast.DEPLOYS[place % MACHINES]]}'s {what}"


class Fenced(NamedTuple):
    """A thaw (`open`) or a freeze of a database, with the generation behind it.

    Of a machine: a start or a stop of its jobs.
    """

    place: int
    open: bool
    gen: int

    def __str__(self) -> str:
        is_machine = MACHINES <= self.place < STRANGERS
        words = ("stop", "start") if is_machine else ("freeze", "thaw")
        jobs = "'s jobs" if is_machine else ""
        return f"{words[self.open]} {thing_name(self.place)}{jobs}, generation {self.gen}"


class Todo(NamedTuple):
    """One thing a sweep does: a swap (to ledger `new`), a fenced act, a label, or a drop."""

    kind: str
    new: int = NONE
    place: int = NONE
    open: bool = False
    label: str = ""


class Actor(NamedTuple):
    """Where an actor stands. Fields as in ledger_world.Actor; `counted` are rows given up.

    frozen  the generation of its own freeze
    saw     the databases as a sweep saw them
    """

    pc: str
    seen: int = NONE
    unsure: bool = False
    began: int = NONE
    target: int = NONE
    frozen: int = 0
    counted: int = 0
    saw: tuple[Db | None, ...] = ()
    service_plan: tuple[Todo, ...] = ()
    rounds: int = 0


DONE = Actor("done")


class Commit(NamedTuple):
    """A commit on its way, and the rows that it gives up."""

    request: Request
    discards: int


class World(NamedTuple):
    """Everything there is; `acked` and `given` are rows acknowledged, and given up in words.

    `dbs` has the databases and, in the scenarios that have any, the machines, and what people made.
    `guests` is how often somebody may still connect to first's database.
    """

    ledger: int
    dbs: tuple[Db | None, ...]
    actors: tuple[Actor, ...]
    acts: tuple[Fenced, ...] = ()
    commits: tuple[Commit, ...] = ()
    acked: int = 0
    given: int = 0
    writes: int = 0
    slow: int = 0
    twice: int = 0
    guests: int = 0


def resource(place: int, db: Db) -> Resource:
    """The thing at a place as the inventory lists it."""
    if place >= STRANGERS:
        return strangers.stranger(place - STRANGERS, is_open=db.open)
    of = cast.DEPLOYS[place % MACHINES]
    return strangers.own(of, is_open=db.open) if place < MACHINES else cast.machine(of, db.label)


PLACES = {resource(n, Db(open=True)).id: n for n in range(STRANGERS + len(strangers.NAMES))}


class Server:
    """What the database server and the zone do with what reaches them."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def obeys(self, world: World, act: Fenced) -> World | None:
        """The world after the act; None where its database refuses it, or is gone (rule 10)."""
        db = world.dbs[act.place]
        if db is None or self._book.rules.decide(db.fence, act.gen) is Decision.STALE:
            return None
        after = db._replace(open=act.open, fence=max(db.fence, act.gen))
        return world._replace(dbs=put(world.dbs, act.place, after))

    def cuts_over(self, world: World, commit: Commit) -> World | None:
        """The world after a commit; None where it is refused."""
        if world.ledger != commit.request.old:
            return None
        return world._replace(ledger=commit.request.new, given=world.given | commit.discards)

    def arrivals(self, world: World) -> Iterator[tuple[str, World]]:
        """Whatever is on its way may arrive now."""
        for act in dict.fromkeys(world.acts):
            after = self.obeys(world, act)
            if after is not None:
                left = without(world.acts, act)
                yield f"network: late, {act}", after._replace(acts=left)
        for commit in world.commits:
            after = self.cuts_over(world._replace(commits=()), commit)
            if after is not None:
                yield (
                    f"network: a late commit, generation {self._book.gen(commit.request.new)}",
                    after,
                )

    def writes(self, world: World) -> Iterator[tuple[str, World]]:
        """Clients, with new or stale addresses, write wherever they are let."""
        if not world.writes:
            return
        row = 1 << world.acked.bit_length()
        for place in self.reachable(world):
            db = world.dbs[place]
            if db is not None and db.open:
                dbs = put(world.dbs, place, db._replace(rows=db.rows | row))
                wrote = world._replace(dbs=dbs, acked=world.acked | row, writes=world.writes - 1)
                yield f"client: writes to {thing_name(place)}", wrote

    def sessions(self, world: World) -> Iterator[tuple[str, World]]:
        """Somebody looks into what first left behind, and goes again."""
        place = cast.DEPLOYS.index(cast.FIRST)
        db = world.dbs[place]
        if db is not None and db.used:
            left = put(world.dbs, place, db._replace(used=False))
            yield f"people: leave {thing_name(place)}", world._replace(dbs=left)
        elif db is not None and world.guests:
            came = put(world.dbs, place, db._replace(used=True))
            after = world._replace(dbs=came, guests=world.guests - 1)
            yield f"people: connect to {thing_name(place)}", after

    def reachable(self, world: World) -> list[int]:
        """Places of the databases of the deploys that the record names, or once named."""
        ledger = self._book.values[world.ledger]
        live = [ledger.live.id] if ledger.live else []
        served = [*live, *(one.id for one in ledger.previous)]
        return list(dict.fromkeys(database_place(ledger, one) for one in served))


def database_place(ledger: Ledger, deploy: DeployId) -> int:
    """The place of the database that a deploy uses: its own, or the one that it shares."""
    return cast.DEPLOYS.index(ledger.database_of(deploy))


def at(world: World, me: int, actor: Actor) -> World:
    """The world with this actor."""
    actors = (*world.actors[:me], actor, *world.actors[me + 1 :])
    return world._replace(actors=actors)
