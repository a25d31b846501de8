"""Access to a service's machines and databases: lazy sessions, host keys pinned from tags."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.config.service import Instance, Service
from reconciler.database.port import DatabaseServer
from reconciler.errors import CannotConnect, NoDatabase, NotTried
from reconciler.machine import ssh
from reconciler.machine.shell import Shell
from reconciler.machine.ssh import ClientKey, SshTarget
from reconciler.model import tags as t
from reconciler.model.resource import Resource
from reconciler.util.secret import Reference, Secret

if TYPE_CHECKING:
    from reconciler.machine.host_key import PinnedKey, PublicHostKey

FOLLOW_UP_WAIT = 20.0
"""Seconds to try to reach a machine that should be up: it is not booting."""


class SshConnector:
    """SSH to the machines of one service, as configured."""

    def __init__(self, service: Service, resolve: Callable[[Reference], Secret]) -> None:
        self._ssh = service.ssh
        self._resolve = resolve
        self._lock = threading.Lock()
        self._client: ClientKey | None = None

    def connect(
        self,
        address: str,
        host_key: PinnedKey,
        deadline: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Shell:
        """A session on the machine that has `host_key`. Raises CannotConnect.

        `sleep` is called between two attempts; an exception from it ends them.
        """
        backoff = replace(ssh.CONNECT, deadline=deadline, sleep=sleep)
        return ssh.connect(self._target(address), host_key, self._key(), backoff)

    def shown_key(self, address: str, deadline: float) -> PublicHostKey:
        """The host key that a machine presents, unverified: for the user to compare."""
        return ssh.seen_host_key(self._target(address), replace(ssh.CONNECT, deadline=deadline))

    def _target(self, address: str) -> SshTarget:
        if not address:
            raise CannotConnect("the machine has no address", kind="no-address")
        return SshTarget(address, self._ssh.port, self._ssh.user)

    def _key(self) -> ClientKey:
        with self._lock:
            if self._client is None:
                self._client = self._resolved()
            return self._client

    def _resolved(self) -> ClientKey:
        reference = self._ssh.key
        if reference is None:
            return ClientKey()
        return ClientKey(self._resolve(reference).reveal(), str(reference))


def ssh_address(said: Instance, private: str, public: str) -> str:
    """The address for SSH: the public address if there is one, unless configured otherwise."""
    return private if said.address == "private" else public or private


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

    def shell(self, machine: Resource) -> Shell:
        """See `ServiceAccess.shell`."""
        from reconciler.machine.host_key import parse_pinned  # a slow import

        if self._connector is None:
            raise NotTried("reach.machines = false in reconciler.toml")
        tag = machine.tags.get(t.HOST_KEY)
        if not tag:
            raise CannotConnect(
                f"{machine.id} carries no {t.HOST_KEY}: its host key is not known",
                kind="host-key-mismatch",
                cure="adopt it with its host key, or release again",
            )
        private, public = next(iter(machine.private), ""), next(iter(machine.public), "")
        address = ssh_address(self._service.instance, private, public)
        return self._connector.connect(address, parse_pinned(tag), FOLLOW_UP_WAIT)

    def databases(self) -> DatabaseServer:
        """See `ServiceAccess.databases`."""
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
