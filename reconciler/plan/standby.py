"""Decides how far a previous deploy's machines may go to rest, and since when. Pure.

Clients that keep a connection open go on talking to the old release, and read stale data. So once
the record's old TTL and the drain have passed, its app is stopped; and a machine that only waits
for a rollback need not run. Time decides when, never whether: each act is fenced (rule 10), none
happens while somebody holds the lease, and a name that leads to the deploy forbids it (rule 13).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from reconciler.gc.retention import StandbyPolicy, drained_before, next_target
from reconciler.gc.verdict import Role, Root, Verdict
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Previous
from reconciler.model.resource import INSTANCE, TARGET_GROUP, Resource
from reconciler.model.tags import Label


class Standby(IntEnum):
    """How far a machine of a previous deploy is at rest; each stage includes those before it."""

    SERVING = 0
    DRAINED = 1
    """Its app is stopped."""
    PARKED = 2
    """It has halted: EC2 lists it as stopped, and bills its volumes alone."""


@dataclass(frozen=True)
class Rest:
    """A machine of a previous deploy that is to reach a stage."""

    machine: Resource
    stage: Standby

    @property
    def word(self) -> str:
        """What the machine will be, in a word."""
        return self.stage.name.lower()

    @property
    def deploy(self) -> DeployId:
        """The deploy of the machine."""
        assert self.machine.deploy is not None  # it was chosen by its deploy
        return self.machine.deploy


def due(
    ledger: Ledger, policy: StandbyPolicy, now: datetime, ttl: int
) -> Mapping[DeployId, Standby]:
    """The stage that each previous deploy may reach by now; those that serve on are missing.

    Ledger and record change in one batch, so the switch of the record is seen at `retired`.
    """
    if ledger.lease is not None or ledger.live is None:
        return {}
    spare = next_target(ledger)
    stages = {
        entry.id: _stage(entry, policy, now, ttl, spare=entry.id == spare)
        for entry in ledger.previous
    }
    return {deploy: stage for deploy, stage in stages.items() if stage}


def _stage(
    entry: Previous, policy: StandbyPolicy, now: datetime, ttl: int, *, spare: bool
) -> Standby:
    if entry.retired >= drained_before(policy, now, ttl):
        return Standby.SERVING
    if policy.park != "run" and not (spare and entry.retired + policy.park_after >= now):
        return Standby.PARKED
    return Standby.SERVING if policy.drain is None else Standby.DRAINED


def stages(
    ledger: Ledger, root: Root, policy: StandbyPolicy, ttl: int
) -> Mapping[DeployId, Standby]:
    """The stages under `ledger`, where clients are sent now where the ledger says."""
    if not root.units or ledger.live is None or not root.leads_to_live:
        return {}
    return due(ledger, policy, root.now, ttl)


def rests(
    verdicts: Iterable[Verdict],
    root: Root,
    reached_by_now: Mapping[DeployId, Standby],
    standing: Collection[DeployId],
) -> tuple[Rest, ...]:
    """The machines to drain or to park: none that a name leads to, or may lead to (rule 13).

    Nor those of a deploy whose target group exists: a late request may still name it, and its
    clients would find nobody (docs/adr/0017). An adopted group stays, and so do its machines.
    """
    if root.names.problem:
        return ()
    found = tuple(verdicts)
    grouped = {one.deploy for one in found if one.resource.kind == TARGET_GROUP}
    mine = (
        verdict.resource
        for verdict in found
        if verdict.reason is Role.PREVIOUS and verdict.deploy not in grouped.union(standing)
    )
    return wanting(mine, reached_by_now)


def wanting(
    resources: Iterable[Resource], reached_by_now: Mapping[DeployId, Standby]
) -> tuple[Rest, ...]:
    """The machines that have not reached their stage. One that people hold is not parked.

    One that is stopped already runs nothing: it is noted as parked, and never started to be told.
    """
    found = []
    for one in resources:
        stage = reached_by_now.get(one.deploy) if one.deploy is not None else None
        if one.kind != INSTANCE or one.label is not Label.RETIRED or stage is None:
            continue
        stage = min(stage, Standby.DRAINED) if one.held else stage
        asleep = one.state == "stopped" and stage is Standby.DRAINED
        if _is_at(one) < stage and not asleep:
            found.append(Rest(one, stage))
    return tuple(found)


def _is_at(machine: Resource) -> Standby:
    """The stage that it has reached. A parked one that runs was started, or its tag came late."""
    stage = reached(machine.tags.get(t.UNITS, ""))
    return stage if machine.state in ("stopped", "stopping") else min(stage, Standby.DRAINED)


_WORDS = {Standby.SERVING: "", Standby.DRAINED: " drained", Standby.PARKED: " parked"}


def units_tag(units: str, stage: Standby) -> str:
    """Value of the tag `deploy-units`: the set of units that was obeyed, and the stage."""
    return f"{units}{_WORDS[stage]}" if units else ""


def units_of(value: str) -> str:
    """The set of units in a value of that tag."""
    return value.partition(" ")[0]


def reached(value: str) -> Standby:
    """The stage in a value of that tag."""
    return next(stage for stage in reversed(Standby) if value.endswith(_WORDS[stage]))


def is_parked(machine: Resource) -> bool:
    """Whether a machine halted because it waits for a rollback."""
    return machine.state == "stopped" and reached(machine.tags.get(t.UNITS, "")) is Standby.PARKED


def state_of(machine: Resource) -> str:
    """Its state for people: EC2's own, or that it is at rest."""
    if is_parked(machine):
        return "parked"
    drained = reached(machine.tags.get(t.UNITS, "")) is Standby.DRAINED
    return "drained" if drained and machine.state == "running" else machine.state
