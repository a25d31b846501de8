"""The eighth model's world: who has the address, the machines and databases, calls on their way."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import NEVER, Decision
from reconciler.model.ledger import Ledger
from tests.model import cast
from tests.model.common import without
from tests.model.rules import Rules

MACHINES = {"now": cast.NOW, "first": cast.FIRST, "second": cast.SECOND}
"""The machine of each deploy; a rollback goes back to that of `now`."""

STRANGERS = ("a stranger", "a copy")
"""Machines of a person, which always run. The copy has the tags of one of ours."""


class Move(NamedTuple):
    """A move of the address.

    serving  who had it when it was decided
    gen      the ledger's generation that justifies it
    decided  the person's mark at that moment
    stale    the ledger had changed when it was read once more
    saw      the person's mark when the holder was looked at, right before the call
    then     the step after it
    """

    to: str
    serving: str
    gen: int
    decided: int
    stale: bool = False
    saw: int = 0
    then: str = "done"


class Actor(NamedTuple):
    """A step machine: its next step, and what it has decided for it."""

    name: str
    pc: str
    move: Move | None = None
    act: tuple[str, DeployId, int] | None = None


class World(NamedTuple):
    """Everything at one moment.

    runs     deploys whose machines run, with the app
    open     databases that take writes, by deploy
    obeyed   highest generation by machine or database
    label    who is labelled live
    late     moves that are on their way, by whom they name
    mark     which of a person's moves stands; 0 if the last was not a person's
    by_hand  a person moved it away from live after the label, and nobody has changed that
    excused  live does not have it: by a person's hand, or a late copy after the label
    wrong    what a call did that it must not do
    """

    ledger: Ledger
    holder: str = "now"
    runs: frozenset[DeployId] = frozenset({cast.NOW})
    open: frozenset[DeployId] = frozenset({cast.NOW})
    obeyed: tuple[tuple[str, int], ...] = ()
    label: DeployId = cast.NOW
    late: tuple[str, ...] = ()
    mark: int = 0
    by_hand: bool = False
    excused: bool = False
    wrong: str = ""
    slow: int = 0
    twice: int = 0
    hands: int = 0
    actors: tuple[Actor, ...] = ()

    @property
    def live(self) -> DeployId:
        """Who is live by the ledger."""
        assert self.ledger.live is not None
        return self.ledger.live.id

    @property
    def follows(self) -> bool:
        """Whether live has the address."""
        return MACHINES.get(self.holder) == self.live

    @property
    def is_finished(self) -> bool:
        """Whether the live deploy bears its label: its commit is finished."""
        return self.label == self.live

    @property
    def on_its_way(self) -> bool:
        """Whether a call may still land: of AWS, or of a process that has looked and sleeps."""
        return bool(self.late) or any(one.pc in ("look", "call") for one in self.actors)


Step = tuple[str, World, Actor]


def moved(world: World, move: Move) -> World:
    """AssociateAddress, right after the look that it relies on."""
    after = world._replace(
        holder=move.to, mark=0, by_hand=False, wrong=world.wrong or _wrong(world, move)
    )
    late = world.is_finished and not move.stale
    return after._replace(excused=not after.follows and (world.excused or late))


def _wrong(world: World, move: Move) -> str:
    """What a person had done before the look is not taken back by the call."""
    if not world.mark or world.mark != move.saw or world.holder == move.to:
        return ""
    if world.mark != move.decided:
        return "whom a person gave the address after the decision, lost it"
    if world.by_hand:
        return "a hand's move after the label was taken back"
    return "" if world.holder in MACHINES else "a machine that is not ours lost the address"


def landed(world: World, to: str) -> World:
    """A copy of a call arrives: nothing is compared."""
    after = world._replace(holder=to, late=without(world.late, to), mark=0, by_hand=False)
    return after._replace(excused=not after.follows and (world.excused or world.is_finished))


def obey(world: World, target: str, gen: int, rules: Rules) -> World | None:
    """The world after the target has stored the generation; None if it refuses the act."""
    known = dict(world.obeyed)
    if rules.decide(known.get(target, NEVER), gen) is Decision.STALE:
        return None
    highest = max(gen, known.get(target, NEVER))
    return world._replace(obeyed=tuple(sorted({**known, target: highest}.items())))


def broken(world: World) -> str:
    """What is wrong with a world at once, whoever comes next."""
    if world.wrong:
        return world.wrong
    deploy = MACHINES.get(world.holder)
    if deploy is not None and deploy not in world.runs and not world.mark:
        return "clients at a machine that does not run"
    return "two databases take writes" if len(world.open) > 1 else ""


def unfinished(world: World) -> str:
    """What sweeps leave that they must not leave."""
    if not world.follows:
        left = world.excused or world.holder not in MACHINES
        return "" if left else "crashed now: the address never follows the ledger"
    if world.open != {world.live}:
        return "crashed now: writes are refused for ever"
    if world.runs != {world.live}:
        return "crashed now: a machine runs on"
    return "" if world.is_finished else "crashed now: no label"
