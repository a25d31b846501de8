"""The sixth model: traffic that follows the ledger through a load balancer (DESIGN's "Traffic").

A release makes a group of its own, attaches it with weight 0, commits by the ledger's swap and
then switches. Changes of the listener's action are read and written in two steps, and may arrive
later or once more; a person moves the action; sweeps go on from any state. No target is
deregistered before its group is deleted: a late write can bring a group back while it exists
(docs/adr/0017-targets-stay-until-their-group-is-deleted.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Cutover, Ending
from tests.model import cast
from tests.model.common import put, without
from tests.model.rules import Rules
from tests.model.traffic_sweep import decided, done
from tests.model.traffic_world import (
    BEHIND,
    HERS,
    Action,
    Actor,
    World,
    broken,
    follows,
    live_group,
    obey,
    serving,
    switched,
    write,
)

LEASES = {"first": cast.FIRST, "second": cast.SECOND, "back": cast.BACK}
ROUNDS = 40


@dataclass(frozen=True)
class Scenario:
    """Who takes part; `slow` writes come later or never, `twice` come again."""

    name: str
    holders: tuple[str, ...] = ("first",)
    sweeps: int = 1
    slow: int = 0
    twice: int = 0
    hands: int = 0


class Traffic:
    """The model of one scenario under these rules."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario = scenario
        self.rules = rules or Rules()
        self._rests: dict[World, tuple[World, str]] = {}  # where sweeps lead: many worlds end alike

    def start(self) -> World:
        """`now` is live behind the balancer; everybody is about to begin."""
        one = self.scenario
        holders = tuple(Actor(name, "acquire") for name in one.holders)
        sweeps = tuple(Actor(f"sweep {n + 1}", "sweep") for n in range(one.sweeps))
        ledger = cast.beginning(previous=False)
        counts = {"slow": one.slow, "twice": one.twice, "hands": one.hands}
        return World(ledger, actors=(*holders, *sweeps), **counts)  # type: ignore[arg-type]

    def moves(self, world: World) -> Iterator[tuple[str, World]]:
        """Every next step of anybody. Who crashes never moves again."""
        for place, actor in enumerate(world.actors):
            for step, after, next_ in self._steps(world, actor):
                moved = after._replace(actors=put(after.actors, place, next_))
                yield f"{actor.name}: {step}", moved
        for action in dict.fromkeys(world.late):
            landed = world._replace(late=without(world.late, action))
            yield f"aws: a late write, {_words(action)}", write(landed, action, None)
        if world.hands:
            yield from self._person(world._replace(hands=world.hands - 1))

    def _person(self, world: World) -> Iterator[tuple[str, World]]:
        spare = [group for group, weight in world.action if not weight]
        for group in (HERS, *spare):
            action: Action = ((HERS, 1),) if group == HERS else switched(world.action, group)
            after = world._replace(action=action)
            moved = world.is_finished and not follows(after)
            yield f"person: {_words(action)}", after._replace(by_hand=moved, excused=moved)

    def _steps(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if actor.pc == "sweep":
            yield from self._sweep(world, actor)
        elif actor.pc == "write":
            yield from self._write(world, actor)
        elif actor.pc != "done":
            act = getattr(self, f"_{actor.pc.replace(' ', '_')}")
            after, pc, *what = act(world, actor)
            yield actor.pc, after, Actor(actor.name, pc, tuple(what))

    def _sweep(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        if not actor.what:
            act = decided(world, self.rules)
            if act is not None:
                yield f"decides: {_act(act)}", world, actor._replace(what=act)
        elif actor.what[0] == "write":
            _, action, read = actor.what
            yield from self._write(world, Actor(actor.name, "write", ("sweep", action, read)))
        else:
            after = done(world, actor.what, self.rules)
            yield f"acts: {_act(actor.what)}", after, actor._replace(what=())

    def _write(self, world: World, actor: Actor) -> Iterator[tuple[str, World, Actor]]:
        pc, action, read = actor.what
        next_ = Actor(actor.name, str(pc))
        words = f"writes {_words(action)}"  # type: ignore[arg-type]
        after = write(world, action, read)  # type: ignore[arg-type]
        late = tuple(sorted((*world.late, action)))  # type: ignore[type-var]
        yield words, after, next_
        if world.slow:
            yield f"{words}, unheard", world._replace(late=late, slow=world.slow - 1), next_  # type: ignore[arg-type]
        if world.twice:
            yield f"{words}, copied", after._replace(late=late, twice=world.twice - 1), next_  # type: ignore[arg-type]

    # --- the steps of a release and of a rollback

    def _acquire(self, world: World, actor: Actor) -> tuple[World, str]:
        """Refuses an unfinished commit, and traffic that is not the ledger's."""
        ready = world.is_finished and follows(world) and world.ledger.lease is None
        if not ready or self._target(world, actor) is None:
            return world, "done"
        ledger = self.rules.acquire(world.ledger, LEASES[actor.name], cast.UNTIL)
        return world._replace(ledger=ledger), "create"

    def _target(self, world: World, actor: Actor) -> DeployId | None:
        """Who is to be live: the release itself, or for a rollback `now`, once it is previous."""
        if actor.name != "back":
            return LEASES[actor.name]
        return cast.NOW if world.ledger.find_previous(cast.NOW) else None

    def _group(self, actor: Actor) -> str:
        fresh = self.rules.fresh_groups or actor.name != "back"
        return actor.name if fresh else "now"

    def _holds(self, world: World, actor: Actor) -> bool:
        return self.rules.holds(world.ledger, LEASES[actor.name])

    def _create(self, world: World, actor: Actor) -> tuple[World, str]:
        """The machine, started under its fence, and a group that never existed before."""
        if not self._holds(world, actor):
            return world, "done"
        group = self._group(actor)
        deploy = BEHIND[group]
        started = obey(world, f"machine of {deploy}", world.ledger.gen, self.rules)
        if started is None:
            return world, "give up"
        if group in world.made and group not in world.groups:
            return world._replace(wrong="a group's id came back"), "done"
        after = started._replace(
            groups=world.groups | {group}, made=world.made | {group}, runs=world.runs | {deploy}
        )
        return after, "read"

    def _read(self, world: World, actor: Actor) -> tuple[object, ...]:
        if not (self._holds(world, actor) and follows(world)):
            return world, "give up"
        action = tuple(sorted({**dict(world.action), self._group(actor): 0}.items()))
        if self._group(actor) in dict(world.action):
            return world, "freeze"
        return world, "write", "freeze", action, world.read

    def _freeze(self, world: World, actor: Actor) -> tuple[World, str]:
        """Its group is attached, hence healthy by the balancer's word; then live is shut."""
        if not self._holds(world, actor) or self._group(actor) not in dict(world.action):
            return world, "give up"
        shut = obey(world, f"database of {world.live}", world.ledger.gen, self.rules)
        if shut is None:
            return world, "give up"
        after = shut._replace(open=shut.open - {world.live})
        return after, "commit" if self.rules.commits_first else "early"

    def _early(self, world: World, actor: Actor) -> tuple[object, ...]:
        """Only with a guard removed: the switch before the commit."""
        return world, "write", "commit", switched(world.action, self._group(actor)), world.read

    def _commit(self, world: World, actor: Actor) -> tuple[World, str]:
        """The ledger's swap alone: traffic is not part of it."""
        moved = self.rules.commits_first and not follows(world)
        if not self._holds(world, actor) or world.open or moved:
            return world, "give up"
        target = self._target(world, actor)
        assert target is not None
        now = cast.moment(world.ledger.gen)
        cut = Cutover(target, cast.at(target), world.live, now)
        ledger = self.rules.commit(world.ledger, LEASES[actor.name], cut)
        return world._replace(ledger=ledger, excused=False), self._after_commit()

    def _after_commit(self) -> str:
        return "look" if self.rules.labels_last else "label"

    def _look(self, world: World, actor: Actor) -> tuple[object, ...]:
        """The switch, until traffic says what the ledger says."""
        if world.live != self._target(world, actor) or world.is_finished == self.rules.labels_last:
            return world, "done"
        if follows(world):
            return world, "open"
        if not world.is_known or not live_group(world):
            return world, "done"
        return world, "write", "look", switched(world.action, live_group(world)), world.read

    def _open(self, world: World, actor: Actor) -> tuple[World, str]:
        del actor
        return done(world, ("open", world.live, world.ledger.gen), self.rules), (
            "label" if self.rules.labels_last else "done"
        )

    def _label(self, world: World, actor: Actor) -> tuple[World, str]:
        if not self.rules.labels_last:
            return world._replace(label=world.live), "look"
        return done(world, ("label", self._target(world, actor)), self.rules), "done"

    def _give_up(self, world: World, actor: Actor) -> tuple[World, str]:
        """Ends its lease; a sweep does the rest."""
        lease = world.ledger.lease
        if lease is None or not self._holds(world, actor):
            return world, "done"
        ending = replace(Ending(lease, cast.EARLY), mine=lease.id)
        return world._replace(ledger=self.rules.end(world.ledger, ending)), "done"

    # --- what must hold

    def wrong_move(self, before: World, after: World) -> str:
        """Nothing of a step alone is wrong: what an act must not do is kept in the world."""
        del before, after
        return ""

    def wrong_state(self, world: World) -> str:
        """Of every world: clients are served; and if everybody crashed now, sweeps would finish."""
        rest, complaint = self._settled(world)
        if complaint:
            return complaint
        for action in dict.fromkeys(world.late):  # and what is on its way arrives after that
            complaint = self._settled(write(rest, action, None))[1]
            if complaint:
                return f"{complaint}, after a late write"
        return ""

    def _settled(self, world: World) -> tuple[World, str]:
        alone = world._replace(late=(), actors=(), slow=0, twice=0, hands=0)
        if alone not in self._rests:
            self._rests[alone] = self._swept(alone)
        return self._rests[alone]

    def _swept(self, world: World) -> tuple[World, str]:
        for _ in range(ROUNDS):
            complaint = broken(world)
            act = decided(world, self.rules, young=True)
            if complaint or act is None:
                return world, complaint or _unfinished(world)
            world = done(world, act, self.rules)
        return world, "crashed now: sweeps never come to rest"


def _unfinished(world: World) -> str:
    """What sweeps leave that they must not leave."""
    if not follows(world):
        left = world.excused or not world.is_known
        return "" if left else "crashed now: traffic never follows the ledger"
    if world.open != {world.live}:
        return "crashed now: writes are refused for ever"
    if world.groups != {live_group(world)} or world.runs != {world.live}:
        return "crashed now: a group or a machine stays"
    return "" if serving(world.action) and world.is_finished else "crashed now: no label"


def _words(action: Action) -> str:
    return " ".join(f"{group}={weight}" for group, weight in action)


def _act(act: tuple[object, ...]) -> str:
    if act[0] == "write":
        return f"write {_words(act[1])}"  # type: ignore[arg-type]
    named = cast.NAMES.get(act[1], act[1]) if isinstance(act[1], DeployId) else act[1]
    return f"{act[0]} {named}"
