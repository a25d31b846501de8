"""The eighth model: an Elastic IP that follows the ledger (docs/adr/0022).

One call moves the address; it compares nothing and has no token, so a copy of it may land later.
Whoever moves it has decided on a reading, reads the ledger once more, then who has the address, and
calls: four steps, between which anything may happen. A person gives the address to any machine,
also to a copy of one of ours, which tags do not tell from it. What is assumed: from the last look
to the landing of a call, copies included, less time passes than a retired machine goes on running.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Ending
from tests.model import cast
from tests.model.common import put
from tests.model.elastic_world import (
    MACHINES,
    STRANGERS,
    Actor,
    Move,
    Step,
    World,
    broken,
    landed,
    moved,
    obey,
    unfinished,
)
from tests.model.rules import Rules

LEASES = {"first": cast.FIRST, "second": cast.SECOND, "back": cast.BACK}
ROUNDS = 20


@dataclass(frozen=True)
class Scenario:
    """Who takes part; `slow` calls come later or never, `twice` come again."""

    name: str
    holders: tuple[str, ...] = ("first",)
    sweeps: int = 1
    slow: int = 0
    twice: int = 0
    hands: int = 0


class ElasticIps:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()
        self._rests: dict[World, str] = {}  # what sweeps would leave, by world: many end alike

    def start(self) -> World:
        """`now` is live and has the address; everybody is about to begin."""
        one = self.scenario
        holders = tuple(Actor(name, "acquire") for name in one.holders)
        sweeps = tuple(Actor(f"sweep {n + 1}", "decide") for n in range(one.sweeps))
        ledger, actors = cast.beginning(previous=False), (*holders, *sweeps)
        return World(ledger, slow=one.slow, twice=one.twice, hands=one.hands, actors=actors)

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        for place, actor in enumerate(world.actors):
            step = getattr(self, f"_{actor.pc}", None)
            for said, after, then in step(world, actor) if step else ():
                yield f"{actor.name}: {said}", after._replace(actors=put(world.actors, place, then))
        for to in dict.fromkeys(world.late):
            yield f"aws: a late move to {to}", landed(world, to)
        if world.hands:
            yield from self._person(world)

    def _person(self, world: World) -> Iterator[tuple[str, World]]:
        ours = [name for name, deploy in MACHINES.items() if deploy in world.runs]
        for to in (*STRANGERS, *ours):
            if to != world.holder:
                given = world._replace(holder=to, mark=world.hands, hands=world.hands - 1)
                away = world.is_finished and not given.follows
                yield f"person: gives it to {to}", given._replace(by_hand=away, excused=away)

    # --- a release and a rollback

    def _acquire(self, world: World, actor: Actor) -> Iterator[Step]:
        """Refuses an unfinished commit, and an address that live does not have."""
        ready = world.is_finished and world.follows and world.ledger.lease is None
        if ready and self._target(world, actor) is not None:
            ledger = self.rules.acquire(world.ledger, LEASES[actor.name], cast.UNTIL)
            yield "acquires", world._replace(ledger=ledger), actor._replace(pc="launch")

    def _target(self, world: World, actor: Actor) -> DeployId | None:
        if actor.name != "back":
            return LEASES[actor.name]
        return cast.NOW if world.ledger.find_previous(cast.NOW) else None

    def _to(self, actor: Actor) -> str:
        return "now" if actor.name == "back" else actor.name

    def _launch(self, world: World, actor: Actor) -> Iterator[Step]:
        """Its machine, made or started under its fence."""
        deploy = MACHINES[self._to(actor)]
        after = obey(world, f"machine of {deploy}", world.ledger.gen, self.rules)
        if after is None or not self._holds(world, actor):
            yield "gives up", world, actor._replace(pc="give_up")
        else:
            runs = after._replace(runs=after.runs | {deploy})
            yield "its machine runs", runs, actor._replace(pc="freeze")

    def _freeze(self, world: World, actor: Actor) -> Iterator[Step]:
        after = obey(world, f"database of {world.live}", world.ledger.gen, self.rules)
        if after is None or not self._holds(world, actor):
            yield "gives up", world, actor._replace(pc="give_up")
        else:
            shut = after._replace(open=after.open - {world.live})
            yield "shuts live", shut, actor._replace(pc="check")

    def _check(self, world: World, actor: Actor) -> Iterator[Step]:
        """Right before the commit: live has the address. The move is decided on this reading."""
        if not world.follows:
            yield "somebody moved it: gives up", world, actor._replace(pc="give_up")
            return
        move = Move(self._to(actor), world.holder, world.ledger.gen, world.mark, then="open")
        if self.rules.commits_first:
            yield "live has it", world, actor._replace(pc="commit", move=move)
        else:  # only with a guard removed
            early = move._replace(then="commit")
            yield "live has it", world, actor._replace(pc="look", move=early)

    def _commit(self, world: World, actor: Actor) -> Iterator[Step]:
        """The ledger's swap alone: the address is not part of it."""
        target, ledger = self._target(world, actor), world.ledger
        if not self._holds(world, actor) or world.open or target is None:
            yield "gives up", world, actor._replace(pc="give_up")
            return
        cut = Cutover(target, cast.at(target), world.live, cast.moment(ledger.gen))
        swapped = self.rules.commit(ledger, LEASES[actor.name], cut)
        assert actor.move is not None
        move = actor.move._replace(gen=swapped.gen, then="open")
        next_ = "read" if self.rules.labels_last else "label"
        # A hand's move since the check is one before this release's label: a sweep goes on from it.
        after = world._replace(ledger=swapped, excused=False, by_hand=False)
        yield "commits", after, actor._replace(pc=next_, move=move)

    def _open(self, world: World, actor: Actor) -> Iterator[Step]:
        """Once it has the address: its database takes writes."""
        assert actor.move is not None
        ours = world.live == MACHINES[actor.move.to] and world.follows
        after = obey(world, f"database of {world.live}", actor.move.gen, self.rules)
        if not ours or after is None:
            yield "it is not there", world, actor._replace(pc="done")
            return
        opened = after._replace(open=after.open | {world.live})
        next_ = "label" if self.rules.labels_last else "done"
        yield "opens its database", opened, actor._replace(pc=next_)

    def _label(self, world: World, actor: Actor) -> Iterator[Step]:
        """Looks at the ledger and the address once more."""
        assert actor.move is not None
        of = MACHINES[actor.move.to]
        if not self.rules.labels_last:
            yield "labels", world._replace(label=of), actor._replace(pc="read")
        elif world.live == of and world.follows and world.ledger.lease is None:
            yield "labels", world._replace(label=of), actor._replace(pc="done")

    def _give_up(self, world: World, actor: Actor) -> Iterator[Step]:
        """Ends its lease; a sweep does the rest."""
        lease = world.ledger.lease
        if lease is not None and self._holds(world, actor):
            ending = replace(Ending(lease, cast.EARLY), mine=lease.id)
            ledger = self.rules.end(world.ledger, ending)
            yield "ends its lease", world._replace(ledger=ledger), actor._replace(pc="done")

    def _holds(self, world: World, actor: Actor) -> bool:
        return self.rules.holds(world.ledger, LEASES[actor.name])

    # --- the move: the ledger once more, who has the address, the call

    def _read(self, world: World, actor: Actor) -> Iterator[Step]:
        assert actor.move is not None
        stale = world.ledger.gen != actor.move.gen
        if stale and self.rules.reads_again:
            yield "the ledger has changed", world, self._ended(actor)
        else:
            move = actor.move._replace(stale=stale)
            yield "reads the ledger", world, actor._replace(pc="look", move=move)

    def _look(self, world: World, actor: Actor) -> Iterator[Step]:
        assert actor.move is not None
        if world.holder == actor.move.to:
            yield "it is there", world, actor._replace(pc=actor.move.then)
        elif self._may_lose(world, actor.move):
            move = actor.move._replace(saw=world.mark)
            yield f"{world.holder} has it", world, actor._replace(pc="call", move=move)
        else:
            yield f"{world.holder} has it: refuses", world, self._ended(actor)

    def _may_lose(self, world: World, move: Move) -> bool:
        if not self.rules.looks_at_holder:
            return True
        if not self.rules.knows_holder:  # by the tags, which a copy has as well
            return world.holder in MACHINES or world.holder == "a copy"
        # The association of then: a person's is another one. Ours count as one here, which allows
        # more than the product does.
        return (world.holder, world.mark) == (move.serving, move.decided)

    def _call(self, world: World, actor: Actor) -> Iterator[Step]:
        assert actor.move is not None
        to, next_ = actor.move.to, actor._replace(pc=actor.move.then)
        words, after = f"moves it to {to}", moved(world, actor.move)
        late = tuple(sorted((*world.late, to)))
        yield words, after, next_
        if world.slow:
            yield f"{words}, unheard", world._replace(late=late, slow=world.slow - 1), next_
        if world.twice:
            yield f"{words}, copied", after._replace(late=late, twice=world.twice - 1), next_

    def _ended(self, actor: Actor) -> Actor:
        """Of a sweep the round; of a release its follow-up, which the next sweep does."""
        pc = "decide" if actor.name.startswith("sweep") else "done"
        return Actor(actor.name, pc)

    # --- a sweep: one act after the other, each decided on what is there and done later

    def _decide(self, world: World, actor: Actor) -> Iterator[Step]:
        act = self._due(world)
        if isinstance(act, Move):
            yield f"decides to move it to {act.to}", world, actor._replace(pc="read", move=act)
        elif act is not None:
            yield f"decides: {act[0]}", world, actor._replace(pc="act", act=act)

    def _act(self, world: World, actor: Actor) -> Iterator[Step]:
        assert actor.act is not None
        yield (
            f"acts: {actor.act[0]}",
            self._carried_out(world, actor.act),
            Actor(actor.name, "decide"),
        )

    def _due(self, world: World, *, young: bool = False) -> Move | tuple[str, DeployId, int] | None:
        """The first act that is due. While anybody holds the lease nothing else is done."""
        gen = world.ledger.gen
        if world.ledger.lease is not None:
            return ("end", world.ledger.lease.id, gen)
        if not world.follows:
            return self._follow(world, young=young)
        if world.live not in world.open:
            return ("open", world.live, gen)
        if not world.is_finished:
            return ("label", world.live, gen)
        if self.rules.drains and world.on_its_way:
            return None
        idle = sorted(world.runs - {world.live}, key=cast.DEPLOYS.index)
        return ("stop", idle[0], gen) if idle else None

    def _follow(self, world: World, *, young: bool) -> Move | None:
        """Before the label it is rolled forward; after it, or with a stranger, it is reported."""
        spared = self.rules.people_win and world.is_finished
        strange = self.rules.minds_foreign and world.holder not in MACHINES
        if spared or strange or (young and not self.rules.follows_young):
            return None
        to = next(name for name, deploy in MACHINES.items() if deploy == world.live)
        return Move(to, world.holder, world.ledger.gen, world.mark, then="decide")

    def _carried_out(self, world: World, act: tuple[str, DeployId, int]) -> World:
        what, deploy, gen = act
        if what == "end":
            lease = world.ledger.lease
            if lease is None or lease.id != deploy:
                return world
            return world._replace(ledger=self.rules.end(world.ledger, Ending(lease, cast.LATE)))
        if what == "label":
            due = world.live == deploy and world.follows and world.ledger.lease is None
            return world._replace(label=deploy) if due else world
        target = "database" if what == "open" else "machine"
        after = obey(world, f"{target} of {deploy}", gen, self.rules)
        if after is None:
            return world
        if what == "open":
            return after._replace(open=after.open | {deploy})
        return after._replace(runs=after.runs - {deploy})

    # --- what must hold

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing of a step alone is wrong: what a call must not do is kept in the world."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: clients are served; and if everybody crashed now, sweeps would finish."""
        complaint = broken(world) or self._settled(world)
        for to in dict.fromkeys(() if complaint else world.late):
            complaint = complaint or self._settled(landed(world, to), ", after a late move")
        return complaint

    def _settled(self, world: World, when: str = "") -> str:
        alone = world._replace(late=(), actors=(), slow=0, twice=0, hands=0)
        if alone not in self._rests:
            self._rests[alone] = self._swept(alone)
        complaint = self._rests[alone]
        return f"{complaint}{when}" if complaint else ""

    def _swept(self, world: World) -> str:
        for _ in range(ROUNDS):
            complaint, act = broken(world), self._due(world, young=True)
            if complaint or act is None:
                return complaint or unfinished(world)
            world = moved(world, act) if isinstance(act, Move) else self._carried_out(world, act)
        return "crashed now: sweeps never come to rest"
