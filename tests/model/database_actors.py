"""Those who act on databases and machines: each as slow as it likes.

    guard → acquire → (shorten) → freeze → (sees its own freeze) → dump → verify → start → commit
      → sweep
    guard → acquire → commit → sweep, where it shares live's database
    guard → acquire → (order) → freeze the newer → count what it would give up → commit → open
      → sweep

Anything before the commit may fail: end the lease, then sweep, which thaws. They follow
deployer/release/steps/database.py and commit.py, rollback_database.py and
reconciler/sweep/machines/repair.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deployer.commands.rollback.context import choose
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Ending, Ledger
from tests.model import cast
from tests.model.common import put
from tests.model.database_sweep import Sweep, send
from tests.model.database_world import (
    DONE,
    MACHINES,
    Actor,
    Commit,
    Db,
    Fenced,
    Server,
    World,
    at,
    database_place,
)
from tests.model.ledger_world import NONE, Book, Request

Moves = Iterator[tuple[str, World]]


@dataclass(frozen=True)
class Releasing:
    """What a deployer and a rollback have in common."""

    mine: DeployId
    book: Book
    server: Server
    sweep: Sweep
    shortens: bool = False
    """Whether the lease is made short before live is shut, as the product does it."""
    shares: bool = False
    """Whether the release uses live's own database: nothing is shut, copied or verified."""

    @property
    def name(self) -> str:
        """In a trace."""
        return cast.NAMES[self.mine]

    def moves(self, world: World, me: int) -> Moves:
        """Every next step. Under the lease each may fail."""
        actor = world.actors[me]
        if actor.pc in ("look", "read", "act"):
            yield from self.sweep.moves(world, me, self.name)
            return
        step = getattr(self, f"_{actor.pc}")
        for said, after in step(world, me, actor):
            yield f"{self.name}: {said}", after
        if actor.pc not in ("guard", "end", "acquire", "open"):  # to fail is seen by nobody else
            for said, after in self._end(world, me, Actor("end")):
                yield f"{self.name}: fails; {said}", after

    def aim(self, ledger: Ledger) -> DeployId | None:
        """Whom the commit is to make live."""
        raise NotImplementedError

    def copied(self, world: World, me: int, actor: Actor) -> Moves:
        """What is done with the frozen database."""
        raise NotImplementedError

    def _guard(self, world: World, me: int, _: Actor) -> Moves:
        ledger = self.book.values[world.ledger]
        aim = None if ledger.lease or self.mine in ledger.rooted else self.aim(ledger)
        if aim is not None:
            target = cast.DEPLOYS.index(aim)
            begun = Actor("acquire", seen=world.ledger, began=world.ledger, target=target)
            yield "guard", at(world, me, begun)

    def _acquire(self, world: World, me: int, actor: Actor) -> Moves:
        rules = self.book.rules
        new = self.book.after(
            actor.seen,
            ("acquire", self.mine),
            lambda old: rules.acquire(old, self.mine, cast.UNTIL),
        )
        if world.ledger != actor.seen:
            yield "acquire (lost)", at(world, me, DONE)
        else:
            held = actor._replace(pc="shorten" if self.shortens else "freeze", seen=new)
            yield "acquire", at(world._replace(ledger=new), me, held)

    def _shorten(self, world: World, me: int, actor: Actor) -> Moves:
        """A sweep may find the lease run out at any moment after that, as it does with a long one.

        What it may not do is to end a lease that is not exactly the one it has seen.
        """
        new = self.book.after(
            actor.seen,
            ("shorten", self.mine),
            lambda old: self.book.rules.renew(old, self.mine, cast.SOON, "database"),
        )
        if world.ledger != actor.seen:
            yield "shortens its lease (lost)", at(world, me, Actor("end", target=actor.target))
        else:
            held = actor._replace(pc="freeze", seen=new)
            yield "shortens its lease", at(world._replace(ledger=new), me, held)

    def source(self, actor: Actor) -> int:
        """The database that is live as the guard read it."""
        live = self.book.values[actor.began].live
        assert live is not None
        return database_place(self.book.values[actor.began], live.id)

    def goal(self, actor: Actor) -> int:
        """The database of the deploy that is to become live."""
        return database_place(self.book.values[actor.began], cast.DEPLOYS[actor.target])

    def _freeze(self, world: World, me: int, actor: Actor) -> Moves:
        if self.shares or self.goal(actor) == self.source(actor):
            yield "uses live's database", at(world, me, actor._replace(pc="commit"))
            return
        act = Fenced(self.source(actor), open=False, gen=self.book.gen(actor.seen))
        for said, after, known in send(self.server, world, act):
            frozen = actor._replace(pc="copy" if known else "await", frozen=act.gen)
            yield said, at(after, me, frozen)
        if not self.book.rules.waits:
            yield "freezes, and does not wait", at(world, me, actor._replace(pc="copy"))

    def _await(self, world: World, me: int, actor: Actor) -> Moves:
        """Its own freeze, not somebody's: another's may be thawed by what is on its way."""
        db = world.dbs[self.source(actor)]
        own = db is not None and (db.fence == actor.frozen or not self.book.rules.own_freeze)
        if db is not None and own and not db.open:
            yield "sees the freeze in force", at(world, me, actor._replace(pc="copy"))

    def _copy(self, world: World, me: int, actor: Actor) -> Moves:
        yield from self.copied(world, me, actor)

    def _commit(self, world: World, me: int, actor: Actor) -> Moves:
        commit = Commit(self._request(actor), actor.counted)
        follow = Actor("look", rounds=1)
        if actor.unsure:
            if world.ledger == commit.request.new:
                yield "asks the ledger: it is live", at(world, me, follow)
            return
        after = self.server.cuts_over(world, commit)
        if after is None:
            # Its own late renewal may have been in between: then it is made again.
            mine = self.book.rules.holds(self.book.values[world.ledger], self.mine)
            ends = Actor("end", target=actor.target)
            then = actor._replace(seen=world.ledger) if mine else ends
            yield "commit (lost)", at(world, me, then)
            return
        yield "commit", at(after, me, follow)
        if world.slow:
            sent = world._replace(commits=(*world.commits, commit), slow=world.slow - 1)
            yield "commit (no answer)", at(sent, me, actor._replace(unsure=True))

    def _request(self, actor: Actor) -> Request:
        to, live = cast.DEPLOYS[actor.target], self.book.values[actor.began].live
        seen = live.id if live else None
        gen = self.book.gen(actor.seen)
        db = cast.DEPLOYS[self.source(actor)] if self.shares else None
        cut = Cutover(to, cast.at(to), seen, cast.moment(gen), db=db)
        new = self.book.after(
            actor.seen,
            ("commit", self.mine, cut),
            lambda old: self.book.rules.commit(old, self.mine, cut),
        )
        assert new != NONE
        return Request(actor.seen, new, (), ())

    def _end(self, world: World, me: int, _: Actor) -> Moves:
        rules, ledger = self.book.rules, self.book.values[world.ledger]
        sweeps = at(world, me, Actor("look", rounds=1))
        if ledger.lease is None or ledger.lease.id != self.mine:
            yield "the lease is not mine", sweeps
            return
        ending = Ending(ledger.lease, cast.EARLY, mine=self.mine)
        new = self.book.after(world.ledger, ending, lambda old: rules.end(old, ending))
        yield "ends its lease", sweeps._replace(ledger=new)


class Deployer(Releasing):
    """Copies the frozen database, and makes the copy live."""

    def aim(self, ledger: Ledger) -> DeployId | None:
        return None if self.mine in ledger.rooted else self.mine

    def copied(self, world: World, me: int, actor: Actor) -> Moves:
        source = world.dbs[self.source(actor)]
        if source is not None:
            copy = Db(open=True, rows=source.rows)
            dbs = put(world.dbs, actor.target, copy)
            then = actor._replace(pc="verify")
            yield "dumps and restores", at(world._replace(dbs=dbs), me, then)

    def _acquire(self, world: World, me: int, actor: Actor) -> Moves:
        """Its machine is made under the lease, and begins with nothing."""
        for said, after in super()._acquire(world, me, actor):
            place = MACHINES + actor.target
            made = place < len(world.dbs) and after.actors[me].pc == "freeze"
            machine = Db(open=False, label="pending")
            dbs = put(after.dbs, place, machine) if made else after.dbs
            yield said, after._replace(dbs=dbs)

    def _verify(self, world: World, me: int, actor: Actor) -> Moves:
        source = world.dbs[self.source(actor)]
        if (source is not None and not source.open) or not self.book.rules.verifies:
            then = "start" if len(world.dbs) > MACHINES else "commit"
            yield "sees the freeze still in force", at(world, me, actor._replace(pc=then))

    def _start(self, world: World, me: int, actor: Actor) -> Moves:
        """Its machine is told to run the app and no jobs; without an answer it fails."""
        act = Fenced(MACHINES + actor.target, open=False, gen=self.book.gen(actor.seen))
        for said, after, known in send(self.server, world, act):
            then = actor._replace(pc="commit") if known else Actor("end", target=actor.target)
            yield said, at(after, me, then)


@dataclass(frozen=True)
class Rollback(Releasing):
    """Goes back to the previous database, giving up what only the newer one has.

    Or to `to`, also where that was rejected: rolling forward again.
    """

    to: DeployId | None = None

    def aim(self, ledger: Ledger) -> DeployId | None:
        try:
            return choose(ledger, cast.HOME.service, self.to).id
        except Refused:
            return None

    def _acquire(self, world: World, me: int, actor: Actor) -> Moves:
        for said, after in super()._acquire(world, me, actor):
            held = after.actors[me]
            early = held.pc == "freeze" and not self.book.rules.counts_shut
            done = self.counted_now(after, me, held) if early else after
            held = done.actors[me]
            orders = held.pc != "done" and MACHINES + held.target < len(done.dbs)
            yield said, at(done, me, held._replace(pc="order")) if orders else done

    def _order(self, world: World, me: int, actor: Actor) -> Moves:
        """Its target's machine is told to run the app and no jobs; without an answer it fails.

        From then on that machine refuses what an older follow-up tells it. Under the label `live`,
        left by a follow-up that died, its jobs would run nowhere if this commit is left as well.
        """
        place = MACHINES + actor.target
        machine = world.dbs[place]
        if machine is not None and machine.label == "live" and self.book.rules.marks_target:
            marked = machine._replace(label="pending")
            yield "labels its target pending", world._replace(dbs=put(world.dbs, place, marked))
            return
        act = Fenced(MACHINES + actor.target, open=False, gen=self.book.gen(actor.seen))
        then = actor._replace(pc="shorten" if self.shortens else "freeze")
        for said, after, known in send(self.server, world, act):
            yield said, at(after, me, then if known else Actor("end", target=actor.target))

    def _commit(self, world: World, me: int, actor: Actor) -> Moves:
        """Its own word is enough: the first act after a commit that was answered is to open."""
        for said, after in super()._commit(world, me, actor):
            opens = said == "commit" and self.goal(actor) != self.source(actor)
            then = actor._replace(pc="open", seen=after.ledger)
            yield said, at(after, me, then) if opens else after

    def _open(self, world: World, me: int, actor: Actor) -> Moves:
        act = Fenced(self.goal(actor), open=True, gen=self.book.gen(actor.seen))
        for said, after, _ in send(self.server, world, act):
            yield said, at(after, me, Actor("look", rounds=1))

    def copied(self, world: World, me: int, actor: Actor) -> Moves:
        done = self.counted_now(world, me, actor) if self.book.rules.counts_shut else world
        then = done.actors[me]._replace(pc="commit")
        if not self.book.rules.opens_last:
            act = Fenced(self.goal(actor), open=True, gen=self.book.gen(actor.seen))
            done = self.server.obeys(done, act) or done
        yield "counts what is given up, as its user allows", at(done, me, then)

    def counted_now(self, world: World, me: int, actor: Actor) -> World:
        """What the newer database holds now that the older one does not."""
        newer, older = world.dbs[self.source(actor)], world.dbs[self.goal(actor)]
        rows = (newer.rows if newer else 0) & ~(older.rows if older else 0)
        return at(world, me, actor._replace(counted=rows))
