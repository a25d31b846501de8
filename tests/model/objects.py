"""A ledger that is an object of S3: writes that are late, doubled or unanswered, and a deletion.

Two releases swap one object. A write is carried out only on the text that was read (an ETag is of
the content), or where nothing is. Its reply may be lost; a copy of it may arrive later. Somebody
may delete the object. Asked of every world: does anybody act on a lease that he does not hold, is
anybody rooted again, is who serves always in the ledger?

A first write (`If-None-Match`) that sleeps until another has made the ledger, and it is deleted, is
left out: then the labels make the service unknown (rule 6), which is not modelled here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from reconciler.model import ledger as led
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import NO_LEDGER, Ledger
from tests.fakes.route53 import NOW, an_id

FIRST, SECOND = an_id("aaaaa"), an_id("bbbbb")
HOUR = NOW + timedelta(hours=1)


@dataclass(frozen=True)
class Rules:
    """The transitions of the product, and what its store and its guard do."""

    step: Callable[[Ledger, Ledger], Ledger] = lambda _, new: new
    """What is written of a transition: the new ledger, with its generation."""
    asks: bool = True
    """After a lost reply the object is read. Else the write is repeated, as botocore would."""
    looks: bool = True
    """Where no ledger is, the guard looks whether the heap shows a release."""


@dataclass(frozen=True)
class Scenario:
    """How many copies may be late, and whether somebody deletes the object."""

    name: str
    late: int = 0
    deletes: bool = False


class Write(NamedTuple):
    """A conditional write: over what was read (None: nothing), of what."""

    seen: Ledger | None
    new: Ledger


class Release(NamedTuple):
    """One release: its next step, what it writes, and the transitions that are left to it."""

    deploy: DeployId
    todo: tuple[str, ...]
    pc: str = "read"
    write: Write | None = None


class World(NamedTuple):
    """The object (None: nothing there), writes on their way, the heap and who served last."""

    stored: Ledger | None
    releases: tuple[Release, ...]
    late: tuple[Write, ...] = ()
    copies: int = 0
    heap: frozenset[DeployId] = frozenset()
    live: DeployId | None = None
    unrooted: frozenset[DeployId] = frozenset()
    deletable: bool = False


class Objects:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario, self.rules = scenario, rules or Rules()

    def start(self) -> World:
        """A service that has never been released; the first release goes live, the second ends."""
        first = Release(FIRST, ("acquire", "end" if self.scenario.late else "commit"))
        releases = (first, Release(SECOND, ("acquire", "end")))
        late, deletable = self.scenario.late, self.scenario.deletes
        return World(None, releases, copies=late, deletable=deletable)

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        for index, one in enumerate(world.releases):
            name = "first" if index == 0 else "second"
            for said, after, moved in self._release(world, one):
                releases = (*world.releases[:index], moved, *world.releases[index + 1 :])
                yield f"{name}: {said}", after._replace(releases=releases)
        for write in world.late:
            rest = tuple(one for one in world.late if one is not write)
            yield "network: a late copy arrives", _carried_out(world._replace(late=rest), write)
        first = any(one.write and one.write.seen is None for one in world.releases)
        if world.deletable and world.stored is not None and not first:
            yield "somebody: deletes the object", _store(world._replace(deletable=False), None)

    def _release(self, world: World, one: Release) -> Iterator[tuple[str, World, Release]]:
        if one.pc == "read":
            yield from self._read(world, one)
        elif one.pc == "send" and one.write is not None:
            yield from self._send(world, one, one.write)
        elif one.pc == "unsure" and one.write is not None:
            yield from self._settle(world, one, one.write)
        elif one.pc == "won":
            yield (
                "creates its machine",
                world._replace(heap=world.heap | {one.deploy}),
                one._replace(pc="read" if one.todo else "done"),
            )

    def _read(self, world: World, one: Release) -> Iterator[tuple[str, World, Release]]:
        begins = one.todo[0] == "acquire"
        ledger = world.stored
        strange = ledger is None and (bool(world.heap) or not begins)
        leased = ledger is not None and ledger.lease is not None
        if (strange and (self.rules.looks or not begins)) or (begins and leased):
            yield "refuses", world, one._replace(pc="refused")
            return
        new = self._transition(ledger or NO_LEDGER, one)
        if new is None:
            yield "has lost its lease", world, one._replace(pc="refused")
            return
        yield f"reads, to {one.todo[0]}", world, one._replace(pc="send", write=Write(ledger, new))

    def _transition(self, ledger: Ledger, one: Release) -> Ledger | None:
        try:
            return self.rules.step(ledger, _TRANSITIONS[one.todo[0]](ledger, one.deploy))
        except led.NotAllowed:
            return None

    def _send(
        self, world: World, one: Release, write: Write
    ) -> Iterator[tuple[str, World, Release]]:
        after = _carried_out(world, write)
        fits = world.stored == write.seen
        heard = _won(one) if fits else one._replace(pc="unsure")
        if not fits and not self.rules.asks:
            heard = one._replace(pc="lost")
        yield f"writes, {'done' if fits else '412'}", self._served(after, one, done=fits), heard
        yield "writes, no reply", self._served(after, one, done=fits), one._replace(pc="unsure")
        if world.copies:
            copied = after._replace(late=(*after.late, write), copies=world.copies - 1)
            yield "writes, doubled", self._served(copied, one, done=fits), heard

    def _settle(
        self, world: World, one: Release, write: Write
    ) -> Iterator[tuple[str, World, Release]]:
        if not self.rules.asks:
            yield "repeats the write", world, one._replace(pc="send")
        elif world.stored == write.new:
            yield "reads its own text", world, _won(one)
        elif world.stored == write.seen:
            yield "reads the old text", world, one._replace(pc="send")
        else:
            yield "reads another's text", world, one._replace(pc="lost")

    def _served(self, world: World, one: Release, *, done: bool) -> World:
        return world._replace(live=one.deploy) if done and one.todo[0] == "commit" else world

    def wrong_move(self, before: World, after: World) -> str:
        """Nobody who has lost his root gets one again."""
        rooted = after.stored.rooted if after.stored else frozenset()
        if after.stored != before.stored and rooted & before.unrooted:
            return "who had ended is rooted again"
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world, as if everybody crashed now."""
        lease = world.stored.lease if world.stored else None
        if any(one.pc == "lost" and lease and lease.id == one.deploy for one in world.releases):
            return "one thinks that he lost, and holds the lease"
        if world.live and world.stored and world.live not in world.stored.rooted:
            return "who serves is not in the ledger"
        return ""


_TRANSITIONS: dict[str, Callable[[Ledger, DeployId], Ledger]] = {
    "acquire": lambda ledger, mine: led.acquire(ledger, mine, HOUR),
    "commit": lambda ledger, mine: led.commit(
        ledger, mine, led.Cutover(mine, ("10.0.0.1",), ledger.live.id if ledger.live else None, NOW)
    ),
    "end": lambda ledger, mine: led.end(ledger, led.Ending(_lease(ledger), NOW, mine=mine)),
}


def _lease(ledger: Ledger) -> led.Lease:
    if ledger.lease is None:
        raise led.NotAllowed("nobody holds it")
    return ledger.lease


def _won(one: Release) -> Release:
    rest = one.todo[1:]
    return one._replace(todo=rest, pc="won" if rest else "done", write=None)


def _carried_out(world: World, write: Write) -> World:
    return _store(world, write.new) if world.stored == write.seen else world


def _store(world: World, new: Ledger | None) -> World:
    """The object changes; who was in it and is not any more has ended."""
    was = world.stored.rooted if world.stored else frozenset()
    now = new.rooted if new else frozenset()
    ended = world.unrooted | (was - now if new else frozenset())
    return world._replace(stored=new, unrooted=ended)


def without_a_generation(_: Ledger, new: Ledger) -> Ledger:
    """A text that may come back."""
    return replace(new, gen=1)
