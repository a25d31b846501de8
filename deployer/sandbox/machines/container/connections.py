"""How a machine is reached, and what it reaches: TCP alone, and only what is listed."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from deployer.sandbox.machine_host import BootSpec
from deployer.sandbox.machines.container import instance_metadata
from deployer.sandbox.machines.container.instance_metadata import MetadataServer
from deployer.sandbox.machines.container.network_namespace import METADATA, NetworkNamespace
from deployer.sandbox.network.relay import BACKLOG, LoopThread, RelayTarget, TcpRelay


@dataclass(frozen=True)
class Ports:
    """`ssh` and `others` are open to the host; `servers` of the host are open to the machine."""

    ssh: int
    others: tuple[int, ...] = ()
    servers: tuple[tuple[str, int], ...] = ()


class Connections:
    """A machine's network while it runs: namespace, metadata service, and open ports."""

    def __init__(self, spec: Callable[[], BootSpec], ports: Ports, loop: LoopThread) -> None:
        """Raises OSError where an address is taken."""
        with ExitStack() as ends:
            self.network = NetworkNamespace()
            ends.callback(self.network.close)
            listener = self.network.listener(METADATA, instance_metadata.PORT)
            ends.callback(MetadataServer(listener, spec).close)
            loop.run(self._open(spec().address, ports, ends, loop))
            self._ends = ends.pop_all()

    def close(self) -> None:
        """Abort every connection and give up the namespace."""
        self._ends.close()

    async def _open(self, address: str, ports: Ports, ends: ExitStack, loop: LoopThread) -> None:
        network = self.network
        relays = [
            TcpRelay(
                socket.create_server((address, port), backlog=BACKLOG),
                RelayTarget(address, port, network.socket),
            )
            for port in (ports.ssh, *ports.others)
        ]
        relays += [
            TcpRelay(network.listener(*server), RelayTarget(*server)) for server in ports.servers
        ]
        for relay in relays:
            relay.open()
            ends.callback(_close, relay, loop)


def _close(relay: TcpRelay, loop: LoopThread) -> None:
    loop.run(relay.close())
