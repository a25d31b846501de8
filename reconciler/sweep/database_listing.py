"""Lists a service's databases for a sweep; an unreachable server is a gap, not an absence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.database.inventory import as_resources, fences
from reconciler.errors import NoDatabase, NotTried, ToolError
from reconciler.model.coverage import Read, ReadStatus
from reconciler.model.fencing import NEVER as NEVER_OBEYED
from reconciler.model.resource import DATABASE, Gap, Resource
from reconciler.ports.service import ManagedService


@dataclass(frozen=True)
class DatabaseReadings:
    """A service's databases, or why they could not be listed; `fences` by ledger."""

    resources: tuple[Resource, ...] = ()
    gap: Gap | None = None
    fences: Mapping[str, int] = field(default_factory=dict)
    row: Read | None = None

    def fence(self, own: Iterable[str]) -> int:
        """The highest generation that a database of the ledger with these addresses has obeyed."""
        return max((self.fences.get(one, NEVER_OBEYED) for one in own), default=NEVER_OBEYED)


def list_databases(managed: ManagedService) -> DatabaseReadings:
    """The service's databases as resources; an unreachable server is a gap, not an absence.

    If connections are disabled, nothing has failed: a row reports it, the databases are unknown.
    """
    place = managed.home.place
    row = Read(place, DATABASE, calls=1, service=managed.name)
    try:
        server = managed.reach.databases()
        infos = server.databases()
    except NoDatabase:
        return DatabaseReadings()
    except NotTried as error:
        return DatabaseReadings(
            row=replace(row, status=ReadStatus.SKIPPED, calls=0, note=error.message)
        )
    except ToolError as error:
        failed = replace(row, status=ReadStatus.FAILED, note=f"{managed.name}: {error.message}")
        return DatabaseReadings(gap=Gap.of(place, DATABASE, error), row=failed)
    ledger = str(managed.address)
    resources = as_resources(infos, managed.name, ledger, place, server.endpoint)
    return DatabaseReadings(resources, fences=fences(infos), row=row)
