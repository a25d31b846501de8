"""Selects resources that are certainly kept, so that a sweep need not describe them. Pure.

A launch template is always described: it may launch from another deploy's image; so is a target
group, which ends before its deploy does, and a machine of a kept deploy, whose tag may name the
database that it shares. Any other resource
is skipped if its deploy is rooted, also after the swaps of this sweep, its label is the one for its
deploy's role, and a machine has obeyed the current set of units: then no rule of `mark` could
collect it and no repair is due. All else is described in full: what is not rooted, and every
service with an anomaly. So a sweep decides the same as if it had described everything; it only does
not name each resource that it keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.gc.desired_state import DESIRED, HANDS_OFF
from reconciler.gc.verdict import Role, Root, Roots, role
from reconciler.model.deploy_id import DeployId
from reconciler.model.ledger import Ledger
from reconciler.model.resource import INSTANCE, TARGET_GROUP, TEMPLATE, Plain, Resource
from reconciler.model.tag_summary import Group, TagSummary
from reconciler.model.tags import STATE, Label, label_of
from reconciler.plan.service_plan import OPEN, SHUT, SweepRequest
from reconciler.plan.standby import Standby, reached, units_of
from reconciler.plan.swaps import Swaps, swaps

DESCRIBED = frozenset({TEMPLATE, TARGET_GROUP})
"""Kinds that are always described."""

ANY = frozenset({*Label, None})


@dataclass(frozen=True)
class Choice:
    """What of one tag summary to describe, and how many are skipped, by deploy and kind."""

    wanted: Mapping[Group, Sequence[str]]
    plain: Plain


@dataclass(frozen=True)
class _Service:
    """Decides for one service whether a group is skipped.

    `leaving` are the deploys that this sweep would forget, with their labels: something that only
    a description shows may keep one of them, and then it is repaired like any other.
    """

    root: Root
    labels: Mapping[DeployId, frozenset[Label | None]]
    swaps: Swaps
    leaving: Mapping[DeployId, frozenset[Label | None]] = field(default_factory=dict)
    stages: Mapping[DeployId, Standby] = field(default_factory=dict)

    def keeps(self, group: Group, deploy: DeployId) -> bool:
        if self.root.problem:
            return True
        label = label_of({STATE: group.label})
        if label not in self.labels.get(deploy, ()):
            return False
        if group.kind != INSTANCE or self.swaps.ledger.lease is not None:
            return True
        if label is Label.LEFT or not self.root.units:
            return True
        if label is Label.LIVE and self.root.units_beside:
            return False  # which machine is the first is seen only where all are described
        if role(self.swaps.ledger, deploy) is not Role.PREVIOUS:
            return group.units == self.root.units
        parked = reached(group.units) is Standby.PARKED
        return parked or units_of(group.units) == self.root.units


def choose(
    tag_summary: TagSummary,
    databases: Sequence[Resource],
    roots: Roots,
    asks: Mapping[str, SweepRequest],
) -> Choice:
    """Divides a tag summary. `databases` are all that were seen: an odd one marks its service."""
    services = {
        name: _service(root, databases, asks.get(name, SweepRequest()))
        for name, root in roots.items()
        if root.home.place == tag_summary.place
    }
    odd = _odd(tag_summary, services)
    wanted: dict[Group, Sequence[str]] = {}
    plain: dict[tuple[DeployId, str], int] = {}
    for group, ids in tag_summary.groups.items():
        deploy = DeployId.maybe(group.deploy)
        service = services.get(deploy.service) if deploy else None
        if deploy is None or service is None:
            wanted[group] = ids  # foreign, or in a place where no service of ours creates any
        elif group.kind in DESCRIBED or deploy.service in odd or not service.keeps(group, deploy):
            wanted[group] = ids
        else:
            plain[deploy, group.kind] = plain.get((deploy, group.kind), 0) + len(ids)
    for service in services.values():
        _want_machines_that_moved(service, tag_summary, wanted, plain)
        _want_machines_at_rest(service, tag_summary, wanted, plain)
        _want_machines_of_evidence(service, tag_summary, wanted, plain)
    return Choice(wanted, plain)


def _service(root: Root, databases: Sequence[Resource], ask: SweepRequest) -> _Service:
    found = swaps(root, ask)
    if _is_in_doubt(root) or _has_odd_database(found, root, databases):
        return _Service(root, {}, found)
    labels = {deploy: _labels(found.ledger, deploy) for deploy in found.ledger.rooted}
    old = replace(root.ledger, lease=found.ledger.lease)
    leaving = {deploy: _labels(old, deploy) for deploy in old.rooted if deploy not in labels}
    return _Service(root, labels, found, leaving, ask.stages(found.ledger, root))


def _is_in_doubt(root: Root) -> bool:
    """Whether only a description of all its resources shows what is wrong (rules 6 and 9)."""
    if root.ledger.live is None:
        return bool(root.record or root.traffic)
    return not root.leads_to_live


def _has_odd_database(found: Swaps, root: Root, databases: Iterable[Resource]) -> bool:
    if found.ledger.lease is not None:
        return False  # nothing is repaired while a lease is held
    for database in databases:
        deploy = database.deploy
        if deploy is None or deploy.service != root.home.service:
            continue
        if any(_deviates(ledger, database, deploy) for ledger in (found.ledger, root.ledger)):
            return True
    return False


def _deviates(ledger: Ledger, database: Resource, deploy: DeployId) -> bool:
    user = ledger.user_of(deploy)
    current = role(ledger, user) if user is not None else None
    writable = DESIRED[current].writable if current is not None else None
    return writable is not None and database.state != (OPEN if writable else SHUT)


def _labels(ledger: Ledger, deploy: DeployId) -> frozenset[Label | None]:
    """The labels with which a rooted deploy's resources need no repair."""
    current = role(ledger, deploy)
    if ledger.lease is not None or current is None or current in HANDS_OFF:
        return ANY
    wanted = frozenset({DESIRED[current].label})
    # A sweep is about to forget it: not labelled back (`planner`).
    return wanted if current is Role.LIVE else wanted | {Label.LEFT}


def _odd(tag_summary: TagSummary, services: Mapping[str, _Service]) -> set[str]:
    """The services with a wrong label on a rooted resource: a repair needs all their resources."""
    odd = set()
    for group in tag_summary.groups:
        deploy = DeployId.maybe(group.deploy)
        service = services.get(deploy.service) if deploy else None
        if service is None or deploy is None or service.root.problem:
            continue
        if deploy in service.leaving:
            service = replace(service, labels=service.leaving)
        elif deploy not in service.swaps.ledger.rooted:
            continue
        if not service.keeps(group, deploy):
            odd.add(deploy.service)
    return odd


def _want_machines_that_moved(
    service: _Service,
    tag_summary: TagSummary,
    wanted: dict[Group, Sequence[str]],
    plain: dict[tuple[DeployId, str], int],
) -> None:
    """Adds the live machines if the record names each: only descriptions show new addresses."""
    live = service.swaps.ledger.live
    if live is None or service.swaps.ledger.lease is not None or service.root.traffic:
        return
    if plain.get((live.id, INSTANCE)) != len(live.at):
        return
    _want_machines(live.id, tag_summary, wanted, plain)


def _want_machines_at_rest(
    service: _Service,
    tag_summary: TagSummary,
    wanted: dict[Group, Sequence[str]],
    plain: dict[tuple[DeployId, str], int],
) -> None:
    """Adds the machines that are to be at rest by now: only descriptions show whether they run.

    Where their app is to be stopped and they run on, the tag alone says whether that was done.
    """
    for deploy, stage in service.stages.items():
        machines = _machines(deploy, tag_summary)
        if stage is Standby.PARKED or any(reached(group.units) < stage for group in machines):
            _want_machines(deploy, tag_summary, wanted, plain)


def _want_machines_of_evidence(
    service: _Service,
    tag_summary: TagSummary,
    wanted: dict[Group, Sequence[str]],
    plain: dict[tuple[DeployId, str], int],
) -> None:
    """Adds the machines of kept deploys: a tag alone says whose database a failed one shares."""
    for evidence in service.swaps.ledger.kept:
        _want_machines(evidence.id, tag_summary, wanted, plain)


def _want_machines(
    deploy: DeployId,
    tag_summary: TagSummary,
    wanted: dict[Group, Sequence[str]],
    plain: dict[tuple[DeployId, str], int],
) -> None:
    plain.pop((deploy, INSTANCE), None)
    wanted.update(_machines(deploy, tag_summary))


def _machines(deploy: DeployId, tag_summary: TagSummary) -> dict[Group, Sequence[str]]:
    """The machines of one deploy."""
    name = str(deploy)
    return {
        group: ids
        for group, ids in tag_summary.groups.items()
        if group.kind == INSTANCE and group.deploy == name
    }


def neighbours(
    tag_summary: TagSummary, resources: Iterable[Resource], wanted: Mapping[Group, Sequence[str]]
) -> dict[Group, Sequence[str]]:
    """What of the tag summary `resources` use, are used by, or were made from.

    These prove ownership, and what they use stays: so they are described too, although they
    could be skipped themselves.
    """
    named = {
        id_
        for resource in resources
        for id_ in (*resource.uses, *resource.used_by, resource.source)
    }
    return {
        group: sorted(named.intersection(ids))
        for group, ids in tag_summary.groups.items()
        if group not in wanted and not named.isdisjoint(ids)
    }


def without(plain: Plain, resources: Iterable[Resource]) -> Plain:
    """The counts without the resources that were described after all."""
    left = dict(plain)
    for resource in resources:
        if resource.deploy is not None and (resource.deploy, resource.kind) in left:
            left[resource.deploy, resource.kind] -= 1
    return {key: count for key, count in left.items() if count > 0}
