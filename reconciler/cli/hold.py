"""`reconciler hold` and `release`: where the hold of a thing is written, and taken off.

A thing in AWS carries it as a tag, a database in its memory.
"""

from __future__ import annotations

from reconciler.aws import hold as tag
from reconciler.config.loader import Settings
from reconciler.errors import ConfigError, Refused
from reconciler.model.resource import DATABASE, Resource, service_of
from reconciler.model.tags import HELD_BY_ADOPTION, VALUE_LIMIT
from reconciler.ports.service import Managed
from reconciler.sweep.snapshot import observe
from reconciler.wiring.edges import Edges
from reconciler.wiring.fleet_builder import Opened


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
    refuse_adopted(thing)
    if thing.kind == DATABASE:
        hold_database(opened.services, thing, reason)
    elif reason is None:
        tag.release(Edges(settings).aws(thing.place), id_)
    else:
        tag.hold(Edges(settings).aws(thing.place), id_, reason)


def refuse_adopted(thing: Resource) -> None:
    """Another word instead of its hold, or none, and it is a stranger: nobody's live machine."""
    if thing.kind != DATABASE and thing.hold == HELD_BY_ADOPTION:
        raise Refused(
            f"{thing.id} was adopted, which its hold says: no sweep deletes it anyway, and by "
            "another word in that place the service would not know its machine any more",
            cure=f"To see what becomes of it   reconciler explain {thing.id}",
        )


def hold_database(services: tuple[Managed, ...], thing: Resource, reason: str | None) -> None:
    """Write the hold into the memory of a database of one of these services."""
    managed = next(one for one in services if one.name == service_of(thing))
    server = managed.reach.databases()
    if server is None:
        raise ConfigError(f"{managed.name} has no database configured")
    server.hold(thing.name, str(managed.address), reason[:VALUE_LIMIT] if reason else reason)
