"""Those who take the lease: a deployer and a rollback, as step machines over the world.

    guard → acquire → create → renew → commit → follow-up (a sweep)
    guard → acquire → check → commit → follow-up (a sweep)

Anything before the commit may fail; then: settle the creates, end the lease, sweep what is mine.
They follow deployer/release/lease_holder.py, up.py, undo.py and rollback.py, and obey the product's
`Ledger`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from deployer.commands.rollback.context import choose
from reconciler.errors import Refused
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Ending, Ledger, Via
from tests.model import cast
from tests.model.common import put
from tests.model.ledger_world import (
    DONE,
    NONE,
    Actor,
    Answer,
    Book,
    Request,
    Route53,
    World,
)
from tests.model.sweeper import Sweeper

Moves = Iterator[tuple[str, World]]
SWAPS = frozenset({"acquire", "renew", "commit", "ending"})
SWEEPS = frozenset({"look", "decide", "act"})
HELD = frozenset({"create", "creating", "check", "renew", "commit"})
"""Steps under the lease, each of which may fail."""


@dataclass(frozen=True)
class Holder:
    """What a deployer and a rollback have in common: the lease."""

    mine: DeployId
    book: Book
    zone: Route53
    sweeper: Sweeper
    keep: bool = False
    fenced: bool = False
    """Whether its acts on databases are remembered: what betrays a restored ledger."""

    @property
    def name(self) -> str:
        """In a trace."""
        return cast.NAMES[self.mine]

    def moves(self, world: World, me: int) -> Moves:
        """Every next step."""
        actor = world.actors[me]
        if actor.pc in SWEEPS:
            yield from self.sweeper.moves(world, me, self.name, self.mine if actor.only else None)
            return
        if actor.pc in SWAPS:
            yield from self._swaps(world, me, actor)
        elif actor.pc == "guard":
            yield from self._guard(world, me)
        elif actor.pc == "end":
            yield from self._end(world, me)
        else:
            yield from self.steps(world, me, actor)
        if actor.pc in HELD or actor.unsure:
            yield from self._fails(world, me, self._failed(actor))

    def _fails(self, world: World, me: int, actor: Actor) -> Moves:
        """One step with its looking at the ledger: to fail is seen by nobody else."""
        failed = _at(world, me, actor)
        looked = list(self._end(failed, me)) if actor.pc == "end" else []
        for said, after in looked:
            yield said.replace(": ", ": fails; ", 1), after
        if not looked:
            yield f"{self.name}: fails", failed

    def steps(self, world: World, me: int, actor: Actor) -> Moves:
        """The steps that the other kind of holder does not have."""
        raise NotImplementedError

    def aim(self, ledger: Ledger) -> DeployId | None:
        """Whom the commit is to make live, as the guard finds; None: it refuses."""
        raise NotImplementedError

    def _guard(self, world: World, me: int) -> Moves:
        ledger = self.book.values[world.ledger]
        held = ledger.lease is not None and self.book.rules.guards
        aim = None if held or self.sweeper.refuses(world) else self.aim(ledger)
        if aim is None:
            return
        target = cast.DEPLOYS.index(aim)
        first = "acquire" if self.book.rules.roots_first else self.first
        begun = Actor(first, world.ledger, world.record, began=world.ledger, target=target)
        yield f"{self.name}: guard", _at(world, me, begun)

    @property
    def first(self) -> str:
        """The step after the lease is taken."""
        raise NotImplementedError

    def _failed(self, actor: Actor) -> Actor:
        rules = self.book.rules
        if actor.unsure and not rules.asks:
            return Actor("purge", target=actor.target)  # "no answer, so it was not done"
        return Actor("end" if rules.releases else "purge", target=actor.target)

    # --- swaps -------------------------------------------------------------------------------

    def _request(self, actor: Actor) -> Request | None:
        """This step's swap, against what the actor read last; None where the rules refuse it."""
        key = (actor.pc, self.mine, actor.target, actor.began, actor.record)
        new = self.book.after(actor.seen, key, self._change(actor))
        at = cast.at(cast.DEPLOYS[actor.target]) if actor.pc == "commit" else ()
        return None if new == NONE else Request(actor.seen, new, actor.record, at)

    def _change(self, actor: Actor) -> Callable[[Ledger], Ledger]:
        rules, mine = self.book.rules, self.mine
        if actor.pc == "acquire":
            return lambda old: rules.acquire(old, mine, cast.UNTIL)
        if actor.pc == "renew":
            return lambda old: rules.renew(old, mine, cast.SOON, "commit")
        if actor.pc == "commit":
            return lambda old: rules.commit(old, mine, self._cut(actor, old.gen))
        return lambda old: rules.end(old, self._ending(old))

    def _cut(self, actor: Actor, gen: int) -> Cutover:
        live = self.book.values[actor.began].live
        to = cast.DEPLOYS[actor.target]
        return Cutover(to, cast.at(to), live.id if live else None, cast.moment(gen), Via.PRIVATE)

    def _ending(self, old: Ledger) -> Ending:
        assert old.lease is not None
        keep = cast.EARLY if self.keep else None  # due as soon as a sweep finds it LATE
        return Ending(old.lease, cast.EARLY, mine=self.mine, keep=keep)

    def _swaps(self, world: World, me: int, actor: Actor) -> Moves:
        request = self._request(actor)
        if request is None:
            yield (
                f"{self.name}: {actor.pc} is not allowed",
                _at(world, me, self._lost(world, actor)),
            )
        elif actor.unsure:
            answer = self.zone.ask(world, request)
            if answer is not Answer.NONE:
                after = self._answered(world, actor, request, answer)
                said = f"{self.name}: asks the ledger: {answer.value}"
                yield said, _at(self._acted(world, after), me, after)
        else:
            for how, after_it, answer in self.zone.send(world, request):
                said = f"{self.name}: {actor.pc}" + (f" ({how})" if how else "")
                after = self._answered(after_it, actor, request, answer)
                yield said, _at(self._acted(after_it, after), me, after)

    def _answered(self, world: World, actor: Actor, request: Request, answer: Answer) -> Actor:
        if answer is Answer.NONE:
            return actor._replace(unsure=True)
        if answer is Answer.LOST:
            return self._lost(world, actor)
        if actor.pc == "commit":
            return Actor("look", rounds=1)
        if actor.pc == "ending":
            return Actor("look", only=True, rounds=1)
        record = request.at or actor.record
        done = actor._replace(seen=request.new, record=record, unsure=False)
        if actor.pc == "renew" or not self.book.rules.roots_first:
            return done._replace(pc="commit")
        return done._replace(pc=self.first)

    def _acted(self, world: World, actor: Actor) -> World:
        """Before a commit the databases are shut, or counted, under the lease's generation."""
        if not self.fenced or actor.pc not in ("commit", "check"):
            return world
        return world._replace(fence=max(world.fence, self.book.gen(actor.seen)))

    def _lost(self, world: World, actor: Actor) -> Actor:
        """Refused, or something else stands there: the ledger says whether I go on."""
        ledger = self.book.values[world.ledger]
        if actor.pc in ("renew", "commit") and self.book.rules.holds(ledger, self.mine):
            if world.record == actor.record or actor.pc == "renew":
                return actor._replace(seen=world.ledger, unsure=False)
            if not self.book.rules.people_win:
                return actor._replace(seen=world.ledger, record=world.record, unsure=False)
        return Actor("end", target=actor.target)

    def _end(self, world: World, me: int) -> Moves:
        actor = world.actors[me]
        if self._under_way(world) and self.book.rules.accounts:
            return
        ledger = self.book.values[world.ledger]
        if ledger.lease is not None and ledger.lease.id == self.mine:
            ending = Actor("ending", world.ledger, world.record, target=actor.target)
            yield f"{self.name}: the lease is mine still", _at(world, me, ending)
        elif ledger.live is not None and ledger.live.id == cast.DEPLOYS[actor.target]:
            yield f"{self.name}: it is live after all", _at(world, me, Actor("look", rounds=1))
        else:
            undo = Actor("look", only=True, rounds=1)
            yield f"{self.name}: the lease is not mine", _at(world, me, undo)

    def _under_way(self, world: World) -> bool:
        return any(cast.THINGS[place] == self.mine for place in world.births)


class Deployer(Holder):
    """Makes one machine and makes it live."""

    @property
    def first(self) -> str:
        return "create"

    def aim(self, ledger: Ledger) -> DeployId | None:
        return None if self.mine in ledger.rooted else self.mine

    def steps(self, world: World, me: int, actor: Actor) -> Moves:
        place = cast.DEPLOYS.index(self.mine)
        then = actor._replace(pc="renew" if self.book.rules.roots_first else "acquire")
        if actor.pc == "create":
            heap = put(world.heap, place, "pending")
            yield f"{self.name}: creates its machine", _at(world._replace(heap=heap), me, then)
            if world.slow:
                sent = world._replace(births=(*world.births, place), slow=world.slow - 1)
                waits = actor._replace(pc="creating")
                yield f"{self.name}: creates (no answer)", _at(sent, me, waits)
        elif actor.pc == "creating" and place not in world.births:
            yield f"{self.name}: finds its machine by its token", _at(world, me, then)
        elif actor.pc == "purge" and place not in world.births:
            heap = put(world.heap, place, cast.GONE)
            yield f"{self.name}: deletes its machine", _at(world._replace(heap=heap), me, DONE)


class Rollback(Holder):
    """Goes back to the newest previous deploy that was good."""

    @property
    def first(self) -> str:
        return "check"

    def aim(self, ledger: Ledger) -> DeployId | None:
        try:
            return choose(ledger, cast.HOME.service, None).id
        except Refused:
            return None

    def steps(self, world: World, me: int, actor: Actor) -> Moves:
        if actor.pc == "check" and world.heap[actor.target]:
            yield f"{self.name}: its machine answers", _at(world, me, actor._replace(pc="commit"))
        elif actor.pc == "purge":
            yield f"{self.name}: stops", _at(world, me, DONE)


def _at(world: World, me: int, actor: Actor) -> World:
    return world._replace(actors=put(world.actors, me, actor))
