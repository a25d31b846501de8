"""Access to a service's machines and databases: lazy sessions, host keys pinned from tags."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.config.service import Service
from reconciler.config.ssh import INSTANCE_CONNECT
from reconciler.database.port import DatabaseServer
from reconciler.errors import CannotConnect, NoDatabase, NotTried
from reconciler.machine import ssh
from reconciler.machine.ssh import ClientKey, MachineAddress, SshTarget
from reconciler.model import tags as t
from reconciler.model.resource import Resource
from reconciler.wiring.ssh_route import Resolve, client_key, route_of

if TYPE_CHECKING:
    from reconciler.machine.host_key import PinnedKey, PublicHostKey
    from reconciler.machine.ssh.client import RemoteShell
    from reconciler.machine.ssh.route import SshRoute

FOLLOW_UP_WAIT = 20.0
"""Seconds to try to reach a machine that should be up: it is not booting."""

_ELSEWHERE = "where machines are reached     reconciler sweep"


class SshConnector:
    """SSH to the machines of one service, as configured."""

    def __init__(
        self, service: Service, resolve: Resolve, make_key: Callable[[], ClientKey] = ClientKey
    ) -> None:
        self._service = service
        self._resolve = resolve
        self._make_key = make_key
        self._lock = threading.Lock()
        self._opened: tuple[SshRoute, ClientKey] | None = None

    def connect(
        self,
        machine: MachineAddress,
        host_key: PinnedKey,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> RemoteShell:
        """A session on the machine that has `host_key`. Raises CannotConnect.

        `sleep` is called between two attempts; an exception from it ends them.
        """
        backoff = replace(ssh.CONNECT, deadline=deadline, sleep=sleep)
        route, key = self._means()
        return ssh.connect(self._target(machine), host_key, key, backoff, route)

    def shown_key(self, machine: MachineAddress, deadline: float) -> PublicHostKey:
        """The host key that a machine presents, unverified: for the user to compare."""
        backoff = replace(ssh.CONNECT, deadline=deadline)
        return ssh.seen_host_key(self._target(machine), backoff, self._means()[0])

    def _target(self, machine: MachineAddress) -> SshTarget:
        said = self._service.ssh
        return SshTarget(machine.host, said.port, said.user, machine.instance)

    def _means(self) -> tuple[SshRoute, ClientKey]:
        """The route and the login key: their references are resolved once, at the first use."""
        with self._lock:
            if self._opened is None:
                route, said = route_of(self._service, self._resolve), self._service.ssh
                minute = said.key == INSTANCE_CONNECT
                key = self._make_key() if minute else client_key(said.key, self._resolve)
                self._opened = route, key
            return self._opened


def ssh_address(service: Service, instance: str, private: str, public: str) -> MachineAddress:
    """Where the route finds a machine.

    Directly, at its public address if it has one, unless configured otherwise. Any other route
    ends inside the machine's network.
    """
    inside = service.ssh.via != "direct" or service.instance.address == "private"
    return MachineAddress(private if inside else public or private, instance)


def reached_at(service: Service, machine: Resource) -> MachineAddress:
    """Where the route finds a machine, by the addresses that it has now."""
    private, public = next(iter(machine.private), ""), next(iter(machine.public), "")
    return ssh_address(service, machine.id, private, public)


class SshServiceAccess:
    """`ServiceAccess` of one service: SSH (none without a connector) and its database server."""

    def __init__(
        self,
        service: Service,
        connector: SshConnector | None,
        database: Callable[[], DatabaseServer] | None,
    ) -> None:
        self._service = service
        self._connector = connector
        self._open = database
        self._lock = threading.Lock()
        self._server: DatabaseServer | None = None

    def shell(self, machine: Resource) -> RemoteShell:
        from reconciler.machine.host_key import parse_pinned  # a slow import

        if self._connector is None:
            raise NotTried("reach.machines = false in reconciler.toml", cure=_ELSEWHERE)
        tag = _host_key_tag(machine)
        address = reached_at(self._service, machine)
        return self._connector.connect(address, parse_pinned(tag), FOLLOW_UP_WAIT)

    def terminal(self, machine: Resource) -> RemoteShell:
        return self.shell(machine)

    def databases(self) -> DatabaseServer:
        if self._open is None:
            name = self._service.name
            raise NoDatabase(
                f"{name} has no database configured",
                cure=f"write its [database] in services/{name}.toml",
            )
        with self._lock:
            if self._server is None:
                self._server = self._open()
            return self._server


def _host_key_tag(machine: Resource) -> str:
    if tag := machine.tags.get(t.HOST_KEY):
        return tag
    raise CannotConnect(
        f"{machine.id} carries no {t.HOST_KEY}: its host key is not known",
        kind="host-key-mismatch",
        cure="adopt it with its host key, or release again",
    )
