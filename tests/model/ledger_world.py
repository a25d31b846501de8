"""The world of the first model: one ledger, one heap, what is on its way, and who acts.

Ledgers are the product's own values, numbered as they are met, so that a world is small and quick
to compare. A swap may be made at once, or be on its way: then it arrives later, or never, and its
sender has to ask the ledger. A copy of it may arrive once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, NotAllowed
from tests.model import cast
from tests.model.common import put, without
from tests.model.rules import Rules

Record = tuple[str, ...]
NONE = -1


class Request(NamedTuple):
    """A swap on its way: what it deletes, what it creates.

    `at` is where it points the record, which must be at `was`; () leaves the record alone.
    """

    old: int
    new: int
    was: Record
    at: Record


class Answer(Enum):
    """What a sender knows of its request."""

    WON = "won"
    LOST = "lost"
    NONE = "none"


class Act(NamedTuple):
    """One thing a sweep does: `swap` (to `new`), `label`, `repair` or `delete` a thing.

    A repair writes a label too; it `knew` if the sweep had seen that the thing was labelled `left`.
    """

    kind: str
    place: int = NONE
    label: str = ""
    new: int = NONE
    knew: bool = False


class Actor(NamedTuple):
    """Where an actor stands, and what it knows.

    pc      its next step;  unsure: a swap was sent and not answered
    seen    the ledger it read last, and `record`: what the A record said then
    began   the ledger that the guard read
    target  whom a commit makes live, as an index into cast.DEPLOYS;  fence: as a sweep saw it
    only    a sweep after a failure: of nothing but its own;  young: one of what may be garbage
    saw     the heap as a sweep saw it;  todo: what is left of its plan;  rounds: left to it
    """

    pc: str
    seen: int = NONE
    record: Record = ()
    unsure: bool = False
    began: int = NONE
    target: int = NONE
    only: bool = False
    unfinished_only: bool = False
    fence: int = 0
    saw: tuple[str, ...] = ()
    service_plan: tuple[Act, ...] = ()
    rounds: int = 0


DONE = Actor("done")


class World(NamedTuple):
    """Everything there is. `heap` has a label for each of cast.THINGS ('' where there is none).

    slow, twice  how many more requests may be on their way, or be made twice
    births       places whose create is on its way
    ended        the ids (bits) that had a root and lost it
    smeared      a label of a repair has landed, too late, on what was labelled `left` meanwhile
    truth        the ledger before somebody restored an older one, else NONE
    fence        the highest generation that a database has obeyed (where the ledger is restored)
    """

    ledger: int
    record: Record
    heap: tuple[str, ...]
    actors: tuple[Actor, ...]
    wire: tuple[Request, ...] = ()
    births: tuple[int, ...] = ()
    slow: int = 0
    twice: int = 0
    ended: int = 0
    truth: int = NONE
    fence: int = 0
    smeared: bool = False


class Book:
    """Numbers ledgers, and remembers what each roots."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.values: list[Ledger] = []
        self.roots: list[int] = []
        self._numbers: dict[Ledger, int] = {}
        self._bits: dict[DeployId, int] = {}
        self._next: dict[tuple[int, object], int] = {}

    def number(self, ledger: Ledger) -> int:
        """The ledger's number; a new one for one not met before."""
        known = self._numbers.get(ledger)
        if known is None:
            known = self._numbers[ledger] = len(self.values)
            self.values.append(ledger)
            self.roots.append(sum(self._bit(one) for one in ledger.rooted))
        return known

    def _bit(self, deploy: DeployId) -> int:
        return self._bits.setdefault(deploy, 1 << len(self._bits))

    def after(self, old: int, key: object, change: Callable[[Ledger], Ledger]) -> int:
        """The number of `change` of a ledger, NONE where the rules refuse it. `key` names it."""
        known = self._next.get((old, key))
        if known is None:
            known = self._next[old, key] = self._change(old, change)
        return known

    def _change(self, old: int, change: Callable[[Ledger], Ledger]) -> int:
        try:
            new = change(self.values[old])
        except NotAllowed:
            return NONE
        if not self.rules.raises:
            new = replace(new, gen=1)
        return self.number(new)

    def gen(self, number: int) -> int:
        """The generation of a numbered ledger."""
        return self.values[number].gen


class Route53:
    """What the zone does with the requests: compare, then swap."""

    def __init__(self, book: Book, *, forgets: bool) -> None:
        self._book = book
        self._forgets = forgets
        """Whether requests that can never match again are left out: no value ever comes back."""

    def land(self, world: World, request: Request) -> World | None:
        """The world after `request` has arrived; None where it is refused."""
        if self._book.rules.compares:
            if world.ledger != request.old:
                return None
            if request.at and world.record != request.was:
                return None
        roots = self._book.roots
        lost = roots[world.ledger] & ~roots[request.new]
        return world._replace(
            ledger=request.new,
            record=request.at or world.record,
            ended=world.ended | lost,
            wire=self._alive(world.wire, request.new),
        )

    def _alive(self, wire: tuple[Request, ...], now: int) -> tuple[Request, ...]:
        if not wire or not self._forgets:
            return wire
        gen = self._book.gen(now)
        return tuple(one for one in wire if self._book.gen(one.old) >= gen)

    def send(self, world: World, request: Request) -> Iterator[tuple[str, World, Answer]]:
        """What may become of a request: done, refused, or on its way with no answer."""
        after = self.land(world, request)
        if after is None:
            yield "refused", world, Answer.LOST
        else:
            yield "", after, Answer.WON
            if world.twice and not self._forgets:
                copied = _with(after, request)._replace(twice=world.twice - 1)
                yield "and a copy to follow", copied, Answer.WON
        if world.slow:
            sent = _with(world, request)._replace(slow=world.slow - 1)
            yield "no answer", sent, Answer.NONE

    def ask(self, world: World, request: Request) -> Answer:
        """What the ledger says about a request that was not answered (rule 4)."""
        if world.ledger == request.new:
            return Answer.WON
        return Answer.NONE if world.ledger == request.old else Answer.LOST

    def arrivals(self, world: World) -> Iterator[tuple[str, World]]:
        """Everything on its way may arrive now; what is refused then changes nothing."""
        for one in dict.fromkeys(world.wire):
            after = self.land(world._replace(wire=without(world.wire, one)), one)
            if after is not None:
                yield f"network: a late swap, to generation {self._book.gen(one.new)}", after
        for place in world.births:
            births, heap = without(world.births, place), put(world.heap, place, "pending")
            made = world._replace(heap=heap, births=births)
            yield f"network: a late create makes {cast.name_of(place)}", made


def _with(world: World, request: Request) -> World:
    return world._replace(wire=tuple(sorted((*world.wire, request))))
