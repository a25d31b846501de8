"""Attacks 5 and 7 of docs/attacks-ledgers.md: the record's zone, and those that are looked at."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.errors import ConfigError
from reconciler.util.backoff import Backoff
from reconciler.wiring.edges import located
from tests.fakes.route53 import FakeRoute53
from tests.fakes.scene import service


class _Aws:
    """As much of an account as Route 53 needs."""

    def __init__(self, client: FakeRoute53) -> None:
        self.route53 = self.route53_once = client
        self.place = service().place


def zones(found: Mapping[str, str]) -> Route53Ledgers:
    """The ledgers of an account with these hosted zones, id → name."""
    client = FakeRoute53()
    client.zones = dict(found)
    return Route53Ledgers(_Aws(client), Backoff())  # type: ignore[arg-type]


# 7
def test_the_records_own_zone_is_always_looked_at() -> None:
    """`witness_zones` adds zones: it does not look away from the name beside the record."""
    address = located(
        zones({"Z1": "example.com", "Z2": "other.example"}),
        service(witness_zones=["other.example"]),
    )
    assert set(address.watched) == {"Z1", "Z2"}


# 5
def test_two_zones_of_one_name_are_refused_with_a_way_out() -> None:
    """A second public zone, or a private one: nobody guesses which is meant."""
    with pytest.raises(ConfigError, match="2 hosted zones") as refused:
        located(zones({"Z1": "example.com", "Z9": "example.com"}), service())
    assert refused.value.cure
