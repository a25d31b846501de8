"""Builds the deployer's ports for one service."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import replace

from deployer.aws.compute import Ec2Compute
from deployer.ports import Ports
from reconciler.config.loader import Settings
from reconciler.cost import price_cache
from reconciler.wiring.edges import Edges


def wired(settings: Settings, name: str, *, by_labels: bool = False) -> Ports:
    """The ports of a service, as `Edges.managed`; raises the same errors."""
    service = settings.service(name)
    edges = Edges(settings)
    return Ports(
        service=service,
        managed=edges.managed(service, by_labels=by_labels),
        compute=Ec2Compute(edges.aws(service.place)),
        connector=edges.connector(service),
        resolve=edges.resolver(service),
        by=who(),
        prices=price_cache.load(),
        ledgers_in=lambda account: edges.ledgers(replace(service.zone_place, account=account)),
    )


def who() -> str:
    """Who releases, and from where: `ci@build-8812`; for tags and messages."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"uid{os.getuid()}"
    return f"{user}@{socket.gethostname()}"
