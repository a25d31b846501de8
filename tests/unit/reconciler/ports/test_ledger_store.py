"""One contract, three stores of ledgers: the use cases' fake, Route 53 and S3 on the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from reconciler.aws.route53.ledger_store import Route53Ledgers
from reconciler.aws.s3.ledger_store import S3Ledgers
from reconciler.aws.s3.lines import as_lines
from reconciler.errors import CloudUnclear, ConfigError, LedgerUnknown, SwapLost
from reconciler.model import ledger as led
from reconciler.model.ledger import NO_LEDGER, Cutover, Ledger
from reconciler.model.reading import LedgerAddress, Reading
from reconciler.ports.ledger_store import LedgerStore
from tests.fakes.ledgers import FakeLedgers, Weather
from tests.fakes.route53 import NOW, an_id
from tests.support.aws_api import HASTE, Api
from tests.support.bucket import bucket_for, put_object

OLD = led.Ledger(gen=1)
NEW = led.acquire(OLD, an_id("bbbbb"), NOW + timedelta(minutes=10))
OTHER = led.acquire(OLD, an_id("ccccc"), NOW + timedelta(minutes=10))
LIVE = led.commit(NEW, an_id("bbbbb"), Cutover(an_id("bbbbb"), ("10.0.0.2",), None, NOW))
CHANGE = "ChangeResourceRecordSets"


@dataclass
class Store:
    """A store under test, and what can happen around it."""

    ledgers: LedgerStore
    address: LedgerAddress
    """Of `shop`."""
    point: Callable[[LedgerAddress, str], object]
    write: Callable[[LedgerAddress, str], object]
    lose_reply: Callable[[], object]
    never_answer: Callable[[], object]

    def first(self) -> Reading:
        """The first ledger stands there."""
        return self.ledgers.swap(self.ledgers.read(self.address), OLD)

    def read(self) -> Reading:
        """What stands there now, its moment left out."""
        return replace(self.ledgers.read(self.address), now=NOW)


def _fake() -> Store:
    ledgers = FakeLedgers(now=NOW)

    def write(address: LedgerAddress, text: str) -> None:
        ledgers.zone.texts[address.name] = (text, 60)

    return Store(
        ledgers,
        ledgers.locate("shop", "shop.example.com"),
        ledgers.point,
        write,
        lambda: ledgers.weather.append(Weather.REPLY_LOST),
        lambda: ledgers.weather.append(Weather.NOT_DONE),
    )


def _real(api: Api) -> Store:
    api.aws.route53_once.create_hosted_zone(Name="example.com", CallerReference="one")
    ledgers = Route53Ledgers(api.aws, replace(HASTE, deadline=0.5))

    def upsert(address: LedgerAddress, name: str, kind: str, value: str) -> None:
        record = {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        api.aws.route53_once.change_resource_record_sets(
            HostedZoneId=address.zone_id,
            ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},  # type: ignore[typeddict-item]
        )

    return Store(
        ledgers,
        ledgers.locate("shop", "shop.example.com"),
        lambda address, to: upsert(address, address.record, "A", to),
        lambda address, text: upsert(address, address.name, "TXT", text),
        lambda: api.fault(CHANGE, "drop_reply", times=1),
        lambda: api.fault(CHANGE, "error500", times=0),
    )


def _bucket(api: Api) -> Store:
    address = bucket_for(api)
    ledgers = S3Ledgers(api.aws, replace(HASTE, deadline=0.5))

    def write(address: LedgerAddress, text: str) -> None:
        put_object(api, address, as_lines(text))

    return Store(
        ledgers,
        address,
        lambda _, to: pytest.fail(f"nothing of it is an A record: {to}"),
        write,
        lambda: api.fault("PutObject", "drop_reply", times=1),
        lambda: api.fault("PutObject", "error500", times=0),
    )


_STORES = {"fake": lambda _: _fake(), "route53": _real, "s3": _bucket}


@pytest.fixture(params=["fake", "route53", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each store in turn."""
    return _STORES[request.param](request.getfixturevalue("api"))


@pytest.fixture(params=["fake", "route53"])
def zone_store(request: pytest.FixtureRequest) -> Store:
    """Those that have the A record beside the ledger."""
    return _STORES[request.param](request.getfixturevalue("api"))


def test_nothing_stands_there_at_first(store: Store) -> None:
    """Neither ledger nor record; what is read is good to swap against."""
    nothing = store.ledgers.read(store.address)
    assert (nothing.ledger, nothing.text, nothing.a) == (NO_LEDGER, "", None)
    store.ledgers.swap(nothing, OLD)
    assert store.read().ledger == OLD


def test_a_swap_returns_what_can_be_read(zone_store: Store) -> None:
    """Good for the next swap; the record comes into being with the commit."""
    live = zone_store.ledgers.swap(
        zone_store.ledgers.swap(zone_store.first(), NEW), LIVE, ("10.0.0.2",)
    )
    assert zone_store.read() == replace(live, now=NOW)
    assert zone_store.read().a == live.a
    assert live.a is not None
    assert live.a.addresses == ("10.0.0.2",)


def test_the_second_of_two_loses(store: Store) -> None:
    """Both have read the same; one swaps, the other's batch finds something else."""
    seen = store.first()
    store.ledgers.swap(seen, NEW)
    with pytest.raises(SwapLost):
        store.ledgers.swap(seen, OTHER)
    assert store.read().ledger == NEW


def test_two_open_a_service_at_once(store: Store) -> None:
    """CREATE fails where the record exists: the later one has lost."""
    nothing = store.ledgers.read(store.address)
    store.ledgers.swap(nothing, NEW)
    with pytest.raises(SwapLost):
        store.ledgers.swap(nothing, OTHER)
    assert store.read().ledger == NEW


def test_the_same_swap_again_is_no_loss(store: Store) -> None:
    """A retry of what was done finds what it wanted."""
    seen = store.first()
    store.ledgers.swap(seen, NEW)
    assert store.ledgers.swap(seen, NEW).ledger == NEW


def test_a_record_moved_by_hand_stops_a_commit(zone_store: Store) -> None:
    """All or none: the ledger stays as it was, and so does what people wrote."""
    leased = zone_store.ledgers.swap(zone_store.first(), NEW)
    zone_store.point(zone_store.address, "203.0.113.5")
    with pytest.raises(SwapLost):
        zone_store.ledgers.swap(leased, LIVE, ("10.0.0.2",))
    stands = zone_store.read()
    assert stands.ledger == NEW
    assert stands.a is not None
    assert stands.a.addresses == ("203.0.113.5",)


def test_a_record_moved_by_hand_does_not_stop_other_swaps(zone_store: Store) -> None:
    """Only a commit has to do with it."""
    leased = zone_store.ledgers.swap(zone_store.first(), NEW)
    zone_store.point(zone_store.address, "203.0.113.5")
    renewed = led.renew(NEW, an_id("bbbbb"), NOW + timedelta(minutes=20), "image")
    assert zone_store.ledgers.swap(leased, renewed).ledger == renewed


def test_a_lost_reply_is_answered_by_reading(store: Store) -> None:
    """Rule 4: done once, and said to be done."""
    seen = store.first()
    store.lose_reply()
    assert store.ledgers.swap(seen, NEW).ledger == NEW
    assert store.read().ledger == NEW


def test_what_cannot_be_settled_is_unclear(store: Store) -> None:
    """Never a guess, in either direction."""
    seen = store.first()
    store.never_answer()
    with pytest.raises(CloudUnclear):
        store.ledgers.swap(seen, NEW)


def test_a_text_that_is_no_ledger_is_unknown(store: Store) -> None:
    """Never taken for empty; read raw it can be swapped against, by `recover` alone."""
    store.write(store.address, '"v=9 gen=7"')
    with pytest.raises(LedgerUnknown):
        store.ledgers.read(store.address)
    raw = store.ledgers.raw(store.address)
    assert (raw.ledger, raw.text) == (NO_LEDGER, '"v=9 gen=7"')
    store.ledgers.swap(raw, replace(OLD, gen=8))
    assert store.read().ledger == Ledger(8)


def test_the_name_never_vanishes(zone_store: Store) -> None:
    """An empty set of addresses is refused before anything is sent."""
    seen = zone_store.first()
    with pytest.raises(ValueError, match="without addresses"):
        zone_store.ledgers.swap(seen, LIVE, ())
    assert zone_store.read().ledger == OLD


def test_no_zone_no_ledger(zone_store: Store) -> None:
    """A record in nobody's zone is a mistake of the configuration."""
    assert isinstance(zone_store.ledgers, FakeLedgers | Route53Ledgers)
    with pytest.raises(ConfigError):
        zone_store.ledgers.locate("shop", "shop.example.org")


def test_a_commit_returns_what_can_be_read(store: Store) -> None:
    """Also where traffic follows the ledger: the commit is the swap alone."""
    leased = store.ledgers.swap(store.first(), NEW)
    live = store.ledgers.swap(leased, LIVE)
    assert store.read() == replace(live, now=NOW)
    assert store.read().ledger == LIVE


def test_many_are_read_at_once(store: Store) -> None:
    """Each as by itself, or with its own error."""
    first = store.first()
    other = replace(store.address, service="blog", key="ledgers/blog")
    store.write(other, '"v=9 gen=7"')
    found = store.ledgers.readings([store.address, other]).found
    read = found[store.address]
    assert isinstance(read, Reading)
    assert replace(read, now=NOW) == replace(first, now=NOW)
    assert isinstance(found[other], LedgerUnknown)


def test_neighbours_are_the_other_ledgers(store: Store) -> None:
    """Whatever they say: a record has one ledger (rule 12)."""
    store.first()
    other = replace(store.address, service="blog", key="ledgers/blog")
    store.write(other, '"v=9 gen=7"')
    assert store.ledgers.neighbours(store.address) == {other.name: '"v=9 gen=7"'}


def test_names_go_along_and_are_listed(zone_store: Store) -> None:
    """Created with the record by the first commit, moved with it; the listing has every name."""
    zone_store.point(replace(zone_store.address, record="old.example.com"), "203.0.113.5")
    address = replace(zone_store.address, also=("www.example.com",))
    opened = zone_store.ledgers.swap(zone_store.ledgers.read(address), NEW)
    live = zone_store.ledgers.swap(opened, LIVE, ("10.0.0.2",))
    assert replace(zone_store.ledgers.read(address), now=NOW) == replace(live, now=NOW)
    assert zone_store.ledgers.names(address).held == {
        "shop.example.com": ("10.0.0.2",),
        "www.example.com": ("10.0.0.2",),
        "old.example.com": ("203.0.113.5",),
    }


def test_a_name_that_people_moved_stays_there(zone_store: Store) -> None:
    """The record moves, the name does not; one moved since it was read stops the swap."""
    address = replace(zone_store.address, also=("www.example.com",))
    www = replace(address, record="www.example.com")
    zone_store.point(address, "10.0.0.1")
    zone_store.point(www, "10.0.0.1")
    seen = zone_store.ledgers.swap(zone_store.ledgers.read(address), NEW)
    zone_store.point(www, "203.0.113.5")
    with pytest.raises(SwapLost):
        zone_store.ledgers.swap(seen, LIVE, ("10.0.0.2",))
    zone_store.ledgers.swap(zone_store.ledgers.read(address), LIVE, ("10.0.0.2",))
    assert zone_store.ledgers.names(address).held["www.example.com"] == ("203.0.113.5",)
    assert zone_store.ledgers.names(address).held["shop.example.com"] == ("10.0.0.2",)
