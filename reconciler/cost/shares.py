"""What a database takes of its server's price, by its size among all databases there. Pure.

The server costs the same with and without it, so a share is in no sum and nothing that a sweep
would save: it says whose the server's price is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from reconciler.cost.estimate import Sum
from reconciler.cost.price_list import Prices
from reconciler.cost.rates import rate
from reconciler.model.resource import DATABASE, Resource
from reconciler.model.tags import AccountRegion

Servers = Mapping[tuple[AccountRegion, str], Resource]
"""Database servers by region and HOST:PORT."""


@dataclass(frozen=True)
class DatabaseShare:
    """A database, its server, and its part of the server's price a month.

    `part` is None if its size or that of another database is not known.
    """

    database: Resource
    server: Resource
    part: Decimal | None
    cost: Sum

    @property
    def percent(self) -> str:
        """Its part in words: `25.0 %`."""
        return "unknown" if self.part is None else f"{self.part * 100:.1f} %"


def shares_of(
    resources: Iterable[Resource], servers: Servers, prices: Prices
) -> tuple[DatabaseShare, ...]:
    """The shares of all databases whose servers are known; a server of a release's own is its own.

    A server that carries a deploy-id is already in the sums.
    """
    found = []
    for resource in resources:
        server = servers.get((resource.place, resource.billing.server))
        if resource.kind == DATABASE and server is not None and server.deploy is None:
            found.append(_share(resource, server, prices))
    return tuple(found)


def _share(database: Resource, server: Resource, prices: Prices) -> DatabaseShare:
    price, whole = rate(server, prices), Decimal(str(database.billing.server_gb))
    part = Decimal(str(database.size_gb)) / whole if whole else None
    monthly = price.monthly * part if part is not None else Decimal(0)
    unknown = int(bool(price.missing) or part is None)
    return DatabaseShare(database, server, part, Sum(monthly, resources=1, unknown=unknown))
