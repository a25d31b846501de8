"""The ninth model: one scope of a run, in two maps with the ledgers between them (docs/scale.md).

A deployer makes a release, which may become live or die; a worker lists the inventory, perhaps
twice; one reader freezes the ledgers, perhaps twice; an executor plans by both, reads again and
deletes, and may be killed at any step and begun again. More garbage appears at any moment. What the
files of the run say, and which of two writers wins, is asked of the product's own `RunFiles`, over
a folder that is part of the world; what the ledger roots, of the product's own transitions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from reconciler.errors import Refused
from reconciler.model import ledger_codec
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NO_LEDGER, Cutover, Ending, Ledger, Live, next_generation
from reconciler.model.reading import Reading
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tag_summary import Group, TagSummary
from reconciler.plan import plan_file
from reconciler.plan.approved_actions import ApprovedAction, ApprovedActions
from reconciler.plan.plan_file import PlanFile
from reconciler.sweep.scopes.frozen_ledgers import FrozenLedgers
from reconciler.sweep.scopes.inventory_file import ScopeInventory
from reconciler.sweep.scopes.run_files import INVENTORY, RunFiles, key_of
from tests.model.cast import EARLY, HOME, PLACE, UNTIL, deploy, moment
from tests.model.rules import Rules
from tests.model.scope_folder import ADDRESS, Files, Folder

CAP = 2
"""Deletions that the breaker allows in a run."""

SCOPE = str(PLACE)
PLAN = key_of("plans", SCOPE)

DEPLOYS: dict[str, DeployId] = {
    "now": deploy(8, "bbbbb"),
    "dead": deploy(7, "ccccc"),
    "first": deploy(2, "ddddd"),
    "dead too": deploy(1, "eeeee"),
}
"""Who is there: each has one machine, of the same name."""

Names = frozenset[str]
NOTHING: Names = frozenset()


@dataclass(frozen=True)
class Scenario:
    """How often a worker lists, the reader freezes, the executor begins; who dies besides."""

    name: str
    lists: int = 2
    reads: int = 2
    tries: int = 2
    deaths: int = 1


class Noted(NamedTuple):
    """The reader of the ledgers between its two steps: the inventories it has listed, or a ledger.

    In the right order it has no ledger yet.
    """

    inventories: tuple[tuple[str, str], ...] = ()
    ledger: Ledger | None = None


class World(NamedTuple):
    """Ledger and heap, the files of the run, and the executor.

    pc is the executor's next step; seen, known: what its own look has read.
    """

    ledger: Ledger
    lists: int
    reads: int
    tries: int
    deaths: int
    heap: Names = frozenset({"now", "dead"})
    release: str = "none"
    files: Files = ()
    noted: Noted | None = None
    pc: str = "idle"
    seen: Names = NOTHING
    known: Names = NOTHING
    deleted: Names = NOTHING
    result: str = ""


Step = tuple[str, World]


class Scopes:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario, self.rules = scenario, rules or Rules()

    def start(self) -> World:
        """One release is live, and one died long ago."""
        one = self.scenario
        ledger = next_generation(NO_LEDGER, live=Live(DEPLOYS["now"], ("10.0.1.17",)))
        return World(ledger, one.lists, one.reads, one.tries, one.deaths)

    def moves(self, world: World) -> Iterator[Step]:
        """Every next step of anybody. Who crashes never moves again."""
        yield from self._deployer(world)
        yield from self._first_map(world)
        yield from self._reader(world)
        yield from self._executor(world)

    def _deployer(self, world: World) -> Iterator[Step]:
        """Rooted before it exists; it commits, or its lease is ended after it died."""
        mine, ledger = DEPLOYS["first"], world.ledger
        if world.release == "none":
            held = self.rules.acquire(ledger, mine, UNTIL)
            yield "deployer: acquire", world._replace(ledger=held, release="leased")
        elif world.release == "leased":
            made = world._replace(heap=world.heap | {"first"}, release="made")
            yield "deployer: creates its machine", made
        elif world.release == "made":
            assert ledger.lease is not None
            cut = Cutover(mine, ("10.0.1.18",), DEPLOYS["now"], moment(ledger.gen))
            live = self.rules.commit(ledger, mine, cut)
            yield "deployer: commit", world._replace(ledger=live, release="live")
            ended = self.rules.end(ledger, Ending(ledger.lease, EARLY, operator=True))
            yield "deployer: dies; its lease ends", world._replace(ledger=ended, release="dead")
        if world.deaths:
            heap = world.heap | {"dead too"}
            yield "another release: dies", world._replace(deaths=world.deaths - 1, heap=heap)

    # --- the first map, and the reader of the ledgers

    def _first_map(self, world: World) -> Iterator[Step]:
        if world.lists:
            folder = Folder(world.files)
            groups = {
                Group(INSTANCE, str(DEPLOYS[one]), "pending"): (one,) for one in sorted(world.heap)
            }
            index = TagSummary(PLACE, groups)
            self._run(folder).put_inventory(ScopeInventory(moment(world.lists), index))
            yield "map 1: lists", world._replace(files=folder.files, lists=world.lists - 1)

    def _reader(self, world: World) -> Iterator[Step]:
        """Lists the inventories, then reads the ledgers; broken, the other way round."""
        if world.noted is not None:
            yield from self._freezes(world, world.noted)
        elif world.reads and self.rules.inventories_first:
            found = self._run(Folder(world.files)).inventories()
            noted = Noted(tuple(found.items()))
            yield "ledgers: lists the inventories", world._replace(noted=noted)
        elif world.reads:
            yield "ledgers: reads the ledger", world._replace(noted=Noted(ledger=world.ledger))

    def _freezes(self, world: World, noted: Noted) -> Iterator[Step]:
        folder = Folder(world.files)
        run = self._run(folder)
        early = noted.ledger is not None
        ledger = noted.ledger or world.ledger
        version = (run.inventories() if early else dict(noted.inventories)).get(
            key_of(INVENTORY, SCOPE)
        )
        if version is not None:
            reading = Reading(ADDRESS, EARLY, ledger, ledger_codec.encode(ledger))
            run.freeze(FrozenLedgers(SCOPE, version, {"shop": (ADDRESS, reading)}, {}))
        said = "takes an inventory" if early else "reads the ledger"
        after = world._replace(noted=None, reads=world.reads - 1, files=folder.files)
        yield f"ledgers: {said}, freezes", after

    # --- the second map

    def _executor(self, world: World) -> Iterator[Step]:
        if world.pc != "idle":
            killed = world._replace(pc="idle", seen=NOTHING, known=NOTHING)
            yield "map 2: is killed", killed
        if world.pc == "idle" and world.tries and not world.result:
            yield "map 2: begins", self._begun(world._replace(tries=world.tries - 1))
        elif world.pc == "look":
            yield self._looks(world, first=True)
        elif world.pc == "look again":
            yield self._looks(world, first=False)
        elif world.pc == "delete":
            yield from self._deletes(world)

    def _begun(self, world: World) -> World:
        folder = Folder(world.files)
        run = self._run(folder)
        try:
            ledgers, inventory = run.frozen(SCOPE)
        except Refused:
            return world._replace(result="refused")
        garbage = _listed(inventory) - _rooted(_ledger_of(ledgers))
        if len(garbage) > CAP:
            return world._replace(result="refused")
        if not garbage:
            return world._replace(result="clean")
        run.agree(SCOPE, _plan_of(garbage))
        return world._replace(files=folder.files, pc="look")

    def _looks(self, world: World, *, first: bool) -> Step:
        """Resources, then the ledger; broken, the other way round."""
        after = world._replace(pc="look again" if first else "delete")
        if first == self.rules.heap_first:
            return "map 2: reads the heap", after._replace(seen=world.heap)
        return "map 2: reads the ledger", after._replace(known=_rooted(world.ledger))

    def _deletes(self, world: World) -> Iterator[Step]:
        """One thing after the other, and only what the plan of the run names."""
        approved = _planned(dict(world.files)[PLAN])
        doomed = {
            one
            for one in (world.seen - world.known) & world.heap
            if not self.rules.held_to_plan or approved.may_delete(_resource(one))
        }
        for one in sorted(doomed):
            left = world._replace(heap=world.heap - {one}, deleted=world.deleted | {one})
            yield f"map 2: deletes {one}'s machine", left
        if not doomed:
            yield "map 2: is done", world._replace(pc="idle", result="clean")

    def _run(self, folder: Folder) -> RunFiles:
        return self.rules.run_files(folder, "run")

    # --- what is asked

    def wrong_move(self, before: World, after: World) -> str:
        """What is rooted is never deleted."""
        gone = (before.heap - after.heap) & _rooted(before.ledger)
        return f"{', '.join(sorted(gone))} is rooted, and was deleted" if gone else ""

    def wrong_state(self, world: World) -> str:
        """A plan names garbage alone, the breaker holds, and unread is not clean."""
        files = dict(world.files)
        if PLAN in files:
            planned = {action.id for action in _planned(files[PLAN]).delete}
            rooted = planned & _rooted(world.ledger)
            if rooted:
                return f"the plan names {', '.join(sorted(rooted))}, which is rooted"
        if len(world.deleted) > CAP:
            return "the run deleted more than the breaker allows"
        if world.result == "clean" and key_of(INVENTORY, SCOPE) not in files:
            return "a scope that nobody has read counts as clean"
        return ""


def _rooted(ledger: Ledger) -> Names:
    return frozenset(one for one, deploy in DEPLOYS.items() if deploy in ledger.rooted)


def _listed(inventory: ScopeInventory) -> Names:
    return frozenset(one for ids in inventory.index.groups.values() for one in ids)


def _ledger_of(frozen: FrozenLedgers) -> Ledger:
    (answer,) = (answer for _, answer in frozen.answers.values())
    assert isinstance(answer, Reading)
    return answer.ledger


@cache
def _resource(name: str) -> Resource:
    return Resource(INSTANCE, name, PLACE, {"deploy-id": str(DEPLOYS[name])})


def _plan_of(garbage: Names) -> PlanFile:
    delete = tuple(ApprovedAction.of(_resource(one)) for one in sorted(garbage))
    return PlanFile(EARLY, False, (ApprovedActions(HOME, delete=delete),))


@cache
def _planned(body: bytes) -> ApprovedActions:
    found = plan_file.decode(body.decode()).order("shop")
    assert found is not None
    return found
