"""The world of the second model: databases that take writes or not, and acts on their way to them.

A row is a bit. Every client's write that was acknowledged has to be in the live deploy's database
for ever after, unless somebody said that it may be discarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from reconciler import tags as t
from reconciler.deploy_id import DeployId
from reconciler.fence import Decision
from reconciler.plan import OPEN, SHUT
from reconciler.resource import DATABASE, Resource
from tests.model import cast
from tests.model.ledger_world import NONE, Book, Request


class Db(NamedTuple):
    """A database: whether it takes writes, the generation it has obeyed, its rows."""

    open: bool
    fence: int = 0
    rows: int = 0


class Fenced(NamedTuple):
    """A thaw (`open`) or a freeze of one deploy's database, with the generation behind it."""

    place: int
    open: bool
    gen: int

    def __str__(self) -> str:
        what = "thaw" if self.open else "freeze"
        return f"{what} of {cast.NAMES[cast.DEPLOYS[self.place]]}'s database, generation {self.gen}"


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
    todo: tuple[object, ...] = ()
    rounds: int = 0


DONE = Actor("done")


class Commit(NamedTuple):
    """A commit on its way, and the rows that it gives up."""

    request: Request
    discards: int


class World(NamedTuple):
    """Everything there is; `acked` and `given` are rows acknowledged, and given up in words."""

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


@cache
def database(of: DeployId, *, is_open: bool) -> Resource:
    """The database of a deploy as the inventory lists it."""
    name = of.database_name(cast.ADDRESS)
    tags = {
        t.ID: str(of),
        t.STATE: "pending",
        t.LEDGER: cast.ADDRESS,
        t.PART: t.part(DATABASE, cast.PLACE),
    }
    state = OPEN if is_open else SHUT
    return Resource(DATABASE, name, cast.PLACE, tags, state=state, name=name)


PLACES = {database(one, is_open=True).id: n for n, one in enumerate(cast.DEPLOYS)}


class Server:
    """What the database server and the zone do with what reaches them."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def obeys(self, world: World, act: Fenced) -> World | None:
        """The world after the act; None where its database refuses it, or is gone (rule 10)."""
        db = world.dbs[act.place]
        if db is None or self._book.rules.decide(db.fence, act.gen) is Decision.STALE:
            return None
        after = Db(act.open, max(db.fence, act.gen), db.rows)
        return world._replace(dbs=put(world.dbs, act.place, after))

    def cuts_over(self, world: World, commit: Commit) -> World | None:
        """The world after a commit; None where it is refused."""
        if world.ledger != commit.request.old:
            return None
        return world._replace(ledger=commit.request.new, given=world.given | commit.discards)

    def arrivals(self, world: World) -> Iterator[tuple[str, World]]:
        """Whatever is on its way may arrive now."""
        for act in dict.fromkeys(world.acts):
            left = list(world.acts)
            left.remove(act)
            after = self.obeys(world, act)
            if after is not None:
                yield f"late: {act}", after._replace(acts=tuple(left))
        for commit in world.commits:
            after = self.cuts_over(world._replace(commits=()), commit)
            if after is not None:
                yield f"late: commit, generation {self._book.gen(commit.request.new)}", after

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
                yield f"a client writes to {cast.NAMES[cast.DEPLOYS[place]]}'s database", wrote

    def reachable(self, world: World) -> list[int]:
        """Places of the deploys that the record names, or once named."""
        ledger = self._book.values[world.ledger]
        live = [ledger.live.id] if ledger.live else []
        served = [*live, *(one.id for one in ledger.previous)]
        return [cast.DEPLOYS.index(one) for one in served]


def put(dbs: tuple[Db | None, ...], place: int, db: Db | None) -> tuple[Db | None, ...]:
    """The databases with another at `place`."""
    return (*dbs[:place], db, *dbs[place + 1 :])


def at(world: World, me: int, actor: Actor) -> World:
    """The world with this actor."""
    actors = (*world.actors[:me], actor, *world.actors[me + 1 :])
    return world._replace(actors=actors)
