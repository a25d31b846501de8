"""Public addresses: a pool in a part of the loopback range that default subnets do not use.

An address belongs to the pool, to one interface, or to an Elastic IP. It is taken at launch and at
every start, returned at stop and termination, and not reused at once: as on EC2, an old address
that a client still has cached leads nowhere, instead of to another machine.

Sources: EC2 User Guide, "Public IPv4 addresses" (released when the instance is stopped or
terminated or an Elastic IP is associated; a new one at start) and "Elastic IP addresses".
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from deployer.sandbox.aws.api.errors import ec2_error
from deployer.sandbox.machine_host import Route

CLIENT = ipaddress.ip_address("127.0.0.1")
"""The source address of the sandbox's clients, for security group rules."""

COMMON_PORTS = (22, 80, 443, 2222, 5432, 8000, 8080)
"""The ports opened for a rule with a port range; a rule with one port opens that port.

At those of them that no rule opens nobody answers; at a port beyond them a client is refused.
"""

_FIRST, _SIZE = 192 * 256, 32 * 256


class PublicAddresses:
    """The pool of one cloud: 127.N.192.0/19. `taken` are the addresses in use anywhere."""

    def __init__(self, network: str, taken: set[str]) -> None:
        self._network = ipaddress.ip_network(network)
        self._taken = taken
        self._next = 1
        self._holders: dict[str, Any] = {}
        self.changed = False

    def take(self) -> str:
        """The next free address, in rotation.

        Raises:
            EC2ClientError: InsufficientAddressCapacity.
        """
        for step in range(_SIZE):
            place = (self._next + step) % _SIZE
            address = str(self._network[_FIRST + place])
            if address not in self._taken:
                self._next = place + 1
                self._taken.add(address)
                return address
        raise ec2_error("InsufficientAddressCapacity", "The pool of public addresses is empty.")

    def give_back(self, address: str) -> None:
        """Return the address to the pool."""
        self._taken.discard(address)

    def stand_at(self, interface: Any, old: str | None, new: str | None) -> None:
        """Record that an interface's public address changed from `old` to `new`."""
        if old is not None and self._holders.get(old) is interface:
            del self._holders[old]
            self._leave(interface, old, new)
        if new is not None:
            former = self._holders.get(new)
            self._holders[new] = interface
            if former is not None:
                former.public_ip = None
        self.changed = True

    def _leave(self, interface: Any, old: str, new: str | None) -> None:
        elastic = elastic_at(interface.ec2_backend, old)
        if elastic is None:
            self.give_back(old)
        elif new is not None:
            # Another address replaces it: the Elastic IP is no longer associated.
            elastic.eni = elastic.instance = elastic.association_id = None

    def look_again(self) -> None:
        """Mark the routes as stale: security group rules may have changed."""
        self.changed = self.changed or bool(self._holders)

    def routes(self) -> Iterator[Route]:
        """The traffic that the groups of every interface with a public address allow or drop."""
        for address, interface in self._holders.items():
            if ipaddress.ip_address(address) in self._network:
                opened = set(_open_ports(interface.group_set))
                for port in opened:
                    yield Route(address, port, interface.private_ip_address)
                for port in _known_ports(interface.group_set) - opened:
                    yield Route(address, port)


def elastic_at(backend: Any, address: str) -> Any | None:
    """The Elastic IP of that address, if it is one."""
    return next((one for one in backend.addresses if one.public_ip == address), None)


def _open_ports(groups: Any) -> Iterator[int]:
    """The TCP ports that a client of the sandbox may connect to."""
    found: set[int] = set()
    for group in groups:
        for rule in group.ingress_rules:
            if _lets_in(rule):
                found.update(_ports(rule))
    yield from sorted(found)


def _known_ports(groups: Any) -> set[int]:
    """The common ports, and those that a rule names, for whomever."""
    named = (port for group in groups for rule in group.ingress_rules for port in _ports(rule))
    return {*COMMON_PORTS, *named}


def _lets_in(rule: Any) -> bool:
    given = rule.ip_range.get("CidrIp")
    return bool(given) and CLIENT in ipaddress.ip_network(given, strict=False)


def _ports(rule: Any) -> tuple[int, ...]:
    if rule.ip_protocol == "-1":
        return COMMON_PORTS
    if rule.ip_protocol not in ("tcp", "6"):
        return ()
    first, last = int(rule.from_port), int(rule.to_port)
    return (first,) if first == last else tuple(p for p in COMMON_PORTS if first <= p <= last)
