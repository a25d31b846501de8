"""`deployer leave`: the service serves on without the deployer, and nothing of it is ours.

One swap makes the ledger a tombstone that still roots what was live; only then our files, the
state comment and the tags are taken off, the tags last, the machines' last of all. So at no moment
anything carries our tags that the ledger does not root: a run that was killed leaves live serving
and safe from every sweep, and is finished by running it again (docs/adr/0024).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from deployer.checks import refusals
from deployer.checks.ledger_room import refuse_full
from deployer.checks.service_state import ServiceState, survey
from deployer.commands.leave import checks
from deployer.ports import Ports
from deployer.provisioning.smoke_runner import smoke_all
from deployer.unfinished import followed
from reconciler.machine.gate_placement import remove_gate
from reconciler.model import ledger_transitions
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger, Live
from reconciler.model.ledger_home import settle
from reconciler.model.reading import Reading
from reconciler.model.resource import DATABASE, IMAGE, INSTANCE, SNAPSHOT, TARGET_GROUP, Resource
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import OnOutcome
from reconciler.sweep.result import SweepResult
from reconciler.sweep.runner import sweep
from reconciler.util.concurrency import side_by_side

_LAST = (SNAPSHOT, IMAGE, INSTANCE)
"""Kinds whose tags go last, in this order: they prove the birth of the others."""


@dataclass(frozen=True)
class Leaving:
    """The effect of leaving: shown, then carried out.

    new        the tombstone; the ledger as it is where an interrupted run is finished
    resources  what carries our marks and becomes nobody's
    kept       the releases that are garbage once `until` has passed
    """

    service: str
    live: Live
    new: Ledger
    resources: tuple[Resource, ...]
    kept: tuple[DeployId, ...]
    until: datetime | None

    @property
    def machines(self) -> tuple[Resource, ...]:
        """Its machines that are still tagged."""
        return tuple(one for one in self.resources if one.kind == INSTANCE)


@dataclass(frozen=True)
class Parted:
    """What was done. `checked` are the smoke checks that live passed; '' if no machine was left."""

    leaving: Leaving
    checked: str
    result: SweepResult


Confirm = Callable[[Leaving], object]
"""Shows it and asks the user; raises for a no."""


@dataclass(frozen=True)
class LeaveOptions:
    """The user's options: how long previous releases are kept, and units that need not start."""

    keep: timedelta = timedelta(hours=24)
    despite: Collection[str] = ()


def leave(
    ports: Ports,
    confirm: Confirm,
    options: LeaveOptions = LeaveOptions(),
    on_outcome: OnOutcome = lambda _: None,
) -> Parted:
    """Let live go; finishes an interrupted run. Raises Refused, CloudError, DirtRemains, ….

    Ends with an ordinary sweep: the apps of previous releases stop, and garbage goes.
    """
    seen = survey(ports)
    if seen.reading is None or seen.service_plan.problem:
        raise refusals.unknown(seen.service_plan.root)
    reading = seen.reading
    if reading.ledger.left is None:
        seen.known()
    wanted = _leaving(ports, seen, reading, options)
    confirm(wanted)
    if wanted.new != reading.ledger:
        ports.managed.ledgers.swap(reading, wanted.new)
    with followed(f"{wanted.service} has left", f"deployer leave {wanted.service}"):
        checked = _strip(ports, wanted)
        return Parted(wanted, checked, sweep(Fleet.of(ports.managed), on_outcome))


def _leaving(ports: Ports, seen: ServiceState, reading: Reading, options: LeaveOptions) -> Leaving:
    name, old = ports.managed.name, reading.ledger
    if old.left is not None:
        found = checks.resources_of(seen, old.left.id)
        return Leaving(name, old.left, old, found, (), None)
    live = checks.refuse_unsettled(ports, seen, old)
    resources = checks.resources_of(seen, live.id)
    machines = checks.machines_in(resources, live)
    checks.refuse_no_boot(ports, machines, frozenset(options.despite))
    checks.refuse_no_smoke(ports, live, machines)
    until = reading.now.replace(microsecond=0) + options.keep
    new = _tombstone(ports, reading, live, machines, until)
    kept = tuple(evidence.id for evidence in new.kept)
    return Leaving(name, live, new, resources, kept, until if kept else None)


def _tombstone(
    ports: Ports, reading: Reading, live: Live, machines: Sequence[Resource], until: datetime
) -> Ledger:
    """With the id of a single machine: `adopt`, which takes one, knows it again by that."""
    if len(machines) == 1:
        live = replace(live, ids=(machines[0].id,))
    old, now = settle(reading.ledger, ports.managed.address), reading.now.replace(microsecond=0)
    new = ledger_transitions.leave(old, live, now, until)
    refuse_full(new, live.id, now)
    return new


def _strip(ports: Ports, wanted: Leaving) -> str:
    """Take everything of ours off. The tags of the machines last: the way in needs their keys."""
    gen, machines = wanted.new.gen, wanted.machines
    side_by_side(machines, lambda machine: _open_for_good(ports, machine, gen, wanted.live.id))
    checked = smoke_all(ports, wanted.live.at, machines, time.sleep) if machines else ""
    owner = wanted.new.database_of(wanted.live.id)
    act = ports.managed.fenced_act(gen, owner, wanted.new.was)
    for database in (one for one in wanted.resources if one.kind == DATABASE):
        server = ports.managed.reach.databases()
        if server.is_shut(database.name):  # by a late order: it serves on, and takes writes
            server.thaw(database.name, act)
        server.disown(database.name, act)
    for resource in sorted(wanted.resources, key=_order):
        _untag(ports, resource)
    return checked


def _open_for_good(ports: Ports, machine: Resource, generation: int, deploy: DeployId) -> None:
    born = deploy.owns_token(machine.token, machine.zone)
    shell = ports.managed.reach.shell(machine)
    try:
        remove_gate(shell, generation, born=born)
    finally:
        shell.close()


def _order(resource: Resource) -> tuple[int, str]:
    last = _LAST.index(resource.kind) + 1 if resource.kind in _LAST else 0
    return last, resource.id


def _untag(ports: Ports, resource: Resource) -> None:
    """Every tag of ours, holds included."""
    keys = t.own_keys(resource.tags)
    if not keys or resource.kind == DATABASE:
        return
    if resource.kind == TARGET_GROUP:
        ports.managed.traffic.untag([resource.id], keys)
    else:
        ports.compute.untag(resource.id, keys)
