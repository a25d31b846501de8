"""The sixth model's world: a listener's action, its target groups, what is behind them, requests.

The balancer is AWS's as the contract states it: the whole action is replaced by each write, a write
that names a deleted group fails, a named group is not deleted, and nothing is compared.
"""

from __future__ import annotations

from typing import NamedTuple

from reconciler.model.deploy_id import DeployId
from reconciler.model.fencing import NEVER, Decision
from reconciler.model.ledger import Ledger
from tests.model import cast
from tests.model.rules import Rules

Action = tuple[tuple[str, int], ...]
"""Weight by group, in the order of the names."""

Read = tuple[Action, bool]
"""An action, and whether it was then as a person left it after the label."""

HERS = "hers"
"""A group that a person made; its machines always run."""

BEHIND = {"now": cast.NOW, "first": cast.FIRST, "second": cast.SECOND, "back": cast.NOW}
"""The deploy whose machine is in a group: a group is named after the lease that made it."""

NEWEST = tuple(BEHIND)
"""The leases in the order of their ids."""


class World(NamedTuple):
    """Everything at one moment.

    made       groups that exist or existed: an id comes once
    empty      groups whose targets were deregistered
    runs       deploys whose machines run, with the app
    open       databases that take writes, by deploy
    obeyed     highest generation by machine or database
    label      who is labelled live
    late       writes of the action that are on their way
    by_hand    a person moved traffic away from live after the label, and nobody has changed it
    excused    what serves is not the live deploy's: a person's hand, or a late copy after the label
    wrong      what an act did that it must not do
    """

    ledger: Ledger
    action: Action = (("now", 1),)
    groups: frozenset[str] = frozenset({"now"})
    made: frozenset[str] = frozenset({"now"})
    empty: frozenset[str] = frozenset()
    runs: frozenset[DeployId] = frozenset({cast.NOW})
    open: frozenset[DeployId] = frozenset({cast.NOW})
    obeyed: tuple[tuple[str, int], ...] = ()
    label: DeployId = cast.NOW
    late: tuple[Action, ...] = ()
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
    def read(self) -> Read:
        """What a reader knows of the action."""
        return self.action, self.by_hand

    @property
    def is_finished(self) -> bool:
        """Whether the live deploy bears its label: its commit is finished."""
        return self.label == self.live

    @property
    def is_known(self) -> bool:
        """Whether the action names groups of ours alone."""
        return all(group in BEHIND for group, _ in self.action)


class Actor(NamedTuple):
    """A step machine: its next step, and what it has read or decided for it."""

    name: str
    pc: str
    what: tuple[object, ...] = ()


def serving(action: Action) -> tuple[str, ...]:
    """The groups that get requests."""
    return tuple(group for group, weight in action if weight)


def follows(world: World) -> bool:
    """Whether traffic says what the ledger says."""
    return serving(world.action) == (live_group(world),)


def live_group(world: World) -> str:
    """The live deploy's newest group: an older one is of an earlier lease."""
    own = [g for g in NEWEST if g in world.groups and BEHIND[g] == world.live]
    return own[-1] if own else ""


def switched(action: Action, to: str) -> Action:
    """All traffic to one group; the others stay, without any."""
    return tuple(sorted({**dict.fromkeys(dict(action), 0), to: 1}.items()))


def write(world: World, action: Action, read: Read | None) -> World:
    """ModifyListener with what was made of `read`; None for a copy that comes later."""
    if any(group != HERS and group not in world.groups for group, _ in action):
        return world
    fresh = read == world.read
    wrong = world.wrong
    if fresh and action != world.action:
        if world.by_hand:
            wrong = "a hand's move after the label was taken back"
        elif not world.is_known:
            wrong = "a group that is not ours lost its place in the action"
    by_hand = world.by_hand and action == world.action
    after = world._replace(action=action, wrong=wrong, by_hand=by_hand)
    late = not fresh and world.is_finished
    return after._replace(excused=not follows(after) and (world.excused or late))


def obey(world: World, target: str, gen: int, rules: Rules) -> World | None:
    """The world after the target has stored the generation; None if it refuses the act."""
    seen = dict(world.obeyed)
    if rules.decide(seen.get(target, NEVER), gen) is Decision.STALE:
        return None
    highest = max(gen, seen.get(target, NEVER))
    return world._replace(obeyed=tuple(sorted({**seen, target: highest}.items())))


def broken(world: World) -> str:
    """What is wrong with a world at once, whoever comes next."""
    if world.wrong:
        return world.wrong
    for group in serving(world.action):
        if group == HERS:
            continue
        if group not in world.groups:
            return "clients at a group that does not exist"
        if group in world.empty:
            return "clients at a group without targets"
        if BEHIND[group] not in world.runs:
            return "clients at machines that do not run"
    if len(world.open) > 1:
        return "two databases take writes"
    return ""
