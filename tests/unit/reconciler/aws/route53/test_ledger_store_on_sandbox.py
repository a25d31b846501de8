"""Ledgers on the strict sandbox API: the cases of the fake once more, on the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.errors import CloudUnclear, LedgerUnknown, SwapLost
from reconciler.model import ledger as led
from reconciler.model.ledger import Ledger
from reconciler.model.ledger_codec import encode
from reconciler.model.reading import LedgerAddress, Reading
from tests.fakes.route53 import NOW, an_id
from tests.support.aws_api import HASTE, Api

OLD = led.Ledger(gen=1)
NEW = led.acquire(OLD, an_id("bbbbb"), NOW + timedelta(minutes=10))
CUT = led.Cutover(an_id("bbbbb"), ("127.77.0.9",), None, NOW)
LIVE = led.commit(NEW, an_id("bbbbb"), CUT)
CHANGE = "ChangeResourceRecordSets"


@pytest.fixture
def ledgers(api: Api) -> Route53Ledgers:
    """Ledgers of the sandbox's account, in a hurry."""
    return Route53Ledgers(api.aws, replace(HASTE, deadline=1.0))


@pytest.fixture
def address(api: Api, ledgers: Route53Ledgers) -> LedgerAddress:
    """Of a service in a new zone."""
    api.aws.route53_once.create_hosted_zone(Name="example.com", CallerReference="one")
    return ledgers.locate("shop", "shop.example.com")


@pytest.fixture
def seen(ledgers: Route53Ledgers, address: LedgerAddress) -> Reading:
    """The first ledger stands there."""
    return ledgers.swap(ledgers.read(address), OLD)


def test_a_life(ledgers: Route53Ledgers, address: LedgerAddress) -> None:
    """Opened, leased, live: each reading is what the next swap goes by."""
    nothing = ledgers.read(address)
    assert (nothing.ledger, nothing.a) == (led.NO_LEDGER, None)
    assert abs(nothing.now - datetime.now(UTC)) < timedelta(minutes=1)
    live = ledgers.swap(ledgers.swap(ledgers.swap(nothing, OLD), NEW), LIVE, ("127.77.0.9",))
    again = ledgers.read(address)
    assert replace(again, now=NOW) == replace(live, now=NOW)
    assert (again.ledger, again.a and again.a.addresses) == (LIVE, ("127.77.0.9",))
    found = ledgers.readings([address]).found[address]
    assert isinstance(found, Reading)
    assert found.ledger == LIVE


@pytest.mark.parametrize("kind", ["drop_reply", "error500", "throttle", "duplicate"])
def test_a_bad_day(api: Api, ledgers: Route53Ledgers, seen: Reading, kind: str) -> None:
    """Whatever happens to the request, the swap is made once and said to be made."""
    api.fault(CHANGE, kind, times=2)
    assert ledgers.swap(seen, NEW).ledger == NEW
    assert ledgers.read(seen.address).ledger == NEW


def test_the_second_of_two_loses(ledgers: Route53Ledgers, seen: Reading) -> None:
    """Both read the same; one swaps."""
    other = led.acquire(OLD, an_id("ccccc"), NOW)
    ledgers.swap(seen, NEW)
    with pytest.raises(SwapLost):
        ledgers.swap(seen, other)
    assert ledgers.read(seen.address).ledger == NEW


def test_no_answer_for_ever(api: Api, ledgers: Route53Ledgers, seen: Reading) -> None:
    """Unclear, and it says so."""
    api.fault(CHANGE, "error500", times=0)
    with pytest.raises(CloudUnclear):
        ledgers.swap(seen, NEW)


def test_a_neighbour_stands_in_the_way(api: Api, ledgers: Route53Ledgers, seen: Reading) -> None:
    """An AAAA record at the name would send clients past the A record."""
    change = {
        "Action": "CREATE",
        "ResourceRecordSet": {
            "Name": seen.address.record,
            "Type": "AAAA",
            "TTL": 60,
            "ResourceRecords": [{"Value": "2001:db8::1"}],
        },
    }
    api.aws.route53_once.change_resource_record_sets(
        HostedZoneId=seen.address.zone_id,
        ChangeBatch={"Changes": [change]},  # type: ignore[list-item]
    )
    with pytest.raises(LedgerUnknown, match="AAAA"):
        ledgers.read(seen.address)


def test_a_long_ledger(ledgers: Route53Ledgers, seen: Reading) -> None:
    """Many strings in one value come back as they were written."""
    kept = tuple(led.Kept(an_id("ddddd", minutes), NOW) for minutes in range(30))
    long = Ledger(gen=2, kept=kept)
    ledgers.swap(seen, long)
    assert ledgers.read(seen.address).ledger == long


def test_the_zone_s_other_ledgers(ledgers: Route53Ledgers, seen: Reading) -> None:
    """One listing finds all that lie beside it, and nothing else of the zone."""
    others = [replace(seen.address, service=name, record=f"{name}.example.com") for name in "zab"]
    for one in others:
        ledgers.swap(ledgers.read(one), OLD, ("127.77.0.9",))
    found = ledgers.neighbours(seen.address)
    assert found == {one.name: encode(OLD) for one in others}
    assert ledgers.neighbours(others[0]).keys() == {
        seen.address.name,
        *(o.name for o in others[1:]),
    }


def test_many_of_them_take_several_pages(ledgers: Route53Ledgers, seen: Reading) -> None:
    """300 record sets a page: those of the next one are found as well."""
    client = ledgers.aws.route53_once
    for start in (0, 200):
        batch = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": f"s{number}._deploy.example.com",
                    "Type": "TXT",
                    "TTL": 60,
                    "ResourceRecords": [{"Value": '"v=1 gen=1"'}],
                },
            }
            for number in range(start, start + 200)
        ]
        client.change_resource_record_sets(
            HostedZoneId=seen.address.zone_id,
            ChangeBatch={"Changes": batch},  # type: ignore[typeddict-item]
        )
    assert len(ledgers.neighbours(seen.address)) == 400
