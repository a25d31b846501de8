"""Makes the plan of a sweep. Pure.

Swaps come first (an expired lease is ended, deploys past their retention are forgotten). Everything
else is decided against the ledger after those swaps: un-root by swap, then delete (rule 3). If a
swap fails, nothing after it is carried out and the next round decides again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from reconciler.gc import name_witnesses
from reconciler.gc.mark import mark, settled
from reconciler.gc.misplaced_ledger import in_sight
from reconciler.gc.verdict import Role, Root, Verdict
from reconciler.model import ledger as ledgers
from reconciler.model import tags as t
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ending, Ledger
from reconciler.model.resource import (
    DATABASE,
    RDS,
    TARGET_GROUP,
    Inventory,
    Resource,
    maker_of,
    service_of,
)
from reconciler.model.tags import Label
from reconciler.plan.deviation import repairs
from reconciler.plan.record_drift import may_stand_in_record, new_addresses, notes
from reconciler.plan.service_plan import Plan, Repair, ServicePlan, SweepRequest
from reconciler.plan.standby import rests
from reconciler.plan.swaps import swaps, without
from reconciler.plan.traffic_work import NO_WORK, TrafficWork, traffic_work


def plan(inventory: Inventory, roots: Mapping[str, Root], asks: Mapping[str, SweepRequest]) -> Plan:
    """The plan for every root. Services without a request get the default one.

    Each service is judged by its own resources and by those that use them, so that the cost grows
    with the number of resources, not of services.
    """
    shares = _shares(inventory, roots)
    plans = [
        _service(
            shares[name], settled(shares[name], {name: root})[name], asks.get(name, SweepRequest())
        )
        for name, root in sorted(roots.items())
    ]
    strangers = tuple(
        resource for resource in inventory.resources if service_of(resource) not in roots
    )
    return Plan(tuple(plans), mark(replace(inventory, resources=strangers), {}), inventory)


def _shares(inventory: Inventory, roots: Mapping[str, Root]) -> Mapping[str, Inventory]:
    """For every service: its resources, those of others that use one of them, and every gap."""
    shares: dict[str, list[Resource]] = {name: [] for name in roots}
    owners: dict[str, str] = {}
    for resource in inventory.resources:
        name = service_of(resource)
        if name in shares:
            shares[name].append(resource)
            owners[resource.id] = name
    for resource in inventory.resources:
        named = {owners[used] for used in resource.uses if used in owners}
        for owner in named - {service_of(resource)}:
            shares[owner].append(resource)
    return {name: replace(inventory, resources=tuple(found)) for name, found in shares.items()}


def _service(inventory: Inventory, root: Root, ask: SweepRequest) -> ServicePlan:
    root = root if ask.unfinished_only else in_sight(root, inventory)
    if root.problem:
        verdicts = _verdicts(inventory, root)
        return ServicePlan(root, verdicts=verdicts, problem=root.problem)
    standing = name_witnesses.named(root, inventory.resources)
    hidden = bool(_is_partly_hidden(inventory, root) or root.names.problem)
    in_record = may_stand_in_record(root, inventory.resources)
    spared = {*standing, *in_record, *_behind_groups(inventory, root)}
    first = swaps(root, ask, forget=not hidden, spared=spared)
    over = swaps(root, ask, spared=in_record).forget
    later, after = _after(inventory, root, first.ledger, first.forget)
    verdicts = _verdicts(later, after)
    leased = first.ledger.lease is not None
    plain = _plain_of(inventory, root)
    traffic = _traffic(after, verdicts, ask)
    return ServicePlan(
        root,
        end=first.end,
        traffic=traffic,
        forget=first.forget,
        # Skipped resources were not described, and a repair needs every resource of its deploy.
        repairs=()
        if leased or plain or traffic.blocked
        else _agreed(repairs(_whole(verdicts, ask), root), ask),
        readdress=()
        if leased or ask.unfinished_only
        else _readdress(verdicts, after, inventory, ask),
        verdicts=_scoped(verdicts, ask),
        notes=(*notes(root), *filter(None, [traffic.blocked])),
        witnesses=name_witnesses.notes(
            root, standing, _only_named(verdicts, {*over, *_resting(verdicts, root, ask)}, standing)
        ),
        rests=rests(verdicts, root, ask.stages(first.ledger, root), standing),
        unfinished_only=ask.unfinished_only,
        plain=plain,
        keep=ask.retention.keep,
    )


def _traffic(root: Root, verdicts: tuple[Verdict, ...], ask: SweepRequest) -> TrafficWork:
    """What is due; nothing in an approved plan that does not finish the live deploy."""
    live = root.ledger.live
    if ask.among is not None and (live is None or (live.id, Role.LIVE) not in ask.among.finish):
        return NO_WORK
    return traffic_work(root, verdicts)


def _behind_groups(inventory: Inventory, root: Root) -> set[DeployId]:
    """The deploys that still have a target group: it goes before they are forgotten.

    Not of a kept deploy: nothing takes its group away while it is rooted.
    """
    groups = (one for one in inventory.resources if one.kind == TARGET_GROUP and not one.held)
    found = {group.deploy for group in groups if group.deploy is not None}
    return found - {kept.id for kept in root.ledger.kept}


def _only_named(
    verdicts: tuple[Verdict, ...], over: Iterable[DeployId], standing: Collection[DeployId]
) -> set[DeployId]:
    """The deploys that would be forgotten, put to rest or deleted if no other name led to them."""
    return {*over}.intersection(standing) | name_witnesses.keeping(verdicts, standing)


def _resting(verdicts: tuple[Verdict, ...], root: Root, ask: SweepRequest) -> set[DeployId]:
    """The deploys that would be put to rest if no other name led to them."""
    return {rest.deploy for rest in rests(verdicts, root, ask.stages(root.ledger, root), ())}


def judged_by(plan: Plan, service_plan: ServicePlan) -> tuple[Inventory, Root]:
    """The inventory and the root that the verdicts of a service's plan were made from.

    They are those after the plan's own swaps.
    """
    root, name = service_plan.root, service_plan.service
    share = _shares(plan.inventory, {name: root})[name]
    if service_plan.problem:
        return share, root
    ledger = root.ledger
    if service_plan.end is not None:
        ledger = ledgers.end(ledger, Ending(service_plan.end, root.now, operator=True))
    return _after(share, root, without(ledger, service_plan.forget), service_plan.forget)


def _after(
    inventory: Inventory, root: Root, ledger: Ledger, gone: tuple[DeployId, ...]
) -> tuple[Inventory, Root]:
    """Inventory and root after the swaps: that ledger, and forgotten deploys labelled so."""
    return _labelled_left(inventory, root.home.ledger, gone), replace(root, ledger=ledger)


def _plain_of(inventory: Inventory, root: Root) -> dict[str, int]:
    """How many of the service's resources are skipped, by kind."""
    found: dict[str, int] = {}
    for (deploy, kind), count in inventory.plain.items():
        if deploy.service == root.home.service:
            found[kind] = found.get(kind, 0) + count
    return found


def _agreed(repairs: tuple[Repair, ...], ask: SweepRequest) -> tuple[Repair, ...]:
    """All of them or none: the old deploy gives up its jobs before the new one starts them."""
    due = {(repair.deploy, repair.role) for repair in repairs}
    return repairs if ask.among is None or due <= ask.among.finish else ()


def _readdress(
    verdicts: tuple[Verdict, ...], root: Root, inventory: Inventory, ask: SweepRequest
) -> tuple[str, ...]:
    at = new_addresses(verdicts, root, inventory.plain)
    return at if ask.among is None or ask.among.repoint == at else ()


def _verdicts(inventory: Inventory, root: Root) -> tuple[Verdict, ...]:
    service = root.home.service
    return tuple(
        verdict
        for verdict in mark(inventory, {service: root})
        if service_of(verdict.resource) == service
    )


def _is_partly_hidden(inventory: Inventory, root: Root) -> bool:
    """Whether labelled resources could not be read: not relabelled, they would be lost."""
    return any(gap.place == root.home.place and gap.kind in RDS for gap in inventory.gaps)


def _labelled_left(inventory: Inventory, ledger: str, gone: tuple[DeployId, ...]) -> Inventory:
    """The inventory as it will be once the forgotten deploys are labelled `left`."""
    if not gone:
        return inventory

    def relabel(resource: Resource) -> Resource:
        if resource.deploy not in gone or resource.tags.get(t.LEDGER) != ledger:
            return resource
        return replace(resource, tags={**resource.tags, t.STATE: Label.LEFT.value})

    return replace(inventory, resources=tuple(map(relabel, inventory.resources)))


def _scoped(verdicts: tuple[Verdict, ...], ask: SweepRequest) -> tuple[Verdict, ...]:
    return tuple(
        verdict for verdict in verdicts if not verdict.collect or _is_asked(verdict.resource, ask)
    )


def _is_asked(resource: Resource, ask: SweepRequest) -> bool:
    """Whether this sweep may delete the resource."""
    if ask.only is not None and ask.only not in (resource.deploy, maker_of(resource)):
        return False
    limits = (limit for limit in (ask.among, ask.deletable) if limit is not None)
    if not all(limit.may_delete(resource) for limit in limits):
        return False
    return not ask.spare & {resource.id, *resource.used_by}


def _whole(verdicts: tuple[Verdict, ...], ask: SweepRequest) -> tuple[Verdict, ...]:
    """The verdicts that repairs may be decided by.

    In an unfinished-only listing, only the databases: all are listed. The machines of the old
    deploy are not, so the live deploy would start its jobs while theirs still run.
    """
    return tuple(
        verdict
        for verdict in verdicts
        if not ask.unfinished_only or verdict.resource.kind == DATABASE
    )
