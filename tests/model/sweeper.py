"""A sweep as a step machine: look, decide, act; as slow as it likes between any two steps.

It decides by the product's own planner and acts in the product's own order
(reconciler/sweep/runner.py). It does not look again before a deletion, as the product does: what is
garbage stays garbage, so a delete that was decided long ago must be harmless, and that is what is
explored here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from reconciler.gc.desired_state import DESIRED
from reconciler.gc.other_names import OtherNames
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Root
from reconciler.model import ledger as ledgers
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending
from reconciler.model.resource import Inventory
from reconciler.model.tags import Label
from reconciler.plan.service_plan import ServicePlan, SweepRequest
from tests.model import cast
from tests.model.common import put
from tests.model.ledger_world import (
    DONE,
    NONE,
    Act,
    Actor,
    Answer,
    Book,
    Record,
    Request,
    Route53,
    World,
)

Moves = Iterator[tuple[str, World]]

UNREAD = "?"
"""In a listing of which one page is read: what stands on the other."""

PAGE = 2
"""How many things stand on the first page."""

YOUNG = frozenset({"pending", "failed", "left"})
"""What a young listing asks for, by label."""


class Key(NamedTuple):
    """What a plan is made from.

    seen    the ledger in which an operator saw the lease that they want ended
    listed  the generation that there was when the heap was listed
    young   only what may be garbage was listed
    """

    ledger: int
    record: Record
    heap: tuple[str, ...]
    now: datetime
    only: DeployId | None = None
    seen: int = NONE
    fence: int = 0
    listed: int = NONE
    unfinished_only: bool = False


@dataclass
class Sweeper:
    """Decides and acts for every sweep of a model. Plans are made once for each question."""

    book: Book
    zone: Route53
    retention: Retention = field(default_factory=lambda: Retention(keep=0))
    torn: bool = False
    """Whether a listing's pages are read one after the other, in either order."""
    names: OtherNames = field(default_factory=OtherNames)
    """What the other names of the zone lead to."""
    _plans: dict[Key, ServicePlan] = field(default_factory=dict)
    _todos: dict[Key, tuple[Act, ...]] = field(default_factory=dict)

    def plan(self, key: Key) -> ServicePlan:
        """What the product's planner says."""
        known = self._plans.get(key)
        if known is None:
            resources = [cast.resource(n, one) for n, one in enumerate(key.heap) if one]
            ledger = self.book.values[key.ledger]
            age = _age_of_heap(key, ledger.gen) if self.book.rules.listed_time else timedelta(0)
            root = Root(
                cast.HOME,
                key.now,
                ledger,
                key.record,
                names=self.names,
                fence=key.fence,
                heap_age=age,
            )
            lease = self.book.values[key.seen].lease if key.seen != NONE else None
            ask = SweepRequest(
                self.retention,
                only=key.only,
                end_lease=lease,
                operator=lease is not None,
                unfinished_only=key.unfinished_only and self.book.rules.minds_young,
            )
            whole = self.book.rules.plan(
                Inventory(tuple(resources)), {cast.HOME.service: root}, {cast.HOME.service: ask}
            )
            known = self._plans[key] = whole.services[0]
        return known

    def service_plan(self, key: Key) -> tuple[Act, ...]:
        """The plan's acts, in the order in which the product carries them out."""
        known = self._todos.get(key)
        if known is None:
            known = self._todos[key] = tuple(self._acts(self.plan(key), key))
        return known

    def _acts(self, service_plan: ServicePlan, key: Key) -> list[Act]:
        if service_plan.problem:
            return []
        rules = self.book.rules
        ends, old = self._ends(service_plan, key)
        forgets = self._forgets(service_plan, old)
        deletes = [Act("delete", cast.PLACES[one.resource.id]) for one in service_plan.deletes]
        repairs = self._repairs(service_plan)
        if not rules.ends_first:
            return [*deletes, *ends, *repairs, *forgets]
        if not rules.forgets_first:
            return [*ends, *repairs, *deletes, *forgets]
        return [*ends, *repairs, *forgets, *deletes]

    def _ends(self, service_plan: ServicePlan, key: Key) -> tuple[list[Act], int]:
        lease = service_plan.end
        if lease is None:
            return [], key.ledger
        ending = Ending(lease, key.now, operator=not ledgers.expired(lease, key.now))
        new = self.book.after(key.ledger, ending, lambda old: self.book.rules.end(old, ending))
        return [Act("swap", label=f"ends the lease of {cast.NAMES[lease.id]}", new=new)], new

    def _forgets(self, service_plan: ServicePlan, old: int) -> list[Act]:
        rules, acts = self.book.rules, list[Act]()
        for deploy in service_plan.forget:
            if rules.labels_left:
                resources = rules.owned(service_plan, deploy)
                acts += [Act("label", cast.PLACES[one.id], "left") for one in resources]
            old = self.book.after(old, ("forget", deploy), lambda was: rules.forget(was, deploy))  # noqa: B023
            acts.append(Act("swap", label=f"forgets {cast.NAMES[deploy]}", new=old))
        return acts

    def _repairs(self, service_plan: ServicePlan) -> list[Act]:
        return [
            Act(
                "repair",
                cast.PLACES[resource.id],
                DESIRED[repair.role].label.value,
                knew=resource.label is Label.LEFT,
            )
            for repair in service_plan.repairs
            for resource in self.book.rules.resources(service_plan, repair)
            if resource.label is not DESIRED[repair.role].label
        ]

    def refuses(self, world: World) -> bool:
        """Whether a guard refuses: the service is unknown, or somebody moved the record.

        It does not refuse for dirt or another name here: a person may say that it is no matter
        (`--despite`).
        """
        service_plan = self.plan(
            Key(world.ledger, world.record, world.heap, cast.EARLY, fence=world.fence)
        )
        return bool(service_plan.problem or service_plan.notes)

    # --- steps -------------------------------------------------------------------------------

    def moves(self, world: World, me: int, name: str, only: DeployId | None) -> Moves:
        """Every next step of a sweep, or of the sweep that another actor has become."""
        actor = world.actors[me]
        if actor.pc == "look" and self.torn:
            yield from self._pages(world, me, name)
        elif actor.pc == "look":
            first = "lists the heap" if self.book.rules.heap_first else "reads the ledger first"
            yield f"{name}: {first}", _at(world, me, self._look(world, actor))
        elif actor.pc == "decide":
            yield from self._decide(world, me, name, only)
        elif actor.unsure:
            yield from self._asks(world, me, name)
        else:
            yield from self._act(world, me, name)

    def _look(self, world: World, actor: Actor) -> Actor:
        if self.book.rules.heap_first:
            gen = self.book.gen(world.ledger)
            saw = tuple(one if one in YOUNG else "" for one in world.heap)
            saw = saw if actor.unfinished_only else world.heap
            return actor._replace(pc="decide", seen=gen, saw=saw, fence=world.fence)
        return actor._replace(pc="decide", seen=world.ledger, record=world.record)

    def _pages(self, world: World, me: int, name: str) -> Moves:
        """A thing may move between two pages' reading: what is listed never was all at once."""
        actor = world.actors[me]
        if actor.saw:
            saw = tuple(
                now if was == UNREAD else was
                for was, now in zip(actor.saw, world.heap, strict=True)
            )
            whole = actor._replace(pc="decide", saw=saw, fence=world.fence)
            yield f"{name}: lists the other page", _at(world, me, whole)
            return
        begun = actor._replace(seen=self.book.gen(world.ledger))
        first = (*world.heap[:PAGE], *(UNREAD,) * (len(world.heap) - PAGE))
        second = (*(UNREAD,) * PAGE, *world.heap[PAGE:])
        for said, saw in (("first", first), ("second", second)):
            yield f"{name}: lists the {said} page", _at(world, me, begun._replace(saw=saw))

    def _decide(self, world: World, me: int, name: str, only: DeployId | None) -> Moves:
        actor = world.actors[me]
        ledger, record, heap, listed = world.ledger, world.record, actor.saw, actor.seen
        if not self.book.rules.heap_first:
            ledger, record, heap, listed = actor.seen, actor.record, world.heap, NONE
        found = [
            self.service_plan(
                Key(
                    ledger,
                    record,
                    heap,
                    now,
                    only,
                    actor.began,
                    actor.fence,
                    listed,
                    actor.unfinished_only,
                )
            )
            for now in (cast.EARLY, cast.LATE)
        ]
        for service_plan in dict.fromkeys(found):
            after = actor._replace(
                pc="act", seen=ledger, record=(), fence=0, saw=(), service_plan=service_plan
            )
            last = "reads the ledger" if self.book.rules.heap_first else "lists the heap"
            says = f"{last} last" + ("" if service_plan else ": nothing to do")
            yield f"{name}: {says}", _at(world, me, after if service_plan else _round_over(actor))

    def _act(self, world: World, me: int, name: str) -> Moves:
        actor = world.actors[me]
        act = actor.service_plan[0]
        if act.kind == "swap":
            yield from self._swap(world, me, name, act)
            return
        if act.kind == "repair" and world.ledger != actor.seen and self.book.rules.looks:
            said = f"{name}: labels nothing, the ledger has changed"
            yield said, _at(world, me, _next(actor, actor.seen))
            return
        label = "" if act.kind == "delete" else act.label
        there = world.heap[act.place]
        heap = put(world.heap, act.place, label) if there else world.heap
        late = act.kind == "repair" and there == "left" and not act.knew
        smeared = world.smeared or (late and world.ledger == actor.seen)
        resource = cast.name_of(act.place)
        what = f"labels {resource} {label}" if label else f"deletes {resource}"
        after = world._replace(heap=heap, smeared=smeared)
        yield f"{name}: {what}", _at(after, me, _next(actor, actor.seen))

    def _swap(self, world: World, me: int, name: str, act: Act) -> Moves:
        actor = world.actors[me]
        request = Request(actor.seen, act.new, (), ())
        for how, after, answer in self.zone.send(world, request):
            said = f"{name}: {act.label}" + (f" ({how})" if how else "")
            yield said, _at(after, me, self._answered(actor, act, answer))

    def _asks(self, world: World, me: int, name: str) -> Moves:
        actor = world.actors[me]
        act = actor.service_plan[0]
        answer = self.zone.ask(world, Request(actor.seen, act.new, (), ()))
        if answer is not Answer.NONE:
            after = _at(world, me, self._answered(actor, act, answer))
            yield f"{name}: asks the ledger: {answer.value}", after
        yield f"{name}: gives up", _at(world, me, _round_over(actor))

    def _answered(self, actor: Actor, act: Act, answer: Answer) -> Actor:
        if answer is Answer.NONE:
            return actor._replace(unsure=True)
        return _next(actor, act.new) if answer is Answer.WON else _round_over(actor)


def _age_of_heap(key: Key, gen: int) -> timedelta:
    """The listing is LATE too, but for what was left after it: that was not left long before."""
    if key.now == cast.EARLY:
        return timedelta(0)
    listed = gen if key.listed == NONE else key.listed
    return key.now - cast.moment(listed) - cast.DRAIN


def _at(world: World, me: int, actor: Actor) -> World:
    return world._replace(actors=put(world.actors, me, actor))


def _next(actor: Actor, seen: int) -> Actor:
    if len(actor.service_plan) == 1:
        return _round_over(actor)
    return actor._replace(service_plan=actor.service_plan[1:], seen=seen, unsure=False)


def _round_over(actor: Actor) -> Actor:
    if actor.rounds <= 1:
        return DONE
    again = Actor("look", only=actor.only, unfinished_only=actor.unfinished_only, began=actor.began)
    return again._replace(rounds=actor.rounds - 1)
