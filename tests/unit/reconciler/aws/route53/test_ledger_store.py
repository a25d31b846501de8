"""Reading ledgers: unknown is not empty, and few calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.route53.zone_reader import ZoneReader, plain
from reconciler.errors import AccessDenied, ConfigError, LedgerUnknown
from reconciler.model import ledger as led
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import ARecord, LedgerAddress, Reading
from tests.fakes.route53 import ADDRESS, NOW, ZONE, FakeRoute53, an_id, client_error

LEDGER = Ledger(gen=7, live=led.Live(an_id("aaaaa"), ("10.0.0.1",)))
COMMITTED = Ledger(gen=9, live=led.Live(an_id("bbbbb"), ("10.0.0.2",)))


def ledger_of(service: str) -> Ledger:
    """The same for another service."""
    live = led.Live(replace(an_id("aaaaa"), service=service), ("10.0.0.1",))
    return replace(LEDGER, live=live)


def test_nothing_stands_there(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Neighbours of the name are not taken for it: a listing begins at the next name there is."""
    fake.put("shop._deploy.zexample.com", "TXT", encode(LEDGER))
    fake.put("zshop.example.com", "A", "10.0.0.9")
    assert ledgers.read(ADDRESS) == Reading(ADDRESS, NOW)


def test_ledger_and_record(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """The ledger, its text and TTL, the A record sorted, and the time of AWS's answer."""
    fake.put(ADDRESS.name, "TXT", encode(LEDGER), ttl=90)
    fake.put(ADDRESS.record, "A", "10.0.0.2", "10.0.0.1", ttl=300)
    fake.put(ADDRESS.record, "TXT", '"v=spf1 -all"')
    a = ARecord(300, ("10.0.0.1", "10.0.0.2"))
    assert ledgers.read(ADDRESS) == Reading(ADDRESS, NOW, LEDGER, encode(LEDGER), 90, a)


@pytest.mark.parametrize(
    ("kind", "more", "words"),
    [
        ("A", {"SetIdentifier": "eu", "Weight": 10}, "weighted"),
        ("A", {"AliasTarget": {"DNSName": "lb."}}, "alias"),
        ("A", {"SetIdentifier": "eu", "GeoLocation": {}}, "geography"),
        ("A", {"HealthCheckId": "x"}, "health check"),
        ("AAAA", {}, "AAAA"),
        ("HTTPS", {}, "HTTPS"),
        ("CNAME", {}, "CNAME"),
        ("NS", {}, "NS"),
    ],
)
def test_only_one_simple_a_record(
    fake: FakeRoute53, ledgers: Route53Ledgers, kind: str, more: dict[str, Any], words: str
) -> None:
    """Anything else that answers for the name is unknown, and the words say what it is."""
    fake.put(ADDRESS.name, "TXT", encode(LEDGER))
    fake.put(ADDRESS.record, kind, "10.0.0.1", **more)
    with pytest.raises(LedgerUnknown, match=words):
        ledgers.read(ADDRESS)


def test_a_zones_own_name_servers_are_no_hindrance(
    fake: FakeRoute53, ledgers: Route53Ledgers
) -> None:
    """A service at the zone's apex stands beside the zone's NS and SOA records."""
    apex = LedgerAddress("shop", ZONE, "example.com", "example.com")
    fake.put("example.com", "NS", "ns-1.example.net.")
    fake.put("example.com", "A", "10.0.0.1")
    assert ledgers.read(apex).a == ARecord(60, ("10.0.0.1",))


@pytest.mark.parametrize("values", [['"v=2 gen=7"'], ['"v=1 gen=7 "'], [encode(LEDGER), '"x"'], []])
def test_what_is_no_ledger_is_unknown(
    fake: FakeRoute53, ledgers: Route53Ledgers, values: list[str]
) -> None:
    """Another version, other bytes, two values or none: never taken for an empty ledger."""
    fake.put(ADDRESS.name, "TXT", *values)
    with pytest.raises(LedgerUnknown, match=r"shop\._deploy\.example\.com"):
        ledgers.read(ADDRESS)


def test_a_cname_where_the_ledger_belongs(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """A TXT record cannot stand beside a CNAME: unknown, not missing."""
    fake.put(ADDRESS.name, "CNAME", "elsewhere.example.com")
    with pytest.raises(LedgerUnknown, match="CNAME"):
        ledgers.read(ADDRESS)


def test_a_commit_between_the_two_answers(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Ledger and record of different moments would look like a record moved by hand."""
    fake.page = 1
    fake.put(ADDRESS.name, "TXT", encode(LEDGER))
    fake.put(ADDRESS.record, "A", "10.0.0.1")

    def commit(number: int) -> None:
        if number == 2:
            fake.put(ADDRESS.name, "TXT", encode(COMMITTED))
            fake.put(ADDRESS.record, "A", "10.0.0.2")

    fake.before_read = commit
    reading = ledgers.read(ADDRESS)
    assert (reading.ledger, reading.a) == (COMMITTED, ARecord(60, ("10.0.0.2",)))


def test_a_record_moved_by_hand_is_seen_as_such(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """The ledger stands still and the record says something else: that is the reading."""
    fake.page = 1
    fake.put(ADDRESS.name, "TXT", encode(LEDGER))
    fake.put(ADDRESS.record, "A", "10.9.9.9")
    assert ledgers.read(ADDRESS).a == ARecord(60, ("10.9.9.9",))


def test_many_ledgers_in_one_call(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """A zone's ledgers are neighbours; five calls a second are all that an account has."""
    addresses = [
        LedgerAddress(f"shop{n}", ZONE, "example.com", f"shop{n}.example.com") for n in range(40)
    ]
    for one in addresses:
        fake.put(one.name, "TXT", encode(ledger_of(one.service)))
        fake.put(one.record, "A", "10.0.0.1")
    found = ledgers.readings(addresses).found
    assert [found[one] for one in addresses] == [ledgers.read(one) for one in addresses]
    fake.reads = 0
    ledgers.readings(addresses)
    assert fake.reads == 1


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_a_cut_page_hides_nothing(fake: FakeRoute53, ledgers: Route53Ledgers, page: int) -> None:
    """Wherever a page ends, what stands beside the A record is seen."""
    names = ("a", "b", "c")
    addresses = [LedgerAddress(s, ZONE, "example.com", f"{s}.example.com") for s in names]
    for one in addresses:
        fake.put(one.name, "TXT", encode(LEDGER))
        fake.put(one.record, "A", "10.0.0.1")
        fake.put(one.record, "AAAA", "::1")
    fake.page = page
    found = ledgers.readings(addresses).found
    alone = [one for one in addresses if not isinstance(found[one], LedgerUnknown)]
    assert alone == []


def test_a_name_that_goes_on_in_the_next_page_is_read_whole(fake: FakeRoute53) -> None:
    """The first page shows one of its two record sets: that is not all that stands there."""
    fake.put("a.example.com", "A", "10.0.0.1")
    fake.put("b.example.com", "A", "10.0.0.2")
    fake.put("b.example.com", "AAAA", "2001:db8::1")
    fake.page = 2
    reader = ZoneReader(fake, ZONE)  # type: ignore[arg-type]
    assert [one["Type"] for one in reader.at("a.example.com").sets] == ["A"]
    assert [one["Type"] for one in reader.at("b.example.com").sets] == ["A", "AAAA"]


def test_one_bad_ledger_is_its_own_error(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Of many, the others are still read."""
    other = LedgerAddress("blog", ZONE, "example.com", "blog.example.com")
    fake.put(ADDRESS.name, "TXT", '"not a ledger"')
    fake.put(other.name, "TXT", encode(ledger_of("blog")))
    found = ledgers.readings([ADDRESS, other]).found
    assert isinstance(found[ADDRESS], LedgerUnknown)
    reading = found[other]
    assert isinstance(reading, Reading)
    assert reading.ledger == ledger_of("blog")


def test_a_ledger_that_names_another_services_deploys_is_unknown(
    fake: FakeRoute53, ledgers: Route53Ledgers
) -> None:
    """A value copied from a neighbour parses well, and roots nothing of this service."""
    fake.put(ADDRESS.name, "TXT", encode(ledger_of("blog")))
    with pytest.raises(LedgerUnknown, match="is not a deploy of shop"):
        ledgers.read(ADDRESS)


def test_two_values_are_unknown(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Somebody added a second value: said how many there are, and which is to stay."""
    fake.put(ADDRESS.name, "TXT", encode(LEDGER), '"a second value"')
    with pytest.raises(LedgerUnknown, match=r"TXT \(2 values\)") as caught:
        ledgers.read(ADDRESS)
    assert "v=1" in caught.value.cure


def test_denied_reads_name_the_action(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """What is withheld is named, so that it can be granted."""

    def deny(_: int) -> None:
        raise client_error("AccessDenied", 403)

    fake.before_read = deny
    with pytest.raises(AccessDenied, match="route53:ListResourceRecordSets"):
        ledgers.read(ADDRESS)


def test_names_as_route53_writes_them() -> None:
    """Octal escapes, case and the last dot make no difference."""
    assert plain("\\052.Shop.Example.com.") == "*.shop.example.com"


def test_the_longest_zone(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """Of nested zones the longest that contains the record is its own."""
    fake.zones = {"Z1": "example.com", "Z2": "eu.example.com", "Z3": "u.example.com"}
    address = ledgers.locate("shop", "Shop.EU.example.com")
    assert address == LedgerAddress("shop", "Z2", "eu.example.com", "shop.eu.example.com")
    assert ledgers.locate("shop", "eu.example.com").zone_id == "Z2"


def test_no_zone_and_two_zones(fake: FakeRoute53, ledgers: Route53Ledgers) -> None:
    """A record in no zone, or in two of the same name, is refused in words."""
    fake.zones = {"Z1": "example.com", "Z2": "example.com"}
    with pytest.raises(ConfigError, match="no hosted zone"):
        ledgers.locate("shop", "shop.example.org")
    with pytest.raises(ConfigError, match="Z1, Z2"):
        ledgers.locate("shop", "shop.example.com")
