"""The route through one or more bastions: SSH servers that forward to the machine's port.

Every hop has a pinned host key and a session of its own, inside the one before. The sessions are
kept: all machines share them, and a lost one is opened again.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.errors import CannotConnect, ConnectionLost, ShellError
from reconciler.machine.host_key import PublicHostKey
from reconciler.machine.ssh import client
from reconciler.machine.ssh.route import DIRECT, SshRoute, Stream
from reconciler.machine.ssh.target import CONNECT, ClientKey, SshTarget


@dataclass(frozen=True)
class Hop:
    """A bastion: where it is, the host key that it must show, and our key for it."""

    target: SshTarget
    host_key: PublicHostKey
    client: ClientKey


class BastionRoute:
    """Implements `SshRoute`. `hops` in the order in which they are passed, at least one."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        self._hops = tuple(hops)
        self._lock = threading.Lock()
        self._last: client.RemoteShell | None = None

    def open(self, target: SshTarget, seconds: float) -> Stream:
        """See `SshRoute.open`."""
        if not target.host:
            raise CannotConnect("the machine has no address", kind="no-address")
        bastion = self.session(seconds)
        try:
            return bastion.channel_to(target)
        except ConnectionLost as error:
            raise CannotConnect(error.message, kind="closed") from error
        except ShellError as error:
            cure = (
                f"see that the security group of {target.host} admits bastion {bastion.host}, and "
                "that the bastion's sshd has AllowTcpForwarding"
            )
            raise CannotConnect(error.message, kind="no-route", cure=cure) from error

    def failure(self, stream: Stream, target: SshTarget) -> CannotConnect | None:
        """See `SshRoute.failure`."""
        del stream, target
        return None

    def session(self, seconds: float = 10.0) -> client.RemoteShell:
        """The session on the last bastion. Raises CannotConnect with the hop that failed."""
        with self._lock:
            if self._last is None or not self._last.alive:
                self._last = self._connected(seconds)
            return self._last

    def _connected(self, seconds: float) -> client.RemoteShell:
        route: SshRoute = DIRECT
        for hop in self._hops[:-1]:
            route = _Through(_session(hop, seconds, route))
        return _session(self._hops[-1], seconds, route)


def _session(hop: Hop, seconds: float, route: SshRoute) -> client.RemoteShell:
    once = replace(CONNECT, deadline=seconds, tries=1)
    try:
        return client.connect(hop.target, hop.host_key, hop.client, once, route)
    except CannotConnect as error:
        text = f"bastion {hop.target}: {error.message}"
        raise CannotConnect(text, kind=error.kind, cure=error.cure, detail=error.detail) from error


@dataclass(frozen=True)
class _Through:
    """The route inside a bastion's session, to the next hop."""

    shell: client.RemoteShell

    def open(self, target: SshTarget, seconds: float) -> Stream:
        del seconds
        return self.shell.channel_to(target)

    def failure(self, stream: Stream, target: SshTarget) -> CannotConnect | None:
        del stream, target
        return None
