"""The first model: the ledger and the heap, with everybody who changes them.

Deployers, a rollback, an operator's abort and sweeps, each as slow as it likes, crashing anywhere;
swaps and creates that arrive late or twice; a person who moves the record; somebody who restores an
older ledger; and things that carry copied tags. Asked of every world: does what is live exist, and
what is previous; and if everybody crashed now, would sweeps reach exactly what the ledger roots?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.gc.desired_state import DESIRED
from reconciler.gc.other_names import OtherNames
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Role, role
from reconciler.model.ledger import Ledger
from tests.model import cast, common
from tests.model.common import nameless, put, settled
from tests.model.holders import Deployer, Holder, Rollback
from tests.model.ledger_world import DONE, NONE, Actor, Book, Record, Request, Route53, World
from tests.model.rules import Rules
from tests.model.sweeper import Key, Sweeper

Quiet = tuple[int, tuple[str, ...], tuple[Request, ...], tuple[int, ...]]
"""Ledger, heap, and what is on its way: all that is left when everybody has crashed."""


@dataclass(frozen=True)
class Scenario(common.Scenario):
    """Further: who disturbs, and what is looked at how.

    keep   previous deploys that retention keeps;  evidence: the first deployer keeps its own
    named  a second name points at what is live at the start, and nobody changes it
    young  further sweeps, of what may be garbage alone;  torn: listings are read in two pages
    """

    keep: int = 0
    unfinished_only: tuple[int, ...] = ()
    torn: bool = False
    evidence: bool = False
    mover: bool = False
    restorer: bool = False
    strangers: bool = False
    named: bool = False


class LedgerHeap:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()
        self.book = Book(self.rules)
        exact = self.rules.compares and self.rules.raises and not scenario.restorer
        self.zone = Route53(self.book, forgets=exact)
        names = OtherNames({"www": cast.at(cast.NOW)} if scenario.named else {})
        keep = Retention(keep=scenario.keep)
        self.sweeper = Sweeper(self.book, self.zone, keep, scenario.torn, names)
        self.holders = self._holders()
        self._alike = scenario.alike(len(self.holders))
        self._ended: dict[tuple[Record, Quiet], str] = {}

    def _holders(self) -> tuple[Holder, ...]:
        one = self.scenario
        parts = (self.book, self.zone, self.sweeper)
        found: list[Holder] = [
            Deployer(each, *parts, fenced=one.restorer, keep=one.evidence and each == cast.FIRST)
            for each in one.releases
        ]
        if one.rollback:
            found.append(Rollback(cast.BACK, *parts, fenced=one.restorer))
        return tuple(found)

    def start(self) -> World:
        """Live and previous stand; nobody has moved."""
        one = self.scenario
        heap: tuple[str, ...] = ("retired", "live", cast.GONE, cast.GONE)
        heap += tuple(each.label if one.strangers else cast.GONE for each in cast.STRANGERS)
        actors = [Actor("guard") for _ in self.holders]
        actors += [Actor("look", rounds=rounds) for rounds in one.sweeps]
        actors += [
            Actor("look", rounds=rounds, unfinished_only=True) for rounds in one.unfinished_only
        ]
        actors += [Actor("ready") for _ in range(one.abort + one.mover + one.restorer)]
        first = self.book.number(cast.beginning(previous=True))
        return World(first, cast.at(cast.NOW), heap, tuple(actors), slow=one.slow, twice=one.twice)

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody."""
        if len(self.scenario.sweeps) < 2:
            yield from self._moves(world)
            return
        for said, after in self._moves(world):
            yield said, after._replace(actors=nameless(after.actors, self._alike))

    def _moves(self, world: World) -> Iterator[tuple[str, World]]:
        for me, actor in enumerate(world.actors):
            if actor.pc == "done":
                continue
            if me < len(self.holders):
                yield from self.holders[me].moves(world, me)
            else:
                yield from self._others(world, me)
        yield from self.zone.arrivals(world)

    def _others(self, world: World, me: int) -> Iterator[tuple[str, World]]:
        names = [f"sweep {n + 1}" for n in range(len(self.scenario.sweeps))]
        names += [f"young sweep {n + 1}" for n in range(len(self.scenario.unfinished_only))]
        names += ["abort"] * self.scenario.abort
        names += ["mover"] * self.scenario.mover + ["restorer"] * self.scenario.restorer
        name = names[me - len(self.holders)]
        if name == "abort":
            yield from self._abort(world, me)
        elif name == "mover":
            actors = put(world.actors, me, DONE)
            yield "somebody: moves the record", world._replace(record=cast.ELSEWHERE, actors=actors)
        elif name == "restorer":
            yield from self._restore(world, me)
        else:
            yield from self.sweeper.moves(world, me, name, None)

    def _abort(self, world: World, me: int) -> Iterator[tuple[str, World]]:
        """An operator ends the lease that they see, and sweeps its holder's things."""
        actor = world.actors[me]
        seen = self.book.values[actor.began if actor.began != NONE else world.ledger].lease
        if seen is None:
            return
        if actor.pc == "ready":
            begun = Actor("look", began=world.ledger, rounds=1)
            yield "abort: sees the lease", world._replace(actors=put(world.actors, me, begun))
        else:
            yield from self.sweeper.moves(world, me, "abort", seen.id)

    def _restore(self, world: World, me: int) -> Iterator[tuple[str, World]]:
        """Not between a sweep's two looks: the ledger it reads is not older than what it saw."""
        first = self.start().ledger
        known, now = self.book.values[first], self.book.values[world.ledger]
        if (now.live, now.previous) == (known.live, known.previous):
            return  # but for a lease, which anybody may end
        if any(one.pc == "decide" for one in world.actors):
            return
        yield (
            "somebody: restores the first ledger",
            world._replace(
                ledger=first, truth=world.ledger, actors=put(world.actors, me, DONE), ended=0
            ),
        )

    # --- what must hold ----------------------------------------------------------------------

    def wrong_move(self, before: World, after: World) -> str:
        """Of every step: lease and roots change by right, and nothing strange is touched."""
        if before.heap[len(cast.DEPLOYS) :] != after.heap[len(cast.DEPLOYS) :]:
            return "a thing that is not ours was touched"
        if before.record == cast.ELSEWHERE != after.record:
            return "a record that somebody moved was moved back"
        if before.ledger == after.ledger or before.truth != after.truth:
            return self._finished_too_early(before, after)
        return self._wrong_swap(before, after)

    def _wrong_swap(self, before: World, after: World) -> str:
        old, new = self.book.values[before.ledger], self.book.values[after.ledger]
        if old.lease and new.lease and old.lease.id != new.lease.id:
            return "the lease went straight from one to another"
        if after.truth == NONE and self.book.roots[after.ledger] & before.ended:
            return "what had lost its root was rooted again"
        if self.rules.raises and new.gen <= old.gen:
            return "a generation came back"
        return ""

    def _finished_too_early(self, before: World, after: World) -> str:
        for one, was, now in zip(self.holders, before.actors, after.actors, strict=False):
            late = any(cast.THINGS[place] == one.mine for place in after.births)
            if late and now.pc == "done" != was.pc:
                return f"{one.name} is done while its create is on its way"
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: what is rooted for good exists; and it would all come to rest."""
        if world.truth != NONE:  # then nobody else may be asked: people have to say what is true
            return self._missing(world, self.book.values[world.truth])
        wrong = self._missing(world, self.book.values[world.ledger])
        if self.scenario.named and not world.heap[cast.DEPLOYS.index(cast.NOW)]:
            wrong = "a name leads to now, which does not exist"
        live = self.book.values[world.ledger].live
        if live is None or world.record not in (live.at, cast.ELSEWHERE):
            wrong = wrong or "the record does not name what is live"
        return wrong or self._at_rest(world)

    def _missing(self, world: World, ledger: Ledger) -> str:
        served = {one.id: "previous" for one in ledger.previous}
        served |= {ledger.live.id: "live"} if ledger.live else {}
        for deploy, what in served.items():
            if not world.heap[cast.DEPLOYS.index(deploy)]:
                return f"{cast.NAMES[deploy]} is {what} and does not exist"
        return ""

    def _at_rest(self, world: World) -> str:
        """Everybody has crashed: sweeps lead to the table, in time.

        And lead there again when what was on its way arrives after all that.
        """
        key = Key(world.ledger, world.record, world.heap, cast.LATE)
        if world.smeared and self.sweeper.plan(key).problem:
            return ""  # unknown, said so, and nothing of it is touched: `recover` is for people
        return self._quiet(world.record, (world.ledger, world.heap, world.wire, world.births))

    def _quiet(self, record: Record, left: Quiet) -> str:
        known = self._ended.get((record, left))
        if known is None:
            known = self._ended[record, left] = self._settle(record, left)
        return known

    def _settle(self, record: Record, left: Quiet) -> str:
        ledger, heap, wire, births = left
        world = World(ledger, record, heap, (DONE,))
        rested = settled(world, self._nothing_to_do, self._round)
        if rested is None:
            return "crashed now: sweeps do not come to rest"
        wrong = self._unlike_the_table(rested)
        on_their_way = rested._replace(wire=wire, births=births)
        for _, late in () if wrong else self.zone.arrivals(on_their_way):
            after = (late.ledger, late.heap, late.wire, late.births)
            wrong = wrong or self._quiet(late.record, after)
        return wrong

    def _nothing_to_do(self, world: World) -> bool:
        return not self.sweeper.service_plan(Key(world.ledger, world.record, world.heap, cast.LATE))

    def _round(self, world: World) -> World:
        """One sweep that nothing disturbs, long after."""
        world = world._replace(actors=(Actor("look", rounds=1),))
        while world.actors[0].pc != "done":
            steps = list(self.sweeper.moves(world, 0, "sweep", None))
            world = steps[-1][1]  # the last of two decisions is the one made LATE
        return world

    def _unlike_the_table(self, world: World) -> str:
        ledger = self.book.values[world.ledger]
        if ledger.lease is not None:
            return "crashed now: the lease is never ended"
        for place, deploy in enumerate(cast.DEPLOYS):
            reason = role(ledger, deploy)
            wanted = DESIRED[reason].label.value if reason else cast.GONE
            also = (
                {Role.PREVIOUS: "left", Role.KEPT: cast.GONE}.get(reason, wanted)
                if reason
                else wanted
            )
            if world.heap[place] not in (wanted, also):
                is_, be = world.heap[place] or "gone", wanted or "gone"
                return f"crashed now: {cast.name_of(place)} stays {is_}, should be {be}"
        return ""
