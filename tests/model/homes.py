"""The third model: whose ledger it is (rules 12 and 14), with two configurations and two zones.

Deployers and sweeps by one configuration or another, somebody who moves the service to another
zone and may stop at any step, somebody who recovers or adopts, and a person who deletes the A
record by accident. Each decides with the product's own functions. Asked of every world: does what
a record names exist, and is it still what serves?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.errors import ToolError
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.retention import Retention
from reconciler.gc.verdict import Root
from reconciler.model import ledger as ledgers
from reconciler.model import ledger_transitions
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import (
    NO_LEDGER,
    Cutover,
    Ledger,
    LedgerHome,
    Live,
    NotAllowed,
    Previous,
)
from reconciler.model.reading import ARecord, Reading
from reconciler.model.resource import Resource
from reconciler.model.tags import LEDGER, STATE
from reconciler.plan.service_plan import SweepRequest
from tests.model import cast
from tests.model.cast import FIRST, LATE, NOW, PLACE
from tests.model.common import put
from tests.model.homes_world import (
    COM,
    CONFIGURED,
    DEPLOYS,
    GONE,
    ORG,
    UNLIVED,
    ZONES,
    Actor,
    Record,
    Scenario,
    Step,
    World,
    done,
    goes,
    home_of,
    labelled,
    listed,
    place_of,
)
from tests.model.rules import Rules


class Homes:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()

    def start(self) -> World:
        """`now` is live at the first record."""
        one = self.scenario
        home = LedgerHome(COM.record, COM.account, COM.region)
        first = Ledger(1, live=Live(NOW, cast.at(NOW)), home=home)
        actors = [Actor("deployer", config, "guard") for config in one.deployers]
        actors += [Actor("sweep", config, "look") for config in one.sweeps]
        actors += [Actor("recover", config, "look") for config in one.recovers]
        actors += [Actor("adopt", config, "look") for config in one.adopts]
        actors += [Actor("mover", 2, "begin") for _ in range(one.movers)]
        actors += [Actor("person", 0, "delete")] * one.deletes_record
        second = cast.at(NOW) if one.second_name else cast.ELSEWHERE
        records = (cast.at(NOW), second, ())
        heap = (("live", str(COM)), (GONE, ""))
        return World((first, None), records, heap, tuple(actors))

    def moves(self, world: World) -> Iterator[Step]:
        """Every next step of anybody. Who crashes never moves again."""
        for me, actor in enumerate(world.actors):
            if actor.pc == "done":
                continue
            kind = "release" if actor.kind == "deployer" else actor.kind
            name = f"{kind} of {CONFIGURED[actor.config].record}"
            for said, after in getattr(self, f"_{actor.kind}")(world, me, actor):
                yield f"{name}: {said}", after

    # --- what they see and change ---------------------------------------------------------------

    def _read(self, world: World, config: int) -> Ledger | None:
        """The ledger, as the product believes it. Raises LedgerUnknown."""
        text = world.texts[ZONES[config]]
        return self.rules.at_home(CONFIGURED[config], text) if text is not None else None

    def _swap(
        self, world: World, config: int, old: Ledger | None, new: Ledger, at: Record = ()
    ) -> World | None:
        """The world after the swap; None where something else stands there."""
        place = ZONES[config]
        if world.texts[place] != old:
            return None
        records = put(world.records, config, at) if at else world.records
        return world._replace(texts=put(world.texts, place, new), records=records)

    def _things(self, world: World, owner: ServiceLocation) -> dict[DeployId, list[Resource]]:
        found = [one for one in listed(world.heap).resources if owner.owns(one.tags[LEDGER])]
        return {one.deploy: [one] for one in found if one.deploy is not None}

    # --- actors ---------------------------------------------------------------------------------

    def _deployer(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        address = CONFIGURED[actor.config]
        if actor.pc == "guard":
            yield from self._guard(world, me, actor)
        elif actor.pc == "acquire":
            assert actor.seen is not None
            new = ledgers.acquire(actor.seen, FIRST, LATE)
            after = self._swap(world, actor.config, actor.seen, new)
            held = after and goes(after, me, "create", seen=new)
            yield "acquires", held or done(world, me)
        elif actor.pc == "create":
            heap = put(world.heap, 1, ("pending", str(address)))
            yield "launches first", goes(world._replace(heap=heap), me, "commit")
        elif actor.pc == "commit":
            yield from self._commit(world, me, actor)
        else:
            yield "labels", done(world._replace(heap=labelled(world.heap)), me)

    def _guard(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        try:
            ledger = self._read(world, actor.config)
        except ToolError:
            yield "refuses", done(world, me)
            return
        live = ledger.live if ledger else None
        if ledger is None or ledger.lease or not live or world.records[actor.config] != live.at:
            yield "refuses", done(world, me)
        else:
            yield "finds nothing in the way", goes(world, me, "acquire", seen=ledger)

    def _commit(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        assert actor.seen is not None
        live = actor.seen.live
        cut = Cutover(FIRST, cast.at(FIRST), live.id if live else None, cast.EARLY)
        new = self.rules.commit(actor.seen, FIRST, cut)
        after = self._swap(world, actor.config, actor.seen, new, cast.at(FIRST))
        yield "commits", goes(after, me, "label") if after else done(world, me)

    def _sweep(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        if actor.pc == "look":
            yield "lists the heap", goes(world, me, "decide", saw=world.heap)
            return
        try:
            ledger = self._read(world, actor.config)
        except ToolError:
            yield "does not know the service", done(world, me)
            return
        address = CONFIGURED[actor.config]
        root = Root(
            ServiceLocation("shop", str(address), PLACE, ledger.was if ledger else ()),
            LATE,
            ledger=ledger or Ledger(0),
            record=world.records[actor.config],
        )
        yield "carries out its plan", done(self._carried_out(world, actor, root), me)

    def _carried_out(self, world: World, actor: Actor, root: Root) -> World:
        ask = SweepRequest(Retention(keep=1))
        service_plan = self.rules.plan(listed(actor.saw), {"shop": root}, {"shop": ask}).services[0]
        if service_plan.problem:
            return world
        if service_plan.end is not None:
            ending = ledgers.Ending(service_plan.end, LATE)
            new = ledgers.end(root.ledger, ending)
            swapped = self._swap(world, actor.config, root.ledger, new)
            if swapped is None:
                return world
            world = swapped
        heap = world.heap
        for one in service_plan.deletes:
            heap = put(heap, place_of(one.resource), (GONE, ""))
        for repair in service_plan.repairs:
            place = DEPLOYS.index(repair.deploy)
            label = "live" if repair.role.value == "live" else "retired"
            heap = put(heap, place, (label, heap[place][1])) if heap[place][0] else heap
        return world._replace(heap=heap)

    def _recover(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        """Reads, then writes against what it read: the product's own judgement of who is live."""
        if actor.pc == "look":
            yield "looks", goes(world, me, "write", seen=world.texts[ZONES[actor.config]])
            return
        address = CONFIGURED[actor.config]
        owner = ServiceLocation("shop", str(address), PLACE)
        resources = self._things(world, owner)
        try:
            old = self.rules.at_home(address, actor.seen) if actor.seen else NO_LEDGER
            at = world.records[actor.config]
            reading = Reading(address, LATE, a=ARecord(60, at) if at else None)
            live = self.rules.live("shop", resources, reading, old)
        except ToolError:
            yield "refuses", done(world, me)
            return
        left = tuple(
            Previous(deploy, cast.EARLY, cast.at(deploy))
            for deploy, (one,) in resources.items()
            if (live is None or deploy != live.id) and one.tags[STATE] in ("live", "retired")
        )
        gen = (actor.seen.gen if actor.seen else 0) + 1
        new = Ledger(gen, live, left, home=home_of(address))
        after = self._swap(world, actor.config, actor.seen, new)
        yield "writes the ledger anew", done(after or world, me)

    def _adopt(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        """Brings whatever machine its record names under the ledger."""
        at = world.records[actor.config]
        try:
            old = self._read(world, actor.config)
            base = old or replace(NO_LEDGER, home=home_of(CONFIGURED[actor.config]))
            new = ledger_transitions.adopt(base, Live(cast.SECOND, at), cast.EARLY)
        except (ToolError, NotAllowed):
            yield "refuses", done(world, me)
            return
        if base.live is not None and base.live.at != at and self.rules.names_live:
            yield "refuses: who is live was not named", done(world, me)
            return
        after = self._swap(world, actor.config, old, new)
        yield "makes its machine live", done(after or world, me)

    def _mover(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        """Closes the old ledger, then makes the new one of what the tombstone says."""
        old, new = world.texts
        if old is None or old.live is None or old.lease is not None:
            yield "refuses", done(world, me)
            return
        closed = old if old.moved else ledger_transitions.close(old, str(ORG))
        there = ledger_transitions.reopen(closed, str(COM), home_of(ORG))
        first, second = ("close", "make") if self.rules.closes_first else ("make", "close")
        step = first if actor.pc == "begin" else second
        if step == "make" and new is None:
            after = self._swap(world, 2, None, there, old.live.at)
            yield "makes the new ledger", goes(after or world, me, "again")
        elif step == "close" and not old.moved:
            after = self._swap(world, 0, old, closed)
            yield "closes the old ledger", goes(after or world, me, "again")
        elif actor.pc == "begin":
            yield "goes on with what was begun", goes(world, me, "again")
        else:
            yield "has moved", done(world, me)

    def _person(self, world: World, me: int, actor: Actor) -> Iterator[Step]:
        del actor
        yield "deletes the A record", done(world._replace(records=put(world.records, 0, ())), me)

    # --- what must hold -------------------------------------------------------------------------

    def wrong_move(self, before: World, after: World) -> str:
        """Of every step: no generation comes back."""
        for old, new in zip(before.texts, after.texts, strict=True):
            if old is not None and new is not None and old != new and new.gen <= old.gen:
                return "a generation came back"
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: what a record names exists; who served is left by a commit alone."""
        for record in world.records:
            for deploy, (label, _) in zip(DEPLOYS, world.heap, strict=True):
                if record == cast.at(deploy) and label == GONE:
                    return f"{cast.NAMES[deploy]} is named by a record and does not exist"
        live = {text.live.id for text in world.texts if text and text.live and not text.moved}
        if len(live) > 1:
            return "two ledgers say who is live, and not the same"
        if world.heap[0][0] in UNLIVED:
            if world.records[0] == cast.at(NOW):
                return "now is unlived although the record names it"
            said = {text.live.id for text in world.texts if text and text.live}
            if not said & {FIRST, cast.SECOND}:
                return "now is unlived although nobody took over from it"
        return ""
