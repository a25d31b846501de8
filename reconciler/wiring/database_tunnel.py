"""The tunnel to a database server that only bastions or machines of the service can reach."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from reconciler.errors import CannotConnect
from reconciler.gc import ownership
from reconciler.gc.ownership import ServiceLocation
from reconciler.model.resource import INSTANCE, Resource
from reconciler.model.tags import Label

if TYPE_CHECKING:
    from reconciler.machine.ssh.client import RemoteShell

_PREFERRED = (Label.LIVE, Label.RETIRED, Label.PENDING)


class DatabaseTunnel:
    """A loopback port that leads to the database server, through an SSH session.

    `session` opens it on a bastion or on a machine. It is kept; a lost one is opened again.
    Implements `reconciler.database.postgres.connection.Tunnel`. Threads may share it.
    """

    def __init__(self, session: Callable[[], RemoteShell]) -> None:
        self._session = session
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._shell: RemoteShell | None = None
        self._near = ("", 0)

    def __call__(self, host: str, port: int) -> tuple[str, int]:
        """The loopback (host, port) that leads to the server. Raises ShellError."""
        with self._lock:
            if self._shell is None or not self._shell.alive:
                self._open.close()
                shell = self._session()
                self._near = self._open.enter_context(shell.forward(host, port))
                self._shell = shell
            return self._near


def machine_to_go_through(resources: Iterable[Resource], home: ServiceLocation) -> Resource:
    """A running machine of the service, of the live release if there is one.

    Its birth must be proved: the administrator's login passes through it. Raises CannotConnect.
    """
    found = tuple(resources)
    known = ownership.index(found, home.place)
    running = [
        resource
        for resource in found
        if resource.kind == INSTANCE
        and resource.state == "running"
        and resource.deploy is not None
        and resource.deploy.service == home.service
        and resource.label in _PREFERRED
        and (ownership.is_adopted(resource, home) or not ownership.doubt(resource, home, known))
    ]
    if not running:
        raise CannotConnect(
            f"no machine of {home.service} runs: its database can only be reached through one",
            kind="no-route",
            cure='reach the database another way: database.via = "direct", or ssh.via = "bastion"',
        )
    return min(running, key=lambda machine: (_rank(machine), machine.id))


def _rank(machine: Resource) -> int:
    return _PREFERRED.index(machine.label) if machine.label else len(_PREFERRED)
