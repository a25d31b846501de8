"""`reconciler hold` and `release`: write or remove the hold of a resource.

An AWS resource carries the hold as a tag, a database in its state comment.
"""

from __future__ import annotations

from reconciler.aws import tagging
from reconciler.config.loader import Settings
from reconciler.errors import ConfigError, Refused
from reconciler.model.resource import DATABASE, Inventory, Resource, service_of
from reconciler.model.tags import HELD_BY_ADOPTION, VALUE_LIMIT
from reconciler.ports.fleet import Fleet
from reconciler.ports.service import ManagedService
from reconciler.sweep.snapshot import observe
from reconciler.traffic.reading import id_of
from reconciler.wiring.edges import Edges


def set_hold(settings: Settings, fleet: Fleet, id_: str, reason: str | None) -> None:
    """Hold the resource with this id against every sweep; the reason None removes the hold.

    Raises ConfigError if no resource of ours has that id, and the errors of writing the hold.
    """
    resource = _find(observe(fleet).inventory, id_)
    refuse_adopted(resource)
    if resource.kind == DATABASE:
        hold_database(fleet.services, resource, reason)
    elif reason is None:
        tagging.release(Edges(settings).aws(resource.place), resource)
    else:
        tagging.hold(Edges(settings).aws(resource.place), resource, reason)


def _find(inventory: Inventory, id_: str) -> Resource:
    wanted = id_of(id_)
    for resource in inventory.resources:
        if resource.id == wanted:
            return resource
    unread = next((gap for gap in inventory.gaps if gap.kind == DATABASE), None)
    known = f"; the databases could not be listed: {unread.reason}" if unread else ""
    raise ConfigError(
        f"nothing with the id {id_} carries our tags in the configured places{known}",
        cure="To see what there is   reconciler report",
    )


def refuse_adopted(resource: Resource) -> None:
    """Refuse to change the hold of what was adopted: it would become a foreign resource."""
    if resource.kind != DATABASE and resource.hold == HELD_BY_ADOPTION:
        raise Refused(
            f"the hold of {resource.id} says that it was adopted: no sweep deletes it, and with "
            "another hold it would not belong to its service any more",
            cure=f"To see what becomes of it   reconciler explain {resource.id}",
        )


def hold_database(
    services: tuple[ManagedService, ...], resource: Resource, reason: str | None
) -> None:
    """Write the hold into the state comment of a database of one of these services."""
    managed = next(service for service in services if service.name == service_of(resource))
    server = managed.reach.databases()
    server.hold(resource.name, str(managed.address), reason[:VALUE_LIMIT] if reason else reason)
