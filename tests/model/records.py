"""An A record that follows a ledger in S3, by a claim that changes with it (docs/adr/0030).

The ledger's swap is the commit; the batch that points the record comes after it, from the release
or from a sweep that goes on with it. A batch deletes what its sender has read and creates what is
wanted, both or neither; it may be late, doubled or never sent. A person points the record anywhere.
Asked of every world: are clients ever at a machine that does not run, is a person's move taken
back, and if everybody crashed now, would sweeps lead clients to who is live?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from reconciler.model import ledger as led
from reconciler.model.ledger import NO_LEDGER, Cutover, Ending, Ledger, Live
from reconciler.traffic.record_claim import RecordClaim
from tests.fakes.route53 import NOW, an_id
from tests.model.common import put, without

LEDGER = "s3://ledgers/shop"
HOUR = NOW + timedelta(hours=1)
MACHINES = {"now": an_id("aaaaa"), "first": an_id("bbbbb")}
LEASES = {"first": MACHINES["first"], "back": an_id("ccccc")}
STRANGER = "a stranger"
ROUNDS = 12


@dataclass(frozen=True)
class Rules:
    """What a batch holds and compares, and what a sweep minds."""

    claims: bool = True
    """The claim is read, compared and changed with the record."""
    claim: Callable[[Ledger, str], RecordClaim] = lambda ledger, at: RecordClaim(
        LEDGER, ledger.gen, (at,)
    )
    people_win: bool = True
    """A record that says something else than its claim is not switched."""


@dataclass(frozen=True)
class Scenario:
    """Who takes part; `twice` batches come again, `slow` ones come late or never."""

    name: str
    holders: tuple[str, ...] = ("first", "back")
    sweeps: int = 1
    twice: int = 0
    slow: int = 0
    hands: int = 0


class Batch(NamedTuple):
    """A change of record and claim: what it deletes, what it creates."""

    saw: str
    saw_claim: RecordClaim | None
    to: str
    claim: RecordClaim | None


class Actor(NamedTuple):
    """A step machine: its next step, and the batch that it has decided on."""

    name: str
    pc: str
    batch: Batch | None = None
    stop: str = ""


class World(NamedTuple):
    """Everything at one moment; `by_hand`: the record stands where a person has pointed it."""

    ledger: Ledger
    record: str = "now"
    claim: RecordClaim | None = None
    runs: frozenset[str] = frozenset({"now"})
    label: str = "now"
    late: tuple[Batch, ...] = ()
    by_hand: bool = False
    wrong: str = ""
    twice: int = 0
    slow: int = 0
    hands: int = 0
    actors: tuple[Actor, ...] = ()

    @property
    def live(self) -> str:
        """The machine of who is live by the ledger."""
        assert self.ledger.live is not None
        return next(one for one, deploy in MACHINES.items() if deploy == self.ledger.live.id)


Step = tuple[str, World, Actor]


class Records:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario, self.rules = scenario, rules or Rules()

    def start(self) -> World:
        """`now` is live, adopted: the record has its claim."""
        one = self.scenario
        ledger = led.next_generation(NO_LEDGER, live=Live(MACHINES["now"], ("now",), ("i-1",)))
        claim = self.rules.claim(ledger, "now") if self.rules.claims else None
        holders = tuple(Actor(name, "acquire") for name in one.holders)
        sweeps = tuple(Actor(f"sweep {n + 1}", "decide") for n in range(one.sweeps))
        world = World(ledger, claim=claim, twice=one.twice, slow=one.slow, hands=one.hands)
        return world._replace(actors=(*holders, *sweeps))

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        for place, actor in enumerate(world.actors):
            step = getattr(self, f"_{actor.pc}", None)
            for said, after, then in step(world, actor) if step else ():
                yield f"{actor.name}: {said}", after._replace(actors=put(world.actors, place, then))
        for batch in dict.fromkeys(world.late):
            rest = world._replace(late=without(world.late, batch))
            yield f"route 53: a late change to {batch.to}", self._landed(rest, batch)
        if world.hands:
            for to in (STRANGER, *sorted(world.runs)):
                if to != world.record:
                    given = world._replace(record=to, hands=world.hands - 1, by_hand=True)
                    yield f"person: points it to {to}", given

    # --- a release and a rollback

    def _acquire(self, world: World, actor: Actor) -> Iterator[Step]:
        """Refuses an unfinished commit, and a record that a person has moved."""
        ready = world.label == world.live == world.record and not self._moved(world)
        target = self._target(actor)
        known = actor.name == "first" or world.ledger.find_previous(MACHINES[target]) is not None
        if ready and known and world.ledger.lease is None:
            ledger = led.acquire(world.ledger, LEASES[actor.name], HOUR)
            runs = world.runs | {target}
            yield "acquires", world._replace(ledger=ledger, runs=runs), actor._replace(pc="check")

    def _target(self, actor: Actor) -> str:
        return "first" if actor.name == "first" else "now"

    def _check(self, world: World, actor: Actor) -> Iterator[Step]:
        """Right before the commit the record leads to live, and nobody has moved it."""
        well = world.record == world.live and not self._moved(world)
        yield "looks", world, actor._replace(pc="commit" if well else "give_up")

    def _commit(self, world: World, actor: Actor) -> Iterator[Step]:
        mine, target = LEASES[actor.name], self._target(actor)
        lease = world.ledger.lease
        if lease is None or lease.id != mine or world.ledger.live is None:
            yield "has lost its lease", world, actor._replace(pc="done")
            return
        cut = Cutover(MACHINES[target], (target,), world.ledger.live.id, NOW)
        ledger = led.commit(world.ledger, mine, cut)
        yield "commits", world._replace(ledger=ledger), actor._replace(pc="read")

    def _give_up(self, world: World, actor: Actor) -> Iterator[Step]:
        lease = world.ledger.lease
        if lease is not None and lease.id == LEASES[actor.name]:
            ledger = led.end(world.ledger, Ending(lease, NOW, mine=lease.id))
            yield "ends its lease", world._replace(ledger=ledger), actor._replace(pc="done")

    # --- the switch: read record, claim and ledger; send the batch

    def _read(self, world: World, actor: Actor) -> Iterator[Step]:
        """To whom the ledger says is live, whoever that is by now."""
        if self._leads_to_live(world):
            yield "it is there", world, self._after(actor)
        elif self._moved(world) and self.rules.people_win:
            yield "a person moved it", world, self._after(actor)
        else:
            batch = self._batch(world)
            yield f"will point it to {batch.to}", world, actor._replace(pc="send", batch=batch)

    def _leads_to_live(self, world: World) -> bool:
        return world.record == world.live and not self._moved(world)

    def _batch(self, world: World) -> Batch:
        claim = self.rules.claim(world.ledger, world.live) if self.rules.claims else None
        return Batch(world.record, world.claim, world.live, claim)

    def _send(self, world: World, actor: Actor) -> Iterator[Step]:
        assert actor.batch is not None
        then = self._after(actor)
        after = self._landed(world, actor.batch)
        yield f"points it to {actor.batch.to}", after, then
        late = tuple(sorted((*world.late, actor.batch), key=str))
        if world.slow:
            yield "sends it, unheard", world._replace(late=late, slow=world.slow - 1), then
        if world.twice:
            yield "sends it, doubled", after._replace(late=late, twice=world.twice - 1), then

    def _after(self, actor: Actor) -> Actor:
        """A sweep looks again; a release leaves what is unfinished to the next sweep."""
        return Actor(actor.name, "decide" if actor.name.startswith("sweep") else "done")

    def _landed(self, world: World, batch: Batch) -> World:
        """Both or neither, and only over exactly what was read."""
        fits = world.record == batch.saw
        if self.rules.claims:
            fits = fits and world.claim == batch.saw_claim
        if not fits:
            return world
        back = world.by_hand and batch.to != world.record
        wrong = world.wrong or ("a person's move was taken back" if back else "")
        return world._replace(record=batch.to, claim=batch.claim, by_hand=False, wrong=wrong)

    def _moved(self, world: World) -> bool:
        """As far as anybody can tell: the record says something else than its claim."""
        return world.claim is not None and world.claim.at != (world.record,)

    # --- a sweep

    def _decide(self, world: World, actor: Actor) -> Iterator[Step]:
        act = self._due(world)
        if act == "follow":
            yield "decides to follow", world, actor._replace(pc="read")
        elif act:
            yield f"decides: {act}", world, actor._replace(pc="act", stop=act)

    def _act(self, world: World, actor: Actor) -> Iterator[Step]:
        """Decided on what was there; fenced, so that a machine of who is live again refuses."""
        yield f"acts: {actor.stop}", self._carried_out(world, actor.stop), self._after(actor)

    def _due(self, world: World) -> str:
        if world.ledger.lease is not None:
            return "end"
        if not self._leads_to_live(world):
            blocked = self._moved(world) and self.rules.people_win
            return "" if blocked or world.label == world.live else "follow"
        if world.label != world.live:
            return "label"
        idle = sorted(world.runs - {world.live, world.record})
        return idle[0] if idle else ""

    def _carried_out(self, world: World, act: str) -> World:
        if act == "end":
            lease = world.ledger.lease
            ended = lease and led.end(world.ledger, Ending(lease, HOUR + timedelta(hours=1)))
            return world._replace(ledger=ended) if ended else world
        if act == "label":
            return world._replace(label=world.live) if self._leads_to_live(world) else world
        spared = world.ledger.lease is not None or act in (world.live, world.record)
        return world if spared else world._replace(runs=world.runs - {act})

    # --- what must hold

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing of a step alone: what a batch must not do is kept in the world."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world; and of what sweeps would make of it, and of each late batch after."""
        complaint = self._broken(world) or self._settled(world)
        for batch in () if complaint else world.late:
            complaint = complaint or self._settled(self._landed(world, batch))
        return complaint

    def _broken(self, world: World) -> str:
        nobody = world.record in MACHINES and world.record not in world.runs
        return world.wrong or ("clients at a machine that does not run" if nobody else "")

    def _settled(self, world: World) -> str:
        """What is there once everybody has crashed, and sweeps have done all they would."""
        world = world._replace(late=(), actors=(), slow=0, twice=0, hands=0)
        for _ in range(ROUNDS):
            act = self._due(world)
            if not act or self._broken(world):
                break
            follows = act == "follow"
            world = (
                self._landed(world, self._batch(world))
                if follows
                else self._carried_out(world, act)
            )
        left = world.record != world.live and not world.by_hand
        return self._broken(world) or ("the record never follows the ledger" if left else "")


def without_a_generation(_: Ledger, at: str) -> RecordClaim:
    """A claim that comes back when the address does."""
    return RecordClaim(LEDGER, 1, (at,))


NO_CLAIM = Rules(claims=False)
NO_GENERATION = replace(Rules(), claim=without_a_generation)
PEOPLE_LOSE = replace(Rules(), people_win=False)
