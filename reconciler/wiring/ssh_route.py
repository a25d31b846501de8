"""Builds the route to a service's machines from its `[ssh]`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reconciler.config.service import Service
from reconciler.machine.ssh import ClientKey, SshTarget
from reconciler.machine.ssh.route import DIRECT
from reconciler.machine.ssh.via.proxy_command import (
    INSTANCE_CONNECT_ENDPOINT,
    SSM,
    ProxyCommandRoute,
)
from reconciler.util.secret import Reference, Secret

if TYPE_CHECKING:
    from reconciler.config.ssh import Bastion
    from reconciler.machine.ssh.route import SshRoute
    from reconciler.machine.ssh.via.bastion import BastionRoute, Hop

Resolve = Callable[[Reference], Secret]

_PRESETS = {"ssm": SSM, "instance-connect-endpoint": INSTANCE_CONNECT_ENDPOINT}


def client_key(reference: Reference | None, resolve: Resolve) -> ClientKey:
    """The private key that `reference` names; without one the keys of the agent."""
    if reference is None:
        return ClientKey()
    return ClientKey(resolve(reference).reveal(), str(reference))


def route_of(service: Service, resolve: Resolve) -> SshRoute:
    """The configured route to the service's machines. Raises what `resolve` raises."""
    said = service.ssh
    if said.via == "direct":
        return DIRECT
    if said.via == "bastion":
        return bastion_route(service, resolve)
    if said.command is not None:
        return ProxyCommandRoute(said.command)
    command = f"{_PRESETS[said.via]} --region {service.region}"
    return ProxyCommandRoute(command, said.via, "deployer doctor")


def bastion_route(service: Service, resolve: Resolve) -> BastionRoute:
    """The route through the configured bastions."""
    from reconciler.machine.ssh.via.bastion import BastionRoute  # a slow import

    return BastionRoute([_hop(bastion, service, resolve) for bastion in service.ssh.bastion])


def _hop(bastion: Bastion, service: Service, resolve: Resolve) -> Hop:
    from reconciler.machine.host_key import PublicHostKey
    from reconciler.machine.ssh.via.bastion import Hop

    key = client_key(bastion.key or service.ssh.key, resolve)
    target = SshTarget(bastion.host, bastion.port, bastion.user)
    return Hop(target, PublicHostKey.parse(bastion.host_key), key)
