"""Lists the other names of a service's zones, if a decision depends on them (rule 13).

A zone may have thousands of records, and an account five calls a second. So names are listed only
if a deploy that once served is about to be forgotten or deleted; and again right before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.errors import AccessDenied, CloudError, ConfigError, ToolError
from reconciler.gc.name_witnesses import is_needed
from reconciler.gc.other_names import OtherNames
from reconciler.gc.ownership import ServiceLocation
from reconciler.gc.verdict import Root
from reconciler.model.coverage import GLOBAL, NAME, Read, ReadStatus
from reconciler.model.reading import LedgerAddress, Listing
from reconciler.model.resource import Gap, Resource, service_of
from reconciler.model.tags import AccountRegion
from reconciler.plan.service_plan import SweepRequest
from reconciler.plan.standby import wanting
from reconciler.plan.swaps import swaps
from reconciler.ports.service import ManagedService
from reconciler.sweep.snapshot import Snapshot

Answer = Listing | ToolError


def read_names(managed: ManagedService) -> OtherNames:
    """Read the other names of the service's zones now."""
    return _others(managed, _list(managed))


def with_names(
    world: Snapshot, services: Sequence[ManagedService], asks: Mapping[str, SweepRequest]
) -> Snapshot:
    """The snapshot with the other names in its roots, for the services that need them."""
    needing = _needing(world, asks)
    answers: dict[tuple[int, LedgerAddress], Answer] = {}
    roots = dict(world.roots)
    for one in (service for service in services if service.name in needing):
        zones = (id(one.ledgers), _zones_of(one.address))
        if zones not in answers:
            answers[zones] = _list(one)
            world = _told(world, one, answers[zones])
        names = _others(one, answers[zones])
        roots[one.name] = replace(roots[one.name], names=names)
    return replace(world, roots=roots)


def witnessed_now(managed: ManagedService, root: Root, resources: Sequence[Resource]) -> Root:
    """The root with the names read now, if a deploy that served would be deleted."""
    if not is_needed(root, resources, ()):
        return root
    return replace(root, names=read_names(managed))


def _needing(world: Snapshot, asks: Mapping[str, SweepRequest]) -> set[str]:
    """The services of which a deploy that once served may go, or may be put to rest."""
    resources: dict[str, list[Resource]] = {}
    for resource in world.inventory.resources:
        resources.setdefault(service_of(resource), []).append(resource)
    return {
        name
        for name, root in world.roots.items()
        if not root.problem
        and _depends(root, resources.get(name, ()), asks.get(name, SweepRequest()))
    }


def _depends(root: Root, resources: Sequence[Resource], ask: SweepRequest) -> bool:
    """Whether something is deleted, stopped or parked only if no other name leads to it."""
    found = swaps(root, ask)
    resting = wanting(resources, ask.stages(found.ledger, root))
    return is_needed(root, resources, found.forget) or bool(resting)


def _zones_of(address: LedgerAddress) -> LedgerAddress:
    """The part of the address that is equal for services whose names are in the same zones."""
    return LedgerAddress("", address.zone_id, "", "", watched=address.watched)


def _list(managed: ManagedService) -> Answer:
    try:
        return managed.ledgers.names(managed.address)
    except (CloudError, AccessDenied, ConfigError) as error:
        return error


def _others(managed: ManagedService, answer: Answer) -> OtherNames:
    if isinstance(answer, ToolError):
        return OtherNames.unread(answer)
    moving = managed.traffic.addresses  # a name of such an address goes along with it
    names = OtherNames(answer.held).without_addresses(moving)
    return names.without({managed.address.record, *managed.despite})


def _told(world: Snapshot, managed: ManagedService, answer: Answer) -> Snapshot:
    """Add the row of the listing; a failed listing is a gap: the run does not exit with 0."""
    place, inventory = _place(managed.home, managed.zone_account), world.inventory
    if isinstance(answer, Listing):
        row = Read(place, NAME, pages=answer.calls, calls=answer.calls)
        return replace(world, inventory=replace(inventory, reads=(*inventory.reads, row)))
    row = Read(place, NAME, ReadStatus.FAILED, note=answer.message)
    gap = Gap.of(place, NAME, answer)
    more = replace(inventory, reads=(*inventory.reads, row), gaps=(*inventory.gaps, gap))
    return replace(world, inventory=more)


def _place(home: ServiceLocation, zone_account: str) -> AccountRegion:
    return AccountRegion(zone_account or home.place.account, GLOBAL)
