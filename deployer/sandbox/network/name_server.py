"""Answers DNS queries from the sandbox's Route 53, so that clients resolve the service normally.

It reads the zones in memory, not through the API: a query must not consume a fault that was set for
an API call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import DNSLogger, DNSServer

from deployer.sandbox.control.server import POLL_SECONDS

PORT = 5353


@dataclass(frozen=True)
class Record:
    """A record set in Route 53's form: absolute name with its dot, values in zone file form."""

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Zone:
    """A hosted zone: absolute name with its dot."""

    name: str
    records: tuple[Record, ...]


Zones = Callable[[], Iterable[Zone]]
"""Returns the present zones."""


def answer(zones: Iterable[Zone], name: str, kind: str) -> tuple[int, list[Record]]:
    """The response code and the records for a query of `name` (any case) and type."""
    wanted = name.lower().rstrip(".") + "."
    holding = [z for z in zones if wanted == z.name or wanted.endswith("." + z.name)]
    if not holding:
        return RCODE.REFUSED, []
    zone = max(holding, key=lambda one: len(one.name))
    named = [record for record in zone.records if record.name.lower() == wanted]
    if not named:
        return RCODE.NXDOMAIN, []
    return RCODE.NOERROR, [record for record in named if kind in (record.type, "ANY")]


class Dns:
    """A name server on `host`:5353, UDP and TCP."""

    def __init__(self, host: str, zones: Zones, port: int = PORT) -> None:
        resolver = _Resolver(zones)
        quiet = DNSLogger("-request,-reply,-truncated,-error", prefix=False)
        self._servers = [
            DNSServer(resolver, address=host, port=port, tcp=tcp, logger=quiet)
            for tcp in (False, True)
        ]

    def start(self) -> None:
        """Serve in threads."""
        for server in self._servers:
            serve = server.server.serve_forever
            threading.Thread(target=serve, args=(POLL_SECONDS,), name="dns", daemon=True).start()

    def stop(self) -> None:
        """Stop serving and close the sockets."""
        for server in self._servers:
            server.server.shutdown()
            server.server.server_close()


class _Resolver:
    def __init__(self, zones: Zones) -> None:
        self._zones = zones

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:  # noqa: ARG002 -- dnslib's
        reply = request.reply()
        reply.header.rcode, records = answer(
            self._zones(), str(request.q.qname), QTYPE[request.q.qtype]
        )
        for record in records:
            for value in record.values:
                line = f"{record.name} {record.ttl} IN {record.type} {value}"
                for row in RR.fromZone(line):
                    reply.add_answer(row)
        return reply


def resolve(host: str, name: str, kind: str = "A", port: int = PORT) -> list[tuple[str, int]]:
    """Query the name server at `host`: (value, TTL) of each answer.

    Raises OSError if it does not answer within 2 s.
    """
    reply = DNSRecord.parse(DNSRecord.question(name, kind).send(host, port, timeout=2))
    return [(str(row.rdata), row.ttl) for row in reply.rr]
