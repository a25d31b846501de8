"""Builds the deployer's ports for one service."""

from __future__ import annotations

from dataclasses import replace

from deployer.aws.compute import Ec2Compute
from deployer.ports import Ports
from reconciler.config.loader import Settings
from reconciler.cost import price_cache
from reconciler.wiring.edges import Edges
from reconciler.wiring.journal_store import journal_store
from reconciler.wiring.who import who


def wired(
    settings: Settings,
    name: str,
    *,
    by_labels: bool = False,
    reads_ahead: bool = False,
    database_ahead: bool = False,
) -> Ports:
    """The ports of a service, as `Edges.managed`; raises the same errors.

    With `reads_ahead` the inventory and the database's address are read from now on, with
    `database_ahead` the address alone (adr/0032): the ledger's zone is found meanwhile.
    """
    service = settings.service(name)
    edges = Edges(settings)
    edges.begin(service, inventory=reads_ahead, database=reads_ahead or database_ahead)
    return Ports(
        service=service,
        managed=edges.managed(service, by_labels=by_labels),
        compute=Ec2Compute(edges.aws(service.place)),
        connector=edges.connector(service),
        resolve=edges.resolver(service),
        by=who(),
        prices=price_cache.load(),
        ledgers_in=lambda account: edges.ledgers(replace(service.zone_place, account=account)),
        journal=journal_store(settings, edges, service),
    )
