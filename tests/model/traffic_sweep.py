"""The sixth model's sweep: one act after the other towards what the ledger says.

An act is decided on what is there now and carried out later: between the two anything may happen.
`decided` gives the next act, `done` carries one out.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.ledger import Ending
from tests.model import cast
from tests.model.rules import Rules
from tests.model.traffic_world import (
    BEHIND,
    Action,
    Read,
    World,
    follows,
    live_group,
    obey,
    switched,
)
from tests.model.traffic_world import write as written

Act = tuple[object, ...]


def decided(world: World, rules: Rules, *, young: bool = False) -> Act | None:
    """The first act that is due; None when there is nothing to do, or nothing that may be done.

    A lease may have run out at any moment. While anybody holds it nothing else is done.
    """
    if world.ledger.lease is not None:
        return ("end", world.ledger.lease.id)
    if not follows(world) and not world.is_finished:
        return _follow(world, rules, young)
    if not follows(world):
        return _moved_back(world, rules)
    due = _finish if not world.is_finished or world.live not in world.open else _retire
    return next(due(world, rules), None)


def _follow(world: World, rules: Rules, young: bool) -> Act | None:
    """Due in every round; an action with a group of somebody else is reported."""
    if (young and not rules.follows_young) or (rules.minds_foreign and not world.is_known):
        return None
    group = live_group(world)
    return ("write", switched(world.action, group), world.read) if group else None


def _moved_back(world: World, rules: Rules) -> Act | None:
    """After the label, traffic that differs is reported and never moved."""
    return None if rules.people_win else _follow(world, rules, young=False)


def _finish(world: World, rules: Rules) -> Iterator[Act]:
    del rules
    if world.live not in world.open:
        yield ("open", world.live, world.ledger.gen)
    if not world.is_finished:
        yield ("label", world.live)


def _retire(world: World, rules: Rules) -> Iterator[Act]:
    """Group and machine of what is not live: the group is gone before its machine stops."""
    groups = list(_groups(world, rules))
    machines = list(_machines(world, rules))
    yield from (*groups, *machines) if rules.groups_gone_first else (*machines, *groups)


def _groups(world: World, rules: Rules) -> Iterator[Act]:
    own = live_group(world)
    spare = [group for group in BEHIND if group in world.groups and group != own]
    if not rules.keeps_targets:
        yield from (("empty", group) for group in spare if group not in world.empty)
    if len(world.action) > 1:
        yield ("write", ((own, 1),), world.read)
    yield from (("delete", group) for group in spare)


def _machines(world: World, rules: Rules) -> Iterator[Act]:
    for deploy in sorted(world.runs - {world.live}, key=cast.DEPLOYS.index):
        has_group = any(BEHIND[group] == deploy for group in world.groups)
        if not has_group or not rules.groups_gone_first:
            yield ("stop", deploy, world.ledger.gen)


def done(world: World, act: Act, rules: Rules) -> World:
    """The world after an act that was decided earlier."""
    acts = {"end": _end, "open": _open, "label": _label, "stop": _stop}
    if act[0] in acts:
        return acts[str(act[0])](world, act, rules)
    if act[0] == "write":
        return written(world, *_action(act))
    group = str(act[1])
    if act[0] == "empty":
        return world._replace(empty=world.empty | {group})
    named = group in dict(world.action)  # AWS refuses to delete it then
    return world if named else world._replace(groups=world.groups - {group})


def _action(act: Act) -> tuple[Action, Read]:
    return act[1], act[2]  # type: ignore[return-value]  # of a write


def _end(world: World, act: Act, rules: Rules) -> World:
    lease = world.ledger.lease
    if lease is None or lease.id != act[1]:
        return world
    return world._replace(ledger=rules.end(world.ledger, Ending(lease, cast.LATE)))


def _open(world: World, act: Act, rules: Rules) -> World:
    _, deploy, gen = act
    after = obey(world, f"database of {deploy}", int(str(gen)), rules)
    return world if after is None else after._replace(open=after.open | {deploy})  # type: ignore[arg-type]


def _label(world: World, act: Act, rules: Rules) -> World:
    """Looks at ledger and traffic once more."""
    del rules
    due = world.live == act[1] and follows(world) and world.ledger.lease is None
    return world._replace(label=world.live) if due else world


def _stop(world: World, act: Act, rules: Rules) -> World:
    _, deploy, gen = act
    after = obey(world, f"machine of {deploy}", int(str(gen)), rules)
    return world if after is None else after._replace(runs=after.runs - {deploy})
