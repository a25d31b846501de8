"""A model of one scope of a run: two maps with the ledgers between them (docs/scale.md).

A deployer makes a release, which may become live or die; a worker lists the inventory, perhaps
twice; one reader freezes the ledgers, perhaps twice; an executor plans by both, reads again and
deletes, and may be killed at any step and begun again. More garbage appears at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

CAP = 2
"""Deletions that the breaker allows in a run."""

Ids = frozenset[str]
NOTHING: Ids = frozenset()


@dataclass(frozen=True)
class ScopeRules:
    """What keeps a run safe; a mutation has one of them false."""

    lists_before_ledgers: bool = True
    """The inventories are listed before the first ledger is read."""
    minds_version: bool = True
    """Execution takes the very inventory that the ledgers judge."""
    first_ledgers_stand: bool = True
    """What a first reading of the ledgers froze, a second one does not replace."""
    first_plan_stands: bool = True
    """A later try deletes only what the first one planned."""
    heap_first: bool = True
    """The executor's own look reads resources first, the ledger last."""
    looks_again: bool = True
    """The executor decides by a look of its own, not by the index of the first map alone."""
    refuses_missing: bool = True
    """A scope without an inventory is refused, not clean."""


class Listing(NamedTuple):
    """The first map's result: its version, and what it saw."""

    version: int
    seen: Ids


class Frozen(NamedTuple):
    """The ledgers of a run: which inventory they judge, and what they root."""

    version: int
    roots: Ids


class World(NamedTuple):
    """Ledger and heap, the files of the run, and the executor.

    pc is the executor's next step; seen, known: what its own look read; noted: versions that the
    reader of the ledgers has listed but not yet frozen.
    """

    roots: Ids = frozenset({"live"})
    heap: Ids = frozenset({"live", "dead"})
    release: str = "none"
    more: int = 2
    listing: Listing | None = None
    noted: tuple[int, Ids] | None = None
    frozen: Frozen | None = None
    reads: int = 2
    plan: Ids | None = None
    pc: str = "idle"
    tries: int = 2
    seen: Ids = NOTHING
    known: Ids = NOTHING
    deleted: Ids = NOTHING
    result: str = ""


class Scopes:
    """The model under these rules."""

    def __init__(self, rules: ScopeRules | None = None) -> None:
        self.rules = rules or ScopeRules()

    def start(self) -> World:
        """One release is live, and one died long ago."""
        return World()

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody."""
        yield from self._deployer(world)
        yield from self._first_map(world)
        yield from self._reader(world)
        yield from self._executor(world)

    def _deployer(self, world: World) -> Iterator[tuple[str, World]]:
        """Rooted before it exists; it commits, or its lease is ended after it died."""
        if world.release == "none":
            yield (
                "deployer: takes the lease",
                world._replace(release="leased", roots=world.roots | {"new"}),
            )
        elif world.release == "leased":
            yield "deployer: creates", world._replace(release="made", heap=world.heap | {"new"})
        elif world.release == "made":
            yield "deployer: commits", world._replace(release="live")
            yield (
                "deployer: dies, its lease ends",
                world._replace(release="dead", roots=world.roots - {"new"}),
            )
        if world.more:
            heap = world.heap | {f"later-{world.more}"}
            yield "another one dies", world._replace(more=world.more - 1, heap=heap)

    def _first_map(self, world: World) -> Iterator[tuple[str, World]]:
        version = world.listing.version + 1 if world.listing else 1
        if version <= 2:
            yield "map 1: lists", world._replace(listing=Listing(version, world.heap))

    def _reader(self, world: World) -> Iterator[tuple[str, World]]:
        """Notes the version, then reads the ledgers; broken, the other way round."""
        if world.noted is not None:
            yield from self._freezes(world)
        elif world.reads and self.rules.lists_before_ledgers and world.listing:
            noted = (world.listing.version, NOTHING)
            yield "ledgers: notes the inventory", world._replace(noted=noted)
        elif world.reads and not self.rules.lists_before_ledgers:
            yield "ledgers: reads", world._replace(noted=(0, world.roots))

    def _freezes(self, world: World) -> Iterator[tuple[str, World]]:
        assert world.noted is not None
        version, roots = world.noted
        after = world._replace(noted=None, reads=world.reads - 1)
        if self.rules.lists_before_ledgers:
            found = Frozen(version, world.roots)
        elif world.listing is None:
            return
        else:
            found = Frozen(world.listing.version, roots)
        stands = world.frozen is not None and self.rules.first_ledgers_stand
        yield "ledgers: freezes", after if stands else after._replace(frozen=found)

    def _executor(self, world: World) -> Iterator[tuple[str, World]]:
        if world.pc != "idle":
            killed = world._replace(pc="idle", seen=NOTHING, known=NOTHING)
            yield "map 2: is killed", killed
        if world.pc == "idle" and world.tries and not world.result:
            yield "map 2: begins", self._begun(world._replace(tries=world.tries - 1))
        elif world.pc == "look":
            yield from self._looks(world)
        elif world.pc == "look again":
            after = world._replace(pc="delete")
            first = self.rules.heap_first
            read = after._replace(known=world.roots) if first else after._replace(seen=world.heap)
            yield "map 2: reads the other", read
        elif world.pc == "delete":
            yield from self._deletes(world)

    def _begun(self, world: World) -> World:
        if world.listing is None or world.frozen is None:
            return world._replace(result="refused" if self.rules.refuses_missing else "clean")
        if self.rules.minds_version and world.frozen.version != world.listing.version:
            return world._replace(result="refused")
        garbage = world.listing.seen - world.frozen.roots
        if not garbage:
            return world._replace(result="clean")
        if len(garbage) > CAP:
            return world._replace(result="refused")
        kept = world.plan if self.rules.first_plan_stands else None
        return world._replace(plan=garbage if kept is None else kept, pc="look")

    def _looks(self, world: World) -> Iterator[tuple[str, World]]:
        assert world.listing is not None
        assert world.frozen is not None
        if not self.rules.looks_again:
            seen, known = world.listing.seen, world.frozen.roots
            yield "map 2: takes the frozen", world._replace(pc="delete", seen=seen, known=known)
        elif self.rules.heap_first:
            yield "map 2: reads the heap", world._replace(pc="look again", seen=world.heap)
        else:
            yield "map 2: reads the ledger", world._replace(pc="look again", known=world.roots)

    def _deletes(self, world: World) -> Iterator[tuple[str, World]]:
        """One thing after the other; only what the plan names, unless a later try may plan anew."""
        doomed = (world.seen - world.known) & world.heap
        if self.rules.first_plan_stands:
            doomed &= world.plan or NOTHING
        for one in sorted(doomed):
            yield (
                f"map 2: deletes {one}",
                world._replace(heap=world.heap - {one}, deleted=world.deleted | {one}),
            )
        if not doomed:
            yield "map 2: is done", world._replace(pc="idle", result="clean")

    def wrong_move(self, before: World, after: World) -> str:
        """What is rooted is never deleted."""
        gone = (before.heap - after.heap) & before.roots
        return f"{', '.join(sorted(gone))} is rooted, and was deleted" if gone else ""

    def wrong_state(self, world: World) -> str:
        """A plan names garbage alone, the breaker holds, and unread is not clean."""
        rooted = (world.plan or NOTHING) & world.roots
        if rooted:
            return f"the plan names {', '.join(sorted(rooted))}, which is rooted"
        if len(world.deleted) > CAP:
            return "the run deleted more than the breaker allows"
        if world.result == "clean" and world.listing is None:
            return "a scope that nobody has read counts as clean"
        return ""
