"""`reconciler hold` and `release`: where the hold of a thing is written, and taken off.

A thing in AWS carries it as a tag, a database in its memory.
"""

from __future__ import annotations

from reconciler.aws import hold as tag
from reconciler.errors import ConfigError
from reconciler.managed import Managed
from reconciler.observe import observe
from reconciler.opening import Opened
from reconciler.resource import DATABASE, Resource, service_of
from reconciler.settings import Settings
from reconciler.tags import VALUE_LIMIT
from reconciler.wiring import Edges


def set_hold(settings: Settings, opened: Opened, id_: str, reason: str | None) -> None:
    """Keep what has this id from every sweep; None lets go of it.

    Raises ConfigError if there is nothing of ours by that id, and what writing it raises.
    """
    seen = observe(opened.services, beside=opened.beside).inventory
    thing = next((one for one in seen.resources if one.id == id_), None)
    if thing is None:
        unread = next((one for one in seen.gaps if one.kind == DATABASE), None)
        known = f"; the databases could not be listed: {unread.reason}" if unread else ""
        raise ConfigError(
            f"nothing with the id {id_} carries our tags in the configured places{known}",
            cure="To see what there is   reconciler report",
        )
    if thing.kind == DATABASE:
        hold_database(opened.services, thing, reason)
    elif reason is None:
        tag.release(Edges(settings).aws(thing.place), id_)
    else:
        tag.hold(Edges(settings).aws(thing.place), id_, reason)


def hold_database(services: tuple[Managed, ...], thing: Resource, reason: str | None) -> None:
    """Write the hold into the memory of a database of one of these services."""
    managed = next(one for one in services if one.name == service_of(thing))
    server = managed.reach.databases()
    if server is None:
        raise ConfigError(f"{managed.name} has no database configured")
    server.hold(thing.name, str(managed.address), reason[:VALUE_LIMIT] if reason else reason)
