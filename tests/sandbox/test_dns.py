"""The sandbox's name server: what Route 53 holds is what a resolver hears."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from dnslib import RCODE

from deployer.sandbox.network import loopback_range, name_server
from deployer.sandbox.network.name_server import Dns, Record, Zone

_SHOP = Record("shop.example.test.", "A", 60, ("127.80.0.4", "127.80.0.5"))
_LEDGER = Record("shop._deploy.example.test.", "TXT", 10, ('"v=1 gen=41" "live=x"',))
_ZONES = [Zone("example.test.", (_SHOP, _LEDGER)), Zone("test.", ())]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("shop.example.test", "A", (RCODE.NOERROR, [_SHOP])),
        ("SHOP.Example.test.", "A", (RCODE.NOERROR, [_SHOP])),
        ("shop.example.test", "AAAA", (RCODE.NOERROR, [])),
        ("other.example.test", "A", (RCODE.NXDOMAIN, [])),
        ("notexample.test", "A", (RCODE.NXDOMAIN, [])),
        ("example.com", "A", (RCODE.REFUSED, [])),
    ],
)
def test_answers_come_from_the_longest_zone(
    name: str, kind: str, expected: tuple[int, list[Record]]
) -> None:
    """Names match without case; a name we do not know is NXDOMAIN, a zone REFUSED."""
    assert name_server.answer(_ZONES, name, kind) == expected


@pytest.fixture
def host() -> Iterator[str]:
    """A loopback address of our own."""
    claimed = loopback_range.claim()
    with closing(claimed.guard):
        yield claimed.dns_host


def test_a_client_sees_a_change_at_once(host: str) -> None:
    """Each question reads the zones anew; values and TTL are the record's."""
    zones = [Zone("example.test.", (_SHOP,))]
    server = Dns(host, lambda: zones)
    server.start()
    try:
        assert name_server.resolve(host, "shop.example.test") == [
            ("127.80.0.4", 60),
            ("127.80.0.5", 60),
        ]
        zones[0] = Zone("example.test.", (Record("shop.example.test.", "A", 5, ("127.80.0.9",)),))
        assert name_server.resolve(host, "shop.example.test") == [("127.80.0.9", 5)]
    finally:
        server.stop()


def test_a_ledger_reads_as_its_strings(host: str) -> None:
    """A TXT record of several strings comes as such."""
    server = Dns(host, lambda: _ZONES)
    server.start()
    try:
        [(text, _)] = name_server.resolve(host, "shop._deploy.example.test", "TXT")
        assert text == '"v=1 gen=41","live=x"'
    finally:
        server.stop()
